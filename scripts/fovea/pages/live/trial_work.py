"""Segmentation and tracking on a few frames, as often as somebody moves a slider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from fovea.config.phase_tuning import NETWORKS, SMALLEST_DIAMETER, SMALLEST_FOR_NETWORK
from fovea.config.words import flow
from fovea.errors import FoveaError, counted
from fovea.inspection.arrays import track
from fovea.inspection.suggest import guess_phase_by_light
from fovea.kernels.boxes import boxes_and_areas
from fovea.pages.live.pictures import Cells, grey, outlines
from fovea.pages.views import html, strips
from fovea.recordings.describe import guess_phase
from fovea.recordings.readers import open_recording
from fovea.segmentation.phase import advice
from fovea.segmentation.phase.choose import Choice, Trial, choose
from fovea.segmentation.phase.diameter import median_diameter
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.segmentation.phase.trials import look
from fovea.segmentation.phase.windows import densest

#: Fields of view and frames in a row that are looked at, and the side of the part of them.
FIELDS, FRAMES, SIDE = 3, 5, 640
_SHOWN, _SIZE = 4, 300  # candidates with a picture, and the side of that


@dataclass(frozen=True)
class Sample:
    """Frames in a row of one field of view, in which most is to be seen."""

    fov: int
    frames: list[int]
    images: np.ndarray  # (T, H, W) uint16, whole
    window: tuple[slice, slice]

    def part(self, whole: bool) -> np.ndarray:
        """Return the frames, or the part in which most is to be seen, (T, h, w)."""
        return (
            self.images if whole else np.ascontiguousarray(self.images[(slice(None), *self.window)])
        )


def read_samples(source: Any, channel: int | None) -> tuple[list[Sample], int]:
    """Read frames of the middle of some fields of view; also return the phase contrast.

    Raises
    ------
    FoveaError
        If the recording cannot be read, or no phase contrast is found in it.
    """
    with open_recording(source) as recording:
        info = recording.info
        if channel is None:
            channel = guess_phase(info.channels)
        if channel is None:
            channel = guess_phase_by_light(recording) if len(info.channels) > 1 else 0
        if channel is None:
            raise FoveaError(
                f"{recording.source}: no channel looks like phase contrast; name it with --channel"
            )
        recording.check_channel(channel)
        there = [one for one in info.fields if len(one.frames_of(channel))]
        chosen = np.unique(np.linspace(0, len(there) - 1, FIELDS).round().astype(int))
        samples = []
        for place in chosen.tolist() if there else ():
            known = list(there[place].frames_of(channel))
            start = max(0, (len(known) - FRAMES) // 2)
            frames = known[start : start + FRAMES]
            planes = recording.frames(there[place].index, [channel], "max" if any(
                one.planes > 1 for one in info.fields) else 0, only=frames)  # fmt: skip
            images = np.stack([plane.astype(np.uint16, copy=False) for (plane,) in planes])
            window = densest(look(images[0]).energy, SIDE)
            samples.append(Sample(there[place].index, frames, images, window))
    if not samples:
        raise FoveaError(f"{recording.source}: channel {channel} was recorded in no frame")
    return samples, channel


@dataclass(frozen=True)
class Settings:
    """What the sliders say."""

    segmentation: Mapping[str, Any]  # mode, contrast, cell_diameter
    tracking: Mapping[str, Any] = field(default_factory=dict)  # method, and its parameters
    place: int = 0  # number of the sample
    frame: int = 0  # number of the frame in it
    whole: bool = False

    @property
    def text(self) -> str:
        """The piece of a config."""
        segmentation = {"method": "phase", **self.segmentation}
        if segmentation["contrast"] == "dark" and segmentation["mode"] != "dark":
            del segmentation["contrast"]
        return (f"params:\n  segmentation: {flow(segmentation)}\n"
                f"  tracking: {flow(dict(self.tracking))}\n")  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What was found in a frame."""

    settings: Settings
    image: np.ndarray  # (h, w) uint16
    cells: dict[int, tuple[np.ndarray, np.ndarray]]  # label or ID to its outline
    centres: dict[int, tuple[float, float]]  # x and y
    tracked: bool  # whether they are IDs
    words: str


