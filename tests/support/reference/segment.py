"""Segmentation `logstd`."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from . import morphology

BINS = 200


def scaled_variance(frame, window_size):
    """V = n Σx² − (Σx)² of each pixel's neighbourhood, borders reflected; int64."""
    radius = window_size // 2
    height, width = frame.shape
    # numpy's "symmetric" is scipy's "reflect": d c b a | a b c d | d c b a
    padded = np.pad(frame.astype(np.int64), radius, mode="symmetric")
    total = np.zeros((height, width), dtype=np.int64)
    squares = np.zeros((height, width), dtype=np.int64)
    for dy in range(window_size):
        for dx in range(window_size):
            shifted = padded[dy : dy + height, dx : dx + width]
            total += shifted
            squares += shifted * shifted
    return window_size**2 * squares - total * total


def log_std(frame, window_size):
    """0.5 log(variance), and 0 where the variance is 0."""
    scaled = scaled_variance(frame, window_size)
    x = np.zeros(frame.shape, dtype=np.float64)
    varies = scaled > 0
    x[varies] = 0.5 * np.log(scaled[varies] / window_size**4)
    return x


def threshold_mode(x, counts, centres):
    """Mode + 3 σ of the values up to the mode."""
    mode = centres[np.argmax(counts)]
    low = x[x <= mode]
    sigma = np.std(low) if low.size else 0.0
    return mode + 3 * sigma


def threshold_valley(x, counts, centres):
    """The lowest bin between the background's mode and the next; else as `threshold_mode`."""
    smooth = gaussian_filter1d(counts.astype(np.float64), 3, mode="nearest")
    mode = int(np.argmax(smooth))
    peaks, _ = find_peaks(smooth[mode:], prominence=0.01 * smooth[mode])
    if peaks.size == 0:
        return threshold_mode(x, counts, centres)
    lowest = mode + int(np.argmin(smooth[mode : mode + peaks[0] + 1]))
    return centres[lowest]


def threshold_otsu(x, counts, centres):
    """Otsu's threshold of the histogram."""
    from skimage.filters import threshold_otsu

    return threshold_otsu(hist=(counts, centres))


THRESHOLDS = {"mode": threshold_mode, "valley": threshold_valley, "otsu": threshold_otsu}


def foreground(frame, window_size=3, threshold="mode"):
    """Steps 1 to 4: the mask before clean-up."""
    x = log_std(frame, window_size)
    if x.min() == x.max():
        return np.zeros(frame.shape, dtype=bool)
    counts, edges = np.histogram(x, bins=BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    return x > THRESHOLDS[threshold](x, counts, centres)


def clean_up(
    mask, morph_size, morph_iterations, min_object_size, max_object_size, order="close_open"
):
    """Step 5."""
    if order == "close_open":
        mask = morphology.close(mask, morph_size, morph_iterations)
        mask = morphology.remove_small(mask, min_object_size)
        mask = morphology.fill_holes(mask)
        mask = morphology.open_(mask, morph_size, morph_iterations)
        return morphology.remove_large(mask, max_object_size)
    assert order == "open_close"
    mask = morphology.fill_holes(mask)
    mask = morphology.open_(mask, morph_size, morph_iterations)
    mask = morphology.close(mask, morph_size, morph_iterations)
    mask = morphology.remove_small(mask, min_object_size)
    return morphology.remove_large(mask, max_object_size)


def segment_logstd(
    frame,
    window_size=3,
    threshold="mode",
    morph_size=7,
    morph_iterations=3,
    min_object_size=50,
    max_object_size=10000,
    order="close_open",
):
    """Labels (H, W) of one phase-contrast frame (H, W)."""
    mask = foreground(frame, window_size, threshold)
    mask = clean_up(mask, morph_size, morph_iterations, min_object_size, max_object_size, order)
    labels, number = morphology.label(mask)
    return labels.astype(np.uint16 if number <= 65535 else np.uint32)
