"""Several independent files as positions of one recording."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import all_unusable, places_of
from fovea.recordings.readers.info import FieldInfo, RecordingInfo, ranges

if TYPE_CHECKING:
    import numpy as np

MAX_OPEN = 4
Reader = Callable[[str, "str | os.PathLike[str]"], Recording]


class SeveralRecordings(Recording):
    """The fields of view of several files, one file after another; `reader` opens one.

    With `metadata`, which inspect wrote, a file is opened only when its frames are read, and
    compared with its description then; without it, all files are opened at once. The fields of a
    file that cannot be read, or whose pixels are of another kind than those of most files, keep
    their numbers and have an `error`.
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
        infos: dict[int, RecordingInfo] = {}
        errors: dict[int, FoveaError] = {}
        for number in range(len(self._files)):
            try:
                info = self._recording(number).info
                # frames and times are read here, while the file is open
                infos[number] = replace(info, fields=[_read(own) for own in info.fields])
            except FoveaError as error:
                errors[number] = error
        if not infos:
            raise all_unusable(self._files, list(errors.values()))
        usual = _usual(list(infos.values()))
        for number, info in list(infos.items()):
            if not _alike(usual, info):
                errors[number] = _differs(usual, infos.pop(number))
        counts = self._counts(infos, errors)
        # a channel that shows nothing in one file was not recorded there if it does in another
        never = set.intersection(*(_zero_channels(i, usual.channels) for i in infos.values()))
        fields: list[FieldInfo] = []
        remarks: list[str] = []
        starts: list[float | None] = []
        for number, count in enumerate(counts):
            file, first = self._files[number], len(fields)
            stem = os.path.basename(file).split(".")[0]
            if number in errors:
                like = usual.fields[0]
                text, indices = str(errors[number]), range(first, first + count)
                fields += [_failed(like, index, stem, text) for index in indices]
                remarks.append(f"field of view {ranges(indices)} cannot be used: {text}")
                starts += [None] * count
                continue
            info = infos[number]
            skipped = _zero_channels(info, usual.channels) - never
            for own in _aligned(info, usual.channels, skipped):
                name = stem if count == 1 else own.name
                fields.append(replace(own, index=len(fields), name=name))
                starts.append(info.start_s if own.times_source == "stamps" else None)
            remarks.extend(f"{file}: {note}" for note in info.remarks)
        _one_clock(fields, starts, remarks)
        return replace(
            usual, files=list(self._files), fields=fields, remarks=remarks, fields_per_file=counts
        )

    def _counts(
        self, infos: Mapping[int, RecordingInfo], errors: Mapping[int, FoveaError]
    ) -> list[int]:
        """Return the number of fields in each file.

        A file that cannot be read counts as many as every other has, so that the numbers of the
        fields after it stay what they are.
        """
        counts = {number: len(info.fields) for number, info in infos.items()}
        if errors and len(set(counts.values())) > 1:
            number, error = min(errors.items())
            raise FoveaError(
                f"{error}; how many fields of view it holds is not known, as the other files hold "
                f"{min(counts.values())} to {max(counts.values())}; take {self._files[number]} out "
                "of `input`"
            )
        usual = next(iter(counts.values()))
        return [counts.get(number, usual) for number in range(len(self._files))]

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
            expected = self.info.fields[fov]
            skipped = {c for c, row in enumerate(expected.channel_frames or ()) if not row}
            if skipped:
                _ = recording.info.notes  # after which its `zero_channels` are known
                skipped &= _zero_channels(recording.info, self.info.channels)
            fields = _aligned(recording.info, self.info.channels, skipped)
            _check_unchanged(self._files[number], expected, fields, own)
        places = _places(recording.info, self.info.channels)
        found = [place for channel in channels if (place := places[channel]) is not None]
        return recording.read_planes(own, frame, z, found)


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
            channel_planes=recorded_planes(metadata, index), error=entry.get("error"),
        )  # fmt: skip
        rows, info.times_source = stored_times(metadata, index)
        info.times = None if rows is None else [row.tolist() for row in rows]
        fields.append(info)
    return RecordingInfo(
        metadata["format"], list(files), metadata["dtype"], metadata["channels"],
        metadata["pixel_size_um"], fields, list(metadata["notes"]),
        fields_per_file=fields_per_file(metadata, len(files)),
        significant_bits=metadata.get("significant_bits"),
    )  # fmt: skip


