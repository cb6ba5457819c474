"""The truth about a simulated field of view: geometry of cells, tables, labels, backgrounds."""

from __future__ import annotations

import csv
import uuid
import zlib

import numpy as np

from fovea.config.names import column
from fovea.simulation.kinetics import PARAMETERS

#: Options of `tifffile.TiffWriter.write` for all images of a simulation.
TIFF_OPTIONS = {"dtype": np.uint16, "photometric": "minisblack", "software": "Fovea"}
TIFF_OPTIONS |= {"maxworkers": 1}
TOUCH = 2  # px, in rows and columns, within which cells count as touching


def cell_columns(fluo_channels: list[int]) -> list[str]:
    """Return the columns of the table of cells; see `Field.render` for what they hold."""
    base = (
        "fov cell frame time area centroid_x centroid_y bbox_x0 bbox_y0 bbox_x1 bbox_y1 "
        "touches at_border visible"
    )
    light = ("time", "total", "light", "model")
    return base.split() + [column(name, c) for c in fluo_channels for name in light]


def parameter_columns(fluo_channels: list[int]) -> list[str]:
    """Return the columns of the table of parameters; see `Field`."""
    base = ["fov", "cell", "parent", "sample", "first_frame", "last_frame"]
    return base + [column(name, c) for c in fluo_channels for name in PARAMETERS]


def geometry(labels: np.ndarray, label: int, inside: tuple[slice, slice], mask: np.ndarray) -> dict:
    """Return area, centroid, box and neighbourhood of a cell; only its area where that is 0.

    `labels` (H, W) uint16 are those of the whole frame; `inside` is the part of it that holds the
    cell, and `mask` (h, w) bool are the cell's pixels in that part.
    """
    area = int(mask.sum())
    if not area:
        return {"area": 0}
    row, (height, width) = {"area": area}, labels.shape
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y0, y1 = int(ys[0]) + inside[0].start, int(ys[-1]) + 1 + inside[0].start
    x0, x1 = int(xs[0]) + inside[1].start, int(xs[-1]) + 1 + inside[1].start
    row["centroid_x"] = float(mask.sum(axis=0) @ np.arange(mask.shape[1])) / area
    row["centroid_y"] = float(mask.sum(axis=1) @ np.arange(mask.shape[0])) / area
    row["centroid_x"] += inside[1].start
    row["centroid_y"] += inside[0].start
    row |= {"bbox_x0": x0, "bbox_y0": y0, "bbox_x1": x1, "bbox_y1": y1}
    row["touches"] = _touches(labels, label, y0, x0, y1, x1)
    row["at_border"] = y0 == 0 or x0 == 0 or y1 == height or x1 == width
    return row


def _touches(labels, label, y0, x0, y1, x1):
    """Whether another cell lies within TOUCH pixels of this one."""
    near = labels[max(y0 - TOUCH, 0) : y1 + TOUCH, max(x0 - TOUCH, 0) : x1 + TOUCH]
    others = (near != 0) & (near != label)
    if not others.any():
        return False
    from scipy import ndimage

    return bool((ndimage.maximum_filter(near == label, 2 * TOUCH + 1) & others).any())


class Truth:
    """Passes on the planes of a field of view and collects its truth, labels compressed."""

    def __init__(self, table):
        self.table, self.count = table, 0
        self.labels: list[bytes] = []
        self.profiles: list[list[tuple[np.ndarray, np.ndarray]]] = []

    def planes(self, field):
        """Yield planes (H, W) uint16, channels of a frame in turn."""
        for frame in field.frames():
            self.labels.append(zlib.compress(frame.labels.astype("<u2").tobytes()))
            self.profiles.append(frame.profiles)
            self.table.writerows(frame.rows)
            self.count += len(frame.rows)
            if frame.phase is not None:
                yield frame.phase
            yield from frame.fluo

    def save(self, folder, field, seed):
        """Write the label stack and the backgrounds of the field."""
        import tifffile

        name = f"fov_{field.fov:03d}"
        path = folder / f"{name}_labels.ome.tiff"
        with tifffile.TiffWriter(path, ome=True, byteorder="<") as writer:
            writer.write(
                iter(self.labels),
                shape=field.shape,
                compression="zlib",
                rowsperstrip=field.shape[1],
                **TIFF_OPTIONS,
                metadata={"axes": "TYX", "Name": f"FOV {field.fov}"}
                | ome_identity(f"labels {seed} {field.fov}"),
            )
        for index, channel in enumerate(field.fluo_channels):
            rows, columns = zip(*(p[index] for p in self.profiles), strict=True)
            path = folder / f"{name}_background_ch_{channel}.npz"
            np.savez(path, rows=np.stack(rows), columns=np.stack(columns))


def table(file, columns):
    """Return a writer of rows as dicts, after it has written the header."""
    rows = csv.DictWriter(file, columns, lineterminator="\n")
    rows.writeheader()
    return rows


def ome_identity(name):
    """Return OME attributes that are the same in every run; tifffile's own hold time and host."""
    return {"UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"fovea {name}")), "Creator": "Fovea"}
