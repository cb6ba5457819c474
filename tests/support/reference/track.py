"""Tracking `iou`."""

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def drop_by_size(frame, min_size=None, max_size=None):
    """Set objects of fewer than `min_size` or more than `max_size` pixels to 0."""
    labels, sizes = np.unique(frame, return_counts=True)
    dropped = np.zeros(len(labels), dtype=bool)
    if min_size is not None:
        dropped |= sizes < min_size
    if max_size is not None:
        dropped |= sizes > max_size
    return np.where(np.isin(frame, labels[dropped]), 0, frame)


def boxes(frame):
    """Labels, ascending, and their boxes [y0, x0, y1, x1], end exclusive."""
    slices = dict(enumerate(ndimage.find_objects(frame.astype(np.int64)), 1))
    found = {label: where for label, where in slices.items() if where is not None}
    return list(found), [(y.start, x.start, y.stop, x.stop) for y, x in found.values()]


def box_overlap(a, b):
    """Intersection over union of two boxes."""
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    if height <= 0 or width <= 0:
        return 0.0
    both = height * width
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    return both / (area_a + area_b - both)


def mask_overlap(a, b):
    """Intersection over union of two masks."""
    both = int(np.count_nonzero(a & b))
    return both / (int(np.count_nonzero(a)) + int(np.count_nonzero(b)) - both)


def overlap_matrix(before, after, min_iou=0.1, overlap="box"):
    """Overlaps of the objects of two frames, 0 for pairs that cannot be matched.

    Returns the labels of both frames, ascending, and the matrix (before, after).
    """
    old, old_boxes = boxes(before)
    new, new_boxes = boxes(after)
    matrix = np.zeros((len(old), len(new)))
    for i, a in enumerate(old_boxes):
        for j, b in enumerate(new_boxes):
            value = box_overlap(a, b)
            if overlap == "mask" and value > 0:
                value = mask_overlap(before == old[i], after == new[j])
            if value > 0 and value >= min_iou:
                matrix[i, j] = value
    return old, new, matrix


def assign(matrix):
    """Pairs (i, j) with the largest sum, each connected group solved on its own."""
    rows, columns = matrix.shape
    if rows == 0 or columns == 0:
        return []
    graph = np.zeros((rows + columns, rows + columns))
    graph[:rows, rows:] = matrix
    _, group = connected_components(csr_array(graph), directed=False)
    pairs = []
    for number in np.unique(group):
        i = np.nonzero(group[:rows] == number)[0]
        j = np.nonzero(group[rows:] == number)[0]
        if i.size and j.size:
            part = matrix[np.ix_(i, j)]
            for a, b in zip(*linear_sum_assignment(part, maximize=True), strict=True):
                if part[a, b] > 0:
                    pairs.append((int(i[a]), int(j[b])))
    return pairs


def track_iou(labels, min_iou=0.1, overlap="box", min_size=None, max_size=None):
    """Labels (T, H, W) with one ID per cell over all frames."""
    frames = [drop_by_size(frame, min_size, max_size) for frame in labels]
    out = np.zeros(labels.shape, dtype=np.int64)
    last_id = 0
    ids = {}  # label of the frame before -> ID
    for t, frame in enumerate(frames):
        previous, ids = ids, {}
        present = boxes(frame)[0]
        if t > 0:
            old, new, matrix = overlap_matrix(frames[t - 1], frame, min_iou, overlap)
            for i, j in assign(matrix):
                ids[new[j]] = previous[old[i]]
        for label in present:
            if label not in ids:
                last_id += 1
                ids[label] = last_id
        table = np.zeros(int(frame.max()) + 1, dtype=np.int64)
        for label in present:
            table[label] = ids[label]
        out[t] = table[frame]
    return out.astype(np.uint16 if last_id <= 65535 else np.uint32)


def within(boxes, areas, box):
    """Indices of the objects with pixels whose boxes share a pixel with a box."""
    y0, x0, y1, x1 = box
    return [
        i for i, (top, left, bottom, right) in enumerate(boxes.tolist())
        if areas[i] and max(top, y0) < min(bottom, y1) and max(left, x0) < min(right, x1)
    ]  # fmt: skip


def wider(box):
    """A box with half its height more above and below, and half its width at either side."""
    y0, x0, y1, x1 = box
    dy, dx = (y1 - y0) // 2, (x1 - x0) // 2
    return y0 - dy, x0 - dx, y1 + dy, x1 + dx
