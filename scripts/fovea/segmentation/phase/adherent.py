"""Mode `adherent` of segmentation `phase`: textured cells with halos.

Pixels whose surroundings vary are foreground. The bright halo at its edge is trimmed, and the rest
is cut at bright ridges and at necks.
"""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Adherent
from fovea.kernels import bits, fields, flood, labelling, morphology
from fovea.segmentation.guards import note
from fovea.segmentation.phase.parts import (
    at_least,
    blurred,
    depths,
    half_widths,
    merge,
    sample,
    watershed,
)

_BINS = 256  # of Otsu's histogram
_LOWEST = 0.1  # percentile to which lower logarithms are clipped
_HIGHEST = 88.0  # logarithm of the largest variance that single precision represents
_SHARPEST = 0.6  # pixels; a narrower window would hold a single pixel


def label_adherent(
    flat: np.ndarray, cell_diameter: float, p: Adherent, valid: np.ndarray | None = None
) -> np.ndarray:
    """Label textured cells; parameters and result as in `fovea.segmentation.phase`."""
    packed = textured(flat, cell_diameter, p, valid)
    contrast = None if packed is None else contrast_inside(flat, bits.unpack(packed, flat.shape[1]))
    if contrast is None:
        return np.zeros(flat.shape, np.int32)
    trim(packed, flat, contrast, cell_diameter, p)
    packed = smoothed_mask(packed, flat.shape[1], cell_diameter, p)
    if not packed.any():
        note("opening", 0.0, p.opening, "the radius that objects keep, in cell diameters,")
    return split(packed, flat, contrast, cell_diameter, p)


def textured(
    flat: np.ndarray, cell_diameter: float, p: Adherent, valid: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the packed mask of textured pixels; None for a frame without contrast."""
    width, area = flat.shape[1], cell_diameter**2
    taps = fields.gaussian_taps(max(p.texture_sigma * cell_diameter, _SHARPEST))
    variance = fields.local_variance(flat, taps)
    found = thresholds(sample(variance, valid))
    if found is None:
        return None
    otsu, mode, sigma = found
    threshold = otsu + p.threshold_offset
    limits = max(threshold, mode + p.noise_level * sigma), threshold + p.core_contrast
    low, high = (np.float32(np.exp(min(2 * limit, _HIGHEST))) for limit in limits)
    packed = bits.pack_above(variance, low)
    certain = bits.pack_above(variance, high)
    if valid is not None:
        packed &= bits.pack_above(valid, False)
        certain &= packed
    labelling.keep_marked(packed, certain, width, at_least(p.core_area * area))
    if not packed.any():
        strongest = 0.5 * float(np.log(max(float(variance.max()), np.finfo(np.float32).tiny)))
        note("core_contrast", strongest - threshold, p.core_contrast,
             "the strongest texture, in logarithms above the threshold,")  # fmt: skip
    labelling.fill_holes(packed, width, int(p.max_hole * area))
    return packed


def thresholds(variance: np.ndarray) -> tuple[float, float, float] | None:
    """Return Otsu's threshold, mode and sigma of log(standard deviation); None if all are equal.

    Otsu's threshold (1979, IEEE Transactions on Systems, Man, and Cybernetics 9, 62) is the first
    one if several maximise the variance between the classes. The mode is the centre of the fullest
    bin, which is that of the background; sigma is the standard deviation of the values up to it.
    """
    tiny = np.finfo(np.float32).tiny
    x = 0.5 * np.log(np.maximum(variance, tiny).astype(np.float64)).ravel()
    x = np.maximum(x, np.percentile(x, _LOWEST))
    if np.ptp(x) == 0:
        return None
    counts, edges = np.histogram(x, _BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = x.size - below
    sums = np.cumsum(counts * centres)
    apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    otsu = centres[np.argmax(below * above * apart**2.0)]
    mode = centres[np.argmax(counts)]
    left = x[x <= mode]
    sigma = np.sqrt(np.mean((left - mode) ** 2)) if len(left) else 0.0
    return float(otsu), float(mode), float(sigma)


def contrast_inside(flat: np.ndarray, mask: np.ndarray) -> float | None:
    """Return the 95th minus the 5th percentile inside the mask, from a sample; None if it is 0."""
    values = sample(flat)[sample(mask)]
    if len(values) == 0:
        values = flat[mask]
    if len(values) == 0:
        return None
    low, high = np.percentile(values, (5, 95))
    return float(high - low) if high > low else None


def trim(packed, flat, contrast: float, cell_diameter: float, p: Adherent) -> None:
    """Clear the bright halo that phase contrast produces around cells, in place."""
    width, area = flat.shape[1], cell_diameter**2
    smooth = blurred(flat, p.halo_sigma * cell_diameter)
    halo = bits.pack_above(smooth, np.float32(p.halo_level * contrast))
    core = morphology.erode(packed, width, half_widths(p.halo_width * cell_diameter))
    halo &= packed & ~core
    labelling.clear_reached(packed, halo, width)
    labelling.fill_holes(packed, width, int(p.trimmed_hole * area))


def smoothed_mask(packed, width: int, cell_diameter: float, p: Adherent) -> np.ndarray:
    """Return the packed mask opened, eroded, and without small objects."""
    packed = morphology.open_(packed, width, half_widths(p.opening * cell_diameter))
    packed = morphology.erode(packed, width, half_widths(p.erosion * cell_diameter))
    least = at_least(p.min_area * cell_diameter**2)
    labelling.remove_by_size(packed, width, least, width * len(packed))
    return packed


def split(packed, flat, contrast: float, cell_diameter: float, p: Adherent) -> np.ndarray:
    """Label the parts into which bright ridges and necks divide the mask, (H, W) int32."""
    width, area = flat.shape[1], cell_diameter**2
    bright = blurred(flat, p.ridge_sigma * cell_diameter)
    ridges = packed & bits.pack_above(bright, np.float32(p.ridge_level * contrast))
    del bright  # 16 MB for a frame of 2048 x 2048
    labelling.remove_by_size(ridges, width, at_least(p.ridge_area * area), flat.size)
    cut = packed & ~ridges
    labelling.fill_holes(cut, width, int(p.ridge_hole * area))
    depth = depths(bits.unpack(cut & packed, width), cell_diameter, p.distance_sigma)
    mask, ridge = bits.unpack(packed, width), bits.unpack(ridges, width)
    radius, height = p.marker_radius * cell_diameter, np.float32(p.marker_height)
    markers = flood.maxima(depth, mask, radius, height)
    components = labelling.label(packed, width)
    parts = watershed(depth, mask, markers, components, ridge, p.ridge_step)
    return merge(
        parts, depth, ridge, saddle=p.saddle, ridge_weight=p.ridge_weight,
        small=p.small_part * area,
    )  # fmt: skip
