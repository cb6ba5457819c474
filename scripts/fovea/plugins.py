"""Plug-ins: features, models, methods and preprocessing from users' own files.

A plug-in is a Python file named under `plugins:` in the config. Its decorated functions get names
that the config can then use; docs/plugins has an example of each kind.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import ModuleType

from fovea import registry
from fovea.errors import FoveaError

__all__ = [
    "Context",
    "digests",
    "environment",
    "feature",
    "load_plugins",
    "model",
    "preprocessing",
    "segmentation",
    "tracking",
]


@dataclass(frozen=True)
class Context:
    """What a feature may want to know beside image and mask.

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
    path: str
    digest: str
    conda: str | None = None


_SOURCES: dict[tuple[str, str], _Source] = {}  # (kind, name)
_LOADED: dict[str, tuple[str, list[tuple[registry.Registry, str]]]] = {}  # path: digest, entries
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
    return _decorator(kinds[channel], name, _number)


def preprocessing(name: str) -> Callable:
    """Register a function ``(frame) -> frame`` of (H, W) uint16 frames, for `params.preprocess`."""
    return _decorator(registry.PREPROCESSING, name, _frame)


def segmentation(name: str, conda: str | None = None) -> Callable:
    """Register a method ``(frame, *, parameter=default) -> labels``.

    Parameters
    ----------
    name : str
        Its name in the config.
    conda : str, optional
        A conda environment file, relative to the plug-in, for `--sdm conda`.

    Notes
    -----
    `frame` is (H, W) uint16; labels are (H, W) integers, 0 background. Each keyword is a parameter
    in the config with its default, whose type (bool, int, float, str) it must be of.
    """
    return _decorator(registry.SEGMENTATION, name, _labels, conda)


def tracking(name: str) -> Callable:
    """Register a class whose objects are made from parameters and follow cells.

    ``update(labels) -> IDs`` takes one (H, W) frame of labels after the other and returns IDs of
    cells, 0 background; an attribute ``parents`` may map IDs of daughters to those of mothers.
    """
    return _decorator(registry.TRACKING, name)


def model(declaration) -> object:
    """Register a model of traces, a `fovea.analysis.models.Model`, under its own name."""
    _add(registry.MODELS, declaration.name, declaration, ())
    return declaration


def _decorator(kinds: registry.Registry, name: str, check=None, conda=None) -> Callable:
    def decorate(function: Callable) -> Callable:
        parameters = () if kinds is registry.PREPROCESSING else _parameters(function)
        guarded = _guarded_class(function) if isinstance(function, type) else _guarded(
            function, name, check
        )  # fmt: skip
        _add(kinds, name, guarded, parameters, conda)
        return function

    return decorate


def _add(kinds, name: str, target, parameters, conda=None) -> None:
    if _current is None:
        raise RuntimeError("plug-ins are registered while Fovea loads them; name it in the config")
    kinds.register(name, target, parameters=parameters)
    _LOADED[_current.path][1].append((kinds, name))
    environment = str(Path(_current.path).parent / conda) if conda else None
    _SOURCES[kinds.kind, name] = _Source(_current.path, _current.digest, environment)


def _parameters(function: Callable) -> tuple[str, ...]:
    """The parameters with a default: keys of the config."""
    known = inspect.signature(function).parameters.values()
    return tuple(p.name for p in known if p.default is not p.empty)


def load_plugins(paths: Iterable[str]) -> None:
    """Run plug-in files, so that what they register can be used.

    A file that has not changed since it was loaded is not run again.

    Raises
    ------
    FoveaError
        If a file is missing or fails; the message names file and line.
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
    module = ModuleType(f"fovea_plugin_{digest}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, path, "exec"), module.__dict__)
    except SyntaxError as error:
        _forget(_LOADED.pop(path)[1])
        raise FoveaError(f"{path}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        _forget(_LOADED.pop(path)[1])
        raise _explained(error, path) from error
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


def _explained(error: Exception, path: str, what: str = "") -> FoveaError:
    """An error of a plug-in's code: its file, the line in it, and what happened."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    place = f"{path}, line {lines[-1]}" if lines else path
    name = "" if isinstance(error, FoveaError) else f"{type(error).__name__}: "
    return FoveaError(f"{place}: {what}{name}{error}")


