"""Descriptions of recordings and of their fields of view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from fovea.recordings.readers.checks import reading

if TYPE_CHECKING:
    import numpy as np


class _Lazy:
    """A field of a dataclass that is read from the file on its first use.

    `loader` is the name of an attribute of the owner: a function that sets this field, or None.
    """

    def __init__(self, loader: str, default: object) -> None:
        self.loader, self.default = loader, default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"_{name}"

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self.default
        load = getattr(owner, self.loader)
        if load is not None:
            setattr(owner, self.loader, None)
            with reading(owner.source):
                load()
        return getattr(owner, self.name)

    def __set__(self, owner: Any, value: object) -> None:
        setattr(owner, self.name, value)


@dataclass
class FieldInfo:
    """One field of view.

    `frames` counts the frames that at least one channel has. `planned_frames` is the number that
    the file announces, and `missing` are the planned numbers of frames that do not exist although
    later ones do. `channel_frames` has, for each channel, the indices into the existing frames
    in which it was recorded; it is None if every channel has all of them. `channel_planes` has,
    for each channel, its z planes; it is None if every channel has all `planes`. `times` are in
    seconds: one list of `frames` values for all channels, or one list per channel, NaN in frames
    that the channel lacks. `times_source` is ``"stamps"`` (acquisition times), ``"nominal"`` (from
    an interval) or ``"none"``. `load_frames` and `load_times` are functions of the reader that set
    these attributes when one of them is first used.
    """

    index: int  # number of the field in the recording, from 0
    name: str  # in the file, or "Position <index>"
    height: int  # of a plane in pixels
    width: int
    planes: int = 1  # along z
    stage_position_um: dict[str, float] | None = None  # x, y, and z where the file has it
    frames: int = _Lazy("load_frames", 0)  # type: ignore[assignment]
    planned_frames: int = _Lazy("load_frames", 0)  # type: ignore[assignment]
    missing: tuple[int, ...] = _Lazy("load_frames", ())  # type: ignore[assignment]
    channel_frames: tuple[tuple[int, ...], ...] | None = _Lazy("load_frames", None)  # type: ignore[assignment]
    channel_planes: tuple[tuple[int, ...], ...] | None = _Lazy("load_frames", None)  # type: ignore[assignment]
    times: list[list[float]] | None = _Lazy("load_times", None)  # type: ignore[assignment]
    times_source: str = _Lazy("load_times", "none")  # type: ignore[assignment]
    error: str | None = None  # why it cannot be read, where other fields can
    source: ClassVar[str] = "the input"  # for messages
    load_frames: ClassVar[Callable[[], None] | None] = None
    load_times: ClassVar[Callable[[], None] | None] = None

    @property
    def frame_numbers(self) -> list[int]:
        """Planned number of each existing frame, ascending."""
        gaps = set(self.missing)
        return [n for n in range(self.frames + len(gaps)) if n not in gaps]

    def set_existing(self, exists: np.ndarray, recorded: np.ndarray | None = None) -> None:
        """Set what exists from one flag per planned plane.

        A channel's own z planes are those that were recorded in any frame of the field. A channel
        has a frame in which all its own planes are whole, and a frame exists if any channel has
        it. Frames at the end of which planes that were recorded are not whole are left out, as
        the file is cut off there.

        Parameters
        ----------
        exists : (T, C, Z) bool
            Whether the plane is whole, for every planned frame, channel and z plane.
        recorded : (T, C, Z) bool, optional
            Whether the file announces the plane; without it, those that exist.
        """
        recorded = exists if recorded is None else recorded
        own = recorded.any(axis=0)
        has = (exists | ~own).all(axis=2) & own.any(axis=1)
        cut = (recorded & ~exists).any(axis=(1, 2)).tolist()
        numbers = has.any(axis=1).nonzero()[0].tolist()
        while numbers and cut[numbers[-1]]:
            numbers.pop()
        self.planned_frames, self.frames = len(exists), len(numbers)
        last = numbers[-1] if numbers else 0
        self.missing = tuple(sorted(set(range(last)) - set(numbers)))
        rows = has[numbers].T
        self.channel_frames = None if rows.all() else _indices(rows)
        self.channel_planes = None if own.all() else _indices(own)

    def has_frame(self, channel: int, index: int) -> bool:
        """Return whether a channel was recorded in an existing frame, given by its index."""
        return self.channel_frames is None or index in self.channel_frames[channel]

    def frames_of(self, channel: int) -> Sequence[int]:
        """Return the indices of the existing frames in which a channel was recorded."""
        return range(self.frames) if self.channel_frames is None else self.channel_frames[channel]

    def planes_of(self, channel: int) -> Sequence[int]:
        """Return the z planes in which a channel was recorded."""
        return range(self.planes) if self.channel_planes is None else self.channel_planes[channel]


def _indices(flags: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Return the places of the true values in each row."""
    return tuple(tuple(row.nonzero()[0].tolist()) for row in flags)


