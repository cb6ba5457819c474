"""Number of cells over time, and the reasons why tracked cells are not in the sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.figures import style
from fovea.recordings.times import SECONDS
from fovea.samples.tables import read_parquet

_LOG = logging.getLogger("fovea")
#: Line styles of all cells, and of those in the sample.
TRACKED, KEPT = (0, (1, 1)), "-"
#: What became of a tracked cell, and the colour for it.
FATES = {
    "in the sample": style.COLOURS[2],
    "called bad": style.COLOURS[3],
    "too few frames": style.COLOURS[4],
    "too near the edge": style.COLOURS[5],
    "both": style.PALE,
}


def plot_retention(
    cells: Mapping[str, str | Path], targets: Sequence[str | Path], log: logging.Logger = _LOG
) -> None:
    """Draw cells over time and their fates, samples side by side.

    `cells` maps each sample to its ``{sample}_traces_cells.parquet``.
    """
    from matplotlib.lines import Line2D

    tables = {sample: read_parquet(path) for sample, path in cells.items()}
    left_out = [f"{sample}: {place}" for sample, table in tables.items()
                for place in table.attrs["left_out"]]  # fmt: skip
    width = style.WIDTH * min(1.0, 0.75 + 0.05 * len(tables))
    height = 2.8 + style.slant_room(list(tables), 0.28 * width) + 0.04 * len(tables)
    with style.figure((width, height), targets) as drawing:
        over_time, why = drawing.subplots(1, 2, width_ratios=(1.25, 1))
        _over_time(over_time, tables)
        _fates(why, tables)
        style.name_samples(why, list(tables), 0.28 * width)
        lines = [Line2D([], [], color=style.colour_of(number), lw=1.6, label=sample)
                 for number, sample in enumerate(tables)]  # fmt: skip
        kinds = {TRACKED: "all tracked cells", KEPT: "cells in the sample"}
        lines += [Line2D([], [], color=style.DARK, ls=line, label=kinds[line]) for line in kinds]
        style.key(drawing, lines)
        style.note(drawing, left_out)
    for sample, table in tables.items():
        log.info("%s: %s", sample, ", ".join(f"{n} {f}" for f, n in fates(table).items() if n))


def fates(table: pd.DataFrame) -> dict[str, int]:
    """Return the number of cells of each fate."""
    kept, good, reasons = table["kept"], table["good"], table["reason"]
    return {
        "in the sample": int((kept & good).sum()),
        "called bad": int((kept & ~good).sum()),
        "too few frames": int((reasons == "short").sum()),
        "too near the edge": int((reasons == "border").sum()),
        "both": int((reasons == "short, border").sum()),
    }


def present(table: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Return how many of some cells there are at each of some times.

    A cell is there from half an interval between frames before its first time to as long after
    its last, because fields of view are recorded one after the other.
    """
    first, last = table["first_time"].to_numpy(), table["last_time"].to_numpy()
    frames = (table["last_frame"] - table["first_frame"]).to_numpy()
    several = frames > 0
    half = np.median((last - first)[several] / frames[several]) / 2 if several.any() else 0.0
    begun = np.searchsorted(np.sort(first - half), times, side="right")
    return begun - np.searchsorted(np.sort(last + half), times, side="left")


def _over_time(axes, tables: Mapping[str, pd.DataFrame]) -> None:
    ends = {number: (table["first_time"].min(), table["last_time"].max())
            for number, table in enumerate(tables.values()) if len(table)}  # fmt: skip
    if not ends:
        style.nothing(axes, "no cells")
        return
    known = next(iter(tables.values())).attrs["time_unit"]
    unit = style.unit_for(max(last - first for first, last in ends.values()), known)
    highest = 0.0
    for number, (first, last) in ends.items():
        table = list(tables.values())[number]
        factor = SECONDS[table.attrs["time_unit"]] / SECONDS[unit]
        times = np.linspace(first, last, 400)
        good = table[table["kept"] & table["good"]]
        for chosen, line in ((table, TRACKED), (good, KEPT)):
            counts = present(chosen, times)
            highest = max(highest, float(counts.max()))
            # wide lines first, so that equal numbers of several samples are seen
            axes.step(times * factor, counts, where="mid", ls=line,
                      lw=1.0 + 1.2 * (len(tables) - 1 - number) / max(len(tables) - 1, 1),
                      color=style.colour_of(number))  # fmt: skip
    axes.margins(x=0.01)
    axes.set_ylim(0, 1.08 * max(1.0, highest))
    axes.set_xlabel(f"time ({unit})")
    axes.set_ylabel("cells")


def _fates(axes, tables: Mapping[str, pd.DataFrame]) -> None:
    base = np.zeros(len(tables))
    counts = [fates(table) for table in tables.values()]
    highest = max((sum(count.values()) for count in counts), default=0)
    for fate, colour in FATES.items():
        heights = np.array([count[fate] for count in counts], float)
        if heights.any():
            axes.bar(range(len(tables)), heights, bottom=base, color=colour, width=0.6, label=fate)
            for x, (below, height) in enumerate(zip(base, heights, strict=True)):
                thin = height < 0.05 * highest  # its number stands beside it
                if height:
                    axes.text(x + 0.32 * thin, below + height / 2, f"{height:.0f}", va="center",
                              ha="left" if thin else "center", fontsize=6)  # fmt: skip
        base += heights
    axes.set_xlim(-0.6, len(tables) - 0.4)
    axes.set_ylabel("tracked cells")
    if base.any():
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5),
                    handlelength=1.0)  # fmt: skip
