"""Open a field of view in napari: raw channels, backgrounds, cells and tracks, calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import zarr

from fovea.errors import FoveaError
from fovea.exports.fields import Field, read_tracks


def view(field: Field) -> None:
    """Show a field of view in a window of napari, and return when that is closed.

    FoveaError if napari is not installed, or if the results are damaged.
    """
    if find_spec("napari") is None:
        raise FoveaError(
            "napari is not installed, which `fovea view` opens; `pip install 'napari[all]'` brings "
            "it, best into an environment of its own together with Fovea"
        )
    import napari

    viewer = napari.Viewer(title=field.name)
    add_layers(viewer, field)
    napari.run()


def add_layers(viewer: Any, field: Field) -> None:
    """Add the layers of a field of view to a viewer of napari."""
    for kind, data, options in layers(field):
        getattr(viewer, f"add_{kind}")(data, **options)
    viewer.scale_bar.visible = True


def layers(field: Field) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield kind, data and options of each layer, the lowest first.

    Images are arrays of Zarr, from which napari reads the frames that it shows. All layers have the
    same scale: seconds (mean interval) and micrometers, or frames and pixels where these are not
    known.
    """
    size = field.pixel_size_um
    interval = field.interval_s
    common = {
        "scale": (interval or 1.0, *(size or (1.0, 1.0))),
        "units": ("second" if interval else "pixel", *(["micrometer" if size else "pixel"] * 2)),
        "axis_labels": ("t", "y", "x"),
    }
    for group in field.raw_groups:
        array = zarr.open_array(group / "0", mode="r")
        limits = array.attrs["fovea"]["display_limits"]
        yield "image", array, {"name": group.name, "contrast_limits": limits,
                               "visible": group == field.raw(), **common}  # fmt: skip
    for channel in field.fl:
        group = field.group("fl_background", channel)
        if (group / "0" / "zarr.json").exists():
            array = zarr.open_array(group / "0", mode="r")
            yield "image", array, {"name": group.name, "visible": False, **common}
    array = zarr.open_array(field.group("seg_tracked") / "0", mode="r")
    yield "labels", array, {"name": "cells", "opacity": 0.4, **common}
    tracks = read_tracks(field)
    order = np.lexsort((tracks.frame, tracks.cell))
    if len(order):
        data = np.column_stack([tracks.cell, tracks.frame, tracks.position])[order]
        graph: dict[int, list[int]] = {}
        for mother, daughter in tracks.cell[tracks.links[tracks.division]].tolist():
            graph[daughter] = [mother]
        features = {"confidence": tracks.confidence[order], "area": tracks.area[order]}
        yield "tracks", data, {"name": "tracks", "graph": graph, "features": features, **common}