@dataclass
class RecordingInfo:
    """Description of an input.

    `start_s` is the reading of the file's clock at time 0 of `times`, in seconds; None without a
    clock. `fields_per_file` tells how many fields each file holds, where files are independent of
    one another. `left_out` are files in the folders of the input that are none of its images.
    `zero_channels` show nothing in any plane, in a format that stores zeros for planes that were
    not recorded; they are known when the times are.
    """

    format: str  # its name for people
    files: list[str]  # as the config names them
    dtype: str  # "uint8" or "uint16"
    channels: list[str]  # names; "Channel <index>" where the file has none
    pixel_size_um: dict[str, float] | None  # {"y", "x"}; None where the file does not say
    fields: list[FieldInfo]
    remarks: list[str] = field(default_factory=list)  # of the reader for people; see `notes`
    start_s: float | None = None
    fields_per_file: list[int] | None = None
    left_out: list[str] = field(default_factory=list)
    zero_channels: list[int] = field(default_factory=list)
    significant_bits: int | None = None  # of a pixel, where the file states them

    @property
    def notes(self) -> list[str]:
        """Remarks for people: missing frames, assumptions, time stamps that were not used."""
        for info in self.fields:
            _ = info.times  # reading frames and times may add remarks
        return [
            *self.remarks,
            *incomplete_notes(self.fields),
            *channel_notes(self.fields, self.channels),
        ]


def incomplete_notes(fields: Sequence[FieldInfo]) -> list[str]:
    """Say which fields have fewer frames than planned, one line for each distinct count."""
    groups: dict[tuple[int, int, tuple[int, ...]], list[int]] = {}
    for info in fields:
        if info.frames < info.planned_frames:
            key = (info.frames, info.planned_frames, info.missing)
            groups.setdefault(key, []).append(info.index)
    notes = []
    for (frames, planned, missing), indices in groups.items():
        who = _fields_text(indices, len(fields))
        gaps = f" (missing in between: {ranges(missing)})" if missing else ""
        exist = "exists" if frames == 1 else "exist"
        notes.append(f"incomplete: {frames} of {planned} planned frames {exist} in {who}{gaps}")
    return notes


def channel_notes(fields: Sequence[FieldInfo], channels: Sequence[str]) -> list[str]:
    """Say which channels lack frames or z planes, one line for each distinct set."""
    groups: dict[tuple[int, str], list[int]] = {}
    for info in fields:
        for channel, name in enumerate(channels):
            frames, planes = info.frames_of(channel), info.planes_of(channel)
            who = f'channel {channel} "{name}" was recorded'
            texts = []
            if len(frames) < info.frames:
                which = f" ({_brief_ranges(frames)})" if frames else ""
                texts.append(f"{who} in {len(frames)} of {info.frames} frames{which}")
            if 0 < len(planes) < info.planes and frames:
                texts.append(f"{who} in {len(planes)} of {info.planes} z planes ({ranges(planes)})")
            for text in texts:
                groups.setdefault((channel, text), []).append(info.index)
    return [
        f"{text} in {_fields_text(indices, len(fields))}"
        for (_, text), indices in sorted(groups.items(), key=lambda group: group[0][0])
    ]


def _fields_text(indices: Sequence[int], count: int) -> str:
    everyone = len(indices) == count
    return "every field of view" if everyone else f"field of view {ranges(indices)}"


def slices_note(info: RecordingInfo) -> str | None:
    """Say how to read a TIFF of z planes as a time series, which ImageJ often saves so; or None."""
    planes = max((field.planes for field in info.fields), default=1)
    frames = max((field.planned_frames for field in info.fields), default=1)
    if not info.format.endswith("TIFF") or planes < 2 or frames > 1:
        return None
    axes = "TYX" if len(info.channels) == 1 else "TCYX"
    file = info.files[0] if len(info.files) == 1 else "…"
    return (
        f"1 frame of {planes} z planes; if these are time points that were saved as slices, set "
        f"`input: {{files: {file}, axes: {axes}}}`"
    )


def _brief_ranges(numbers: Sequence[int]) -> str:
    parts = ranges(numbers).split(", ")
    return ", ".join(parts if len(parts) <= 9 else [*parts[:4], "...", parts[-1]])


def ranges(numbers: Sequence[int]) -> str:
    """Write ascending integers as ranges: ``0-3, 7``."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and n == parts[-1][1] + 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)
