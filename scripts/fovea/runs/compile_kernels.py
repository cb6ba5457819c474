"""Compile all kernels once, into the cache that every job then loads them from."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np


def compile_kernels() -> None:
    """Run every kernel on a tiny recording, with the types that recordings have.

    Parts that share few kernels are compiled side by side. At the end all is run by one process,
    which compiles what is missing because two of them wrote a list of the cache at a time.
    """
    from fovea.kernels.cache_folder import stamp

    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        given = [Path(folder)] * len(_PARTS)
        if (processes := _processes()) > 1:
            with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
                list(pool.map(_run, range(len(_PARTS)), given))
        for part in _PARTS:
            part(Path(folder), Path(folder, "all"))
    if ready := stamp():
        ready.touch()


def _processes() -> int:
    """How many parts are compiled at a time: a job of a cluster has memory for one."""
    from fovea.jobs.threads import processors

    cores = 1 if os.environ.get("SLURM_JOB_ID") else processors()
    return min(cores, len(_PARTS))


def _run(number: int, folder: Path) -> None:
    _PARTS[number](folder, folder / str(number))


def _images() -> np.ndarray:
    """Return two frames, (2, H, W) uint16: one with little contrast, one with all 16 bits."""
    frames = np.full((2, 40, 40), 100, np.uint16)
    texture = np.arange(400).reshape(20, 20) * 7919 % 50
    frames[0, 10:30, 10:30] += texture.astype(np.uint16)
    frames[1, 10:30, 10:30] += (texture * 1300).astype(np.uint16)
    return frames


def _write(folder: Path) -> None:
    """Images of two channels, and objects in them."""
    from fovea.store.contrast import CountLimits
    from fovea.store.groups import ngff, provenance
    from fovea.store.metadata import write_group
    from fovea.store.writer import ArrayWriter

    frames = _images()
    objects = np.zeros_like(frames)
    objects[:, 12:20, 12:28], objects[:, 22:28, 14:26] = 1, 2
    images = {"pc_ch_0": frames, "fl_ch_1": frames, "seg_labeled_ch_0": objects}
    for name, image in images.items():
        limits = CountLimits()
        for frame in image:
            limits.add(frame)
        about = provenance("copy_raw", {}, display_limits=list(limits.limits()))
        with ArrayWriter(folder / name / "0", image.shape, "uint16", about) as out:
            for frame in image:
                out.append(frame)
        write_group(folder / name, ngff(name))


def _phase(folder: Path, out: Path) -> None:
    """Segmentation of phase contrast, in all modes."""
    from fovea.config.phase_tuning import MODES
    from fovea.segmentation.consistent import consistent
    from fovea.segmentation.padding import compile_for_padding
    from fovea.segmentation.phase.choose import choose
    from fovea.segmentation.repair import Frame
    from fovea.segmentation.segment import segment

    for mode in MODES:
        parameters = {"method": "phase", "cell_diameter": 12, "mode": mode}
        segment(folder / "pc_ch_0", out / mode, parameters | {"consistency": True})
    steady = np.zeros((2, 40, 40), np.uint16)
    steady[0, 2:9, 2:9] = steady[1, 2:9, 2:5] = 1
    steady[1, 2:9, 5:9] = 2
    list(consistent(map(Frame, steady[[0, 1, 0]])))
    frames = _images()
    choose(frames[1:], cell_diameter=12.0)
    compile_for_padding(frames[1])


def _tracks(folder: Path, out: Path) -> None:
    """Segmentation by local deviation, tracking, and the noise of fits."""
    from fovea.fits.solver.correlation import Correlation, Series
    from fovea.fits.solver.levenberg_marquardt import Batch
    from fovea.segmentation.segment import segment
    from fovea.tracking.track import track

    phase, objects = folder / "pc_ch_0", folder / "seg_labeled_ch_0"
    disk = {"morph_size": 3, "morph_iterations": 1}
    segment(phase, out / "logstd", {"method": "logstd"} | disk)
    segment(phase, out / "otsu", {"method": "logstd", "threshold": "otsu"} | disk)
    track(objects, out / "lap", {"method": "lap", "divisions": True})
    track(objects, out / "mask", {"method": "iou", "overlap": "mask"})
    rows = np.arange(24.0).reshape(2, 2, 6)
    series, noise = Series(Batch(rows[:, 0], rows[:, 1], rows[:, 1])), Correlation(1.0, 0.5)
    series.whitened(rows, noise), series.correlated(rows, noise)


def _cells(folder: Path, out: Path) -> None:
    """Background, crops, features and small copies."""
    from fovea.background.background import background
    from fovea.cells.crop import crop
    from fovea.cells.extract import extract
    from fovea.display.cache import cache
    from fovea.tracking.track import track

    phase, fluorescence, objects = (folder / n for n in ("pc_ch_0", "fl_ch_1", "seg_labeled_ch_0"))
    estimated = {"dilation_radius": 1, "tile_size": 8, "rounding_error": 0.0625,
                 "save_corrected": False}  # fmt: skip
    background([fluorescence], [out / "surface"], objects, estimated | {"method": "local_surface"})
    smooth = out / "fl_background_ch_1"
    background([fluorescence], [smooth], objects, estimated | {"tile_overlap": 0.5})
    tracked = out / "seg_tracked_ch_0"
    track(objects, tracked, {"method": "iou", "overlap": "box"})
    crop(tracked, [phase, fluorescence], [smooth], out / "cells.zarr", 1)
    extract(out / "cells.zarr", out / "traces.csv", out / "cells.csv", 0,
            {"pc_ch_0": ["area", "aspect_ratio"], "fl_ch_1": ["intensity_total"]},
            min_frames=1, border_margin=0)  # fmt: skip
    cache([phase, fluorescence, objects, tracked, smooth])


_PARTS = (_cells, _phase, _tracks)

if __name__ == "__main__":
    compile_kernels()
