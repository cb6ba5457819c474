"""Scores of results against annotated labels or tracks: tables, and images of the worst cells."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.evaluation.scores import Match, match_frame, segmentation_scores
from fovea.evaluation.track_scores import inferred_parents, track_scores
from fovea.jobs.atomic import whole_csv, whole_file
from fovea.jobs.checksums import as_written, read_rows
from fovea.store.reader import ArrayReader

SHOWN = 12  # worst cells that are drawn
_LOG = logging.getLogger("fovea")


def read_labels(path: str | Path) -> np.ndarray:
    """Read labels or IDs, (T, H, W), from a TIFF or from a channel group that Fovea wrote.

    A file that cannot be read or does not hold labels raises a FoveaError.
    """
    path = Path(path)
    if path.is_dir():
        with ArrayReader(path / "0") as frames:
            return np.stack(list(frames))
    import tifffile

    try:
        labels = tifffile.imread(path)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise FoveaError(f"{path} cannot be read as labels: {error}") from error
    labels = labels[None] if labels.ndim == 2 else labels
    if labels.ndim != 3 or labels.dtype.kind not in "uib":
        raise FoveaError(
            f"{path} holds {labels.dtype} {labels.shape}; labels are whole numbers with the axes "
            "T, Y, X or Y, X"
        )
    return labels.astype(np.uint32)


def read_stacks(
    reference: str | Path, result: str | Path, images: str | Path | None = None
) -> tuple[list[np.ndarray], list[int]]:
    """Read labels of a reference and of a result, and images, zeros without any: (P, H, W) each.

    They are those of the P frames of the result in which phase contrast was recorded, whose numbers
    come second: in the others the result has no labels, and nothing to score. Reference and images
    may lack these frames, too.
    """
    found = read_labels(result)
    numbers = np.arange(len(found))
    if Path(result).is_dir():
        with ArrayReader(Path(result) / "0") as frames:
            numbers = frames.present
    known = read_labels(reference)
    stacks = [known, found, read_labels(images) if images else np.zeros_like(known)]
    return [s[numbers] if len(s) == len(found) else s for s in stacks], numbers.tolist()


def read_parents(path: str | Path) -> dict[int, int]:
    """Read daughter to mother from a lineage table (CSV with columns `cell` and `parent`)."""
    with as_written(path):
        rows = list(read_rows(path))
        return {int(row["cell"]): int(row["parent"]) for row in rows if int(row["parent"])}


def score(
    reference: np.ndarray,
    result: np.ndarray,
    parents: dict[int, int] | None = None,
    reference_parents: dict[int, int] | None = None,
    tracks: bool = True,
) -> tuple[dict[str, float], list[Match]]:
    """Compute the scores of a recording, see `segmentation_scores` and `track_scores`.

    Reference and result are labels, (T, H, W) unsigned integer; `tracks` says whether a label
    stands for the same cell in all frames. Parents are by daughter; those of the reference are
    inferred from its IDs where they are None. A FoveaError is raised if the shapes differ.
    """
    if reference.shape != result.shape:
        raise FoveaError(
            f"the reference has frames, height, width {reference.shape}, the result {result.shape}"
        )
    matches = [match_frame(a, b) for a, b in zip(reference, result, strict=True)]
    scores = segmentation_scores(matches)
    if tracks and len(matches) > 1:
        if reference_parents is None:
            reference_parents = inferred_parents(list(reference))
        scores |= track_scores(matches, parents, reference_parents)
    return scores, matches


def evaluate(
    reference: str | Path,
    result: str | Path,
    table: str | Path,
    figure: str | Path | None = None,
    images: str | Path | None = None,
    lineage: str | Path | None = None,
    reference_lineage: str | Path | None = None,
    tracks: bool = True,
    name: str = "",
    log: logging.Logger = _LOG,
) -> dict[str, float]:
    """Score a field of view, write its scores and a figure of its worst cells; return the scores.

    `reference` and `result` are labels as of `read_labels`, IDs where `tracks` is true, and
    `lineage` and `reference_lineage` tables as of `read_parents`. `table` is a CSV of one row,
    `name` and all scores; `figure` is a PNG with the cells of least overlap and both outlines,
    drawn on the frames of `images`, a TIFF or channel group.
    """
    stacks, numbers = read_stacks(reference, result, images)
    known, found, frames = stacks
    parents = read_parents(lineage) if lineage else None
    theirs = read_parents(reference_lineage) if reference_lineage else None
    scores, matches = score(known, found, parents, theirs, tracks)
    write_table([{"name": name or Path(reference).name} | scores], table)
    log.info("%s", ", ".join(f"{key} {shown(value)}" for key, value in scores.items()))
    if figure:
        draw_worst(frames, known, found, matches, figure, numbers)
    return scores


def shown(value: object) -> str:
    """Format a value with three decimals; NaN becomes empty."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def write_table(rows: Sequence[dict], path: str | Path) -> None:
    """Write scores as JSON if the path ends in ``.json``, else as CSV."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if Path(path).suffix == ".json":
        plain = [{k: None if v != v else v for k, v in row.items()} for row in rows]
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
        return
    with whole_csv(path, columns, checked=False) as lines:
        lines.writerows([shown(row.get(key, math.nan)) for key in columns] for row in rows)


def as_text(rows: Sequence[dict]) -> str:
    """Format scores as a table with aligned columns."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([shown(row.get(key, math.nan)) for key in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def draw_worst(
    frames, reference, result, matches: list[Match], target: str | Path, numbers: Sequence[int]
) -> None:
    """Draw the cells with the lowest overlap: the reference's outline green, the result's red.

    `numbers` are those of the frames in the recording.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fovea.figures.overview import outlines

    cells = [(m.iou[i], t, int(m.reference[i])) for t, m in enumerate(matches)
             for i in range(len(m.reference))]  # fmt: skip
    cells = sorted(cells)[:SHOWN]
    columns = 4
    rows = max(1, -(-len(cells) // columns))
    figure = Figure(figsize=(2.4 * columns, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, (iou, t, label) in zip(grid, cells, strict=False):
        y, x = np.nonzero(reference[t] == label)
        margin = 20
        window = (slice(max(y.min() - margin, 0), y.max() + margin),
                  slice(max(x.min() - margin, 0), x.max() + margin))  # fmt: skip
        picture = frames[t][window].astype(float)
        low, high = np.percentile(picture, (1, 99))
        rgb = np.repeat(np.clip((picture - low) / max(high - low, 1), 0, 1)[..., None], 3, axis=2)
        rgb[outlines(result[t][window]) > 0] = (0.9, 0.2, 0.1)
        rgb[outlines(np.where(reference[t][window] == label, 1, 0)) > 0] = (0, 0.8, 0.2)
        axes.imshow(rgb, interpolation="nearest")
        axes.set_title(f"frame {numbers[t]}, cell {label}: {iou:.2f}", fontsize=8)
    figure.savefig(target, dpi=110, metadata={"Software": None})
