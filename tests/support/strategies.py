"""Hypothesis strategies and settings shared by the property tests.

Arrays are drawn as a few parameters and the seed of a random generator: that keeps large
arrays cheap, and a failing example is still printed as something one can repeat.
A normal run takes the same examples every time. `FOVEA_EXAMPLES=50` takes fifty times as many,
other ones in every run (`make sweep`).
"""

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from support.reference import morphology

MULTIPLIER = int(os.environ.get("FOVEA_EXAMPLES", "1"))

settings.register_profile(
    "fovea",
    max_examples=60 * MULTIPLIER,
    deadline=None,
    derandomize="FOVEA_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fovea")


def examples(number):
    """Settings for a test that takes another number of examples than the default."""
    return settings(max_examples=number * MULTIPLIER)


seeds = st.integers(0, 2**32 - 1)

# Masks are packed into words of 64 bits
WORD_EDGES = (63, 64, 65, 127, 128, 129)


@st.composite
def shapes(draw, largest=48):
    """(H, W) from 1 x 1, single rows and columns, and widths around multiples of 64."""
    kind = draw(st.sampled_from(["any", "any", "row", "column", "word", "word", "tiny"]))
    if kind == "any":
        return draw(st.integers(1, largest)), draw(st.integers(1, largest))
    if kind == "row":
        return 1, draw(st.integers(1, 140))
    if kind == "column":
        return draw(st.integers(1, 140)), 1
    if kind == "word":
        return draw(st.integers(1, largest)), draw(st.sampled_from(WORD_EDGES))
    return draw(st.integers(1, 4)), draw(st.integers(1, 4))


def distance_to_edge(height, width):
    """Chebyshev distance of each pixel to the image's edge."""
    y, x = np.mgrid[:height, :width]
    return np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))


def spiral(height, width):
    """One line of one pixel's width, wound up with gaps of one pixel."""
    mask = np.zeros((height, width), dtype=bool)
    y, x, dy, dx = 0, 0, 0, 1
    mask[0, 0] = True

    def free(y, x):
        return 0 <= y < height and 0 <= x < width and not mask[y, x]

    def may_go(dy, dx):
        return free(y + dy, x + dx) and (
            not (0 <= y + 2 * dy < height and 0 <= x + 2 * dx < width)
            or free(y + 2 * dy, x + 2 * dx)
        )

    while True:
        if not may_go(dy, dx):
            dy, dx = dx, -dy
            if not may_go(dy, dx):
                return mask
        y, x = y + dy, x + dx
        mask[y, x] = True


def snake(height, width):
    """Every second row, joined at alternating ends."""
    mask = np.zeros((height, width), dtype=bool)
    mask[::2] = True
    mask[1::4, -1] = True
    mask[3::4, 0] = True
    return mask


def blobs(height, width, rng, number=6):
    """Overlapping ellipses."""
    mask = np.zeros((height, width), dtype=bool)
    y, x = np.mgrid[:height, :width]
    reach = max(1.5, min(height, width) / 4)
    for _ in range(number):
        a, b = rng.uniform(1, reach, 2)
        angle = rng.uniform(0, np.pi)
        v, u = y - rng.uniform(0, height), x - rng.uniform(0, width)
        along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        mask |= (along / a) ** 2 + (across / b) ** 2 <= 1
    return mask


MASKS = (
    "none", "all", "one pixel", "one missing", "random", "random", "dense", "checkerboard",
    "grid", "stripes", "comb", "snake", "spiral", "rings", "rings at the edge", "frame",
    "blobs", "blobs", "holed blobs", "rectangles",
)  # fmt: skip


