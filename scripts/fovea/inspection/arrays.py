"""The steps of the workflow on arrays and data frames, for scripts and notebooks.

They call the functions that the rules call, so that a script and a run give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fovea.background import tiles
from fovea.cells.extract import BASE_COLUMNS, select_cells
from fovea.cells.features import intensity_features, mask_features
from fovea.errors import FoveaError, unknown
from fovea.jobs.threads import ordered_map
from fovea.kernels.boxes import boxes_and_areas
from fovea.plugins.registry import (
    FLUORESCENCE_FEATURES,
    PHASE_FEATURES,
    SEGMENTATION,
    TRACKING,
    load,
)

_COLUMNS = [name for name in BASE_COLUMNS if name not in ("fov", "good")]


def segment(
    frames: np.ndarray, method: str = "logstd", *, threads: int = 1, **parameters: Any
) -> np.ndarray:
    """Label the cells in phase-contrast frames.

    Parameters
    ----------
    frames : (T, H, W) or (H, W) uint8 or uint16
        Raw counts.
    method : {"logstd", "phase"}
        As `params.segmentation.method` in the config.
    threads : int
        Frames computed side by side; does not change the result.
    **parameters
        Those of the method, as in the config: ``cell_diameter=40, mode="dark"``.

    Returns
    -------
    (T, H, W) or (H, W) uint16 or uint32
        0 background, 1..N in raster order in each frame.

    Raises
    ------
    FoveaError
        If there is no such method.
    """
    function = partial(load(SEGMENTATION, method), **parameters)
    if frames.ndim == 2:
        return function(frames)
    return np.stack(list(ordered_map(function, frames, threads)))


def track(
    labels: np.ndarray, method: str = "iou", **parameters: Any
) -> tuple[np.ndarray, pd.DataFrame]:
    """Give the objects of all frames the IDs of their cells.

    Parameters
    ----------
    labels : (T, H, W) unsigned integer
        0 background, 1..N in each frame.
    method : {"iou", "lap", "btrack"}
        As `params.tracking.method` in the config.
    **parameters
        Those of the method, as in the config: ``overlap="mask", max_gap=2``.

    Returns
    -------
    ids : (T, H, W) uint16 or uint32
        0 background, else the ID of the cell, the same in all frames.
    lineage : DataFrame
        One row per cell: ``cell``, ``first_frame``, ``last_frame``, ``parent`` (0 for none).

    Raises
    ------
    FoveaError
        If there is no such method.
    """
    links = load(TRACKING, method)(**parameters).link(labels)
    columns = ["cell", "first_frame", "last_frame", "parent"]
    return np.stack(list(links.render(labels))), pd.DataFrame(links.lineage(), columns=columns)


def estimate_background(
    frames: np.ndarray, labels: np.ndarray | None = None, *, threads: int = 1, **parameters: Any
) -> np.ndarray:
    """Estimate the background of fluorescence frames from the pixels without cells.

    Parameters
    ----------
    frames : (T, H, W) uint16
        Raw counts.
    labels : (T, H, W) unsigned integer, optional
        Cells, which are left out; labels or IDs.
    threads : int
        Frames computed side by side; does not change the result.
    **parameters
        As under `params.background` in the config: ``dilation_radius``, ``tile_size``,
        ``tile_overlap``, ``rounding_error``.

    Returns
    -------
    (T, H, W) float32
        Counts.
    """

    def estimate(t: int) -> np.ndarray:
        covered = None if labels is None else labels[t]
        return tiles.estimate_background(frames[t], covered, **parameters)[0]

    return np.stack(list(ordered_map(estimate, range(len(frames)), threads)))


def measure(
    ids: np.ndarray,
    features: Mapping[str, Sequence[str]],
    images: Mapping[str, np.ndarray] | None = None,
    backgrounds: Mapping[str, np.ndarray] | None = None,
    *,
    weight: float = 1.0,
    min_frames: int = 1,
    border_margin: int = 0,
) -> pd.DataFrame:
    """Measure every cell in every frame.

    Parameters
    ----------
    ids : (T, H, W) unsigned integer
        IDs of cells, 0 background.
    features : mapping of str to sequence of str
        Channel to names of features, in the order of the columns: ``pc_ch_0`` and so on for shape,
        ``fl_ch_1`` and so on for fluorescence.
    images : mapping of str to (T, H, W) uint16, optional
        Raw counts of the fluorescence channels.
    backgrounds : mapping of str to (T, H, W) float32, optional
        Backgrounds of the fluorescence channels; a channel without one is measured as it is.
    weight : float
        How much of the background is subtracted.
    min_frames : int
        Cells with fewer frames are left out.
    border_margin : int
        Cells whose box ever comes within so many pixels of the edge are left out.

    Returns
    -------
    DataFrame
        One row per cell and frame in which it exists, as in the traces of a field of view:
        ``cell``, ``frame``, ``position_x``, ``position_y``, ``bbox_x0`` to ``bbox_y1`` and
        ``{feature}_ch_{channel}``.

    Raises
    ------
    FoveaError
        If a feature is unknown or the images of a channel are not given.
    """
    for channel, names in features.items():
        kinds = PHASE_FEATURES if channel.startswith("pc_") else FLUORESCENCE_FEATURES
        for name in names:
            if name not in kinds:
                raise FoveaError(kinds.unknown(name))
        if kinds is FLUORESCENCE_FEATURES and names and channel not in (images or {}):
            raise FoveaError(f"images: there are none of {channel}, of which features are wanted")
    count = int(ids.max(initial=0))
    found = [boxes_and_areas(labels, count) for labels in ids]
    boxes = np.stack([box for box, _ in found], axis=1)  # (N, T, 4): y0, x0, y1, x1
    valid = np.stack([area > 0 for _, area in found], axis=1)
    reasons = select_cells(boxes, valid, ids.shape[1:], min_frames, border_margin)
    tables = []
    for cell in (i for i, reason in enumerate(reasons) if not reason and valid[i].any()):
        frames = np.flatnonzero(valid[cell])
        box = boxes[cell, frames]
        y0, x0, y1, x1 = box.T
        table = {"cell": cell + 1, "frame": frames}
        table |= {"position_x": (x0 + x1 - 1) / 2, "position_y": (y0 + y1 - 1) / 2}
        table |= {"bbox_x0": x0, "bbox_y0": y0, "bbox_x1": x1, "bbox_y1": y1}
        masks = _crops(ids, frames, box) == cell + 1
        for channel, names in features.items():
            if channel.startswith("pc_"):
                values = mask_features(masks, box[:, :2], names)
            else:
                counts = _crops(images[channel], frames, box).astype(np.float64)
                if backgrounds and channel in backgrounds:
                    counts -= weight * _crops(backgrounds[channel], frames, box).astype(np.float64)
                values = intensity_features(counts, masks, names)
            table |= {f"{name}_{channel[3:]}": values[name] for name in names}
        tables.append(pd.DataFrame(table))
    columns = [f"{name}_{channel[3:]}" for channel, names in features.items() for name in names]
    empty = pd.DataFrame(columns=[*_COLUMNS, *columns])
    return pd.concat(tables, ignore_index=True) if tables else empty


def _crops(frames: np.ndarray, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Cut a box out of each frame, (n, h, w) with zeros beyond smaller boxes."""
    height, width = (boxes[:, 2:] - boxes[:, :2]).max(axis=0)
    crops = np.zeros((len(numbers), height, width), frames.dtype)
    for crop, t, (y0, x0, y1, x1) in zip(crops, numbers, boxes, strict=True):
        crop[: y1 - y0, : x1 - x0] = frames[t, y0:y1, x0:x1]
    return crops


