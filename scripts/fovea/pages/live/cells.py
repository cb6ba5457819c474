"""The cells of a field of view with what is known of each, the most doubtful ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fovea.config import samples
from fovea.config.names import column
from fovea.errors import FoveaError
from fovea.fits.fit_table import read_fits
from fovea.pages.live.judgements import Key, Row, words_of
from fovea.pages.live.results import Field, Results
from fovea.pages.views.doubt import doubts, jumps_of_area
from fovea.samples.tables import read_csv

#: Why a cell has no trace, for people.
LOST = {"short": "too short", "border": "too near the edge"}
COLUMNS = ("cell", "first_frame", "last_frame", "frames", "kept", "reason", "confidence",
           "r_squared", "at_bound", "jump", "jump_frame", "doubt", "why", "verdict")  # fmt: skip


def read_traces(field: Field) -> pd.DataFrame | None:
    """Return the traces of a field of view by cell and frame; None if they are not there yet."""
    path = field.table("traces")
    if path is None:
        return None
    return field.results.tables.get(
        ("traces", path), path, lambda: read_csv(path).sort_values(["cell", "frame"])
    )


def cell_table(field: Field, verdicts: Mapping[Key, Sequence[Row]]) -> pd.DataFrame:
    """Return one row per cell that was tracked, the most doubtful first, with `COLUMNS`.

    ``doubt`` is that of `fovea.pages.views.doubt`, over all fits of a cell, and ``why`` says it.
    What is not known is NaN, or empty text. Cells that have no trace come last.
    """
    found = _tracked(field)
    if found is None:
        return pd.DataFrame(columns=list(COLUMNS))
    found = found.set_index("cell")
    found["reason"] = [", ".join(LOST.get(word, word) for word in text.split(", ") if word)
                       for text in found["reason"]]  # fmt: skip
    if "confidence" not in found:
        found["confidence"] = np.nan
    found = found.join(_jumps(read_traces(field), field))
    found["jump_frame"] = found["jump_frame"].fillna(-1)
    kept = found[found["kept"].astype(bool)]
    found = found.join(_doubts(kept, _fits(field)))
    found["doubt"] = found["doubt"].fillna(0.0)
    for name in ("at_bound", "why"):
        found[name] = found[name].astype("object").where(found[name].notna(), "")
    keys = [(field.dataset, field.number, int(cell)) for cell in found.index]
    found["verdict"] = [words_of(verdicts.get(key, ())) for key in keys]
    found = found.reset_index()[list(COLUMNS)]
    return found.sort_values(["kept", "doubt", "cell"], ascending=[False, False, True],
                             ignore_index=True)  # fmt: skip


def _doubts(kept: pd.DataFrame, fits: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return by cell how doubtful it is in its worst fit, all reasons, and its lowest R²."""
    common = kept[["jump", "jump_frame", "confidence"]]
    names = ["doubt", "why", "r_squared", "at_bound"]
    rows: dict[int, list] = {}
    for table in fits or [None]:
        both = common if table is None else common.join(table, how="inner")
        score, reasons = doubts(both)
        bounds = [name for name in both if name.endswith("_at_bound")]
        for cell, own, words, row in zip(both.index, score, reasons, both.to_dict("records"),
                                         strict=True):  # fmt: skip
            now = rows.setdefault(cell, [0.0, {}, np.nan, {}])
            now[0] = max(now[0], own)
            now[1] |= dict.fromkeys(words)
            now[2] = np.fmin(now[2], row.get("r_squared", np.nan))
            now[3] |= dict.fromkeys(b.removesuffix("_at_bound") for b in bounds if row[b])
    values = [[d, "; ".join(w), r, ", ".join(b)] for d, w, r, b in rows.values()]
    return pd.DataFrame(values, pd.Index(rows, dtype=np.int64), names)


def _tracked(field: Field) -> pd.DataFrame | None:
    """Return cells with their frames, from the table of extraction or, before that, of tracking."""
    path = field.table("cells")
    if path is not None:
        table = field.results.tables.get(("cells", path), path, lambda: read_csv(path, ["reason"]))
        return table.assign(reason=table["reason"].fillna("").astype("object"))
    boxes = field.boxes()
    if not len(boxes):
        return None
    frames = pd.Series(boxes[:, 0]).groupby(boxes[:, 1]).agg(["min", "max", "size"])
    return pd.DataFrame({
        "cell": frames.index, "first_frame": frames["min"], "last_frame": frames["max"],
        "frames": frames["size"], "kept": False, "reason": "not measured yet",
    }).reset_index(drop=True)  # fmt: skip


def _jumps(traces: pd.DataFrame | None, field: Field) -> pd.DataFrame:
    """Return by cell the largest jump of its area, and where it is.

    The area is that of the pixels, or of the box where it is not measured.
    """
    if traces is None or traces.empty:
        return pd.DataFrame(columns=["jump", "jump_frame"], dtype=float)
    name = column("area", field.plan.pc)
    x1, x0, y1, y0 = (traces[f"bbox_{side}"] for side in ("x1", "x0", "y1", "y0"))
    area = traces[name] if name in traces else (x1 - x0) * (y1 - y0)
    found = jumps_of_area(traces.assign(dataset=field.dataset), area)
    return found.reset_index().set_index("cell")[["jump", "jump_frame"]].astype(float)


def _fits(field: Field) -> list[pd.DataFrame]:
    """Return the tables of fits that there are, with the rows of a field of view by cell."""
    parts = []
    for sample in samples_of(field):
        for fit in field.results.plan.fits_of(sample):
            table = fits_of(field.results, sample, fit)
            if table is None:
                continue
            own = table["fov"] == field.number
            if "dataset" in table:
                own &= table["dataset"] == field.dataset
            parts.append(table[own].set_index("cell").drop(columns=["fov"]))
    return parts


def samples_of(field: Field) -> list[str]:
    """Return the samples that a field of view belongs to."""
    plan = field.results.plan
    found = []
    for name in plan.samples:
        chosen = samples.sample_parts(plan.config, name).get(field.dataset)
        if chosen is not None and (isinstance(chosen, str) or field.number in chosen):
            found.append(name)
    return found


def fits_of(results: Results, sample: str, fit: str) -> pd.DataFrame | None:
    """Return the fits of a sample; None if they are not there, or not whole."""
    path = results.path(str(results.plan.steps.FIT.of(sample=sample, fit=fit)["fits"]))
    try:
        return results.tables.get(("fits", path), path, lambda: read_fits(path))
    except (OSError, FoveaError):
        return None
