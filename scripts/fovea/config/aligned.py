"""What a schema cannot say of `aligned`: what samples measure, and whether events are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fovea.config.analysis import check_samples
from fovea.config.datasets import features_for
from fovea.config.derived import derived_columns
from fovea.config.names import columns_of
from fovea.config.paths import fill
from fovea.config.schema import Problems
from fovea.errors import unknown


def aligned_label(entry: Mapping) -> str:
    """Return how files of aligned curves are called after their feature: ``aligned_death``."""
    return f"aligned_{entry['event']}" + (f"_{entry['by']}" if entry["by"] else "")


def aligned_inputs(
    plan: Any, aligned: str, fovs: Callable[[str], Iterable[int]]
) -> dict[str, list[str]]:
    """Return what curves are aligned from.

    `plan` is the `fovea.config.plan.Plan`, which imports this module; `fovs` is as of its method
    `merge_inputs`.
    """
    names = plan.made(aligned)
    given = [plan.merge_inputs(name, fovs) for name in names]
    cells = [path for files in given for path in files["cells"]]
    return {
        "traces": [fill(str(plan.steps.merged("traces")), sample=name) for name in names],
        "lineages": [path.removesuffix("cells.csv") + "lineage.csv" for path in cells],
        "metadata": list(dict.fromkeys(path for files in given for path in files["metadata"])),
    }


def check_aligned(config: dict, found: Problems) -> None:
    """Add to `found` what is wrong with `aligned`; nothing else is wrong with the config."""
    taken: set[tuple] = set()
    for i, entry in enumerate(config["aligned"]):
        place = ("aligned", i)
        problems: Problems = {}
        check_samples(place, config, entry, problems)
        if not problems:
            _events(place, config, entry, problems)
        key = (entry["channel"], entry["feature"], aligned_label(entry))
        if not problems and key in taken:
            problems[place] = (
                f"{entry['feature']} of channel {entry['channel']} is aligned at this event "
                "already; remove one of the two entries"
            )
        taken.add(key)
        found |= problems


def _events(place: tuple, config: dict, entry: dict, problems: Problems) -> None:
    """Check that the samples' datasets have what tells the event."""
    chosen = [sample["dataset"] for sample in config["samples"]
              if entry["samples"] == "all" or sample["name"] in entry["samples"]]  # fmt: skip
    if entry["event"] == "division" and entry["by"]:
        problems[(*place, "by")] = "only a death is seen in a column; remove this key"
        return
    for dataset in dict.fromkeys(chosen):
        given = config["datasets"][dataset]
        if entry["event"] == "death":
            known = {**columns_of(features_for(config, dataset)),
                     **derived_columns(config, dataset)}  # fmt: skip
            if entry["by"] and entry["by"] not in known:
                text = unknown(entry["by"], f"column of dataset {dataset!r}", known)
                problems.setdefault((*place, "by"), text)
        elif given["traces"] is not None:
            problems.setdefault(
                (*place, "event"),
                f"dataset {dataset!r} is given by its traces, which say nothing of divisions; "
                "name samples of other datasets under samples, or remove this entry",
            )
        elif not given["params"]["tracking"].get("divisions", True):
            problems.setdefault(
                (*place, "event"),
                f"tracking.divisions is false for dataset {dataset!r}, so that daughters are not "
                "told from their mothers; set it to true, or remove this entry",
            )
