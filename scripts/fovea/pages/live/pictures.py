"""What is shown of a frame: grey values of a part of it, outlines of its cells, and their IDs.

The display level ``1``, half as large, is enough for a whole frame; the raw array ``0`` is read
where somebody has zoomed in, where level 1 is not there yet, and where it shows something else: it
has 256 steps between two percentiles, and may be corrected for drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from contourpy import contour_generator
from PIL import Image

from fovea.background.gains import read_gain
from fovea.config.names import channel_of, group_name, split
from fovea.config.paths import fill
from fovea.kernels.boxes import boxes_and_areas
from fovea.pages.live.results import Field

#: Pixels of the finest screen for which images are read, along the longer side.
SCREEN = 1100
_COLOURS = 6  # of labels, see `COLOURS`
#: Okabe and Ito's colours, which people with any colour vision can tell apart; 0 is background.
COLOURS = ("#000000", "#56b4e9", "#e69f00", "#009e73", "#f0e442", "#d55e00", "#cc79a7")


@dataclass(frozen=True)
class Window:
    """A part of a frame, in pixels; ends exclusive."""

    y0: int
    x0: int
    y1: int
    x1: int

    @classmethod
    def of(cls, shape: tuple[int, int], left: float, right: float, top: float, bottom: float):
        """Return the part of a frame (H, W) between places on the screen, at least one pixel."""
        height, width = shape
        x0, y0 = (int(np.clip(np.floor(v), 0, n - 1)) for v, n in ((left, width), (top, height)))
        x1, y1 = (int(np.clip(np.ceil(v) + 1, v0 + 1, n))
                  for v, v0, n in ((right, x0, width), (bottom, y0, height)))  # fmt: skip
        return cls(y0, x0, y1, x1)

    @property
    def step(self) -> int:
        """Every how many pixels are shown: a power of 2, 1 where somebody has zoomed in."""
        longer = max(self.y1 - self.y0, self.x1 - self.x0)
        step = 1
        while longer > 1.5 * SCREEN * step:
            step *= 2
        return step


@dataclass(frozen=True)
class Picture:
    """A part of an image for the screen."""

    pixels: np.ndarray  # (h, w) uint8: grey, or a number of a colour
    window: Window  # the part of the frame that it covers
    level: int  # 0 or 1, of the array it was read from
    coloured: bool  # whether it holds numbers of `COLOURS`


def is_labels(layer: str) -> bool:
    """Return whether an image holds labels."""
    return split(layer)[0].startswith("seg_")


def display_limits(field: Field, layer: str) -> tuple[float, float]:
    """Return the counts that are black and white unless somebody chooses others."""
    if field.has(layer):
        known = field.reader(layer).attributes["fovea"].get("display_limits")
        if known:
            return float(known[0]), float(max(known[1], known[0] + 1e-6))
    low, high = display_limits(field, group_name("fl", channel_of(layer)))
    return 0.0, high - low  # without a background that is stored: what is above the darkest


def recorded(field: Field, layer: str, frame: int) -> bool:
    """Return whether a frame was recorded in the channel of an image."""
    source = layer if field.has(layer) else group_name("fl", channel_of(layer))
    return frame not in field.reader(source).missing


def picture(
    field: Field, layer: str, frame: int, window: Window, limits: tuple[float, float]
) -> Picture:
    """Return a part of an image for the screen.

    Parameters
    ----------
    layer : str
        A channel group of `Field.layers`.
    frame : int
        Its number, from 0.
    window : Window
        The part that is in view.
    limits : (float, float)
        Counts that are black and white; not used for labels.

    Raises
    ------
    FoveaError
        If the image is not there any more, or damaged.
    """
    step = window.step
    if is_labels(layer):
        labels = field.reader(layer)[frame][window.y0 : window.y1 : step,
                                            window.x0 : window.x1 : step]  # fmt: skip
        pixels = np.where(labels > 0, (labels - 1) % _COLOURS + 1, 0).astype(np.uint8)
        return Picture(pixels, _covered(window, step, pixels.shape), 0, True)
    small = step > 1 and _small_level(field, layer, limits)
    if small:
        half = field.reader(layer, 1)[frame][
            window.y0 // 2 : -(-window.y1 // 2) : step // 2,
            window.x0 // 2 : -(-window.x1 // 2) : step // 2,
        ]
        low, high = field.reader(layer, 1).attributes["fovea"]["display_limits"]
        counts = low + np.arange(256) * ((high - low) / 255)
        start = Window(window.y0 // 2 * 2, window.x0 // 2 * 2, window.y1, window.x1)
        return Picture(grey(counts, limits)[half], _covered(start, step, half.shape), 1, False)
    part = slice(window.y0, window.y1, step), slice(window.x0, window.x1, step)
    counts = _counts(field, layer, frame, part)
    return Picture(grey(counts, limits), _covered(window, step, counts.shape), 0, False)


def for_screen(shown: Picture, screen: int) -> Picture:
    """Return a picture with at most `screen` pixels along its longer side.

    Grey values are means of the pixels that one of the screen covers, numbers of colours those in
    its middle. The part of the frame is the same.
    """
    height, width = shown.pixels.shape
    scale = screen / max(height, width)
    if scale >= 1:
        return shown
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    how = Image.Resampling.NEAREST if shown.coloured else Image.Resampling.BOX
    return replace(shown, pixels=np.asarray(Image.fromarray(shown.pixels).resize(size, how)))


def _covered(window: Window, step: int, shape: tuple[int, int]) -> Window:
    return Window(window.y0, window.x0, window.y0 + step * shape[0], window.x0 + step * shape[1])


def _small_level(field: Field, layer: str, limits: tuple[float, float]) -> bool:
    """Return whether level 1 shows the same, a little less sharp."""
    if not field.has(layer, 1):
        return False
    about = field.reader(layer, 1).attributes["fovea"]
    low, high = about.get("display_limits", (np.inf, -np.inf))
    within = low <= limits[0] and limits[1] <= high
    return within and not about.get("parameters", {}).get("drift")


def _counts(field: Field, layer: str, frame: int, part: tuple[slice, slice]) -> np.ndarray:
    if field.has(layer):
        return field.reader(layer)[frame][part]
    channel = channel_of(layer)  # raw / gain - weight x background, as cells are measured
    raw = field.reader(group_name("fl", channel))[frame][part].astype(np.float32)
    gain = field.results.path(fill(field.plan.paths.FLAT_FIELD, dataset=field.dataset, fl=channel))
    if field.plan.flat_fields() and gain.exists():
        raw /= read_gain(gain, field.shape[1:])[part]
    background = field.reader(group_name("fl_background", channel))[frame][part]
    return raw - np.float32(field.plan.params["background"]["weight"]) * background


def grey(counts: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return counts as uint8, of which `limits` are 0 and 255; of the same shape."""
    low, high = limits
    scale = 255 / max(high - low, 1e-9)
    if counts.dtype == np.uint16 and counts.size > 1 << 16:
        return grey(np.arange(1 << 16), limits)[counts]
    return np.clip(np.rint((counts - low) * scale), 0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------------------- cells


@dataclass(frozen=True)
class Cells:
    """The objects of a frame: numbers, and boxes y0, x0, y1, x1 with exclusive ends."""

    ids: np.ndarray  # (n,) int64
    boxes: np.ndarray  # (n, 4) int64

    def place(self, cell: int) -> tuple[float, float] | None:
        """Return the centre of a cell's box, x and y, as in the traces; None if it is not there."""
        here = np.flatnonzero(self.ids == cell)
        if not len(here):
            return None
        y0, x0, y1, x1 = self.boxes[here[0]].tolist()
        return (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2


def cells_in(field: Field, frame: int) -> Cells:
    """Return the cells of a frame or, before tracking, its labelled objects."""
    boxes = field.boxes()
    if len(boxes) or field.labelled is None or field.tracked:
        here = boxes[boxes[:, 0] == frame].astype(np.int64)
        return Cells(here[:, 1], here[:, 2:])
    labels = field.reader(field.labelled)[frame]
    boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
    there = np.flatnonzero(areas)
    return Cells(there + 1, boxes[there].astype(np.int64))


def cell_at(field: Field, frame: int, x: float, y: float) -> int | None:
    """Return the cell whose pixel is at a place, None for background."""
    if field.labelled is None:
        return None
    labels = field.reader(field.labelled)[frame]
    row, column = round(y), round(x)
    if not (0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]):
        return None
    return int(labels[row, column]) or None


def outlines(
    labels: np.ndarray, cells: Cells, step: int = 1
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return the outline of each cell in a frame, x and y in pixels.

    Parameters
    ----------
    labels : (H, W) unsigned integer
        The frame.
    cells : Cells
        Those of which outlines are wanted.
    step : int
        Every how many pixels are looked at.

    Returns
    -------
    dict of int to (x, y)
        float32, closed lines half way between pixels of the cell and others. Several parts, and
        holes, are separated by NaN.
    """
    found = {}
    height, width = labels.shape
    for cell, (y0, x0, y1, x1) in zip(cells.ids.tolist(), cells.boxes.tolist(), strict=True):
        y0, x0 = y0 - y0 % step, x0 - x0 % step
        part = labels[y0 : min(y1, height) : step, x0 : min(x1, width) : step] == cell
        around = np.zeros((part.shape[0] + 2, part.shape[1] + 2))
        around[1:-1, 1:-1] = part
        lines = contour_generator(z=around).lines(0.5)
        if not lines:
            continue
        gap = np.full((1, 2), np.nan)
        whole = np.concatenate([piece for line in lines for piece in (line, gap)])[:-1]
        places = (whole - 1) * step + (x0, y0)
        found[cell] = (places[:, 0].astype(np.float32), places[:, 1].astype(np.float32))
    return found
