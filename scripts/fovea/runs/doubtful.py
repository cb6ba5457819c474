"""What the end of a run says of datasets whose segmentation was found and is not sure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from fovea.config.plan import Plan
from fovea.jobs.checksums import as_written, read_text


def doubtful(plan: Plan, places: Iterable[tuple[str, str]], folder: str | Path = ".") -> str:
    """Say of which datasets the mode and diameter that were found may not suit the cells.

    Empty where all are sure, or where the config names mode and diameter.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    """
    lines = []
    for name in dict.fromkeys(dataset for dataset, _ in places):
        if not plan.datasets[name].leaves_open:
            continue
        path = Path(folder) / str(plan.steps.FIND_CELLS.of(dataset=name)["found"])
        if not path.exists():
            continue
        with as_written(path):
            about = yaml.safe_load(read_text(path)).get("about", {})
        if about.get("doubt"):
            lines.append(
                f"Fovea: WARNING: the segmentation found for dataset {name} is not sure "
                f"(expected quality: {about['quality']}): {about['doubt']}"
            )
    return "\n".join(lines)
