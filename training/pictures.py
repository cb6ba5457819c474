"""Random pictures of cells whose outlines are known: many looks, none of them of one microscope.

How bright a pixel is depends on how far it lies from the nearest outline, with profiles, polarity,
rims, pale borders, halos, grain and blur drawn at random. What all looks share is what a network
can learn: where one cell ends and the next begins.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import cv2
import numpy as np

from fovea.segmentation.phase.network import scaled
from fovea.segmentation.phase.segment_phase import flatten
from shapes import KINDS, arrangement, smooth_noise
from stills import DIAMETER, Example
from targets import depth_map, without_specks

_SIDE = 12 * DIAMETER
_SHARES = (0.44, 0.22, 0.15, 0.19)  # of the kinds of arrangements
_SPECK = 0.02  # squared cell diameters


def pictures(count: int, seed: int) -> list[Example]:
    """Draw pictures on all cores; the result depends on the numbers only."""
    with ProcessPoolExecutor() as workers:
        drawn = workers.map(_picture, repeat(seed), range(count), chunksize=4)
        return [
            Example(*(image.astype(np.float32) for image in images)) for images in drawn if images
        ]


def _picture(seed: int, number: int) -> tuple[np.ndarray, ...] | None:
    """Draw what an `Example` has, in 16 bits; None if no cell came to lie in the picture."""
    rng = np.random.default_rng([seed, number])
    labels = arrangement(rng, str(rng.choice(KINDS, p=_SHARES)), _SIDE)
    labels = without_specks(labels, _SPECK * DIAMETER**2)
    if not labels.any():
        return None
    flat = scaled(flatten(render(rng, labels), float(DIAMETER)))
    # the depth is computed at half the size, for speed
    small = depth_map(labels[::2, ::2])
    depth = cv2.resize(small, labels.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return flat.astype(np.float16), labels.astype(np.uint16), depth.astype(np.float16)


def distances(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far inside its cell, and how far outside all cells, pixels lie, in diameters."""
    border = np.zeros(labels.shape, bool)
    border[1:] |= labels[1:] != labels[:-1]
    border[:-1] |= labels[1:] != labels[:-1]
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    inner = ((labels > 0) & ~border).astype(np.uint8)
    inside = cv2.distanceTransform(inner, cv2.DIST_L2, 5) + 0.5 * (labels > 0)
    outside = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return inside / DIAMETER, outside / DIAMETER


def render(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Draw a frame, (H, W) uint16, of cells with given labels (H, W)."""
    inside, outside = distances(labels)
    inside = inside.astype(np.float32)
    outside = outside.astype(np.float32)
    count = int(labels.max())
    mask = labels > 0
    own = np.concatenate([[0], 1 + rng.uniform(0.02, 0.3) * rng.normal(0, 1, count)])
    own = np.clip(own, 0.15, 2.0).astype(np.float32)[labels]
    widest = np.zeros(count + 1, np.float32)
    np.maximum.at(widest, labels.ravel(), inside.ravel())
    share = inside / np.maximum(widest[labels], 1e-3)
    sign = -1.0 if rng.random() < 0.65 else 1.0
    look = rng.random()
    if look < 0.42:
        image = _phase(rng, inside, share, own, sign)
    elif look < 0.52:
        image = _defocused(rng, mask, own, sign)
    else:
        image = _profiles(rng, mask, inside, outside, share, own, sign)
    image += _grain(rng, labels, mask, own) * rng.uniform(0, 1)
    if rng.random() < 0.3:  # shade-off of phase contrast
        wide = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.25, 1.2) * DIAMETER)
        image -= rng.uniform(0.2, 0.9) * wide
    # in units of the cells' contrast, also where there are few of them
    contrast = max(float(image.std()), 0.6 * float(image[mask].std()), 1e-3)
    image += contrast * _surroundings(rng, labels.shape, ~mask)
    image = cv2.GaussianBlur(
        image, (0, 0), np.exp(rng.uniform(np.log(0.4), np.log(0.09 * DIAMETER)))
    )
    noise = rng.normal(0, 1, labels.shape).astype(np.float32)
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.6))
        noise /= noise.std()
    image += contrast * np.exp(rng.uniform(np.log(0.01), np.log(0.4))) * noise
    image += (
        contrast
        * rng.uniform(0, 1.2)
        * smooth_noise(rng, labels.shape, rng.uniform(3, 12) * DIAMETER)
    )
    return _stored(rng, image)


def _stored(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Return an image as cameras and files leave it, uint16: also clipped, compressed or coarse."""
    low, high = float(image.min()), float(image.max())
    if rng.random() < 0.25:
        ends = rng.uniform(0, 4), rng.uniform(95, 100)
        low, high = (float(v) for v in np.percentile(image, ends))
    share = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    if rng.random() < 0.12:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(40, 95))]
        coded = cv2.imencode(".jpg", np.round(share * 255).astype(np.uint8), quality)[1]
        return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.uint16) + 10
    levels = int(np.exp(rng.uniform(np.log(40), np.log(250)))) if rng.random() < 0.2 else 20000
    return (np.round(share * levels) + 10).astype(np.uint16)


def _phase(rng: np.random.Generator, inside, share, own, sign: float) -> np.ndarray:
    """Draw cells as in phase contrast: the phase less its surroundings, which leaves a halo."""
    edge = np.exp(rng.uniform(np.log(0.03), np.log(0.25)))
    body = np.clip(inside / edge, 0, 1) if rng.random() < 0.5 else np.sqrt(np.clip(share, 0, 1))
    image = own * body
    near = cv2.GaussianBlur(
        image, (0, 0), np.exp(rng.uniform(np.log(0.12), np.log(0.7))) * DIAMETER
    )
    image = image - rng.uniform(0.3, 1.1) * near
    if rng.random() < 0.5:
        far = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.0) * DIAMETER)
        image -= rng.uniform(0, 0.8) * far
    return sign * image


