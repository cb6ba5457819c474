"""Turn the `assay.json` of PyAMA's successors into a config of Fovea.

It stands in a folder with ``analysis/Pos{fov}/ch{channel}.csv`` (before: ``timeseries``), traces of
boxes that do not move, and with ``bbox/Pos{fov}.csv``, where these are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fovea.config.fovs import format_fovs
from fovea.errors import FoveaError, show

_UNITS = {"second": "s", "minute": "min", "hour": "h"}
_KINDS = ("transfection",)
_FOLDERS = ("analysis", "timeseries")  # the newer one first
_FEATURES = ["corrected", "sum", "background", "area"]
_RANGE = re.compile(r"\s*(\d+)\s*(?::\s*(\d+)\s*(?::\s*([1-9]\d*)\s*)?)?")
_KEYS = {"type", "data", "workspace", "interval", "analysis", "info1", "info2", "info3", "assayId"}


def is_assay(content: Mapping[str, Any]) -> bool:
    """Whether this is the content of an `assay.json`, and not of a file of settings of PyAMA."""
    return bool(_KEYS & content.keys()) and not {"channels", "results", "params"} & content.keys()


def read_assay(
    path: Path, content: Mapping[str, Any], dataset: str, recording: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the config for the content of an `assay.json`, and what could not be taken over.

    Parameters
    ----------
    path : path
    content : mapping
    dataset : str
        Name of the dataset in the config.
    recording : str or None
        The recording, to process it anew; else the traces beside the file are analysed.

    Raises
    ------
    FoveaError
        If it is of another kind or version, or if there are no traces.
    """
    kind = content.get("type", _KINDS[0])
    if kind not in _KINDS:
        raise FoveaError(f"{path}: is of an assay of the type {show(kind)}; allowed: {_KINDS[0]}")
    old = sorted({"info1", "info2", "info3", "assayId"} & content.keys())
    if old:
        raise FoveaError(
            f"{path}: has the keys {', '.join(old)} of an early version, in which ranges of "
            "positions meant different things; write samples and `time.interval` by hand"
        )
    notes: list[str] = []
    analysis = _mapping(path, content, "analysis")
    folder = next((path.parent / name for name in _FOLDERS
                   if any(path.parent.glob(f"{name}/Pos*/ch*.csv"))), None)  # fmt: skip
    channels = _channels(path, analysis, folder)
    known = sorted(content.keys() - _KEYS - {"name", "samples"})
    notes += [f"{key} has no counterpart in Fovea; it is left out" for key in known]
    time = _time(path, content, notes)
    if recording is not None:
        entry = _anew(recording, analysis, channels, time, notes)
    elif folder is not None:
        entry = _traces(path, folder, channels, notes)
        entry |= {"time": time} if time else {}
        notes.append(
            "corrected, sum and background are of "
            + ("the whole box of a cell; its 10th percentile is the background"
               if analysis.get("skipSegment") else "the cells that were segmented in each box")
        )  # fmt: skip
    else:
        raise FoveaError(
            f"{path}: there are no traces beside it, such as analysis/Pos0/ch1.csv; copy them, or "
            "name the recording with --input"
        )
    if (onset := analysis.get("maxOnsetMinutes")) is not None:
        notes.append(f"maxOnsetMinutes: {onset} is a bound of a fit: in `analysis`, "
                     f"`parameters: {{t0: {{high: {float(onset) / 60:g}}}}}` (hours)")  # fmt: skip
    samples = _samples(path, content.get("samples") or [], dataset, notes)
    config = {"datasets": {dataset: entry}} | ({"samples": samples} if samples else {})
    return config, notes


def _mapping(path: Path, content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key) or {}
    if not isinstance(found, Mapping):
        raise FoveaError(f"{path}: {key} is {show(found)}; it must hold keys and values")
    return found


