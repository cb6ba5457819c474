"""Labels that agree with those of neighbouring frames."""

import numpy as np
import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from fovea.segmentation.consistent import consistent
from fovea.segmentation.repair import Frame
from fovea.segmentation.segment import segment
from fovea.simulation.field import Field
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import read_attributes, write_group
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter
from support.reference import consistent as plain
from support.strategies import examples, label_stacks, renumber, seeds

ONE = np.zeros((12, 20), np.uint16)
ONE[2:10, 2:18] = 1
TWO = ONE.copy()
TWO[2:10, 10:18] = 2
APART = TWO.copy()  # a background gap between daughters
APART[:, 9:11] = 0
NONE = np.zeros_like(ONE)


def objects(frames, **levels):
    """Number of objects in each frame, and the kinds of the decisions."""
    stack = [Frame(labels, **{k: v[t] for k, v in levels.items()})
             for t, labels in enumerate(frames)]  # fmt: skip
    found = list(consistent(stack))
    return [int(labels.max()) for labels, _ in found], {k for _, d in found for k, _ in d}


@pytest.mark.parametrize(
    ("frames", "expected", "kinds"),
    [
        ([ONE, ONE, TWO, ONE, ONE], [1, 1, 1, 1, 1], {"joined"}),  # in two for a frame
        ([ONE, TWO, TWO, ONE, ONE, ONE], [1, 1, 1, 1, 1, 1], {"joined"}),
        ([TWO, ONE, ONE, ONE], [2, 1, 1, 1], set()),  # nothing is known from before
        ([TWO, TWO, ONE, TWO, TWO], [2, 2, 2, 2, 2], {"parted"}),  # two in one for a frame
        ([TWO, ONE, ONE, TWO, TWO], [2, 2, 2, 2, 2], {"parted"}),
        ([ONE, ONE, NONE, ONE, ONE], [1, 1, 1, 1, 1], {"filled"}),  # missing for a frame
        ([ONE, NONE, NONE, ONE], [1, 1, 1, 1], {"filled"}),
        ([ONE, ONE, ONE, TWO, TWO, TWO, TWO], [1, 1, 1, 2, 2, 2, 2], set()),  # a division
        ([ONE, ONE, APART, APART, APART], [1, 1, 2, 2, 2], set()),
        ([ONE, ONE, TWO, ONE, TWO, TWO, TWO, TWO], [1, 1, 2, 2, 2, 2, 2, 2], {"parted"}),
        ([TWO, TWO, TWO, ONE, ONE, ONE, ONE, ONE], [2, 2, 2, 1, 1, 1, 1, 1], set()),
        ([ONE, ONE, NONE, NONE, NONE, NONE], [1, 1, 0, 0, 0, 0], set()),  # it has left
        ([NONE, NONE, ONE, ONE], [0, 0, 1, 1], set()),
        ([NONE], [0], set()),
        ([TWO], [2], set()),
        ([], [], set()),
    ],
)
def test_by_hand(frames, expected, kinds):
    assert objects(frames) == (expected, kinds)


def test_coarser_labels_keep_one_cell_one():
    # it stays in two: the coarser labels say that this border is doubtful
    frames = [ONE, ONE, TWO, TWO, TWO, TWO]
    assert objects(frames, coarser=[ONE] * 6) == ([1] * 6, {"joined"})
    # daughters, which the coarser labels part, too
    assert objects(frames, coarser=[ONE, ONE, TWO, TWO, TWO, TWO]) == ([1, 1, 2, 2, 2, 2], set())


def test_finer_labels_part_cells_that_stay_together():
    frames = [TWO, TWO, ONE, ONE, ONE, ONE]
    found = list(consistent([Frame(f, finer=TWO) for f in frames]))
    for labels, _ in found:  # along the border of the finer labels
        np.testing.assert_array_equal(labels, TWO)


def test_faint_objects_are_kept_where_a_cell_was():
    faint = [NONE, ONE, ONE, ONE, NONE]
    frames = [ONE, ONE, NONE, NONE, NONE]
    assert objects(frames, finer=faint) == ([1, 1, 1, 1, 0], {"kept"})
    # but not where none was
    assert objects([NONE] * 5, finer=faint) == ([0] * 5, set())


def test_holes_get_the_pixels_that_both_neighbours_have():
    moved = np.roll(ONE, 2, axis=1)
    found = [labels for labels, _ in consistent([Frame(ONE), Frame(NONE), Frame(moved)])]
    np.testing.assert_array_equal(found[1], (ONE > 0) & (moved > 0))


