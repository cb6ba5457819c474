"""For each step: its plain version, its fast version, and how equal their results must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import plain

from fovea.background.methods import METHODS, estimate_background
from fovea.background.spline_grid import cover
from fovea.cells.features import intensity_features, mask_features
from fovea.display.cache import downsample_intensity
from fovea.kernels.boxes import boxes_and_areas
from fovea.kernels.cells import above_background, cut_counts, cut_mask
from fovea.segmentation.logstd import segment_logstd
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.store.contrast import CountLimits
from fovea.store.format import COUNTS, LABELS, SMOOTH, blosc, encode
from fovea.tracking.iou import IouTracker
from support.reference import background as plain_background
from support.reference import cache as plain_cache
from support.reference import segment as plain_segment
from support.reference import surfaces as plain_surfaces
from support.tracking import track_stack

#: What the plain version of tracking does: no gaps, merged cells, and jumps of the stage.
BOXES = {"overlap": "box", "max_gap": 0, "max_merge": 0, "drift": False}
CALLS = 10  # how often the fast version of a step may be called


@dataclass
class Frame:
    """A frame and what the steps make of it."""

    phase: np.ndarray
    fluorescence: np.ndarray
    labels: np.ndarray
    backgrounds: list[np.ndarray]
    crops: list[tuple]


def prepare(rendered) -> Frame:
    """All inputs of all steps for one simulated frame."""
    return frame_of(rendered.phase, rendered.fluo, segment_logstd(rendered.phase))


def frame_of(phase, fluorescence, labels) -> Frame:
    """All inputs of all steps for given images and labels."""
    backgrounds = [estimate_background(f, labels)[0] for f in fluorescence]
    crops = list(crops_of(labels, fluorescence, backgrounds))
    return Frame(phase, fluorescence, labels, backgrounds, crops)


def crops_of(labels, channels, backgrounds) -> Iterator[tuple]:
    """What extraction finds in cells.zarr for each cell: mask, raw and background, encoded."""
    boxes, _ = boxes_and_areas(labels, int(labels.max()))
    for cell, box in enumerate(boxes, 1):
        window = box + np.array([-5, -5, 5, 5], np.int32)
        shape = tuple(window[2:] - window[:2])
        mask = np.empty(shape, np.uint8)
        cut_mask(labels, window, cell, mask)
        parts = [(mask.astype(np.float32), LABELS)]
        for raw, background in zip(channels, backgrounds, strict=True):
            for image, codec in ((raw, COUNTS), (background, SMOOTH)):
                crop = np.empty(shape, image.dtype)
                cut_counts(image, window, crop)
                parts.append((crop.astype(np.float32) / np.float32(65536), codec))
        encoded = [encode(values, codec) for values, codec in parts]
        yield shape, window[:2], encoded


def extract(crops) -> np.ndarray:
    """What the extract step computes for one frame, decoding the crops included."""
    rows = []
    names = ["intensity_total", "intensity_mean"]
    for number, (shape, origin, encoded) in enumerate(crops, 1):
        arrays = [np.empty((1, *shape), np.float32) for _ in encoded]
        for data, out in zip(encoded, arrays, strict=True):
            blosc.decompress(data, out[0])
        masks = arrays[0] > 0
        row = [number, *mask_features(masks, origin[None], ["area", "aspect_ratio"]).values()]
        values = np.empty(masks.shape)
        for raw, background in zip(arrays[1::2], arrays[2::2], strict=True):
            above_background(raw, background, 65536.0, 0.125, 1.0, values)
            row += intensity_features(values, masks, names).values()
        rows.append(np.array([float(np.squeeze(v)) for v in row]))
    return np.array(rows)


def pairs(last: Frame, here: Frame) -> Iterator[tuple[str, Callable, Callable, Callable]]:
    """Name, plain version, fast version, and the comparison of their results, per step."""
    yield ("segment", lambda: plain_segment.segment_logstd(here.phase),
           lambda: segment_logstd(here.phase), np.array_equal)  # fmt: skip
    yield ("segment, disk radius 7",
           lambda: plain_segment.segment_logstd(here.phase, morph_size=15),
           lambda: segment_logstd(here.phase, morph_size=15), np.array_equal)  # fmt: skip
    yield ("segment, phase", lambda: plain.segment_adherent(here.phase, 36),
           lambda: segment_phase(here.phase, cell_diameter=36), np.array_equal)  # fmt: skip
    both = np.stack([last.labels, here.labels])
    yield (
        "track",
        lambda: plain.track(both),
        lambda: track_stack(both, IouTracker(**BOXES)),
        np.array_equal,
    )
    for name, method, reference in (
        ("background", "tile_median", plain_background),
        ("background, local_surface", "local_surface", plain_surfaces),
    ):
        yield (name, partial(_plain_backgrounds, here, reference),
               partial(_backgrounds, here, method), _near)  # fmt: skip
    yield ("extract", lambda: plain.extract(here.labels, here.fluorescence, here.backgrounds),
           lambda: extract(here.crops), lambda a, b: np.allclose(a, b, rtol=1e-6))  # fmt: skip
    low, high = plain_cache.percentile_limits(here.phase)

    def plain_level():
        return plain_cache.downsample_intensity(
            here.phase, *plain_cache.percentile_limits(here.phase)
        )

    empty = [CountLimits() for _ in range(CALLS)]  # a stack of frames shares one

    def level():
        counted = empty.pop()
        counted.add(here.phase)
        return downsample_intensity(here.phase, *counted.limits())

    assert (low, high) == plain_cache.percentile_limits(here.phase)
    yield "cache", plain_level, level, np.array_equal


def _plain_backgrounds(frame: Frame, reference) -> list[np.ndarray]:
    """Both channels, evaluated and encoded for writing as it is."""
    found = [reference.estimate_background(f, frame.labels)[0] for f in frame.fluorescence]
    for values in found:
        encode(values.astype(np.float32), SMOOTH)
    return found


def _backgrounds(frame: Frame, method: str) -> list[np.ndarray]:
    covered = cover(frame.labels, frame.labels.shape, 10)
    found = []
    for image in frame.fluorescence:
        grid = _GRIDS.setdefault((method, image.shape), METHODS[method](image.shape))
        values, _ = grid.values(image, covered)
        found.append(grid.evaluate(grid.coefficients(values)))
        encode(found[-1], SMOOTH)
    return found


_GRIDS: dict = {}


def _near(expected: list, found: list) -> bool:
    """Within the rounding of the background."""
    return all(np.abs(a - b).max() <= 1 / 16 + 1e-3 for a, b in zip(expected, found, strict=True))
