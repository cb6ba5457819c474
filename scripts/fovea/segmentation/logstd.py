"""Segmentation `logstd`: a threshold on the logarithm of the local standard deviation.

Cells in phase contrast are textured, their surroundings are not. The method is that of PyAMA.
The logarithm is not computed per pixel: the local variance is n² times smaller than an exact
integer V, and the logarithm is monotonic in V. So the edges of bins and the threshold are converted
to integer limits of V, by bisection with the expression that defines the logarithm.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from fovea.kernels import bits, labelling, morphology, variance
from fovea.segmentation.padding import filled, segment_recorded

BINS = 200
_SMOOTHING = 3.0  # bins, for the threshold `valley`
_PROMINENCE = 0.01  # of the second mode of `valley`, relative to the background's mode
_TABLE = 1 << 22  # largest number of counters for single values of V
_REACHES = (1.5, 4)  # largest V with a counter, over the median: the mode is near the median
_KEPT = 1 << 20  # largest V whose logarithm is kept from frame to frame
_ROWS = 32  # processed at a time, so that they stay in the second-level cache
_THREAD = threading.local()


def segment_logstd(
    frame: np.ndarray,
    *,
    window_size: int = 3,
    threshold: str = "mode",
    morph_size: int = 7,
    morph_iterations: int = 3,
    min_object_size: int = 50,
    max_object_size: int = 10000,
    order: str = "close_open",
) -> np.ndarray:
    """Label the cells of one phase-contrast frame.

    Parameters
    ----------
    frame : (H, W) uint16
        Raw counts. Padding, as `fovea.segmentation.recorded` finds it, counts nowhere.
    window_size : int
        Size in pixels of the neighbourhood whose variance is taken, odd.
    threshold : {"mode", "valley", "otsu"}
        Rule for the threshold, see docs/algorithms.md.
    morph_size : int
        Diameter in pixels of the disk for closing and opening, odd.
    morph_iterations : int
        Number of dilations and erosions of closing and opening.
    min_object_size, max_object_size : int
        Objects of fewer, or more, pixels are removed.
    order : {"close_open", "open_close"}
        Closing before opening, or opening before closing as in PyAMA's program.

    Returns
    -------
    (H, W) uint16 or uint32
        0 background, 1..N in raster order; uint32 where N exceeds 65,535.

    Raises
    ------
    ValueError
        If frame is not a (H, W) array of uint16 or uint8, or threshold or order is unknown.
    """
    if frame.ndim != 2 or frame.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected a (H, W) frame of uint16, got {frame.dtype} {frame.shape}")
    if order not in ("close_open", "open_close"):
        raise ValueError(f"order must be close_open or open_close, got {order!r}")

    def label(part: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
        packed = _foreground(part, window_size, threshold, seen)
        if packed is None:
            return np.zeros(part.shape, np.uint16)
        element = morphology.disk_half_widths(morph_size, morph_iterations)
        limits = min_object_size, max_object_size
        return _cleaned(packed, part.shape[1], element, *limits, order, seen)

    return segment_recorded(frame, label, max_object_size)


def _cleaned(
    packed: np.ndarray, width: int, element: np.ndarray, smallest: int, largest: int, order: str,
    seen: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """Close, open and label a packed mask of the foreground; `seen` (H, W) bool is no padding."""
    size = width * len(packed)
    known = None if seen is None else bits.pack_above(seen, False)
    if order == "close_open":
        packed = morphology.close(packed, width, element)
        _clear(packed, known)
        labelling.remove_by_size(packed, width, smallest, size)
        labelling.fill_holes(packed, width, size)
        _clear(packed, known)
        packed = morphology.open_(packed, width, element)
        labelling.remove_by_size(packed, width, 0, largest)
    else:
        labelling.fill_holes(packed, width, size)
        packed = morphology.open_(packed, width, element)
        packed = morphology.close(packed, width, element)
        _clear(packed, known)
        labelling.remove_by_size(packed, width, smallest, largest)
    return labelling.label(packed, width)


def _clear(packed: np.ndarray, known: np.ndarray | None) -> None:
    """Clear pixels of a packed mask that are padding, in place."""
    if known is not None:
        packed &= known


def _foreground(
    frame: np.ndarray, window: int, rule: str, seen: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the packed mask of pixels above the threshold; None for a frame without contrast.

    Pixels that are not `seen`, (H, W) bool, are padding: they count nowhere and are no foreground.
    """
    if seen is not None:
        frame = filled(frame, seen)
    n = window * window
    contrast = int(frame.max()) - int(frame.min())
    fits = (n * contrast) ** 2 < 4 << 32  # V <= (n x contrast)² / 4
    values = _buffer(frame.shape, np.uint32 if fits else np.uint64)
    low, high = (int(v) for v in variance.local_variance(frame, window, values))
    everywhere = values
    if seen is not None:
        values = np.ascontiguousarray(values[seen][None])
        low, high = int(values.min()), int(values.max())
    edges = np.linspace(_logstd(low, n), _logstd(high, n), BINS + 1)
    if edges[0] == edges[-1]:
        return None
    starts, centres = _bin_starts(low, high, edges, n), (edges[:-1] + edges[1:]) / 2
    if rule == "mode":
        limit = _mode_limit(values, low, high, centres, starts, n)
    else:
        limit = _other_limit(values, low, high, centres, starts, n, rule)
    last = values.dtype.type(_last_up_to(limit, low, high, n))
    packed = bits.pack_above(everywhere, last)
    if seen is not None:
        packed &= bits.pack_above(seen, False)
    return packed


