"""Overview of a field of view: a frame with outlines and IDs, and the traces beside it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from fovea.config.names import feature_unit
from fovea.jobs.checksums import as_written, read_rows
from fovea.recordings.times import SECONDS
from fovea.store.metadata import read_attributes
from fovea.store.reader import ArrayReader

_LOG = logging.getLogger("fovea")
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2")  # Okabe and Ito's
_LEFT_OUT = "#e0e0e0"  # colour of cells without a trace
_PIXELS = 1024  # along the longer side, at most


def outlines(labels: np.ndarray) -> np.ndarray:
    """Return labels (H, W) on the outlines of objects only, inside them, and 0 elsewhere.

    A pixel is on an outline if one of its 4 neighbours has another label.
    """
    padded = np.pad(labels, 1)
    middle = padded[1:-1, 1:-1]
    inner = np.ones(labels.shape, bool)
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        inner &= part == middle
    return np.where(inner, 0, middle)


def read_traces(path: str | Path, column: str) -> tuple[dict[int, tuple[list, list]], bool]:
    """Return the frames and the values of one column, by cell; and whether frames are left out.

    Frames in which no cell has a value are left out: the channel was not recorded there.
    """
    # Not with pandas, whose import would add 0.4 s to this job of every field of view.
    rows, recorded = [], set()
    with as_written(path):
        for row in read_rows(path):
            value = float(row[column]) if row[column] else np.nan
            rows.append((int(row["cell"]), int(row["frame"]), value))
            if row[column]:
                recorded.add(rows[-1][1])
    traces = defaultdict(lambda: ([], []))
    for cell, frame, value in rows:
        frames, values = traces[cell]
        if frame in recorded:
            frames.append(frame)
            values.append(value)
    return dict(traces), len(recorded) < len({frame for _, frame, _ in rows})


def overview(
    images: Sequence[str | Path],
    traces: str | Path | None,
    target: str | Path,
    features: Mapping[str, Sequence[str]],
    time_unit: str = "min",
    log: logging.Logger = _LOG,
) -> None:
    """Draw the middle frame with the cells' outlines and IDs, and traces of up to two features.

    The frame is the one of those that were recorded that is nearest to the middle.

    `images` are the paths of the channel group to show and, where there are cells, of the one
    with their IDs; `traces` are those of the field of view. `features` maps a channel to its
    features, of which the first is drawn over times in `time_unit`, "s", "min" or "h".
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = [
        (channel, names[0], f"{names[0]}_{channel.split('_', 1)[1]}")
        for channel, names in features.items()
        if names and traces is not None
    ]
    columns = columns[:1] + columns[1:][-1:]
    data = {column: read_traces(traces, column) for _, _, column in columns}
    cells = sorted({cell for traces, _ in data.values() for cell in traces})
    colours = dict(zip(cells, cycle(_COLOURS), strict=False))

    figure = Figure(figsize=(11, 5.2) if columns else (5.5, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(max(1, len(columns)), 2 if columns else 1)
    _draw_frame(figure.add_subplot(grid[:, 0]), images, colours, log)
    scale, label = _time_axis(images[0], time_unit)
    for row, (channel, name, column) in enumerate(columns):
        axes = figure.add_subplot(grid[row, 1])
        found, sparse = data[column]
        mark = {"marker": "."} if sparse else {}  # a single point is no line
        for cell, (frames, values) in found.items():
            axes.plot(np.array(frames) * scale, values, color=colours[cell], linewidth=0.9, **mark)
        unit = "counts" if channel.startswith("fl_") else feature_unit(name)
        axes.set_ylabel(f"{name.replace('_', ' ')}{'' if unit == '1' else f' ({unit})'}\n{channel}")
        axes.spines[["top", "right"]].set_visible(False)
        last = row == len(columns) - 1
        axes.set_xlabel(label if last else "")
        axes.tick_params(labelbottom=last)
    figure.savefig(target, dpi=110, metadata={"Software": None})
    log.info("%d traces drawn", len(cells))


def _draw_frame(axes, images: Sequence[str | Path], colours: dict, log: logging.Logger) -> None:
    with ArrayReader(Path(images[0]) / "0") as frames:
        if not len(frames.present):
            axes.set_title(f"{Path(images[0]).name}: recorded in no frame", fontsize=10)
            axes.set_axis_off()
            return
        shown = frames.nearest(len(frames) // 2)
        low, high = frames.attributes["fovea"]["display_limits"]
        # every n-th pixel only, as the figure shows no more
        every = -(-max(frames.shape[1:]) // _PIXELS)
        picture = frames[shown][::every, ::every]
    grey = np.clip((picture - low) * (255 / max(high - low, 1e-9)), 0, 255).astype(np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    if len(images) > 1:
        from matplotlib.colors import to_rgb

        with ArrayReader(Path(images[1]) / "0") as labelled:
            labels = labelled[shown][::every, ::every]
        table = np.zeros((int(labels.max(initial=0)) + 1, 3), np.uint8)
        for cell in range(1, len(table)):
            table[cell] = np.rint(np.multiply(to_rgb(colours.get(cell, _LEFT_OUT)), 255))
        edge = outlines(labels)
        rgb[edge > 0] = table[edge[edge > 0]]
        number = _draw_ids(axes, labels, colours)
        log.info("frame %d: %d cells outlined", shown, number)
    axes.imshow(rgb, interpolation="nearest")
    axes.set_title(f"{Path(images[0]).name}, frame {shown}", fontsize=10)
    axes.set_axis_off()


def _draw_ids(axes, labels: np.ndarray, colours: dict) -> int:
    """Write the ID of each cell on it, and return the number of cells."""
    from matplotlib import patheffects

    y, x = np.nonzero(labels)
    here = labels[y, x]
    areas = np.bincount(here)
    sums = np.bincount(here, y), np.bincount(here, x)
    cells = np.flatnonzero(areas)
    for cell in cells.tolist():
        axes.text(
            sums[1][cell] / areas[cell], sums[0][cell] / areas[cell], str(cell),
            fontsize=6.5 if len(cells) < 60 else 4, ha="center", va="center",
            color="white" if cell in colours else _LEFT_OUT,
            path_effects=[patheffects.withStroke(linewidth=1.6, foreground="black")],
        )  # fmt: skip
    return len(cells)


def _time_axis(group: str | Path, unit: str) -> tuple[float, str]:
    """Return the time between frames in `unit` and a label; 1 and "frame" if it is unknown."""
    multiscale = read_attributes(group)["ome"]["multiscales"][0]
    if "unit" not in multiscale["axes"][0]:
        return 1.0, "frame"
    seconds = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][0]
    return seconds / SECONDS[unit], f"time ({unit})"
