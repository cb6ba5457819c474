"""What is to be said of a sample's fits: bounds that stopped them, rates that are exchangeable."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fovea.fits.settings import Settings
from fovea.fits.solver.statistics import Fits, Noise

#: Of so many cells, or of this share of them, nothing is said: they may be cells without a signal.
_FEW, _SHARE = 2, 0.05
#: Part of the residuals' variance that cells have in common from which on it is mentioned.
COMMON = 0.1
_KEYS = {"lower": "low", "upper": "high"}


def notes_of_table(settings: Settings, table: pd.DataFrame) -> dict[str, str]:
    """Return a note for each parameter that stopped at a bound in more than a few cells.

    `table` is a table of fits, see `fovea.fits.fit_table`; the notes are by parameter.
    """
    counts = {
        name: {word: int((table[f"{name}_at_bound"] == word).sum()) for word in _KEYS}
        for name in settings.fitted
    }
    return _notes(settings, counts, len(table), table["time_end"].to_numpy(float))


def notes_of_fits(settings: Settings, fits: Fits) -> dict[str, str]:
    """Return the same of fits that are not in a table yet."""
    counts = {
        name: {word: int((fits.bound[:, k] == side).sum())
               for word, side in (("lower", -1), ("upper", 1))}
        for k, name in enumerate(settings.fitted)
    }  # fmt: skip
    return _notes(settings, counts, len(fits.points), fits.last)


def note_of_branches(settings: Settings, several: int, cells: int) -> str:
    """Say on which branch the fits are, of which `several` could be on another; else nothing."""
    model = settings.model
    if not several or not model.exchangeable(settings.fitted):
        return ""
    chosen = settings.faster or model.branches[0]
    return (
        f"in {several} of {cells} cells {' and '.join(model.branches[:2])} could be exchanged "
        f"within the bounds without any change of the curve; {chosen} is taken to be the faster "
        "one (`faster` in `analysis`); other bounds, or a fixed rate, would leave no choice"
    )


def notes_of_noise(settings: Settings, noise: Noise) -> list[str]:
    """Say how far residuals are correlated, and whether that is noise or lack of fit."""
    notes = []
    if noise.correlation is not None:
        share, unit = noise.correlation.share, settings.model.time_unit
        notes.append(
            f"{share:.0%} of the noise's variance is correlated over {noise.correlation.time:.3g} "
            f"{unit}; standard errors and intervals take account of it"
        )
    if np.isfinite(noise.knots):
        notes.append(
            f"smooth curves have a knot every {noise.knots:.3g} {settings.model.time_unit}; what "
            "happens in a shorter time is blurred"
        )
    if noise.common > COMMON:
        notes.append(
            f"{noise.common:.0%} of the residuals' variance is common to all cells at the same "
            "time: the model does not describe them there, or the recording was disturbed (lamp, "
            "focus); intervals hold the error that follows from it only as far as it is like noise"
        )
    return notes


def _notes(
    settings: Settings, counts: Mapping[str, Mapping[str, int]], cells: int, ends: np.ndarray
) -> dict[str, str]:
    """Return the notes; `ends` are the times of the last values, in the model's unit."""
    notes = {}
    for k, name in enumerate(settings.fitted if settings.model.measure is None else ()):
        word, count = max(counts[name].items(), key=lambda item: item[1])
        if count <= max(_FEW, _SHARE * cells):
            continue
        bound = settings.low[k] if word == "lower" else settings.high[k]
        parameter, key = settings.model.parameter(name), _KEYS[word]
        unit = f" {parameter.unit}" if parameter.unit in ("s", "min", "h", "1/h") else ""
        at = "" if bound is None else f", {bound:g}{unit}"
        wanted = f"a {'smaller' if word == 'lower' else 'larger'} {key}"
        known = ends[np.isfinite(ends)]
        if parameter.kind == "onset" and word == "upper" and len(known) and bound is not None:
            longest = math.ceil(known.max())
            if longest > bound:
                wanted = f"{{{name}: {{high: {longest}}}}}, the length of the recording"
        notes[name] = (
            f"{name} stopped at its {word} bound{at}, in {count} of {cells} cells, which do not "
            f"count as fitted; widen it in `analysis`, under `parameters`: {wanted}"
        )
    return notes
