"""Decorators of plug-ins, and loading the files that use them.

A plug-in is a Python file named under `plugins:` in the config. Its decorated functions get names
that the config can then use; docs/plugins has an example of each kind.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from fovea.errors import FoveaError
from fovea.plugins import guards, registry


@dataclass(frozen=True)
class Context:
    """What a feature is told beside image and mask.

    Attributes
    ----------
    channel : str
        Channel group, such as ``fl_ch_1``.
    cell, frame : int
        ID of the cell and index of the frame.
    origin : (int, int)
        Row and column of the crop's first pixel in the frame.
    """

    channel: str
    cell: int
    frame: int
    origin: tuple[int, int]


@dataclass(frozen=True)
class _Source:
    """File of a plug-in, the digest of its code and the conda environment that it asks for."""

    path: str
    digest: str
    conda: str | None = None


#: Source of each registered name, by kind of registry and name.
_SOURCES: dict[tuple[str, str], _Source] = {}
#: Digest and registered names of each file that has been run.
_LOADED: dict[str, tuple[str, list[tuple[registry.Registry, str]]]] = {}
#: The file that is being run.
_current: _Source | None = None

#: Modules that plug-ins import from, by the names that these had in an earlier layout.
_FORMER_NAMES = {
    "fovea.analysis": "fovea.fits",
    "fovea.analysis.models": "fovea.fits.models.declarations",
    "fovea.linkers": "fovea.tracking.linker",
    "fovea.linking": "fovea.tracking.links",
}


def feature(name: str, channel: str = "phase") -> Callable:
    """Register a feature ``(image, mask, context) -> float``.

    Parameters
    ----------
    name : str
        Its name in the config and in the columns of traces.
    channel : {"phase", "fluorescence"}
        What it is a feature of. `image` is (h, w): raw counts of phase contrast as uint16, or
        counts above the background as float64; `mask` is (h, w) bool, `context` a `Context`.
    """
    kinds = {"phase": registry.PHASE_FEATURES, "fluorescence": registry.FLUORESCENCE_FEATURES}
    if channel not in kinds:
        raise ValueError(f"channel must be phase or fluorescence, got {channel!r}")
    return _decorator(kinds[channel], name, guards.number)


def preprocessing(name: str) -> Callable:
    """Register a function ``(frame) -> frame`` of (H, W) uint16 frames, for `params.preprocess`."""
    return _decorator(registry.PREPROCESSING, name, guards.frame_of_counts)


def segmentation(name: str, conda: str | None = None) -> Callable:
    """Register a method ``(frame, *, parameter=default) -> labels``.

    `frame` is (H, W) uint16; labels are (H, W) integers, 0 background. Each keyword is a parameter
    in the config; values must be of the type (bool, int, float, str) of its default.

    Parameters
    ----------
    name : str
        Its name in the config.
    conda : str, optional
        A conda environment file, relative to the plug-in, for `--sdm conda`.
    """
    return _decorator(registry.SEGMENTATION, name, guards.labels_of, conda)


def tracking(name: str, conda: str | None = None) -> Callable:
    """Register a class whose objects are made from parameters and follow cells.

    ``update(labels) -> IDs`` takes one (H, W) frame of labels after the other and returns IDs of
    cells, 0 background; an attribute ``parents`` may map IDs of daughters to those of mothers.
    Instead, ``link(frames) -> Links`` may take all frames at once, see `fovea.plugins.Linker`.
    `conda` is as for `segmentation`.
    """
    return _decorator(registry.TRACKING, name, conda=conda)


def model(declaration) -> object:
    """Register a model of traces, a `fovea.plugins.Model`, under its own name."""
    safe = {
        name: guards.guarded(function, declaration.name, place=_place())
        for name in ("function", "derivatives", "measure")
        if callable(function := getattr(declaration, name))
    }
    _add(registry.MODELS, declaration.name, replace(declaration, **safe), ())
    return declaration


def _decorator(kinds: registry.Registry, name: str, check=None, conda=None) -> Callable:
    def decorate(function: Callable) -> Callable:
        known = inspect.signature(function).parameters.values()
        parameters = [p.name for p in known if p.default is not p.empty]
        is_class = isinstance(function, type)
        safe = (
            guards.guarded_class(function)
            if is_class
            else guards.guarded(function, name, check, _place())
        )
        _add(kinds, name, safe, () if kinds is registry.PREPROCESSING else parameters, conda)
        return function

    return decorate


def _add(kinds, name: str, target, parameters, conda=None) -> None:
    if _current is None:
        raise RuntimeError("plug-ins are registered while Fovea loads them; name it in the config")
    environment = str(Path(_current.path).parent / conda) if conda else None
    if environment and not Path(environment).is_file():
        raise ValueError(f"there is no conda environment file {environment}")
    kinds.register(name, target, parameters=parameters)
    _LOADED[_current.path][1].append((kinds, name))
    _SOURCES[kinds.kind, name] = _Source(_current.path, _current.digest, environment)


def _place() -> str:
    """Return the file that is being run."""
    return _current.path if _current else ""


def load_plugins(paths: Iterable[str]) -> None:
    """Run plug-in files, which register what they offer.

    A file that has not changed since it was loaded is not run again. FoveaError if a file is
    missing or fails; the message names file and line.
    """
    for path in paths:
        _load(str(path))


def _load(path: str) -> None:
    global _current
    try:
        code = Path(path).read_bytes()
    except OSError as error:
        raise FoveaError(
            f"{path}: there is no such plug-in file that can be read ({error.strerror}); "
            "relative paths start from the working directory"
        ) from error
    digest = hashlib.sha256(code).hexdigest()[:16]
    if path in _LOADED:
        known, entries = _LOADED[path]
        if known == digest:
            return
        _forget(entries)
    _LOADED[path] = (digest, [])
    before, _current = _current, _Source(path, digest)
    for name in _FORMER_NAMES:
        sys.modules.setdefault(name, _FormerModule(name))
    module = ModuleType(f"fovea_plugin_{digest}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, path, "exec"), module.__dict__)
    except Exception as error:
        _forget(_LOADED.pop(path)[1])
        if isinstance(error, SyntaxError):
            raise FoveaError(f"{path}, line {error.lineno}: {error.msg}") from error
        raise guards.explained(error, path) from error
    finally:
        _current = before


class _FormerModule(ModuleType):
    """Stand-in of a module under its former name; looks names up in the new one when asked."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(_FORMER_NAMES[self.__name__]), name)


