"""Mode `dark` of segmentation `phase`: objects darker than their surroundings.

A pixel is compared with the brightest and the darkest level around it, so that neither uneven
light nor the halo of a colony shifts the threshold. What is dark is cut at pale lines and at necks;
`fovea.segmentation.phase.dark_objects` keeps the objects that stand out. Their edges lie half-way
between the two levels, but for gaps so narrow that the optics does not resolve how bright they are.
"""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Dark
from fovea.kernels import bits, boxes, contrast, flood, labelling, morphology, regions
from fovea.segmentation.phase.dark_objects import clear_objects, closed
from fovea.segmentation.phase.parts import at_least, blurred, depths, half_widths, merge, watershed

_BLOCKS = 9  # along the side of the window in which the envelopes are computed
_USUAL = 97  # percentile of the span of brightness that stands for that of cells
_LOWEST = -0.1  # height of a line to which lower ones are raised: darker than both sides
_NARROW = 2  # pixels; gaps up to twice as wide count as narrow, whatever the size of cells
_FAINTEST = 1e-3  # counts; a smaller span is none


def label_dark(
    flat: np.ndarray, cell_diameter: float, p: Dark, valid: np.ndarray | None = None
) -> np.ndarray:
    """Label dark objects; parameters and result as in `fovea.segmentation.phase`."""
    image = blurred(flat, p.smoothing * cell_diameter)
    found = dark_pixels(image, cell_diameter, p, valid)
    if found is None:
        return np.zeros(flat.shape, np.int32)
    packed, inside, lines = found
    labels = split(packed, lines, cell_diameter, p)
    inner = labels.copy()
    regions.recede(inner, inside, max(1, round(p.reach * cell_diameter)))
    kept = clear_objects(inner, int(labels.max(initial=0)), image, cell_diameter, p, valid)
    if kept is None:
        return np.zeros(flat.shape, np.int32)
    chosen = np.empty_like(labels)
    boxes.relabel(inner, kept, chosen)
    within = closed(chosen > 0, max(_NARROW, round(p.gap * cell_diameter)) if p.gap else 0)
    boxes.relabel(labels, kept, chosen)
    chosen *= within
    if steps := round(p.expand * cell_diameter):
        regions.grow(chosen, np.ones(chosen.shape, bool), steps)
    return chosen


def dark_pixels(
    image: np.ndarray, cell_diameter: float, p: Dark, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the packed mask of dark pixels, those inside edges, and the heights of pale lines.

    Pixels inside edges are (H, W) bool, whether or not they are in the mask; heights are (H, W)
    int16. None if the image, (H, W) float32, has no contrast. Where the surroundings differ less
    than a share of what they differ at cells, that share stands for the difference.
    """
    side = p.window * cell_diameter
    block = max(2, round(side / _BLOCKS))
    radius = max(1, round((side / block - 1) / 2))
    highest, lowest = contrast.block_extremes(image, block)
    bright = contrast.envelope(highest, radius)
    span = bright + contrast.envelope(-lowest, radius)
    usual = span if valid is None else span[valid[::block, ::block]]
    least = np.float32(p.floor * np.percentile(usual, _USUAL)) if usual.size else np.float32(0)
    if not least > _FAINTEST:
        return None
    reach = p.line_reach * cell_diameter
    levels = np.array([p.dark_level, p.edge_level, p.core_level], np.float32)
    darkness, lines = contrast.dark_and_lines(
        image, np.stack((bright, np.maximum(span, least))), block, levels,
        max(1, round(reach)), max(1, round(reach / np.sqrt(2))),
        np.float32(_LOWEST), np.float32(p.line_height),
    )  # fmt: skip
    packed = bits.pack_above(darkness & np.uint8(1), np.uint8(0))
    if valid is not None:
        packed &= bits.pack_above(valid, False)
    width, area = image.shape[1], cell_diameter**2
    packed = morphology.open_(packed, width, half_widths(p.opening * cell_diameter))
    core = bits.pack_above(darkness, np.uint8(3))
    labelling.keep_marked(packed, core, width, at_least(p.core_area * area))
    labelling.remove_by_size(packed, width, at_least(p.min_area * area), image.size)
    labelling.fill_holes(packed, width, int(p.max_hole * area))
    return packed, (darkness & np.uint8(2)) > 0, lines


def split(packed: np.ndarray, lines: np.ndarray, cell_diameter: float, p: Dark) -> np.ndarray:
    """Label the parts into which pale lines and necks divide a packed mask, (H, W) int32."""
    width, area = lines.shape[1], cell_diameter**2
    level = np.int16(p.line_level * contrast.LINE_STEPS)
    pale = packed & bits.pack_above(lines, level)
    labelling.remove_by_size(pale, width, at_least(p.line_area * area), lines.size)
    mask, ridge = bits.unpack(packed, width), bits.unpack(pale, width)
    depth = depths(mask & ~ridge, cell_diameter, p.distance_sigma)
    candidates = flood.peaks(depth, mask)
    best_first = candidates[np.lexsort((candidates, -depth.ravel()[candidates]))]
    components = labelling.label(packed, width)
    markers = flood.thin_out(best_first, components, width, p.marker_radius * cell_diameter)
    parts = watershed(depth, mask, np.sort(markers), components, ridge, p.line_step)
    return merge(
        parts, depths(mask, cell_diameter, p.distance_sigma), lines, saddle=p.saddle,
        ridge_weight=p.line_weight / contrast.LINE_STEPS, small=p.small_part * area,
        size_weight=p.size_weight, cell_area=area,
    )  # fmt: skip
