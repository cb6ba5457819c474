"""Uneven illumination of a fluorescence channel."""

import numpy as np


def vignette(shape, strength=0.5, centre=(0.1, -0.2)):
    """A gain of mean 1 that falls off quadratically from a place beside the middle."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    gain = 1 - strength * ((y[:, None] - centre[0]) ** 2 + (x - centre[1]) ** 2) / 2
    return gain / gain.mean()
