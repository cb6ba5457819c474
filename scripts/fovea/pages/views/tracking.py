"""What is known of the tracking of cells with fits: places, jumps of the area, confidence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fovea.config.names import feature_of
from fovea.fits.traces import Traces
from fovea.pages.views.doubt import jumps_of_area
from fovea.samples.parts import CELL, GEOMETRY
from fovea.samples.tables import parquet_columns, read_parquet


def keys_of(data: Traces) -> pd.MultiIndex:
    """Return dataset, field of view and number of each cell."""
    return pd.MultiIndex.from_arrays([data.dataset, data.fov, data.cell], names=CELL)


def read_places(traces: str | Path) -> pd.DataFrame:
    """Return place, box and ``size`` of each cell in each frame, from ``{sample}_traces.parquet``.

    The size is the area of its pixels, or that of the box where it is not measured.
    """
    area = [name for name in parquet_columns(traces) if feature_of(name) == "area"][:1]
    rows = read_parquet(traces, [*CELL, "frame", *GEOMETRY, *area])
    boxes = rows["bbox_y1"] - rows["bbox_y0"], rows["bbox_x1"] - rows["bbox_x0"]
    rows["size"] = rows[area[0]] if area else boxes[0] * boxes[1]
    return rows


def with_tracking(
    fits: pd.DataFrame, data: Traces, places: pd.DataFrame, cells: str | Path | None
) -> pd.DataFrame:
    """Add what `fovea.pages.views.doubt.doubts` wants to know of tracking to a table of fits.

    Parameters
    ----------
    fits : DataFrame
        One row for each cell of `data`, in the same order.
    places : DataFrame
        Of `read_places`.
    cells : path or None
        ``{sample}_traces_cells.parquet``, which has the confidence of tracks.
    """
    keys = keys_of(data)
    jumps = jumps_of_area(places, places["size"]).reindex(keys)
    found = fits.assign(jump=jumps["jump"].to_numpy(float),
                        jump_frame=jumps["jump_frame"].fillna(-1).to_numpy())  # fmt: skip
    if cells is not None and "confidence" in parquet_columns(cells):
        trusted = read_parquet(cells, [*CELL, "confidence"]).set_index(CELL)["confidence"]
        found = found.assign(confidence=trusted.reindex(keys).to_numpy(float))
    return found
