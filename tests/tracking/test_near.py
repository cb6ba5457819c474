"""Objects next to a place, which are found by an index of rows, against a look at all of them."""

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st

from fovea.tracking.chains import Chains
from fovea.tracking.contents import Contents
from fovea.tracking.objects import Objects
from support.reference import track
from support.strategies import examples, seeds

sizes = st.tuples(st.integers(0, 60), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))


def random_objects(rng, number, height, width, largest):
    """Objects with boxes anywhere; some labels do not occur, and some take no part."""
    boxes = np.zeros((number, 4), np.int32)
    for side, length in ((0, height), (1, width)):
        boxes[:, side] = rng.integers(0, length, number)
        extent = rng.integers(1, largest + 1, number)
        boxes[:, 2 + side] = np.minimum(boxes[:, side] + extent, length)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1, dtype=np.int64)
    areas[rng.random(number) < 0.15] = 0
    missing = rng.random(number) < 0.15
    areas[missing], boxes[missing] = 0, (height, width, 0, 0)  # as of `boxes_and_areas`
    return Objects(boxes, areas, shift=rng.integers(-largest, largest + 1, 2))


@given(seeds, sizes)
@examples(150)
def test_boxes_that_overlap_with_a_box(seed, size):
    rng = np.random.default_rng(seed)
    objects = random_objects(rng, *size)
    _, height, width, _ = size
    for _ in range(20):
        y0, x0 = rng.integers(-20, (height + 20, width + 20)).tolist()
        box = y0, x0, y0 + int(rng.integers(1, height + 20)), x0 + int(rng.integers(1, width + 20))
        found = objects.within(box)
        assert found.tolist() == track.within(objects.boxes, objects.areas, box)
        event("some" if len(found) else "none")


@given(seeds, sizes)
@examples(60)
def test_objects_near_those_of_other_frames(seed, size):
    rng = np.random.default_rng(seed)
    frames = [random_objects(rng, *size) for _ in range(3)]
    nobody = np.zeros((2, 0), np.int64)
    contents = Contents(Chains(frames, [(*nobody,), (*nobody,)]), 0, True)
    drift = np.cumsum([here.shift for here in frames], axis=0)
    for t, before in enumerate(frames):
        for label in (before.members + 1).tolist():
            for other, here in enumerate(frames):
                box = before.boxes[label - 1] + np.tile(drift[other] - drift[t], 2)
                plain = track.within(here.boxes, here.areas, track.wider(box.tolist()))
                assert contents.near((t, label), other) == [(other, i + 1) for i in plain]
