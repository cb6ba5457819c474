"""What a network is trained on: annotated recordings and drawn pictures, and the share of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from fovea.errors import FoveaError
from stills import Example, Still, as_example, as_still, read_image, read_stills

_KEYS = {"frames", "labels", "cell_diameter", "share", "inverted", "pasted"}


@dataclass(frozen=True)
class Recording:
    """Annotated frames of one kind of cells."""

    name: str
    stills: list[Still]
    cell_diameter: float  # pixels
    share: float = 1.0  # of the crops
    inverted: float = 0.1  # share of its crops in which dark and bright are exchanged
    pasted: float = 0.7  # share of its crops into which cells of another one are pasted

    def examples(self) -> list[Example]:
        """Return the frames prepared for training."""
        return [as_example(still, self.cell_diameter) for still in self.stills]


@dataclass(frozen=True)
class Plan:
    """What a network is trained on, its size, and for how long."""

    recordings: list[Recording]
    pictures: int  # number of drawn ones
    picture_seed: int
    drawn_share: float  # of the crops, beside the recordings' shares
    steps: int
    channels: tuple[int, ...]  # of the network at 1/2, 1/4 … of the resolution of its input


def of_folder(folder: str | Path, cell_diameter: float) -> Plan:
    """Return a plan for the annotated frames of a folder, which are half of the crops."""
    one = Recording("", read_stills(folder), cell_diameter)
    return Plan([one], pictures=400, picture_seed=2, drawn_share=1.0, steps=6000,
                channels=(24, 48, 72, 112, 128))  # fmt: skip


def of_file(path: str | Path, folder: str | Path) -> Plan:
    """Read a plan, whose paths are relative to a folder.

    Raises
    ------
    FoveaError
        If the plan cannot be read, or a file that it names is missing.
    """
    try:
        given = yaml.safe_load(Path(path).read_text("utf-8"))
        drawn = given["pictures"]
        recordings = [
            _recording(name, entry, Path(folder)) for name, entry in given["recordings"].items()
        ]
        pictures = drawn["count"], drawn["seed"], drawn["share"]
        channels = tuple(map(int, given["channels"]))
        if not channels or min(channels) < 1:
            raise ValueError(f"channels are numbers above 0, at least one, got {list(channels)}")
        return Plan(recordings, *pictures, given["steps"], channels)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise FoveaError(f"{path} is no plan like training/general.yaml: {error}") from error


def _recording(name: str, entry: dict, folder: Path) -> Recording:
    if set(entry) != _KEYS:
        raise FoveaError(f"{name}: a recording has {', '.join(sorted(_KEYS))}")
    entry = dict(entry)
    frames, labels = entry.pop("frames"), entry.pop("labels")
    found = sorted(folder.glob(labels))
    if not found:
        raise FoveaError(f"{name}: {folder} holds no {labels}")
    start, end = labels.split("*") if "*" in labels else (labels, "")
    stills = []
    for path in found:
        text = path.relative_to(folder).as_posix()
        star = text[len(start) : len(text) - len(end)]
        stills += _frames(folder / frames.replace("*", star), path, star or name)
    if not stills:
        raise FoveaError(f"{name}: {labels} labels no cell")
    return Recording(name, stills, **entry)


def _frames(frames: Path, labels: Path, name: str) -> list[Still]:
    """Return the frames of two files that have a cell, whose first channel is phase contrast."""
    images, ids = read_image(frames), read_image(labels)
    if images.ndim == ids.ndim + 1:
        images = images[:, 0] if ids.ndim == 3 else images[0]
    if ids.ndim == 2:
        images, ids = images[None], ids[None]
    pairs = zip(images, ids, strict=False)
    if images.shape != ids.shape:
        raise FoveaError(f"{labels} is {ids.shape}, {frames} {images.shape}; they must be alike")
    return [
        as_still(f"{name} {t}" if len(ids) > 1 else name, frame, label, frames, labels)
        for t, (frame, label) in enumerate(pairs)
        if np.any(label)
    ]
