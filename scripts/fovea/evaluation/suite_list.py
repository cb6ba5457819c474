"""The rows of a suite as people list them: a YAML file that names recordings and their labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from fovea.config.validation import validated
from fovea.config.written import read_config
from fovea.errors import FoveaError, counted, show, unknown
from fovea.evaluation.annotated import stem
from fovea.evaluation.pairs import Row, words_of
from fovea.evaluation.simulated import SIMULATED

NAME = "suite.yaml"
#: Keys of a row, and the types that their values may have.
_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,), "frames": (str, list), "ids": (str, list), "channel": (int,),
    "simulated": (str,), "segmentation": (dict,), "cell_diameter": (int, float), "mode": (str,),
    "contrast": (str,), "kind": (str,), "tuned_on": (str,), "tracks": (bool,),
}  # fmt: skip
_SHORT = ("mode", "contrast", "cell_diameter")  # of `segmentation`, which may stand in the row


def read_list(path: Path, folder: Path) -> list[Row]:
    """Read the rows of a suite.

    Parameters
    ----------
    path : path
        YAML: a list of rows. ``name``, and ``frames`` and ``ids`` (a path, a glob or a list of
        them, relative to `folder`) or ``simulated`` (see `fovea.evaluation.simulated`) are needed;
        ``channel``, ``segmentation`` (parameters as in the config, of which ``mode``, ``contrast``
        and ``cell_diameter`` may stand in the row itself), ``kind``, ``tuned_on`` and ``tracks``
        may be given.
    folder : path
        Where the recordings are.

    Raises
    ------
    FoveaError
        If the file cannot be read, a row has other keys or values, or files are missing.
    """
    given = read_config(path)
    if not isinstance(given, list) or not given:
        raise FoveaError(f"{path}: a suite is a list of rows, each with name, frames and ids")
    rows = [_row(entry, f"{path}: row {i}", folder) for i, entry in enumerate(given, 1)]
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise FoveaError(f"{path}: two rows are called {name!r}; give each its own name")
    return rows


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of segmentation, those not given being the defaults of method `phase`.

    A ConfigError is raised for those that the config would not accept.
    """
    wanted = {"method": "phase"} | dict(given)
    dataset = {"input": "suite", "channels": {"pc": 0}, "params": {"segmentation": wanted}}
    config = validated({"datasets": {"suite": dataset}}, source="the suite")
    return config["datasets"]["suite"]["params"]["segmentation"]


def _row(entry: Any, place: str, folder: Path) -> Row:
    if not isinstance(entry, Mapping):
        raise FoveaError(f"{place} is {show(entry)}; it must be keys and values (`name:`)")
    for key, value in entry.items():
        if key not in _KEYS:
            raise FoveaError(f"{place}: {unknown(key, 'key of a row', _KEYS)}")
        wrong = isinstance(value, bool) != (_KEYS[key] == (bool,))
        if wrong or not isinstance(value, _KEYS[key]):
            kinds = " or ".join(kind.__name__ for kind in _KEYS[key])
            raise FoveaError(f"{place}: {key} is {show(value)}; it must be of type {kinds}")
    if "name" not in entry:
        raise FoveaError(f"{place} has no name; give it one, such as `name: colony`")
    place = f"{place} ({entry['name']})"
    segmentation = dict(entry.get("segmentation", {}))
    segmentation |= {key: entry[key] for key in _SHORT if key in entry}
    try:
        parameters(segmentation)
    except FoveaError as error:
        reason = str(error).replace("datasets.suite.params.", "").splitlines()[0]
        raise FoveaError(f"{place}: its segmentation is not accepted: {reason}") from None
    files: tuple[tuple[Path, Path], ...] = ()
    simulated = entry.get("simulated")
    if simulated is not None:
        if simulated not in SIMULATED:
            raise FoveaError(f"{place}: {unknown(simulated, 'simulated recording', SIMULATED)}")
        if "frames" in entry or "ids" in entry:
            raise FoveaError(f"{place} is simulated and has files; give one or the other")
    elif "frames" not in entry or "ids" not in entry:
        raise FoveaError(f"{place} needs both frames and ids, or simulated")
    else:
        lists = [_files(entry[key], key, folder, place) for key in ("frames", "ids")]
        files = tuple(_matched(*lists, place))
    if entry.get("channel", 0) < 0:
        raise FoveaError(f"{place}: channel is {entry['channel']}; channels count from 0")
    return Row(
        entry["name"], files, entry.get("channel"), simulated, segmentation,
        entry.get("kind", ""), entry.get("tuned_on", ""), entry.get("tracks", False),
    )  # fmt: skip


def _files(given: str | Sequence, key: str, folder: Path, place: str) -> list[Path]:
    """Return the files that paths and globs name, each glob's by name."""
    found: list[Path] = []
    for item in [given] if isinstance(given, str) else given:
        if not isinstance(item, str) or not item:
            raise FoveaError(f"{place}: {key} has {show(item)}; it must be paths or globs")
        path = folder / item
        if path.is_file():
            found.append(path)
            continue
        some = sorted(Path(name) for name in glob(str(path)))
        if not some:
            raise FoveaError(f"{place}: {key}: there is no file {path}; correct the path")
        found += some
    return found


def _matched(frames: list[Path], ids: list[Path], place: str) -> list[tuple[Path, Path]]:
    """Pair frames and labels: one of each, else by their names, or by the last number in them."""
    if len(frames) == len(ids) == 1:
        return [(frames[0], ids[0])]
    # A glob of all files has the labels among the frames.
    frames = [path for path in frames if path not in ids]
    for name_of in (words_of, _number):
        images = {name_of(path): path for path in frames}
        labels = {name_of(path): path for path in ids}
        clear = len(images) == len(frames) and len(labels) == len(ids)
        if clear and images.keys() >= labels.keys():
            return [(images[name], path) for name, path in labels.items()]
    raise FoveaError(
        f"{place}: it is not clear from the names which of {counted(len(frames), 'file')} of "
        f"frames belongs to which of {counted(len(ids), 'file')} of ids; number them alike"
    )


def _number(path: Path) -> str:
    return "".join(re.findall(r"\d+", stem(path))[-1:]).lstrip("0")
