"""Apply the verdicts of the curation table to traces, if they concern the cells that were judged.

IDs of cells change when segmentation or tracking changes. A row of the table may state where its
cell was seen. For the other rows, the places of all cells are kept from one merge to the next: as
long as a cell is where it was, a verdict on its ID concerns it.
"""

from __future__ import annotations

import io
import logging
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.errors import FoveaError, counted
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import as_written, read_whole
from fovea.samples.curation import Verdict

_LOG = logging.getLogger("fovea")
CELL = ["dataset", "fov", "cell"]
BOX = ["bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1"]
POSITION = ["position_x", "position_y"]
_SHOWN = 10  # cells that a message names
_REMEDY = ("`{command}` finds the cells again; or correct the {rows}, with frame, position_x and "
           "position_y to say which cell you mean")  # fmt: skip
_USUAL = Path("config/curation.csv")


def apply_curation(
    path: str | Path,
    verdicts: Sequence[Verdict],
    traces: pd.DataFrame,
    removed: Collection[tuple[str, int, int]] = (),
    seen: str | Path | None = None,
    log: logging.Logger = _LOG,
) -> int:
    """Override `good` of traces, in place, by verdicts on the sample, later ones over earlier ones.

    Parameters
    ----------
    path : path
        The curation table, for messages.
    verdicts : sequence of Verdict
    traces : DataFrame
        The sample's traces, with positions and boxes where these are known.
    removed : collection of (dataset, fov, cell)
        Cells that were tracked and are not in the traces; verdicts on them change nothing.
    seen : path, optional
        Folder of `keep_places`, of the merge before.

    Returns
    -------
    int
        Number of rows that were changed.

    Raises
    ------
    FoveaError
        If a cell is not there, or is not the one that was judged.
    """
    places = traces.groupby(CELL, sort=False).indices
    unknown = [v for v in verdicts if v.key not in places and v.key not in removed]
    lost = [v for v in unknown if v.position is None]
    if lost:
        raise FoveaError(
            f"{path}: {_listed(lost)} not in the traces; correct or remove "
            f"{'this row' if len(lost) == 1 else 'these rows'}"
        )
    blind = _check_places(path, verdicts, traces, removed, seen)
    if blind:
        log.warning(
            "%s: %s by the number of the cell alone, for nothing there says where it "
            "was seen, and there was no merge before to compare with; `%s` writes the places into "
            "the table", path, counted(blind, "row is applied", "rows are applied"),
            command_for(path),
        )  # fmt: skip
    frames, good = traces["frame"].to_numpy(), traces["good"].to_numpy(copy=True)
    for verdict in verdicts:
        if verdict.key not in places:
            log.info("%s: %s was removed when the traces were extracted; its row changes nothing",
                     path, verdict)  # fmt: skip
            continue
        rows = places[verdict.key]
        part = frames[rows]
        inside = part >= (verdict.first or 0)
        if verdict.last is not None:
            inside &= part <= verdict.last
        if not inside.any():
            raise FoveaError(
                f"{path}: {_listed([verdict])} not seen in these frames, but in frames "
                f"{part.min()} to {part.max()}; correct from_frame and to_frame"
            )
        good[rows[inside]] = verdict.good
    changed = int((good != traces["good"]).sum())
    traces["good"] = good
    return changed


def command_for(path: str | Path) -> str:
    """Return the command that finds the cells of a curation table again."""
    words = ["fovea", "curation", "rebase"]
    words += [] if Path(path) == _USUAL else ["--curation", str(path)]
    return shlex.join(words)


def _listed(verdicts: list[Verdict]) -> str:
    more = f" and {len(verdicts) - _SHOWN} more" if len(verdicts) > _SHOWN else ""
    return "; ".join(map(str, verdicts[:_SHOWN])) + more + (" is" if len(verdicts) == 1 else " are")


def _check_places(
    path, verdicts: Sequence[Verdict], traces: pd.DataFrame, removed: Collection, seen
) -> int:
    """Refuse verdicts whose cells are elsewhere than where they were seen.

    Return the number of those for which nothing says where that was.
    """
    wrong: list[str] = []
    blind = 0
    known = {verdict.key[:2]: read_places(seen, *verdict.key[:2]) for verdict in verdicts}
    rows = traces.groupby(CELL[:2], sort=False).indices
    fields = {key: traces.iloc[rows[key]] for key in known if key in rows}
    for verdict in verdicts:
        field = fields.get(verdict.key[:2], traces.iloc[:0])
        if verdict.position is not None:
            there = _stated(verdict, field, verdict.key in removed)
        else:
            before = known[verdict.key[:2]]
            there = None if before is None else _remembered(verdict, field, before)
            blind += before is None
        if there:
            wrong.append(f"{verdict} {there}")
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        remedy = _REMEDY.format(
            rows="row" if len(wrong) == 1 else "rows", command=command_for(path)
        )
        raise FoveaError(
            f"{path}: {'; '.join(wrong[:_SHOWN])}{more}; segmentation or tracking has changed "
            f"since: {remedy}"
        )
    return blind


