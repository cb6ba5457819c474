"""How far the cells of a recording move and how much they change: the scale of a link's cost.

Both differ between recordings by far more than any fixed number allows for, so they are measured
while a recording is linked, on the links that have been made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MEMORY = 600  # links that are remembered
_GUESSED = 12  # links that the first guess counts for
_OBJECTS = 1000.0  # objects that are remembered of those with a link or without
_FREEDOM = 3.0  # degrees of freedom of all distributions: masks are now and then quite wrong
_TOLD = 2.5  # logarithm of odds, of one in the other, that their overlap tells of as well
_RAYLEIGH, _NORMAL, _EXPONENTIAL = 1.1774, 0.6745, np.log(2)  # medians at a scale of 1


@dataclass(frozen=True)
class Scales:
    """What was seen of the latest links; how much of each counts as usual is their medians.

    Attributes
    ----------
    way : (n,) float64
        Pixels from where the object was expected to where it was.
    area : (n,) float64
        Absolute logarithm of the ratio of areas.
    shape : (n,) float64
        Distance of the shapes, see `fovea.tracking.objects.Objects`.
    apart : (n,) float64
        1 minus the intersection over union, after the expected motion.
    steps : (m, 2, 2) float64
        Of objects that were linked before, too: the displacement then, and the one now.
    ends : (2,) float64
        Objects in the midst of frames that were not linked, and all of these objects.
    inside : (2,) float64
        Links between objects of which one lies in the other, and all links.
    """

    way: np.ndarray
    area: np.ndarray
    shape: np.ndarray
    apart: np.ndarray
    steps: np.ndarray
    ends: np.ndarray
    inside: np.ndarray

    @classmethod
    def guess(cls, diameter: float) -> Scales:
        """Return what holds until links have been made, for cells of this diameter in pixels."""
        usual = (0.25 * diameter, 0.1, 0.1, 0.3)
        return cls(
            *(np.full(_GUESSED, value) for value in usual),
            np.zeros((0, 2, 2)),
            np.array([2.0, 100.0]),
            np.zeros(2),
        )

    def with_links(self, way, area, shape, apart, steps, ends, inside) -> Scales:
        """Return what is known once more links have been made."""
        old = (self.way, self.area, self.shape, self.apart, self.steps)
        new = (way, area, shape, apart, steps)
        joined = (np.concatenate(both)[-_MEMORY:] for both in zip(old, new, strict=True))
        ends, inside = (
            known * min(1.0, _OBJECTS / max(known[1], 1.0)) + added
            for known, added in ((self.ends, ends), (self.inside, inside))
        )
        return Scales(*joined, ends, inside)

    @property
    def end(self) -> float:
        """Minus the logarithm of how often an object in the midst of a frame has no link."""
        return float(-np.log(self.ends[0] / self.ends[1]))

    @property
    def outside(self) -> float:
        """What a link costs if none of the two objects lies in the other, beyond the overlap."""
        inside, total = self.inside
        return max(0.0, float(np.log((inside + 0.5) / (total - inside + 0.5))) - _TOLD)

    @property
    def persistence(self) -> float:
        """Share of a displacement that the next one repeats, 0 to 1, by least squares."""
        if len(self.steps) < _GUESSED:
            return 0.0
        then, now = self.steps[:, 0], self.steps[:, 1]
        usual = np.median(np.abs(self.steps)) + 1
        kept = (np.abs(self.steps) < 4 * usual).all(axis=(1, 2))
        then, now = then[kept], now[kept]
        square = (then * then).sum()
        return float(np.clip((then * now).sum() / square, 0, 1)) if square > 0 else 0.0

    def usual(self) -> tuple[float, float, float, float]:
        """Return the scales of way, area, shape and overlap; no mask is exact to a pixel."""
        return (max(np.median(self.way) / _RAYLEIGH, 0.5),
                max(np.median(self.area) / _NORMAL, 0.02),
                max(np.median(self.shape) / _RAYLEIGH, 0.02),
                max(np.median(self.apart) / _EXPONENTIAL, 0.03))  # fmt: skip


def plane(square: np.ndarray, scale: float) -> np.ndarray:
    """Return minus the logarithm of Student's t distribution in the plane, by squared distance."""
    return (_FREEDOM + 2) / 2 * np.log1p(square / (_FREEDOM * scale**2))


def line(square: np.ndarray, scale: float) -> np.ndarray:
    """Return minus the logarithm of Student's t distribution on a line, by squared distance."""
    return (_FREEDOM + 1) / 2 * np.log1p(square / (_FREEDOM * scale**2))


def ray(value: np.ndarray, scale: float) -> np.ndarray:
    """Return minus the logarithm of a Pareto distribution of values from 0 on."""
    return (_FREEDOM + 1) * np.log1p(value / (_FREEDOM * scale))
