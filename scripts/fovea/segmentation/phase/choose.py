"""Find the mode and cell diameter of segmentation `phase` that suit a recording.

Each mode is tried with diameters from 8 pixels to a quarter of the frame, in steps of a quarter.
Three measures, none of which knows an annotation, tell which result to believe:

- *agreement*: objects that are cells are found alike with a diameter that is a quarter smaller or
  larger; parts of cells, clusters and noise come and go. A few objects agree by chance, so
  that six without a partner are added.
- *fit*: the modes were made so that a cell diameter D finds cells of median diameter 1.4 D or a
  little less. A trial whose objects are much smaller or larger looks for something else.
- *contrast*: outlines of cells run where brightness changes. It is the mean gradient on the
  outlines, in multiples of the frame's median gradient.

The score of a trial is fit x agreement x (contrast - 1). Within a mode it tells the diameter,
between the best trials of the modes it tells the mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fovea.config.phase_tuning import MODES, SMALLEST_DIAMETER
from fovea.jobs.threads import ordered_map
from fovea.segmentation.phase.diameter import median_diameter

_STEP = 1.25  # ratio of successive trial diameters
_SMALLEST = {"adherent": 8.0, "dark": 8.0, "network": 12.5}  # pixels
_FEW = 3  # objects that a trial needs at least, in all frames together
_RATIO, _SPREAD = 1.4, 0.2  # of the objects' median diameter to D: the usual one, and its logarithm
_SIDE = 1024  # pixels; of larger frames a window of this side is looked at
_ADDED = 6  # objects without a partner, in the agreement
_CLOSE = 0.6  # share of the best score from which another mode may be as good
_UNSTEADY = 0.5  # agreement below which even the best trial is doubtful


@dataclass(frozen=True)
class Trial:
    """How a mode does with a cell diameter, over all frames."""

    mode: str
    cell_diameter: float  # pixels
    found: float  # median diameter of the objects, pixels; NaN without any
    objects: float  # mean number per frame
    agreement: float  # with the results of the neighbouring diameters, 0 to 1
    contrast: float  # of the outlines, in multiples of the frame's median gradient
    at_end: bool = False  # whether no smaller, or no larger, diameter was tried

    @property
    def score(self) -> float:
        """Return how far the trial is to be believed."""
        if not self.found > 0:
            return 0.0
        off = np.log(self.found / self.cell_diameter / _RATIO) / _SPREAD
        return float(np.exp(-0.5 * off**2) * self.agreement * max(self.contrast - 1, 0))


@dataclass(frozen=True)
class Choice:
    """The best trial of each mode that finds cells, best first, and whether the first is sure."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """Return the trial to be believed most."""
        return self.trials[0]

    @property
    def alternative(self) -> Trial | None:
        """Return the trial of another mode that may be as good, or None."""
        others = [t for t in self.trials[1:] if t.score > _CLOSE * self.best.score]
        return others[0] if others else None

    @property
    def steady(self) -> bool:
        """Return whether diameters on either side find about the same objects."""
        return self.best.agreement >= _UNSTEADY and not self.best.at_end

    @property
    def sure(self) -> bool:
        """Return whether no other mode may be as good, and the best one is steady."""
        return self.steady and self.alternative is None


def choose(
    frames: Sequence[np.ndarray],
    modes: Sequence[str] = tuple(MODES),
    cell_diameter: float | None = None,
    threads: int = 1,
) -> Choice | None:
    """Find mode and cell diameter for the frames of a recording.

    Parameters
    ----------
    frames : sequence of (H, W) uint16 or uint8
        Phase contrast, a few frames spread over fields of view and time.
    modes : sequence of str
        Modes that may be chosen.
    cell_diameter : float, optional
        Given in pixels, so that only the mode is looked for.
    threads : int
        Frames that are segmented at a time; the result does not depend on it.

    Returns
    -------
    Choice or None
        None if no mode finds cells.
    """
    seen = [_window(frame) for frame in frames if frame.min() < frame.max()]
    if not seen:
        return None
    gradients = [_gradient(frame) for frame in seen]
    side = min(min(frame.shape) for frame in seen)
    chosen = []
    for mode in modes:
        diameters = _diameters(mode, side, cell_diameter)
        trials = _trials(seen, gradients, mode, diameters, threads)
        if cell_diameter is not None:
            trials = trials[1:2]
        best = max(trials, key=lambda trial: trial.score, default=None)
        if best is not None and best.score > 0:
            if cell_diameter is None:
                end = best in (trials[0], trials[-1])
                best = replace(_refined(best, trials), at_end=end)
            chosen.append(best)
    return Choice(tuple(sorted(chosen, key=lambda t: -t.score))) if chosen else None


def _diameters(mode: str, side: int, given: float | None) -> list[float]:
    """Return the trial diameters of a mode: of one that is given only its neighbours."""
    least = _SMALLEST[mode]
    if given is not None:
        lower = max(given / _STEP, SMALLEST_DIAMETER if mode != "network" else least)
        return [lower, given, given * _STEP]
    count = max(1, int(np.log(max(side / 4, least) / least) / np.log(_STEP)) + 1)
    return [least * _STEP**i for i in range(count + 1)]


def _trials(
    frames: Sequence[np.ndarray], gradients: Sequence[np.ndarray], mode: str,
    diameters: Sequence[float], threads: int,
) -> list[Trial]:  # fmt: skip
    """Return what a mode finds with each diameter."""
    from fovea.segmentation.phase.segment_phase import segment_phase

    trials: list[Trial] = []
    before, steps = None, []
    for diameter in diameters:
        method = partial(segment_phase, cell_diameter=diameter, mode=mode)
        labels = list(ordered_map(method, frames, threads))
        sizes = [median_diameter(found) for found in labels]
        known = [size for size, _ in sizes if size == size]
        count = sum(n for _, n in sizes)
        trials.append(Trial(
            mode, diameter, float(np.median(known)) if count >= _FEW else np.nan,
            count / len(frames), 0.0, _contrast(labels, gradients),
        ))  # fmt: skip
        if before is not None:
            steps.append(_agreement(before, labels))
        before = labels
    # the first and the last trial have one neighbour only
    lower, upper = [steps[0], *steps] if steps else [0.0], [*steps, steps[-1]] if steps else [0.0]
    return [replace(trial, agreement=float(np.sqrt(a * b)))
            for trial, a, b in zip(trials, lower, upper, strict=True)]  # fmt: skip


def _refined(best: Trial, trials: Sequence[Trial]) -> Trial:
    """Move a trial's diameter between those tried, to the mean of their logarithms by score."""
    i = trials.index(best)
    near = trials[max(i - 1, 0) : i + 2]
    weights = np.array([trial.score for trial in near]) ** 2
    mean = float(np.exp(np.average(np.log([t.cell_diameter for t in near]), weights=weights)))
    return replace(best, cell_diameter=float(round(mean, 0 if mean >= 20 else 1)))


