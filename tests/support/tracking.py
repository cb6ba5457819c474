"""Trackers on whole stacks, and frames of disks for them."""

from functools import partial

import numpy as np

Y, X = np.mgrid[:160, :200]


def track_stack(labels, tracker):
    """IDs (T, H, W) of the cells of a stack of labels (T, H, W)."""
    links = tracker.link(labels)
    out = np.empty(labels.shape, links.dtype)
    for _ in links.render(labels, out):
        pass
    return out


def disk(y, x, radius=10.0):
    """Mask of a disk, (160, 200) bool."""
    return (Y - y) ** 2 + (X - x) ** 2 <= radius**2


def labelled(shape, *masks):
    """Labels 1.. of masks, the first on top."""
    labels = np.zeros(shape, np.uint16)
    for number, mask in reversed(list(enumerate(masks, 1))):
        labels[mask] = number
    return labels


frame = partial(labelled, Y.shape)
