"""Disks, closing, opening, objects and holes of masks, neutral at the borders."""

import numpy as np
from scipy import ndimage

FOUR = ndimage.generate_binary_structure(2, 1)


def disk(radius):
    """All offsets with dx² + dy² <= radius², as a structuring element."""
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return dx**2 + dy**2 <= radius**2


def dilate(mask, radius, iterations=1):
    """Dilate by a disk, again and again; outside the image is background.

    On an image narrower than the structuring element `scipy.ndimage.binary_dilation` is unsure of
    itself, so the image gets a margin; what grows into it is cleared before the next iteration
    by dilating only within the image.
    """
    inside = np.pad(np.ones(np.shape(mask), dtype=bool), radius)
    padded = np.pad(np.asarray(mask, dtype=bool), radius)
    if iterations > 0:
        padded = ndimage.binary_dilation(padded, disk(radius), iterations=iterations, mask=inside)
    return padded[inside].reshape(np.shape(mask))


def erode(mask, radius, iterations=1):
    """Erode by a disk, again and again; outside the image is foreground."""
    inside = np.pad(np.ones(np.shape(mask), dtype=bool), radius)
    padded = np.pad(np.asarray(mask, dtype=bool), radius, constant_values=True)
    if iterations > 0:
        padded = ndimage.binary_erosion(
            padded, disk(radius), iterations=iterations, mask=inside, border_value=True
        )
    return padded[inside].reshape(np.shape(mask))


def close(mask, size, iterations):
    """`iterations` dilations, then as many erosions, by a disk of `size` pixels diameter."""
    return erode(dilate(mask, size // 2, iterations), size // 2, iterations)


def open_(mask, size, iterations):
    """`iterations` erosions, then as many dilations, by a disk of `size` pixels diameter."""
    return dilate(erode(mask, size // 2, iterations), size // 2, iterations)


def label(mask):
    """Number the 4-connected components by their first pixel in raster order; int64, and N."""
    labels, number = ndimage.label(mask, structure=FOUR)
    ids, first = np.unique(labels, return_index=True)
    first = first[ids > 0]
    ids = ids[ids > 0]
    table = np.zeros(number + 1, dtype=np.int64)
    table[ids[np.argsort(first)]] = np.arange(1, number + 1)
    return table[labels], number


def sizes(labels, number):
    """Pixels per label; index 0 is the background."""
    return np.bincount(labels.ravel(), minlength=number + 1)


def remove_small(mask, min_size):
    """Remove objects of fewer than `min_size` pixels."""
    labels, number = label(mask)
    keep = sizes(labels, number) >= min_size
    keep[0] = False
    return keep[labels]


def remove_large(mask, max_size):
    """Remove objects of more than `max_size` pixels."""
    labels, number = label(mask)
    keep = sizes(labels, number) <= max_size
    keep[0] = False
    return keep[labels]


def fill_holes(mask):
    """Fill every component of the background that does not touch the image's border."""
    mask = np.asarray(mask, dtype=bool)
    labels, number = label(~mask)
    hole = np.ones(number + 1, dtype=bool)
    hole[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[edge] = False
    return mask | hole[labels]
