"""Plug-ins of packages that are not installed, with stand-ins of these in their place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fovea.plugins import shared
from fovea.plugins.loader import keep_only, load_plugins

STAND_INS = Path(__file__).with_name("stand_ins")


@contextmanager
def stand_ins(
    tmp_path: Path, monkeypatch, modules: Iterable[str], plugins: Iterable[Path]
) -> Iterator[Callable]:
    """Load plug-ins with stand-ins of `modules` on the path.

    Gives a function that returns what the stand-ins noted so far, without the times.
    """
    file, wanted = tmp_path / "events.tsv", {*modules, "torch", "stand_in_events"}
    monkeypatch.syspath_prepend(str(STAND_INS))
    monkeypatch.setenv("FOVEA_STAND_INS", str(file))
    monkeypatch.setenv("FOVEA_STAND_IN_SITE", tmp_path.name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(shared, "_held", {})

    def taken_out() -> dict:
        return {name: sys.modules.pop(name) for name in list(sys.modules)
                if name.split(".")[0] in wanted}  # fmt: skip

    saved = taken_out()
    load_plugins([str(path) for path in plugins])

    def noted(word: str = "") -> list[list[str]]:
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split("\t")[2:] for line in lines if line.split("\t")[2].startswith(word)]

    yield noted
    keep_only([])
    for held in shared._held.values():
        held.close()
    taken_out()
    sys.modules.update(saved)
