"""Fovea's ND2 and CZI readers against the libraries nd2 and czifile: speed, memory, damage.

    .venv/bin/python benchmarks/reader_libraries.py

Prints the figures of docs/dependencies.md, section "Readers of our own": what each gives for
damaged files; CPU time per plane of 2048 x 2048 pixels (files in the page cache, both readers in
turn, median) and peak memory; opening a file of 100,000 images. czifile needs Python 3.12 and is
left out where it cannot be imported.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import common
import nd2
import numpy as np

from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import pixels

try:
    import czifile
except (ImportError, SyntaxError):
    czifile = None

SIZE, FRAMES, CHANNELS, REPEATS, IMAGES = 2048, 8, 3, 9, 100_000
Planes = Iterator[tuple[int, int, np.ndarray]]  # frame, channel, pixels


def by_fovea(path: Path) -> Planes:
    """Read the first field of view with Fovea."""
    with open_recording(str(path)) as recording:
        info = recording.info
        frames = recording.frames(0, range(len(info.channels)))
        for number, planes in zip(info.fields[0].frame_numbers, frames, strict=False):
            for channel, plane in enumerate(planes):
                yield number, channel, plane


def by_nd2(path: Path) -> Planes:
    """Read the frames of a file of one field of view with the nd2 library."""
    with nd2.ND2File(path) as file:
        for frame in range(file.sizes.get("T", 1)):
            image = file.read_frame(frame)
            for channel, plane in enumerate(image.reshape(-1, *image.shape[-2:])):
                yield frame, channel, np.ascontiguousarray(plane)


def by_czifile(path: Path) -> Planes:
    """Read the first scene with czifile; several threads would lay tiles in any order."""
    with czifile.CziFile(path) as file:
        scene = file.scenes[min(file.scenes)]
        for frame in range(scene.sizes.get("T", 1)):
            for channel in range(scene.sizes.get("C", 1)):
                yield frame, channel, scene(T=frame, C=channel).asarray(maxworkers=1)


def in_own_process(*arguments: object) -> str:
    """Return what this script prints when called so; or the signal that ended it."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE)
    if done.returncode < 0:
        return f"the process is ended by {signal.Signals(-done.returncode).name}"
    return done.stdout.strip()


def peak_mb() -> int:
    """Return the most memory that this process has had so far."""
    status = Path("/proc/self/status").read_text("utf-8")
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def damage(reader: str, path: str, truth: str, shrink: str = "") -> str:
    """Compare planes with (T, C, H, W); with `shrink` the file is cut while it is read."""
    expected = np.load(truth)
    true = wrong = 0
    end = ""
    try:
        for number, channel, plane in globals()[reader](Path(path)):
            if shrink and not number:
                os.truncate(path, 20_000)
            same = np.array_equal(plane.reshape(expected.shape[2:]), expected[number, channel])
            true, wrong = true + same, wrong + (not same)
    except Exception as error:
        end = f", then {type(error).__name__}: {' '.join(str(error).split())[:60]}"
    return f"{true} true and {wrong} wrong planes{end}"


def damaged_files(folder: Path) -> None:
    """Print what the readers give for files that are not whole."""
    data = pixels(1, 8, 1, 2, 40, 32)
    odd = pixels(1, 8, 1, 2, 40, 31, "uint8")
    np.save(folder / "data.npy", data[0, :, 0])
    np.save(folder / "odd.npy", odd[0, :, 0])

    def cut(path: Path, kept: float) -> Path:
        target = path.with_stem(f"{path.stem}_cut_{kept}")
        content = path.read_bytes()
        target.write_bytes(content[: int(kept * len(content))])
        return target

    def without_a_tile(path: Path) -> Path:
        content = bytearray(path.read_bytes())
        place = struct.unpack_from("<q", content, 32 + 52)[0] + 32  # of the directory
        (count,) = struct.unpack_from("<i", content, place)
        struct.pack_into("<i", content, place, count - 1)
        target = path.with_stem("gap")
        target.write_bytes(content)
        return target

    path = write_nd2(folder / "a.nd2", data, loops="T", attributes_first=True)
    cases = [
        ("ND2, stopped after 5 of 8 frames",
         write_nd2(folder / "s.nd2", data, loops="T", images=5), "data", ""),
        ("ND2, frame 3 missing",
         write_nd2(folder / "gap.nd2", data, loops="T", skip=[3]), "data", ""),
        ("ND2, stopped, padded rows",
         write_nd2(folder / "o.nd2", odd, loops="T", images=5), "odd", ""),
        ("ND2, one byte short", cut(path, 0.999999), "data", ""),
        ("ND2, 60 % of a file", cut(path, 0.6), "data", ""),
        ("ND2, shrinks while it is read", cut(path, 1), "data", "shrink"),
    ]  # fmt: skip
    if czifile is not None:
        path = write_czi(folder / "a.czi", data)
        first = write_czi(folder / "f.czi", data, directory_last=False)
        cases += [
            ("CZI, a tile missing", without_a_tile(path), "data", ""),
            ("CZI, one byte short", cut(path, 0.999999), "data", ""),
            ("CZI, 60 % of a file", cut(path, 0.6), "data", ""),
            ("CZI, directory first, 60 %", cut(first, 0.6), "data", ""),
            ("CZI, shrinks while it is read", cut(path, 1), "data", "shrink"),
        ]
    for name, file, truth, shrink in cases:
        print(f"{name}, of 16 planes")
        for reader in ("by_fovea", "by_nd2" if file.suffix == ".nd2" else "by_czifile"):
            copy = file.with_stem(f"{file.stem}_{reader}")
            copy.write_bytes(file.read_bytes())
            text = in_own_process("damage", reader, copy, folder / f"{truth}.npy", shrink)
            print(f"    {reader:<11} {text}", flush=True)


