"""A segmentation method: what is brighter than a threshold."""

from scipy import ndimage

from fovea.plugins import segmentation


@segmentation("bright")
def bright(frame, *, above: int = 1000, smoothing: float = 1.0):
    """Label the objects above a threshold in counts, after a Gaussian filter of some pixels."""
    smooth = ndimage.gaussian_filter(frame.astype(float), smoothing)
    return ndimage.label(smooth > above)[0]
