"""Mode `dark` of segmentation `phase`: objects darker than their surroundings."""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Dark
from fovea.kernels import bits, flood, labelling, regions
from fovea.segmentation.phase.adherent import STEPS, TOP, at_least, blurred, depths, sample
from fovea.segmentation.phase.merging import merge

_ROUNDS = 6


def label_dark(flat: np.ndarray, cell_diameter: float, p: Dark) -> np.ndarray:
    """Label dark objects.

    Parameters
    ----------
    flat : (H, W) float32
        Frame without background.
    cell_diameter : float
        Pixels.
    p : Dark
        Lengths and areas relative to it.

    Returns
    -------
    (H, W) int32
        0 background; labels in no particular order.
    """
    width, area = flat.shape[1], cell_diameter**2
    labels = np.zeros(flat.shape, np.int32)
    image = blurred(flat, p.smoothing * cell_diameter)
    found = dark_threshold(image, p)
    if found is None:
        return labels
    middle, contrast = found
    packed = bits.pack_above(-image, np.float32(p.dark_level * contrast - middle))
    labelling.fill_holes(packed, width, int(p.max_hole * area))
    labelling.remove_by_size(packed, width, at_least(p.min_area * area), flat.size)
    mask = bits.unpack(packed, width)
    depth = inside(image, mask, contrast, cell_diameter, p)
    candidates = flood.peaks(depth, mask)
    best_first = candidates[np.lexsort((candidates, -depth.ravel()[candidates]))]
    parts_of = labelling.label(packed, width)
    markers = flood.thin_out(best_first, parts_of, width, p.marker_radius * cell_diameter)
    labels.ravel()[np.sort(markers)] = np.arange(1, len(markers) + 1)
    rest = flood.fill_simple(parts_of, labels, len(markers))
    no_ridge = np.zeros(mask.shape, bool)
    flood.watershed(flood.heights(depth, no_ridge, rest, np.float32(0), TOP, STEPS), rest, labels)
    labels = merge(
        labels, depth, no_ridge, saddle=p.saddle, ridge_weight=0.0, small=p.small_part * area
    )
    beyond = image < np.float32(middle - p.edge_level * contrast)
    regions.grow(labels, beyond, max(1, round(p.reach * cell_diameter)))
    if steps := round(p.expand * cell_diameter):
        regions.grow(labels, np.ones(mask.shape, bool), steps)
    return labels


def dark_threshold(image: np.ndarray, p: Dark) -> tuple[float, float] | None:
    """Brightness of the background and contrast of dark pixels; None where there are none.

    From a sample of pixels: begins with the 0.5th percentile as the brightness of dark pixels,
    then takes, again and again, the median of the pixels beyond the threshold.
    """
    values = sample(image)
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    dark = float(np.percentile(values, 0.5))
    for _ in range(_ROUNDS):
        beyond = values[values < middle - p.dark_level * (middle - dark)]
        if len(beyond) == 0:
            return None
        dark = float(np.median(beyond))
    contrast = middle - dark
    return (middle, contrast) if contrast > p.faint * spread else None


def inside(image, mask, contrast: float, cell_diameter: float, p: Dark) -> np.ndarray:
    """How far inside an object a pixel lies, (H, W) float32: distance and darkness together."""
    near = depths(mask, cell_diameter, p.distance_sigma)
    inner = blurred(image, p.inner_sigma * cell_diameter)
    outer = blurred(image, p.outer_sigma * cell_diameter)
    depth = near + np.float32(p.core_weight) * ((outer - inner) / np.float32(contrast))
    return np.where(mask, np.maximum(depth, 0), 0).astype(np.float32)
