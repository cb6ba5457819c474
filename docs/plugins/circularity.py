"""A feature: how round a cell is, 1 for a disk."""

import numpy as np

from fovea.plugins import feature


@feature("roundness", channel="phase")
def roundness(image, mask, context):
    """4 pi area / perimeter²; the perimeter is the number of edges between pixels, times pi / 4."""
    padded = np.pad(mask, 1).astype(np.int8)
    edges = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    return 4 * np.pi * mask.sum() / (np.pi / 4 * edges) ** 2
