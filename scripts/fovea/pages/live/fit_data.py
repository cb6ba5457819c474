"""A fit of a sample as the page shows it: numbers of all cells, and panel and pictures of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fovea.config import samples
from fovea.config.names import feature_of, trace_unit
from fovea.errors import FoveaError
from fovea.figures.style import label
from fovea.fits.settings import Settings, parameter_units, settings_of
from fovea.fits.traces import Traces, load_traces
from fovea.pages.live.cells import fits_of
from fovea.pages.live.pictures import cells_in, display_limits, recorded
from fovea.pages.live.results import Field, Results
from fovea.pages.views import cells, html, strips
from fovea.pages.views.doubt import doubts
from fovea.pages.views.panel import fit_text
from fovea.pages.views.tracking import read_places, with_tracking

_ACROSS, _SIZE, _PADDING = 8, 72, 6  # pictures of a cell; their size; pixels around its box
_MORE = {"r_squared": "R²", "rmse": "rmse", "autocorrelation": "autocorrelation of residuals",
         "n_points": "number of values"}  # fmt: skip
#: R² above which a fit is called good, and above which fair, as PyAMA does.
GOOD, FAIR = 0.9, 0.7


@dataclass(frozen=True)
class FitData:
    """Fits of a sample; rows of all attributes are cells, the most doubtful first."""

    settings: Settings
    traces: Traces
    table: pd.DataFrame  # of fits, with what is known of tracking
    reasons: list[list[str]]
    order: np.ndarray  # (N,) int64: row of `traces` of each row
    label: str  # of the values, with their unit
    units: Mapping[str, str]  # of the parameters

    @property
    def titles(self) -> dict[str, str]:
        """What figures can show: column to words, fitted parameters first."""
        found = {name: label(name, self.units[name]) for name in self.settings.fitted}
        found |= _MORE
        known = {
            name: words
            for name, words in found.items()
            if name in self.table and np.isfinite(self.table[name].astype(float)).any()
        }
        return known or {"r_squared": "R²"}

    def only(self, rows: np.ndarray) -> FitData:
        """Return some of the cells, (N,) bool."""
        at = np.flatnonzero(rows)
        return replace(self, table=self.table.iloc[at].reset_index(drop=True),
                       reasons=[self.reasons[row] for row in at], order=self.order[at])  # fmt: skip

    @property
    def quality(self) -> str:
        """Which shares of the fits are good, fair and poor, in words."""
        r_squared = self.table["r_squared"].to_numpy(float)
        good, poor = r_squared > GOOD, ~(r_squared > FAIR)
        shares = [100 * np.mean(rows) if len(rows) else 0
                  for rows in (good, ~good & ~poor, poor)]  # fmt: skip
        good, fair, poor = (f"{share:.0f} %" for share in shares)
        return f"R² above {GOOD}: {good}, from {FAIR}: {fair}, below or none: {poor}"

    def place(self, row: int) -> tuple[str, int, int]:
        """Return dataset, field of view and number of a cell."""
        at = self.order[row]
        return self.traces.dataset[at], int(self.traces.fov[at]), int(self.traces.cell[at])

    @property
    def columns(self) -> dict[str, Any]:
        """One value for each cell, for figures and lists."""
        names = cells.cell_names(self.traces)
        found = {"name": [names[at] for at in self.order],
                 "good": self.table["success"].to_numpy(bool),
                 "why": ["; ".join(words) for words in self.reasons]}  # fmt: skip
        return found | {name: self.table[name].to_numpy(float) for name in self.titles}

    def panel(self, row: int) -> tuple[dict[str, list], dict[str, list]]:
        """Return the data of a `CellPanel` for one cell: its lists, and its text."""
        at, unit = self.order[row], self.settings.model.time_unit
        time, value = self.traces.time_in(unit)[at], self.traces.value[at]
        here = np.isfinite(time) & np.isfinite(value)
        times, values = [time[here].astype(np.float32)], [value[here].astype(np.float32)]
        curve = cells.curves(self.settings, self.table.iloc[[row]], times, values)
        lists = {"name": [self.columns["name"][row]], "times": times, "values": values,
                 "curve_times": curve.times, "curve_values": curve.values,
                 "residuals": curve.residuals, "inside": curve.inside}  # fmt: skip
        text = fit_text(self.settings, self.units, self.table.iloc[row], self.reasons[row])
        return lists, {"text": [str(text)], "strip": [""]}


def fit_data(results: Results, sample: str, fit: str) -> FitData:
    """Read a fit of a sample; FoveaError if it is not there, or not of the traces that are."""
    entry = results.plan.fits[fit]
    path, tracked = (results.path(str(results.plan.steps.merged(name)).replace("{sample}", sample))
                     for name in ("traces", "traces_cells"))  # fmt: skip
    table = fits_of(results, sample, fit)
    if table is None or not path.exists():
        raise FoveaError(f"sample {sample} is not fitted yet; wait for the end of the run")
    settings, name = settings_of(entry), samples.column(entry)
    data = load_traces(path, name, samples.area_columns(results.plan.config, sample, entry))
    if len(data) != len(table) or (data.cell != table["cell"]).any():
        raise FoveaError(f"sample {sample} is being made anew just now; open it again")
    known = tracked if tracked.exists() else None
    found = with_tracking(table, data, read_places(path), known)
    score, reasons = doubts(found)
    order = np.argsort(-score, kind="stable")
    by_area = entry.get("normalise") == "area"
    unit = trace_unit(name, by_area)
    words = feature_of(name).replace("_", " ") + (" per area" if by_area else "")
    return FitData(
        settings, data, found.iloc[order].reset_index(drop=True), [reasons[at] for at in order],
        order, label(words, unit), parameter_units(settings, unit),
    )  # fmt: skip


def cell_strip(field: Field, cell: int) -> tuple[str, list[int]]:
    """Return pictures of a cell over time with its outline, as HTML, and their frames.

    Rows are phase contrast and the fluorescence channels, as far as the images are there.
    """
    boxes = field.boxes()
    own = boxes[boxes[:, 1] == cell]
    if not len(own) or field.tracked is None:
        return "", []
    frames = strips.chosen_frames(np.unique(own[:, 0]), np.unique(own[:, 0]), _ACROSS).tolist()
    side = int(max((own[:, 4] - own[:, 2]).max(), (own[:, 5] - own[:, 3]).max())) + 2 * _PADDING
    layers = [name for name in field.plan.groups("pc", "fl") if field.has(name)]
    rows: list[list[np.ndarray]] = [[] for _ in layers]
    for frame in frames:
        x, y = cells_in(field, frame).place(cell)
        mask = strips.window(field.reader(field.tracked)[frame], (y, x), side) == cell
        for row, layer in zip(rows, layers, strict=True):
            if recorded(field, layer, frame):
                image = strips.window(field.reader(layer)[frame], (y, x), side)
                limits = display_limits(field, layer)
                row.append(strips.crop_picture(image, mask, limits, _SIZE))
            else:
                row.append(np.full((_SIZE, _SIZE, 3), 230, np.uint8))
    picture = html.picture(strips.encoded(strips.strip(rows)), "the cell over time")
    return f"{picture}<br>frames {', '.join(map(str, frames))}", frames
