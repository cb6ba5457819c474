"""Pictures of cells for pages, from the raw frames and the tracked cells of fields of view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.pages.views import html, strips
from fovea.store.reader import ArrayReader

_ACROSS = 8  # pictures of a cell
_READ = 24  # frames of a field of view that are read, at most
_PADDING = 6  # pixels around the cell's largest box
#: The size of a picture in pixels, and the letters that all strips of a page may take, with up to
#: `_MANY` cells and with more; so a page of 300 cells and 180 frames has less than 5 MB.
_MANY, _FEW_CELLS, _MANY_CELLS = 120, (72, 1_600_000), (48, 900_000)


def field_of(tracked: str | Path) -> tuple[str, int]:
    """Return dataset and field of view of a channel group of tracked cells."""
    field = Path(tracked).parents[1]
    return field.parent.name, int(field.name.removeprefix("fov_"))


def cell_strips(
    tracked: Sequence[str | Path],
    channels: Mapping[str, str],
    rows: pd.DataFrame,
    cells: Sequence[tuple[str, int, int]],
    times: Mapping[tuple[str, int], Mapping[int, str]],
) -> dict[tuple[str, int, int], str]:
    """Return strips of pictures over time with the outline of the cell, as HTML, by cell.

    Parameters
    ----------
    tracked : sequence of path
        Channel groups with the tracked cells, one for each field of view whose images are there.
    channels : mapping
        What people call a row of pictures to the kind and channel of its group, ``fl_ch_1``.
    rows : DataFrame
        Traces of the sample: `dataset`, `fov`, `cell`, `frame`, position and box.
    cells : sequence of (str, int, int)
        Cells to show, the most important first; when there is no more room, the rest have none.
    times : mapping
        What to write below each frame of a field of view, by its number.
    """
    size, room = _FEW_CELLS if len(cells) <= _MANY else _MANY_CELLS
    wanted = {(dataset, fov) for dataset, fov, _ in cells}
    shown = rows[pd.MultiIndex.from_frame(rows[["dataset", "fov", "cell"]]).isin(cells)]
    made: dict[tuple[str, int, int], tuple[bytes, np.ndarray]] = {}
    for group in tracked:
        if field_of(group) in wanted:
            own = shown[(shown["dataset"] == field_of(group)[0])
                        & (shown["fov"] == field_of(group)[1])]  # fmt: skip
            made |= _of_field(Path(group), list(channels.values()), own, size)
    found = {}
    for cell in filter(made.__contains__, cells):
        strip = _with_caption(*made[cell], times.get(cell[:2], {}), list(channels))
        if len(strip) <= room:
            room -= len(strip)
            found[cell] = strip
    return found


def _of_field(
    group: Path, channels: Sequence[str], rows: pd.DataFrame, size: int
) -> dict[tuple[str, int, int], tuple[bytes, np.ndarray]]:
    """Return the strip and its frames of each cell of a field of view, frame by frame."""
    folder = group.parent
    with ArrayReader(group / "0") as labels:
        grid = strips.grid_of(len(labels), _READ)
        plan, sides = {}, {}
        for cell, own in rows.groupby("cell", sort=False):
            plan[cell] = strips.chosen_frames(own["frame"].to_numpy(), grid, _ACROSS)
            high, wide = (own[f"bbox_{a}1"] - own[f"bbox_{a}0"] for a in "yx")
            sides[cell] = int(max(high.max(), wide.max())) + 2 * _PADDING
        places = rows.set_index(["cell", "frame"])[["position_y", "position_x"]]
        pictures: dict[int, list[list[np.ndarray]]] = {
            cell: [[] for _ in channels] for cell in plan
        }
        for frame in np.unique(np.concatenate([np.zeros(0, np.int64), *plan.values()])).tolist():
            ids = labels[frame]
            planes = [_frame(folder / channel, frame) for channel in channels]
            for cell, frames in plan.items():
                if frame not in frames:
                    continue
                centre = tuple(places.loc[(cell, frame)])
                mask = strips.window(ids, centre, sides[cell]) == cell
                for row, plane in zip(pictures[cell], planes, strict=True):
                    row.append(_picture(plane, mask, centre, sides[cell], size))
    dataset, fov = field_of(group)
    return {
        (dataset, fov, int(cell)): (strips.encoded(strips.strip(pictures[cell])), plan[cell])
        for cell in plan
        if len(plan[cell])
    }


def _frame(group: Path, frame: int) -> tuple[np.ndarray, tuple[float, float]] | None:
    """Return a frame with its limits for display; None where it was not recorded."""
    with ArrayReader(group / "0") as array:
        if frame >= len(array) or frame in array.missing:
            return None
        return array[frame], tuple(array.attributes["fovea"]["display_limits"])


def _picture(plane, mask: np.ndarray, centre, side: int, size: int) -> np.ndarray:
    if plane is None:
        return np.full((size, size, 3), 230, np.uint8)
    image, limits = plane
    return strips.crop_picture(strips.window(image, centre, side), mask, limits, size)


def _with_caption(
    picture: bytes, frames: np.ndarray, words: Mapping[int, str], names: Sequence[str]
) -> str:
    width = f"width:min(100%,{76 * len(frames)}px)"
    labels = [html.element("span", words.get(frame, frame), title=f"frame {frame}")
              for frame in frames.tolist()]  # fmt: skip
    columns = f"display:grid;grid-template-columns:repeat({len(frames)},1fr);{width}"
    below = html.element("div", *labels, style=f"{columns};font-size:11px;text-align:center")
    what = f"{' and '.join(names)} over time, with outline"
    return html.picture(picture, what, style=width) + below


def hours(times: np.ndarray) -> list[str]:
    """Return times (T,) in hours as short words."""
    return [f"{round(time, 2):g} h" if time == time else "" for time in times]
