"""Estimate the background of every fluorescence frame of a field of view."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fovea.background.gains import flattened, read_gain, whole_counts
from fovea.background.methods import grid_of
from fovea.background.spline_grid import cover
from fovea.errors import FoveaError, counted
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
        ``tile_medians`` (T, ny, nx) float64, the values of the method's nodes, from which ``0``
        can be evaluated. With ``save_corrected`` as many groups more: raw counts less ``weight``
        times background.
    labels : path or None
        Channel group with labels of the cells to leave out, of the same shape, if there are any.
    parameters : dict
        ``dilation_radius, tile_size, rounding_error, save_corrected``, and ``weight`` with the
        last; ``method``, tile_median if it is missing, and ``tile_overlap`` with that one.
    threads : int
        Frames computed side by side; does not change the result.
    flat_fields : sequence of path
        Gains of the channels, by which raw counts are divided first; none for no correction.

    What is derived from a channel lacks the frames that the channel lacks. In a frame without
    labels the cells of the nearest frame that has them are left out.
    """
    corrected = targets[len(channels) :] or [None] * len(channels)
    gains = flat_fields or [None] * len(channels)
    with ExitStack() as stack:
        cells = stack.enter_context(ArrayReader(Path(labels) / "0")) if labels else None
        outputs = [
            _Channel(stack, Path(raw), Path(group), difference, gain, parameters)
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

        here = sorted(set().union(*(channel.frames.present.tolist() for channel in outputs)))
        if cells and (without := cells.missing.intersection(here)):
            log.warning(
                "%d of %d fluorescence frames %s no phase contrast; there the cells of the "
                "nearest frame that has it are left out of the background, and no cell is "
                "measured", len(without), len(here), "has" if len(without) == 1 else "have",
            )  # fmt: skip

        def estimate(t: int):
            known = cells[cells.nearest(t)] if cells else None
            mask = cover(known, shape[1:], parameters["dilation_radius"])
            return [None if t in channel.frames.missing else channel.estimate(t, mask)
                    for channel in outputs]  # fmt: skip

        results = ordered_map(estimate, here, threads)
        for result in progress(results, len(here), log):
            for channel, part in zip(outputs, result, strict=True):
                if part is not None:
                    channel.append(*part)
        for channel in outputs:
            channel.add_attributes()
    for channel in outputs:
        channel.write_groups(log)


class _Output:
    """A stack of float32 frames with its display limits, written frame by frame."""

    def __init__(
        self, stack: ExitStack, group: Path, raw: ArrayReader, step: float, codec, about: dict
    ):
        self.group, self.about = group, about["fovea"]
        self.limits = SmoothLimits(step)
        self.frames = stack.enter_context(
            ArrayWriter(group / "0", raw.shape, "float32", about, codec, missing=raw.missing)
        )

    def append(self, frame: np.ndarray, bounds: tuple[float, float] | None = None) -> None:
        self.frames.append(frame)
        self.limits.add(frame, bounds)


class _Channel:
    """The input and the outputs of one channel; `stack` closes them."""

    def __init__(self, stack, raw: Path, group: Path, corrected, flat_field, parameters: dict):
        self.raw, self.weight, self.without_background = raw, parameters.get("weight"), 0
        self.frames = stack.enter_context(ArrayReader(raw / "0"))
        shape = self.frames.shape
        self.gain = read_gain(flat_field, shape[1:]) if flat_field else None
        self.grid = grid_of(parameters, shape[1:])
        self.grid.axes  # noqa: B018  computed here, once, and not in several threads
        step = self.grid.step
        more = {"flat_field": Path(flat_field).name} if flat_field else {}

        def about(**here) -> dict:
            return provenance("background", parameters, source=raw.name, unit="count", **here,
                              **more)  # fmt: skip

        self.smooth = _Output(stack, group, self.frames, step, SMOOTH,
                              about(step_size=step, tile_medians="../tile_medians"))  # fmt: skip
        nodes = len(self.frames), *map(len, self.grid.nodes)
        writer = ArrayWriter(group / "tile_medians", nodes, "float64", about(**self.grid.about),
                             SMOOTH, missing=self.frames.missing)  # fmt: skip
        self.values = stack.enter_context(writer)
        self.corrected = None
        if corrected:
            self.corrected = _Output(stack, Path(corrected), self.frames, step, COUNTS, about())

    def estimate(self, t: int, covered: np.ndarray):
        """Estimate one frame under the packed mask of the cells: the arguments of `append`."""
        frame = counts = self.frames[t]
        if self.gain is not None:
            frame = flattened(frame, self.gain)
            counts = whole_counts(frame)
        values, usable = self.grid.values(counts, covered)
        coefficients = self.grid.coefficients(values)
        smooth = self.grid.evaluate(coefficients)
        # a spline lies between its smallest and largest coefficient
        bounds = float(coefficients.min()), float(coefficients.max())
        corrected = frame - np.float32(self.weight) * smooth if self.corrected else None
        return smooth, bounds, values, usable, corrected

    def append(self, smooth, bounds, values, usable: bool, corrected) -> None:
        """Write what `estimate` returned for the next frame."""
        self.smooth.append(smooth, bounds)
        self.values.append(values)
        self.without_background += not usable
        if self.corrected:
            self.corrected.append(corrected)

    def add_attributes(self) -> None:
        """Add the attributes that are known only at the end, before the arrays are closed."""
        for output in filter(None, (self.smooth, self.corrected)):
            output.about["display_limits"] = list(output.limits.limits())
        self.smooth.about["frames_without_background_pixels"] = self.without_background

    def write_groups(self, log: logging.Logger) -> None:
        """Write the metadata of the channel groups, and log what was found."""
        for output, *bounds in ((self.smooth, 0, 65535), (self.corrected, -65535, 65535)):
            if output:
                window = (*bounds, *output.about["display_limits"])
                write_derived_group(output.group, self.raw, window)
        recorded, frames = len(self.frames.present), len(self.frames)
        if recorded < frames:
            log.info("%s: recorded in %d of %d frames", self.raw.name, recorded, frames)
        if recorded:
            low, high = self.smooth.about["display_limits"]
            log.info("%s: background mostly %.1f to %.1f counts", self.raw.name, low, high)
        if self.without_background:
            log.warning(
                "%s: in %s the cells leave no background pixel; there the background was "
                "taken from all pixels and is too high", self.raw.name,
                counted(self.without_background, "frame"),
            )  # fmt: skip
