"""Simulate a recording: an OME-TIFF as a microscope writes it, and the truth in a folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.simulation.field import Field
from fovea.simulation.kinetics import SAMPLES
from fovea.simulation.truth import (
    TIFF_OPTIONS,
    Truth,
    cell_columns,
    ome_identity,
    parameter_columns,
    table,
)

CHANNEL_NAMES = ("GFP", "mCherry", "BFP", "iRFP")
STAGE_STEP = 1000.0  # µm between neighbouring positions


def simulate(
    target: str | Path,
    truth: str | Path,
    fovs: int = 4,
    frames: int = 48,
    height: int = 512,
    width: int = 512,
    cells: int | Sequence[int] = 25,
    *,
    channels: int = 1,
    phase: bool = True,
    interval: float = 900.0,
    pixel_size: float = 0.65,
    shapes: Sequence[Sequence[int]] | None = None,
    crowded: bool = False,
    seed: int = 0,
    log: logging.Logger = logging.getLogger("fovea"),  # noqa: B008
) -> None:
    """Write a simulated recording and its truth; the same arguments give the same bytes.

    Cells of FOVs 0 and 1 belong to the sample `control`, of 2 and 3 to `treated`, and so on.
    A FOV depends on the seed and its number, not on how many there are.

    Parameters
    ----------
    target : path
        The OME-TIFF to write: one series per FOV, axes TCYX, uint16, with pixel size, channel
        names, stage positions and the time of every plane.
    truth : path
        A folder to write, with

        - ``fov_000_labels.ome.tiff``, (T, H, W) uint16, one ID per cell over all frames;
        - ``fov_000_background_ch_1.npz``, the true background in counts, camera offset included:
          the outer sum of `rows` (T, H) and `columns` (T, W), float32;
        - ``cells.csv``, one row per cell and frame (`fovea.simulation.field.Field.render`);
        - ``parameters.csv``, one row per cell (`fovea.simulation.field.Field`);
        - ``simulation.json``, the settings, and per FOV its sample and the stage's jumps.
    cells : int or sequence of int
        Cells per FOV, or one number for each FOV; 0 is a blank FOV.
    channels : int
        Number of fluorescence channels.
    phase : bool
        Whether there is a phase-contrast channel, as channel 0.
    interval : float
        Seconds between frames.
    pixel_size : float
        Micrometer; metadata only, without effect on the images.
    shapes : sequence of (height, width), optional
        The size of each FOV, where they differ.
    crowded : bool
        One fifth of the cells touch, some divide, one per cent are invisible in a frame, and the
        stage slips once.

    Raises
    ------
    FoveaError
        If the settings contradict each other.
    """
    import tifffile

    sizes = [tuple(s) for s in shapes] if shapes is not None else [(height, width)] * fovs
    counts = [cells] * fovs if isinstance(cells, int) else list(cells)
    _check(fovs, frames, sizes, counts, channels, phase, interval)
    target, truth = Path(target), Path(truth)
    target.parent.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    further = (f"Fluorescence {i + 1}" for i in range(len(CHANNEL_NAMES), channels))
    names = ["Phase"] * phase + [*CHANNEL_NAMES[:channels], *further]
    options = {"channels": channels, "phase": phase, "interval": interval, "crowded": crowded}
    fluo = list(range(int(phase), len(names)))
    size = sum(2 * frames * len(names) * h * w for h, w in sizes)
    about = []
    with (
        tifffile.TiffWriter(target, ome=True, bigtiff=size > 4e9, byteorder="<") as recording,
        open(truth / "cells.csv", "w", newline="", encoding="utf-8") as cell_file,
        open(truth / "parameters.csv", "w", newline="", encoding="utf-8") as parameter_file,
    ):
        cell_table = table(cell_file, cell_columns(fluo))
        parameter_table = table(parameter_file, parameter_columns(fluo))
        for fov, ((h, w), count) in enumerate(zip(sizes, counts, strict=True)):
            sample = SAMPLES[fov // 2 % len(SAMPLES)]
            log.info(
                "FOV %d of %d: %d cells (%s), %d frames of %d x %d, channels %s",
                *(fov, fovs, count, sample.name, frames, h, w, ", ".join(names)),
            )
            field = Field(seed, frames, h, w, count, fov=fov, sample=sample, **options)
            known = Truth(cell_table)
            recording.write(
                known.planes(field),
                shape=(frames, len(names), h, w),
                **TIFF_OPTIONS,
                metadata=_metadata(field, names, interval, pixel_size, seed),
            )
            known.save(truth, field, seed)
            parameter_table.writerows(field.parameters)
            slips = np.flatnonzero(np.diff(field.jump, axis=0, prepend=0).any(axis=1))
            jumps = [{"frame": int(t), "y_x": field.jump[t].tolist()} for t in slips]
            about.append({"sample": sample.name, "cells": count, "shape": [h, w], "jumps": jumps})
            log.info("FOV %d done: %d rows of truth", fov, known.count)
    settings = {"seed": seed, "frames": frames, "interval_s": interval, "pixel_size_um": pixel_size}
    settings |= {"channels": names, "crowded": crowded, "fovs": about}
    (truth / "simulation.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _metadata(field, names, interval, pixel_size, seed):
    """Return the OME metadata of one FOV."""
    planes, (row, column) = field.times.size, divmod(field.fov, 4)
    about = {"axes": "TCYX", "Name": f"FOV {field.fov}"}
    plane = {"DeltaT": field.times.ravel().tolist(), "DeltaTUnit": ["s"] * planes}
    for axis, steps in (("X", column), ("Y", row)):
        about |= {f"PhysicalSize{axis}": pixel_size, f"PhysicalSize{axis}Unit": "µm"}
        plane[f"Position{axis}"] = [STAGE_STEP * steps] * planes
        plane[f"Position{axis}Unit"] = ["µm"] * planes
    about |= {"TimeIncrement": interval, "TimeIncrementUnit": "s"}
    about |= {"Channel": {"Name": names}, "Plane": plane}
    return about | ome_identity(f"recording {seed}")


def _check(fovs, frames, sizes, counts, channels, phase, interval):
    """Raise FoveaError for settings that contradict each other."""
    problems = {
        "fovs must be at least 1": fovs < 1,
        "frames must be at least 1": frames < 1,
        "channels must not be negative": channels < 0,
        "there is no channel: set phase to true or channels to at least 1": not phase + channels,
        "interval must be positive": interval <= 0,
        f"shapes has {len(sizes)} entries for {fovs} FOVs": len(sizes) != fovs,
        f"cells has {len(counts)} entries for {fovs} FOVs": len(counts) != fovs,
        "height and width must be at least 1": any(min(s) < 1 for s in sizes),
        "cells must not be negative": any(c < 0 for c in counts),
    }
    for problem, found in problems.items():
        if found:
            raise FoveaError(f"simulate: {problem}.")