def _guarded(function: Callable, name: str, check=None) -> Callable:
    """The function; its errors name file and line, its result is checked."""
    path = function.__code__.co_filename

    @wraps(function)
    def guarded(*args, **options):
        try:
            result = function(*args, **options)
        except Exception as error:
            raise _explained(error, path) from error
        if check is None:
            return result
        try:
            return check(result, *args)
        except (TypeError, ValueError) as error:
            line = function.__code__.co_firstlineno
            raise FoveaError(f"{path}, line {line}: {name!r} returned {error}") from error

    return guarded


def _guarded_class(tracker: type) -> Callable:
    @wraps(tracker, updated=())
    def make(**options):
        instance = _guarded_call(tracker)(**options)
        if not callable(getattr(instance, "update", None)):
            path, line = inspect.getsourcefile(tracker), 0
            raise FoveaError(f"{path}: {tracker.__name__} has no method update(labels){line or ''}")
        instance.update = _guarded(instance.update.__func__, "update").__get__(instance)
        return instance

    make.update = tracker.update if hasattr(tracker, "update") else None
    return make


def _guarded_call(tracker: type) -> Callable:
    path = sys.modules[tracker.__module__].__file__

    def call(**options):
        try:
            return tracker(**options)
        except Exception as error:
            raise _explained(error, path) from error

    return call


def _number(value, *_) -> float:
    import numpy as np

    if np.ndim(value) != 0:
        raise TypeError(f"an array of {np.shape(value)}; a feature is one number")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{value!r}; a feature is one number") from error


def _same_shape(value, frame):
    import numpy as np

    value = np.asarray(value)
    if value.shape != frame.shape:
        raise ValueError(f"an array of {value.shape} for a frame of {frame.shape}")
    return value


def _frame(value, frame, *_):
    import numpy as np

    value = _same_shape(value, frame)
    if value.dtype in (np.uint8, np.uint16):
        return value
    if value.dtype == bool or not np.isfinite(value).all():
        raise ValueError(f"{value.dtype} values that are no counts")
    return np.clip(np.rint(value), 0, 65535).astype(np.uint16)


def _labels(value, frame, *_):
    import numpy as np

    from fovea.numbering import numbered

    value = _same_shape(value, frame)
    if value.dtype.kind not in "iub" or value.min(initial=0) < 0:
        raise TypeError(f"{value.dtype} values; labels are whole numbers of at least 0")
    return numbered(value.astype(np.int32))


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
    """The config's schema with the parameters of plug-ins' methods."""
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    sections = {"segmentation": registry.SEGMENTATION, "tracking": registry.TRACKING}
    added: dict[str, dict] = {}
    for section, kinds in sections.items():
        known = schema["properties"]["params"]["properties"][section]["properties"]
        for name in kinds:
            if (kinds.kind, name) not in _SOURCES:
                continue
            signature = inspect.signature(registry.load(kinds, name))
            for key in kinds.parameters(name):
                default = signature.parameters[key].default
                if key not in known and type(default) in types:
                    added.setdefault(section, {})[key] = {
                        "title": key,
                        "type": types[type(default)],
                        "allowed": words[type(default)],
                        "default": default,
                    }
    return _extended(schema, added) if added else schema


def _extended(schema: dict, added: dict[str, dict]) -> dict:
    from copy import deepcopy

    new = deepcopy(schema)
    datasets = new["properties"]["datasets"]["additionalProperties"]["properties"]
    for params in (new["properties"]["params"], datasets["params"]):
        for section, keys in added.items():
            params["properties"][section]["properties"] |= keys
    return new
