"""Annotated recordings of a folder: which images and labels belong together, told by their names.

A file holds labels if its name, or that of its folder, has one of the words for labels. Words for
labels and for images are left out of the names; what remains of an image and of its labels is the
same, or the image's begins with it where no other labels are nearer. So `colony.tif` belongs
to `colony_ids.tif`, `c2c12_phase.tif` to `c2c12_reference_ids.tif`, `img_01.png` to `mask_01.png`,
and `images/01.png` to `masks/01.png`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fovea.errors import FoveaError, counted
from fovea.evaluation.annotated import ENDINGS, stem

#: Words of which a name needs one to be a file of labels.
_SURE = frozenset(
    ("ids", "label", "labels", "labelled", "mask", "masks", "seg", "segmentation", "gt",
     "annotation", "annotations")
)  # fmt: skip
LABELS = _SURE | {"annotated", "truth", "reference", "ref", "cp", "man"}
IMAGES = frozenset(
    ("img", "image", "images", "frame", "frames", "raw", "phase", "pc", "ph", "bf", "brightfield",
     "trans", "dic", "fluo", "stack", "movie")
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of a suite: a recording, and what is to be measured on it."""

    name: str
    files: tuple[tuple[Path, Path], ...] = ()  # frames and labels of each position
    channel: int | None = None
    simulated: str | None = None  # instead of files: what Fovea draws itself
    segmentation: Mapping = field(default_factory=dict)  # parameters that are given
    kind: str = ""
    tuned_on: str = ""
    tracks: bool = False  # whether labels are IDs over time, and tracks are scored, too


@dataclass(frozen=True)
class _File:
    path: Path
    scope: Path  # the folder, or the one above if it is called masks, images and the like
    words: tuple[str, ...]  # of its name, without those for labels and images
    labels: bool


def rows_of(folder: Path) -> tuple[list[Row], list[Path]]:
    """Find the annotated recordings in a folder and its subfolders.

    Files in one folder whose names differ in numbers only are one row.

    Returns
    -------
    list of Row
        By path.
    list of Path
        Images without labels.

    Raises
    ------
    FoveaError
        If there are none, or it cannot be told which files belong together.
    """
    scopes: dict[Path, list[_File]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.name.lower().endswith(ENDINGS) and path.is_file() and not hidden:
            file = _file(path, folder)
            scopes[file.scope].append(file)
    rows: list[Row] = []
    alone: list[Path] = []
    for scope, files in scopes.items():
        pairs, left = _pairs(files)
        alone += left
        groups: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
        for pair in pairs:
            groups[re.sub(r"\d+", "#", stem(pair[0]))].append(pair)
        for pattern, group in groups.items():
            name = stem(group[0][0])
            if len(group) > 1:
                only = len(groups) == 1
                name = scope.resolve().name if only else pattern.replace("#", "…")
            rows.append(Row(name, tuple(sorted(group, key=lambda pair: _natural(pair[0])))))
    if not rows:
        raise FoveaError(
            f"{folder} has no annotated recordings: no pair of images and labels, such as x.tif "
            "and x_ids.tif; list them in a file suite.yaml there"
        )
    return rows, sorted(alone)


def _file(path: Path, folder: Path) -> _File:
    labels = bool(_SURE.intersection(_split(stem(path))))
    place = _split(path.parent.name)
    scope = path.parent
    if scope != folder and place and LABELS.union(IMAGES).issuperset(place):
        scope = scope.parent
        labels = labels or bool(_SURE.intersection(place))
    return _File(path, scope, words_of(path), labels)


def words_of(path: Path) -> tuple[str, ...]:
    """Return the words and numbers of a file's name without those for labels and images."""
    return tuple(word for word in _split(stem(path)) if word not in LABELS | IMAGES)


def _split(name: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", name.lower())


def _pairs(files: Iterable[_File]) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Return the pairs of images and labels of one scope, and the images without labels."""
    images = [file for file in files if not file.labels]
    known = [file for file in files if file.labels]
    free, pairs = list(images), []
    for near in (True, False):
        rest = []
        for labels in known:
            candidates = [
                image for image in free
                if image.words == labels.words
                or (not near and image.words[: len(labels.words)] == labels.words)
            ]  # fmt: skip
            if len(candidates) > 1:
                names = ", ".join(image.path.name for image in candidates)
                raise FoveaError(
                    f"{labels.path}: these labels may belong to any of {names}; list the "
                    "recordings in a file suite.yaml in the folder"
                )
            if candidates:
                pairs.append((candidates[0].path, labels.path))
            else:
                rest.append(labels)
        claimed = [pair[0] for pair in pairs]
        if len(set(claimed)) < len(claimed):
            twice = next(path for path in claimed if claimed.count(path) > 1)
            both = ", ".join(str(b.name) for a, b in pairs if a == twice)
            raise FoveaError(
                f"{twice} has labels in {counted(claimed.count(twice), 'file')} ({both}); list "
                "the recordings in a file suite.yaml in the folder"
            )
        free = [image for image in free if image.path not in claimed]
        known = rest
    if known:
        raise FoveaError(
            f"{known[0].path}: there is no image to these labels; put it beside them, or list the "
            "recordings in a file suite.yaml in the folder"
        )
    return pairs, [image.path for image in free]


def _natural(path: Path) -> list:
    """Return a key by which numbers in names are in their order: set2 before set10."""
    return [(int(part), "") if part.isdigit() else (-1, part)
            for part in re.split(r"(\d+)", str(path))]  # fmt: skip