def _stated(verdict: Verdict, field: pd.DataFrame, removed: bool) -> str:
    """Say where a cell is, if it is not where its row says; else nothing."""
    frame = verdict.first if verdict.frame is None else verdict.frame
    own = field[field["cell"] == verdict.cell]
    frames = own["frame"].tolist() if frame is None else [frame]
    x, y = verdict.position
    here = [cell_at(field, each, x, y) for each in frames]
    if verdict.cell in here or (len(own) and own[BOX].isna().any(axis=None)):
        return ""
    found = next((cell for cell in here if cell is not None), None)
    if not len(own) and found is None and frame is None:
        found = next((c for each in field["frame"].unique()
                      if (c := cell_at(field, each, x, y)) is not None), None)  # fmt: skip
    place = f"x {x:g}, y {y:g}" + ("" if frame is None else f" in frame {frame}")
    if found is None and removed and own.empty:
        return ""  # and no other cell is at its place
    return f"was seen at {place}, where {f'cell {found}' if found is not None else 'no cell'} is"


def _remembered(verdict: Verdict, field: pd.DataFrame, before: pd.DataFrame) -> str:
    """Say where a cell is, if it is not where it was at the merge before; else nothing."""
    own = before[before["cell"] == verdict.cell]
    if len(own) and verdict.cell in field["cell"].to_numpy():
        row = _elsewhere(verdict.cell, own, field)
    else:  # it was or is removed: other cells tell whether numbers mean what they meant
        common = before[before["cell"].isin(field["cell"])]
        moved = (_elsewhere(cell, rows, field) for cell, rows in common.groupby("cell"))
        row = next((row for row in moved if row is not None), None)
        row = own.iloc[0] if row is not None and len(own) else row
    if row is None:
        return ""
    frame, x, y = int(row["frame"]), row["position_x"], row["position_y"]
    found = cell_at(field, frame, x, y)
    was = "the cell" if row["cell"] == verdict.cell else f"cell {row['cell']:g}"
    return (f"may be another cell than at the merge before: {was} was at x {x:g}, y {y:g} in frame "
            f"{frame}, where {'no cell' if found is None else f'cell {found}'} is now")  # fmt: skip


def _elsewhere(cell: int, before: pd.DataFrame, field: pd.DataFrame) -> pd.Series | None:
    """Return where a cell was seen and is not any more; None if it is there in all its frames.

    Frames in which it is not seen now do not count, unless these are all.
    """
    mine = field.loc[field["cell"] == cell, "frame"]
    common = before[before["frame"].isin(mine)]
    for _, row in common.iterrows():
        if cell_at(field, row["frame"], row["position_x"], row["position_y"]) != cell:
            return row
    return before.iloc[0] if common.empty else None


def cell_at(field: pd.DataFrame, frame: int, x: float, y: float) -> int | None:
    """Return the cell of a field of view whose box holds a point, or None.

    Of several, the one whose centre is nearest. `field` has the columns cell, frame, position and
    box, which excludes its ends.
    """
    here = field[field["frame"] == frame]
    inside = ((here["bbox_x0"] <= x) & (x < here["bbox_x1"])
              & (here["bbox_y0"] <= y) & (y < here["bbox_y1"]))  # fmt: skip
    here = here[inside]
    if here.empty:
        return None
    distance = np.hypot(here["position_x"] - x, here["position_y"] - y).to_numpy()
    return int(here["cell"].iloc[int(distance.argmin())])


# ------------------------------------------------------------------- places, from merge to merge


def keep_places(folder: str | Path, traces: pd.DataFrame) -> None:
    """Keep where the cells of each field of view are: in their first, middle and last frame."""
    known = traces[traces[[*POSITION, *BOX]].notna().all(axis=1)]
    for (dataset, fov), rows in known.groupby(CELL[:2], sort=False):
        ordered = rows.sort_values(["cell", "frame"])
        count = ordered.groupby("cell")["frame"].transform("size")
        number = ordered.groupby("cell").cumcount()
        kept = ordered[(number == 0) | (number == count // 2) | (number == count - 1)]
        with whole_file(_file(folder, dataset, fov), checked=True) as temporary:
            table = kept[["cell", "frame", *POSITION, *BOX]]
            table.to_csv(temporary, index=False, lineterminator="\n")


def read_places(folder: str | Path | None, dataset: str, fov: int) -> pd.DataFrame | None:
    """Return what `keep_places` wrote of a field of view; None if there is nothing."""
    if folder is None or not (path := _file(folder, dataset, fov)).is_file():
        return None
    with as_written(path):
        return pd.read_csv(io.BytesIO(read_whole(path)))


def _file(folder: str | Path, dataset: str, fov: int) -> Path:
    return Path(folder) / f"{dataset}_fov_{fov:03d}_places.csv"
