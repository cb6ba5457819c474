"""The events of a sample, and the values of a feature around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.config.paths import place_of
from fovea.errors import FoveaError
from fovea.events.curves import aligned_curve
from fovea.events.deaths import loss
from fovea.recordings.inspect_input import load_metadata
from fovea.recordings.times import SECONDS
from fovea.samples.parts import CELL, DECIMALS
from fovea.samples.tables import read_csv, read_parquet

EVENTS = [*CELL, "frame", "time", "time_low", "time_high", "daughters"]
_BOX = ["bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1"]


@dataclass
class Found:
    """The events of a sample, and what follows from them; times are in `unit`."""

    unit: str
    cells: int  # with any value of the feature
    events: pd.DataFrame  # columns `EVENTS`, by dataset, field of view and cell
    curve: pd.DataFrame  # columns of `fovea.events.curves.CURVE`
    aligned: int  # events with values of the feature around them
    affected: int  # cells with these values: mothers and daughters, or dead cells
    unknown: int  # events in frames without a time, which cannot be aligned
    edge: int  # losses that are not taken for deaths, because the cell touches the frame's edge


def find_events(
    traces: str | Path,
    column: str,
    event: str,
    by: str,
    share: float,
    lineages: Sequence[str | Path] = (),
    metadata: Sequence[str | Path] = (),
) -> Found:
    """Find the events of a sample's cells, and align a feature at them.

    Parameters
    ----------
    traces : path
        ``{sample}_traces.parquet``.
    column : str
        The feature that is aligned.
    event : {"division", "death"}
    by, share
        The column that a death is seen in, and the share of `fovea.events.deaths.loss`.
    lineages : sequence of path
        ``..._lineage.csv`` of fields of view, also of other samples, for divisions.
    metadata : sequence of path
        ``metadata.yaml`` of the datasets that have one, for the size of their frames.

    Raises
    ------
    FoveaError
        If the file does not state the unit of its times.
    """
    needed = [*CELL, "frame", "time", "good", *_BOX, column, by]
    table = read_parquet(traces, list(dict.fromkeys(needed)))
    unit = table.attrs.get("time_unit")
    if unit not in SECONDS:
        raise FoveaError(
            f"{traces}: does not state the unit of its times; delete it, it will be made again"
        )
    table = table[table["time"].notna()]
    rows = table[table["good"] & table[column].notna()]
    cells = rows[CELL].drop_duplicates()
    if event == "division":
        (events, members), edge = _divisions(table, lineages), 0
    else:
        here = set(table["dataset"].unique())
        own = [path for path in metadata if Path(path).parent.name in here]
        events, members, edge = _deaths(table, by, share, _sizes(own))
    values = members.merge(rows, on=CELL)
    values["since"] = values["time"] - events["time"].to_numpy(float)[values["event"]]
    step = _usual_step(table)
    values = values[values["since"].notna() & (step > 0)]
    whose = values.groupby(CELL, sort=False).ngroup().to_numpy()
    since, value = (values[name].to_numpy(float) for name in ("since", column))
    curve = aligned_curve(since, value, whose, values["event"].to_numpy(), step)
    curve["time"] = curve["time"].round(DECIMALS[unit])
    events["time"] = events["time"].round(DECIMALS[unit])
    return Found(
        unit, len(cells), events, curve,
        values["event"].nunique(), len(values.drop_duplicates(CELL)),
        int(events["time"].isna().sum()), edge,
    )  # fmt: skip


def divisions_of(lineage: pd.DataFrame) -> list[tuple[int, int, int, list[int]]]:
    """Return mothers, their last frames, the first frames of their daughters, and the daughters.

    `lineage` has the columns cell, first_frame, last_frame and parent, 0 for none. A division has
    two daughters or more; they are in order, as are the mothers.
    """
    last = dict(zip(lineage["cell"], lineage["last_frame"], strict=True))
    found = []
    for parent, part in lineage[lineage["parent"] > 0].groupby("parent", sort=True):
        if len(part) > 1 and parent in last:
            first = int(part["first_frame"].min())
            found.append((int(parent), int(last[parent]), first, sorted(part["cell"].tolist())))
    return found


def _divisions(
    table: pd.DataFrame, lineages: Sequence[str | Path]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the divisions of the sample's fields of view, and the cells of each.

    A cell that is in no trace is a member, too, but has no values.
    """
    times = table.drop_duplicates([*CELL[:2], "frame"]).set_index([*CELL[:2], "frame"])["time"]
    times, events, members = times.to_dict(), [], []
    here = set(table[CELL[:2]].drop_duplicates().itertuples(index=False, name=None))
    for path in (path for path in lineages if place_of(path) in here):
        place = place_of(path)
        for mother, last, first, daughters in divisions_of(read_csv(path, [])):
            ends = [times.get((*place, frame), np.nan) for frame in (last, first)]
            members += [(len(events), *place, cell) for cell in (mother, *daughters)]
            events.append((*place, mother, first, np.mean(ends), *ends,
                           " ".join(map(str, daughters))))  # fmt: skip
    return _ordered(events, members)


def _deaths(
    table: pd.DataFrame, by: str, share: float, sizes: Mapping[tuple, tuple[float, float]]
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return the deaths, the cell of each, and the number of losses at the edge of the frame."""
    rows = table[table["good"] & table[by].notna()].sort_values([*CELL, "frame"])
    events, members, edge = [], [], 0
    for key, part in rows.groupby(CELL, sort=False):
        found = loss(part[by].to_numpy(float), share)
        if found is None:
            continue
        boxes = part[_BOX].to_numpy(float)[max(found.event - 1, 0) :]
        width, height = sizes.get(key[:2], (np.inf, np.inf))
        if ((boxes[:, :2] <= 0).any(axis=1) | (boxes[:, 2] >= width) | (boxes[:, 3] >= height)
                ).any():  # fmt: skip
            edge += 1
            continue
        time, frame = part["time"].to_numpy(float), part["frame"].to_numpy()
        ends = time[found.before], time[found.after]
        members.append((len(events), *key))
        events.append((*key, int(frame[found.event]), np.mean(ends), *ends, ""))
    return *_ordered(events, members), edge


def _ordered(events: list[tuple], members: list[tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of events, columns `EVENTS`, and of the cells that have each."""
    types = {"dataset": "str", "fov": np.int64, "cell": np.int64}
    times = dict.fromkeys(EVENTS[4:7], float)
    table = pd.DataFrame(events, columns=EVENTS).astype(types | {"frame": np.int64} | times)
    whose = pd.DataFrame(members, columns=["event", *CELL]).astype(types | {"event": np.int64})
    return table, whose


def _sizes(metadata: Sequence[str | Path]) -> dict[tuple, tuple[float, float]]:
    """Return width and height of the frames of each field of view."""
    return {(Path(path).parent.name, fov): (known.get("width", np.inf), known.get("height", np.inf))
            for path in metadata
            for fov, known in enumerate(load_metadata(path)["fields"])}  # fmt: skip


def _usual_step(table: pd.DataFrame) -> float:
    """Return the median time from one frame with cells to the next; NaN where there is none."""
    frames = table.drop_duplicates([*CELL[:2], "frame"]).sort_values([*CELL[:2], "frame"])
    steps = frames.groupby(CELL[:2], sort=False)["time"].diff()
    steps = steps[steps > 0]
    return float(steps.median()) if len(steps) else np.nan