class Trials:
    """Computes what sliders ask for, and keeps what is still good of the last time."""

    def __init__(self, samples: Sequence[Sample]):
        self._samples = samples
        self._labels: dict[Any, np.ndarray] = {}

    def run(self, settings: Settings) -> Iterator[Found]:
        """Yield what is found in the frame, first its objects and then its tracked cells.

        Raises
        ------
        FoveaError
            If the diameter is too small for the mode.
        """
        least = SMALLEST_FOR_NETWORK if settings.segmentation["mode"] in NETWORKS else (
            SMALLEST_DIAMETER)  # fmt: skip
        if settings.segmentation["cell_diameter"] < least:
            raise FoveaError(
                f"mode {settings.segmentation['mode']} needs a cell diameter of {least} pixels at "
                "least; move the slider"
            )
        images = self._samples[settings.place].part(settings.whole)
        start = perf_counter()
        labels = self._labelled(settings, images, settings.frame)
        size, measured = median_diameter(labels)  # without objects at the edge
        count = np.count_nonzero(np.bincount(labels.ravel())[1:])
        seconds = perf_counter() - start
        words = counted(count, "object") if count else "no objects"
        words += f", median diameter {size:.0f} pixels" if measured else ""
        words += f" ({seconds:.1f} s)"
        yield _found(settings, images[settings.frame], labels, False, words)
        stack = np.stack([self._labelled(settings, images, t) for t in range(len(images))])
        options = dict(settings.tracking)
        ids, lineage = track(stack, options.pop("method"), **options)
        whole = int(((lineage["first_frame"] == 0)
                     & (lineage["last_frame"] == len(stack) - 1)).sum())  # fmt: skip
        more = (f"{words}; {len(lineage)} cells in {len(stack)} frames in a row, {whole} of them "
                "in all of these")  # fmt: skip
        yield _found(settings, images[settings.frame], ids[settings.frame], True, more)

    def _labelled(self, settings: Settings, images: np.ndarray, frame: int) -> np.ndarray:
        key = (settings.place, settings.whole, frame, *sorted(settings.segmentation.items()))
        if key not in self._labels:
            while len(self._labels) >= 4 * FRAMES:
                self._labels.pop(next(iter(self._labels)))
            self._labels[key] = segment_phase(images[frame], **settings.segmentation)
        return self._labels[key]


def _found(settings, image: np.ndarray, labels: np.ndarray, tracked: bool, words: str) -> Found:
    boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
    there = np.flatnonzero(areas)
    cells = Cells(there + 1, boxes[there].astype(np.int64))
    middle = (cells.boxes[:, :2] + cells.boxes[:, 2:] - 1) / 2
    centres = {int(cell): (x, y) for cell, (y, x) in zip(cells.ids, middle.tolist(), strict=True)}
    step = max(1, max(labels.shape) // 1200)
    return Found(settings, image, outlines(labels, cells, step), centres, tracked, words)


def candidates(samples: Sequence[Sample]) -> tuple[Choice | None, list[tuple[Trial, str]]]:
    """Return modes and diameters that may suit the recording, each with a picture as HTML."""
    frames = [image for sample in samples for image in (sample.images[0], sample.images[-1])]
    choice = choose(frames)
    if choice is None:
        return None, []
    sample = samples[len(samples) // 2]
    diameter = max(choice.best.cell_diameter, 6)
    side = int(np.clip(9 * diameter, 96, min(sample.images.shape[1:])))
    window = densest(look(sample.images[0]).energy, side)
    image = np.ascontiguousarray(sample.images[0][window])
    limits = tuple(np.percentile(image, (0.5, 99.5)))
    shown = []
    for trial in choice.trials[:_SHOWN]:
        labels = segment_phase(sample.images[0], mode=trial.mode, contrast=trial.contrast,
                               cell_diameter=trial.cell_diameter)[window]  # fmt: skip
        shown.append((trial, _picture(image, labels, limits)))
    return choice, shown


def _picture(image: np.ndarray, labels: np.ndarray, limits: tuple[float, float]) -> str:
    """Return a square picture with the outlines of all objects."""
    size = min(image.shape)
    large = strips.enlarged(grey(image, limits)[:size, :size], _SIZE)
    own = strips.enlarged(labels[:size, :size], _SIZE)
    shown = np.repeat(large[..., None], 3, axis=2)
    padded = np.pad(own, 1)
    inner = np.ones(own.shape, bool)
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        inner &= part == own
    shown[(own > 0) & ~inner] = strips.OUTLINE
    return str(html.picture(strips.encoded(shown, 75), "outlines of the candidate"))


def words_of(trial: Trial) -> str:
    """Return what a candidate is, in words."""
    bright = ", bright cells" if trial.contrast == "bright" else ""
    return (f"{trial.mode}{bright}, {trial.cell_diameter:g} pixels: expected quality "
            f"{trial.quality} ({trial.score:.2f})")  # fmt: skip


def advice_on(choice: Choice | None) -> tuple[str, bool]:
    """Say what is suggested, and whether it is a warning."""
    if choice is None:
        return "No mode finds cells here; try the sliders.", True
    if not choice.fits:
        return advice.NONE_FITS[:1].upper() + advice.NONE_FITS[1:] + ".", True
    if not choice.sure:
        return f"Not sure: {advice.doubt(choice).rsplit(': ', 1)[0]}.", False
    return f"Suggested: segmentation: {flow(advice.parameters(choice.best))}", False
