"""A preprocessing function: a Gaussian filter of one pixel."""

from scipy import ndimage

from fovea.plugins import preprocessing


@preprocessing("gaussian")
def gaussian(frame):
    """Smooth a frame; what is no integer any more is rounded by Fovea."""
    return ndimage.gaussian_filter(frame.astype(float), 1.0)