def make_mask(kind, height, width, rng):
    """A mask (H, W) of the given kind."""
    shape = (height, width)
    mask = np.zeros(shape, dtype=bool)
    y, x = np.mgrid[:height, :width]
    depth = distance_to_edge(height, width)
    if kind == "all":
        mask[:] = True
    elif kind in ("one pixel", "one missing"):
        mask[rng.integers(height), rng.integers(width)] = True
        mask ^= kind == "one missing"
    elif kind == "random":
        mask = rng.random(shape) < rng.random()
    elif kind == "dense":  # near the percolation threshold: large ragged components
        mask = rng.random(shape) < rng.uniform(0.5, 0.7)
    elif kind == "checkerboard":
        mask = (y + x) % 2 == rng.integers(2)
    elif kind == "grid":
        mask = (y % 2 == rng.integers(2)) & (x % 2 == rng.integers(2))
    elif kind == "stripes":
        mask = (x // rng.integers(1, 6)) % 2 == rng.integers(2)
    elif kind == "comb":  # teeth that join in the last row only
        mask = x % 2 == 0
        mask[-1] = True
    elif kind == "snake":
        mask = snake(height, width)
    elif kind == "spiral":
        mask = spiral(height, width)
    elif kind == "rings":
        mask = (depth % rng.integers(2, 5)) == 1
    elif kind == "rings at the edge":
        mask = (depth % rng.integers(2, 5)) == 0
    elif kind == "frame":  # one ring with at most one gap, which may be diagonal
        mask = depth == rng.integers(3)
        points = np.argwhere(mask)
        if len(points) and rng.random() < 0.7:
            mask[tuple(points[rng.integers(len(points))])] = False
    elif kind == "blobs":
        mask = blobs(height, width, rng, rng.integers(1, 9))
    elif kind == "holed blobs":
        mask = blobs(height, width, rng, 8) & (rng.random(shape) < 0.93)
    elif kind == "rectangles":
        for _ in range(rng.integers(1, 8)):
            top, left = rng.integers(height), rng.integers(width)
            mask[
                top : top + rng.integers(1, height + 1), left : left + rng.integers(1, width + 1)
            ] ^= True
    return mask


@st.composite
def masks(draw, shape=None, largest=48):
    """Masks (H, W) bool, in any of eight orientations."""
    height, width = draw(shapes(largest)) if shape is None else shape
    kind = draw(st.sampled_from(MASKS))
    rng = np.random.default_rng(draw(seeds))
    turned = draw(st.booleans())
    mask = make_mask(kind, *((width, height) if turned else (height, width)), rng)
    mask = mask.T if turned else mask
    return np.ascontiguousarray(mask[:: draw(st.sampled_from([1, -1])), :: rng.choice([1, -1])])


FRAMES = (
    "constant", "noise", "narrow noise", "two values", "salt and pepper", "gradient",
    "powers of two", "extremes", "textured", "textured", "textured", "modes",
)  # fmt: skip


def make_frame(kind, mask, rng):
    """A frame (H, W) uint16 with structure where `mask` is."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width]
    value = int(rng.choice([0, 1, 255, 1000, 32768, 65534, 65535]))
    if kind == "constant":
        frame = np.full(mask.shape, value)
    elif kind == "noise":
        frame = rng.integers(0, 65536, mask.shape)
    elif kind == "narrow noise":
        frame = value + rng.integers(-2, 3, mask.shape)
    elif kind == "two values":
        frame = np.where(mask, value, rng.integers(0, 65536))
    elif kind == "salt and pepper":
        frame = np.full(mask.shape, value)
        hit = rng.random(mask.shape) < rng.choice([0.002, 0.05, 0.3])
        frame[hit] = rng.choice([0, 65535], np.count_nonzero(hit))
    elif kind == "gradient":
        frame = y * rng.integers(0, 900) + x * rng.integers(0, 900)
    elif kind == "powers of two":  # standard deviations whose logarithms fall on bins' edges
        frame = (y + x) % 2 * 2 ** (mask + (x // 8 + y // 8) % 5 * int(rng.integers(1, 4)))
    elif kind == "extremes":
        frame = np.where(mask, 65535, 0)
    elif kind == "textured":  # phase contrast: a quiet background, restless cells
        frame = 20000 + rng.normal(0, rng.choice([3, 30, 100]), mask.shape)
        frame += mask * rng.normal(0, rng.choice([30, 300, 3000]), mask.shape)
        frame += (x + y) * rng.choice([0, 0, 10])
    else:  # "modes": two levels of noise of about equal weight
        frame = 30000 + rng.normal(0, np.where(mask, 4000, 40))
    return np.clip(frame, 0, 65535).astype(np.uint16)


@st.composite
def frames(draw, largest=48):
    """Frames (H, W) uint16; half of them large and structured enough to hold objects."""
    rng = np.random.default_rng(draw(seeds))
    if draw(st.booleans()):
        return make_frame(draw(st.sampled_from(FRAMES)), draw(masks(largest=largest)), rng)
    shape = draw(st.integers(largest // 2, 2 * largest)), draw(st.sampled_from((40, *WORD_EDGES)))
    mask = make_mask(draw(st.sampled_from(["blobs", "holed blobs", "rectangles"])), *shape, rng)
    return make_frame(draw(st.sampled_from(["textured", "textured", "modes"])), mask, rng)


def cell_like(height, width, rng, number=12):
    """A frame (H, W) uint16 like phase contrast: noise, dark textured bodies, bright halos."""
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:height, :width]
    frame = 12000 + 1500 * np.sin(y / height) + 800 * np.cos(2 * x / width)
    for _ in range(number):
        a, b = rng.uniform(8, 22, 2)
        r = np.hypot((y - rng.uniform(0, height)) / a, (x - rng.uniform(0, width)) / b)
        frame = np.where((r > 1) & (r < 1.35), frame + 4000 * rng.uniform(0.5, 1), frame)
        texture = gaussian_filter(rng.normal(0, 5000, frame.shape), 1.2)
        frame = np.where(r <= 1, 9000 + texture, frame)
    frame = gaussian_filter(frame, 0.8) + rng.normal(0, 60, frame.shape)
    return np.clip(frame, 0, 65535).astype(np.uint16)


def renumber(labels, rng):
    """Labels with gaps, in no order, up to 65535."""
    top = int(labels.max())
    table = np.concatenate([[0], rng.choice(65535, top, replace=False) + 1])
    return table[labels].astype(np.uint16)


@st.composite
def label_stacks(draw, largest=24, longest=6):
    """Labels (T, H, W) uint16: moving, unrelated and empty frames, values with gaps."""
    height, width = draw(shapes(largest))
    rng = np.random.default_rng(draw(seeds))
    kinds = st.sampled_from(["move", "move", "move", "stay", "new", "new", "empty", "mixed"])
    mask = make_mask(draw(st.sampled_from(MASKS)), height, width, rng)
    stack = []
    for kind in draw(st.lists(kinds, min_size=1, max_size=longest)):
        if kind == "move":
            mask = np.roll(mask, rng.integers(-2, 3, 2), (0, 1)) & (rng.random(mask.shape) < 0.99)
        elif kind == "new":
            mask = make_mask(draw(st.sampled_from(MASKS)), height, width, rng)
        labels, number = morphology.label(mask)
        if kind == "empty":
            labels = np.zeros((height, width), dtype=np.int64)
        elif kind == "mixed":  # labels of several pieces each, boxes nested in boxes
            labels = mask * rng.integers(0, 5, mask.shape)
        if number > 60:  # the reference compares every pair of objects
            labels = np.where(labels <= 60, labels, 0)
        stack.append(renumber(labels, rng) if draw(st.booleans()) else labels.astype(np.uint16))
    return np.stack(stack)


@st.composite
def single_masks(draw, largest=24):
    """Masks (h, w) bool with at least one pixel, as cells are."""
    mask = draw(masks(largest=largest))
    if not mask.any():
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = True
    return mask
