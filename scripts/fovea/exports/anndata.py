"""Export a sample as AnnData (.h5ad): cells x frames, a layer per feature, parameters in obs.

The file format is AnnData's own, version 0.1.0 of its specification, written with h5py: the
package anndata, which reads it, is not needed for that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from fovea import __version__
from fovea.config import names
from fovea.fits.fit_table import read_fits
from fovea.fits.traces import Traces, load_traces
from fovea.jobs.atomic import whole_file
from fovea.samples.parts import CELL
from fovea.samples.tables import read_parquet

_LOG = logging.getLogger("fovea")


def export_anndata(
    traces: str | Path,
    target: str | Path,
    columns: Sequence[str],
    fits: Mapping[str, str | Path],
    log: logging.Logger = _LOG,
) -> None:
    """Write one sample.

    Parameters
    ----------
    traces : path
        ``{sample}_traces.parquet``.
    target : path
        The ``.h5ad``. `X` and `layers` hold (cells, frames) float64, NaN where a cell was not
        seen or its row is not good: `X` the last feature, one layer per feature, and per channel
        `time_ch_{channel}`.
        `obs` holds dataset, fov, cell and, as ``{fit}:{column}``, the tables of fits; `var` the
        frames; `uns` the unit of time, the sample's name and what its tables say of it.
    columns : sequence of str
        The features' columns.
    fits : mapping of str to path
        Name of each fit to its table.
    """
    data = {column: load_traces(traces, column) for column in columns}
    about = read_parquet(traces, ["fov"]).attrs
    first = next(iter(data.values()), None)
    frames = np.arange(max((one.frame.max(initial=-1) for one in data.values()), default=-1) + 1)
    obs = pd.DataFrame(columns=CELL) if first is None else pd.DataFrame(
        {"dataset": first.dataset, "fov": first.fov, "cell": first.cell}
    )  # fmt: skip
    obs = obs.astype({"dataset": "str", "fov": np.int64, "cell": np.int64})
    for name, path in fits.items():
        obs = obs.join(_aligned(read_fits(path), obs[CELL]).add_prefix(f"{name}:"))
    layers = {column: spread(one, one.value, len(frames)) for column, one in data.items()}
    for column, one in data.items():
        time = names.column("time", names.channel_of(column))
        layers.setdefault(time, spread(one, one.time, len(frames)))
    with whole_file(target, checked=True) as temporary, h5py.File(temporary, "w") as file:
        _mark(file, "anndata", "0.1.0")
        empty = np.empty((len(obs), len(frames)))
        _array(file, "X", layers[columns[-1]] if columns else empty)
        _frame(file, "obs", [f"{d}:{f}:{c}" for d, f, c in obs[CELL].itertuples(index=False)], obs)
        _frame(file, "var", [str(frame) for frame in frames], pd.DataFrame({"frame": frames}))
        _mapping(file, "layers", layers)
        for name in ("obsm", "varm", "obsp", "varp"):
            _mapping(file, name, {})
        group = file.create_group("uns")
        _mark(group, "dict", "0.1.0")
        _text(group, "fovea_version", __version__)
        for name in ("sample", "time_unit"):
            _text(group, name, about[name])
        _text(group, "comments", "\n".join(about["comments"]))
    log.info("%d cells, %d frames, layers %s", len(obs), len(frames), ", ".join(layers))


def spread(data: Traces, values: np.ndarray, frames: int) -> np.ndarray:
    """Return values (N, T) by frame number, (N, frames); NaN where there is none."""
    found = np.full((len(data), frames), np.nan)
    rows, places = np.nonzero((data.frame >= 0) & np.isfinite(data.value))
    found[rows, data.frame[rows, places]] = values[rows, places]
    return found


def _aligned(table: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table of fits by the cells of the export; cells without a row have no values."""
    key = [name for name in CELL if name in table]
    found = cells.merge(table, on=key, how="left").drop(columns=CELL)
    for name in found:
        if table[name].dtype == "str":
            found[name] = found[name].fillna("")
        elif table[name].dtype == "bool":
            found[name] = found[name].eq(True)
        else:
            found[name] = found[name].astype(float)
    return found


def _mark(node, kind: str, version: str) -> None:
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def _array(group, name: str, values: np.ndarray) -> None:
    _mark(group.create_dataset(name, data=values, track_times=False), "array", "0.2.0")


def _text(group, name: str, data, kind: str = "string") -> None:
    node = group.create_dataset(name, data=data, dtype=h5py.string_dtype(), track_times=False)
    _mark(node, kind, "0.2.0")


def _texts(group, name: str, values: Sequence[str]) -> None:
    _text(group, name, np.array(list(values), dtype=object), "string-array")


def _mapping(parent, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    group = parent.create_group(name)
    _mark(group, "dict", "0.1.0")
    for key, values in arrays.items():
        _array(group, key, values)


def _frame(parent, name: str, index: Sequence[str], table: pd.DataFrame) -> None:
    group = parent.create_group(name)
    _mark(group, "dataframe", "0.2.0")
    group.attrs["_index"] = "_index"
    group.attrs.create("column-order", data=list(table), dtype=h5py.string_dtype())
    _texts(group, "_index", index)
    for key, values in table.items():
        (_texts if values.dtype == "str" else _array)(group, key, values.to_numpy())
