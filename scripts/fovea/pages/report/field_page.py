"""The page of a field of view: outlines on every tenth frame, and its thumbnail."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.errors import counted
from fovea.jobs.atomic import whole_file
from fovea.pages.report import template
from fovea.pages.views import html, strips
from fovea.recordings.times import SECONDS
from fovea.samples.tables import read_csv
from fovea.store.metadata import read_attributes
from fovea.store.reader import ArrayReader

_LOG = logging.getLogger("fovea")
_EVERY, _MOST = 10, 24  # frames between two that are shown; how many of them at most
_WIDE, _THUMBNAIL = 640, 200  # pixels along the longer side
KEPT, LOST = (255, 176, 0), (120, 200, 255)


def field_page(
    images: Sequence[str | Path],
    cells: str | Path | None,
    target: str | Path,
    thumbnail: str | Path,
    name: str,
    log: logging.Logger = _LOG,
) -> None:
    """Write the page and the thumbnail, a WebP file.

    Parameters
    ----------
    images : sequence of path
        The channel group to show and, where cells are tracked, the one with their IDs.
    cells : path, optional
        ``..._cells.csv`` of the field of view.
    name : str
        What people call the field of view.
    """
    table = None if cells is None else read_csv(cells, ("reason",))
    interval = _interval(images[0])
    with ArrayReader(Path(images[0]) / "0") as frames:
        present = frames.present
        limits = tuple(frames.attributes["fovea"]["display_limits"]) if len(present) else (0, 1)
        shown = _every_tenth(present)
        labels = ArrayReader(Path(images[1]) / "0") if len(images) > 1 else None
        figures = []
        for frame in shown.tolist():
            picture = _drawn(frames[frame], None if labels is None else labels[frame], table,
                             limits, _WIDE)  # fmt: skip
            when = "" if interval is None else f", {round(frame * interval, 2):g} h"
            here = "" if table is None else f": {_words(table, frame)}"
            figures.append(html.element(
                "figure", html.picture(strips.encoded(picture, 50), f"frame {frame}"),
                html.element("figcaption", f"frame {frame}{when}{here}")))  # fmt: skip
        small = np.full((_THUMBNAIL, _THUMBNAIL, 3), 225, np.uint8)
        if len(present):
            middle = frames.nearest(len(frames) // 2)
            small = _drawn(frames[middle], None if labels is None else labels[middle], table,
                           limits, _THUMBNAIL)  # fmt: skip
        if labels is not None:
            labels.close()
    with whole_file(thumbnail) as temporary:
        temporary.write_bytes(strips.encoded(small, 60))
    template.write_page(target, _page(name, table, figures, shown, len(present)))
    log.info("%s shown, of %d", counted(len(shown), "frame"), len(present))


def _interval(group: str | Path) -> float | None:
    """Return the mean time between frames in hours; None if it is unknown."""
    multiscale = read_attributes(group)["ome"]["multiscales"][0]
    if "unit" not in multiscale["axes"][0]:
        return None
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    return scale[0] / SECONDS["h"]


def _every_tenth(present: np.ndarray) -> np.ndarray:
    """Return every tenth of the frames that were recorded, or fewer, evenly spread."""
    tenth = present[::_EVERY]
    if len(tenth) <= _MOST:
        return tenth
    return tenth[np.unique(np.linspace(0, len(tenth) - 1, _MOST).round().astype(int))]


def _drawn(
    frame: np.ndarray, labels: np.ndarray | None, table: pd.DataFrame | None,
    limits: tuple[float, float], size: int,
) -> np.ndarray:  # fmt: skip
    """Return a frame as a picture of about `size` pixels with the outlines of its cells."""
    step = max(1, -(-max(frame.shape) // size))
    high, wide = max(1, frame.shape[0] // step), max(1, frame.shape[1] // step)
    blocks = frame[: high * step, : wide * step]
    if blocks.shape == (high * step, wide * step):
        blocks = blocks.reshape(high, step, wide, step).mean(axis=(1, 3))
    picture = np.repeat(strips.grey(blocks, limits)[..., None], 3, axis=2)
    if labels is not None:
        small = labels[step // 2 :: step, step // 2 :: step][:high, :wide]
        edge = strips.label_outlines(small)
        if size == _WIDE:
            edge = strips.thicker(edge)
        kept = np.zeros(int(small.max(initial=0)) + 1, bool)
        if table is not None:
            own = table["cell"].to_numpy(np.int64)[table["kept"].to_numpy(bool)]
            kept[own[own < len(kept)]] = True
        picture[edge > 0] = np.where(kept[edge[edge > 0]][:, None], KEPT, LOST)
    return picture


def _words(table: pd.DataFrame, frame: int) -> str:
    here = (table["first_frame"] <= frame) & (table["last_frame"] >= frame)
    return f"{counted(int(here.sum()), 'cell')}, {int((here & table['kept']).sum())} kept"


def _page(
    name: str, table: pd.DataFrame | None, figures: Sequence[html.Html], shown: np.ndarray,
    frames: int,
) -> str:  # fmt: skip
    lead = f"{counted(len(shown), 'frame')} of {frames}"
    key = ""
    if table is not None:
        kept = int(table["kept"].sum())
        lead += f"; {counted(len(table), 'cell')} tracked, {kept} kept"
        key = html.element("p", _line(KEPT), "kept", _line(LOST), "left out", class_="soft")
    empty = html.element("p", "This channel was recorded in no frame.")
    body = html.element("div", *figures, class_="frames") if figures else empty
    title = f"Every {_EVERY}th frame" if len(shown) * _EVERY >= frames else "Frames"
    return template.page(name, lead, template.section(title, key, body), home="../index.html")


def _line(colour: tuple[int, int, int]) -> html.Html:
    return html.element("span", class_="key", style=f"border-color:rgb{colour}")
