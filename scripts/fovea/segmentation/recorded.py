"""Padding: pixels that were not recorded, because they have exactly one value.

Rotation, registration and stitching pad frames with a constant, a field stop leaves the corners
black, and regions are masked by setting them to one value. Such pixels are no background. A region
of one value is taken for padding by its shape and by its edge, so that flat backgrounds of frames
without noise, and cells that are saturated or clipped at 0, are not:

- Its edge is a jump, or noise: most pixels beside it differ from it by more than one level, and
  they are as far from it as pixels deeper inside the frame.
- In a corner of the frame it lies outside the convex hull of what was recorded, which fills this
  hull: of any convex field of view a corner is missing. Or it is a rectangle along a whole side or
  in a corner.
- Inside the frame it is a rectangle, or larger than cells are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.kernels import bits, boxes, labelling
from fovea.kernels.constant import count_long_runs

_SMALLEST = 64  # pixels; of smaller frames none is looked for
_STEP = 4  # every fourth row is looked at first
_RUN = 16  # pixels of one value in a row, from which on the value is looked at
_VALUES = 4  # most frequent ones of those that are looked at
_LEAST, _SHARE = 64, 1 / 16384  # pixels of a region: the number, and the share of the frame
_DEPTHS = 8  # pixels from the edge up to which the surroundings are compared
_BESIDE = 0.5  # largest share of pixels beside a region within one level of it
_SOFT = 0.85  # of the distance in brightness deeper inside: below it an edge is blurred
_SOFTEST = 6  # pixels by which a blurred edge is removed at most
_FILLED = 0.95  # least share of its box that a rectangle fills
_INSIDE = 0.2  # largest share of a border's region that lies inside the hull
_LACKING = 0.06  # largest share of the hull that is not recorded
_RECORDED = (0.2, 0.5)  # least share of the frame that is, with noise and without
_NOISE = 0.5  # share of equal neighbours from which on there is no noise
_SPECK = 0.005  # share of the frame below which pieces between padding are no recorded ones
_CONVEX = 0.95  # least share of its hull that a region inside the frame fills, if no rectangle
_RAGGED = 0.1  # largest number of beginnings and ends of runs in a region, of its pixels
_SIDE, _AREA = 4, 256  # least side and area of a rectangle inside the frame, or in a corner
_LARGE = 0.05  # share of the frame from which on no region is a cell


@dataclass(frozen=True)
class _Region:
    """A connected region of one value."""

    mask: np.ndarray  # (H, W) bool
    value: int
    area: int
    box: tuple[int, int, int, int]  # y0, x0, y1, x1, ends exclusive

    def sides(self) -> int:
        """Return how many sides of the frame it touches."""
        height, width = self.mask.shape
        y0, x0, y1, x1 = self.box
        return (y0 == 0) + (x0 == 0) + (y1 == height) + (x1 == width)

    def is_rectangle(self) -> bool:
        y0, x0, y1, x1 = self.box
        return self.area >= _FILLED * (y1 - y0) * (x1 - x0)

    def smallest_side(self) -> int:
        y0, x0, y1, x1 = self.box
        return min(y1 - y0, x1 - x0)

    def spans_frame(self) -> bool:
        """Return whether it reaches from one side of the frame to the other."""
        y0, x0, y1, x1 = self.box
        return y1 - y0 == self.mask.shape[0] or x1 - x0 == self.mask.shape[1]


def recorded_pixels(frame: np.ndarray, largest_cell: float | None = None) -> np.ndarray | None:
    """Return which pixels of a frame are no padding, (H, W) bool; None where all are.

    Parameters
    ----------
    frame : (H, W) uint8 or uint16
        Raw counts.
    largest_cell : float, optional
        Area in pixels from which on an object is no cell; regions inside the frame that are no
        rectangles must be larger. Without it they must be a twentieth of the frame.
    """
    if min(frame.shape) < _SMALLEST:
        return None
    frame = np.ascontiguousarray(frame)
    counts = np.zeros(np.iinfo(frame.dtype).max + 1, np.int64)
    count_long_runs(frame, _STEP, _RUN, counts)
    if not counts.any():
        return None
    largest_cell = _LARGE * frame.size if largest_cell is None else largest_cell
    regions = [r for value in _candidates(frame, counts)
               for r in _regions(frame, value, max(largest_cell, _AREA))]  # fmt: skip
    regions = [r for r in regions if _ends_abruptly(frame, r)]
    if not regions:
        return None
    even = _is_even(frame, ~np.any([r.mask for r in regions], axis=0))
    border = _at_border([r for r in regions if r.sides()], even)
    padding = border + [r for r in regions if not r.sides() and not even]
    if not padding:
        return None
    recorded = ~np.any([_with_soft_edge(frame, r) for r in padding], axis=0)
    if border:
        recorded &= _without_specks(recorded)
    return recorded if recorded.any() else None


def _candidates(frame: np.ndarray, counts: np.ndarray) -> list[int]:
    """Return the values of long runs that are most frequent, and those in corners."""
    often = np.argsort(counts)[::-1][:_VALUES]
    corners = frame[:: frame.shape[0] - 1, :: frame.shape[1] - 1].ravel()
    least = max(_LEAST, int(_SHARE * frame.size))
    return [int(v) for v in dict.fromkeys([*often, *corners]) if counts[v] >= least]


def _regions(frame: np.ndarray, value: int, largest_cell: float) -> list[_Region]:
    """Return the connected regions of a value that have place, shape and size of padding."""
    height, width = frame.shape
    packed = bits.pack_above(frame == value, False)
    least = max(_LEAST, int(_SHARE * frame.size))
    labelling.remove_by_size(packed, width, least, frame.size - 1)
    if not packed.any():
        return []
    labels = labelling.label(packed, width)
    found, areas = boxes.boxes_and_areas(labels, int(labels.max()))
    corners = labels[:: height - 1, :: width - 1]
    y0, x0, y1, x1 = found.T
    sides = np.minimum(y1 - y0, x1 - x0)
    rectangles = areas >= _FILLED * (y1 - y0) * (x1 - x0)
    inside = (y0 > 0) & (x0 > 0) & (y1 < height) & (x1 < width)
    spanning = (y1 - y0 == height) | (x1 - x0 == width)
    masked = (rectangles & (sides >= _SIDE) & (areas >= _AREA)) | (areas > largest_cell)
    likely = np.where(inside, masked, rectangles & spanning)
    likely[corners[corners > 0].astype(np.int64) - 1] = True
    chosen = []
    for i in np.flatnonzero(likely):
        mask = labels == i + 1
        # Pixels that have one value by chance are connected, too, but ragged.
        if np.count_nonzero(mask[:, 1:] != mask[:, :-1]) > 2 * height + _RAGGED * areas[i]:
            continue
        if rectangles[i] or not inside[i] or areas[i] >= _CONVEX * _hull_of(mask).volume:
            chosen.append(_Region(mask, value, int(areas[i]), tuple(map(int, found[i]))))
    return chosen


def _hull_of(mask: np.ndarray):
    """Return the convex hull of the pixels of a mask, squares of side 1, y before x."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    corners = [np.stack([rows + dy, columns + dx], axis=1)
               for columns, dx in ((first, -0.5), (last, 0.5)) for dy in (-0.5, 0.5)]  # fmt: skip
    return ConvexHull(np.concatenate(corners))


