"""A folder with the pages of a run that can be sent to others: the pages alone, no data."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from fovea.config.plan import Plan
from fovea.errors import counted
from fovea.jobs.atomic import begin, publish
from fovea.pages.report.start_page import start_page
from fovea.runs.remarks import remarks
from fovea.runs.status import collect

_LOG = logging.getLogger("fovea")


def to_send(
    plan: Plan, pages: Iterable[str | Path], target: str | Path, log: logging.Logger = _LOG
) -> None:
    """Make the folder: a start page, and beside it the pages, as they lie in ``results/report``.

    The pages are hard links where the file system has these, so they take no more room.
    """
    target = Path(target)
    folder = begin(target)
    start = Path(plan.paths.START_PAGE).parent
    pages = list(pages)
    for page in pages:
        place = folder / os.path.relpath(page, start)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(page, place)
        except OSError:
            shutil.copyfile(page, place)
    rows = collect(plan)
    places = [(row.dataset, row.fov) for row in rows]
    start_page(
        plan, folder / Path(plan.paths.START_PAGE).name, rows, remarks(plan, places), alone=True
    )
    if target.is_dir():  # Snakemake makes it before the job
        shutil.rmtree(target)
    publish(target)
    log.info("%s beside the start page", counted(len(pages), "page"))
