"""Read the graph of a GEFF store, which any program may have written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fovea.errors import FoveaError, counted
from fovea.exports.needs import need


@dataclass
class Store:
    """The content of a GEFF store, as far as it matters here.

    Attributes
    ----------
    path : path
    t, y, x : (N,) float64
        Positions of the nodes, in frames and in the unit of the axes.
    unit : str or None
        Unit of y and x; None where it is not stated.
    box, cell : (N, 4), (N,) int64 or None
        Properties `box` and `cell` of the nodes, if all have them.
    links : (L, 2) int64
        Indices of two nodes, the earlier one first.
    division : (L,) bool
        Property of the edges; false where it is missing.
    extra : dict
        What Fovea has written into the metadata.
    """

    path: Path
    t: np.ndarray
    y: np.ndarray
    x: np.ndarray
    unit: str | None
    box: np.ndarray | None
    cell: np.ndarray | None
    links: np.ndarray
    division: np.ndarray
    extra: Mapping[str, Any]

    def at(self, node: int) -> str:
        """Say where a node is."""
        return f"x {self.x[node]:g}, y {self.y[node]:g} of frame {self.t[node]:g}"


def read_store(path: str | Path) -> Store:
    """Read a GEFF store; FoveaError if it is none, or not of tracks in two dimensions."""
    need("geff")
    from geff.core_io import read_to_memory

    path = Path(path)
    try:
        found = read_to_memory(str(path))
    except Exception as error:  # whatever its parsers raise
        inner = f"; did you mean {path / 'tracks.geff'}?" if (path / "tracks.geff").is_dir() else ""
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FoveaError(f"{path}: cannot be read as a GEFF store: {first}{inner}") from error
    about, props = found["metadata"], found["node_props"]
    axes = about.axes or []
    time = [axis for axis in axes if axis.type == "time"]
    space = [axis for axis in axes if axis.type == "space"]
    names = {axis.name: axis for axis in space}
    if not about.directed or len(time) != 1 or len(space) != 2:
        raise FoveaError(
            f"{path}: has {counted(len(time), 'axis', 'axes')} of time and {len(space)} of space"
            f"{'' if about.directed else ', and links without a direction'}; tracks of Fovea have "
            "one and two, and links that lead forward"
        )
    y, x = (names["y"], names["x"]) if {"x", "y"} <= set(names) else space
    ids = found["node_ids"]
    order = np.argsort(ids, kind="stable")
    edges = found["edge_ids"].reshape(-1, 2)
    links = order[np.searchsorted(ids[order], edges)].astype(np.int64).reshape(-1, 2)
    division = np.zeros(len(links), bool)
    if (given := found["edge_props"].get("division")) is not None:
        division = np.asarray(given["values"], bool)
        if given["missing"] is not None:
            division &= ~given["missing"]

    def whole(name: str, *shape: int) -> np.ndarray | None:
        found = props.get(name)
        if found is None or found["missing"] is not None:
            return None
        values = np.asarray(found["values"])
        right = values.dtype.kind in "iu" and values.shape == (len(ids), *shape)
        return values.astype(np.int64) if right else None

    return Store(
        path, *(np.asarray(props[axis.name]["values"], float) for axis in (time[0], y, x)), y.unit,
        whole("box", 4), whole("cell"), links, division,
        (about.extra or {}).get("fovea") or {},
    )  # fmt: skip
