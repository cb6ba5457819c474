"""Random variations of annotated frames: geometry, added cells, brightness and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fovea.segmentation.phase.network import PIXELS_PER_DIAMETER, as_seen
from stills import DIAMETER, Example
from targets import contacts

STEP = DIAMETER // PIXELS_PER_DIAMETER
_PASTED = 0.7  # fraction of the crops into which cells of another one are pasted
_TRIES = 4  # positions tried for each of them
_OVERLAP = 0.12  # largest fraction of a cell, present or pasted, that may overlap
_LEAST_PASTED = 25  # pixels
_AT_CELLS = 0.6  # fraction of the crops that are taken near a cell


@dataclass(frozen=True)
class Crop:
    """A varied part of an example, (n, n) pixels of the network's input."""

    flat: np.ndarray  # (STEP * n, STEP * n) float32, in full size
    labels: np.ndarray  # (n, n) float32
    depth: np.ndarray  # (n, n) float32
    valid: np.ndarray  # (n, n) float32, 0 beyond the frame's edge, 1 elsewhere


@dataclass(frozen=True)
class Source:
    """Frames of one kind."""

    examples: list[Example]
    share: float  # of the crops
    inverted: float = 0.0  # share of the crops in which dark and bright are exchanged
    pasted: float = _PASTED  # share of the crops into which cells of another one are pasted