def _defocused(rng: np.random.Generator, mask, own, sign: float) -> np.ndarray:
    """Draw cells in bright field out of focus: rims, brighter and darker than the surroundings."""
    body = own * mask
    sharp = np.exp(rng.uniform(np.log(0.02), np.log(0.12)))
    narrow = cv2.GaussianBlur(body, (0, 0), sharp * DIAMETER)
    wide = cv2.GaussianBlur(body, (0, 0), sharp * rng.uniform(1.5, 4) * DIAMETER)
    return sign * (2 * (narrow - wide) + rng.uniform(-0.4, 0.8) * narrow)


def _profiles(rng, mask, inside, outside, share, own, sign: float) -> np.ndarray:
    """Draw cells by profiles across their outlines: body, rims, halo and lines, all at random."""
    image = np.zeros(mask.shape, np.float32)
    look = rng.random()
    if look < 0.6:  # a body
        edge = np.exp(rng.uniform(np.log(0.02), np.log(0.3)))
        body = np.clip(inside / edge, 0, 1) if rng.random() < 0.6 else np.sqrt(np.clip(share, 0, 1))
        image += sign * own * body
        if rng.random() < 0.3:  # paler where crowded
            crowd = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2 * DIAMETER)
            image *= 1 - rng.uniform(0.2, 0.8) * np.clip(crowd, 0, 1)
    elif look < 0.8:  # a faint body
        image += sign * own * rng.uniform(0, 0.4) * mask
    rims = rng.random() < (0.45 if look < 0.6 else 1.0)
    if rims:
        for _ in range(int(rng.integers(1, 4))):
            place, width = rng.uniform(0, 0.22), np.exp(rng.uniform(np.log(0.015), np.log(0.09)))
            size = rng.normal(0, 0.7)
            image += size * own * mask * np.exp(-0.5 * ((inside - place) / width) ** 2)
    if rng.random() < 0.5:  # a halo
        reach = np.exp(rng.uniform(np.log(0.03), np.log(0.3)))
        image -= sign * rng.uniform(0.1, 1.2) * ~mask * np.exp(-outside / reach)
    if rng.random() < 0.5:  # a line where two cells touch, or all around
        width = np.exp(rng.uniform(np.log(0.01), np.log(0.05)))
        near = mask if rng.random() < 0.5 else np.ones_like(mask)
        line = np.exp(-0.5 * (np.where(mask, inside, outside) / width) ** 2) * near
        image += rng.choice([-sign, -sign, sign]) * rng.uniform(0.15, 1.0) * line
    return image


def _grain(rng: np.random.Generator, labels, mask, own) -> np.ndarray:
    """Draw what is inside cells: texture, a nucleus, vacuoles or granules."""
    image = np.zeros(labels.shape, np.float32)
    if rng.random() < 0.5:
        scale = np.exp(rng.uniform(np.log(0.04), np.log(0.3))) * DIAMETER
        image += rng.uniform(0.05, 0.6) * mask * smooth_noise(rng, labels.shape, scale)
    if rng.random() < 0.45:
        y, x = np.nonzero(mask)
        per_cell = rng.uniform(0.5, 4)
        size = np.exp(rng.uniform(np.log(0.02), np.log(0.16))) * DIAMETER
        spots = np.zeros(labels.shape, np.float32)
        sign = rng.choice([-1.0, 1.0])
        for at in rng.integers(len(y), size=int(per_cell * labels.max())):
            mixed = sign if rng.random() < 0.8 else -sign
            radius = max(1, int(size * np.exp(rng.normal(0, 0.3))))
            cv2.circle(spots, (int(x[at]), int(y[at])), radius, float(mixed), -1)
        image += rng.uniform(0.2, 0.9) * mask * cv2.GaussianBlur(spots, (0, 0), 1.0)
    return image * own


def _surroundings(rng: np.random.Generator, shape, free) -> np.ndarray:
    """Draw what is between cells, in units of the contrast: texture, dust, debris, scratches."""
    image = np.zeros(shape, np.float32)
    if rng.random() < 0.4:
        scale = np.exp(rng.uniform(np.log(0.05), np.log(1.0))) * DIAMETER
        image += rng.uniform(0.05, 0.35) * smooth_noise(rng, shape, scale)
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 25))):
            at = tuple(int(v) for v in rng.uniform(0, shape[0], 2))
            radius = max(1, int(rng.uniform(0.02, 0.16) * DIAMETER))
            dust = np.zeros(shape, np.float32)
            cv2.circle(dust, at, radius, 1.0, -1)
            if rng.random() < 0.5:
                cv2.circle(dust, at, radius + 2, float(rng.uniform(-1, 1)), 2)
            image += rng.normal(0, 1.5) * dust
    if rng.random() < 0.15:  # debris or a line: large, and no cell
        lines = np.zeros(shape, np.float32)
        for _ in range(int(rng.integers(1, 4))):
            points = [tuple(int(v) for v in rng.uniform(0, shape[0], 2)) for _ in "ab"]
            cv2.line(lines, *points, float(rng.normal(0, 1)), int(rng.integers(1, 8)))
        image += cv2.GaussianBlur(lines, (0, 0), 1.5)
    return image * free
