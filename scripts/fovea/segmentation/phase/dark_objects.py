"""Objects of mode `dark` that stand out from the noise and from dust, and their edges."""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Dark
from fovea.kernels import bits, boxes, contrast, morphology, regions
from fovea.segmentation.guards import note
from fovea.segmentation.phase.parts import blurred, sample

_FREE = 75  # percentile of the brightness of free surroundings
_FEW = 100  # pixels; fewer do not tell the background's spread


def clear_objects(
    labels: np.ndarray, image: np.ndarray, cell_diameter: float, p: Dark,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
    """Keep the objects whose contrast, shape and size are those of cells.

    The contrast of an object is the mean of the image (H, W) float32 in a ring around it, without
    other objects, minus the mean inside. Otsu's threshold divides the contrasts of compact objects
    into two classes; the median of the upper one stands for cells. Bent cells, and cells with a
    stalk, are as dark as others but not compact; ragged pieces of background are neither.

    Returns the labels that are kept, (H, W) int32, and the level of the edge of each label, (labels
    + 1,) float32. None if no object stands out from the background's spread.
    """
    count = int(labels.max(initial=0))
    area = cell_diameter**2
    around = labels.copy()
    everywhere = np.ones(labels.shape, bool)
    regions.grow(around, everywhere, max(2, round(p.ring * cell_diameter)))
    sizes, moments, sums = contrast.objects(labels, image, count)
    numbers, outer = contrast.rings(labels, around, image, count)
    inside, outside = sums / np.maximum(sizes, 1), outer / np.maximum(numbers, 1)
    contrasts = outside - inside
    shape = compactness(sizes, moments)
    bent = (sizes >= p.min_area * area) & (sizes <= p.max_area * area) & (numbers > 0)
    bent &= shape >= p.bent
    bent[0] = False
    if not bent.any():
        if count:
            largest = np.sqrt(sizes[1:].max() / area)
            note("bent", shape[1:].max(), p.bent,
                 f"no object has the size and shape of a cell: the largest has {largest:.2g} cell "
                 "diameters, and the highest compactness")  # fmt: skip
        return None
    compact = bent & (shape >= p.compactness)
    usual = usual_contrast(contrasts[compact if compact.any() else bent])
    plausible = compact | (bent & (contrasts >= p.bent_contrast * usual))
    kept = plausible & (contrasts > p.least_contrast * usual)
    free = ~kept[sample(around)]
    if valid is not None:
        free &= sample(valid)
    background = sample(image)[free]
    if len(background) < _FEW:
        background = sample(image).ravel()
    spread = 1.4826 * float(np.median(np.abs(background - np.median(background))))
    kept &= contrasts > p.noise_level * spread
    if not usual > p.faint * spread or not kept.any():
        guard = "noise_level" if usual > p.faint * spread else "faint"
        measure = "the contrast of objects, in robust standard deviations of the background,"
        note(guard, usual / max(spread, 1e-9), getattr(p, guard), measure)
        return None
    levels = (inside + p.edge_level * contrasts).astype(np.float32)
    chosen = np.empty_like(labels)
    boxes.relabel(labels, np.where(kept, np.arange(count + 1), 0).astype(np.int32), chosen)
    return chosen, levels


def usual_contrast(contrasts: np.ndarray) -> float:
    """Return the median of the upper of the two classes that Otsu's threshold separates best."""
    ordered = np.sort(contrasts)
    if len(ordered) == 1:
        return float(ordered[0])
    below = np.arange(1, len(ordered))
    above = len(ordered) - below
    sums = np.cumsum(ordered)
    apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    return float(np.median(ordered[np.argmax(below * above * apart**2.0) + 1 :]))


def compactness(sizes: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return each object's area over that of the ellipse of the same second moments, (N,) float64.

    It is 1 for an ellipse, 0.95 for a rectangle and for a straight rod, and the smaller the more
    an object is bent, branched or ragged. Sizes and moments are as of `contrast.objects`. A pixel
    is a square, whose own second moment is 1 / 12.
    """
    number = np.maximum(sizes, 1)
    y, x, yy, xx, yx = (moments[:, k] / number for k in range(5))
    determinant = (yy - y * y + 1 / 12) * (xx - x * x + 1 / 12) - (yx - y * x) ** 2
    return sizes / (4 * np.pi * np.sqrt(np.maximum(determinant, 1e-9)))


def trace(labels: np.ndarray, image: np.ndarray, cell_diameter: float, p: Dark) -> None:
    """Move the edges of labels, in place, to where the image is steepest, at most by `reach`.

    There the image equals its mean over a wider window. Pale lines between objects become free.
    """
    inner = contrast.darker(image, blurred(image, p.edge_sigma * cell_diameter))
    steps = max(1, round(p.reach * cell_diameter))
    regions.recede(labels, inner, steps)
    regions.grow(labels, inner, steps)


def lower(
    labels: np.ndarray, levels: np.ndarray, image: np.ndarray, cell_diameter: float, p: Dark
) -> None:
    """Take pixels brighter than the level of their label from the edges of labels, in place."""
    inner = contrast.below_level(image, labels, levels)
    regions.recede(labels, inner, max(1, round(p.reach * cell_diameter)))


def fill_gaps(
    labels: np.ndarray, image: np.ndarray, cell_diameter: float, p: Dark,
    valid: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Give narrow gaps between labels to the labels, where they are dark enough, in place.

    A gap about as narrow as the optics resolves is never as bright as what lies free, so that the
    level half-way to its brightest pixel lies inside the cells. Here the level is told from free
    surroundings instead: the pixels near to labels, outside the closing of all labels.
    """
    steps = round(p.gap * cell_diameter)
    if not steps:
        return
    mask, width = labels > 0, labels.shape[1]
    element = steps - np.abs(np.arange(-steps, steps + 1))  # as many steps of 4 neighbours
    near = morphology.dilate(bits.pack_above(mask, False), width, element)
    closed = morphology.erode(near, width, element)
    free = bits.unpack(near & ~closed, width)
    if valid is not None:
        free &= valid
    outside, inside = sample(image)[sample(free)], sample(image)[sample(mask)]
    if not outside.size or not inside.size:
        return
    dark, bright = np.median(inside), np.percentile(outside, _FREE)
    filled = bits.unpack(closed, width)
    filled &= image < np.float32(dark + p.gap_level * (bright - dark))
    regions.grow(labels, filled, steps)
