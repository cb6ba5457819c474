"""Run a suite: find its rows, check all files, measure row after row, write tables and pictures."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError, counted
from fovea.evaluation.failures import EXTRA, FAILURES
from fovea.evaluation.overlay import write_overlay
from fovea.evaluation.pairs import Row, rows_of
from fovea.evaluation.suite import Measured, Shot, check, measure
from fovea.evaluation.suite_best import best_of
from fovea.evaluation.suite_list import NAME, parameters, read_list
from fovea.evaluation.suite_table import known_ending, suite_text, write_suite

_CLOSE = 180  # pixels of a frame that are shown of one kind of failure, along a side


def run(
    folder: Path,
    listed: Path | None = None,
    given: Mapping[str, Any] | None = None,
    best: bool = False,
    all_frames: bool = False,
    tables: Sequence[Path] = (),
    figures: Path | None = None,
) -> str:
    """Measure segmentation on the annotated recordings of a folder; return the tables as text.

    Progress, and images without labels, are told on standard error.

    Parameters
    ----------
    folder : path
        Where the recordings are.
    listed : path, optional
        YAML with the rows, as of `fovea.evaluation.suite_list`; without it ``suite.yaml`` in the
        folder, and without that what `fovea.evaluation.pairs` tells from the names.
    given : mapping, optional
        Parameters of segmentation for all rows, in place of those that are listed or proposed.
    best : bool
        Add the best mode, contrast and diameter of each row.
    all_frames : bool
        Measure all frames.
    tables : sequence of path
        Files to write: ``.md``, ``.json`` or ``.csv``.
    figures : path, optional
        Folder for a picture of the worst frame of each row, and of the frame, of all rows, with
        the largest share of each kind of failure.

    Raises
    ------
    FoveaError
        If the folder, the list or a recording is not as expected.
    """
    started = time.monotonic()
    parameters(given or {})
    for path in tables:
        known_ending(path)
    if not folder.is_dir():
        raise FoveaError(f"{folder} is no folder; name the one with the annotated recordings")
    rows = _rows(folder, listed)
    check(rows)
    log = logging.getLogger("fovea")
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("  %(message)s"))
    log.addHandler(terminal)
    found: list[dict[str, Any]] = []
    worst: dict[str, tuple[float, str, Shot]] = {}
    try:
        for number, row in enumerate(rows, 1):
            measured = measure(row, given or {}, all_frames, log=log)
            added = best_of(measured) if best else {}
            found.append(measured.row | added)
            if figures is not None:
                _draw(measured, figures / f"{number:02d}_{_plain(row.name)}.png")
                _keep_worst(worst, measured)
            _tell(f"{number} of {len(rows)}: {row.name}, SEG {measured.row['SEG']:.3f}, "
                  f"{time.monotonic() - started:.0f} s")  # fmt: skip
    finally:
        log.removeHandler(terminal)
    if figures is not None:
        _draw_kinds(worst, figures)
    for path in tables:
        write_suite(found, path)
    spent = time.monotonic() - started
    return f"{suite_text(found)}\n\n{counted(len(found), 'row')} in {spent:.0f} s"


def _rows(folder: Path, listed: Path | None) -> list[Row]:
    if listed is None and (folder / NAME).exists():
        listed = folder / NAME
    if listed is not None:
        return read_list(listed, folder)
    rows, alone = rows_of(folder)
    if alone:
        names = ", ".join(str(path.relative_to(folder)) for path in alone[:5])
        more = ", …" if len(alone) > 5 else ""
        _tell(f"{counted(len(alone), 'image')} without labels: {names}{more}")
    return rows


def _draw(measured: Measured, path: Path) -> None:
    shot, row = measured.worst, measured.row
    if shot is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{row['recording']}: {shot.name}, SEG {shot.match.iou.mean():.2f} (the worst frame)"
    write_overlay(shot.frame, shot.labels, shot.found, shot.verdicts, path, title)


def _keep_worst(worst: dict[str, tuple[float, str, Shot]], measured: Measured) -> None:
    """Keep, for each kind of failure, the frame in which it befalls the largest share of cells."""
    for shot in measured.shots:
        cells = list(shot.verdicts.cells.values())
        objects = list(shot.verdicts.objects.values())
        for kind in (*FAILURES, EXTRA):
            judged = objects if kind == EXTRA else cells
            share = judged.count(kind) / max(len(judged), 1)
            if judged.count(kind) > 1 and share > worst.get(kind, (0.0,))[0]:
                worst[kind] = (share, measured.row["recording"], shot)


def _draw_kinds(worst: Mapping[str, tuple[float, str, Shot]], figures: Path) -> None:
    for kind, (share, name, shot) in worst.items():
        path = figures / f"worst_{kind.replace(' ', '_')}.png"
        what = "objects" if kind == EXTRA else "cells"
        title = f"{name}: {share:.0%} of the {what} of this frame are {kind}"
        write_overlay(shot.frame, shot.labels, shot.found, shot.verdicts, path, title, _CLOSE, kind)


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")[:60]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
