"""Methods and features that the config can name, without importing any of them.

A registry maps a name to its target, ``"module:function"`` or the function itself, and says which
keys of the config are parameters of it. Nothing is imported before `load` is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module

from fovea.errors import FoveaError, unknown


class Registry(dict[str, str | Callable | None]):
    """Names of one kind, for messages such as ``"segmentation method"``, and their targets."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self._parameters: dict[str, tuple[str, ...]] = {}

    def register(
        self, name: str, target: str | Callable | None, parameters: Iterable[str] = ()
    ) -> None:
        """Add an entry, whose target is called with `parameters`, keys of the config.

        The target is ``"module:function"``, the function, or None for an entry without one of its
        own. A name that is taken or malformed raises ValueError.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(
                f"{name!r} cannot be the name of a {self.kind}; "
                "allowed: lower-case letters, digits and _, a letter first"
            )
        if name in self:
            raise ValueError(f"there is a {self.kind} {name!r} already")
        self[name] = target
        self._parameters[name] = tuple(parameters)

    def remove(self, name: str) -> None:
        """Remove an entry."""
        del self[name], self._parameters[name]

    def parameters(self, name: str) -> tuple[str, ...]:
        """Return the keys of the config that belong to entry `name`."""
        return self._parameters[name]

    def owners(self, parameter: str) -> list[str]:
        """Return the entries to which a key of the config belongs."""
        return [name for name, keys in self._parameters.items() if parameter in keys]

    def unknown(self, name: str, *also: str) -> str:
        """Say that there is no such entry, ``'aera' is no phase feature; allowed: ...``.

        `also` are further words that the config allows in this place.
        """
        what = self.kind if self else f"{self.kind}, for none is registered"
        return unknown(name, what, [*self, *also])


def load(registry: Registry, name: str) -> Callable:
    """Import the target of an entry; FoveaError if there is no such entry.

    TypeError if the entry has no function of its own, as built-in features have none.
    """
    if name not in registry:
        raise FoveaError(registry.unknown(name))
    target = registry[name]
    if target is None:
        raise TypeError(f"the {registry.kind} {name!r} has no function of its own")
    if callable(target):
        return target
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


# Called with one frame and the parameters.
SEGMENTATION = Registry("segmentation method")
SEGMENTATION.register("logstd", "fovea.segmentation.logstd:segment_logstd", (
    "window_size", "threshold", "morph_size", "morph_iterations", "min_object_size",
    "max_object_size", "order",
))  # fmt: skip
SEGMENTATION.register("phase", "fovea.segmentation.phase.segment_phase:segment_phase", (
    "cell_diameter", "mode", "contrast", "weights", "tuning",
))  # fmt: skip

# Called as the method of that name, for its labels together with finer and coarser ones.
LEVELS = Registry("segmentation method with several levels")
LEVELS.register("phase", "fovea.segmentation.phase.segment_phase:segment_phase_levels")

# Called with the parameters. The result has a method `link`, which takes all frames of labels and
# gives `fovea.tracking.links.Links`, or `update`, which takes one frame after the other and
# gives its IDs.
TRACKING = Registry("tracking method")
_LINKING = ("min_size", "max_size", "max_gap", "max_merge", "divisions", "drift")
TRACKING.register("iou", "fovea.tracking.iou:IouTracker", (*_LINKING, "min_iou", "overlap"))
TRACKING.register("lap", "fovea.tracking.lap:LapTracker", (*_LINKING, "max_distance"))
TRACKING.register("btrack", "fovea.tracking.btrack:BtrackTracker", (
    "min_size", "max_size", "max_gap", "divisions", "drift", "max_distance",
))  # fmt: skip

#: Steps of which the config names a method, among parameters that belong to it.
METHODS = {"segmentation": SEGMENTATION, "tracking": TRACKING}

# Called with one phase-contrast frame.
PREPROCESSING = Registry("preprocessing function")

# Built-in features have no functions of their own: one pass over the mask computes them together.
PHASE_FEATURES = Registry("phase feature")
for _name in (
    "area", "aspect_ratio", "eccentricity", "circularity", "perimeter", "solidity", "centroid_x",
    "centroid_y",
):  # fmt: skip
    PHASE_FEATURES.register(_name, None)
FLUORESCENCE_FEATURES = Registry("fluorescence feature")
for _name in ("total", "mean", "median", "std", "max", "min"):
    FLUORESCENCE_FEATURES.register(f"intensity_{_name}", None)
FLUORESCENCE_FEATURES.register("saturated_pixels", None)

# Declarations, see `fovea.fits.models.declarations.Model`.
MODELS = Registry("model")
for _name in (
    "trivial", "maturation", "maturation_blocked", "base", "twostage", "exponential_decay", "line",
    "onset", "logistic", "gompertz", "auc", "half_maximum",
):  # fmt: skip
    MODELS.register(_name, f"fovea.fits.models.declarations:{_name.upper()}")
