"""The steps of the workflow on arrays and data frames, for scripts and notebooks.

They call the functions that the rules call, so that a script and a run give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fovea.background import methods
from fovea.config.phase_tuning import MODES
from fovea.errors import FoveaError, unknown
from fovea.jobs.threads import ordered_map
from fovea.plugins.loader import needs
from fovea.plugins.registry import SEGMENTATION, TRACKING, load
from fovea.segmentation.consistent import consistent
from fovea.segmentation.phase.choose import choose
from fovea.segmentation.segment import levels_of, method_of


def segment(
    frames: np.ndarray, method: str = "phase", *, threads: int = 1, **parameters: Any
) -> np.ndarray:
    """Label the cells in phase-contrast frames.

    Parameters
    ----------
    frames : (T, H, W) or (H, W) uint8 or uint16
        Raw counts.
    method : {"phase", "logstd"}
        As `params.segmentation.method` in the config. Method phase finds ``mode`` and
        ``cell_diameter`` in the frames if they are not given.
    threads : int
        Frames computed side by side; does not change the result.
    **parameters
        Those of the method, as in the config: ``cell_diameter=40, mode="dark"``; and
        ``consistency=True``, which makes frames agree with their neighbours.

    Returns
    -------
    (T, H, W) or (H, W) uint16 or uint32
        0 background, 1..N in raster order in each frame.

    Raises
    ------
    FoveaError
        If there is no such method, or no cells are found that tell what is not given.
    """
    if method == "phase":
        parameters = _completed(frames, parameters, threads)
    options = {"method": method} | parameters
    if method not in SEGMENTATION:
        raise FoveaError(SEGMENTATION.unknown(method))
    if frames.ndim == 2:
        return method_of(options)(frames)
    if options.get("consistency"):
        return np.stack(
            [x for x, _ in consistent(ordered_map(levels_of(options), frames, threads))]
        )
    return np.stack(list(ordered_map(method_of(options), frames, threads)))


def _completed(frames: np.ndarray, given: dict[str, Any], threads: int) -> dict[str, Any]:
    """Return parameters of method phase with a mode and a diameter."""
    mode, diameter = given.get("mode", "auto"), given.get("cell_diameter")
    open_contrast = mode == "dark" and given.get("contrast") == "auto"
    if mode != "auto" and diameter and not open_contrast:
        return given | ({"contrast": "dark"} if given.get("contrast") == "auto" else {})
    stack = frames.reshape(-1, *frames.shape[-2:])
    shown = stack[np.unique(np.linspace(0, len(stack) - 1, 8).round().astype(int))]
    modes = tuple(MODES) if mode == "auto" else (mode,)
    found = choose(shown, modes, diameter, threads, given.get("contrast", "auto"))
    if found is None:
        raise FoveaError("no cells were found; give mode and cell_diameter of method phase")
    best = found.best
    return given | {"mode": best.mode, "contrast": best.contrast,
                    "cell_diameter": best.cell_diameter}  # fmt: skip


def track(
    labels: np.ndarray,
    method: str = "iou",
    *,
    missing: Sequence[int] = (),
    images: np.ndarray | None = None,
    **parameters: Any,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Give the objects of all frames the IDs of their cells.

    Parameters
    ----------
    labels : (T, H, W) unsigned integer
        0 background, 1..N in each frame.
    method : {"iou", "lap", "btrack"}
        As `params.tracking.method` in the config.
    missing : sequence of int
        Frames in which phase contrast was not recorded. They are passed over, so that no track
        ends there, and have no IDs.
    images : (T, H, W) uint16, optional
        Raw phase contrast, for methods of plug-ins that need it.
    **parameters
        Those of the method, as in the config: ``overlap="mask", max_gap=2``.

    Returns
    -------
    ids : (T, H, W) uint16 or uint32
        0 background, else the ID of the cell, the same in all frames.
    lineage : DataFrame
        One row per cell: ``cell``, ``first_frame``, ``last_frame``, ``parent`` (0 for none).

    Raises
    ------
    FoveaError
        If there is no such method, or it needs images and they are not given.
    """
    here = _recorded(len(labels), missing)
    tracker = load(TRACKING, method)(**parameters)
    if needs(TRACKING, method).images:
        if images is None or images.shape != labels.shape:
            raise FoveaError(f"tracking method {method} needs images of the shape of the labels")
        links = tracker.link(labels[here], images[here])
    else:
        links = tracker.link(labels[t] for t in here)
    ids = np.zeros(labels.shape, links.dtype)
    for t, frame in zip(here, links.render(labels[t] for t in here), strict=True):
        ids[t] = frame
    columns = ["cell", "first_frame", "last_frame", "parent"]
    lineage = pd.DataFrame(links.lineage(), columns=columns)
    ends = columns[1:3]
    lineage[ends] = here[lineage[ends].to_numpy(np.int64)]
    return ids, lineage