def _time(path: Path, content: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    given = _mapping(path, content, "interval")
    value, unit = given.get("value"), given.get("unit", "minute")
    if value is None:
        notes.append("no interval is stated, for which PyAMA took 10 minutes; set `time.interval`")
        return {}
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise FoveaError(f"{path}: interval.value is {show(value)}; it is a number above 0")
    if unit not in _UNITS:
        raise FoveaError(f"{path}: interval.unit is {show(unit)}; allowed: second, minute, hour")
    return {"interval": value, "unit": _UNITS[unit]}


def _channels(path: Path, analysis: Mapping[str, Any], folder: Path | None) -> list[int]:
    """Return the channels whose signal was measured; those of files where none are stated."""
    stated = [_mapping(path, analysis, "channels"), *(analysis.get("sampleChannels") or [])]
    found: set[int] = set()
    for one in stated:
        signal = one.get("signal") if isinstance(one, Mapping) else None
        for channel in signal or []:
            if isinstance(channel, bool) or not isinstance(channel, int) or channel < 0:
                raise FoveaError(
                    f"{path}: a signal channel is {show(channel)}; channels are whole numbers from "
                    "0 on"
                )
            found.add(channel)
    if not found and folder is not None:
        names = (re.fullmatch(r"ch(\d+)", file.stem) for file in folder.glob("Pos*/ch*.csv"))
        found = {int(name[1]) for name in names if name}
    if not found:
        raise FoveaError(f"{path}: no signal channel is stated (analysis.channels.signal); add it")
    return sorted(found)


def _traces(path: Path, folder: Path, channels: list[int], notes: list[str]) -> dict[str, Any]:
    """Return the dataset that is given by the traces beside an `assay.json`."""
    there = [c for c in channels if any(folder.glob(f"Pos*/ch{c}.csv"))]
    notes += [f"there are no traces of channel {c}; it is left out"
              for c in channels if c not in there]  # fmt: skip
    if not there:
        raise FoveaError(f"{path}: there are no traces of its channels in {folder}; copy them")
    files = [(folder / f"Pos*/ch{c}.csv").as_posix() for c in there]
    if any(path.parent.glob("bbox/Pos*.csv")):
        files.append((path.parent / "bbox/Pos*.csv").as_posix())
    fl = [{"channel": c, "features": _FEATURES} for c in there]
    return {"traces": files, "channels": {"pc": None, "fl": fl}}


def _anew(
    recording: str, analysis: Mapping[str, Any], channels: list[int], time: Mapping[str, Any],
    notes: list[str],
) -> dict[str, Any]:  # fmt: skip
    """Return the dataset that processes the recording anew."""
    given = analysis.get("channels") or {}
    pc = given.get("mask", given.get("segmentation", 0))
    notes.append(f"channel {pc}, in which cells were segmented, is taken for phase contrast")
    if time:
        notes.append(f"interval: {time['interval']} {time['unit']} is left out, for the times of "
                     "the recording are taken")  # fmt: skip
    fl = [{"channel": c, "features": ["intensity_total"]} for c in channels if c != pc]
    return {"input": recording, "channels": {"pc": {"channel": pc, "features": ["area"]}, "fl": fl}}


def _samples(path: Path, given: Any, dataset: str, notes: list[str]) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(item, Mapping) for item in given):
        raise FoveaError(
            f"{path}: samples are {show(given)}; they must be a list of keys and values"
        )
    names = [str(item.get("name") or "").strip() for item in given]
    samples = []
    for name, item in zip(names, given, strict=True):
        if not name:
            notes.append(f"the sample of slide channel {item.get('slideChannel')} has no name; it "
                         "is left out")  # fmt: skip
            continue
        if names.count(name) > 1:  # as PyAMA's folders of results are called
            name = f"{item.get('slideChannel')}_{name}"
        fovs = sorted(set(_positions(path, item.get("positions"))))
        samples.append({"name": allowed_name(name, notes), "dataset": dataset,
                        "fovs": format_fovs(fovs)})  # fmt: skip
    return samples


def _positions(path: Path, given: Any) -> Iterator[int]:
    """Yield the positions of ``1:12, 15``, whose ranges include their ends."""
    for part in str(given).split(","):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or last < first:
            raise FoveaError(
                f"{path}: the positions {show(given)} are not understood; they are written like "
                "1:12, 15"
            )
        yield from range(first, last + 1, int(match[3] or 1))


def allowed_name(name: str, notes: list[str]) -> str:
    """Return a name of a sample that Fovea allows, with a note where it is another."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    if plain != name:
        notes.append(f"the sample {name!r} is called {plain!r}")
    return plain
