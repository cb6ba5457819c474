"""Strips of a cell's pictures over time, with its outline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OUTLINE = (255, 176, 0)


def outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask, (H, W) bool, that have a neighbour, of 4, outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def label_outlines(labels: np.ndarray) -> np.ndarray:
    """Return labels (H, W) on the outlines of objects only, inside them, and 0 elsewhere.

    A pixel is on an outline if one of its 4 neighbours has another label.
    """
    padded = np.pad(labels, 1)
    middle = padded[1:-1, 1:-1]
    inner = np.ones(labels.shape, bool)
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        inner &= part == middle
    return np.where(inner, 0, middle)


def thicker(outlines: np.ndarray) -> np.ndarray:
    """Return outlines (H, W) of labels two pixels wide, where no other object has its own."""
    padded = np.pad(outlines, 1)
    found = outlines.copy()
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        found = np.where(found == 0, part, found)
    return found


def enlarged(image: np.ndarray, size: int) -> np.ndarray:
    """Return a square image, (S, S) or (S, S, 3), with sides of `size` pixels, by repeating or
    leaving out pixels."""
    index = (np.arange(size) * len(image)) // size
    return image[index][:, index]


def window(frame: np.ndarray, centre: tuple[float, float], side: int) -> np.ndarray:
    """Return a square of an image (H, W) around a centre (y, x); 0 outside the image."""
    top, left = (round(c) - side // 2 for c in centre)
    out = np.zeros((side, side), frame.dtype)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(frame.shape[0], top + side), min(frame.shape[1], left + side)
    if y1 > y0 and x1 > x0:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1]
    return out


def grey(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return an image as uint8, from the darkest to the brightest of two limits."""
    low, high = limits
    scaled = (image.astype(np.float32) - low) * (255 / max(high - low, 1e-9))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def crop_picture(
    image: np.ndarray, mask: np.ndarray, limits: tuple[float, float], size: int
) -> np.ndarray:
    """Return one picture, (size, size, 3) uint8, of a window and the outline of a mask in it.

    The outline is drawn after enlarging, so it is one pixel wide.
    """
    shown = np.repeat(enlarged(grey(image, limits), size)[..., None], 3, axis=2)
    shown[outline(enlarged(mask, size))] = OUTLINE
    return shown


def strip(rows: Sequence[Sequence[np.ndarray]], gap: int = 2) -> np.ndarray:
    """Return pictures of one size, rows of (S, S, 3) uint8, as one picture with white gaps."""
    size = rows[0][0].shape[0]
    across = max(map(len, rows))
    out = np.full((len(rows) * (size + gap) - gap, across * (size + gap) - gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for k, picture in enumerate(row):
            top, left = i * (size + gap), k * (size + gap)
            out[top : top + size, left : left + size] = picture
    return out


def encoded(picture: np.ndarray, quality: int = 45) -> bytes:
    """Return a picture (H, W, 3) uint8 as WebP, of a quality from 0 to 100."""
    from imagecodecs import webp_encode

    # Better methods than 2 take several times as long, for files hardly smaller.
    return webp_encode(np.ascontiguousarray(picture), level=quality, lossless=False, method=2)


def chosen_frames(present: np.ndarray, grid: np.ndarray, count: int) -> np.ndarray:
    """Return up to `count` frames of a cell, evenly spread over its life.

    `present` are the frames in which it was seen, `grid` those that are read; if it was seen in
    none of these, there are none.
    """
    there = np.intersect1d(present, grid)
    if len(there) <= count:
        return there
    return there[np.linspace(0, len(there) - 1, count).round().astype(int)]


def grid_of(frames: int, most: int) -> np.ndarray:
    """Return which frames of a recording are read, evenly spread, at most so many; (G,) int64."""
    return np.unique(np.linspace(0, frames - 1, min(most, frames)).round().astype(np.int64))
