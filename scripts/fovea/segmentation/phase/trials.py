"""Labels and measures of all modes and contrasts with a series of diameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from fovea.config.phase_tuning import NETWORKS, SMALLEST_FOR_NETWORK
from fovea.jobs.threads import ordered_map
from fovea.segmentation.padding import without_padding
from fovea.segmentation.phase.measures import Measures, agreement, measured, smoothed, structure
from fovea.segmentation.phase.windows import Window, nested_windows

STEP = 1.25  # ratio of successive trial diameters

Way = tuple[str, str]  # mode and contrast


@dataclass(frozen=True)
class Seen:
    """A frame, and what is computed once for all trials on it."""

    frame: np.ndarray  # (H, W) uint16 or uint8
    image: np.ndarray  # (H, W) float32, smoothed
    energy: np.ndarray  # (H, W) float32, squared gradient


def look(frame: np.ndarray) -> Seen:
    """Prepare a frame (H, W) uint16 or uint8 for trials: what was recorded of it, not padding."""
    frame = without_padding(frame)
    image = smoothed(frame)
    return Seen(frame, image, structure(image))


@dataclass(frozen=True)
class Found:
    """Labels that the modes and contrasts find with one diameter, in a window of every frame."""

    diameter: float
    windows: list[Window]
    labels: dict[Way, list[np.ndarray]]  # by mode and contrast


def labelled(
    seen: Sequence[Seen], ways: Sequence[Way], diameters: Sequence[float], threads: int = 1
) -> Iterator[Found]:
    """Yield what each of the ascending diameters yields, in all modes that take it."""
    from fovea.segmentation.phase.segment_phase import segment_phase

    windows = [nested_windows(s.energy, diameters) for s in seen]
    for i, diameter in enumerate(diameters):
        places = [those[i] for those in windows]
        parts = [np.ascontiguousarray(s.frame[place])
                 for s, place in zip(seen, places, strict=True)]  # fmt: skip
        labels = {}
        for mode, contrast in ways:
            if mode in NETWORKS and diameter < SMALLEST_FOR_NETWORK:
                continue
            method = partial(segment_phase, cell_diameter=diameter, mode=mode, contrast=contrast)
            labels[mode, contrast] = list(ordered_map(method, parts, threads))
        yield Found(diameter, places, labels)


def measures_of(
    seen: Sequence[Seen], series: Iterable[Found]
) -> dict[Way, list[tuple[float, Measures]]]:
    """Return the measures of what `labelled` yields, by mode and contrast, of each diameter."""
    results: dict[Way, list[tuple[float, Measures]]] = {}
    steps: dict[Way, list[float]] = {}
    before = None
    for found in series:
        images = [s.image[place] for s, place in zip(seen, found.windows, strict=True)]
        energies = [s.energy[place] for s, place in zip(seen, found.windows, strict=True)]
        shared = {
            (a, b): agreement(found.labels[a], found.labels[b], found.diameter)
            for a, b in combinations(found.labels, 2)
            if a[0] != b[0]  # a mode's two contrasts often find the same
        }
        for way, labels in found.labels.items():
            if before is not None and way in before.labels:
                steps.setdefault(way, []).append(agreement(before.labels[way], [
                    part[_inside(small, large)]
                    for part, small, large in zip(labels, before.windows, found.windows,
                                                  strict=True)
                ], before.diameter))  # fmt: skip
            consensus = max((v for pair, v in shared.items() if way in pair), default=0.0)
            measures = measured(labels, images, energies, found.diameter, consensus=consensus)
            results.setdefault(way, []).append((found.diameter, measures))
        before = found
    return {way: _with_agreement(trials, steps.get(way, [0.0])) for way, trials in results.items()}


def _with_agreement(trials: list, steps: list[float]) -> list[tuple[float, Measures]]:
    """Add the agreement with the neighbours: the geometric mean of both, or the only one."""
    lower, upper = [steps[0], *steps], [*steps, steps[-1]]
    return [(diameter, replace(measures, agreement=float(np.sqrt(a * b))))
            for (diameter, measures), a, b in zip(trials, lower, upper, strict=False)]  # fmt: skip


def _inside(small: Window, large: Window) -> Window:
    """Return the place of a window in the array of a window around it."""
    return tuple(
        slice(s.start - n.start, s.stop - n.start) for s, n in zip(small, large, strict=True)
    )
