"""Windows of the cells and the pixels in them."""

import math

import numpy as np


def crop_windows(bboxes, valid, padding):
    """Windows (N, T, 4) [y0, x0, y1, x1]; frames without the cell hold -1."""
    windows = np.full(bboxes.shape, -1, dtype=np.int64)
    for cell in range(len(bboxes)):
        frames = [t for t in range(valid.shape[1]) if valid[cell, t]]
        found = [[int(value) for value in bboxes[cell, t]] for t in frames]
        height = max(y1 - y0 for y0, _, y1, _ in found) + 2 * padding
        width = max(x1 - x0 for _, x0, _, x1 in found) + 2 * padding
        for t, (y0, x0, y1, x1) in zip(frames, found, strict=True):
            top = math.floor((y0 + y1 - height) / 2)
            left = math.floor((x0 + x1 - width) / 2)
            windows[cell, t] = top, left, top + height, left + width
    return windows


def still_windows(bboxes, valid, padding, drift):
    """Windows (N, T, 4) that move with the image only; frames without the cell hold -1."""
    windows = np.full(bboxes.shape, -1, dtype=np.int64)
    for cell in range(len(bboxes)):
        places = []
        for t in np.flatnonzero(valid[cell]):
            dy, dx = drift[t]
            y0, x0, y1, x1 = bboxes[cell, t].tolist()
            places.append((y0 - dy, x0 - dx, y1 - dy, x1 - dx))
        y0 = min(place[0] for place in places) - padding
        x0 = min(place[1] for place in places) - padding
        y1 = max(place[2] for place in places) + padding
        x1 = max(place[3] for place in places) + padding
        for t in np.flatnonzero(valid[cell]):
            dy, dx = drift[t]
            windows[cell, t] = y0 + dy, x0 + dx, y1 + dy, x1 + dx
    return windows


def cut(frame, window):
    """Pixels of a window, 0 outside the image."""
    y0, x0, y1, x1 = (int(value) for value in window)
    height, width = frame.shape
    out = np.zeros((y1 - y0, x1 - x0), dtype=frame.dtype)
    y = [row for row in range(y0, y1) if 0 <= row < height]
    x = [column for column in range(x0, x1) if 0 <= column < width]
    if y and x:
        out[y[0] - y0 : y[-1] + 1 - y0, x[0] - x0 : x[-1] + 1 - x0] = frame[np.ix_(y, x)]
    return out
