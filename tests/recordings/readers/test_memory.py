"""Copy holds a few planes, whatever the number of frames and of fields of view."""

from __future__ import annotations

import gc
import logging
import tracemalloc

import numpy as np
import pytest

from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import inspect_input, load_metadata
from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import pixels, write_ome_tiff
from support.zarr_writer import write_bioformats2raw

SIDE = 256
PLANE = 2 * SIDE * SIDE  # bytes


def write_files(folder, data):
    folder.mkdir()
    for p in range(len(data)):
        write_ome_tiff(folder / f"{p}.ome.tif", data, fovs=[p])


WRITERS = {
    "a.nd2": write_nd2,
    "packed.nd2": lambda path, data: write_nd2(path, data, compressed=True),
    "a.czi": write_czi,
    "a.ome.tif": write_ome_tiff,
    "packed.ome.tif": lambda path, data: write_ome_tiff(path, data, compression="zlib"),
    "a.zarr": write_bioformats2raw,
    "files": write_files,
}


def peak(name, folder, fovs, frames, planes=1, z=0):
    """Bytes that are allocated at the peak of copying the last field of view."""
    folder.mkdir()
    WRITERS[name](folder / name, pixels(fovs, frames, planes, 1, SIDE, SIDE))
    source, quiet = str(folder / name), logging.getLogger("quiet")
    inspect_input(source, folder / "metadata.yaml", log=quiet)
    metadata = load_metadata(folder / "metadata.yaml")
    gc.collect()
    tracemalloc.start()
    try:
        copy_raw(source, folder / "images.zarr", fovs - 1, {"fl_ch_0": 0}, z, metadata, quiet)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", WRITERS)
def test_frames_and_fields_do_not_matter(tmp_path, name):
    peak(name, tmp_path / "first", 1, 2)  # what is imported and compiled stays
    few = peak(name, tmp_path / "few", 2, 4)
    for case, fovs, frames in (("fields", 32, 4), ("frames", 2, 64)):
        more = peak(name, tmp_path / case, fovs, frames)
        assert more < few + 3 * PLANE, f"{case}: {more / PLANE:.1f} planes, {few / PLANE:.1f}"


@pytest.mark.parametrize("z", ["max", "mean"])
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "files"])
def test_planes_of_a_stack_do_not_matter(tmp_path, name, z):
    peak(name, tmp_path / "first", 1, 2, 2, z)
    few = peak(name, tmp_path / "few", 1, 2, 2, z)
    more = peak(name, tmp_path / "more", 1, 2, 48, z)
    assert more < few + 3 * PLANE, f"{more / PLANE:.1f} planes, {few / PLANE:.1f}"


def test_frames_that_are_kept_stay_as_they_are(tmp_path):
    data = pixels(1, 30, 1, 2)
    write_nd2(tmp_path / "a.nd2", data, loops="T")
    write_ome_tiff(tmp_path / "a.ome.tif", data)
    for name in ("a.nd2", "a.ome.tif"):
        with open_recording(name, base=tmp_path) as recording:
            kept = [images[0][2:, 3] for images in recording.frames(0, [1, 0])]
            np.testing.assert_array_equal(kept, data[0, :, 0, 1, 2:, 3])
