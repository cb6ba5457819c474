"""Ways in which a file is damaged: on a disk, in copying, or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def damages(
    data: bytes, rng: np.random.Generator, other: bytes = b""
) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of damaged copies of a file, none of which is the file itself.

    `other` is a file of the same kind with another content, where there is one.
    """
    size = len(data)
    for count in (1, 8, 4096):
        start = int(rng.integers(max(1, size - count + 1)))
        end = min(size, start + count)
        noise = bytearray(data)
        noise[start:end] = rng.bytes(end - start)
        yield f"{count} random bytes at {start}", bytes(noise)
    start = int(rng.integers(size or 1))
    flipped = bytearray(data)
    flipped[start : start + 1] = bytes(
        b ^ 1 << int(rng.integers(8)) for b in data[start : start + 1]
    )
    yield f"a bit flipped in byte {start}", bytes(flipped)
    yield "emptied", b""
    yield "zeros", bytes(size)
    yield "zeros from the middle on", data[: size // 2] + bytes(size - size // 2)
    cut = int(rng.integers(size or 1))
    yield f"cut off at byte {cut}", data[:cut]
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        yield "cut off at the end of a line", b"".join(lines[: int(rng.integers(1, len(lines)))])
    yield "with a line more", data + data[-1:]
    if other:
        yield "exchanged for another of its kind", other


def damaged_copies(
    path: Path, rng: np.random.Generator, other: Path | None = None
) -> Iterator[str]:
    """Damage a file in every way, one after the other, and repair it; yields what was done."""
    data = path.read_bytes()
    try:
        for name, content in damages(data, rng, other.read_bytes() if other else b""):
            if content != data:
                path.write_bytes(content)
                yield name
    finally:
        path.write_bytes(data)
