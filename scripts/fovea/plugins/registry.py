"""Methods and features that the config can name, without importing any of them.

A registry maps a name to its target, ``"module:function"`` or the function itself, and says which
keys of the config are parameters of it. Nothing is imported before `load` is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from fovea.errors import FoveaError, unknown


class Registry(Mapping):
    """Names of one kind and their targets, in the order of registration.

    Parameters
    ----------
    kind : str
        What the entries are, for messages, such as ``"segmentation method"``.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._targets: dict[str, str | Callable | None] = {}
        self._parameters: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, name: str) -> str | Callable | None:
        return self._targets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    def register(
        self,
        name: str,
        target: str | Callable | None = None,
        *,
        parameters: tuple[str, ...] = (),
    ) -> Callable | None:
        """Add an entry, given its target or as a decorator of the target.

        Parameters
        ----------
        name : str
            The name in the config: lower-case letters, digits and ``_``, a letter first.
        target : str or callable, optional
            ``"module:function"`` or the function. Without it, a decorator is returned.
        parameters : tuple of str
            Keys of the config that belong to this entry, and with which the target is called.

        Raises
        ------
        ValueError
            If the name is taken or malformed.
        """

        def decorator(function: Callable) -> Callable:
            self._add(name, function, parameters)
            return function

        if target is None:
            return decorator
        self._add(name, target, parameters)
        return None

    def declare(self, *names: str) -> None:
        """Add entries that have no function of their own."""
        for name in names:
            self._add(name, None, ())

    def _add(self, name: str, target: str | Callable | None, parameters: tuple[str, ...]) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(
                f"{name!r} cannot be the name of a {self.kind}; "
                "allowed: lower-case letters, digits and _, a letter first"
            )
        if name in self._targets:
            raise ValueError(f"there is a {self.kind} {name!r} already")
        self._targets[name] = target
        self._parameters[name] = tuple(parameters)

    def remove(self, name: str) -> None:
        """Remove an entry."""
        del self._targets[name], self._parameters[name]

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
    """Import the target of an entry.

    Raises
    ------
    FoveaError
        If there is no such entry.
    TypeError
        If the entry has no function of its own, as built-in features have none.
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
SEGMENTATION.register(
    "logstd",
    "fovea.segmentation.logstd:segment_logstd",
    parameters=(
        "window_size",
        "threshold",
        "morph_size",
        "morph_iterations",
        "min_object_size",
        "max_object_size",
        "order",
    ),
)
SEGMENTATION.register(
    "phase",
    "fovea.segmentation.phase.segment_phase:segment_phase",
    parameters=("cell_diameter", "mode", "weights", "tuning"),
)

# Called with the parameters. The result has a method `link`, which takes all frames of labels and
# gives `fovea.tracking.links.Links`, or `update`, which takes one frame after the other and
# gives its IDs.
TRACKING = Registry("tracking method")
_LINKING = ("min_size", "max_size", "max_gap", "max_merge", "divisions", "drift")
TRACKING.register(
    "iou", "fovea.tracking.iou:IouTracker", parameters=(*_LINKING, "min_iou", "overlap")
)
TRACKING.register("lap", "fovea.tracking.lap:LapTracker", parameters=(*_LINKING, "max_distance"))
TRACKING.register(
    "btrack",
    "fovea.tracking.btrack:BtrackTracker",
    parameters=("min_size", "max_size", "max_gap", "divisions", "drift", "max_distance"),
)

# Called with one phase-contrast frame.
PREPROCESSING = Registry("preprocessing function")

# Built-in features have no functions of their own: one pass over the mask computes them together.
PHASE_FEATURES = Registry("phase feature")
PHASE_FEATURES.declare(
    "area",
    "aspect_ratio",
    "eccentricity",
    "circularity",
    "perimeter",
    "solidity",
    "centroid_x",
    "centroid_y",
)

FLUORESCENCE_FEATURES = Registry("fluorescence feature")
FLUORESCENCE_FEATURES.declare(
    "intensity_total",
    "intensity_mean",
    "intensity_median",
    "intensity_std",
    "intensity_max",
    "intensity_min",
)

# Declarations, see fovea.fits.models.declarations.Model.
MODELS = Registry("model")
for _name in (
    "trivial",
    "maturation",
    "maturation_blocked",
    "base",
    "twostage",
    "exponential_decay",
    "line",
    "onset",
    "auc",
):
    MODELS.register(_name, f"fovea.fits.models.declarations:{_name.upper()}")