def _forget(entries) -> None:
    for kinds, name in entries:
        kinds.remove(name)
        _SOURCES.pop((kinds.kind, name), None)


def keep_only(paths: Iterable[str]) -> None:
    """Remove what plug-ins other than these have registered."""
    for path in set(_LOADED) - set(paths):
        _forget(_LOADED.pop(path)[1])


def digests(used: Iterable[tuple[registry.Registry, str | None]]) -> dict[str, str]:
    """Files of those plug-ins that are used, and a digest of their code.

    As a parameter of a rule it makes the rule run again when the code changes.
    """
    found = (_SOURCES.get((kinds.kind, name)) for kinds, name in used if name)
    return {source.path: source.digest for source in found if source}


def environment(kinds: registry.Registry, name: str) -> str | None:
    """The conda environment that a plug-in asks for, or None."""
    source = _SOURCES.get((kinds.kind, name))
    return source.conda if source else None


def with_parameters(schema: dict) -> dict:
    """Return the config's schema with the parameters of plug-ins' methods, if they have any."""
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    new = deepcopy(schema)
    dataset = new["properties"]["datasets"]["additionalProperties"]["properties"]
    for section, kinds in registry.METHODS.items():
        sections = [
            params["properties"][section]["properties"]
            for params in (new["properties"]["params"], dataset["params"])
        ]
        for name in kinds:
            if (kinds.kind, name) not in _SOURCES:
                continue
            signature = inspect.signature(registry.load(kinds, name))
            for key in kinds.parameters(name):
                default = signature.parameters[key].default
                if key not in sections[0] and type(default) in types:
                    for known in sections:
                        known[key] = {
                            "title": key, "type": types[type(default)], "default": default,
                        }  # fmt: skip
    return new
