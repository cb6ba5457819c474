"""The cells of a field of view with what is known of each, the most doubtful ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.config import samples, steps
from fovea.config.names import column, group_name
from fovea.errors import FoveaError
from fovea.fits.fit_table import read_fits
from fovea.pages.live.judgements import Key, Row, words_of
from fovea.pages.live.results import Field, Results
from fovea.samples.tables import read_csv

#: From here on a cell is worth a look: R² below it, change of the area from one frame to the next
#: (as a factor), confidence below it.
POOR_FIT, JUMP, UNSURE = 0.9, 1.5, 0.5
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

    ``doubt`` counts what speaks against a cell, and ``why`` says it. What is not known is NaN, or
    empty text. Cells that have no trace come last.
    """
    found = _tracked(field)
    if found is None:
        return pd.DataFrame(columns=list(COLUMNS))
    found = found.set_index("cell")
    found["reason"] = [", ".join(LOST.get(word, word) for word in text.split(", ") if word)
                       for text in found["reason"]]  # fmt: skip
    found = found.join(_jumps(read_traces(field), field)).join(_fits(field))
    if "confidence" not in found:
        found["confidence"] = np.nan
    text = found["at_bound"].astype("object").where(found["at_bound"].notna(), "")
    found["at_bound"] = text
    keys = [(field.dataset, field.number, int(cell)) for cell in found.index]
    found["verdict"] = [words_of(verdicts.get(key, ())) for key in keys]
    reasons = [_why(row) for row in found.to_dict("records")]
    found["why"] = ["; ".join(words) for words in reasons]
    found["doubt"] = [len(words) for words in reasons]
    found = found.reset_index()[list(COLUMNS)]
    found["order"] = found["r_squared"].fillna(1.0)
    found = found.sort_values(["kept", "doubt", "order", "cell"],
                              ascending=[False, False, True, True], ignore_index=True)  # fmt: skip
    return found.drop(columns="order")


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
    """Return by cell the largest change of area between neighbouring frames, and where it is.

    The area is that of the pixels, or of the box where it is not measured. Frames that the cell
    lacks are passed over.
    """
    if traces is None or traces.empty:
        return pd.DataFrame(columns=["jump", "jump_frame"])
    name = column("area", field.plan.pc)
    box = [traces[f"bbox_{side}"] for side in ("x1", "x0", "y1", "y0")]
    area = traces[name] if name in traces else (box[0] - box[1]) * (box[2] - box[3])
    logs = np.log(area.where(area > 0))
    steps_ = logs.groupby(traces["cell"]).diff().abs()
    largest = steps_.groupby(traces["cell"]).max()
    where = steps_[steps_ == traces["cell"].map(largest)]
    frames = traces.loc[where.index].groupby("cell")["frame"].first()
    return pd.DataFrame({"jump": np.exp(largest), "jump_frame": frames})


def _fits(field: Field) -> pd.DataFrame:
    """Return by cell the lowest R² of its fits, and the parameters that stopped at a bound."""
    parts = []
    for sample in samples_of(field):
        for fit in field.results.plan.fits_of(sample):
            table = fits_of(field.results, sample, fit)
            if table is None:
                continue
            own = table["fov"] == field.number
            if "dataset" in table:
                own &= table["dataset"] == field.dataset
            part = table[own]
            bounds = [name for name in part if name.endswith("_at_bound")]
            words = [
                ", ".join(name.removesuffix("_at_bound") for name, bound in
                          zip(bounds, values, strict=True) if bound)
                for values in part[bounds].itertuples(index=False)
            ] if bounds else [""] * len(part)  # fmt: skip
            parts.append(pd.DataFrame({"cell": part["cell"], "r_squared": part["r_squared"],
                                       "at_bound": words}))  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=["r_squared", "at_bound"])
    groups = pd.concat(parts).groupby("cell")
    return pd.DataFrame({
        "r_squared": groups["r_squared"].min(),
        "at_bound": groups["at_bound"].agg(lambda words: ", ".join(filter(None, dict.fromkeys(words)))),
    })  # fmt: skip


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
    path = results.path(str(steps.FIT.of(sample=sample, fit=fit)["fits"]))
    try:
        return results.tables.get(("fits", path), path, lambda: read_fits(path))
    except (OSError, FoveaError):
        return None


def _why(row: Mapping) -> list[str]:
    """Return what speaks against a cell, each in a few words."""
    if not row["kept"]:
        return []
    found = []
    if row["r_squared"] == row["r_squared"] and row["r_squared"] < POOR_FIT:
        found.append(f"R² {row['r_squared']:.2f}")
    if row["at_bound"]:
        found.append(f"{row['at_bound']} at bound")
    if row["jump"] == row["jump"] and row["jump"] > JUMP:
        found.append(f"area x {row['jump']:.1f} at frame {row['jump_frame']:.0f}")
    if row["confidence"] == row["confidence"] and row["confidence"] < UNSURE:
        found.append(f"confidence {row['confidence']:.2f}")
    return found


def layers_of_trace(column_name: str, field: Field) -> str:
    """Return the image that a feature is measured in."""
    channel = int(column_name.rpartition("_")[2])
    return group_name("pc" if channel == field.plan.pc else "fl", channel)


def table_path(field: Field, name: str) -> Path | None:
    """Return where a table of a field of view is, for messages."""
    return field.table(name)