def _profile(frame: np.ndarray, mask: np.ndarray, value: int, depths: int) -> np.ndarray:
    """Return how far the brightness is from a value 1..depths pixels outside a mask.

    It is (n, depths) float32, NaN beyond the frame and inside the mask; one row for each side of a
    pixel at which the mask ends.
    """
    height, width = mask.shape
    found = []
    for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        outside = np.zeros(mask.shape, bool)
        here = outside[max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)]
        here[:] = ~mask[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
        y, x = np.nonzero(outside & mask)
        lines = np.full((len(y), depths), np.nan, np.float32)
        for k in range(1, depths + 1):
            v, u = y + k * dy, x + k * dx
            inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
            inside[inside] = ~mask[v[inside], u[inside]]
            distance = np.abs(frame[v[inside], u[inside]].astype(np.float32) - value)
            lines[inside, k - 1] = distance
        found.append(lines)
    return np.concatenate(found)


def _means(profile: np.ndarray) -> np.ndarray:
    """Return the mean of each depth, NaN without any."""
    known = np.isfinite(profile)
    numbers = known.sum(axis=0)
    totals = np.where(known, profile, 0).sum(axis=0, dtype=np.float64)
    return np.where(numbers, totals / np.maximum(numbers, 1), np.nan)


def _ends_abruptly(frame: np.ndarray, region: _Region) -> bool:
    """Return whether the brightness jumps, or is noise, at a region's edge.

    A flat background goes on beside its edge, and a saturated cell, or one clipped at 0, fades.
    """
    y0, x0, y1, x1 = region.box
    around = (slice(max(y0 - _DEPTHS, 0), y1 + _DEPTHS), slice(max(x0 - _DEPTHS, 0), x1 + _DEPTHS))
    profile = _profile(frame[around], region.mask[around], region.value, _DEPTHS)
    beside = profile[:, 0][np.isfinite(profile[:, 0])]
    if not len(beside) or np.mean(beside <= 1) > _BESIDE:
        return False
    means = _means(profile)
    deeper = means[_SOFTEST - 1 :]
    deeper = deeper[np.isfinite(deeper)]
    # At the frame's border shape tells more than the edge: that of a field stop is blurred.
    edge = means[_SOFTEST - 1] if region.sides() else means[0]
    return not len(deeper) or not edge < _SOFT * deeper[-1]


def _is_even(frame: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether neighbouring pixels of a mask mostly have the same value.

    An even background without noise has neighbours of one value wherever there is no cell.
    """
    part, same = mask[::_STEP], frame[::_STEP, 1:] == frame[::_STEP, :-1]
    pairs = same[part[:, 1:] & part[:, :-1]]
    return len(pairs) > 0 and bool(pairs.mean() > _NOISE)


def _at_border(regions: list[_Region], even: bool) -> list[_Region]:
    """Return the regions at the border that are padding."""
    chosen = []
    for region in regions:
        corner = region.sides() > 1 and region.smallest_side() >= _RUN and region.area >= _AREA
        corner &= not even
        small = region.area <= region.mask.size / 2
        if region.is_rectangle() and small and (region.spans_frame() or corner):
            chosen.append(region)
    rest = [region for region in regions if not any(region is r for r in chosen)]
    if not rest:
        return chosen
    hull = _Hull([*rest, *chosen], _RECORDED[int(even)])
    if hull.is_full:
        return chosen + [r for r in rest if hull.share_inside(r) <= _INSIDE]
    return chosen


class _Hull:
    """The convex hull of what lies outside some regions."""

    def __init__(self, regions: list[_Region], least: float) -> None:
        self.rows = np.arange(len(regions[0].mask))
        outside = ~np.any([r.mask for r in regions], axis=0)
        outside &= _without_specks(outside)
        self.is_full = False
        if not outside.any():
            return
        found = _hull_of(outside)
        self.planes = found.equations  # of unit normals to the outside, and offsets
        self.is_full = bool(
            outside.mean() >= least and outside.sum() >= (1 - _LACKING) * found.volume
        )

    def share_inside(self, region: _Region) -> float:
        """Return the share of a region that is more than 1.5 pixels inside the hull."""
        low, high = np.full(len(self.rows), -np.inf), np.full(len(self.rows), np.inf)
        for a, b, c in self.planes:
            # a y + b x + c <= -1.5
            bound = -1.5 - c - a * self.rows
            if abs(b) < 1e-9:
                high[bound < 0] = -np.inf
            elif b > 0:
                high = np.minimum(high, bound / b)
            else:
                low = np.maximum(low, bound / b)
        y, x = np.nonzero(region.mask)
        return float(np.mean((x >= low[y]) & (x <= high[y])))


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) bool without pieces too small to be a part of the recorded field."""
    packed = bits.pack_above(mask, False)
    labelling.remove_by_size(packed, mask.shape[1], int(_SPECK * mask.size) + 1, mask.size)
    return bits.unpack(packed, mask.shape[1])


def _with_soft_edge(frame: np.ndarray, region: _Region) -> np.ndarray:
    """Return a region's mask, grown by its blurred edge.

    Interpolation mixes the padding into the pixels beside it, and a field stop is out of focus:
    there the brightness is nearer to that of the region than deeper inside the frame.
    """
    from scipy.ndimage import binary_dilation

    mask = region.mask
    for _ in range(_SOFTEST):
        means = _means(_profile(frame, mask, region.value, 3))
        if not means[0] < _SOFT * means[2]:
            break
        mask = binary_dilation(mask)
    return mask
