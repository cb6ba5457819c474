"""The copy step against a bare loop that reads the same planes and writes the same chunks.

    .venv/bin/python benchmarks/copy_speed.py

Writes benchmarks/copy_speed.json: CPU ms per plane of both, taken in turn, and their ratio
(median), for an uncompressed ND2 and an uncompressed OME-TIFF in the page cache.

    .venv/bin/python benchmarks/copy_speed.py memory

Prints CPU ms and page faults per plane of the copy step with malloc as it is and with
`keep_freed_memory`, each in processes of their own, taken in turn.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

import common
import nd2
import numpy as np
import tifffile

from fovea.jobs.memory import keep_freed_memory
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


def copies(path, kept):
    """CPU ms and page faults per plane of each of several copies, in a process of their own."""
    if kept == "kept":
        keep_freed_memory()
    for number in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF)
        copy_raw(path, Path("out.zarr"), 0, {f"fl_ch_{c}": c for c in range(CHANNELS)})
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = common.seconds_of(after) - common.seconds_of(before)
        faults = after.ru_minflt - before.ru_minflt
        if number:  # the first one loads kernels
            print(1e3 * seconds / FRAMES / CHANNELS, faults / FRAMES / CHANNELS)


def memory(paths) -> None:
    """Compare both ways of malloc."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for _ in range(REPEATS):
        for path in paths:
            for kept in ("usual", "kept"):
                command = [sys.executable, __file__, "copies", str(path), kept]
                run = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
                rows = [[float(word) for word in line.split()] for line in run.stdout.splitlines()]
                found.setdefault((path.name, kept), []).extend(rows)
    for (name, kept), rows in found.items():
        times, faults = zip(*rows, strict=True)
        print(f"{name} {kept}: {median(times):.1f} ms (least {min(times):.1f}), "
              f"{median(faults):.0f} page faults a plane")  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["copies"]:
        copies(*sys.argv[2:])
        return
    with common.temporary_folder("copy") as folder:
        kinds = write(folder)
        if sys.argv[1:] == ["memory"]:
            memory([path for path, _ in kinds.values()])
            return
        result = measure(folder, kinds)
    common.write_json("copy_speed.json", {"size": SIZE, "planes": FRAMES * CHANNELS, **result})


def write(folder: Path) -> dict:
    """Write a recording in each format; with it the loop that reads it."""
    os.chdir(folder)
    rng = np.random.default_rng(0)
    data = rng.normal(2000, 30, (1, FRAMES, 1, CHANNELS, SIZE, SIZE)).astype(np.uint16)
    return {
        "nd2": (write_nd2(folder / "a.nd2", data), planes_of_nd2),
        "ome_tiff": (write_ome_tiff(folder / "a.ome.tiff", data), planes_of_tiff),
    }


def measure(folder: Path, kinds: dict) -> dict[str, dict[str, float]]:
    """CPU time per plane of both, for each format."""
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
