"""Estimate the background of every fluorescence frame of a field of view."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fovea.background.gains import flattened, read_gain, whole_counts
from fovea.background.tiles import TileGrid, cover
from fovea.errors import FoveaError
from fovea.jobs.log import progress
from fovea.jobs.threads import ordered_map
from fovea.store.contrast import SmoothLimits
from fovea.store.format import COUNTS, SMOOTH
from fovea.store.groups import provenance, write_derived_group
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter

_LOG = logging.getLogger("fovea")


def background(
    channels: Sequence[str | Path],
    targets: Sequence[str | Path],
    labels: str | Path | None,
    parameters: dict,
    threads: int = 1,
    log: logging.Logger = _LOG,
    flat_fields: Sequence[str | Path] = (),
) -> None:
    """Write the background of fluorescence channels.

    Parameters
    ----------
    channels : sequence of path
        Channel groups with raw fluorescence.
    targets : sequence of path
        Channel groups to write, one per channel: ``0`` (T, H, W) float32 counts, and
        ``tile_medians`` (T, ny, nx) float64, from which ``0`` can be evaluated. With
        ``save_corrected`` as many groups more: raw counts less ``weight`` times background.
    labels : path or None
        Channel group with labels of the cells to leave out; None where there are none.
    parameters : dict
        ``dilation_radius, tile_size, tile_overlap, rounding_error, save_corrected``, and
        ``weight`` with the last.
    threads : int
        Frames computed side by side; does not change the result.
    flat_fields : sequence of path
        Gains of the channels, by which raw counts are divided first; none for no correction.

    Raises
    ------
    FoveaError
        If the labels and the frames are not of one shape.
    """
    with ExitStack() as stack:
        cells = stack.enter_context(ArrayReader(Path(labels) / "0")) if labels else None
        corrected = targets[len(channels) :] or [None] * len(channels)
        gains = flat_fields or [None] * len(channels)
        outputs = [
            stack.enter_context(_Channel(Path(raw), Path(group), parameters, difference, gain, log))
            for raw, group, difference, gain in zip(
                channels, targets[: len(channels)], corrected, gains, strict=True
            )
        ]
        shape = outputs[0].frames.shape
        for channel in outputs:
            if cells is not None and cells.shape != channel.frames.shape:
                raise FoveaError(
                    f"{channel.raw} has frames of {channel.frames.shape}, the labels "
                    f"{labels} of {cells.shape}; delete both and run Snakemake again"
                )

        def estimate(t: int):
            mask = cover(cells[t] if cells else None, shape[1:], parameters["dilation_radius"])
            return [channel.estimate(t, mask) for channel in outputs]

        results = ordered_map(estimate, range(shape[0]), threads)
        for result in progress(results, shape[0], log):
            for channel, part in zip(outputs, result, strict=True):
                channel.append(*part)


class _Channel:
    """Input and outputs of one channel."""

    def __init__(self, raw: Path, group: Path, parameters: dict, corrected, gain, log):
        self.flat_field = Path(gain) if gain else None
        self.raw, self.group, self.parameters, self.log = raw, group, parameters, log
        self.corrected = Path(corrected) if corrected else None
        self.without_mask = 0
        self.stack = ExitStack()

    def __enter__(self):
        with self.stack:
            self.frames = self.stack.enter_context(ArrayReader(self.raw / "0"))
            used, more = self.parameters, {}
            self.gain = None
            if self.flat_field:
                self.gain = read_gain(self.flat_field, self.frames.shape[1:])
                more = {"flat_field": self.flat_field.name}
            self.grid = TileGrid.of(used, self.frames.shape[1:])
            self.grid.axes  # noqa: B018  computed here, once, and not in several threads
            self.limits = SmoothLimits(self.grid.step)
            self.about = provenance("background", used, source=self.raw.name, unit="count",
                                    step_size=self.grid.step,
                                    tile_medians="../tile_medians", **more)  # fmt: skip
            self.out = self._writer(self.group / "0", self.frames.shape, "float32", self.about)
            tiles = (len(self.frames), *(len(s) for s in self.grid.starts))
            about = provenance("background", used, source=self.raw.name, unit="count",
                               tile_starts=[s.tolist() for s in self.grid.starts],
                               tile_shape=list(self.grid.sizes), **more)  # fmt: skip
            self.medians = self._writer(self.group / "tile_medians", tiles, "float64", about)
            self.difference = None
            if self.corrected:
                about = provenance("background", used, source=self.raw.name, unit="count", **more)
                self.corrected_about = about
                self.corrected_limits = SmoothLimits(self.grid.step)
                self.difference = self._writer(
                    self.corrected / "0", self.frames.shape, "float32", about, COUNTS
                )
            self.stack = self.stack.pop_all()
        return self

    def _writer(self, path, shape, dtype, about, codec=SMOOTH) -> ArrayWriter:
        return self.stack.enter_context(ArrayWriter(path, shape, dtype, about, codec))

    def estimate(self, t: int, covered: np.ndarray):
        frame = self.frames[t]
        if self.gain is None:
            values, usable = self.grid.medians(frame, covered)
        else:
            frame = flattened(frame, self.gain)
            values, usable = self.grid.medians(whole_counts(frame), covered)
        coefficients = self.grid.coefficients(values)
        smooth = self.grid.evaluate(coefficients)
        # a spline lies between its smallest and largest coefficient
        bounds = float(coefficients.min()), float(coefficients.max())
        corrected = None
        if self.difference is not None:
            corrected = frame - np.float32(self.parameters["weight"]) * smooth
        return smooth, bounds, values, usable, corrected

    def append(self, smooth, bounds, values, usable, corrected) -> None:
        self.out.append(smooth)
        self.medians.append(values)
        self.limits.add(smooth, bounds)
        self.without_mask += not usable
        if corrected is not None:
            self.difference.append(corrected)
            self.corrected_limits.add(corrected)

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.about["fovea"]["display_limits"] = list(self.limits.limits())
            self.about["fovea"]["frames_without_background_pixels"] = self.without_mask
            if self.corrected:
                limits = list(self.corrected_limits.limits())
                self.corrected_about["fovea"]["display_limits"] = limits
        self.stack.__exit__(kind, error, traceback)
        if kind is not None:
            return
        low, high = self.limits.limits()
        write_derived_group(self.group, self.raw, (0, 65535, low, high))
        if self.corrected:
            limits = self.corrected_limits.limits()
            write_derived_group(self.corrected, self.raw, (-65535, 65535, *limits))
        self.log.info("%s: background mostly %.1f to %.1f counts", self.raw.name, low, high)
        if self.without_mask:
            self.log.warning(
                "%s: in %d frames the cells leave no background pixel; there the background was "
                "taken from all pixels and is too high", self.raw.name, self.without_mask,
            )  # fmt: skip