def _check_unchanged(file: str, expected: FieldInfo, fields: list[FieldInfo], own: int) -> None:
    found = fields[own] if own < len(fields) else None
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
    readable = [info for info in fields if info.error is None]
    stamped = [start for start in starts if start is not None]
    if len(stamped) < len(readable):
        if any(info.times_source == "stamps" for info in fields):
            remarks.append("times count from the first frame of each file: their clocks differ")
        return
    earliest = min(stamped)
    for info, start in zip(readable, stamped, strict=True):
        shift = round(start - earliest, 6)
        info.times = [[time + shift for time in row] for row in info.times or []]


def _read(own: FieldInfo) -> FieldInfo:
    """Return a description whose frames and times have been read."""
    return replace(
        own, frames=own.frames, planned_frames=own.planned_frames, missing=own.missing,
        channel_frames=own.channel_frames, channel_planes=own.channel_planes, times=own.times,
        times_source=own.times_source,
    )  # fmt: skip


def _failed(like: FieldInfo, index: int, name: str, error: str) -> FieldInfo:
    """Return the description of a field whose file cannot be read."""
    return FieldInfo(index, name, like.height, like.width, like.planes, error=error)


def _usual(infos: list[RecordingInfo]) -> RecordingInfo:
    """Return the description that most others are like; FoveaError if that are half or fewer."""
    alike = [sum(_alike(info, other) for other in infos) for info in infos]
    best = max(range(len(infos)), key=lambda i: (alike[i], len(infos[i].channels), -i))
    if 2 * alike[best] <= len(infos):
        other = next(info for info in infos if not _alike(infos[0], info))
        raise _differs(infos[0], other)
    return infos[best]


def _alike(usual: RecordingInfo, info: RecordingInfo) -> bool:
    return info.dtype == usual.dtype and bool(_places(info, usual.channels))


def _places(info: RecordingInfo, channels: list[str]) -> list[int | None]:
    """Return the index in a file of each channel of the recording, None where the file lacks it.

    An empty list if its channels are others; without names, there must be as many.
    """
    if info.channels == channels:
        return list(range(len(channels)))
    own, known = map(_named, (info.channels, channels))
    places = places_of(own, len(own), known, len(known)) or []
    same = all(
        p is None or info.channels[p] == name for p, name in zip(places, channels, strict=False)
    )
    return places if same else []


def _named(channels: list[str]) -> list[str | None]:
    return [None if name == f"Channel {i}" else name for i, name in enumerate(channels)]


def _zero_channels(info: RecordingInfo, channels: list[str]) -> set[int]:
    """Return the channels of the recording that show nothing in a file where others do."""
    places = _places(info, channels)
    found = {channel for channel, place in enumerate(places) if place in info.zero_channels}
    return found if len(found) < len(places) else set()


def _aligned(info: RecordingInfo, channels: list[str], without: Set[int]) -> list[FieldInfo]:
    """Return the fields of a file with the channels of the recording, all but some of them."""
    places = [None if c in without else p for c, p in enumerate(_places(info, channels))]
    if places == list(range(len(info.channels))):
        return info.fields
    fields = []
    for own in info.fields:
        rows = own.times
        if rows is not None and len(rows) > 1:
            rows = [[math.nan] * own.frames if p is None else rows[p] for p in places]
        frames = tuple(() if p is None else tuple(own.frames_of(p)) for p in places)
        planes = tuple(() if p is None else tuple(own.planes_of(p)) for p in places)
        every = all(len(row) == own.frames for row in frames)
        fields.append(
            replace(
                _read(own), times=rows, channel_frames=None if every else frames,
                channel_planes=None if all(len(p) == own.planes for p in planes) else planes,
            )
        )  # fmt: skip
    return fields


def _differs(usual: RecordingInfo, other: RecordingInfo) -> FoveaError:
    what: str = "channels"
    a: object = usual.channels
    b: object = other.channels
    if _places(other, usual.channels):
        what, a, b = "pixel type", usual.dtype, other.dtype
    return FoveaError(
        f"{other.files[0]}: its {what} ({b}) differ from those of {usual.files[0]} ({a}); "
        "positions of one input must be alike; make them two datasets"
    )
