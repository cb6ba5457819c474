"""Objects of mode `dark` that stand out from the noise and from dust."""

from __future__ import annotations

import numpy as np

from fovea.config.phase_tuning import Dark
from fovea.kernels import bits, contrast, morphology, regions
from fovea.segmentation.guards import note
from fovea.segmentation.phase.parts import ground_spread, sample


def clear_objects(
    labels: np.ndarray, count: int, image: np.ndarray, cell_diameter: float, p: Dark,
    valid: np.ndarray | None = None,
) -> np.ndarray | None:  # fmt: skip
    """Tell which of the labels 1..count have the contrast, shape and size of cells.

    The contrast of an object is the mean of the image (H, W) float32 in a ring around it, without
    other objects, minus the mean inside. Otsu's threshold divides the contrasts of compact objects
    into two classes; the median of the upper one stands for cells. Bent cells, and cells with a
    stalk, are as dark as others but not compact; ragged pieces of background are neither.

    Returns the labels that are kept, and 0 for others, by label, (count + 1,) int32. None if no
    object stands out from the background's spread.
    """
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
    spread = ground_spread(image, ~kept[sample(around)], valid)
    kept &= contrasts > p.noise_level * spread
    if not usual > p.faint * spread or not kept.any():
        guard = "noise_level" if usual > p.faint * spread else "faint"
        measure = "the contrast of objects, in robust standard deviations of the background,"
        note(guard, usual / max(spread, 1e-9), getattr(p, guard), measure)
        return None
    return np.where(kept, np.arange(count + 1), 0).astype(np.int32)


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


def closed(mask: np.ndarray, steps: int) -> np.ndarray:
    """Return a mask, (H, W) bool, with gaps closed that are at most 2 `steps` pixels wide.

    A gap about as narrow as the optics resolves is never as bright as what lies free, so that the
    level half-way to its brightest pixel lies inside the cells.
    """
    if not steps:
        return mask
    width = mask.shape[1]
    element = steps - np.abs(np.arange(-steps, steps + 1))  # as many steps of 4 neighbours
    return bits.unpack(morphology.close(bits.pack_above(mask, False), width, element), width)
