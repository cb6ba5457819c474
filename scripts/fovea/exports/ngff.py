"""Export an image with its labels, as readers of OME-NGFF look for them, without copying pixels.

The labels of an image are a group ``labels`` in it (OME-NGFF 0.5). The images of a field of view
have theirs beside them, so this export is a group of its own whose arrays are links to the files
of the results.
"""

from __future__ import annotations

import os
from pathlib import Path

from fovea.config.names import group_name
from fovea.errors import FoveaError, unknown
from fovea.exports.fields import Field
from fovea.jobs.atomic import begin, publish, remove
from fovea.store.groups import derived_metadata
from fovea.store.metadata import read_attributes, read_metadata, write_group

LABELS = "cells"  # name of the labels in the image
_CLEAR = {"label-value": 0, "rgba": [0, 0, 0, 0]}  # what is no cell does not hide the image


def export_ngff(field: Field, target: str | Path, channel: int | None = None) -> str:
    """Write an OME-Zarr image, format 3, with the IDs of the cells as its labels.

    Parameters
    ----------
    field : Field
    target : path
        The group. Its arrays are hard links to the files of the results, so it needs no space and
        stays as it is when the results are deleted or made anew; on another file system they are
        symbolic links.
    channel : int, optional
        Index of the channel; phase contrast without it.

    Returns
    -------
    str
        Which kind of links it holds.

    Raises
    ------
    FoveaError
        If the target exists, if the channel is unknown, or if an array is missing or damaged.
    """
    target = Path(target)
    shown = field.pc if channel is None else channel
    if shown not in (field.pc, *field.fl):
        known = map(str, (field.pc, *field.fl))
        raise FoveaError("--channel: " + unknown(str(shown), f"channel of {field.dataset}", known))
    if target.exists():
        raise FoveaError(f"{target}: exists already; delete it, or name another with --output")
    image = field.folder / "images.zarr" / group_name("pc" if shown == field.pc else "fl", shown)
    tracked = field.group("seg_tracked")
    target.parent.mkdir(parents=True, exist_ok=True)
    written = begin(target)
    labels = written / "labels" / LABELS
    try:
        hard = _link(image / "0", written / "0", target / "0")
        hard &= _link(tracked / "0", labels / "0", target / "labels" / LABELS / "0")
        about = derived_metadata(tracked, LABELS, labels=True)
        about["ome"]["image-label"] = {"source": {"image": "../../"}, "colors": [_CLEAR]}
        write_group(labels, about)
        write_group(written / "labels", {"ome": {"version": "0.5", "labels": [LABELS]}})
        write_group(written, {"ome": read_attributes(image)["ome"]})
        publish(target)
    finally:
        remove(written)
    return "hard links" if hard else "symbolic links"


def _link(array: Path, place: Path, final: Path) -> bool:
    """Link the files of an array; return whether as hard links. `final` is where they will be."""
    read_metadata(array, "array")
    place.mkdir(parents=True)
    hard = True
    for file in sorted(array.iterdir()):
        if file.name.startswith("."):  # Snakemake's stamp
            continue
        try:
            os.link(file, place / file.name)
        except OSError:  # another file system, or one without hard links
            hard = False
            (place / file.name).symlink_to(os.path.relpath(file.resolve(), final.resolve()))
    return hard
