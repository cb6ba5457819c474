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
from pathlib import Path
from types import ModuleType

from fovea.errors import FoveaError
from fovea.plugins import guards, parameters, registry
from fovea.plugins.former import add_former_names
from fovea.plugins.needs import Needs


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
    """File of a plug-in, the digest of its code and what its method needs."""

    path: str
    digest: str
    needs: Needs


#: Source of each registered name, by kind of registry and name.
_SOURCES: dict[tuple[str, str], _Source] = {}
#: Digest and registered names of each file that has been run.
_LOADED: dict[str, tuple[str, list[tuple[registry.Registry, str]]]] = {}
#: The file that is being run.
_current: _Source | None = None


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


def segmentation(
    name: str,
    conda: str | None = None,
    *,
    gpu: bool | Callable[[dict], bool] = False,
    memory: int = 0,
    seconds: float | Callable[[dict], float] = 0.0,
    check: Callable[[dict], str | None] | None = None,
    prepare: Callable[[dict], dict] | None = None,
) -> Callable:
    """Register a method ``(frame, *, parameter=default) -> labels``.

    `frame` is (H, W) uint16; labels are (H, W) integers, 0 background. Each keyword is a parameter
    in the config; values must be of the type of its annotation (bool, int, float, str, one of
    these or None, or a Literal), or else of its default.

    Parameters
    ----------
    name : str
        Its name in the config.
    conda : str, optional
        A conda environment file, relative to the plug-in, for `--sdm conda`.
    gpu : bool or callable
        Whether jobs ask for a GPU, or a function that tells it from the parameters. No more of
        these jobs run at a time than the computer has GPUs; on a cluster each asks for one.
    memory : int
        MB that a job needs beyond what other methods do, for clusters.
    seconds : float or callable
        Time for a frame of 2048 x 2048 pixels, for clusters, or a function that tells it.
    check : callable, optional
        Takes the parameters, and returns what is wrong with them; None where nothing is. It is
        called when the configuration is read, where heavy packages may be missing.
    prepare : callable, optional
        Takes the parameters, and fetches what all fields of view need, such as weights. It is
        called once for a dataset, where Snakemake runs, before the first field of view; what it
        returns, a mapping of texts and numbers, goes to ``results/{dataset}/prepared.yaml``.
    """

    needs = _needs(name, conda=conda, gpu=gpu, memory=memory, seconds=seconds, check=check,
                   prepare=prepare)  # fmt: skip
    return _decorator(registry.SEGMENTATION, name, guards.labels_of, needs)


def tracking(name: str, conda: str | None = None, *, images: bool = False, **needed) -> Callable:
    """Register a class whose objects are made from parameters and follow cells.

    ``update(labels) -> IDs`` takes one (H, W) frame of labels after the other and returns IDs of
    cells, 0 background; an attribute ``parents`` may map IDs of daughters to those of mothers.
    Instead, ``link(frames) -> Links`` may take all frames at once, see `fovea.plugins.Linker`.

    Parameters
    ----------
    name, conda
        As for `segmentation`.
    images : bool
        Whether the method is ``link(labels, images) -> Links``. Both are a
        `fovea.plugins.Stack`, (T, H, W): labels of the segmentation and raw counts of phase
        contrast, of which a frame or a slice is read when it is asked for. `fovea.plugins.linked`
        makes the result of what was linked.
    **needed
        ``gpu``, ``memory``, ``seconds``, ``check`` and ``prepare``, as for `segmentation`; what
        `prepare` returns goes to ``results/{dataset}/prepared_tracking.yaml``.
    """
    return _decorator(
        registry.TRACKING, name, needs=_needs(name, conda=conda, images=images, **needed)
    )


def _needs(name: str, **given) -> Needs:
    """Return what a method needs; errors of its functions name file and line."""
    return Needs(**{key: guards.guarded(value, name, place=_place()) if callable(value) else value
                    for key, value in given.items()})  # fmt: skip


def model(declaration) -> object:
    """Register a model of traces, a `fovea.plugins.Model`, under its own name."""
    safe = {
        name: guards.guarded(function, declaration.name, place=_place())
        for name in ("function", "derivatives", "measure")
        if callable(function := getattr(declaration, name))
    }
    _add(registry.MODELS, declaration.name, replace(declaration, **safe), ())
    return declaration


def _decorator(kinds: registry.Registry, name: str, check=None, needs=None) -> Callable:
    def decorate(function: Callable) -> Callable:
        known = inspect.signature(function).parameters.values()
        keys = [p.name for p in known if p.default is not p.empty]
        is_class = isinstance(function, type)
        safe = (
            guards.guarded_class(function)
            if is_class
            else guards.guarded(function, name, check, _place())
        )
        _add(kinds, name, safe, () if kinds is registry.PREPROCESSING else keys, needs)
        return function

    return decorate


def _add(kinds, name: str, target, parameters, needs: Needs | None = None) -> None:
    if _current is None:
        raise RuntimeError("plug-ins are registered while Fovea loads them; name it in the config")
    needs = needs or Needs()
    if needs.conda:
        needs = replace(needs, conda=str(Path(_current.path).parent / needs.conda))
        if not Path(needs.conda).is_file():
            raise ValueError(f"there is no conda environment file {needs.conda}")
    kinds.register(name, target, parameters=parameters)
    _LOADED[_current.path][1].append((kinds, name))
    _SOURCES[kinds.kind, name] = _Source(_current.path, _current.digest, needs)


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
        if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
            raise OSError(None, "it is no file")
        code = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise FoveaError(
            f"{path}: there is no such plug-in file that can be read "
            f"({getattr(error, 'strerror', None) or error}); "
            "relative paths start from the working directory"
        ) from error
    digest = hashlib.sha256(code).hexdigest()[:16]
    if path in _LOADED:
        known, entries = _LOADED[path]
        if known == digest:
            return
        _forget(entries)
    _LOADED[path] = (digest, [])
    before, _current = _current, _Source(path, digest, Needs())
    add_former_names()
    module = ModuleType(f"fovea_plugin_{digest}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, path, "exec"), module.__dict__)
    except BaseException as error:
        _forget(_LOADED.pop(path)[1])
        if isinstance(error, SyntaxError):
            raise FoveaError(f"{path}, line {error.lineno}: {error.msg}") from error
        raise guards.explained(error, path) from error
    finally:
        _current = before


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


def needs(kinds: registry.Registry, name: str) -> Needs:
    """Return what a method needs of the workflow; nothing where it comes with Fovea."""
    source = _SOURCES.get((kinds.kind, name))
    return source.needs if source else Needs()


def environment(kinds: registry.Registry, name: str) -> str | None:
    """The conda environment that a plug-in asks for, or None."""
    return needs(kinds, name).conda


def properties(kinds: registry.Registry, name: str) -> dict[str, dict]:
    """Return the JSON schema of the parameters of a plug-in's method; {} for one of Fovea's."""
    if (kinds.kind, name) not in _SOURCES:
        return {}
    return parameters.properties(registry.load(kinds, name))


def with_parameters(schema: dict) -> dict:
    """Return the config's schema with the parameters of plug-ins' methods, if they have any."""
    new = deepcopy(schema)
    dataset = new["properties"]["datasets"]["additionalProperties"]["properties"]
    for section, kinds in registry.METHODS.items():
        for params in (new["properties"]["params"], dataset["params"]):
            keys = params["properties"][section]
            for name in kinds:
                keys["properties"] = parameters.added(keys["properties"], properties(kinds, name))
    return new
