"""The page of one fit of all samples: each parameter, samples side by side."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fovea.config.names import trace_unit
from fovea.figures.style import feature_words, label
from fovea.fits.fit_table import read_fits
from fovea.fits.settings import parameter_units, settings_of
from fovea.pages.report import template
from fovea.pages.views import html
from fovea.pages.views.samples import SideBySide

_LOG = logging.getLogger("fovea")
_DRAWN = 20_000  # cells of all samples


def parameters_page(
    fits: Mapping[str, str | Path],
    target: str | Path,
    entry: Mapping[str, Any],
    column: str,
    left_out: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write the page; `fits` maps each sample to its table of fits, the others are as for fits."""
    settings, area = settings_of(entry), entry.get("normalise") == "area"
    units = parameter_units(settings, trace_unit(column, area))
    data = {sample: read_fits(path) for sample, path in fits.items()}
    titles = {name: label(f"{name}: {settings.model.parameter(name).title}", units[name])
              for name in settings.fitted}  # fmt: skip
    titles["r_squared"] = "R²"
    every = max(1, -(-sum(map(len, data.values())) // _DRAWN))
    shown = {sample: _columns(found, titles) for sample, found in data.items()}
    both = SideBySide(shown, titles, every)
    choices = dict(zip(("column", "log"), both.controls, strict=True))
    head, at = template.embedded(choices | {"figure": both.figure})
    rows = []
    for sample, found in data.items():
        good = found[found["success"]]
        for name in settings.fitted:
            quarters = (html.number(good[name].quantile(q), 4) for q in (0.5, 0.25, 0.75))
            rows.append((sample, titles[name], f"{len(good)} of {len(found)}", *quarters))
    notes = [f"Made without {place}." for place in left_out]
    if every > 1:
        notes.append(f"To keep this page small, every {every}. cell is drawn; medians and "
                     "quartiles are those of all cells.")  # fmt: skip
    log_word = html.element("small", "logarithmic")
    template.write_page(target, template.page(
        f"All samples: {settings.model.name}",
        f"{settings.model.title}, fitted to {feature_words(column, area)}",
        *(html.element("p", note, class_="warning") for note in notes),
        template.section(
            "Samples side by side",
            html.element("p", "Points are cells whose fit succeeded, broad lines their median, "
                         "upright lines their quartiles.", class_="soft"),
            html.element("div", at["column"], log_word, at["log"], class_="controls"),
            html.element("div", at["figure"], style=f"max-width:{160 + 190 * len(data)}px")),
        template.section("Numbers", html.element("div", html.table(
            ("sample", "parameter", "cells", "median", "lower quartile", "upper quartile"), rows,
        ), class_="wide")),
        home="../index.html", head=head,
    ))  # fmt: skip
    log.info("%d samples, %d cells", len(data), sum(map(len, data.values())))


def _columns(found: pd.DataFrame, titles: Mapping[str, str]) -> dict[str, Any]:
    good = found[found["success"]]
    several = "dataset" in good
    place = [f"{name}, " for name in good["dataset"]] if several else [""] * len(good)
    cells = zip(place, good["fov"], good["cell"], strict=True)
    names = [f"{where}field of view {fov}, cell {cell}" for where, fov, cell in cells]
    return {"name": names} | {key: good[key].to_numpy(float) for key in titles}
