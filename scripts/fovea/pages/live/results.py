"""A results folder as the page reads it: lazily, and whatever state it is in.

Everything may be missing, half made, or made anew while the page is open. What a field of view has
is looked up when it is asked for; readers of files that were replaced since are opened again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from fovea.config.dataset_plan import DatasetPlan
from fovea.config.names import columns_of, group_name
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.recordings.inspect_input import load_metadata
from fovea.runs.status import Row, collect
from fovea.store.reader import ArrayReader, read_array

_OPEN = 64  # files that are kept open


class Kept:
    """The values of some keys that were asked for last; each lives as long as its file is the same.

    Parameters
    ----------
    size : int
        How many are kept.
    close : callable, optional
        What is done with a value that is given up.
    """

    def __init__(self, size: int, close: Callable[[Any], None] | None = None):
        self._size, self._close = size, close
        self._values: OrderedDict[Any, tuple[object, Any]] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Any, file: Path, make: Callable[[], Any]) -> Any:
        """Return the value of a key, made anew if `file` has another time, size or place."""
        about = file.stat()
        stamp = about.st_mtime_ns, about.st_size, about.st_ino
        with self._lock:
            known = self._values.get(key)
            if known is None or known[0] != stamp:
                made = make()
                self._drop(key)
                self._values[key] = known = stamp, made
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._drop(next(iter(self._values)))
            return known[1]

    def clear(self) -> None:
        """Give up all values."""
        with self._lock:
            for key in list(self._values):
                self._drop(key)

    def _drop(self, key: Any) -> None:
        _, value = self._values.pop(key, (None, None))
        if value is not None and self._close is not None:
            self._close(value)


class Results:
    """The results of a config in a working folder.

    Parameters
    ----------
    plan : Plan
        What the config asks for.
    folder : path
        Working directory of the run.
    """

    def __init__(self, plan: Plan, folder: str | Path = "."):
        self.plan = plan
        self.folder = Path(folder).resolve()
        self._root = (self.folder / plan.paths.RESULTS).resolve()
        self._readers = Kept(_OPEN, ArrayReader.close)
        self._small = Kept(256)
        self.tables = Kept(16)

    def close(self) -> None:
        """Close all files."""
        self._readers.clear()

    def path(self, name: str) -> Path:
        """Return a file of the results; FoveaError if it lies outside of their folder."""
        path = self.folder / name
        if not path.resolve().is_relative_to(self._root):
            raise FoveaError(
                f"{name} lies outside of {self.plan.paths.RESULTS}, which the page does not read; "
                "copy it there, or start the page in the folder that holds it"
            )
        return path

    def rows(self) -> list[Row]:
        """Return where every field of view stands."""
        return collect(self.plan, self.folder, self._metadata)

    def field(self, dataset: str, fov: str) -> Field:
        """Return a field of view; FoveaError if there is no such dataset."""
        if dataset not in self.plan.datasets or not fov.isdecimal():
            raise FoveaError(
                f"{dataset}, field of view {fov}: is not in the config; choose another"
            )
        return Field(self, self.plan.datasets[dataset], fov)

    def reader(self, name: str) -> ArrayReader:
        """Return an open array of frames; FoveaError if it is not there or damaged."""
        path = self.path(name)
        try:
            return self._readers.get(name, path / "zarr.json", lambda: ArrayReader(path))
        except OSError as error:
            raise FoveaError(f"{name} is not there yet; wait for its step") from error

    def array(self, name: str) -> np.ndarray:
        """Return a small array as a whole; FoveaError if it is not there or damaged."""
        path = self.path(name)
        try:
            return self._small.get(name, path / "zarr.json", lambda: read_array(path))
        except OSError as error:
            raise FoveaError(f"{name} is not there yet; wait for its step") from error

    def metadata(self, dataset: str) -> dict | None:
        """Return what inspection read from a recording; None if it was not inspected yet."""
        path = self.path(fill(self.plan.paths.METADATA, dataset=dataset))
        return self._metadata(path) if path.exists() else None

    def _metadata(self, path: Path) -> dict:
        return self._small.get(path, path, lambda: load_metadata(path))


class Field:
    """One field of view: which images it has so far, and where its tables are."""

    def __init__(self, results: Results, dataset: DatasetPlan, fov: str):
        self.results, self.plan, self.fov = results, dataset, fov
        self.dataset, self.number = dataset.name, int(fov)
        self.images = f"{fill(dataset.paths.FIELD, dataset=dataset.name, fov=fov)}/images.zarr"

    def has(self, group: str, level: int = 0) -> bool:
        """Return whether an array of images is there, and whole."""
        return self.results.path(f"{self.images}/{group}/{level}/zarr.json").exists()

    def reader(self, group: str, level: int = 0) -> ArrayReader:
        """Return an open array of images."""
        return self.results.reader(f"{self.images}/{group}/{level}")

    @property
    def tracked(self) -> str | None:
        """The group with the IDs of cells, if it is there."""
        return next((name for name in self.plan.groups("seg_tracked") if self.has(name)), None)

    @property
    def labelled(self) -> str | None:
        """The group with IDs of cells or, before tracking, with the labels of each frame."""
        labels = (name for name in self.plan.groups("seg_labeled") if self.has(name))
        return self.tracked or next(labels, None)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Frames, height and width; None before anything is known."""
        for name in self.plan.groups("pc", "fl"):
            if self.has(name):
                return self.reader(name).shape
        recorded = self.results.metadata(self.dataset)
        if recorded is None or self.number >= len(recorded["fields"]):
            return None
        about = recorded["fields"][self.number]
        return about["frames"], about["height"], about["width"]

    @property
    def columns(self) -> list[str]:
        """Columns of features that the traces have, or will have."""
        return list(columns_of(self.plan.features))

    def table(self, name: str) -> Path | None:
        """Return a table of the field of view, such as ``traces``, if it is there."""
        file = fill(self.plan.steps.table(name), dataset=self.dataset, fov=self.fov)
        path = self.results.path(file)
        return path if path.exists() else None

    def boxes(self) -> np.ndarray:
        """Return (P, 6) int32: frame, cell, y0, x0, y1, x1, of all cells; none before tracking."""
        group = self.tracked
        if group is None or not self.results.path(
            f"{self.images}/{group}/boxes/zarr.json"
        ).exists():  # fmt: skip
            return np.zeros((0, 6), np.int32)
        return self.results.array(f"{self.images}/{group}/boxes")

    def layers(self) -> dict[str, str]:
        """Return the images that can be shown: name to words for people."""
        recorded = self.results.metadata(self.dataset) or {}
        names = recorded.get("channels") or []

        def words(channel: int, what: str) -> str:
            own = names[channel] if channel < len(names) else ""
            own = f" ({own})" if own and own != str(channel) else ""
            return f"channel {channel}{own}{what}"

        found = {}
        for kind, what in (("pc", ", phase contrast"), ("fl", ", fluorescence")):
            for name in filter(self.has, self.plan.groups(kind)):
                found[name] = words(int(name.rpartition("_")[2]), what)
        for channel in self.plan.fl:
            background, corrected = (group_name(kind, channel)
                                     for kind in ("fl_background", "fl_corrected"))  # fmt: skip
            if self.has(background):
                found[background] = words(channel, ", background")
                if group_name("fl", channel) in found:
                    found[corrected] = words(channel, ", without background")
        for name in filter(self.has, self.plan.groups("seg_labeled")):
            found[name] = "labels of each frame"
        for name in filter(self.has, self.plan.groups("seg_tracked")):
            found[name] = "cells, one colour for each"
        return found
