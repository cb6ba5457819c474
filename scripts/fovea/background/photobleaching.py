"""Report how the fluorescence of all cells, and the background, change over time.

Nothing is corrected: a decay may be bleaching, dilution by growth or less of the protein, and only
the experiment can tell.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fovea.background.gains import flattened, read_gain
from fovea.background.stored import StoredBackground
from fovea.jobs.atomic import whole_csv
from fovea.jobs.log import progress
from fovea.store.reader import ArrayReader

TREND_COLUMNS = (
    "fov", "channel", "frame", "cells", "pixels", "intensity_total", "intensity_mean", "background",
)  # fmt: skip
FIT_COLUMNS = ("fov", "channel", "quantity", "frames", "amplitude", "rate", "rate_error")
QUANTITIES = ("intensity_total", "intensity_mean", "background")
FEWEST_FRAMES = 4

_LOG = logging.getLogger("fovea")


def fit_decay(values: np.ndarray) -> tuple[float, float, float]:
    """Fit a exp(-k t) to values of the frames t = 0, 1, 2 …, by least squares.

    Parameters
    ----------
    values : (T,) float64
        NaN where there is none.

    Returns
    -------
    amplitude, rate, error : float
        a; k per frame, below 0 for a rise; its standard error, from the scatter around the curve,
        times sqrt((1 + r) / (1 - r)) where neighbouring residuals are correlated by r > 0.
        NaN where fewer than 4 frames have a value, or their mean is not positive.
    """
    t = np.flatnonzero(np.isfinite(values)).astype(np.float64)
    y = values[np.isfinite(values)]
    if len(y) < FEWEST_FRAMES or y.mean() <= 0:
        return np.nan, np.nan, np.nan
    from scipy.optimize import least_squares

    scale = float(y.mean())
    first = _start(t, y / scale)

    def curve(p):
        return p[0] * np.exp(np.clip(-p[1] * t, -700, 700))

    def slopes(p):
        shape = np.exp(np.clip(-p[1] * t, -700, 700))
        return np.stack([shape, -p[0] * t * shape], axis=1)

    found = least_squares(lambda p: curve(p) - y / scale, first, slopes, method="lm", xtol=1e-12,
                          ftol=1e-12, gtol=1e-12)  # fmt: skip
    rest, jacobian = found.fun, slopes(found.x)
    variance = (rest**2).sum() / (len(y) - 2)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * variance
    power = (rest**2).sum()
    r = float((rest[1:] * rest[:-1]).sum() / power) if power > 0 else 0.0
    r = min(max(r, 0.0), 0.99)
    error = np.sqrt(covariance[1, 1] * (1 + r) / (1 - r))
    return float(found.x[0] * scale), float(found.x[1]), float(error)


def _start(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where the fit begins: a straight line through the logarithms of positive values."""
    positive = y > 0
    if positive.sum() < 2:
        return np.array([1.0, 0.0])
    slope, level = np.polyfit(t[positive], np.log(y[positive]), 1)
    return np.array([np.exp(level), -slope])


def photobleaching(
    tracked: str | Path,
    channels: Sequence[str | Path],
    backgrounds: Sequence[str | Path],
    trend: str | Path,
    fits: str | Path,
    fov: int,
    weight: float = 1.0,
    dark: float = 0.0,
    flat_fields: Sequence[str | Path] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write the fluorescence of all cells, and the background, by frame, and how they decay.

    Parameters
    ----------
    tracked : path
        Channel group with IDs of cells.
    channels : sequence of path
        Channel groups with raw fluorescence.
    backgrounds : sequence of path
        Channel groups with their backgrounds.
    trend : path
        CSV, one row per channel and frame: number of cells and of their pixels, total and mean of
        their counts above the background, mean background of the frame.
    fits : path
        CSV, one row per channel and quantity: see `fit_decay`.
    fov : int
        Index of the field of view.
    weight : float
        How much of the background is subtracted.
    dark : float
        Counts without light, which are subtracted from the background before it is fitted.
    flat_fields : sequence of path
        Gains of the channels; none for no correction.
    """
    rows, fitted = [], []
    with ArrayReader(Path(tracked) / "0") as labels:
        shape = labels.shape
        tables = [np.full((shape[0], 5), np.nan) for _ in channels]
        with ExitStack() as stack:
            sources = [stack.enter_context(ArrayReader(Path(group) / "0")) for group in channels]
            smooth = [stack.enter_context(StoredBackground(group)) for group in backgrounds]
            gains = [read_gain(path, shape[1:]) for path in flat_fields] or [None] * len(sources)
            for t in progress(range(shape[0]), shape[0], log):
                ids = labels[t]
                inside = ids > 0
                cells = len(np.unique(ids[inside]))
                for table, raw, below, gain in zip(tables, sources, smooth, gains, strict=True):
                    table[t] = _one_frame(raw[t], below[t], gain, weight, inside, cells)
    for group, table in zip(channels, tables, strict=True):
        channel = Path(group).name.rsplit("_", 1)[1]
        for t, (cells, pixels, *values) in enumerate(table.tolist()):
            rows.append([fov, channel, t, int(cells), int(pixels), *map(_number, values)])
        for column, quantity in enumerate(QUANTITIES, 2):
            values = table[:, column] - (dark if quantity == "background" else 0.0)
            found = fit_decay(values)
            seen = int(np.isfinite(values).sum())
            fitted.append([fov, channel, quantity, seen, *map(_number, found)])
            _report(Path(group).name, quantity, found, log)
    for path, columns, lines in ((trend, TREND_COLUMNS, rows), (fits, FIT_COLUMNS, fitted)):
        with whole_csv(path, columns) as table:
            table.writerows(lines)


def _one_frame(raw, below, gain, weight: float, inside: np.ndarray, cells: int) -> tuple:
    """Cells, their pixels, total and mean above the background, and the mean background."""
    frame = raw.astype(np.float32) if gain is None else flattened(raw, gain)
    counts = frame[inside].astype(np.float64) - weight * below[inside].astype(np.float64)
    total = float(counts.sum()) if len(counts) else np.nan
    mean = total / max(len(counts), 1)
    return cells, len(counts), total, mean, float(below.mean(dtype=np.float64))


def _report(channel: str, quantity: str, found, log: logging.Logger) -> None:
    amplitude, rate, error = found
    if not np.isfinite(rate):
        log.info("%s, %s: too few frames or too little light for a rate", channel, quantity)
        return
    log.info("%s, %s: %.4g exp(-k t), k = %.3g +- %.2g per frame (%+.2f %% per frame)", channel,
             quantity, amplitude, rate, error, 100 * np.expm1(-rate))  # fmt: skip


def _number(value: float) -> str:
    return "" if value != value else repr(float(value))
