"""PyAMA's readers of merged and fitted tables, as its file formats are described."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

_HOURS = {
    **dict.fromkeys(("seconds", "sec", "s"), 1 / 3600),
    **dict.fromkeys(("minutes", "min", "m"), 1 / 60),
    **dict.fromkeys(("hours", "hour", "h", "hr", "hrs"), 1.0),
}


def samples_in(folder: Path) -> list[str]:
    """The files of a folder that PyAMA takes for samples."""
    names = sorted(path.name for path in folder.glob("*.csv"))
    return [name for name in names if "_fitted" not in name and "_traces" not in name]


def read_merged(path: Path) -> pd.DataFrame:
    """Time in hours and value, with (fov, cell) as the index."""
    first = path.read_text("utf-8").splitlines()[0]
    assert first.startswith("# Time units:")
    table = pd.read_csv(path, comment="#")
    assert {"time", "fov", "cell", "value"} <= set(table.columns)
    table["time"] = pd.to_numeric(table["time"], errors="coerce")
    table["value"] = pd.to_numeric(table["value"], errors="coerce")
    table["time"] *= _HOURS[first.split(":", 1)[1].strip().lower()]
    return table.set_index(["fov", "cell"]).sort_index()


def read_fitted(path: Path) -> pd.DataFrame:
    """Fits of one model, with (fov, cell) as the index; the parameters come after R²."""
    table = pd.read_csv(path)
    assert list(table.columns[:5]) == ["fov", "cell", "model_type", "success", "r_squared"]
    (model,) = table["model_type"].unique()
    assert path.stem.endswith(f"_fitted_{model}")
    assert table["success"].dtype == bool
    assert pd.api.types.is_numeric_dtype(table["r_squared"])
    table = table.set_index(["fov", "cell"])
    assert table.index.is_unique
    return table
