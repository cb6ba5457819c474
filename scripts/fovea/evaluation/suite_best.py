"""The best that segmentation `phase` can do on annotated frames, and how near a proposal comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from fovea.config.phase_tuning import MODES, NETWORKS, SMALLEST_DIAMETER, SMALLEST_FOR_NETWORK
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.evaluation.suite import Measured, Shot, annotated_diameter
from fovea.segmentation.phase.segment_phase import segment_phase

FACTORS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2)  # diameters that are tried, in annotated ones
_SEARCHED = 4  # frames, at most; the best is then measured on all
_WITHIN, _OFF = 0.05, 0.25  # of the best SEG, and of the annotated diameter


def best_of(measured: Measured) -> dict[str, Any]:
    """Find the best mode, contrast and diameter for frames whose cells are annotated.

    Parameters
    ----------
    measured : Measured
        What the proposal, or the given parameters, found in these frames.

    Returns
    -------
    dict
        Columns for the row: ``best_mode``, ``best_contrast``, ``best_diameter``, ``best_SEG`` and
        ``best_F1``; ``annotated_diameter``, the median; ``SEG_ratio``, of the row's SEG to the
        best; ``mode_right``, whether the row's SEG is within 0.05 of the best; ``diameter_ratio``,
        of the row's cell diameter to the annotated; ``diameter_right``, whether that is within a
        quarter of 1.
    """
    shots = measured.shots
    size = annotated_diameter(shots)
    chosen = np.unique(np.linspace(0, len(shots) - 1, min(_SEARCHED, len(shots))).round())
    some = [shots[int(i)] for i in chosen]
    trials = [(_scores(some, options)["SEG"], options) for options in candidates(size)]
    found = {"annotated_diameter": size}
    if not trials:
        return found
    best = max(trials, key=lambda trial: np.nan_to_num(trial[0]))[1]
    scores = _scores(shots, best)
    own = measured.row
    ratio = own["cell_diameter"] / size
    return found | {
        "best_mode": best["mode"], "best_contrast": best["contrast"],
        "best_diameter": best["cell_diameter"], "best_SEG": scores["SEG"], "best_F1": scores["F1"],
        "SEG_ratio": own["SEG"] / scores["SEG"] if scores["SEG"] else np.nan,
        "mode_right": _yes(own["SEG"] >= scores["SEG"] - _WITHIN),
        "diameter_ratio": ratio, "diameter_right": _yes(abs(ratio - 1) <= _OFF),
    }  # fmt: skip


def candidates(annotated: float) -> Iterator[dict[str, Any]]:
    """Yield parameters of each mode and contrast, with diameters around the annotated one."""
    for mode in MODES:
        least = SMALLEST_FOR_NETWORK if mode in NETWORKS else SMALLEST_DIAMETER
        for contrast in ("dark", "bright"):
            for factor in FACTORS:
                diameter = round(annotated * factor, 1)
                if diameter >= least:
                    yield {"mode": mode, "contrast": contrast, "cell_diameter": diameter}


def _scores(shots: Sequence[Shot], options: dict[str, Any]) -> dict[str, float]:
    method = partial(segment_phase, **options)
    return segmentation_scores([match_frame(s.labels, method(s.frame)) for s in shots])


def _yes(true: bool) -> str:
    return "yes" if true else "no"
