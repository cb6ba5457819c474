"""Folders of TIFF files: one for each plane, or one for each time series or z stack."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fovea.config.folders import Found, find_source, left_for_a_name
from fovea.config.inputs import PICTURES, natural_sorted
from fovea.config.patterns import Match
from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.companions import channel_names
from fovea.recordings.readers.info import FieldInfo, RecordingInfo, ranges
from fovea.recordings.readers.tiff.about import pixel_size
from fovea.recordings.readers.tiff.files import FileStack, Plane
from fovea.recordings.readers.tiff.pages import TiffSource, check_page
from fovea.recordings.readers.tiff.stack import TiffStacksRecording


class PatternRecording(TiffStacksRecording):
    """The files that a pattern or a layout describes, see `fovea.config.folders.find_source`."""

    def __init__(self, source: Mapping[str, Any], base: str | os.PathLike[str] = ".") -> None:
        self.source = source.get("pattern") or source["folder"]
        self._base = os.fspath(base)
        self._repeats: dict[tuple[int, str], list[int]] = {}
        self._notes: list[str] = []
        self._errors: dict[int, FoveaError] = {}
        super().__init__()
        with self.closed_on_error():
            found = find_source(dict(source), base)
            if "pattern" in source and (text := left_for_a_name(found.pattern, found.left)):
                self._note(text)
            names = channel_names(source.get("layout", ""), found.left, base)
            self.info = self._describe(found, names)
            self.info.left_out = found.left

    def _describe(self, found: Found, known: Mapping[int, str]) -> RecordingInfo:
        matches, pattern = found.matches, found.pattern
        if matches[0].path.lower().endswith(PICTURES):
            raise FoveaError(
                f"{matches[0].path}: single images are read from TIFF files; save the images as "
                "TIFF of 8 or 16 bits, for example with Fiji, and not as PNG or JPEG"
            )
        fields: dict[str, list[Match]] = {}
        names: dict[str, str] = {}
        for m in matches:
            name = names.setdefault(_plain(m.fov), m.fov or "")
            fields.setdefault(name, []).append(m)
        keys = natural_sorted({_channel(m) for m in matches})
        place = {key: i for i, key in enumerate(keys)}
        by_clock = matches[0].frame is None and matches[0].seconds is not None
        frames = _axis(m.frame for m in matches)
        planes = _axis(m.z for m in matches)
        together = by_clock and _one_clock(fields.values())
        clock = _ranks(matches) if together else {}
        stacks: list[FileStack] = []
        for name in natural_sorted(fields):
            own = fields[name]
            ranks = _ranks(own) if by_clock and not together else clock
            files: dict[Plane, str] = {}
            seconds: dict[Plane, float] = {}
            for m in own:
                t = ranks[_channel(m), m.seconds] if by_clock else frames[m.frame]
                key = (t, place[_channel(m)], planes[m.z])
                if key in files:
                    raise FoveaError(
                        f"input: pattern {pattern!r} takes {files[key]} and {m.path} for the same "
                        "image; write a pattern with a placeholder where they differ"
                    )
                files[key] = m.path
                if m.seconds is not None:
                    seconds[key] = m.seconds
            count = max(ranks.values()) + 1 if by_clock else max(frames.values()) + 1
            sizes = (count, len(keys), max(planes.values()) + 1)
            has = [by_clock or matches[0].frame is not None, any(m.z is not None for m in matches)]
            try:
                stacks.append(self._stack(files, name, sizes, has, seconds))
            except FoveaError as error:
                self._errors[len(stacks)] = error
                stacks.append(FileStack(self.source, name, 0, 0, "", sizes, base=self._base))
        good = [stack for i, stack in enumerate(stacks) if i not in self._errors]
        if not good:
            raise self._errors[0]
        for i in self._errors:  # its number is kept, and its size is that of the others
            stacks[i] = replace(good[0], name=stacks[i].name, files={}, seconds={})
        self._stacks = stacks
        words = _channel_names(matches, keys, pattern, known)
        for stack in self._stacks:
            stack.channels = words
        info = self.describe_stacks("TIFF files", [self.source], self._notes)
        for field in info.fields:
            self._find_error(field)
        return info

    def nothing_there(self) -> FoveaError:
        """Return the error of the first field of view that cannot be read, if there is one."""
        return self._errors[min(self._errors)] if self._errors else super().nothing_there()

    def _find_frames(self, info: FieldInfo) -> None:
        """Find the frames of a field; one that cannot be read fails alone, and is named."""
        try:
            super()._find_frames(info)
        except FoveaError as error:
            self._errors.setdefault(info.index, error)
        self._find_error(info)

    def _find_error(self, info: FieldInfo) -> None:
        if info.index in self._errors and info.error is None:
            info.error = str(self._errors[info.index])
            self._note(f"field of view {info.index} cannot be used: {info.error}")

    def _stack(
        self,
        files: dict[Plane, str],
        name: str,
        sizes: tuple[int, int, int],
        has: list[bool],
        seconds: dict[Plane, float],
    ) -> FileStack:
        """Describe a field of view by its first file that can be read."""
        file, source, page, dtype = self._first_readable([files[key] for key in sorted(files)])
        inner = ""
        one = source.count <= 1 and source.tif.is_imagej
        about = (source.tif.imagej_metadata or {}) if source.tif.is_imagej else {}
        if source.count > 1 or (one and int(about.get("images", 1)) > 1):
            if int(about.get("channels", 1)) > 1:
                raise FoveaError(
                    f"{file}: holds several channels; name the files without a pattern, as "
                    "`input: {files: …}`, or save each channel as a file of its own"
                )
            if all(has):
                raise FoveaError(
                    f"{file}: holds several images, but the pattern {self.source!r} leaves no axis "
                    "for them; leave out {frame} or {z}"
                )
            inner, what = ("Z", "z planes") if has[0] else ("T", "frames")
            deep = all(int(about.get(key, 1)) > 1 for key in ("frames", "slices"))
            if deep and not any(has):
                inner, what = "TZ", "frames and z planes"
            self._note(f"the images within each file are taken as {what}")
        stack = FileStack(
            file, name, page.imagelength, page.imagewidth, dtype, sizes,
            pixel_size_um=pixel_size(page, str(about.get("unit", ""))), base=self._base,
            files=files, inner=inner, seconds=seconds,
        )  # fmt: skip
        if inner:
            parts = [stack.part(self._sources, f).sizes for f in files.values()]
            most = [max(size[axis] for size in parts) for axis in (0, 2)]
            t, c, z = sizes
            stack.sizes = (most[0] if "T" in inner else t, c, most[1] if "Z" in inner else z)
        return stack

    def _first_readable(self, files: list[str]) -> tuple[str, TiffSource, Any, str]:
        """Return the first file that can be read, with its page and its pixel type."""
        first: FoveaError | None = None
        for file in files:
            try:
                source = self._sources.get(join(self._base, file), file)
                page = source.page(0)
                return file, source, page, check_page(source, page)
            except FoveaError as error:
                first = first or error
        assert first is not None
        raise first

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which planes are whole, and which were recorded: repeated ones were not."""
        stack = self._stacks[fov]
        there = stack.existing(self._sources)
        again = stack.repeated(self._sources, there)
        self._sources.release()
        for c in np.flatnonzero(again.any(axis=(0, 2))).tolist():
            frames = ranges(np.flatnonzero(again[:, c].any(axis=1)).tolist())
            fields = self._repeats.setdefault((c, frames), [])
            if fov not in fields:
                self._set_repeats(c, frames, sorted([*fields, fov]))
        return there & ~again, stack.recorded() & ~again

    def _set_repeats(self, channel: int, frames: str, fields: list[int]) -> None:
        """Note which frames of a channel repeat the one before, in one line for all fields."""
        start = f"channel {channel} was not recorded in frames {frames}: their files repeat the "
        start += "pixels and the time stamp of the frame before"
        self._repeats[channel, frames] = fields
        kept = [note for note in self._notes if not note.startswith(start)]
        self._notes[:] = [*kept, f"{start} (field of view {ranges(fields)})"]

    def stamps(self, info: FieldInfo) -> np.ndarray | None:
        """Return (C, T) times in seconds that the files' names or the files state, if they do."""
        stack = self._stacks[info.index]
        if info.error is not None:
            return None
        firsts: dict[tuple[int, int], Plane] = {}
        for t, c, z in sorted(stack.files):
            firsts.setdefault((c, t), (t, c, z))
        values = None
        if not stack.inner and np.isfinite(stack.time_of(self._sources, min(stack.files))):
            values = np.full((stack.sizes[1], info.frames), np.nan)
            for i, t in enumerate(info.frame_numbers):
                for c in range(stack.sizes[1]):
                    if (c, t) in firsts:
                        values[c, i] = stack.time_of(self._sources, firsts[c, t])
        self._sources.release()
        return values


