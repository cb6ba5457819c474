"""Quality of the fits of each sample: the distribution of R², and how many cells have a problem."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.figures import style
from fovea.figures.parameters import remarks_of
from fovea.fits.bounds import notes_of_table
from fovea.fits.fit_table import read_fits
from fovea.fits.settings import Settings, settings_of

_LOG = logging.getLogger("fovea")
LIMITS = (0.9, 0.7)  # below them PyAMA calls a fit fair, and poor
#: Kind of problem to the pattern that the messages of such fits match.
TROUBLES = {
    "not identifiable": "not identifiable",
    "hardly told apart": "hardly be told apart",
    "correlated residuals": "residuals are correlated",
    "too few values": "too few|^no values$",
    "not converged": "not converged",
}


def plot_quality(
    fits: Mapping[str, str | Path],
    targets: Sequence[str | Path],
    entry: Mapping[str, Any],
    column: str,
    left_out: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Draw the distribution of R², and the share of cells with each kind of problem."""
    settings = settings_of(entry)
    data = {sample: read_fits(path) for sample, path in fits.items()}
    troubles = {sample: shares(settings, found) for sample, found in data.items()}
    kinds = [kind for kind in next(iter(troubles.values()), {})
             if kind == "succeeded" or any(t[kind] for t in troubles.values())]  # fmt: skip
    height = max(2.4, 1.1 + max(0.3, 0.11 * len(data)) * len(kinds)) + 0.04 * len(data)
    with style.figure((style.WIDTH, height), targets) as drawing:
        left, right = drawing.subplots(1, 2)
        _r_squared(left, data)
        _shares(right, troubles, kinds)
        words = style.feature_words(column, entry.get("normalise") == "area")
        drawing.suptitle(f"{settings.model.title}: {words}", fontsize=9)
        style.key(drawing, left.get_legend_handles_labels()[0])
        notes = {sample: notes_of_table(settings, found) for sample, found in data.items()}
        style.note(drawing, left_out, remarks_of(notes))
    for sample, found in troubles.items():
        log.info("%s: %s", sample, ", ".join(f"{k} {v:.0%}" for k, v in found.items() if v))


def shares(settings: Settings, found: pd.DataFrame) -> dict[str, float]:
    """Return the share of cells for each outcome; one cell may count for several."""
    notes = found["message"]
    kinds = {"succeeded": found["success"].sum()}
    for name in settings.fitted:
        for word in ("lower", "upper"):
            kinds[f"{name} at {word} bound"] = (found[f"{name}_at_bound"] == word).sum()
    kinds |= {kind: notes.str.contains(words).sum() for kind, words in TROUBLES.items()}
    return {kind: float(number) / max(len(found), 1) for kind, number in kinds.items()}


def _r_squared(axes, data: Mapping[str, pd.DataFrame]) -> None:
    for number, (sample, found) in enumerate(data.items()):
        values = np.sort(1 - found["r_squared"][np.isfinite(found["r_squared"])])
        if len(values):
            values = np.maximum(values, 1e-6)
            share = np.arange(1, len(values) + 1) / len(values)
            axes.step(np.r_[values[0], values], np.r_[0, share], where="post",
                      color=style.colour_of(number), ls=style.dashes_of(number),
                      label=f"{sample} ({len(values)})")  # fmt: skip
    if not axes.lines:
        style.nothing(axes, "no fits")
        return
    axes.set_xscale("log")
    for limit in LIMITS:
        axes.axvline(1 - limit, color=style.GREY, lw=0.7, ls=(0, (3, 2)), zorder=0)
        axes.text(1 - limit, 1.02, f"{limit:g}", transform=axes.get_xaxis_transform(), ha="center",
                  fontsize=6, color=style.DARK)  # fmt: skip
    axes.set_ylim(0, 1.0)
    axes.set_xlabel("1 − R² (dashed: R² of 0.9 and 0.7)")
    axes.set_ylabel("share of cells up to here")


def _shares(axes, troubles: Mapping[str, dict], kinds: list[str]) -> None:
    height = 0.8 / max(len(troubles), 1)
    for number, (sample, found) in enumerate(troubles.items()):
        places = np.arange(len(kinds)) + (number - (len(troubles) - 1) / 2) * height
        values = [found[kind] for kind in kinds]
        axes.barh(places, values, height=height * 0.9, color=style.colour_of(number), label=sample)
        for place, value in zip(places, values, strict=True):
            axes.text(value + 0.01, place, f"{value:.0%}", va="center", fontsize=5.5)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xticks(np.linspace(0, 1, 5), [f"{v:.0%}" for v in np.linspace(0, 1, 5)])
    axes.set_xlabel("share of cells")
