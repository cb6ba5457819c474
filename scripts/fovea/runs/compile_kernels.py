"""Compile all kernels once, into the cache that every job then loads them from."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np


def compile_kernels() -> None:
    """Run every kernel on a tiny recording, with the types that recordings have."""
    from fovea.kernels.cache_folder import stamp

    with tempfile.TemporaryDirectory() as folder:
        _process(Path(folder))
    if ready := stamp():
        ready.touch()


def _process(folder: Path) -> None:
    """All steps on two frames: one with little contrast, one with all 16 bits."""
    from fovea.background.background import background
    from fovea.cells.crop import crop
    from fovea.cells.extract import extract
    from fovea.config.phase_tuning import MODES
    from fovea.display.cache import cache
    from fovea.fits.solver.correlation import Correlation, Series
    from fovea.fits.solver.levenberg_marquardt import Batch
    from fovea.segmentation.consistent import consistent
    from fovea.segmentation.padding import compile_for_padding
    from fovea.segmentation.phase.choose import choose
    from fovea.segmentation.repair import Frame
    from fovea.segmentation.segment import segment
    from fovea.store.contrast import CountLimits
    from fovea.store.groups import ngff, provenance
    from fovea.store.metadata import write_group
    from fovea.store.writer import ArrayWriter
    from fovea.tracking.track import track

    frames = np.full((2, 40, 40), 100, np.uint16)
    texture = np.arange(400).reshape(20, 20) * 7919 % 50
    frames[0, 10:30, 10:30] += texture.astype(np.uint16)
    frames[1, 10:30, 10:30] += (texture * 1300).astype(np.uint16)
    for name in ("pc_ch_0", "fl_ch_1"):
        limits = CountLimits()
        for frame in frames:
            limits.add(frame)
        about = provenance("copy_raw", {}, display_limits=list(limits.limits()))
        with ArrayWriter(folder / name / "0", frames.shape, "uint16", about) as out:
            for frame in frames:
                out.append(frame)
        write_group(folder / name, ngff(name))
    phase, fluorescence = folder / "pc_ch_0", folder / "fl_ch_1"
    labelled, tracked = folder / "seg_labeled_ch_0", folder / "seg_tracked_ch_0"
    smooth = folder / "fl_background_ch_1"
    segment(phase, labelled, {"method": "logstd", "morph_size": 3, "morph_iterations": 1})
    for mode in MODES:
        parameters = {"method": "phase", "cell_diameter": 12, "mode": mode}
        segment(phase, folder / f"seg_{mode}", parameters | {"consistency": True})
    steady = np.zeros((2, 40, 40), np.uint16)
    steady[0, 2:9, 2:9] = steady[1, 2:9, 2:5] = 1
    steady[1, 2:9, 5:9] = 2
    list(consistent(map(Frame, steady[[0, 1, 0]])))
    choose(frames[1:], cell_diameter=12.0)
    compile_for_padding(frames[1])
    segment(phase, folder / "seg_otsu", {"method": "logstd", "threshold": "otsu"})
    track(labelled, folder / "seg_lap", {"method": "lap", "divisions": True})
    track(labelled, folder / "seg_mask", {"method": "iou", "overlap": "mask"})
    track(labelled, tracked, {"method": "iou", "overlap": "box"})
    estimated = {"dilation_radius": 1, "tile_size": 8, "rounding_error": 0.0625,
                 "save_corrected": False}  # fmt: skip
    background([fluorescence], [folder / "fl_background_ch_2"], labelled,
               estimated | {"method": "local_surface"})  # fmt: skip
    background([fluorescence], [smooth], labelled, estimated | {"tile_overlap": 0.5})
    crop(tracked, [phase, fluorescence], [smooth], folder / "cells.zarr", 1)
    extract(folder / "cells.zarr", folder / "traces.csv", folder / "cells.csv", 0,
            {"pc_ch_0": ["area", "aspect_ratio"], "fl_ch_1": ["intensity_total"]},
            min_frames=1, border_margin=0)  # fmt: skip
    cache([phase, fluorescence, labelled, tracked, smooth])
    rows = np.arange(24.0).reshape(2, 2, 6)
    series, noise = Series(Batch(rows[:, 0], rows[:, 1], rows[:, 1])), Correlation(1.0, 0.5)
    series.whitened(rows, noise), series.correlated(rows, noise)


if __name__ == "__main__":
    compile_kernels()