def cpu_ms(read: Callable[[Path], Planes], path: Path) -> float:
    """Return the CPU time per plane; each is copied, so that mapped pages are read, too."""
    target = np.empty((SIZE, SIZE), np.uint16)
    count = 0
    start = time.process_time()
    for _, _, plane in read(path):
        target[:] = plane.reshape(SIZE, SIZE)
        count += 1
    return 1e3 * (time.process_time() - start) / count


def speed(folder: Path) -> None:
    """Print CPU time per plane, and peak memory in a process that reads nothing else."""
    rng = np.random.default_rng(0)
    data = rng.normal(2000, 30, (1, FRAMES, 1, CHANNELS, SIZE, SIZE)).astype(np.uint16)
    packed = write_nd2(folder / "p.nd2", data[:, :3], loops="T", compressed=True)
    cases = [
        ("ND2, 3 channels", write_nd2(folder / "3.nd2", data, loops="T"), by_nd2),
        ("ND2, 1 channel", write_nd2(folder / "1.nd2", data[:, :, :, :1], loops="T"), by_nd2),
        ("ND2, compressed", packed, by_nd2),
    ]
    if czifile is not None:
        cases.append(("CZI", write_czi(folder / "3.czi", data), by_czifile))
    print(f"{'CPU ms per plane, peak MB':<26}{'Fovea':>8}{'library':>9}{'Fovea':>8}{'library':>9}")
    for name, path, library in cases:
        pairs = [(cpu_ms(by_fovea, path), cpu_ms(library, path)) for _ in range(REPEATS)]
        ours, theirs = (median(times) for times in zip(*pairs, strict=True))
        peaks = [in_own_process("peak", f.__name__, path) for f in (by_fovea, library)]
        print(f"{name:<26}{ours:>8.2f}{theirs:>9.2f}{peaks[0]:>8}{peaks[1]:>9}", flush=True)


def peak(reader: str, path: str) -> int:
    """Return the peak memory of reading a file."""
    cpu_ms(globals()[reader], Path(path))
    return peak_mb()


def opening(folder: Path) -> None:
    """Print what it takes to open a file of many tiny images, to the first plane and all times."""
    data = np.zeros((1, IMAGES // 2, 1, 2, 1, 2), np.uint16)
    cases = [(write_nd2(folder / "m.nd2", data.reshape(1, -1, 1, 1, 1, 2), loops="T"), "by_nd2")]
    if czifile is not None:
        cases.append((write_czi(folder / "m.czi", data), "by_czifile"))
    for path, library in cases:
        for reader in ("by_fovea", library):
            print(f"{path.suffix[1:].upper()} of {IMAGES} images, {reader}: "
                  f"{in_own_process('first', reader, path)}", flush=True)  # fmt: skip


def first(reader: str, path: str) -> str:
    """Return CPU time and memory for the first plane of a file."""
    before, start = peak_mb(), time.process_time()
    next(globals()[reader](Path(path)))
    return f"{time.process_time() - start:.2f} s, {peak_mb() - before} MB"


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        print(globals()[sys.argv[1]](*sys.argv[2:]))
        return
    with common.temporary_folder("readers") as folder:
        damaged_files(folder)
        speed(folder)
        opening(folder)


if __name__ == "__main__":
    main()
