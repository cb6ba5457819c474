"""Turn PyAMA's files of settings into a config of Fovea, and its edited traces into a curation."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fovea.config.bounded_yaml import read_yaml
from fovea.config.fovs import format_fovs, parse_fovs
from fovea.errors import FoveaError
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES
from fovea.samples.imports.assay import allowed_name, is_assay, read_assay

#: PyAMA's keys of `params`, and the corresponding section and key of Fovea.
PLACES = {
    "background_weight": ("background", "weight"),
    "crop_padding": ("cropping", "padding"),
    "min_frames": ("extraction", "min_frames"),
    "border_margin": ("extraction", "border_margin"),
}
#: Keys without a counterpart that are not needed, and why.
NEEDLESS = {
    "batch_size": "Snakemake runs fields of view side by side",
    "n_workers": "give Snakemake's --cores",
    "fov_start": "the text of fovs says it",
    "fov_end": "the text of fovs says it",
}
#: Settings of PyAMA's program that differ from Fovea's preset, which follows its documentation.
AS_PYAMA = {
    "segmentation": {"method": "logstd", "order": "open_close"},
    "background": {"tile_size": 256},
}


@dataclass
class Converted:
    """A config, and notes on settings that have no counterpart in Fovea."""

    config: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def convert(
    paths: Iterable[str | Path], dataset: str = "recording", recording: str | None = None
) -> Converted:
    """Convert files of PyAMA.

    Parameters
    ----------
    paths : iterable of path
        ``processing_config.yaml``, ``processing_results.yaml`` and ``samples.yaml`` of any
        version, recognised by their content; or an ``assay.json``.
    dataset : str
        Name of the dataset in the config.
    recording : str, optional
        The recording. Without it, the dataset is given by the traces that PyAMA wrote.

    Raises
    ------
    FoveaError
        If a file is none of these, or neither recording nor traces are known.
    """
    paths = list(paths)
    done = Converted({"datasets": {dataset: {}}})
    entry = done.config["datasets"][dataset]
    folder = None
    for path in map(Path, paths):
        content = _load(path)
        if is_assay(content):
            if len(paths) > 1:
                raise FoveaError(f"{path}: is a file of its own; give it without others")
            return Converted(*read_assay(path, content, dataset, recording))
        if "samples" in content:
            done.config["samples"] = _samples(path, content["samples"], dataset, done.notes)
        elif "results" in content or "channels" in content:
            folder = path.parent
            _channels(path, content, entry)
            if "results" in content:
                entry["traces"] = _traces_of_results(path, content)
            _params(content.get("params") or {}, entry, done)
        else:
            raise FoveaError(
                f"{path}: has neither channels nor samples; it must be a processing_config.yaml, "
                "processing_results.yaml or samples.yaml of PyAMA"
            )
    if "channels" not in entry:
        raise FoveaError(
            "no file says which channels there are; give processing_config.yaml or "
            "processing_results.yaml too"
        )
    _source(entry, folder, recording, done)
    return done


def _load(path: Path) -> dict:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise FoveaError(f"{path}: is no file of settings; it must hold keys and values")
    return content


def _channels(path: Path, content: Mapping, entry: dict) -> None:
    """Take over channels: ``[0, [area]]``, ``{channel: 0, features: [area]}``, ``{0: [area]}``."""
    given = content.get("channels") or {}
    pc = _entries(path, given.get("pc"))
    if len(pc) > 1:
        raise FoveaError(f"{path}: channels.pc names several channels; Fovea takes one")
    fl = _entries(path, given.get("fl"))
    entry["channels"] = {"pc": pc[0] if pc else None, "fl": fl}


def _entries(path: Path, given: Any) -> list[dict]:
    if not given:
        return [] if given != 0 else [{"channel": 0, "features": []}]
    if isinstance(given, int):
        return [{"channel": given, "features": []}]
    if isinstance(given, dict) and "channel" in given:
        return [{"channel": int(given["channel"]), "features": list(given.get("features") or [])}]
    if isinstance(given, dict):
        return [{"channel": int(c), "features": list(f or [])} for c, f in sorted(given.items())]
    if isinstance(given, list) and given and isinstance(given[0], int):
        features = given[1] if len(given) > 1 and isinstance(given[1], list) else []
        return [{"channel": given[0], "features": list(features)}]
    if isinstance(given, list):
        return [one for item in given for one in _entries(path, item)]
    raise FoveaError(f"{path}: channels are not understood: {given!r}")


def _params(params: Mapping, entry: dict, done: Converted) -> None:
    found: dict[str, Any] = {"preset": "pyama"}
    found |= {name: dict(values) for name, values in AS_PYAMA.items()}
    for key, value in params.items():
        if value is None or value == "":
            continue
        if key in PLACES:
            section, name = PLACES[key]
            found.setdefault(section, {})[name] = value
        elif key == "copy_only":
            found["copy_only"] = bool(value)
        elif key in ("fovs", "fov_list", "positions"):
            entry["fovs"] = _fovs(value, sliced=key == "positions")
        elif (key, value) in (("segmentation_method", "logstd"), ("tracking_method", "iou")):
            continue
        elif key in NEEDLESS:
            done.notes.append(f"{key}: {value} is not needed: {NEEDLESS[key]}")
        elif value:
            done.notes.append(f"{key}: {value} has no counterpart in Fovea; it is left out")
    done.config["params"] = found


def _fovs(value: Any, sliced: bool) -> str | list[int]:
    """Return a list of fields of view; slices of PyAMA's last version exclude their end."""
    if not sliced or not isinstance(value, str) or value.strip() == "all":
        fovs = parse_fovs(value)
        return "all" if fovs is None else format_fovs(fovs)
    found: list[int] = []
    for part in value.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?", part)
        if match is None:
            raise FoveaError(
                f"the positions {value!r} are not understood; PyAMA writes slices such as 0:6, 7"
            )
        end = int(match[1]) + 1 if match[2] is None else int(match[2])
        found += range(int(match[1]), end)
    return format_fovs(found)