def _plain(name: str | None) -> str:
    """Return the name of a field with its numbers without leading zeros."""
    return re.sub(r"0*([0-9]+)", r"\1", name or "")


def _channel(match: Match) -> str:
    """Return what tells a channel from others: its number or name, and its label."""
    channel = match.channel or ""
    number = str(int(channel)) if channel.isdigit() else channel
    return f"{number}\n{match.label or ''}"


def _channel_names(
    matches: list[Match], keys: list[str], pattern: str, known: Mapping[int, str]
) -> list[str | None]:
    """Return the names of channels; None for those that are numbered from 0 or from 1 on.

    `known` are names by number that stand beside the images.
    """
    parts = [key.split("\n") for key in keys]
    given = [known.get(int(text)) if text.isdigit() else None for text, _ in parts]
    if all(given) and len(set(given)) == len(keys):
        return given
    for texts in ([label for _, label in parts], [text for text, _ in parts]):
        clean = [text.strip(" -_") for text in texts]
        if all(clean) and len(set(clean)) == len(keys) and not all(t.isdigit() for t in clean):
            return list(clean)
    numbers = [text for text, _ in parts]
    if len(set(numbers)) < len(keys):
        return [f"{label} {text}".strip() for text, label in parts]
    if not all(text.isdigit() for text in numbers):
        return [None if text.isdigit() else text or None for text in numbers]
    if [int(text) for text in numbers] in (list(range(len(keys))), list(range(1, len(keys) + 1))):
        return [None] * len(keys)
    before = re.search(r"((?<![A-Za-z])(?:c|ch|w|wv|channel))[_ -]?\{channel", pattern, re.I)
    return [f"{before.group(1) if before else 'channel '}{text}" for text in numbers]


