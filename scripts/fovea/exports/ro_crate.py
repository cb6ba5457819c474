"""Describe a finished run as an RO-Crate: inputs with checksums, parameters, versions, outputs.

The record is one file, ``ro-crate-metadata.json``, in the working folder of the run, which becomes
the crate; nothing is copied. It follows RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and the
profile Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5).
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from fovea import __version__
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError, counted
from fovea.exports.needs import need
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import FOLDER, changed, describe, read_checksum, read_text
from fovea.recordings.fingerprint import source_files
from fovea.recordings.inspect_input import load_metadata

RECORD = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_NGFF = "https://ngff.openmicroscopy.org/0.5/"
_KINDS = {".parquet": "application/vnd.apache.parquet", ".h5ad": "application/x-hdf5",
          ".yaml": "application/yaml"}  # fmt: skip


def export_ro_crate(
    plan: Plan,
    folder: str | Path,
    configfile: str | Path,
    left_out: Collection[str] = (),
    name: str = "",
    license_url: str = "",
) -> str:
    """Write the record of a run, and return how much it describes.

    Parameters
    ----------
    plan : Plan
    folder : path
        Working folder of the run.
    configfile : path
        Its config.
    left_out : collection of str
        Files and folders of the results, as paths from `folder`, that are not of this run.
    name : str
        Title of the crate; by default the name of the folder.
    license_url : str
        Under which the data may be used; by default the record says that none was stated.

    Raises
    ------
    FoveaError
        If the package rocrate is not installed, if there are no results, or if a file is not as it
        was written.
    """
    need("rocrate")
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    folder = Path(folder)
    files, stores = _results(folder, plan.paths.RESULTS, left_out)
    if not files:
        raise FoveaError(
            f"{folder / plan.paths.RESULTS}: holds no results of Fovea; run Snakemake first"
        )
    crate = ROCrate(version="1.1")
    crate.name = name or folder.resolve().name
    crate.description = "A run of Fovea: single-cell traces from time-lapse microscopy."
    crate.license = license_url or "No license was stated for these data."

    def add(identifier: str, kind: str, /, **properties: Any) -> ContextEntity:
        return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))

    crate.root_dataset["conformsTo"] = add(
        _PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"
    )
    inputs = [_file(crate, folder, file) for file in _own_inputs(plan, folder, configfile)]
    versions: dict[str, str] = {}
    for dataset, own in plan.datasets.items():
        recorded = load_metadata(folder / fill(plan.paths.METADATA, dataset=dataset))
        inputs.append(_recording(crate, add, folder, dataset, own.entry["input"], recorded))
        run = yaml.safe_load(
            read_text(folder / fill(plan.paths.PROCESSING_CONFIG, dataset=dataset))
        )
        versions |= run["software"]
        for key, value in _flat(run["params"]):
            inputs.append(add(f"#parameter/{dataset}/{key}", "PropertyValue",
                              name=f"{dataset}: {key}", value=value))  # fmt: skip
    fovea = versions.pop("fovea", __version__)
    needed = [add(f"#software/{package}", "SoftwareApplication", name=package,
                  softwareVersion=version) for package, version in versions.items()]  # fmt: skip
    software = add("#software/fovea", "SoftwareApplication", name="Fovea", softwareVersion=fovea,
                   softwareRequirements=needed)  # fmt: skip
    outputs = [_file(crate, folder, file) for file in files]
    outputs += [_store(crate, path) for path in stores]
    action = add("#run", "CreateAction", name=f"Run of Fovea {fovea}", instrument=software,
                 description="Segmentation, tracking and measurement of cells, and fits of models",
                 object=inputs, result=outputs,
                 actionStatus="http://schema.org/CompletedActionStatus")  # fmt: skip
    crate.root_dataset["mentions"] = action
    content = crate.metadata.generate()
    with whole_file(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return f"{counted(len(inputs), 'input and parameter', 'inputs and parameters')}, " + (
        f"{counted(len(files), 'file')} and {counted(len(stores), 'store')} of results"
    )


def _results(folder: Path, results: str, left_out: Collection[str]) -> tuple[list[str], list[str]]:
    """Return files and Zarr stores of the results, as paths from the working folder."""
    without = {Path(path) for path in left_out}
    files, stores = [], []
    for place, folders, names in os.walk(folder / results):
        here = Path(place).relative_to(folder)
        folders[:] = sorted(f for f in folders if f != FOLDER and here / f not in without)
        inner = [f for f in folders if f.endswith(".zarr")]
        stores += [
            (here / f).as_posix() for f in inner if (folder / here / f / "zarr.json").exists()
        ]
        folders[:] = [f for f in folders if f not in inner]
        files += [(here / name).as_posix() for name in sorted(names)
                  if not name.startswith(".") and here / name not in without]  # fmt: skip
    return files, stores


def _own_inputs(plan: Plan, folder: Path, configfile: str | Path) -> Iterator[str]:
    """Yield the files beside recordings that the run read, as paths from the working folder.

    A file elsewhere is no part of the crate.
    """
    given = [plan.config[key] for key in ("curation", "edited_tracks") if plan.config[key]]
    tables = (sorted(p.glob("*.csv")) if p.is_dir() else [p] for p in map(folder.joinpath, given))
    for path in (Path(configfile), *chain.from_iterable(tables)):
        inside = os.path.relpath(path, folder)
        if path.exists() and not inside.startswith(os.pardir):
            yield Path(inside).as_posix()


def _file(crate: Any, folder: Path, path: str) -> Any:
    """Add a file with its size and SHA-256, which must be that of its writing if it is kept."""
    from rocrate.model.file import File

    whole = folder / path
    known = read_checksum(whole)
    if known is not None:
        found = describe(whole, whole.read_bytes())
        if known != found:
            raise FoveaError(changed(whole, known, found))
        size, digest = found["bytes"], found["sha256"]
    else:
        with whole.open("rb") as opened:
            size, digest = whole.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest()
    about = {"name": Path(path).name, "contentSize": str(size), "sha256": digest}
    kind = _KINDS.get(whole.suffix) or mimetypes.guess_type(path)[0]
    if kind is not None:
        about["encodingFormat"] = kind
    return crate.add(File(crate, None, path, properties=about))


def _store(crate: Any, path: str) -> Any:
    """Add a Zarr store of the results."""
    from rocrate.model.dataset import Dataset

    about = {"name": Path(path).name, "encodingFormat": "application/vnd+zarr",
             "description": "Zarr format 3, OME-NGFF 0.5; `fovea check` compares it with the "
             "checksums in it", "conformsTo": {"@id": _NGFF}}  # fmt: skip
    return crate.add(Dataset(crate, None, f"{path}/", properties=about))


def _recording(
    crate: Any, add: Any, folder: Path, dataset: str, source: Any, recorded: Mapping
) -> Any:
    """Add a recording: its name, size and fingerprint, and its files where the crate holds them."""
    about = recorded.get("recording")  # metadata of Fovea 0.1.0 have none
    text = f"{recorded['format']}, {counted(len(recorded['fields']), 'field')} of view, channels "
    properties: dict[str, Any] = {
        "name": f"Recording of {dataset}: {Path(recorded['files'][0]).name}"
        + (f" and {len(recorded['files']) - 1} more" if len(recorded["files"]) > 1 else ""),
        "description": text + ", ".join(map(str, recorded["channels"])),
    }
    if about:
        properties |= {"contentSize": str(about["bytes"]),
                       "identifier": f"fovea-fingerprint:{about['fingerprint']}"}  # fmt: skip
    files = [Path(file) for file in source_files(source, folder)]
    inside = [file for file in files if not file.is_absolute() and os.pardir not in file.parts
              and (folder / file).is_file()]  # fmt: skip
    if len(inside) == len(files):
        parts = [_file(crate, folder, file.as_posix()) for file in inside]
        properties["hasPart"] = parts[0] if len(parts) == 1 else parts
    return add(f"#recording/{dataset}", "CreativeWork", **properties)


def _flat(params: Mapping, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys of nested parameters with a dot between, and their values as text."""
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", json.dumps(value, ensure_ascii=False, default=str)
