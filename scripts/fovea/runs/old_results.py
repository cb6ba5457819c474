"""Files in the results that the config does not make: they are left from runs with other configs.

They lie beside new files under similar names, where somebody might take them for results.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fovea.config.datasets import dataset_fovs
from fovea.config.fovs import ALL
from fovea.config.paths import Paths, fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.jobs.checksums import checksum_file
from fovea.recordings.inspect_input import fov_count

_SHOWN = 3  # that the end of a run names
#: Files of the operating system or of Snakemake, which nobody takes for results.
_IGNORED = ("Thumbs.db", "desktop.ini")


def old_results(plan: Plan, folder: str | Path = ".") -> list[str]:
    """Return what the config does not make of all that is in the results.

    Returns
    -------
    list of str
        Paths relative to `folder`, sorted. A folder, or a Zarr array or store, stands for all that
        is in it. Nothing of a dataset whose fields of view are not known yet.
    """
    folder = Path(folder)
    tree: dict = {}
    for file in _made(plan, folder):
        node = tree
        *parents, last = Path(file).relative_to(plan.paths.RESULTS).parts
        for name in parents:
            node = node.setdefault(name, {})
        node.setdefault(last, {})
    unknown = [start for name in plan.datasets if _fovs(plan, name, folder) is None
               for start in _starts(plan.paths, name)]  # fmt: skip
    found = _not_in(tree, folder / plan.paths.RESULTS, plan.paths.RESULTS)
    return sorted(path for path in found if not path.startswith(tuple(unknown)))


def _starts(paths: Paths, dataset: str) -> list[str]:
    """Return how the paths of files of a dataset's fields of view start."""
    templates = (paths.FIELD, paths.REPORT, paths.THUMBNAIL)
    return [fill(template, dataset=dataset).partition("{fov}")[0] for template in templates]


def _not_in(tree: dict, folder: Path, name: str) -> Iterable[str]:
    """Yield what a folder has and a tree has not; a leaf of the tree stands for all in it."""
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if entry.name.startswith(".") or entry.name in _IGNORED:
            continue
        path = f"{name}/{entry.name}"
        if entry.name not in tree:
            yield path
        elif tree[entry.name] and entry.is_dir():
            yield from _not_in(tree[entry.name], folder / entry.name, path)


def _made(plan: Plan, folder: Path) -> Iterable[str]:
    """Yield the files, arrays and stores that a config makes or can be asked to make."""
    paths = plan.paths
    yield from (paths.STATUS, paths.INDEX, paths.START_PAGE, paths.TO_SEND)
    yield from plan.sample_files()
    for step in plan.traces.values():
        yield from step.files
    for name, dataset in plan.datasets.items():
        for step in dataset.dataset_steps():
            yield from step.files
        fovs = _fovs(plan, name, folder)
        if fovs is None:
            yield from _starts(paths, name)
            continue
        asked = [plan.steps.FIELD_PAGE] + [plan.steps.OVERVIEW] * (not dataset.params["copy_only"])
        asked += [plan.steps.EVALUATE] * (name in plan.with_reference())
        for fov in fovs:
            yield from map(_whole, dataset.field_files(fov))
            for step in asked:
                yield from step.of(dataset=name, fov=f"{fov:03d}").files


def _whole(file: str) -> str:
    """Return the array or store whose last file this is, else the file itself."""
    path = Path(file)
    in_images = path.parent.suffix == ".zarr" or path.parent.parent.suffix == ".zarr"
    is_array = path.name == "zarr.json" and (not in_images or path.parent.name == "cells.zarr")
    return str(path.parent) if is_array else file


def _fovs(plan: Plan, dataset: str, folder: Path) -> list[int] | None:
    """Return the fields of view of a dataset; None where they are not known."""
    metadata = folder / fill(plan.paths.METADATA, dataset=dataset)
    count = fov_count(metadata) if metadata.exists() else None
    if count is None and plan.config["datasets"][dataset]["fovs"] == ALL:
        return None
    try:
        return dataset_fovs(plan.config, dataset, count)
    except FoveaError:  # the config does not fit the recording; the run says so
        return None


def words(found: Sequence[str], results: str, clean: str | None = "fovea clean") -> str:
    """Say what of the results the config does not make, for the end of a run; empty for nothing.

    `results` is their folder, and `clean` the command that moves these files away; None where it
    cannot know the config.
    """
    if not found:
        return ""
    shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    what = "1 file or folder" if len(found) == 1 else f"{len(found)} files and folders"
    how = f"; `{clean} --dry-run` lists all, `{clean}` moves them away" if clean else ""
    return (
        f"Fovea: {results}/ holds {what} that this config does not make, left from another one: "
        f"{shown}{how}"
    )


def move_away(found: Iterable[str], results: str, folder: str | Path = ".") -> Path:
    """Move files and folders of a folder of results to a new one beside it, and return that.

    It is called ``results_old_1``, or with the next number that is free; paths in it are as in the
    results. Folders that this leaves empty are removed.
    """
    folder = Path(folder)
    numbers = (n for n in range(1, 10**6) if not (folder / f"{results}_old_{n}").exists())
    target = folder / f"{results}_old_{next(numbers)}"
    for path in found:
        place = target / Path(path).relative_to(results)
        place.parent.mkdir(parents=True, exist_ok=True)
        if (checksum := checksum_file(folder / path)).exists():
            checksum_file(place).parent.mkdir(exist_ok=True)
            checksum.rename(checksum_file(place))
            _remove_empty(checksum.parent, folder / results)
        (folder / path).rename(place)
        _remove_empty((folder / path).parent, folder / results)
    return target


def _remove_empty(place: Path, top: Path) -> None:
    """Remove a folder, and those above it up to `top`, as far as they are empty."""
    while place != top and not any(place.iterdir()):
        place.rmdir()
        place = place.parent
