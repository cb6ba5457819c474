"""Pictures of segmented frames: outlines of annotated cells and of objects, failures marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.evaluation.failures import EXTRA, FOUND, Verdicts
from fovea.figures.overview import outlines

#: Okabe and Ito's colours, which people with any colour vision can tell apart.
REFERENCE, RESULT = (0, 158, 255), (230, 130, 0)
#: How failures are marked, and the words for the legend.
MARKS = {"missed": "–", "merged": "M", "split": "S", "too wide": "W", "too narrow": "N", EXTRA: "+"}
_SIDE = 700  # pixels, about, of a picture
_COLOURS = 96  # of a picture's palette, which makes it a third as large
_MOST = 400  # pixels of a frame that are shown, at most, along a side


def overlay(
    frame: np.ndarray, reference: np.ndarray, result: np.ndarray, judged: Verdicts,
    side: int = _MOST, kind: str | None = None,
) -> tuple[np.ndarray, list[tuple[float, float, str]]]:  # fmt: skip
    """Draw a frame, or the part of it with the most failures.

    Parameters
    ----------
    frame : (H, W) uint16
        Brightness.
    reference, result : (H, W) unsigned integer
        Labels of annotated cells, outlined in blue, and of objects, outlined in orange; where
        both outlines are in one place, the colours take turns.
    judged : Verdicts
        Those of this frame.
    side : int
        Largest side of the part that is drawn.
    kind : str, optional
        Only failures of this kind tell which part that is.

    Returns
    -------
    (h, w, 3) uint8
        The picture, enlarged by a whole factor.
    list of tuple
        Column and row in the picture, and the kind, of each failure.
    """
    marks = _failures(reference, judged.cells) + _failures(result, judged.objects, only=EXTRA)
    places = [(y, x) for y, x, found in marks if kind in (None, found)]
    rows, columns = _window(frame.shape, places, side)
    factor = max(1, round(_SIDE / max(rows.stop - rows.start, columns.stop - columns.start)))
    low, high = np.percentile(frame, (0.5, 99.5))
    grey = np.clip((frame[rows, columns] - low) / max(high - low, 1e-9) * 235, 0, 235)
    grey = grey.astype(np.uint8) // 8 * 8  # few levels make small files, and the eye sees no more
    rgb = np.repeat(_enlarged(grey, factor)[..., None], 3, axis=2)
    theirs = _lines(_enlarged(reference[rows, columns], factor))
    ours = _lines(_enlarged(result[rows, columns], factor))
    dashed = np.add.outer(np.arange(len(rgb)) // 4, np.arange(rgb.shape[1]) // 4) % 2 == 0
    rgb[theirs] = REFERENCE
    rgb[ours & ~(theirs & dashed)] = RESULT
    here = [
        ((x - columns.start + 0.5) * factor, (y - rows.start + 0.5) * factor, found)
        for y, x, found in marks
        if rows.start <= y < rows.stop and columns.start <= x < columns.stop
    ]
    return rgb, here


def write_overlay(
    frame: np.ndarray, reference: np.ndarray, result: np.ndarray, judged: Verdicts,
    path: str | Path, title: str = "", side: int = _MOST, kind: str | None = None,
) -> None:  # fmt: skip
    """Write a picture as of `overlay` with marks and a legend, as PNG of few colours."""
    from matplotlib import patheffects
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    picture, marks = overlay(frame, reference, result, judged, side, kind)
    height, width = picture.shape[:2]
    dpi, below = 100, 62
    figure = Figure(figsize=(width / dpi, (height + below) / dpi), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, below / (height + below), 1, height / (height + below)))
    axes.imshow(picture, interpolation="nearest", extent=(0, width, height, 0))
    axes.set_axis_off()
    for x, y, found in marks:
        axes.text(
            x, y, MARKS[found], color="white", fontsize=9, fontweight="bold", clip_on=True,
            ha="center", va="center",
            path_effects=[patheffects.withStroke(linewidth=2, foreground="black")],
        )  # fmt: skip
    line = 1 / (height + below)
    legend = ", ".join(f"{mark} {name}" for name, mark in MARKS.items())
    figure.text(6 / width, 44 * line, title, fontsize=8)
    figure.text(6 / width, 26 * line, "annotated", fontsize=8, color=_hex(REFERENCE),
                fontweight="bold")  # fmt: skip
    figure.text(80 / width, 26 * line, "found", fontsize=8, color=_hex(RESULT), fontweight="bold")
    figure.text(6 / width, 8 * line, legend, fontsize=8)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def _failures(
    labels: np.ndarray, judged: dict[int, str], only: str | None = None
) -> list[tuple[float, float, str]]:
    """Return row, column and kind of the labels that are not found, at their centroids."""
    areas = np.bincount(labels.ravel())
    y, x = np.nonzero(labels)
    sums = [np.bincount(labels[y, x], places, len(areas)) for places in (y, x)]
    return [
        (sums[0][label] / areas[label], sums[1][label] / areas[label], kind)
        for label, kind in judged.items()
        if kind != FOUND and only in (None, kind)
    ]


def _window(shape: tuple[int, int], places: list, side: int) -> tuple[slice, slice]:
    """Return the part of a frame, of at most `side` pixels a side, with the most places in it."""
    height, width = (min(n, side) for n in shape)
    starts = [
        np.unique(np.r_[np.arange(0, n - k, max(1, k // 8)), n - k])
        for n, k in zip(shape, (height, width), strict=True)
    ]
    found = np.array(places).reshape(-1, 2)
    best, most = (0, 0), (-1, 0.0)
    for y in starts[0].tolist():
        for x in starts[1].tolist():
            inside = found[((found >= (y, x)) & (found < (y + height, x + width))).all(axis=1)]
            middle = (y + height / 2, x + width / 2)
            off = np.abs(inside.mean(axis=0) - middle).sum() if len(inside) else 0.0
            if (len(inside), -off) > most:  # of windows with as many, the one about their middle
                best, most = (y, x), (len(inside), -off)
    return slice(best[0], best[0] + height), slice(best[1], best[1] + width)


def _lines(labels: np.ndarray) -> np.ndarray:
    """Return the outlines of objects, two pixels wide, (H, W) bool."""
    outer = outlines(labels)
    return (outer > 0) | (outlines(np.where(outer > 0, 0, labels)) > 0)


def _enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
