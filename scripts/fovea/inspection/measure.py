"""Measure cells in arrays, as the workflow does in the crops of a field of view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from fovea.cells.extract import BASE_COLUMNS, select_cells
from fovea.cells.features import (
    SATURATED_PIXELS,
    in_micrometers,
    intensity_features,
    mask_features,
)
from fovea.config.names import channel_of, column, columns_of, physical_columns
from fovea.errors import FoveaError
from fovea.kernels.boxes import boxes_and_areas
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES
from fovea.store.saturation import saturated_from

_COLUMNS = [name for name in BASE_COLUMNS if name not in ("fov", "good", "merged")]


def measure(
    ids: np.ndarray,
    features: Mapping[str, Sequence[str]],
    images: Mapping[str, np.ndarray] | None = None,
    backgrounds: Mapping[str, np.ndarray] | None = None,
    *,
    weight: float = 1.0,
    min_frames: int = 1,
    border_margin: int = 0,
    missing: Mapping[str, Sequence[int]] = MappingProxyType({}),
    pixel_um: tuple[float, float] | None = None,
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
    missing : mapping of str to sequence of int
        Channel to the frames in which it was not recorded; its features are NaN there.
    pixel_um : (float, float), optional
        Height and width of a pixel in micrometers.

    Returns
    -------
    DataFrame
        One row per cell and frame in which it exists, as in the traces of a field of view:
        ``cell``, ``frame``, ``position_x``, ``position_y``, ``bbox_x0`` to ``bbox_y1`` and
        ``{feature}_ch_{channel}``; with `pixel_um` also ``position_x_um``, ``area_um2_ch_0`` and
        the like.

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
    levels = {channel: _saturated_from(images[channel])
              for channel, names in features.items() if SATURATED_PIXELS in names}  # fmt: skip
    columns = columns_of(features)
    physical = physical_columns(columns) if pixel_um else {}
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
                raw = _crops(images[channel], frames, box)
                counts = raw.astype(np.float64)
                if backgrounds and channel in backgrounds:
                    counts -= weight * _crops(backgrounds[channel], frames, box).astype(np.float64)
                level = levels.get(channel)
                values = intensity_features(counts, masks, names, raw >= level if level else None)
            here = ~np.isin(frames, list(missing.get(channel, ())))
            table |= {column(name, channel_of(channel)):
                      np.where(here, values[name], np.nan) for name in names}  # fmt: skip
        table |= {name: in_micrometers(source, table[source], pixel_um)
                  for name, source in physical.items()}  # fmt: skip
        tables.append(pd.DataFrame(table))
    empty = pd.DataFrame(columns=[*_COLUMNS, *columns, *physical])
    return pd.concat(tables, ignore_index=True) if tables else empty


def _crops(frames: np.ndarray, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Cut a box out of each frame, (n, h, w) with zeros beyond smaller boxes."""
    height, width = (boxes[:, 2:] - boxes[:, :2]).max(axis=0)
    crops = np.zeros((len(numbers), height, width), frames.dtype)
    for crop, t, (y0, x0, y1, x1) in zip(crops, numbers, boxes, strict=True):
        crop[: y1 - y0, : x1 - x0] = frames[t, y0:y1, x0:x1]
    return crops


def _saturated_from(frames: np.ndarray) -> int:
    """Return the counts from which pixels of (T, H, W) are saturated, 0 if none are."""
    counts = sum(np.bincount(frame.ravel(), minlength=1 << 16) for frame in frames)
    return saturated_from(counts, frames.dtype.name)
