"""The methods that estimate a background, by their name in the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fovea.background.spline_grid import SplineGrid, cover
from fovea.background.surfaces import SurfaceGrid
from fovea.background.tiles import TileGrid

METHODS: dict[str, type[SplineGrid]] = {"tile_median": TileGrid, "local_surface": SurfaceGrid}


def grid_of(parameters: Mapping[str, Any], shape: tuple[int, int]) -> SplineGrid:
    """The grid for the parameters of the background step, which lack what their method ignores."""
    grid = METHODS[parameters.get("method", "tile_median")]
    keys = [key for key in grid.__dataclass_fields__ if key in parameters]
    return grid(tuple(shape), **{key: parameters[key] for key in keys})


def estimate_background(
    frame: np.ndarray,
    foreground: np.ndarray | None,
    *,
    method: str = "tile_median",
    dilation_radius: int = 10,
    tile_size: int = 100,
    tile_overlap: float = 0.5,
    rounding_error: float = 0.0625,
) -> tuple[np.ndarray, np.ndarray]:
    """Background of one fluorescence frame.

    Parameters
    ----------
    frame : (H, W) uint16
        Raw counts.
    foreground : (H, W) bool or labels, or None
        Cells, which are left out.
    method : {"tile_median", "local_surface"}
        Medians of tiles at the tiles' centres; or surfaces through the levels of blocks of half a
        tile, which need no even background and no even distribution of the cells.
    dilation_radius : int
        Pixels around the cells that are left out too.
    tile_size : int
        Size of the tiles in pixels.
    tile_overlap : float
        Share of a tile that the next one covers again; of method tile_median only.
    rounding_error : float
        Largest error in counts that rounding may bring; 0 for no rounding.

    Returns
    -------
    background : (H, W) float32
        Counts.
    values : (ny, nx) float64
        Medians of the tiles, or heights of the surfaces at the nodes; those without one filled
        from their neighbours.
    """
    grid = grid_of({"method": method, "tile_size": tile_size, "tile_overlap": tile_overlap,
                    "rounding_error": rounding_error}, frame.shape)  # fmt: skip
    values, _ = grid.values(frame, cover(foreground, frame.shape, dilation_radius))
    return grid.evaluate(grid.coefficients(values)), values