def estimate_background(
    frames: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    missing: Sequence[int] = (),
    threads: int = 1,
    **parameters: Any,
) -> np.ndarray:
    """Estimate the background of fluorescence frames from the pixels without cells.

    Parameters
    ----------
    frames : (T, H, W) uint16
        Raw counts.
    labels : (T, H, W) unsigned integer, optional
        Cells, which are left out; labels or IDs.
    missing : sequence of int
        Frames in which the channel was not recorded; they have the background 0.
    threads : int
        Frames computed side by side; does not change the result.
    **parameters
        As under `params.background` in the config: ``method``, ``dilation_radius``, ``tile_size``,
        ``tile_overlap``, ``rounding_error``.

    Returns
    -------
    (T, H, W) float32
        Counts.
    """

    def estimate(t: int) -> np.ndarray:
        covered = None if labels is None else labels[t]
        return methods.estimate_background(frames[t], covered, **parameters)[0]

    here = _recorded(len(frames), missing)
    found = np.zeros(frames.shape, np.float32)
    for t, background in zip(here, ordered_map(estimate, here.tolist(), threads), strict=True):
        found[t] = background
    return found


def _recorded(count: int, missing: Sequence[int]) -> np.ndarray:
    """Return the numbers of the frames that were recorded, (P,) int64."""
    return np.setdiff1d(np.arange(count), np.asarray(missing, np.int64))


def fit(
    traces: pd.DataFrame | np.ndarray,
    model: str,
    time: np.ndarray | None = None,
    *,
    time_unit: str = "h",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    window: float | None = None,
    starts: int = 5,
    weighting: str | Mapping[str, float] = "none",
    threads: int = 1,
) -> pd.DataFrame:
    """Fit a model to traces.

    Parameters
    ----------
    traces : DataFrame or (N, T) float64
        Times as the index and a column per cell, or one row per cell; NaN where there is no value.
    model : str
        As `model` in an entry of the config's `analysis`, such as ``maturation``.
    time : (T,) or (N, T) float64, optional
        Times of an array's values, for all cells or for each.
    time_unit : {"s", "min", "h"}
        Unit of the times. Results are in the model's own unit, see docs/models.md.
    parameters : mapping, optional
        Parameter to ``value`` (fixed, or where the fit starts), ``fit`` (bool), ``low``, ``high``.
    window : float, optional
        Hours after a trace's first time that the fit looks at.
    starts : int
        Number of starting points.
    weighting : "none", "noise" or mapping
        Model of the noise, as in the config.
    threads : int
        Does not change the result.

    Returns
    -------
    DataFrame
        One row per cell, with the columns of a table of fits: success, r_squared, and for each
        parameter its value, standard error, 95 % interval and whether it stopped at a bound.

    Raises
    ------
    FoveaError
        If model or parameter is unknown.
    ValueError
        If times are missing, or not as many as values.
    """
    from fovea.fits.fit_table import table_of
    from fovea.fits.settings import settings_of
    from fovea.fits.solver.least_squares import fit_traces
    from fovea.recordings.times import SECONDS

    if isinstance(traces, pd.DataFrame):
        cells, values = traces.columns, traces.to_numpy(np.float64).T
        time = traces.index.to_numpy(np.float64) if time is None else time
    else:
        cells, values = range(len(traces)), np.asarray(traces, np.float64)
    if time is None:
        raise ValueError("an array of traces needs `time`")
    entry = {"model": model, "parameters": parameters, "window": window}
    settings = settings_of(entry | {"starts": starts, "weighting": weighting})
    for name in parameters or {}:
        if name not in settings.model.names:
            raise FoveaError(unknown(name, f"parameter of model {model}", settings.model.names))
    scaled = np.asarray(time, np.float64) * (SECONDS[time_unit] / SECONDS[settings.model.time_unit])
    fits = fit_traces(settings, np.ascontiguousarray(np.broadcast_to(scaled, values.shape)),
                      np.ascontiguousarray(values), threads)  # fmt: skip
    table = table_of(settings, fits)
    table.index = pd.Index(cells, name="cell")
    return table
