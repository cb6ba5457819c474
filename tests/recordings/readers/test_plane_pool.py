"""Arrays are used again only when nobody holds them."""

from __future__ import annotations

import gc

import numpy as np

from fovea.recordings.readers import open_recording
from fovea.recordings.readers.plane_pool import KEPT, PlanePool
from support.nd2_writer import write_nd2
from support.recordings import pixels, write_ome_tiff


def test_held_arrays_are_left_alone():
    pool = PlanePool()
    first = pool.empty((4, 5), np.dtype("u2"))
    assert (first.shape, first.dtype) == ((4, 5), np.uint16)
    held = {
        "itself": first,
        "a view": pool.empty((4, 5), np.dtype("u2"))[1:],
        "a transpose": pool.empty((4, 5), np.dtype("u2")).T,
        "a buffer": memoryview(pool.empty((4, 5), np.dtype("u2"))),
        "in a list": [pool.empty((4, 5), np.dtype("u2"))],
    }
    arrays = [np.asarray(v[0] if isinstance(v, list) else v) for v in held.values()]
    fresh = pool.empty((4, 5), np.dtype("u2"))
    assert not any(np.shares_memory(fresh, array) for array in arrays)
    assert len({array.__array_interface__["data"][0] for array in arrays}) == 5


def test_dropped_arrays_come_again():
    pool = PlanePool()
    address = pool.empty((4, 5), np.dtype("u2")).ctypes.data
    gc.collect()
    again = pool.empty((4, 5), np.dtype("u2"))
    assert again.ctypes.data == address
    assert pool.empty((4, 5), np.dtype("u1")).dtype == np.uint8
    del again
    other = pool.empty((6, 7), np.dtype("u2"))
    assert other.shape == (6, 7)


def test_more_than_are_kept():
    pool = PlanePool()
    arrays = [pool.empty((2, 2), np.dtype("u2")) for _ in range(3 * KEPT)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [int(array[1, 1]) for array in arrays] == list(range(3 * KEPT))


def test_frames_that_are_kept_stay_as_they_are(tmp_path):
    data = pixels(1, 30, 1, 2)
    write_nd2(tmp_path / "a.nd2", data, loops="T")
    write_ome_tiff(tmp_path / "a.ome.tif", data)
    for name in ("a.nd2", "a.ome.tif"):
        with open_recording(name, base=tmp_path) as recording:
            kept = [images[0][2:, 3] for images in recording.frames(0, [1, 0])]
            np.testing.assert_array_equal(kept, data[0, :, 0, 1, 2:, 3])
            # few arrays serve when nothing is kept
            seen = {images[0].ctypes.data for images in recording.frames(0, [0, 1])}
            assert len(seen) <= 6
