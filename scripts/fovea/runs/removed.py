"""What the end of a run says of frames in which a guard of segmentation removed everything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fovea.config.fovs import format_fovs
from fovea.config.plan import Plan


def removed(plan: Plan, places: Iterable[tuple[str, str]], folder: str | Path = ".") -> str:
    """Say of each dataset in which fields of view guards removed everything; empty for none.

    The numbers are those of the first such field of view; its log has the same words.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    """
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for name, fov in places:
        dataset = plan.datasets[name]
        if not fov or dataset.pc is None:
            continue
        labels = plan.steps.SEGMENT.of(dataset=name, fov=fov, pc=dataset.pc)["labels"]
        if lines := _note(Path(folder) / str(labels)):
            found.setdefault(name, []).append((int(fov), lines))
    return "\n".join(
        f"Fovea: WARNING: dataset {name}, field of view {format_fovs([fov for fov, _ in fields])}: "
        f"{'in the first of them, ' if len(fields) > 1 else ''}{'; '.join(fields[0][1])}"
        for name, fields in found.items()
    )


def _note(path: Path) -> list[str]:
    """Return what segmentation noted in an array's metadata; nothing where that is not whole.

    The store is not imported, as Snakemake's own environment may lack what it needs.
    """
    try:
        about = json.loads(path.read_text("utf-8"))["attributes"]["fovea"]
        return about.get("removed") or []
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
