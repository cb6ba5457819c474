"""Wrappers of plug-ins' functions: their errors name file and line, their results are checked."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from importlib import import_module

from fovea.errors import FoveaError


def explained(error: BaseException, path: str) -> FoveaError:
    """Return the error of a plug-in's code with its file, the line in it, and what happened.

    Also an end of the program is one, which would end Snakemake as if all had been done.
    """
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    place = f"{path}, line {lines[-1]}" if lines else path
    if isinstance(error, FoveaError):
        return FoveaError(f"{place}: {error}")
    if isinstance(error, SystemExit):
        return FoveaError(f"{place}: the plug-in ends the program; let it return or raise an error")
    if isinstance(error, KeyboardInterrupt):
        return FoveaError(f"{place}: KeyboardInterrupt: stopped from outside, or by the plug-in")
    return FoveaError(f"{place}: {type(error).__name__}: {' '.join(str(error).split())}")


def guarded(function: Callable, name: str, check=None, place: str = "") -> Callable:
    """Wrap a function so that its errors name file and line and its result is checked.

    `name` is its name in the config; ``check(result, *arguments) -> result`` raises TypeError or
    ValueError; `place` is the file to name where the function is not written in Python.
    """
    code = getattr(function, "__code__", None)  # what is not written in Python has none
    path, line = (code.co_filename, code.co_firstlineno) if code else (place, 0)

    @wraps(function)
    def guarded(*args, **options):
        try:
            result = function(*args, **options)
        except BaseException as error:
            raise explained(error, path) from error
        if check is None:
            return result
        try:
            return check(result, *args)
        except (TypeError, ValueError) as error:
            place = f"{path}, line {line}" if line else path
            raise FoveaError(f"{place}: {name!r} returned {error}") from error

    return guarded


def guarded_class(tracker: type) -> Callable:
    """Wrap a class of trackers: errors of its methods name file and line, its IDs are checked."""
    path = sys.modules[tracker.__module__].__file__
    checks = {"update": ids_of, "link": links_of}

    @wraps(tracker, updated=())
    def make(**options):
        try:
            instance = tracker(**options)
        except BaseException as error:
            raise explained(error, path) from error
        methods = [name for name in checks if callable(getattr(instance, name, None))]
        if not methods:
            raise FoveaError(
                f"{path}: {tracker.__name__} has neither a method update(labels) nor link(frames)"
            )
        for name in methods:
            setattr(instance, name, guarded(getattr(instance, name), name, checks[name]))
        return instance

    return make


def number(value, *_) -> float:
    """Return a feature's value as a float; TypeError where it is no single number."""
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


def frame_of_counts(value, frame, *_):
    """Return a preprocessed frame, (H, W) uint8 or uint16: rounded and clipped where needed."""
    import numpy as np

    value = _same_shape(value, frame)
    if value.dtype in (np.uint8, np.uint16):
        return value
    if value.dtype == bool or not np.isfinite(value).all():
        raise ValueError(f"{value.dtype} values that are no counts")
    return np.clip(np.rint(value), 0, 65535).astype(np.uint16)


def _whole(value, frame, what: str):
    value = _same_shape(value, frame)
    if value.dtype.kind not in "iub" or value.min(initial=0) < 0:
        negative = " below 0" if value.dtype.kind == "i" else ""
        raise TypeError(f"{value.dtype} values{negative}; {what} are whole numbers of at least 0")
    return value


def labels_of(value, frame, *_):
    """Return labels of a frame, 1..N in raster order, (H, W) uint16 or, above 65,535, uint32."""
    import numpy as np

    from fovea.kernels.boxes import in_raster_order

    labels = _whole(value, frame, "labels").astype(np.int32)
    names, first, inverse = np.unique(labels.ravel(), return_index=True, return_inverse=True)
    return in_raster_order(inverse.reshape(labels.shape), first, names > 0)


def links_of(value, *_):
    """Return the cells of all frames as the tracker linked them."""
    return import_module("fovea.tracking.edges").check_links(value)


def ids_of(value, frame, *_):
    """Return the IDs of a frame of labels as the tracker gave them."""
    return _whole(value, frame, "IDs")
