"""Suggest parameters for a recording: what `fovea describe` prints below its datasets."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from fovea.config.limits import half_cell, least_frames
from fovea.config.phase_tuning import NETWORKS
from fovea.config.presets import PRESETS
from fovea.config.words import flow
from fovea.errors import FoveaError, counted
from fovea.jobs.threads import processors
from fovea.recordings.describe import dataset_name, is_fluorescence
from fovea.recordings.sample import Sampled, sample_frames
from fovea.segmentation.phase import advice
from fovea.segmentation.phase.choose import Choice, choose

if TYPE_CHECKING:
    from fovea.recordings.readers.base import Recording
    from fovea.recordings.readers.info import RecordingInfo

#: Of transmitted light the background lies well inside the range of brightness; fluorescence is
#: bright on a dark background. From this share of the range on, a channel is taken for the former.
_LEVEL = 0.25
_PYAMA = "  # PyAMA's logstd is for large cells well apart on an even ground: preset: pyama"
#: Cells touch, are missed in single frames, and the stage jumps (docs/accuracy.md).
_TRACKING = {"method": "lap", "max_gap": 2, "max_merge": 8}


def guess_phase_by_light(recording: Recording) -> int | None:
    """Return the channel that looks most like transmitted light, or None.

    It is asked where no name tells; channels with the name of a fluorophore are left out.
    """
    levels = {}
    for channel, name in enumerate(recording.info.channels):
        if is_fluorescence(name):
            continue
        try:
            frames = sample_frames(recording, channel, _z(recording.info), count=3)
        except FoveaError:
            continue
        shares = []
        for sampled in frames:
            low, middle, high = np.percentile(sampled.image[::2, ::2], (0.5, 50, 99.5))
            shares.append((middle - low) / max(high - low, 1e-9))
        if shares:
            levels[channel] = float(np.median(shares))
    best = max(levels, key=lambda channel: levels[channel], default=None)
    return best if best is not None and levels[best] >= _LEVEL else None


def suggest(recording: Recording, phase: int | None) -> list[str]:
    """Return the lines of a config with parameters, samples and an example of an analysis.

    Parameters
    ----------
    recording : Recording
        Open.
    phase : int or None
        Its phase-contrast channel.
    """
    info = recording.info
    return [*_parameters(recording, phase), *_samples(info), *_analysis(info, phase)]


def _z(info: RecordingInfo) -> int | str:
    return "max" if any(field.planes > 1 for field in info.fields) else 0


def _parameters(recording: Recording, phase: int | None) -> list[str]:
    if phase is None:
        return []
    sampled: list[Sampled] = []
    try:
        sampled = sample_frames(recording, phase, _z(recording.info))
        choice = choose([s.image for s in sampled], threads=min(8, processors()))
        problem = "no cells could be told"
    except FoveaError as error:
        choice, problem = None, f"no frame can be read ({error})"
    frames = max((len(field.frames_of(phase)) for field in recording.info.fields), default=1)
    least = least_frames(frames)
    if choice is None:
        return [
            "params:",
            f"  # In {counted(len(sampled), 'frame')} of channel {phase}, {problem}. Look at the",
            "  # picture of `fovea preview --mode adherent --cell-diameter 40`, also with other",
            "  # values; set:",
            "  # segmentation: {method: phase, mode: adherent, cell_diameter: 40}",
            f"  tracking: {flow(_TRACKING | {'divisions': False, 'drift': True})}",
            f"  # a tenth of the {frames} frames"
            if least > 2
            else f"  # of {counted(frames, 'frame')}",
            *_background(recording.info),
            f"  extraction: {flow({'min_frames': least})}",
        ]
    best, divides = choice.best, choice.best.mode == "dark"
    if divides:
        least = min(least, PRESETS["bacteria"]["extraction"]["min_frames"])
    margin = half_cell(best.cell_diameter)
    # finer and coarser segmentations, which decide best, are known to networks alone
    steady = {"consistency": True} if best.mode in NETWORKS and frames > 1 else {}
    why = f"{least} of {counted(frames, 'frame')}, for cells that divide do not live long"
    if not divides:
        why = f"{least}: a tenth of the {counted(frames, 'frame')}, but 2 to 20"
    return [
        "params:",
        *_found(choice, sampled),
        f"  segmentation: {flow(advice.parameters(best) | steady)}",
        "  # Cells touch, are missed in single frames, and the stage jumps. With divisions,",
        "  # daughters get IDs of their own; without, the mother's ID goes on with one of them.",
        f"  tracking: {flow(_TRACKING | {'divisions': divides, 'drift': True})}",
        *_background(recording.info),
        f"  # {why}.",
        f"  # {margin} pixels: half a cell, so that the cells kept are wholly in view.",
        f"  extraction: {flow({'min_frames': least, 'border_margin': margin})}",
    ]


def _background(info: RecordingInfo) -> list[str]:
    """Return the line of the background, if there is a channel for it."""
    if len(info.channels) == 1:
        return []
    return [f"  background: {flow({'method': 'local_surface'})}  # holds where light is uneven"]


def _found(choice: Choice, sampled: list[Sampled]) -> list[str]:
    """Say in comments what was found, and what else may be right."""
    best = choice.best
    fields = len({s.fov for s in sampled})
    lines = [
        f"  # Found in {counted(len(sampled), 'frame')} of {counted(fields, 'field')} of view: "
        f"cells of {best.found:.0f} pixels; expected quality: {best.quality}.",
    ]
    if choice.sure:
        return [*lines, "  # Look at it before a long run: fovea preview", _PYAMA]
    text, command = advice.doubt(choice).rsplit(": ", 1)
    words = "None fits" if not choice.fits else "Not sure"
    lines += textwrap.wrap(f"{words}: {text}:", 100, initial_indent="  # ",
                           subsequent_indent="  # ")  # fmt: skip
    return [*lines, f"  #   {command}", _PYAMA]


def _samples(info: RecordingInfo) -> list[str]:
    name = dataset_name(info.files[0])
    if any(field.times is None for field in info.fields if field.frames > 1):
        return [
            "# Samples, fields of view that belong together, need times: set time.interval first.",
            "# samples:",
            f"#   - {flow({'name': name, 'fovs': 'all'})}",
        ]
    return [
        'samples:  # fields of view that belong together, such as "0-9" and "10-19"',
        f"  - {flow({'name': name, 'fovs': 'all'})}",
    ]


def _analysis(info: RecordingInfo, phase: int | None) -> list[str]:
    others = [channel for channel in range(len(info.channels)) if channel != phase]
    if phase is None or not others:
        return []
    hours = _hours(info)
    entry: dict[str, object] = {
        "model": "maturation", "channel": others[0], "feature": "intensity_total"
    }  # fmt: skip
    why = "# analysis:  # of a reporter that appears during the recording; others: docs/models.md"
    if hours:
        entry["parameters"] = {"t0": {"high": hours}}
        why = f"# analysis:  # t0 up to the recording's {hours:g} h (the model's own bound: 1 h)"
    return [why, f"#   - {flow(entry)}"]


def _hours(info: RecordingInfo) -> float | None:
    """Return the length of the longest field of view in hours, rounded up to two digits."""
    rows = [row for field in info.fields for row in field.times or []]
    spans = [np.nanmax(row) - np.nanmin(row) for row in rows if np.isfinite(row).sum() > 1]
    hours = max(spans, default=0) / 3600
    if not hours > 0:
        return None
    step = 10.0 ** (np.floor(np.log10(hours)) - 1)
    return float(f"{np.ceil(hours / step - 1e-9) * step:.2g}")