def sample(
    rng: np.random.Generator, sources: list[Source], side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the input and the target of the network for a random crop.

    Returns
    -------
    seen : (3, side, side) float32
        Features.
    wanted : (4, side, side) float32
        1 inside cells; 1 where two touch; depth; 1 where these are known.
    """
    shares = np.array([source.share for source in sources])
    source = sources[int(rng.choice(len(sources), p=shares / shares.sum()))]
    examples = source.examples
    crop = warp(rng, examples[int(rng.integers(len(examples)))], side)
    if rng.random() < source.pasted:
        crop = paste(rng, crop, warp(rng, examples[int(rng.integers(len(examples)))], side))
    seen = as_seen(relit(rng, crop.flat, source.inverted), DIAMETER)
    inside = (crop.labels > 0).astype(np.float32)
    return seen, np.stack([inside, contacts(crop.labels), crop.depth * inside, crop.valid])


def warp(rng: np.random.Generator, example: Example, side: int) -> Crop:
    """Return a part of an example, turned, mirrored, scaled by 0.75 to 1.35, stretched and bent."""
    height, width = example.flat.shape
    size = STEP * side
    scale = np.exp(rng.uniform(np.log(0.75), np.log(1.35)))
    angle = rng.uniform(0, 2 * np.pi)
    centre_y, centre_x = rng.uniform(0.15, 0.85) * height, rng.uniform(0.15, 0.85) * width
    if rng.random() < _AT_CELLS:
        y, x = np.divmod(rng.choice(np.flatnonzero(example.labels)), width)
        centre_y, centre_x = (v + rng.normal(0, 0.3 * size) for v in (y, x))
    mirrored = rng.choice([-1.0, 1.0])
    aspect = np.exp(rng.normal(0, 0.06))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([mirrored * aspect, 1 / aspect]) / scale
    grid = np.arange(size, dtype=np.float32) - size / 2
    x, y = np.meshgrid(grid, grid)
    bends = [rng.normal(0, 4.0, (5, 5)).astype(np.float32) for _ in "xy"]
    bent_x, bent_y = (
        axis + cv2.resize(bend, (size, size), interpolation=cv2.INTER_CUBIC)
        for axis, bend in zip((x, y), bends, strict=True)
    )
    from_x, from_y = (
        (row[0] * bent_x + row[1] * bent_y + centre).astype(np.float32)
        for row, centre in zip(matrix, (centre_x, centre_y), strict=True)
    )
    beyond = cv2.BORDER_REFLECT_101
    flat = cv2.remap(example.flat, from_x, from_y, cv2.INTER_CUBIC, borderMode=beyond)
    # the centre of a pixel of the network lies between those of full size
    from_x, from_y = (m[STEP // 2 :: STEP, STEP // 2 :: STEP] - 0.5 for m in (from_x, from_y))
    labels = cv2.remap(example.labels, from_x, from_y, cv2.INTER_NEAREST, borderMode=beyond)
    depth = cv2.remap(example.depth, from_x, from_y, cv2.INTER_LINEAR, borderMode=beyond)
    valid = (from_x >= 0) & (from_y >= 0) & (from_x < width) & (from_y < height)
    return Crop(flat, labels, depth, valid.astype(np.float32))


def paste(rng: np.random.Generator, crop: Crop, other: Crop) -> Crop:
    """Move cells of another crop, with their halos, next to cells of this one.

    Annotated frames hold few cells that touch; this adds some.
    """
    flat, labels, depth, valid = crop.flat, crop.labels, crop.depth, crop.valid
    size, full = labels.shape[::-1], flat.shape[::-1]
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    names = rng.permutation(np.unique(other.labels[(other.labels > 0) & (other.valid > 0)]))
    for name in names[: rng.integers(1, 9)]:
        cell = (other.labels == name).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(cell)
        halo = cv2.dilate(cell, disk)
        at_edge = min(x, y) < 1 or x + width >= size[0] or y + height >= size[1]
        if cell.sum() < _LEAST_PASTED or at_edge or (other.valid[halo > 0] == 0).any():
            continue
        for _ in range(_TRIES):
            dy = rng.integers(-y, size[1] - y - height + 1)
            dx = rng.integers(-x, size[0] - x - width + 1)
            move = np.float32([[1, 0, dx], [0, 1, dy]])
            moved, around = (
                cv2.warpAffine(mask, move, size, flags=cv2.INTER_NEAREST) > 0
                for mask in (cell, halo)
            )
            if not _fits(moved, around, labels):
                continue
            blend = cv2.resize(around.astype(np.float32), full, interpolation=cv2.INTER_LINEAR)
            blend = cv2.GaussianBlur(blend, (0, 0), 1.0)
            far = np.float32([[1, 0, dx * STEP], [0, 1, dy * STEP]])
            added = cv2.warpAffine(other.flat, far, full, borderMode=cv2.BORDER_REFLECT_101)
            flat = flat + blend * (added - flat)
            depth = np.where(moved, cv2.warpAffine(other.depth, move, size), depth)
            valid = np.maximum(valid, moved.astype(np.float32))
            labels = np.where(moved, labels.max() + 1, labels)
            break
    return Crop(flat, labels, depth, valid)


def _fits(cell: np.ndarray, around: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a cell at its new place is next to others without covering much of them."""
    over = cell & (labels > 0)
    if over.sum() > _OVERLAP * cell.sum() or not (around & (labels > 0)).any():
        return False
    hidden = zip(*np.unique(labels[over], return_counts=True), strict=True)
    return all(pixels <= _OVERLAP * (labels == name).sum() for name, pixels in hidden)


def relit(rng: np.random.Generator, flat: np.ndarray, inverted: float) -> np.ndarray:
    """Vary contrast, brightness, polarity, sharpness and noise of a frame; float32."""
    if rng.random() < inverted:
        flat = -flat
    flat = flat * np.exp(rng.normal(0.1, 0.45))
    if rng.random() < 0.5:
        flat = np.sign(flat) * np.abs(flat) ** np.exp(rng.normal(0, 0.15))
    flat = flat + rng.normal(0, 0.15)
    if rng.random() < 0.3:
        flat = cv2.GaussianBlur(flat, (0, 0), np.exp(rng.uniform(np.log(0.4), np.log(2.0))))
    if rng.random() < 0.4:
        noise = rng.normal(0, 1, flat.shape).astype(np.float32)
        if rng.random() < 0.3:
            noise = 1.7 * cv2.GaussianBlur(noise, (0, 0), 0.8)
        flat = flat + noise * np.float32(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
    return flat.astype(np.float32)