def _axis(values: Iterable[int | None]) -> dict[int | None, int]:
    """Number the values of a placeholder from 0, in steps of their common difference.

    An image without the number, as one of a channel without z planes, counts as the first.
    """
    given = sorted({v for v in values if v is not None})
    if not given:
        return {None: 0}
    step = math.gcd(*(v - given[0] for v in given)) or 1
    return {None: 0, **{v: (v - given[0]) // step for v in given}}


def _ranks(matches: list[Match]) -> dict[tuple[str, float | None], int]:
    """Number the frames of files whose names hold times: channel and time to frame.

    Channels that were recorded as often, one after the other, have times of their own.
    """
    times: dict[str, set[float]] = {}
    for m in matches:
        times.setdefault(_channel(m), set()).add(m.seconds or 0.0)
    union = sorted(set().union(*times.values()))
    apart = len(union) == sum(map(len, times.values()))
    if apart and len(set(map(len, times.values()))) == 1:
        return {(c, s): i for c, own in times.items() for i, s in enumerate(sorted(own))}
    return {(c, s): i for c in times for i, s in enumerate(union)}


def _one_clock(fields: Iterable[list[Match]]) -> bool:
    """Return whether the fields share their times, as those of one plate that is scanned."""
    own = [{m.seconds for m in matches} for matches in fields]
    return len(set().union(*own)) < 1.5 * max(map(len, own))
