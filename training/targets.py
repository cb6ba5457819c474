"""Training targets from annotated labels: the depth inside cells, and contacts of cells."""

from __future__ import annotations

import numpy as np


def depth_map(labels: np.ndarray) -> np.ndarray:
    """Compute how far inside its cell each pixel lies.

    Let u be the solution of the discrete Poisson equation Δu = -1 within each cell, with u = 0
    outside the cell and no flux through the edge of the frame. The depth is sqrt(u / max u). For a
    disk that is the height of a hemisphere; in other cells it has a single maximum where the
    distance to the border may have several.

    Parameters
    ----------
    labels : (H, W) integer
        0 background.

    Returns
    -------
    (H, W) float32
        Above 0, up to 1, in cells; 0 outside.
    """
    from scipy.ndimage import find_objects

    depth = np.zeros(labels.shape, np.float32)
    for label, box in enumerate(find_objects(labels.astype(np.int32)), 1):
        if box is None:
            continue
        cell = labels[box] == label
        ends = zip(box, labels.shape, strict=True)
        cut = [(side.start == 0, side.stop == size) for side, size in ends]
        depth[box][cell] = _depth_of(cell, cut)
    return depth


def _depth_of(cell: np.ndarray, cut: list[tuple[bool, bool]]) -> np.ndarray:
    """Return the depth of a cell's pixels in raster order; `cut`: sides at the frame's edge."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import spsolve

    y, x = np.nonzero(cell)
    number = np.full(tuple(n + 2 for n in cell.shape), -1)
    number[y + 1, x + 1] = np.arange(len(y))
    beyond = np.zeros(number.shape, bool)  # the frame's edge
    beyond[0], beyond[-1] = cut[0]
    beyond[:, 0] |= cut[1][0]
    beyond[:, -1] |= cut[1][1]
    neighbours = np.zeros(len(y))
    pairs = []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        place = y + 1 + dy, x + 1 + dx
        neighbours += ~beyond[place]
        other = number[place]
        pairs.append(np.stack([np.arange(len(y)), other])[:, other >= 0])
    rows, columns = np.concatenate(pairs, axis=1)
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(y), len(y)))
    # the small addition keeps the matrix regular for a cell that fills the frame
    u = spsolve((diags(neighbours + 1e-9) - links).tocsc(), np.ones(len(y)))
    return np.sqrt(np.maximum(u, 0) / u.max())


def contacts(labels: np.ndarray) -> np.ndarray:
    """Return 1 where two cells lie within two pixels to each side, else 0; (H, W) float32."""
    from scipy.ndimage import maximum_filter, minimum_filter

    highest = maximum_filter(labels, 5, mode="nearest")
    lowest = minimum_filter(np.where(labels > 0, labels, labels.max()), 5, mode="nearest")
    return ((highest > 0) & (lowest < highest)).astype(np.float32)


def without_specks(labels: np.ndarray, least: float) -> np.ndarray:
    """Return connected parts of labels as labels 1..N, int32, without those below `least` pixels.

    Annotation by hand leaves specks beside cells, which the network would learn as cells.
    """
    from skimage.measure import label

    parts = label(labels, background=0, connectivity=2)
    kept = np.bincount(parts.ravel()) >= least
    kept[0] = False
    return (np.cumsum(kept) * kept)[parts].astype(np.int32)