@st.composite
def flickering(draw):
    """Frames of labels that flicker, with finer and coarser labels that need not fit to them."""
    stack = draw(label_stacks(largest=16, longest=6))
    if draw(st.booleans()):  # one mask, whose cells are parted and joined at random
        rng = np.random.default_rng(draw(seeds))
        base = stack[0] % 7
        ways = [np.concatenate([[0], rng.integers(0, 5, 6)]).astype(np.uint16) for _ in stack]
        stack = np.stack([way[base] for way in ways])
    if draw(st.booleans()):
        return [(labels, None, None) for labels in stack]
    rng = np.random.default_rng(draw(seeds))
    levels = [stack, stack[rng.permutation(len(stack))], stack[rng.permutation(len(stack))]]
    if draw(st.booleans()):
        levels[1] = np.stack([renumber(labels.astype(np.int64), rng) for labels in levels[1]])
    return list(zip(*levels, strict=True))


@given(flickering(), st.integers(0, 4))
@examples(150)
def test_as_the_plain_version(frames, window):
    expected = list(plain.consistent(frames, window))
    found = list(consistent((Frame(*frame) for frame in frames), window))
    for (labels, decisions), (other, others) in zip(found, expected, strict=True):
        for kind, _ in decisions:
            event(kind)
        np.testing.assert_array_equal(labels, other)
        assert decisions == others


def test_memory_does_not_grow_with_the_recording():
    alive, most = 0, 0

    class Counted(Frame):
        def __init__(self, labels):
            nonlocal alive, most
            object.__setattr__(self, "labels", labels)
            object.__setattr__(self, "finer", None)
            object.__setattr__(self, "coarser", None)
            alive += 1
            most = max(most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

    for _ in consistent(Counted(ONE) for _ in range(50)):
        pass
    assert most <= 6


def written(folder, frames, threads, **parameters):
    about = provenance("copy_raw", {})
    with ArrayWriter(folder / "pc_ch_0/0", frames.shape, "uint16", about) as out:
        for frame in frames:
            out.append(frame)
    write_group(folder / "pc_ch_0", ngff("pc_ch_0"))
    target = folder / "seg_labeled_ch_0"
    segment(folder / "pc_ch_0", target, parameters, threads=threads)
    with ArrayReader(target / "0") as labels:
        found = np.stack(list(labels))
    return found, read_attributes(target / "0")["fovea"]


@pytest.mark.parametrize("parameters", [
    {"method": "phase", "mode": "general", "cell_diameter": 16.0},
    {"method": "logstd", "morph_size": 3, "morph_iterations": 1, "min_object_size": 20},
])  # fmt: skip
def test_the_step(tmp_path, parameters):
    field = Field(3, 8, 120, 120, 7, channels=0)
    frames = np.stack([field.render(t).phase for t in range(7)])
    frames[3] = 30000  # an empty frame
    plainly, about = written(tmp_path / "a", frames, 1, **parameters)
    assert "decisions" not in about
    parameters["consistency"] = True
    once, about = written(tmp_path / "b", frames, 1, **parameters)
    again, others = written(tmp_path / "c", frames, 3, **parameters)
    np.testing.assert_array_equal(once, again)
    assert about == others
    decided = [tuple(pair) for kind in about["decisions"].values() for pair in kind]
    assert decided
    filled = about["decisions"]["filled"]
    # all of what is there in the empty frame, and else only where nothing was found
    assert [n for t, n in filled if t == 3] == list(range(1, once[3].max() + 1))
    assert once[3].any()
    assert not any(plainly[t][once[t] == n].any() for t, n in filled)
    assert not plainly[3].any()
    for t, label in decided:
        assert (once[t] == label).any()
    unchanged = set(range(7)) - {t for t, _ in decided}
    for t in unchanged:
        np.testing.assert_array_equal(once[t], plainly[t])


def test_the_key_is_a_parameter_of_the_job_only_where_it_is_true():
    from fovea.config.validation import validated

    def parameters(text):
        given = yaml.safe_load(text)
        config = {"datasets": {"a": {"input": "a.tif", "channels": {"pc": 0}, "params": given}}}
        return validated(config)["datasets"]["a"]["params"]["segmentation"]

    assert "consistency" not in parameters("segmentation: {consistency: false}")
    for method in ("phase", "logstd"):
        text = f"segmentation: {{method: {method}, consistency: true}}"
        assert parameters(text)["consistency"] is True