def _buffer(shape: tuple[int, int], dtype: type) -> np.ndarray:
    """Return an array that the thread uses again for its next frame."""
    kept = getattr(_THREAD, "values", None)
    if kept is None or kept.shape != shape or kept.dtype != dtype:
        kept = _THREAD.values = np.empty(shape, dtype)
    return kept


def _mode_limit(values, low: int, high: int, centres, starts, n: int) -> float:
    """Return mode + 3 sigma, from counters of single values of V if they include the mode."""
    usual = int(np.median(values[::37, ::41])) - low
    for reach in [share * usual for share in _REACHES if usual < _TABLE]:
        table, codes = _count(values, low, high, int(reach))
        counts, certain = _bin_counts(table, codes, low, low + len(table), starts)
        mode = int(np.argmax(counts))
        if mode < certain:
            centre = centres[mode]
            weights = table[: max(0, _last_up_to(centre, low, high, n) - low + 1)]
            x = _logarithms(low, low + len(weights), n)
            return centre + 3 * variance.deviation(weights, x, centre)
    centre = centres[int(np.argmax(_histogram(values, high, starts)))]
    last = _last_up_to(centre, low, high, n)
    return centre + 3 * _deviation_up_to(values, last, centre, n)


def _count(values: np.ndarray, low: int, high: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Count single values of V from `low` on, about `length` of them, and larger ones by code."""
    representable = int(np.iinfo(values.dtype).max) - low  # so that the table's end fits the type
    length = min(high - low + 1, max(1 << 12, length), _TABLE, representable)
    counts = np.zeros(length + int(variance.bin_code(np.uint64(high))) + 1, np.uint32)
    variance.count_values(values, low, low + length, counts)
    return counts[:length], counts[length:]


def _bin_counts(table, codes, low: int, reach: int, starts) -> tuple[np.ndarray, int]:
    """Return the counts of the bins, and the number of leading bins whose counts are exact.

    Bins of values below `reach` are exact. For the others, a code that lies in two bins is counted
    in both, so that no bin is counted too low: if the fullest bin is an exact one, it is the
    fullest of all.
    """
    inside = np.minimum(starts, np.uint64(reach)).astype(np.int64) - low
    begins = np.minimum(inside[:-1], len(table) - 1)
    counts = np.add.reduceat(table, begins, dtype=np.int64)
    counts[inside[1:] <= inside[:-1]] = 0
    above = np.concatenate(([0], np.cumsum(codes, dtype=np.int64)))
    first = variance.bin_codes(np.maximum(starts[:-1], np.uint64(reach)))
    last = variance.bin_codes(starts[1:] - np.uint64(1))
    beyond = starts[1:] > np.uint64(reach)
    counts[beyond] += (above[last + 1] - above[np.minimum(first, last)])[beyond]
    return counts, int(np.argmax(beyond)) if beyond.any() else BINS


def _other_limit(values, low: int, high: int, centres, starts, n: int, rule: str) -> float:
    counts = _histogram(values, high, starts)
    if rule == "otsu":
        from skimage.filters import threshold_otsu

        return float(threshold_otsu(hist=(counts, centres)))
    if rule != "valley":
        raise ValueError(f"threshold must be mode, valley or otsu, got {rule!r}")
    if (valley := _valley(counts)) is not None:
        return centres[valley]
    return _mode_limit(values, low, high, centres, starts, n)


def _logstd(v, n: int):
    """Return 0.5 log(V / n²), the logarithm of the local standard deviation."""
    return 0.5 * np.log(np.asarray(v, np.uint64) / n**2)


def _logarithms(start: int, stop: int, n: int) -> np.ndarray:
    """Return the logarithms of V = start..stop - 1, kept ones where possible."""
    if stop > _KEPT:
        return _logstd(np.arange(start, stop, dtype=np.uint64), n)
    return _kept_logarithms(1 << stop.bit_length(), n)[start - 1 : stop - 1]


@lru_cache(maxsize=2)
def _kept_logarithms(size: int, n: int) -> np.ndarray:
    """Return the logarithms of V = 1..size, which are kept because every frame needs them."""
    return _logstd(np.arange(1, size + 1, dtype=np.uint64), n)


def _bisect(is_low: Callable[[np.ndarray], np.ndarray], low: int, high: int, guess: np.ndarray):
    """Return the largest integers in low..high for which `is_low` holds; low - 1 if for none.

    Guesses that are wrong by at most 2 save steps; others do not change the result.
    """
    near = guess.clip(low, high).astype(np.uint64)
    left = np.maximum(near, np.uint64(low + 2)) - np.uint64(2)  # left - 1 is low, right is not
    right = np.minimum(near + np.uint64(2), np.uint64(high + 1))
    left[~is_low(np.maximum(left, np.uint64(low + 1)) - np.uint64(1))] = low
    right[is_low(np.minimum(right, np.uint64(high)))] = high + 1
    while np.any(left < right):
        middle = left + (right - left) // np.uint64(2)
        below = is_low(middle)
        left = np.where(below & (left < right), middle + np.uint64(1), left)
        right = np.where(below, right, np.minimum(middle, right))
    return left - np.uint64(1)


def _last_up_to(limit: float, low: int, high: int, n: int) -> int:
    """Return the largest V in low..high with a logarithm of at most `limit`; low - 1 if none."""
    up_to = bisect_right(range(low, high + 1), limit, key=lambda v: _logstd(np.uint64(v), n))
    return low + up_to - 1


def _bin_starts(low: int, high: int, edges: np.ndarray, n: int) -> np.ndarray:
    """Return the first V of each bin as `numpy.histogram` defines bins, and high + 1."""
    inner = edges[1:-1]
    starts = np.empty(BINS + 1, np.uint64)
    starts[0], starts[-1] = low, high + 1
    guess = np.exp(2 * inner) * n**2
    starts[1:-1] = _bisect(lambda v: _logstd(v, n) < inner, low, high, guess) + np.uint64(1)
    return starts


def _histogram(values: np.ndarray, high: int, starts: np.ndarray) -> np.ndarray:
    """Return the counts of the bins, (BINS,) int64."""
    first = variance.first_values(np.arange(int(variance.bin_code(np.uint64(high))) + 1))
    guess = np.searchsorted(starts[1:-1].astype(np.float64), first, side="right")
    # the code of a value above 2**24 may be rounded up: its bin may be the one before
    guess = np.maximum(guess - 1, 0) if high >= 1 << 24 else guess
    return variance.count_bins(values, starts, guess.astype(np.int64))


def _deviation_up_to(values: np.ndarray, last: int, centre: float, n: int) -> float:
    """Return the standard deviation of the logarithms of all V up to `last`."""
    count, total, squares = 0, 0.0, 0.0
    kept = np.empty(_ROWS * values.shape[1] + 1)
    for y in range(0, len(values), _ROWS):
        x = kept[: variance.keep_up_to(values[y : y + _ROWS], last, kept)]
        x = 0.5 * np.log(x / n**2) - centre
        count, total, squares = count + x.size, total + x.sum(), squares + (x * x).sum()
    if count == 0:
        return 0.0
    return float(np.sqrt(max(squares / count - (total / count) ** 2, 0.0)))


def _valley(counts: np.ndarray) -> int | None:
    """Return the lowest bin between the background's mode and the next mode, or None."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    smooth = gaussian_filter1d(counts.astype(float), _SMOOTHING, mode="nearest")
    mode = int(np.argmax(smooth))
    peaks, _ = find_peaks(smooth[mode:], prominence=_PROMINENCE * smooth[mode])
    if len(peaks) == 0:
        return None
    return mode + int(np.argmin(smooth[mode : mode + peaks[0] + 1]))
