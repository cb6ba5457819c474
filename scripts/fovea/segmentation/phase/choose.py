"""Find the mode, contrast and cell diameter of segmentation `phase` that suit a recording.

Each mode is tried with diameters from 6.4 pixels to a quarter of the frame, in steps of a quarter,
modes `dark` and `general` for dark and for bright cells. `measures` says what each trial's labels
are like, and `quality` how good they are expected to be, as a SEG. The trial with the highest one
is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fovea.config.phase_tuning import MODES, SMALLEST_DIAMETER
from fovea.segmentation.phase.measures import Measures
from fovea.segmentation.phase.quality import expected, quality
from fovea.segmentation.phase.trials import STEP, Way, labelled, look, measures_of

_SMALLEST, _LARGEST = 6.4, 250.0  # pixels
_FRAMES = 4  # that are looked at
_CLOSE = 0.08  # of expected SEG, by which another mode may be worse and still be named
#: Of expected SEG, by which mode dark may be worse than the best: it traces outlines in the frame
#: itself, in less time.
_TRACED = 0.02
_SIZES, _OTHER = 2, 0.5  # candidates of a mode, and how far apart their log diameters are
_SHARE = 0.4  # of the best expected SEG, from which a trial is a candidate
_UNSTEADY = 0.4  # agreement below which even the best trial is doubtful
_POWER = 6  # of the score, where diameters are averaged
#: What is tried: cells darker and brighter than their surroundings, in modes dark and general. The
#: other modes look for texture.
WAYS: tuple[Way, ...] = tuple(
    (mode, contrast)
    for mode in MODES
    for contrast in (("dark", "bright") if mode in ("general", "dark") else ("dark",))
)


@dataclass(frozen=True)
class Trial:
    """How a mode does with a cell diameter, over all frames."""

    mode: str
    contrast: str  # "dark" or "bright"
    cell_diameter: float  # pixels
    measures: Measures
    score: float  # expected SEG, 0 to 1
    at_end: bool = False  # whether no smaller, or no larger, diameter was tried

    @property
    def quality(self) -> str:
        """Return ``good``, ``fair`` or ``poor``."""
        return quality(self.score)

    @property
    def found(self) -> float:
        """Return the median diameter of the objects in pixels; NaN without any."""
        return self.measures.found

    @property
    def objects(self) -> float:
        """Return the mean number of objects per window."""
        return self.measures.objects


@dataclass(frozen=True)
class Choice:
    """The best trials of each mode and contrast that finds cells, the best of all first."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """Return the trial to be believed most."""
        return self.trials[0]

    @property
    def alternative(self) -> Trial | None:
        """Return another trial that may be as good, or None."""
        others = [t for t in self.trials[1:] if t.score > self.best.score - _CLOSE]
        return others[0] if others else None

    @property
    def fits(self) -> bool:
        """Return whether any mode is expected to find the cells at least fairly well."""
        return self.best.quality != "poor"

    @property
    def steady(self) -> bool:
        """Return whether diameters on either side find about the same objects."""
        return self.best.measures.agreement >= _UNSTEADY and not self.best.at_end

    @property
    def sure(self) -> bool:
        """Return whether the best fits, is steady, and no other mode may be as good."""
        return self.fits and self.steady and self.alternative is None


def choose(
    frames: Sequence[np.ndarray],
    modes: Sequence[str] = tuple(MODES),
    cell_diameter: float | None = None,
    threads: int = 1,
    contrast: str = "auto",
) -> Choice | None:
    """Find mode, contrast and cell diameter for the frames of a recording.

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
    contrast : {"auto", "dark", "bright"}
        Whether cells are darker or brighter than their surroundings, if that is known.

    Returns
    -------
    Choice or None
        None if no mode finds cells.
    """
    shown = [frame for frame in frames if frame.min() < frame.max()]
    if not shown:
        return None
    kept = np.unique(np.linspace(0, len(shown) - 1, _FRAMES).round().astype(int))
    seen = [look(shown[i]) for i in kept]
    side = min(min(s.frame.shape) for s in seen)
    allowed = ways(modes, contrast)
    # The others are tried, too: what several modes find is more likely to be there.
    tried = tuple(dict.fromkeys([*WAYS, *allowed]))
    series = labelled(seen, tried, _diameters(side, cell_diameter), threads)
    found: dict[Way, list[Trial]] = {}
    for (mode, kind), measured in measures_of(seen, series).items():
        if (mode, kind) in allowed:
            trials = [Trial(mode, kind, d, measures, expected(measures, d, mode))
                      for d, measures in measured]  # fmt: skip
            found[mode, kind] = _best(trials, cell_diameter)
    ranked = _ranked(_of_one_contrast(found))
    return Choice(ranked) if ranked else None


def _of_one_contrast(found: dict[Way, list[Trial]]) -> list[Trial]:
    """Return the trials of all modes, of mode general those of the contrast with the best.

    Unlike mode dark, this mode finds much the same cells with both.
    """
    both = [way for way in found if way[0] == "general" and found[way]]
    best = max(both, key=lambda way: max(t.score for t in found[way]), default=None)
    return [t for way, trials in found.items() if way not in both or way == best for t in trials]


def _ranked(trials: list[Trial]) -> tuple[Trial, ...]:
    """Return the trials that are not far worse than the best, the one to be believed most first."""
    least = _SHARE * max((t.score for t in trials), default=0.0)
    kept = (t for t in trials if t.score > least)
    return tuple(sorted(kept, key=lambda t: -t.score - _TRACED * (t.mode == "dark")))


def ways(modes: Sequence[str], contrast: str = "auto") -> list[Way]:
    """Return the modes and contrasts to choose from; see `WAYS`, unless a contrast is given."""
    if contrast == "auto":
        return [way for way in WAYS if way[0] in modes]
    return [(mode, contrast) for mode in modes]


def _best(trials: list[Trial], given: float | None) -> list[Trial]:
    """Return the best of a mode's trials, and a second one of another size if it is near to it."""
    if given is not None:
        return [t for t in trials if t.cell_diameter == given and t.score > 0]
    found: list[Trial] = []
    for trial in sorted(trials, key=lambda t: -t.score):
        if trial.score <= 0 or len(found) == _SIZES:
            break
        if all(abs(np.log(trial.cell_diameter / t.cell_diameter)) > _OTHER for t in found):
            found.append(trial)
    ends = (trials[0], trials[-1])
    return [replace(_refined(t, trials), at_end=t in ends) for t in found
            if t.score > found[0].score - _CLOSE]  # fmt: skip


def _diameters(side: int, given: float | None) -> list[float]:
    """Return the trial diameters, ascending: of one that is given also its neighbours."""
    if given is not None:
        return sorted({max(given / STEP, SMALLEST_DIAMETER), given, given * STEP})
    grid = [_SMALLEST * STEP**i for i in range(20)]
    return [d for d in grid if d <= min(max(side / 4, 1.4 * _SMALLEST), _LARGEST)]


def _refined(best: Trial, trials: Sequence[Trial]) -> Trial:
    """Move a trial's diameter between those tried, to the mean of their logarithms by score."""
    i = trials.index(best)
    near = trials[max(i - 1, 0) : i + 2]
    weights = np.array([trial.score for trial in near]) ** _POWER
    mean = float(np.exp(np.average(np.log([t.cell_diameter for t in near]), weights=weights)))
    return replace(best, cell_diameter=float(round(mean, 0 if mean >= 20 else 1)))
