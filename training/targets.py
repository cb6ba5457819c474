"""What the network learns to give for annotated labels: depth inside a cell, and contacts."""

from __future__ import annotations

import numpy as np


def depth_map(labels: np.ndarray) -> np.ndarray:
    """How far inside its cell each pixel lies.

    Within each cell the solution of the discrete Poisson equation, Δu = -1, with u = 0 outside the
    cell; the edge of the frame is no border of a cell that it cuts, nothing flows through it. The
    depth is the root of u over its maximum in the cell: for a disk it falls as the height of a
    hemisphere, and in any cell it has one maximum where the distance to the border may have many.

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
    """Depth of the pixels of one cell, in raster order; `cut`: sides at the frame's edge."""
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
    # a cell that fills the frame has no border; the small addition keeps it solvable
    u = spsolve((diags(neighbours + 1e-9) - links).tocsc(), np.ones(len(y)))
    return np.sqrt(np.maximum(u, 0) / u.max())


def contacts(labels: np.ndarray) -> np.ndarray:
    """Pixels where two cells touch: float32, 1 where they and their four neighbours hold two."""
    padded = np.pad(labels, 1, mode="edge")
    height, width = labels.shape
    near = np.stack(
        [
            padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
            for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
        ]
    )
    highest = near.max(axis=0)
    lowest = np.where(near > 0, near, highest).min(axis=0)
    return (highest != lowest).astype(np.float32)


def without_specks(labels: np.ndarray, least: float) -> np.ndarray:
    """Connected parts of labels as labels 1..N, int32, without those of fewer pixels than `least`.

    Hand-drawn outlines leave specks beside cells; a network would learn them as cells.
    """
    from skimage.measure import label

    parts = label(labels, background=0, connectivity=2)
    kept = np.bincount(parts.ravel()) >= least
    kept[0] = False
    return (np.cumsum(kept) * kept)[parts].astype(np.int32)
