"""Labels in the order of the frame."""

from __future__ import annotations

import numpy as np

from fovea.kernels.boxes import relabel


def numbered(labels: np.ndarray) -> np.ndarray:
    """Labels 1..N by their first pixel in raster order.

    Parameters
    ----------
    labels : (H, W) integer
        0 background; other values in any order, and with gaps.

    Returns
    -------
    (H, W) uint16, or uint32 where N exceeds 65,535
    """
    names, first, inverse = np.unique(labels.ravel(), return_index=True, return_inverse=True)
    objects = np.flatnonzero(names > 0)
    order = objects[np.argsort(first[objects])]
    dtype = np.uint16 if len(order) <= np.iinfo(np.uint16).max else np.uint32
    table = np.zeros(len(names), dtype)
    table[order] = np.arange(1, len(order) + 1)
    out = np.empty(labels.shape, dtype)
    relabel(inverse.reshape(labels.shape), table, out)
    return out