def fit(
    traces: pd.DataFrame | np.ndarray,
    model: str,
    time: np.ndarray | None = None,
    *,
    time_unit: str = "h",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    window: float | None = None,
    starts: int = 5,
    weighting: str | Mapping[str, float] = "none",
    threads: int = 1,
) -> pd.DataFrame:
    """Fit a model to traces.

    Parameters
    ----------
    traces : DataFrame or (N, T) float64
        Times as the index and a column per cell, or one row per cell; NaN where there is no value.
    model : str
        As `model` in an entry of the config's `analysis`, such as ``maturation``.
    time : (T,) or (N, T) float64, optional
        Times of an array's values, for all cells or for each.
    time_unit : {"s", "min", "h"}
        Unit of the times. Results are in the model's own unit, see docs/models.md.
    parameters : mapping, optional
        Parameter to ``value`` (fixed, or where the fit starts), ``fit`` (bool), ``low``, ``high``.
    window : float, optional
        Hours after a trace's first time that the fit looks at.
    starts : int
        Number of starting points.
    weighting : "none", "noise" or mapping
        Model of the noise, as in the config.
    threads : int
        Does not change the result.

    Returns
    -------
    DataFrame
        One row per cell, with the columns of a table of fits: success, r_squared, and for each
        parameter its value, standard error, 95 % interval and whether it stopped at a bound.

    Raises
    ------
    FoveaError
        If model or parameter is unknown.
    ValueError
        If times are missing, or not as many as values.
    """
    from fovea.fits.fit_table import table_of
    from fovea.fits.settings import settings_of
    from fovea.fits.solver.least_squares import fit_traces
    from fovea.recordings.times import SECONDS

    if isinstance(traces, pd.DataFrame):
        cells, values = traces.columns, traces.to_numpy(np.float64).T
        time = traces.index.to_numpy(np.float64) if time is None else time
    else:
        cells, values = range(len(traces)), np.asarray(traces, np.float64)
    if time is None:
        raise ValueError("an array of traces needs `time`")
    entry = {"model": model, "parameters": parameters, "window": window}
    settings = settings_of(entry | {"starts": starts, "weighting": weighting})
    for name in parameters or {}:
        if name not in settings.model.names:
            raise FoveaError(unknown(name, f"parameter of model {model}", settings.model.names))
    scaled = np.asarray(time, np.float64) * (SECONDS[time_unit] / SECONDS[settings.model.time_unit])
    fits = fit_traces(settings, np.ascontiguousarray(np.broadcast_to(scaled, values.shape)),
                      np.ascontiguousarray(values), threads)  # fmt: skip
    table = table_of(settings, fits)
    table.index = pd.Index(cells, name="cell")
    return table
