"""Parts of a frame that show enough cells of a given size, so that trials need not take all of it.

A window's side is sixteen diameters, so that windows for small cells are small. Windows for smaller
diameters lie inside those for larger ones, which lets results of neighbouring diameters be
compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SIDE = 16  # diameters
_LEAST, _MOST = 224, 1024  # pixels
_STEP = 8  # pixels between places that are tried
_PLACES = 9  # along each axis, at most

Window = tuple[slice, slice]


def nested_windows(energy: np.ndarray, diameters: Sequence[float]) -> list[Window]:
    """Return a window for each of the ascending diameters, each inside the next.

    A window is placed where the mean root of `energy` (H, W) float32, the squared gradient, is
    largest: where most is to be seen.
    """
    total = _sums(energy)
    outer = (0, 0, *energy.shape)
    found = []
    for diameter in reversed(diameters):
        outer = _best(total, outer, int(np.clip(_SIDE * diameter, _LEAST, _MOST)))
        found.append((slice(outer[0], outer[2]), slice(outer[1], outer[3])))
    return found[::-1]


def densest(energy: np.ndarray, side: int) -> Window:
    """Return the window of at most `side` pixels of a frame in which most is to be seen."""
    y0, x0, y1, x1 = _best(_sums(energy), (0, 0, *energy.shape), side)
    return slice(y0, y1), slice(x0, x1)


def _sums(energy: np.ndarray) -> np.ndarray:
    """Return sums of the root of `energy` from the corner on, of blocks of `_STEP` pixels."""
    if min(energy.shape) < _STEP:
        return np.zeros((2, 2))
    rows, columns = (n // _STEP for n in energy.shape)
    coarse = np.sqrt(energy[: rows * _STEP, : columns * _STEP])
    total = np.zeros((rows + 1, columns + 1))
    total[1:, 1:] = (
        coarse.reshape(rows, _STEP, columns, _STEP).mean(axis=(1, 3)).cumsum(0).cumsum(1)
    )
    return total


def _best(total: np.ndarray, outer: tuple[int, int, int, int], side: int) -> tuple:
    """Return the box y0, x0, y1, x1 of at most `side` pixels inside another, with most in it."""
    tall, wide = (min(side, stop - start) for start, stop in (outer[::2], outer[1::2]))
    places = [
        np.unique(np.linspace(start, stop - n, _PLACES).astype(int))
        for start, stop, n in ((outer[0], outer[2], tall), (outer[1], outer[3], wide))
    ]

    def much(corner: tuple[int, int]) -> float:
        y, x = (min(n // _STEP, k - 2) for n, k in zip(corner, total.shape, strict=True))
        yy = min(y + max(tall // _STEP, 1), total.shape[0] - 1)
        xx = min(x + max(wide // _STEP, 1), total.shape[1] - 1)
        return float(total[yy, xx] - total[y, xx] - total[yy, x] + total[y, x]) / (
            (yy - y) * (xx - x)
        )

    y, x = max(((y, x) for y in places[0] for x in places[1]), key=much)
    return int(y), int(x), int(y) + tall, int(x) + wide
