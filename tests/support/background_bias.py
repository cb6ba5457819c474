"""How much too bright or too dark cells are measured for their background: simulated truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from fovea.background.methods import estimate_background
from fovea.simulation.field import Field

#: The kinds of recordings that are compared, as options of `recorded`.
KINDS = {
    "usual signal": {},
    "a tenth of the signal": {"signal": 0.1},
    "a tenth, flat background": {"signal": 0.1, "gradient": 0.0},
    "a tenth, gradient four times": {"signal": 0.1, "gradient": 4.0},
    "a tenth, crowded": {"signal": 0.1, "cells": 100, "crowded": True},
    "a tenth, background 3,000 counts": {"signal": 0.1, "level": 3000.0},
}
FRAMES = (1, 8, 16, 24, 32, 40)  # of 48 that are 15 minutes apart: from dark to bright cells


@dataclass
class Recorded:
    """A simulated frame and the truth about it."""

    frame: np.ndarray  # (H, W) uint16
    background: np.ndarray  # (H, W) float32, counts
    labels: np.ndarray  # (H, W) uint16
    light: dict[int, float] = field(default_factory=dict)  # of each whole cell, counts


def recorded(
    signal: float = 1.0, gradient: float = 1.0, level: float | None = None, cells: int = 25,
    fields: int = 4, frames: Iterable[int] = FRAMES, size: int = 512, **options,
) -> Iterator[Recorded]:  # fmt: skip
    """Simulate frames (size, size) of several fields of view.

    The cells' light is multiplied by `signal`, the unevenness of the background by `gradient`; its
    mean is `level` counts above the camera's offset, some 420 by default. Other options are those
    of `Field`.
    """
    for seed in range(fields):
        simulated = Field(seed, 48, size, size, cells, phase=False, **options)
        for background in simulated.backgrounds:
            background.level = level or background.level
            background.bulge, background.tilt = (
                background.bulge * gradient, background.tilt * gradient
            )  # fmt: skip
        for kinetics in simulated.kinetics:
            kinetics["ktl"], kinetics["offset"] = (
                signal * kinetics["ktl"], signal * kinetics["offset"]
            )  # fmt: skip
        for t in frames:
            frame = simulated.render(t)
            whole = [row for row in frame.rows if not row["at_border"]]
            light = {row["cell"]: row["model_ch_0"] for row in whole}
            yield Recorded(frame.fluo[0], frame.background[0], frame.labels, light)


def errors(
    frames: Iterable[Recorded], estimate: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """True light of each cell, and what its background is estimated too low, (N, 2), counts."""
    found = []
    for here in frames:
        low = here.background - estimate(here.frame, here.labels).astype(np.float64)
        sums = np.bincount(here.labels.ravel(), low.ravel(), here.labels.max() + 1)
        found += [(light, sums[cell]) for cell, light in here.light.items()]
    return np.array(found)


def totals(
    frames: Iterable[Recorded], gain: np.ndarray | None = None, aperture: int = 0, **parameters
) -> np.ndarray:
    """True and measured light of each cell, (N, 2), counts.

    The cells' masks are dilated by `aperture` pixels, but not over one another.
    """
    found = []
    for here in frames:
        counts, labels = here.frame, here.labels
        if gain is not None:
            counts = np.clip(np.rint(here.frame / gain), 0, 65535).astype(np.uint16)
        below, _ = estimate_background(counts, labels, **parameters)
        flat = here.frame / (1.0 if gain is None else gain) - below.astype(np.float64)
        if aperture:
            labels = dilated(labels, aperture)
        sums = np.bincount(labels.ravel(), flat.ravel(), labels.max() + 1)
        found += [(light, sums[cell]) for cell, light in here.light.items()]
    return np.array(found)


def dilated(labels: np.ndarray, radius: int) -> np.ndarray:
    """Labels whose cells are larger by a radius; each pixel belongs to the nearest cell."""
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return np.where(distance <= radius, labels[tuple(nearest)], 0)


def bias(light: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Bias of the sum over all cells in percent, and over the dimmest quarter of them."""
    dim = light <= np.quantile(light, 0.25)
    return tuple(float(100 * error[w].sum() / light[w].sum()) for w in (slice(None), dim))
