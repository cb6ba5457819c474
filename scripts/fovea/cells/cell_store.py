"""Crops on disk, and how the cells in them are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from fovea.background.gains import gain_in, read_gain
from fovea.cells.features import in_micrometers, intensity_features, mask_features
from fovea.config.names import channel_of, column, columns_of, group_name, physical_columns
from fovea.jobs.atomic import number_text
from fovea.kernels.cells import above_background
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES, Registry, load
from fovea.store.metadata import read_attributes
from fovea.store.reader import ArrayReader, missing_frames, read_array

_BLOCK = 16  # frames of a cell that are held at once


class CellStore:
    """A ``cells.zarr``, and how its cells are measured.

    Parameters
    ----------
    path : path
        The store.
    features : mapping of str to sequence of str
        Channel group to names of features, in the order of the columns.
    weight : float
        How much of the background is subtracted from the counts.
    flat_fields : mapping of str to path
        Fluorescence channel to its gain, by which counts are divided.

    Attributes
    ----------
    ids, bboxes, windows, valid : ndarray
        The arrays of its metadata.
    shape : (int, int)
        H, W of the frames.
    columns : list of str
        What `rows` gives behind position and box: features, then measures in micrometers where
        the size of a pixel is known.
    saturated : Counter
        Rows with saturated pixels by (channel group, index of the cell), of the rows so far.
    """

    def __init__(
        self, path: Path, features: Mapping[str, Sequence[str]], weight: float,
        flat_fields: Mapping[str, str | Path],
    ):  # fmt: skip
        self.path, self.features, self.weight = path, features, float(weight)
        about = read_attributes(path)["fovea"]
        self.shape = tuple(about["shape"][1:])
        self.ids, self.bboxes, self.windows, self.valid = (
            read_array(path / "metadata" / name)
            for name in ("cell_ids", "bboxes", "windows", "valid_frames")
        )
        self.gains = {name: read_gain(file, self.shape) for name, file in flat_fields.items()}
        self.masks = next((group.name for group in path.glob("seg_tracked_ch_*")), "")
        self._pixel_um = about.get("pixel_size_um")
        self._physical = physical_columns(columns_of(features)) if self._pixel_um else {}
        self.columns = [*columns_of(features), *self._physical]
        self.saturated: Counter[tuple[str, int]] = Counter()
        self._about = lru_cache(lambda group: read_attributes(self._array(group, 0))["fovea"])

    def rows(self, i: int) -> Iterator[list]:
        """The rows of a cell, by frame: cell, frame, position and box, `columns`."""
        frames = np.flatnonzero(self.valid[i])
        for start in range(0, len(frames), _BLOCK):
            part = frames[start : start + _BLOCK]
            boxes = self.bboxes[i, part]
            found = self._measure(i, part)
            for axis, name in ((1, "position_x"), (0, "position_y")):
                found[name] = (boxes[:, axis] + boxes[:, axis + 2] - 1) / 2
            for name, source in self._physical.items():
                found[name] = in_micrometers(source, found[source], self._pixel_um)
            columns = (found[name].tolist() for name in ("position_x", "position_y", *self.columns))
            for t, (y0, x0, y1, x1), x, y, *values in zip(
                part.tolist(), boxes.tolist(), *columns, strict=True
            ):
                yield [int(self.ids[i]), t, x, y, x0, y0, x1, y1, *map(number_text, values)]

    def _array(self, group: str, i: int) -> Path:
        return self.path / group / str(self.ids[i]) / "0"

    def _factor(self, group: str) -> float:
        """By what the counts in the crops of a channel, and of its background, were divided."""
        return float(self._about(group)["factor"])

    def _crops(self, group: str, i: int, frames: np.ndarray) -> np.ndarray:
        """Crops (n, h, w) float32 of a cell."""
        with ArrayReader(self._array(group, i)) as array:
            return array.read(frames)

    def _measure(self, i: int, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Column to its values, (n,) float64, for some frames of a cell.

        Features of a channel are NaN in frames in which it was not recorded.
        """
        masks = self._crops(self.masks, i, frames) > 0
        columns = {}
        for channel, names in self.features.items():
            lacking = missing_frames({"fovea": self._about(channel)})
            here = ~np.isin(frames, list(lacking))
            found = {}
            if here.any():
                of = self._of_phase if channel.startswith("pc_") else self._of_fluorescence
                found = of(channel, names, i, frames[here], masks[here])
            for name in names:
                values = np.full(len(frames), np.nan)
                values[here] = found.get(name, np.nan)
                columns[column(name, channel_of(channel))] = values
        return columns

    def _of_phase(self, channel: str, names, i: int, frames, masks) -> dict[str, np.ndarray]:
        own = _functions(PHASE_FEATURES, names)
        built_in = [name for name in names if name not in own]
        found = mask_features(masks, self.windows[i, frames, :2], built_in) if built_in else {}
        if own:
            crops = self._crops(channel, i, frames)
            counts = np.rint(crops * self._factor(channel)).astype(np.uint16)
            found |= self._of_plugins(own, channel, i, frames, counts, masks)
        return found

    def _of_fluorescence(self, channel: str, names, i: int, frames, masks) -> dict[str, np.ndarray]:
        level = self._about(channel).get("saturated_from")
        if not names and level is None:
            return {}
        raw, bright = self._crops(channel, i, frames), None
        if level is not None:
            bright = np.rint(raw * self._factor(channel)) >= level
            self.saturated[channel, i] += int((bright & masks).any(axis=(1, 2)).sum())
        own = _functions(FLUORESCENCE_FEATURES, names)
        values = self._above_background(channel, i, frames, raw) if names else raw
        found = intensity_features(values, masks, [n for n in names if n not in own], bright)
        return found | self._of_plugins(own, channel, i, frames, values, masks)

    def _of_plugins(self, own: Mapping[str, Callable], channel: str, i: int, frames, images, masks):
        """Values of features that have functions of their own."""
        places = [self._context(channel, i, t) for t in frames.tolist()] if own else []
        return {
            name: np.array([function(*args) for args in zip(images, masks, places, strict=True)])
            for name, function in own.items()
        }

    def _above_background(self, channel: str, i: int, frames, raw: np.ndarray) -> np.ndarray:
        """Counts less the background, divided by the gain, in the crops: (n, h, w) float64."""
        background = group_name("fl_background", channel_of(channel))
        step = float(self._about(background)["step_size"])
        below = self._crops(background, i, frames)
        values, factor = np.empty(raw.shape), self._factor(channel)
        if channel not in self.gains:
            above_background(raw, below, factor, step, self.weight, values)
            return values
        above_background(np.zeros_like(raw), below, factor, step, self.weight, values)
        counts = np.rint(raw.astype(np.float64) * factor)
        return values + counts / gain_in(self.gains[channel], self.windows[i, frames])

    def _context(self, channel: str, i: int, t: int):
        from fovea.plugins.loader import Context

        return Context(channel, int(self.ids[i]), t, tuple(self.windows[i, t, :2].tolist()))


def _functions(kinds: Registry, names: Sequence[str]) -> dict[str, Callable]:
    """Name to function of those features that are not built in."""
    return {name: load(kinds, name) for name in names if kinds.get(name) is not None}
