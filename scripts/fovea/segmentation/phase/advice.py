"""What to say of a choice of mode and diameter: the table, the config's line, what else to try."""

from __future__ import annotations

import math

from fovea.segmentation.phase.choose import Choice, Trial

NONE_FITS = (
    "none of Fovea's modes is expected to find these cells well (expected quality: poor); use a "
    "plug-in such as Cellpose or Omnipose (docs/plugins/README.md), or train a network on frames "
    "of your own (docs/network.md)"
)
_MEASURES = ("agreement", "consensus", "edge", "clean", "solid", "spread", "missed")
_HEADER = ("mode", "contrast", "cell_diameter", "found", "cells", *_MEASURES, "score", "quality")


def table(choice: Choice) -> list[str]:
    """Return the lines of a table of the candidates, the best first, with their measures."""
    rows = [_HEADER, *(_row(trial) for trial in choice.trials)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
            for row in rows]  # fmt: skip


def _row(trial: Trial) -> tuple[str, ...]:
    m = trial.measures
    return (
        trial.mode, trial.contrast, f"{trial.cell_diameter:g}",
        "-" if math.isnan(m.found) else f"{m.found:.0f}", f"{m.objects:.0f}",
        *(f"{getattr(m, name):.2f}" for name in _MEASURES),
        f"{trial.score:.2f}", trial.quality,
    )  # fmt: skip


def measures_of(trial: Trial) -> dict[str, object]:
    """Return a candidate as segmentation.yaml lists it."""
    m = trial.measures
    return {
        "mode": trial.mode, "contrast": trial.contrast,
        "cell_diameter": float(trial.cell_diameter),
        "score": round(trial.score, 3), "quality": trial.quality,
        "found_diameter": None if math.isnan(m.found) else round(m.found, 1),
        "cells_per_window": round(m.objects, 1),
        "measures": {name: round(float(getattr(m, name)), 3)
                     for name in _MEASURES},
    }  # fmt: skip


def parameters(trial: Trial) -> dict[str, object]:
    """Return the parameters of segmentation that a config needs for a candidate."""
    diameter = trial.cell_diameter
    whole = int(diameter) if float(diameter).is_integer() else float(diameter)
    contrast = {"contrast": trial.contrast} if needs_contrast(trial) else {}
    return {"method": "phase", "mode": trial.mode, **contrast, "cell_diameter": whole}


def needs_contrast(trial: Trial) -> bool:
    """Return whether a config must name the contrast: where its default does not stand for it."""
    return trial.mode == "dark" or trial.contrast == "bright"


def command(trial: Trial) -> str:
    """Return the command that shows a candidate."""
    contrast = f" --contrast {trial.contrast}" if needs_contrast(trial) else ""
    return (
        f"fovea preview --mode {trial.mode}{contrast} --cell-diameter {trial.cell_diameter:g}"
    )  # fmt: skip


def doubt(choice: Choice) -> str:
    """Say why a choice is not sure, and what to look at."""
    if not choice.fits:
        return f"{NONE_FITS}; look at what was found: {command(choice.best)}"
    other = choice.alternative
    if other is not None:
        return (
            f"mode {other.mode} with cell_diameter {other.cell_diameter:g} may find the cells as "
            f"well; compare both: {command(other)}"
        )
    what = "objects change with the cell diameter"
    if choice.best.at_end:
        what = "it is the smallest or the largest diameter that was tried"
    return f"{what}; look at the outlines: {command(choice.best)}"
