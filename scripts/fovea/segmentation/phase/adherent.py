"""Mode `adherent` of segmentation `phase`: texture, halos trimmed, cut at bright ridges."""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Adherent
from fovea.kernels import bits, distance, fields, flood, labelling, morphology
from fovea.segmentation.phase.merging import merge

_BINS = 256  # of Otsu's histogram
_LOWEST = 0.1  # percentile; lower values of the logarithm count as this one
_SAMPLE = 1 << 18  # pixels that are enough for percentiles and histograms
_HIGHEST = 88.0  # logarithm of a variance that single precision holds
_SHARPEST = 0.6  # pixels; a narrower window would hold a single pixel
#: Heights of the watershed per cell diameter, and where they begin.
STEPS, TOP = np.float32(1024), np.float32(2)


def label_adherent(flat: np.ndarray, cell_diameter: float, p: Adherent) -> np.ndarray:
    """Label textured cells.

    Parameters
    ----------
    flat : (H, W) float32
        Frame without background.
    cell_diameter : float
        Pixels.
    p : Adherent
        Lengths and areas relative to it.

    Returns
    -------
    (H, W) int32
        0 background; labels in no particular order.
    """
    packed = textured(flat, cell_diameter, p)
    contrast = None if packed is None else contrast_inside(flat, bits.unpack(packed, flat.shape[1]))
    if contrast is None:
        return np.zeros(flat.shape, np.int32)
    trim(packed, flat, contrast, cell_diameter, p)
    packed = smoothed_mask(packed, flat.shape[1], cell_diameter, p)
    return split(packed, flat, contrast, cell_diameter, p)


def textured(flat: np.ndarray, cell_diameter: float, p: Adherent) -> np.ndarray | None:
    """Packed mask of the pixels whose surroundings vary; None for a frame without contrast."""
    width, area = flat.shape[1], cell_diameter**2
    taps = fields.gaussian_taps(max(p.texture_sigma * cell_diameter, _SHARPEST))
    variance = fields.local_variance(flat, taps)
    found = thresholds(sample(variance))
    if found is None:
        return None
    otsu, mode, sigma = found
    threshold = otsu + p.threshold_offset
    limits = max(threshold, mode + p.noise_level * sigma), threshold + p.core_contrast
    low, high = (np.float32(np.exp(min(2 * limit, _HIGHEST))) for limit in limits)
    packed = bits.pack_above(variance, low)
    certain = bits.pack_above(variance, high)
    labelling.keep_marked(packed, certain, width, at_least(p.core_area * area))
    labelling.fill_holes(packed, width, int(p.max_hole * area))
    return packed


def thresholds(variance: np.ndarray) -> tuple[float, float, float] | None:
    """What divides log(standard deviation); None where all values are alike.

    Returns
    -------
    otsu : float
        Otsu's threshold (1979, IEEE Transactions on Systems, Man, and Cybernetics 9, 62); of
        classes with the same variance between them, the first.
    mode, sigma : float
        Centre of the fullest bin, that of the background, and the standard deviation of the
        values up to it.
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


def sample(image: np.ndarray) -> np.ndarray:
    """Every n-th pixel of every n-th row, some 2**18 pixels of a large image."""
    step = max(1, int(np.sqrt(image.size / _SAMPLE)))
    return image[::step, ::step]


def contrast_inside(flat: np.ndarray, mask: np.ndarray) -> float | None:
    """95th minus 5th percentile of a sample inside the mask; None if that is 0."""
    values = sample(flat)[sample(mask)]
    if len(values) == 0:
        values = flat[mask]
    if len(values) == 0:
        return None
    low, high = np.percentile(values, (5, 95))
    return float(high - low) if high > low else None


def trim(packed, flat, contrast: float, cell_diameter: float, p: Adherent) -> None:
    """Clear the bright rim that phase contrast puts around cells, in place."""
    width, area = flat.shape[1], cell_diameter**2
    smooth = blurred(flat, p.halo_sigma * cell_diameter)
    halo = bits.pack_above(smooth, np.float32(p.halo_level * contrast))
    core = morphology.erode(packed, width, half_widths(p.halo_width * cell_diameter))
    halo &= packed & ~core
    labelling.clear_reached(packed, halo, width)
    labelling.fill_holes(packed, width, int(p.trimmed_hole * area))


def smoothed_mask(packed, width: int, cell_diameter: float, p: Adherent) -> np.ndarray:
    """Open, erode, and drop what is small."""
    packed = morphology.open_(packed, width, half_widths(p.opening * cell_diameter))
    packed = morphology.erode(packed, width, half_widths(p.erosion * cell_diameter))
    least = at_least(p.min_area * cell_diameter**2)
    labelling.remove_by_size(packed, width, least, width * len(packed))
    return packed


def split(packed, flat, contrast: float, cell_diameter: float, p: Adherent) -> np.ndarray:
    """Cut the mask at bright ridges and at necks, and merge what belongs together."""
    width, area = flat.shape[1], cell_diameter**2
    bright = blurred(flat, p.ridge_sigma * cell_diameter)
    ridges = packed & bits.pack_above(bright, np.float32(p.ridge_level * contrast))
    del bright  # 16 MB of a frame of 2048 x 2048
    labelling.remove_by_size(ridges, width, at_least(p.ridge_area * area), flat.size)
    cut = packed & ~ridges
    labelling.fill_holes(cut, width, int(p.ridge_hole * area))
    depth = depths(bits.unpack(cut & packed, width), cell_diameter, p.distance_sigma)
    mask, ridge = bits.unpack(packed, width), bits.unpack(ridges, width)
    markers = flood.maxima(
        depth, mask, p.marker_radius * cell_diameter, np.float32(p.marker_height)
    )
    parts = watershed(depth, mask, markers, labelling.label(packed, width), ridge, p)
    return merge(
        parts, depth, ridge, saddle=p.saddle, ridge_weight=p.ridge_weight,
        small=p.small_part * area,
    )  # fmt: skip


def depths(mask: np.ndarray, cell_diameter: float, sigma: float) -> np.ndarray:
    """Distance to the background in cell diameters, (H, W) float32, smoothed; at most 2."""
    depth = blurred(distance.distances(mask, np.float32(2 * cell_diameter)), sigma * cell_diameter)
    depth /= np.float32(cell_diameter)
    return depth


def watershed(depth, mask, markers, parts_of, ridge, p: Adherent) -> np.ndarray:
    """Flood the mask from markers (flat indices), deep pixels first; ridges are higher.

    Components with one marker or none are one part each.
    """
    labels = np.zeros(mask.shape, np.int32)
    labels.ravel()[markers] = np.arange(1, len(markers) + 1)
    rest = flood.fill_simple(parts_of, labels, len(markers))
    levels = flood.heights(depth, ridge, rest, np.float32(p.ridge_step), TOP, STEPS)
    flood.watershed(levels, rest, labels)
    return labels


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian filter; sigmas under 0.3 pixels leave the image as it is."""
    return fields.smooth(image, fields.gaussian_taps(sigma)) if sigma >= 0.3 else image


def half_widths(radius: float) -> np.ndarray:
    """Half-widths per row of a disk: all offsets with dx² + dy² <= radius²."""
    reach = int(np.floor(radius))
    rows = np.arange(-reach, reach + 1)
    return np.floor(np.sqrt(radius**2 - rows**2)).astype(np.int64)


def at_least(pixels: float) -> int:
    """The smallest whole number of pixels that is not less."""
    return int(np.ceil(pixels))
