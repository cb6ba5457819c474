"""Several independent files as positions of one recording."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import for_each
from fovea.recordings.readers.info import FieldInfo, RecordingInfo

if TYPE_CHECKING:
    import numpy as np

MAX_OPEN = 4
Reader = Callable[[str, "str | os.PathLike[str]"], Recording]


class SeveralRecordings(Recording):
    """The fields of view of several files, one file after another; `reader` opens one.

    With `metadata`, which inspect wrote, a file is opened only when its frames are read, and
    compared with its description then; without it, all files are opened at once.
    """

    def __init__(
        self,
        reader: Reader,
        files: list[str],
        base: str | os.PathLike[str] = ".",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = f"{files[0]} and {len(files) - 1} more"
        self._reader, self._files, self._base = reader, files, base
        self._open: OrderedDict[int, Recording] = OrderedDict()
        counts = None if metadata is None else fields_per_file(metadata, len(files))
        with self.closed_on_error():
            if metadata is not None and counts is not None:
                self.info = recorded_info(metadata, files)
            else:
                self.info = self._describe()
                counts = self.info.fields_per_file or []
        self._place = [(number, own) for number, n in enumerate(counts) for own in range(n)]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _describe(self) -> RecordingInfo:
        first: RecordingInfo | None = None
        fields: list[FieldInfo] = []
        counts: list[int] = []
        remarks: list[str] = []
        starts: list[float | None] = []
        numbers = {file: number for number, file in enumerate(self._files)}

        def look(file: str) -> None:
            nonlocal first
            info = self._recording(numbers[file]).info
            first = first or info
            _check_alike(first, info)
            for own in info.fields:
                alone = len(info.fields) == 1
                name = os.path.basename(file).split(".")[0] if alone else own.name
                # frames and times are read here, while the file is open
                fields.append(
                    replace(
                        own, index=len(fields), name=name, frames=own.frames, times=own.times,
                        planned_frames=own.planned_frames, missing=own.missing,
                        channel_frames=own.channel_frames, channel_planes=own.channel_planes,
                        times_source=own.times_source,
                    )
                )  # fmt: skip
                starts.append(info.start_s if own.times_source == "stamps" else None)
            counts.append(len(info.fields))
            remarks.extend(f"{file}: {note}" for note in info.remarks)

        for_each(self._files, look)
        assert first is not None
        _one_clock(fields, starts, remarks)
        return replace(
            first, files=list(self._files), fields=fields, remarks=remarks, fields_per_file=counts
        )

    def _recording(self, number: int) -> Recording:
        recording = self._open.get(number)
        if recording is None:
            while len(self._open) >= MAX_OPEN:
                self._open.popitem(last=False)[1].close()
            recording = self._open[number] = self._reader(self._files[number], self._base)
        self._open.move_to_end(number)
        return recording

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        number, own = self._place[fov]
        new = number not in self._open
        recording = self._recording(number)
        if new:
            _check_unchanged(self._files[number], self.info.fields[fov], recording.info, own)
        return recording.read_planes(own, frame, z, channels)


def fields_per_file(metadata: Mapping[str, Any], files: int) -> list[int] | None:
    """Return the number of fields in each file, if the metadata have it."""
    counts = metadata.get("fields_per_file")
    if isinstance(counts, int):
        counts = [counts] * files
    return counts if counts and len(counts) == files else None


def recorded_info(metadata: Mapping[str, Any], files: list[str]) -> RecordingInfo:
    """Return the description in the metadata."""
    from fovea.recordings.frames import recorded_frames, recorded_planes
    from fovea.recordings.times import stored_times

    fields = []
    for index, entry in enumerate(metadata["fields"]):
        info = FieldInfo(
            index, entry["name"], entry["height"], entry["width"], entry["planes"],
            entry["stage_position_um"], frames=entry["frames"],
            planned_frames=entry["planned_frames"], missing=tuple(entry.get("missing", ())),
            channel_frames=recorded_frames(metadata, index),
            channel_planes=recorded_planes(metadata, index),
        )  # fmt: skip
        rows, info.times_source = stored_times(metadata, index)
        info.times = None if rows is None else [row.tolist() for row in rows]
        fields.append(info)
    return RecordingInfo(
        metadata["format"], list(files), metadata["dtype"], metadata["channels"],
        metadata["pixel_size_um"], fields, list(metadata["notes"]),
        fields_per_file=fields_per_file(metadata, len(files)),
    )  # fmt: skip


def _check_unchanged(file: str, expected: FieldInfo, info: RecordingInfo, own: int) -> None:
    found = info.fields[own] if own < len(info.fields) else None
    names = (
        "height", "width", "planes", "frames", "missing", "channel_frames", "channel_planes"
    )  # fmt: skip
    if found is None or any(getattr(found, n) != getattr(expected, n) for n in names):
        now = "gone" if found is None else f"{found.frames} x {found.height} x {found.width}"
        raise FoveaError(
            f"{file}: changed since it was inspected (frames x height x width were "
            f"{expected.frames} x {expected.height} x {expected.width}, now {now}); delete "
            "metadata.yaml of this dataset and run again"
        )


def _one_clock(fields: list[FieldInfo], starts: list[float | None], remarks: list[str]) -> None:
    """Shift all times so that 0 is the earliest frame of any file."""
    stamped = [start for start in starts if start is not None]
    if len(stamped) < len(fields):
        if any(info.times_source == "stamps" for info in fields):
            remarks.append("times count from the first frame of each file: their clocks differ")
        return
    earliest = min(stamped)
    for info, start in zip(fields, stamped, strict=True):
        shift = round(start - earliest, 6)
        info.times = [[time + shift for time in row] for row in info.times or []]


def _check_alike(first: RecordingInfo, other: RecordingInfo) -> None:
    for what, name in (("channels", "channels"), ("pixel type", "dtype")):
        a, b = getattr(first, name), getattr(other, name)
        if a != b:
            raise FoveaError(
                f"{other.files[0]}: its {what} ({b}) differ from those of {first.files[0]} ({a}); "
                "positions of one input must be alike; make them two datasets"
            )
