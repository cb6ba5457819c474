"""Files that declare more pixels than can be in them are refused before memory is taken."""

from __future__ import annotations

import json
import struct
import tracemalloc

import numpy as np
import pytest
import tifffile

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording


def read_all(path) -> None:
    with open_recording(str(path)) as recording:
        for fov in range(len(recording.info.fields)):
            for _ in recording.frames(fov, [0], 0):
                pass


def declare(path, height: int, width: int) -> None:
    """Exchange the size of the first page of a TIFF file, and the rows of its only strip."""
    with tifffile.TiffFile(path) as file:
        places = {name: file.pages[0].tags[name].valueoffset
                  for name in ("ImageLength", "ImageWidth", "RowsPerStrip")}  # fmt: skip
        kinds = {name: file.pages[0].tags[name].dtype for name in places}
    with path.open("r+b") as file:
        for name, value in zip(places, (height, width, height), strict=True):
            file.seek(places[name])
            file.write(struct.pack("<H" if kinds[name] == 3 else "<I", value))


@pytest.mark.parametrize("size", [(60000, 60000), (20000, 20000), (1, 65535)])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff(tmp_path, size, compression):
    path = tmp_path / "a.tif"
    frame = np.zeros((16, 16), np.uint16)
    tifffile.imwrite(path, frame, compression=compression, rowsperstrip=16)
    read_all(path)
    declare(path, *size)
    tracemalloc.start()
    with pytest.raises(FoveaError) as error:
        read_all(path)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_zarr(tmp_path):
    import zarr

    axes = [{"name": name} for name in "tcyx"]
    group = zarr.create_group(tmp_path / "a.zarr", attributes={"ome": {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [
            {"type": "scale", "scale": [1, 1, 1, 1]}]}]}],
    }})  # fmt: skip
    group.create_array("0", shape=(1, 1, 8, 8), chunks=(1, 1, 8, 8), dtype="uint16")[:] = 5
    read_all(tmp_path / "a.zarr")
    about = tmp_path / "a.zarr/0/zarr.json"
    told = json.loads(about.read_text())
    told["shape"] = told["chunk_grid"]["configuration"]["chunk_shape"] = [1, 1, 10**6, 10**6]
    about.write_text(json.dumps(told))
    with pytest.raises(FoveaError, match="1000000 x 1000000 pixels by its own account"):
        read_all(tmp_path / "a.zarr")
