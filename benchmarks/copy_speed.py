"""The copy step against a bare loop that reads the same planes and writes the same chunks.

    .venv/bin/python benchmarks/copy_speed.py

Writes benchmarks/copy_speed.json: CPU ms per plane of both, taken in turn, and their ratio
(median), for an uncompressed ND2 and an uncompressed OME-TIFF in the page cache.
"""

from __future__ import annotations

import os
from pathlib import Path

import common
import nd2
import numpy as np
import tifffile

from fovea.recordings.copy_raw import copy_raw
from fovea.store.format import encode
from support.nd2_writer import write_nd2
from support.recordings import write_ome_tiff

FRAMES, CHANNELS, SIZE, REPEATS = 12, 3, 2048, 5


def planes_of_nd2(path):
    """All planes, read by the nd2 library."""
    with nd2.ND2File(path) as file:
        for frame in range(FRAMES):
            image = file.read_frame(frame)
            for channel in range(CHANNELS):
                yield np.ascontiguousarray(image[channel])


def planes_of_tiff(path):
    """All planes, mapped by tifffile."""
    stack = tifffile.memmap(path, series=0, mode="r").reshape(-1, SIZE, SIZE)
    for plane in stack:
        yield np.array(plane)


def bare(planes, folder):
    """Encode and append, and nothing else."""
    files = [(folder / str(channel)).open("wb") for channel in range(CHANNELS)]
    for number, plane in enumerate(planes):
        files[number % CHANNELS].write(encode(plane))
    for file in files:
        file.close()


def main() -> None:
    with common.temporary_folder("copy") as folder:
        result = measure(folder)
    common.write_json("copy_speed.json", {"size": SIZE, "planes": FRAMES * CHANNELS, **result})


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """CPU time per plane of both, for each format."""
    os.chdir(folder)
    rng = np.random.default_rng(0)
    data = rng.normal(2000, 30, (1, FRAMES, 1, CHANNELS, SIZE, SIZE)).astype(np.uint16)
    kinds = {
        "nd2": (write_nd2(Path("a.nd2"), data), planes_of_nd2),
        "ome_tiff": (write_ome_tiff(Path("a.ome.tiff"), data), planes_of_tiff),
    }
    number = FRAMES * CHANNELS
    channels = {f"fl_ch_{c}": c for c in range(CHANNELS)}
    result = {}
    for name, (path, planes) in kinds.items():
        pairs = []
        for _ in range(REPEATS + 1):
            copying, _ = common.cpu_ms(
                lambda path=path: copy_raw(str(path), folder / "out.zarr", 0, channels)
            )
            looping, _ = common.cpu_ms(lambda path=path, planes=planes: bare(planes(path), folder))
            pairs.append((copying / number, looping / number))
        result[name] = common.compared(pairs[1:], "copy", "bare")  # the first one loads kernels
        print(name, result[name])
    return result


if __name__ == "__main__":
    main()
