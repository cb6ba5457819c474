"""Export tracks as GEFF, the exchange format for graphs of tracked objects.

The format is that of https://liveimagetrackingtools.org/geff, written and validated with its own
package. Objects are nodes; edges lead to the next object of the same cell, and from a mother to
its daughters.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fovea import __version__
from fovea.exports.fields import Field, Tracks, read_tracks
from fovea.exports.needs import need, need_new
from fovea.jobs.atomic import whole_folder

#: Properties of nodes beside the axes: unit, and what they are. None is called `bbox` or `time`:
#: napari-track-edit looks for a mask beside the one, and takes the other for the number of a frame.
_NODES = {
    "cell": ("", "ID of the cell; the value of its pixels in the image of labels"),
    "box": ("pixel", "y0, x0, y1, x1; ends exclusive"),
    "area": ("pixel", "number of pixels"),
    "merged": ("", "whether the object holds another cell, too"),
    "confidence": ("", "of the track of the cell, 0 to 1"),
    "seconds": ("second", "when the frame was taken"),
    "tracklet": ("", "number of the track from one division to the next"),
    "lineage": ("", "number of the tree of a cell and its descendants"),
}


def export_geff(field: Field, target: str | Path) -> Tracks:
    """Write the tracks of a field of view as a GEFF store, format 3 of Zarr.

    Parameters
    ----------
    field : Field
    target : path
        The store. It must not be there yet, because tracks that were edited in it would be lost.

    Returns
    -------
    Tracks
        What was written.

    Raises
    ------
    FoveaError
        If the package geff is not installed, if the target exists, or if the results are damaged.
    """
    need("geff")
    from geff.core_io import write_arrays
    from geff_spec import GeffMetadata, PropMetadata

    target = Path(target)
    need_new(target)
    tracks = read_tracks(field)
    nodes = _properties(field, tracks)
    names = np.arange(len(tracks.frame), dtype=np.uint64)
    edges = {"division": {"values": tracks.division, "missing": None}}
    about = {
        name: PropMetadata(identifier=name, dtype=nodes[name]["values"].dtype,
                           unit=unit or None, description=text)
        for name, (unit, text) in _NODES.items() if name in nodes
    }  # fmt: skip
    metadata = GeffMetadata(
        directed=True,
        axes=_axes(field),
        node_props_metadata=about,
        edge_props_metadata={},
        track_node_props={"tracklet": "tracklet", "lineage": "lineage"},
        related_objects=_related(field, target),
        display_hints={"display_horizontal": "x", "display_vertical": "y", "display_time": "t"},
        extra={"fovea": {"version": __version__, "dataset": field.dataset, "fov": field.fov,
                         "shape": list(tracks.shape)}},
    )  # fmt: skip
    with whole_folder(target) as written:
        write_arrays(written, names, nodes, names[tracks.links], edges, metadata, zarr_format=3,
                     overwrite=True)  # fmt: skip
    return tracks


def _properties(field: Field, tracks: Tracks) -> dict[str, dict]:
    """Return the properties of the nodes: their values, and which of them are missing."""
    goes_on = np.bincount(tracks.links[:, 0], minlength=len(tracks.frame)) == 1
    y, x = tracks.position.T
    found = {"t": tracks.frame, "y": y, "x": x, "cell": tracks.cell, "box": tracks.boxes,
             "area": tracks.area, "merged": tracks.merged, "confidence": tracks.confidence,
             "tracklet": tracks.components(tracks.links[goes_on[tracks.links[:, 0]]]),
             "lineage": tracks.components(tracks.links)}  # fmt: skip
    if field.times is not None:
        found["seconds"] = field.times[tracks.frame]
    unknown = np.isnan(tracks.confidence)
    missing = {"confidence": unknown} if unknown.any() else {}
    found["confidence"] = np.where(unknown, 0.0, tracks.confidence)
    return {name: {"values": values, "missing": missing.get(name)}
            for name, values in found.items()}  # fmt: skip


def _axes(field: Field) -> list[dict]:
    """Return the axes: frames and pixels, with the factors to seconds and micrometers if known."""
    size = field.pixel_size_um or (None, None)
    rows = [("t", "time", "frame", field.interval_s, "second"),
            *((name, "space", "pixel", scale, "micrometer")
              for name, scale in zip("yx", size, strict=True))]  # fmt: skip
    return [
        {"name": name, "type": kind, "unit": unit}
        | ({} if scale is None else {"scale": scale, "scaled_unit": scaled})
        for name, kind, unit, scale, scaled in rows
    ]


def _related(field: Field, target: Path) -> list[dict]:
    """Return where the images lie, as seen from the metadata of the store."""

    def path(kind: str) -> str:
        return Path(os.path.relpath(field.group(kind), target)).as_posix()

    return [{"type": "labels", "path": path("seg_tracked"), "label_prop": "cell"},
            {"type": "image", "path": path("pc")}]  # fmt: skip
