"""Mode `dark` of segmentation `phase`: objects darker than their surroundings."""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Dark
from fovea.kernels import bits, flood, labelling, regions
from fovea.segmentation.phase.parts import at_least, blurred, depths, merge, sample, watershed

_ROUNDS = 6  # of the search for the brightness of dark pixels


def label_dark(flat: np.ndarray, cell_diameter: float, p: Dark) -> np.ndarray:
    """Label dark objects; parameters and result as in `fovea.segmentation.phase`."""
    width, area = flat.shape[1], cell_diameter**2
    image = blurred(flat, p.smoothing * cell_diameter)
    found = dark_threshold(image, p)
    if found is None:
        return np.zeros(flat.shape, np.int32)
    middle, contrast = found
    packed = bits.pack_above(-image, np.float32(p.dark_level * contrast - middle))
    labelling.fill_holes(packed, width, int(p.max_hole * area))
    labelling.remove_by_size(packed, width, at_least(p.min_area * area), flat.size)
    mask = bits.unpack(packed, width)
    depth = inside(image, mask, contrast, cell_diameter, p)
    candidates = flood.peaks(depth, mask)
    best_first = candidates[np.lexsort((candidates, -depth.ravel()[candidates]))]
    components = labelling.label(packed, width)
    markers = flood.thin_out(best_first, components, width, p.marker_radius * cell_diameter)
    no_ridge = np.zeros(mask.shape, bool)
    parts = watershed(depth, mask, np.sort(markers), components, no_ridge, 0.0)
    labels = merge(
        parts, depth, no_ridge, saddle=p.saddle, ridge_weight=0.0, small=p.small_part * area
    )
    beyond = image < np.float32(middle - p.edge_level * contrast)
    regions.grow(labels, beyond, max(1, round(p.reach * cell_diameter)))
    if steps := round(p.expand * cell_diameter):
        regions.grow(labels, np.ones(mask.shape, bool), steps)
    return labels


def dark_threshold(image: np.ndarray, p: Dark) -> tuple[float, float] | None:
    """Return the background's brightness and the contrast of dark pixels; None without any.

    The brightness of dark pixels is found in a sample by iteration: from the 0.5th percentile on,
    it is replaced by the median of the pixels below the threshold that follows from it.
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
    """Return how far inside an object a pixel lies, from distance and darkness, (H, W) float32."""
    near = depths(mask, cell_diameter, p.distance_sigma)
    inner = blurred(image, p.inner_sigma * cell_diameter)
    outer = blurred(image, p.outer_sigma * cell_diameter)
    depth = near + np.float32(p.core_weight) * ((outer - inner) / np.float32(contrast))
    return np.where(mask, np.maximum(depth, 0), 0).astype(np.float32)
