"""Copy the raw channels of one field of view into ``images.zarr``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fovea.errors import FoveaError, counted
from fovea.jobs.log import progress
from fovea.jobs.space import check_room
from fovea.jobs.threads import side_by_side
from fovea.recordings.fingerprint import same_recording
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.info import ranges
from fovea.recordings.times import stored_times
from fovea.store.contrast import CountLimits
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import write_group
from fovea.store.saturation import saturated_from
from fovea.store.writer import ArrayWriter

if TYPE_CHECKING:
    from fovea.recordings.readers.info import RecordingInfo

_LOG = logging.getLogger("fovea")


def copy_raw(
    source: Any,
    target: str | Path,
    fov: int,
    channels: Mapping[str, int],
    z: int | str = 0,
    metadata: dict | None = None,
    log: logging.Logger = _LOG,
    threads: int = 1,
) -> None:
    """Write the chosen channels of one field of view, raw, frame by frame.

    Parameters
    ----------
    source : str, list or mapping
        The config's ``input``.
    target : path
        ``images.zarr``; each channel becomes a group with ``0`` (T, H, W) uint16.
    fov : int
        Index of the field of view.
    channels : mapping of str to int
        Name of the group -> index of the channel in the recording. Frames in which a channel was
        not recorded are not stored.
    z : int or {"max", "mean"}
        Plane, or projection over all planes.
    metadata : dict or None
        Content of `metadata.yaml`: the times, and the number of frames, which must be the same.
    threads : int
        How many channels are written side by side.

    Raises
    ------
    FoveaError
        If the recording cannot be read, or has changed since it was inspected.
    """
    target = Path(target)
    with open_recording(source, metadata=metadata) as recording:
        info = recording.info
        field = recording.check_field(fov)
        inspected = metadata["fields"][fov : fov + 1] if metadata else [{"frames": field.frames}]
        expected = inspected[0]["frames"] if inspected else 0  # 0 where the file has grown
        if expected != field.frames:
            raise FoveaError(
                f"{', '.join(info.files[:1])}: field of view {fov} has "
                f"{counted(field.frames, 'frame')}, but had {expected} when it was "
                "inspected; delete metadata.yaml of this dataset and run Snakemake again"
            )
        log.info("%s, field of view %d (%s): %d frames of %d x %d pixels", info.format, fov,
                 field.name, field.frames, field.height, field.width)  # fmt: skip
        if field.frames < field.planned_frames:
            stopped = "the acquisition was stopped early"
            what = "frames are missing in between" if field.missing else stopped
            log.warning("%s: %d of %d planned frames exist%s", what, field.frames,
                        field.planned_frames, "s" * (field.frames == 1))  # fmt: skip
        pixel = info.pixel_size_um and (info.pixel_size_um["y"], info.pixel_size_um["x"])
        place = field.stage_position_um and tuple(field.stage_position_um[axis] for axis in "yx")
        shape = field.frames, field.height, field.width
        check_room(target, _raw_bytes(info, fov, list(channels.values())))
        with ExitStack() as stack:
            frames = recording.frames(fov, list(channels.values()), z)
            outputs = [
                _Output(stack, target / group, shape, index, info, z)
                for group, index in channels.items()
            ]
            with same_recording(source, metadata, log), side_by_side(threads) as apply:
                for planes in progress(frames, field.frames, log):
                    apply(_Output.append, outputs, planes)
            for output in outputs:
                output.finish()
    for output in outputs:
        interval = mean_interval(metadata, fov)
        about = ngff(output.group.name, pixel, interval, output.window, place, output.name)
        write_group(output.group, about)
        log.info("%s (%s): display limits %g to %g counts",
                 output.group.name, output.name, *output.window[2:])  # fmt: skip
        if output.array.missing:
            here = sorted(set(range(field.frames)) - output.array.missing)
            log.info("%s (%s) was recorded in %d of %d frames%s", output.group.name, output.name,
                     len(here), field.frames, f": {ranges(here)}" if here else "")  # fmt: skip
        if output.repeats:
            one = len(output.repeats) == 1
            log.warning("%s (%s): %s %s the same pixels as the frame before; perhaps %s not "
                        "recorded", output.group.name, output.name,
                        f"frame{'s' * (not one)} {ranges(output.repeats)}",
                        *(("has", "it was") if one else ("have", "they were")))  # fmt: skip
        if output.saturated:
            log.info("%s (%s): the camera saturates at %d counts, which %d pixels have",
                     output.group.name, output.name, *output.saturated)  # fmt: skip
    if not (target / "zarr.json").exists():  # it was there before channels were added
        write_group(target)


def _raw_bytes(info: RecordingInfo, fov: int, channels: list[int]) -> int:
    """Return the bytes of the images that are copied, as the recording has them."""
    field, size = info.fields[fov], np.dtype(info.dtype).itemsize
    known = field.channel_frames
    frames = sum(field.frames if known is None else len(known[channel]) for channel in channels)
    return frames * field.height * field.width * size


def mean_interval(metadata: dict | None, fov: int) -> float | None:
    """Return the mean seconds between frames of a field of view; None without times."""
    rows, _ = stored_times(metadata, fov) if metadata else (None, "none")
    if rows is None:
        return None
    # of the channel with most frames; it has no times in frames in which it was not recorded
    row = max(rows, key=lambda row: np.isfinite(row).sum())
    (known,) = np.nonzero(np.isfinite(row))
    if len(known) < 2:
        return None
    first, last = known[[0, -1]]
    interval = round(float(row[last] - row[first]) / int(last - first), 6)
    return interval if interval > 0 else None


class _Output:
    """The array of one channel, and the limits of its display."""

    def __init__(
        self, stack: ExitStack, group: Path, shape: tuple[int, int, int], index: int,
        info: RecordingInfo, z: int | str,
    ) -> None:  # fmt: skip
        self.group, self.name = group, info.channels[index]
        self.limits = CountLimits()
        self.repeats: list[int] = []  # frames that are equal to the one before
        self._before: np.ndarray | None = None
        self._frame = -1
        self.saturated: tuple[int, int] | None = None
        self._saturated_from = partial(saturated_from, dtype=info.dtype, bits=info.significant_bits)
        self.about = provenance("copy_raw", {"z": z}, unit="count", channel=index, name=self.name)
        self.array = stack.enter_context(ArrayWriter(group / "0", shape, "uint16", self.about))

    def append(self, plane: np.ndarray | None) -> None:
        self._frame += 1
        if plane is None:
            self.array.skip()
            return
        plane = plane.astype(np.uint16, copy=False)
        self.array.append(plane)
        self.limits.add(plane)
        if self._before is not None and _equal(self._before, plane):
            self.repeats.append(self._frame)
        self._before = plane

    def finish(self) -> None:
        limits = self.limits.limits()
        self.about["fovea"]["display_limits"] = list(limits)
        self.window = (0, 65535, *limits)
        counts = self.limits.counts
        if level := self._saturated_from(counts):
            self.saturated = level, int(counts[level:].sum())
            self.about["fovea"]["saturated_from"] = level


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether planes are equal; a few rows tell nearly all that are not apart."""
    return np.array_equal(one[::64], other[::64]) and np.array_equal(one, other)
