"""Mode, contrast and cell diameter that a config leaves open, as found in the recording."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fovea.config.phase_tuning import MODES
from fovea.errors import FoveaError, counted
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import as_written, read_text
from fovea.plugins.registry import PREPROCESSING, load
from fovea.recordings.sample import sample_frames
from fovea.segmentation.phase import advice

_LOG = logging.getLogger("fovea")

_OPEN = "mode", "contrast", "cell_diameter"


def find_cells(
    source: Any,
    target: str | Path,
    parameters: Mapping[str, Any],
    channel: int,
    z: int | str = 0,
    preprocess: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    threads: int = 1,
    log: logging.Logger = _LOG,
) -> None:
    """Write the mode, contrast and cell diameter of segmentation `phase` that suit a recording.

    Parameters
    ----------
    source : str, list or dict
        The config's `input`.
    target : path
        YAML file with ``mode``, ``contrast`` and ``cell_diameter``, and how they were found.
    parameters : mapping
        Those of segmentation `phase`; what is given in them is kept.
    channel : int
        Index of the phase-contrast channel.
    z, preprocess
        As in the config.
    metadata : mapping or None
        Content of `metadata.yaml`, which says what recording was inspected.
    threads : int
        Frames that are segmented at a time; the result does not depend on it.

    Raises
    ------
    FoveaError
        If no cells are found, or the recording is not the one that was inspected.
    """
    from fovea.recordings.fingerprint import same_recording
    from fovea.recordings.readers import open_recording
    from fovea.segmentation.phase.choose import choose

    with same_recording(source, metadata, log), open_recording(source) as recording:
        sampled = sample_frames(recording, channel, z)
    prepare = load(PREPROCESSING, preprocess) if preprocess else None
    frames = [prepare(s.image) if prepare else s.image for s in sampled]
    modes = tuple(MODES) if parameters["mode"] == "auto" else (parameters["mode"],)
    contrast = parameters.get("contrast", "auto")
    choice = choose(frames, modes, parameters["cell_diameter"], threads, contrast)
    if choice is None:
        raise FoveaError(
            f"no cells were found in {counted(len(sampled), 'frame')} of channel {channel}, so "
            "that mode and cell diameter cannot be told; look at `fovea preview`, and set "
            "channels.pc, or mode and cell_diameter under params.segmentation"
        )
    best = choice.best
    found = {"mode": best.mode, "contrast": best.contrast,
             "cell_diameter": float(best.cell_diameter)}  # fmt: skip
    about = {
        "frames": [{"fov": s.fov, "frame": s.frame} for s in sampled],
        "quality": best.quality,
        "sure": choice.sure,
        "doubt": None if choice.sure else advice.doubt(choice),
        "tried": [advice.measures_of(trial) for trial in choice.trials],
    }
    text = yaml.safe_dump(found, sort_keys=False)
    text += "about:\n" + "".join(
        f"  {line}\n" for line in yaml.safe_dump(about, sort_keys=False, width=90).splitlines()
    )
    with whole_file(target, checked=True) as temporary:
        temporary.write_text(text, "utf-8")
    log.info(
        "found in %d frames: mode %s, contrast %s, cell_diameter %g (%.1f cells in a window, of a "
        "median diameter of %.0f pixels); expected quality: %s",
        len(sampled), best.mode, best.contrast, best.cell_diameter, best.objects, best.found,
        best.quality,
    )  # fmt: skip
    for line in advice.table(choice):
        log.info("%s", line)
    if not choice.sure:
        log.warning("this is not sure: %s", advice.doubt(choice))


def resolved(parameters: Mapping[str, Any], found: str | Path | None) -> dict[str, Any]:
    """Return parameters of segmentation in which nothing is left open.

    `found` is the file that `find_cells` wrote, None where it had nothing to find. A contrast that
    is still open then is ``dark``: frames are taken as they are.
    """
    used = dict(parameters)
    if found is not None:
        with as_written(found):
            values = yaml.safe_load(read_text(found))
            used |= {key: values[key] for key in _OPEN if key in values}
    if used.get("contrast") == "auto":
        used["contrast"] = "dark"
    return used
