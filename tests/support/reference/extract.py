"""Features of one cell in one frame, and which cells are kept."""

import math

import numpy as np

PHASE = (
    "area",
    "aspect_ratio",
    "eccentricity",
    "circularity",
    "perimeter",
    "solidity",
    "centroid_x",
    "centroid_y",
)
FLUORESCENCE = (
    "intensity_total",
    "intensity_mean",
    "intensity_median",
    "intensity_std",
    "intensity_max",
    "intensity_min",
)


def axes(mask):
    """Aspect ratio and eccentricity from exact integer second moments.

    The eigenvalues of [[a, c], [c, b]] are those of scikit-image's inertia tensor times area².
    scikit-image takes them from floating-point moments, so that a diagonal line gets a minor axis
    of some 1e-8 and a disk an eccentricity of some 1e-8; integers tell these cases exactly.
    """
    y, x = (index.tolist() for index in np.nonzero(mask))
    n = len(y)
    a = n * sum(v * v for v in x) - sum(x) ** 2
    b = n * sum(v * v for v in y) - sum(y) ** 2
    c = n * sum(u * v for u, v in zip(x, y, strict=True)) - sum(x) * sum(y)
    if a == b == c == 0:  # one pixel
        return math.nan, 0.0
    determinant = a * b - c * c
    spread = math.sqrt((a - b) ** 2 + 4 * c * c)  # difference of the eigenvalues
    larger = (a + b + spread) / 2
    aspect = larger / math.sqrt(determinant) if determinant else math.nan
    return aspect, math.sqrt(spread / larger)


def phase_features(mask, origin=(0, 0)):
    """All features of a mask (h, w) whose top left pixel is `origin` (y, x); NaN: undefined."""
    from skimage.measure import perimeter, regionprops

    mask = np.asarray(mask, dtype=bool)
    (region,) = regionprops(mask.astype(np.uint8))
    aspect, eccentricity = axes(mask)
    length = float(perimeter(mask, neighborhood=4))
    y, x = np.nonzero(mask)
    return {
        "area": float(region.area),
        "aspect_ratio": aspect,
        "eccentricity": eccentricity,
        "circularity": 4 * math.pi * float(region.area) / length**2 if length else math.nan,
        "perimeter": length,
        "solidity": float(region.area / region.area_convex),
        "centroid_x": float(x.mean() + origin[1]),
        "centroid_y": float(y.mean() + origin[0]),
    }


def fluorescence_features(values, mask):
    """All features of the values (h, w) inside a mask (h, w)."""
    inside = np.asarray(values, dtype=np.float64)[np.asarray(mask, dtype=bool)]
    return {
        "intensity_total": math.fsum(inside),
        "intensity_mean": math.fsum(inside) / inside.size,
        "intensity_median": float(np.median(inside)),
        "intensity_std": float(np.std(inside)),
        "intensity_max": float(inside.max()),
        "intensity_min": float(inside.min()),
    }


def removal(bboxes, valid, shape, min_frames=30, border_margin=50):
    """Which cells (N,) have too few frames, and which ever come too near to the edge."""
    height, width = shape
    short, near = [], []
    for cell_boxes, cell_valid in zip(bboxes, valid, strict=True):
        present = [
            box for box, exists in zip(cell_boxes.tolist(), cell_valid, strict=True) if exists
        ]
        short.append(len(present) < min_frames)
        near.append(
            any(
                y0 < border_margin
                or x0 < border_margin
                or height - y1 < border_margin
                or width - x1 < border_margin
                for y0, x0, y1, x1 in present
            )
        )
    return short, near
