"""How good labels are likely to be, told from measures that know no annotation.

The expected SEG is the logistic function of a weighted sum of the measures. The weights were fitted
to annotated recordings by training/calibrate.py, which writes them into quality.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fovea.segmentation.phase.measures import Measures

NUMBERS = Path(__file__).with_name("quality.yaml")
GOOD, FAIR = 0.6, 0.4  # expected SEG from which quality has this name
FEWEST = 3  # objects that do not touch the border, from which anything is expected


@dataclass(frozen=True)
class Numbers:
    """What the calibration found."""

    #: Diameter of cells over the `cell_diameter` that finds them best, by mode.
    ratio: dict[str, float]
    weights: dict[str, float]  # by name of the term in `terms`, and "constant"


@cache
def numbers() -> Numbers:
    """Read the numbers of the calibration."""
    import yaml

    return Numbers(**yaml.safe_load(NUMBERS.read_text("utf-8")))


def terms(
    measures: Measures, cell_diameter: float, mode: str, ratio: dict[str, float]
) -> dict[str, float]:
    """Return what the weights are multiplied with.

    `ratio` is the usual one of the objects' diameter to `cell_diameter`, by mode. Mode network has
    a term of its own: where it finds cells they are those that it was trained on.
    """
    off = abs(np.log(measures.found / cell_diameter / ratio[mode])) if measures.found > 0 else 1.0
    return {
        "agreement": float(np.log(max(measures.agreement, 0.05))),
        "consensus": float(np.log(max(measures.consensus, 0.05))),
        "edge": float(np.clip(measures.edge, 0, 1.5)),
        "clean": float(np.log(max(measures.clean, 0.1))),
        "solid": float(np.log(max(measures.solid, 0.4))),
        "spread": min(measures.spread, 0.6),
        "missed": measures.missed,
        "off": float(min(off, 0.7)),
        "network": float(mode == "network"),
    }


def expected(measures: Measures, cell_diameter: float, mode: str) -> float:
    """Return the SEG that labels are expected to have, 0 to 1."""
    if measures.count < FEWEST:
        return 0.0
    known = numbers()
    found = terms(measures, cell_diameter, mode, known.ratio)
    total = known.weights["constant"] + sum(known.weights[k] * v for k, v in found.items())
    return float(1 / (1 + np.exp(-total)))


def quality(score: float) -> str:
    """Return ``good``, ``fair`` or ``poor`` for an expected SEG."""
    return "good" if score >= GOOD else "fair" if score >= FAIR else "poor"
