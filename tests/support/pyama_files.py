"""Files of traces as PyAMA of all generations, and Fovea, write them."""

from __future__ import annotations

import csv

FEATURES = {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_total"]}
BOTH = ["area_ch_0", "intensity_total_ch_1"]
TIME = {"interval": None, "unit": "min", "mapping": None, "file_unit": None}
CELLS = {0: {1: range(5), 3: range(2, 5)}, 2: {1: range(4)}}  # field of view, cell, frames


def value(fov, cell, frame) -> float:
    return 1000.0 * fov + 100 * cell + frame + 0.25


def truth() -> list[tuple]:
    """(fov, cell, frame, area, intensity) of every row."""
    return [(fov, cell, frame, 300.0 + cell, value(fov, cell, frame))
            for fov, cells in CELLS.items() for cell, frames in cells.items()
            for frame in frames]  # fmt: skip


def box(cell, frame):
    """x0, y0, x1, y1 of a cell, ends inclusive."""
    return 10 * cell + frame, 20, 10 * cell + frame + 14, 30


def write(path, header, rows, comment="", number="%.6f"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write(comment)
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(header)
        for row in rows:
            lines.writerow([number % x if isinstance(x, float) else x for x in row])
    return path


def fields(folder, name, header, row) -> list:
    """One file per field of view."""
    return [
        write(folder / name.format(fov), header, [row(*r) for r in truth() if r[0] == fov])
        for fov in CELLS
    ]


BOX = ["bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1"]


def g1(folder):
    def row(fov, cell, frame, area, total):
        x0, y0, x1, y1 = box(cell, frame)
        place = ((x0 + x1) / 2, (y0 + y1) / 2)
        return [fov, cell, frame, 10.0 * frame, frame != 3, *place, x0, y0, x1, y1, area, total]

    header = ["fov", "cell", "frame", "time", "good", "position_x", "position_y", *BOX, *BOTH]
    return fields(folder, "fov_{0:03d}/a_fov_{0:03d}_traces.csv", header, row)


def g2a(folder):
    def row(fov, cell, frame, area, total):
        x0, y0, x1, y1 = box(cell, frame)
        place = ((x0 + x1) / 2, (y0 + y1) / 2)
        return [fov, cell, frame, frame != 3, *place, x0, y0, x1, y1, area, total]

    header = ["fov", "cell", "frame", "good", "position_x", "position_y", *BOX, *BOTH]
    return fields(folder, "fov_{0:03d}/a_fov_{0:03d}_traces.csv", header, row)


def own(folder):
    """Fovea's own traces: as G2a, with exclusive ends of boxes."""

    def row(fov, cell, frame, area, total):
        x0, y0, x1, y1 = box(cell, frame)
        place = ((x0 + x1) / 2, (y0 + y1) / 2)
        return [fov, cell, frame, frame != 3, *place, x0, y0, x1 + 1, y1 + 1, area, total]

    header = ["fov", "cell", "frame", "good", "position_x", "position_y", *BOX, *BOTH]
    return fields(folder, "fov_{0:03d}/a_fov_{0:03d}_traces.csv", header, row)


def g2b(folder):
    def row(fov, cell, frame, area, total):
        x0, y0, x1, y1 = box(cell, frame)
        size = (x1 - x0 + 1, y1 - y0 + 1)
        return [fov, cell, frame, frame != 3, (x0 + x1) / 2, (y0 + y1) / 2, x0, y0, *size, area,
                total]  # fmt: skip

    header = ["fov", "cell", "frame", "good", "xc", "yc", "x", "y", "w", "h", *BOTH]
    return fields(folder, "fov_{0:03d}/a_fov_{0:03d}_traces.csv", header, row)


def g3(folder):
    def row(fov, cell, frame, area, total):
        x0, y0, x1, y1 = box(cell, frame)
        return [fov, cell, frame, frame != 3, x0, y0, x1 - x0 + 1, y1 - y0 + 1, area, total]

    header = ["position", "roi", "frame", "is_good", "x", "y", "w", "h", "area_c0",
              "intensity_total_c1"]  # fmt: skip
    return fields(folder, "traces/position_{0}.csv", header, row)
