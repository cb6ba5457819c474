"""Report how the fluorescence of all cells, and the background, change over time.

No value is corrected. A decay can be bleaching, dilution by growth, or less of the protein; only a
control experiment can tell them apart.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fovea.background.gains import flattened, read_gain
from fovea.background.stored import StoredBackground
from fovea.config.names import channel_of
from fovea.jobs.atomic import whole_csv
from fovea.jobs.log import progress
from fovea.store.reader import ArrayReader

TREND_COLUMNS = (
    "fov", "channel", "frame", "cells", "pixels", "intensity_total", "intensity_mean", "background",
)  # fmt: skip
FIT_COLUMNS = ("fov", "channel", "quantity", "frames", "amplitude", "rate", "rate_error")
QUANTITIES = ("intensity_total", "intensity_mean", "background")
_FEWEST_FRAMES = 4

_LOG = logging.getLogger("fovea")


def fit_decay(values: np.ndarray) -> tuple[float, float, float]:
    """Fit a exp(-k t) to values (T,) float64 of the frames t = 0, 1, 2 …, by least squares.

    Returns a; k per frame, below 0 for a rise; and its standard error, from the scatter around the
    curve, times sqrt((1 + r) / (1 - r)) where neighbouring residuals are correlated by r > 0. They
    are NaN where fewer than 4 frames have a value (not NaN), or their mean is not positive.
    """
    known = np.isfinite(values)
    t, y = np.flatnonzero(known).astype(np.float64), values[known]
    if len(y) < _FEWEST_FRAMES or y.mean() <= 0:
        return np.nan, np.nan, np.nan
    from scipy.optimize import least_squares

    scale = float(y.mean())
    y = y / scale

    def residuals(p):
        return p[0] * np.exp(np.clip(-p[1] * t, -700, 700)) - y

    def slopes(p):
        shape = np.exp(np.clip(-p[1] * t, -700, 700))
        return np.stack([shape, -p[0] * t * shape], axis=1)

    positive = y > 0
    start = 1.0, 0.0
    if positive.sum() >= 2:  # a straight line through the logarithms
        slope, level = np.polyfit(t[positive], np.log(y[positive]), 1)
        start = np.exp(level), -slope
    found = least_squares(residuals, start, slopes, method="lm", xtol=1e-12, ftol=1e-12,
                          gtol=1e-12)  # fmt: skip
    rest, jacobian = found.fun, slopes(found.x)
    power = (rest**2).sum()
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * (power / (len(y) - 2))
    r = min(max(float((rest[1:] * rest[:-1]).sum() / power), 0.0), 0.99) if power > 0 else 0.0
    error = np.sqrt(covariance[1, 1] * (1 + r) / (1 - r))
    return float(found.x[0] * scale), float(found.x[1]), float(error)


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
    tracked, channels, backgrounds : path, and sequences of path
        Channel groups with IDs of cells, with raw fluorescence, and with its backgrounds.
    trend, fits : path
        CSV with one row per channel and frame: number of cells and of their pixels, total and mean
        of their counts above the background, mean background of the frame, empty where the frame
        was not recorded; and with one row per
        channel and quantity, see `fit_decay`.
    fov : int
        Index of the field of view.
    weight, dark : float
        How much of the background is subtracted; and the counts without light, which are
        subtracted from the background before it is fitted.
    flat_fields : sequence of path
        Gains of the channels; none for no correction.
    """
    with ExitStack() as stack:
        labels, *sources = (
            stack.enter_context(ArrayReader(Path(group) / "0")) for group in (tracked, *channels)
        )
        smooth = [stack.enter_context(StoredBackground(group)) for group in backgrounds]
        frames, *shape = labels.shape
        gains = [read_gain(path, shape) for path in flat_fields] or [None] * len(sources)
        tables = np.full((len(sources), frames, 5), np.nan)
        for t in progress(range(frames), frames, log):
            seen = t not in labels.missing  # else there are no masks, but still a background
            ids = labels[t]
            inside = ids > 0
            tables[:, t, 0] = len(np.unique(ids[inside])) if seen else np.nan
            tables[:, t, 1] = inside.sum() if seen else np.nan
            for table, raw, below, gain in zip(tables, sources, smooth, gains, strict=True):
                if t not in raw.missing:
                    table[t, 2:] = _one_frame(raw[t], below[t], gain, weight, inside)
    rows, fitted = [], []
    for group, table in zip(channels, tables, strict=True):
        name = Path(group).name
        channel = channel_of(name)
        for t, (cells, pixels, *values) in enumerate(table.tolist()):
            counts = [None if np.isnan(n) else int(n) for n in (cells, pixels)]
            rows.append([fov, channel, t, *counts, *_without_nan(values)])
        for quantity, values in zip(QUANTITIES, table.T[2:], strict=True):
            found = fit_decay(values - (dark if quantity == "background" else 0.0))
            seen = int(np.isfinite(values).sum())
            fitted.append([fov, channel, quantity, seen, *_without_nan(found)])
            if np.isfinite(found[1]):
                log.info("%s, %s: %.4g exp(-k t), k = %.3g +- %.2g per frame (%+.2f %% per frame)",
                         name, quantity, *found, 100 * np.expm1(-found[1]))  # fmt: skip
            else:
                log.info("%s, %s: too few frames or too little light for a rate", name, quantity)
    for path, columns, lines in ((trend, TREND_COLUMNS, rows), (fits, FIT_COLUMNS, fitted)):
        with whole_csv(path, columns) as table:
            table.writerows(lines)


def _one_frame(raw, below, gain, weight: float, inside: np.ndarray) -> tuple[float, ...]:
    """Total and mean of the counts of cells, NaN without any, and the mean background."""
    frame = raw.astype(np.float32) if gain is None else flattened(raw, gain)
    counts = frame[inside].astype(np.float64) - weight * below[inside].astype(np.float64)
    total = float(counts.sum()) if len(counts) else np.nan
    mean = total / max(len(counts), 1)
    return total, mean, float(below.mean(dtype=np.float64))


def _without_nan(values) -> list[float | None]:
    """Values for a row of a CSV; NaN becomes an empty field."""
    return [None if np.isnan(value) else float(value) for value in values]
