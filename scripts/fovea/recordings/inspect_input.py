"""Inspection of an input: `metadata.yaml` records what its files state.

It holds nothing else: no parameter, no absolute path and no time of writing, so that the same
input gives the same bytes and nothing runs again without need.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fovea.config.inputs import masks_left_out
from fovea.config.words import flow
from fovea.errors import FoveaError
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import read_text
from fovea.jobs.resources import NO_METADATA

if TYPE_CHECKING:
    from fovea.recordings.readers.info import FieldInfo, RecordingInfo

LOG = logging.getLogger("fovea")
DECIMALS = 6  # of times in seconds


def inspect_input(
    source: Any,
    target: str | os.PathLike[str],
    *,
    log: logging.Logger = LOG,
    base: str | os.PathLike[str] = ".",
) -> None:
    """Write `metadata.yaml` for an input.

    Parameters
    ----------
    source : str, list or dict
        The config's `input`.
    target : path
        The file to write.
    log : Logger
        Receives what was found.
    base : path
        Directory that relative inputs start from.

    Raises
    ------
    FoveaError
        If the input cannot be read, or was modified in the future.
    """
    from fovea.recordings.fingerprint import check_clock, fingerprint
    from fovea.recordings.layouts import masks_as_fields, planes_as_fields
    from fovea.recordings.readers import open_recording

    with open_recording(source, base=base) as recording:
        check_clock(source, base)
        info = recording.info
        text = metadata_text(info, fingerprint(source, base))
        info.left_out = [*info.left_out, *masks_left_out(source, base)]
        doubts = planes_as_fields(info, base), masks_as_fields(info)
    log_info(info, log)
    for doubt in filter(None, doubts):
        log.warning("%s", doubt)
    with whole_file(target, checked=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def metadata_text(info: RecordingInfo, about: dict[str, Any] | None = None) -> str:
    """Return the text of `metadata.yaml`: YAML, one line per field of view.

    `about` is the `fovea.recordings.fingerprint.fingerprint` of the input.
    """
    times = [_compact_times(field) for field in info.fields]
    common = times[0] if all(t == times[0] for t in times) else None
    head: dict[str, Any] = {
        "format": info.format,
        "files": [_relative(file) for file in info.files],
        "dtype": info.dtype,
        "channels": info.channels,
        "pixel_size_um": info.pixel_size_um,
        "notes": [_without_paths(note, info.files) for note in info.notes],
        "fov_count": len(info.fields),
    }
    if about is not None:
        head["recording"] = about
    counts = info.fields_per_file
    if counts is not None:
        head["fields_per_file"] = counts[0] if len(set(counts)) == 1 else counts
    bits = info.significant_bits
    if bits is not None and bits < 8 * (1 + (info.dtype == "uint16")):
        head["significant_bits"] = bits
    if common is not None:
        head["times"] = common
    frames = [_channel_texts(field.channel_frames) for field in info.fields]
    alike = all(texts == frames[0] for texts in frames)
    if alike and frames[0] is not None:
        head["channel_frames"] = frames[0]
    lines = [f"{key}: {flow(value)}" for key, value in head.items()]
    lines.append("fields:")
    for field, own, recorded in zip(info.fields, times, frames, strict=True):
        keys = "name", "height", "width", "planes", "frames", "planned_frames"
        entry: dict[str, Any] = {key: getattr(field, key) for key in keys}
        if field.error is not None:
            entry["error"] = _without_paths(field.error, info.files)
        if field.missing:
            entry["missing"] = list(field.missing)
        if recorded is not None and not alike:
            entry["channel_frames"] = recorded
        if field.channel_planes is not None:
            entry["channel_planes"] = _channel_texts(field.channel_planes)
        entry["stage_position_um"] = field.stage_position_um
        if common is None:
            entry["times"] = own
        lines.append(f"- {flow(entry)}")
    return "\n".join(lines) + "\n"


def _channel_texts(numbers: Sequence[Sequence[int]] | None) -> list[str] | None:
    """Return the frames or planes of each channel as ranges, such as ``0-3, 7``."""
    from fovea.recordings.readers.info import ranges

    return None if numbers is None else [ranges(row) for row in numbers]


def _relative(file: str) -> str:
    """Return a relative path as given, and of an absolute one its last part, as inputs may move."""
    return os.path.basename(os.path.normpath(file)) if os.path.isabs(file) else file


def _without_paths(note: str, files: list[str]) -> str:
    for file in files:
        if os.path.isabs(file):
            note = note.replace(file, _relative(file))
    return note


def _compact_times(field: FieldInfo) -> dict[str, Any]:
    """Return times as start and interval if they are regular, else as numbers in a string.

    A string, because a YAML reader takes ten times as long for a list of numbers.
    """
    if field.times is None:
        return {"source": "none"}
    rows = [[round(t, DECIMALS) + 0.0 for t in row] for row in field.times]
    if len(rows) == 1:
        row = rows[0]
        interval = round(row[1] - row[0], DECIMALS) if len(row) > 1 else None
        if interval is None:
            return {"source": field.times_source, "start": row[0]}
        if all(round(row[0] + n * interval, DECIMALS) == t for n, t in enumerate(row)):
            return {"source": field.times_source, "start": row[0], "interval": interval}
    texts = [" ".join(f"{t:.{DECIMALS}f}".rstrip("0").rstrip(".") for t in row) for row in rows]
    return {"source": field.times_source, "values": texts[0] if len(texts) == 1 else texts}


def log_info(info: RecordingInfo, log: logging.Logger) -> None:
    """Log what an input holds, and a warning for each remark."""
    from fovea.recordings.layouts import groups_of
    from fovea.recordings.readers.checks import list_channels
    from fovea.recordings.readers.info import ranges, slices_note

    shapes = sorted({(f.height, f.width) for f in info.fields})
    frames = sorted({f.frames for f in info.fields})
    log.info(
        "read %s (%s): %d fields of view of %s pixels, %s frames, channels %s, %s",
        info.files[0] if len(info.files) == 1 else f"{len(info.files)} files", info.format,
        len(info.fields), ", ".join(f"{h} x {w}" for h, w in shapes), ranges(frames),
        list_channels(info.channels), info.dtype,
    )  # fmt: skip
    if info.pixel_size_um is None:
        log.info("the input does not state its pixel size")
    log.info("times: %s", ", ".join(sorted({f.times_source for f in info.fields})))
    for note in (*info.notes, slices_note(info)):
        if note:
            log.warning("%s", note)
    if info.left_out:
        log.info("left out of the folder: %s", groups_of(info.left_out))


def load_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read `metadata.yaml`. Times stay compact; `times.frame_times` expands them.

    Raises
    ------
    FoveaError
        If the file is none that `inspect_input` wrote.
    """
    import yaml

    text = read_text(path)
    try:
        found = yaml.load(text, Loader=yaml.CSafeLoader)
        found["fields"] = [*(found["fields"] or [])]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise FoveaError(NO_METADATA.format(path)) from error
    return _Metadata(path, found)


class _Metadata(dict):
    """Content of a file of metadata, which says what is wrong where it lacks a key."""

    def __init__(self, path: str | os.PathLike[str], found: dict[str, Any]) -> None:
        super().__init__(found)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise FoveaError(NO_METADATA.format(self.path))


def fov_count(path: str | os.PathLike[str]) -> int:
    """Return the number of fields of view in a `metadata.yaml` without parsing all of it."""
    count = re.search(r"^fov_count: (\d+)$", read_text(path), re.M)
    if count:
        return int(count[1])
    raise FoveaError(NO_METADATA.format(path))