def _samples(path: Path, given: Any, dataset: str, notes: list[str]) -> list[dict]:
    if not isinstance(given, list):
        raise FoveaError(f"{path}: samples must be a list")
    samples = []
    for item in given:
        name = str(item.get("name") or "").strip() if isinstance(item, dict) else ""
        if not name:
            raise FoveaError(f"{path}: a sample has no name")
        sliced = "positions" in item
        fovs = _fovs(item["positions" if sliced else "fovs"], sliced)
        samples.append({"name": allowed_name(name, notes), "dataset": dataset, "fovs": fovs})
    return samples


def _traces_of_results(path: Path, content: Mapping) -> list[str]:
    """Return the traces that a ``processing_results.yaml`` names, where they are now."""
    found = []
    for fov in sorted(content["results"], key=int):
        if not (named := (content["results"][fov] or {}).get("traces")):
            continue
        places = (Path(named), path.parent.joinpath(*Path(named).parts[-2:]))
        there = next(filter(Path.is_file, places), None)
        if there is None:
            raise FoveaError(f"{path}: the traces of field of view {fov} are missing: {named}")
        found.append(there.as_posix())
    return found


def _source(entry: dict, folder: Path | None, recording: str | None, done: Converted) -> None:
    """Set the source of the dataset: the recording, or traces."""
    traces = entry.pop("traces", None)
    if recording is not None:
        known = _known_features(entry.pop("channels"), done.notes)
        rest = dict(entry)
        entry.clear()
        entry |= {"input": recording, **rest, "channels": known}
        return
    if traces is None and folder is not None:
        patterns = ("fov_*/*_traces.csv", "traces/position_*.csv")
        found = (folder / p for p in patterns if any(folder.glob(p)))
        traces = next((path.as_posix() for path in found), None)
    if not traces:
        raise FoveaError(
            "neither the recording nor traces of PyAMA are known; name the recording with --input"
        )
    rest = dict(entry)
    entry.clear()
    entry |= {"traces": traces, **rest}
    done.config.pop("params", None)
    done.notes.append(
        "traces of PyAMA are analysed as they are; to process the recording anew, name it with "
        "--input"
    )


def _known_features(channels: Mapping, notes: list[str]) -> dict:
    """Leave out features that Fovea does not compute."""

    def kept(one: dict, registry) -> dict:
        for name in one["features"]:
            if name not in registry:
                notes.append(f"the feature {name} is no {registry.kind} of Fovea; it is left out")
        return one | {"features": [name for name in one["features"] if name in registry]}

    pc = channels["pc"]
    return {
        "pc": None if pc is None else kept(pc, PHASE_FEATURES),
        "fl": [kept(one, FLUORESCENCE_FEATURES) for one in channels["fl"]],
    }


def curation_rows(path: str | Path, dataset: str) -> list[tuple]:
    """Return the rows of a curation table from traces edited in PyAMA (``..._inspected.csv``).

    Returns
    -------
    list of tuple
        dataset, fov, cell, good, from_frame, to_frame, note; a row for each run of frames that is
        bad, with empty frames where it is the whole cell.
    """
    from fovea.samples.imports.pyama import read_traces

    note = f"from {Path(path).name}"
    table, rows = read_traces(path).rows.sort_values(["fov", "cell", "frame"]), []
    for (fov, cell), mine in table.groupby(["fov", "cell"]):
        bad = ~mine["good"]
        runs = mine["frame"][bad].groupby((bad != bad.shift()).cumsum()[bad])
        spans = [(frames.iloc[0], frames.iloc[-1]) for _, frames in runs]
        spans = [("", "")] if bad.all() else spans
        rows += [(dataset, fov, cell, "false", *span, note) for span in spans]
    return rows


def write_curation(path: str | Path, rows: Iterable[tuple]) -> None:
    """Add rows to a curation table, which is made where there is none."""
    from fovea.samples.curation import RANGE, REQUIRED
    from fovea.samples.saved_csv import open_csv

    path, header = Path(path), [*REQUIRED, *RANGE]
    names, separator = header, ","
    if path.exists():
        saved = open_csv(path)
        names, separator = [name.lower() for name in saved.names], saved.separator
        if not set(header) <= set(names):
            raise FoveaError(f"{path}: its first line must be {','.join(header)} to add rows to it")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(header) + "\n", "utf-8")
    text = path.read_bytes()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise FoveaError(
            f"{path}: is not in UTF-8, so that no rows can be added; save it as CSV UTF-8"
        ) from None
    with path.open("a", encoding="utf-8", newline="") as file:
        if text and not text.endswith(b"\n"):
            file.write("\n")
        lines = csv.writer(file, delimiter=separator, lineterminator="\n")
        for row in rows:
            given = dict(zip(header, row, strict=True))
            lines.writerow([given.get(name, "") for name in names])