def _window(frame: np.ndarray) -> np.ndarray:
    """Return the part of a frame, of at most 1024 x 1024 pixels, in which most is to be seen."""
    height, width = (min(n, _SIDE) for n in frame.shape)
    if (height, width) == frame.shape:
        return frame
    starts = [np.unique(np.linspace(0, n - k, 3).astype(int))
              for n, k in zip(frame.shape, (height, width), strict=True)]  # fmt: skip
    corners = [(y, x) for y in starts[0] for x in starts[1]]

    def change(corner: tuple[int, int]) -> float:
        y, x = corner
        part = frame[y : y + height : 4, x : x + width : 4].astype(np.float32)
        return float(np.abs(np.diff(part, axis=0)).mean() + np.abs(np.diff(part, axis=1)).mean())

    y, x = max(corners, key=change)
    return np.ascontiguousarray(frame[y : y + height, x : x + width])


def _gradient(frame: np.ndarray) -> np.ndarray:
    """Return the gradient's size at every pixel, in multiples of its median, (H, W) float32."""
    from scipy.ndimage import gaussian_gradient_magnitude

    found = gaussian_gradient_magnitude(frame.astype(np.float32), 1.0)
    # Noise-free frames have a median of 0: then a thousandth of the largest stands for it.
    return found / max(float(np.median(found)), 1e-3 * float(found.max()), 1e-6)


def _contrast(labels: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> float:
    """Return the mean gradient on the objects' outlines, as mean over frames with objects."""
    values = []
    for found, gradient in zip(labels, gradients, strict=True):
        edge = np.zeros(found.shape, bool)
        edge[1:] |= found[1:] != found[:-1]
        edge[:, 1:] |= found[:, 1:] != found[:, :-1]
        edge &= found > 0
        if edge.any():
            values.append(float(gradient[edge].mean()))
    return float(np.mean(values)) if values else 0.0


def _agreement(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """Return the mean intersection over union of objects, 0 for those without a partner.

    Partners are those whose intersection over union exceeds 0.5. It is computed from every other
    row and column, and over the objects of all frames together.
    """
    pairs = [_overlaps(a[::2, ::2], b[::2, ::2]) for a, b in zip(first, second, strict=True)]
    shared, total = (sum(column) for column in zip(*pairs, strict=True))
    return 2 * shared / (total + 2 * _ADDED)


def _overlaps(a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Return the sum of the partners' intersections over union, and the number of objects."""
    from scipy.sparse import coo_matrix

    ones = np.ones(a.size, np.int32)
    table = coo_matrix((ones, (a.ravel(), b.ravel()))).tocsr()
    table.sum_duplicates()
    sizes = [np.asarray(table.sum(axis=axis)).ravel() for axis in (1, 0)]
    pairs = table[1:, 1:].tocoo() if min(table.shape) > 1 else coo_matrix((0, 0))
    union = sizes[0][1:][pairs.row] + sizes[1][1:][pairs.col] - pairs.data
    iou = pairs.data / union
    count = sum(int((size[1:] > 0).sum()) for size in sizes)
    return float(iou[iou > 0.5].sum()), count
