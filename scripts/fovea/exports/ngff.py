"""Export an image with its labels, as readers of OME-NGFF look for them, without copying pixels.

The labels of an image are a group ``labels`` in it (OME-NGFF 0.5). The images of a field of view
have theirs beside them, so this export is a group of its own whose arrays are links to the files
of the results.
"""

from __future__ import annotations

import os
from pathlib import Path

from fovea.exports.fields import Field
from fovea.exports.needs import need_new
from fovea.jobs.atomic import whole_folder
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
    image, tracked = field.raw(channel), field.group("seg_tracked")
    need_new(target)
    with whole_folder(target) as written:
        labels = written / "labels" / LABELS
        hard = _link(image / "0", written / "0", target / "0")
        hard &= _link(tracked / "0", labels / "0", target / "labels" / LABELS / "0")
        about = derived_metadata(tracked, LABELS, labels=True)
        about["ome"]["image-label"] = {"source": {"image": "../../"}, "colors": [_CLEAR]}
        write_group(labels, about)
        write_group(written / "labels", {"ome": {"version": "0.5", "labels": [LABELS]}})
        write_group(written, {"ome": read_attributes(image)["ome"]})
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
