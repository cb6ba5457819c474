"""Description of recordings for people, with the lines of a config that read them."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fovea.config.inputs import masks_left_out
from fovea.config.words import flow
from fovea.errors import FoveaError
from fovea.recordings.readers.info import FieldInfo, RecordingInfo, ranges, slices_note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fovea.recordings.readers.base import Recording

PHASE_WORDS = ("phase", "phaco", "bright", "dic", "transm", "ph1", "ph2", "ph3")
#: These count as words of their own only.
PHASE_NAMES = {"pc", "ph", "phc", "bf", "tl", "trans", "dia", "mono"}
FLUORESCENCE_WORDS = (
    "gfp", "rfp", "yfp", "cfp", "bfp", "mcherry", "cherry", "tomato", "venus", "scarlet", "ruby",
    "turquoise", "cerulean", "citrine", "dapi", "hoechst", "fitc", "tritc", "texas", "alexa", "cy3",
    "cy5", "sytox", "fluo", "gcamp", "kate", "neon", "crimson", "rhodamine", "fam", "draq",
)  # fmt: skip


def describe(
    source: Any,
    base: str | os.PathLike[str] = ".",
    suggest: Callable[[Recording, int | None], list[str]] | None = None,
    guess: Callable[[Recording], int | None] | None = None,
) -> str:
    """Return what an input holds, and a config for it, as text.

    Parameters
    ----------
    source : str, list or dict
        As `input` in the config.
    base : path
        Directory that relative paths start from.
    suggest : callable, optional
        Gives the lines of the config below the dataset, from the recording and its phase contrast.
    guess : callable, optional
        Finds the phase contrast in the images, where no name tells it.

    Raises
    ------
    FoveaError
        If it cannot be read.
    """
    from fovea.recordings.layouts import (
        groups_of,
        masks_as_fields,
        planes_as_fields,
        recognise,
    )
    from fovea.recordings.readers import open_recording

    known = recognise(os.fspath(source), base) if isinstance(source, (str, os.PathLike)) else None
    source = known.source if known else source
    with open_recording(source, base=base) as recording:
        info = recording.info
        info.left_out = [*info.left_out, *masks_left_out(source, base)]
        notes = [
            _wildcard(info.files),
            *info.notes,
            slices_note(info),
            planes_as_fields(info, base),
            masks_as_fields(info),
        ]
        lines = [
            f"{_files(info.files)}: {info.format}, {info.dtype}",
            *([f"  names            {known.about}"] if known else []),
            *_fields(info),
            f"  channels         {_channels(info.channels)}",
            f"  pixel size       {_pixel_size(info)}",
            *_times(info.fields),
            *(f"  note             {note}" for note in notes if note),
            *([f"  left out         {groups_of(info.left_out)}"] if info.left_out else []),
        ]
        phase, seen = guess_phase(info.channels), None
        if phase is None and guess is not None:
            phase = seen = guess(recording)
        lines += ["", "In config/config.yaml:", "", *snippet(source, info, phase, seen is not None)]
        if suggest is not None:
            lines += suggest(recording, phase)
    return "\n".join(lines)


def _wildcard(files: Sequence[str]) -> str | None:
    """Return what the check of the config will say of braces in paths, or None."""
    from fovea.config.validation import check_wildcards

    try:
        check_wildcards(files)
    except FoveaError as error:
        return str(error)
    return None


def _files(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{len(files)} files, {files[0]} to {files[-1]}"


def _fields(info: RecordingInfo) -> list[str]:
    """List the fields of view, those of equal size and length in one line."""
    groups: dict[tuple[int, ...], list[FieldInfo]] = {}
    for field in info.fields:
        key = (field.frames, field.planned_frames, field.height, field.width, field.planes)
        groups.setdefault(key, []).append(field)
    count = len(info.fields)
    lines = [f"  fields of view   {count}{_names(info.fields)}"]
    for (frames, planned, height, width, planes), fields in groups.items():
        who = "" if len(groups) == 1 else f"{ranges([f.index for f in fields])}: "
        short = f" of {planned} planned" if frames < planned else ""
        depth = f", {planes} z planes" if planes > 1 else ""
        lines.append(f"  frames           {who}{frames}{short}, {height} x {width} pixels{depth}")
    return lines


def _names(fields: Sequence[FieldInfo]) -> str:
    names = [field.name for field in fields]
    if names == [f"Position {n}" for n in range(len(names))]:
        return ""
    shown = names if len(names) <= 6 else [*names[:3], "...", names[-1]]
    return f" ({', '.join(shown)})"


def _channels(channels: Sequence[str]) -> str:
    return ", ".join(f'{index} "{name}"' for index, name in enumerate(channels))


def _pixel_size(info: RecordingInfo) -> str:
    size = info.pixel_size_um
    if size is None:
        return "not stated in the file"
    if size["x"] == size["y"]:
        return f"{size['x']:.6g} micrometer"
    return f"{size['x']:.6g} (x), {size['y']:.6g} (y) micrometer"


def _times(fields: Sequence[FieldInfo]) -> list[str]:
    """Describe the times of the first field of view that has several frames."""
    words = {"stamps": "acquisition times", "nominal": "nominal times (from an interval)"}
    field = next((f for f in fields if f.times and len(f.times[0]) > 1), None)
    if field is None or field.times is None:
        single = all(f.frames <= 1 for f in fields)
        text = "one frame each" if single else "not stated in the file; set time.interval"
        return [f"  times            {text}"]
    row = field.times[0]
    steps = [b - a for a, b in pairwise(row)]
    mean = (row[-1] - row[0]) / len(steps)
    spread = "" if max(steps) - min(steps) < 1e-6 else (
        f" ({_duration(min(steps))} to {_duration(max(steps))})"
    )  # fmt: skip
    text = f"every {_duration(mean)}{spread}, over {_duration(row[-1] - row[0])}"
    return [f"  times            {words[field.times_source]}: {text}"]


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def snippet(
    source: Any, info: RecordingInfo, phase: int | None, by_light: bool = False
) -> list[str]:
    """Return the lines of a dataset in the config.

    `phase` is its phase-contrast channel, and `by_light` says that no name told it.
    """
    lines = ["datasets:", f"  {dataset_name(info.files[0])}:", f"    input: {flow(source)}"]
    lines.append("    channels:")
    if phase is None:
        lines.append("      pc: null  # no name tells which channel shows the cells: set its index")
    else:
        only = (
            "  # the only channel" if len(info.channels) == 1 else "  # by its brightness: check it"
        )
        entry = flow(_entry(info.channels, phase, "area"))
        lines.append(f"      pc: {entry}" + (only if by_light else ""))
    others = [index for index in range(len(info.channels)) if index != phase]
    lines.append("      fl:" if others else "      fl: []")
    lines += [f"        - {flow(_entry(info.channels, i, 'intensity_total'))}" for i in others]
    if any(field.planes > 1 for field in info.fields):
        lines.append("    z: max" + ("  # see the note on slices" if slices_note(info) else ""))
    empty = [field.index for field in info.fields if not field.frames]
    if empty:
        lines.append(f"    exclude_fovs: {empty}")
    if any(field.times is None for field in info.fields if field.frames > 1):
        lines.append(
            "    time: {interval: null, unit: min}  # not in the file: put the interval for null"
        )
    return lines


def _entry(channels: Sequence[str], index: int, feature: str) -> dict[str, Any]:
    named = channels[index] != f"Channel {index}"  # which Fovea calls channels without a name
    return {"channel": index, **({"name": channels[index]} if named else {}), "features": [feature]}


def guess_phase(channels: Sequence[str]) -> int | None:
    """Return the first channel whose name suggests transmitted light, or None."""
    for index, name in enumerate(channels):
        word = name.lower()
        own = PHASE_NAMES & set(re.split(r"[^a-z0-9]+", word))
        if own or any(part in word for part in PHASE_WORDS):
            return index
    return None


def is_fluorescence(name: str) -> bool:
    """Return whether a channel's name is that of a fluorophore or a laser line."""
    word = name.lower()
    return any(part in word for part in FLUORESCENCE_WORDS) or bool(re.search(r"\d{3} ?nm", word))


def dataset_name(file: str) -> str:
    """Make a name for a dataset out of a file's: letters, digits, `_` and `-`."""
    stem = os.path.basename(os.path.normpath(file)).split(".")[0]
    stem = re.sub(r"\{[^{}]*\}|[*?]", "", stem)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    return name if name and name not in ("merged", "analysis", "report") else "recording"
