"""Mode and diameter found without annotations."""

from dataclasses import replace

import numpy as np
import pytest

from fovea.config.limits import half_cell, least_frames, run_extraction
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.segmentation.phase.choose import Choice, Trial, _agreement, _window, choose
from fovea.segmentation.phase.found import doubt
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.simulation.field import simulate_fov
from support.recordings import shared


def seg(truth, found) -> float:
    matches = [match_frame(*pair) for pair in zip(truth, found, strict=True)]
    return segmentation_scores(matches)["SEG"]


def segmented(frames, mode, diameter):
    return [segment_phase(frame, mode=mode, cell_diameter=diameter) for frame in frames]


@pytest.fixture(scope="module")
def movie():
    field = simulate_fov(0, 12, 256, 256, 8, fov=0, crowded=False, channels=0)
    frames = [np.ascontiguousarray(frame) for frame in field.phase][::4]
    return frames, [labels.astype(np.uint32) for labels in field.labels][::4]


@pytest.mark.parametrize("factor", [1, 2])
def test_simulated_cells_of_any_size_are_found(movie, factor):
    frames, truth = (
        [np.kron(image, np.ones((factor, factor), image.dtype)) for image in part] for part in movie
    )
    best = choose(frames).best
    assert 24 * factor <= best.found <= 40 * factor
    assert seg(truth, segmented(frames, best.mode, best.cell_diameter)) > 0.7


def test_8_bits_and_blank_frames_change_little(movie):
    frames, _ = movie
    best = choose(frames).best
    low, high = min(f.min() for f in frames), max(f.max() for f in frames)
    bytes_only = [((f - low) * (255.0 / (high - low))).astype(np.uint8) for f in frames]
    others = choose([np.zeros_like(bytes_only[0]), *bytes_only]).best
    assert others.cell_diameter == pytest.approx(best.cell_diameter, rel=0.3)
    assert others.found == pytest.approx(best.found, rel=0.2)


def test_what_is_given_is_kept(movie):
    frames, _ = movie
    assert choose(frames, ("dark",)).best.mode == "dark"
    given = choose(frames, cell_diameter=24.0)
    assert {trial.cell_diameter for trial in given.trials} == {24.0}
    assert choose(frames, threads=3) == choose(frames)


def test_nothing_to_be_found():
    assert choose([]) is None
    assert choose([np.full((60, 60), 7, np.uint16)]) is None


def test_what_is_not_sure_is_told():
    good = Trial("dark", 20.0, 28.0, 9.0, 0.9, 8.0)
    other = replace(good, mode="adherent", contrast=7.0)
    worse = replace(other, contrast=2.0)
    assert Choice((good, worse)).sure
    assert Choice((good, other)).alternative == other
    text = doubt(Choice((good, other)))
    assert text.endswith("compare both: fovea preview --mode adherent --cell-diameter 20")
    for less in (replace(good, agreement=0.4), replace(good, at_end=True)):
        assert not Choice((less,)).sure
        assert doubt(Choice((less,))).endswith("fovea preview --mode dark --cell-diameter 20")
    assert "smallest or the largest" in doubt(Choice((replace(good, at_end=True),)))


def test_agreement_counts_partners_of_all_frames():
    first = np.zeros((40, 40), np.uint16)
    first[4:14, 4:14], first[24:34, 4:14] = 1, 2
    moved = np.roll(first, 20, axis=1)
    same, other = _agreement([first], [first]), _agreement([first], [moved])
    assert same == pytest.approx(2 * 2 / (4 + 12))  # two of two, and six without a partner
    assert other == 0
    assert _agreement([first, first], [first, moved]) == pytest.approx(2 * 2 / (8 + 12))
    assert _agreement([first * 0], [first * 0]) == 0


def test_the_window_is_where_something_is_to_be_seen():
    frame = np.full((1500, 2048), 500, np.uint16)
    frame[1000:1100, 1800:1900] = np.random.default_rng(0).integers(0, 900, (100, 100))
    part = _window(frame)
    assert part.shape == (1024, 1024)
    assert part.max() > 500
    assert _window(frame[:800, :900]).shape == (800, 900)


def test_limits_are_in_proportion_to_the_recording():
    assert [least_frames(n) for n in (1, 2, 6, 48, 100, 180, 500)] == [1, 2, 2, 5, 10, 18, 20]
    assert [half_cell(d) for d in (12.5, 40)] == [7, 20]
    open_ = {"min_frames": None, "border_margin": None, "keep_merged": False}
    assert run_extraction(open_, 48, 31.0) == {
        "min_frames": 5, "border_margin": 16, "keep_merged": False
    }  # fmt: skip
    assert run_extraction(open_, 48, None)["border_margin"] is None
    given = {"min_frames": 30, "border_margin": 0}
    assert run_extraction(given, 48, 31.0) == given


#: Recordings, and 0.9 of the SEG that their best mode and diameter have.
REAL = {
    "ecoli_phase_fluo": ("ecoli_reference_ids", 0.83),
    "c2c12_phase": ("c2c12_ids", 0.47),
    "ecoli_colony": ("ecoli_colony_ids", 0.41),
    "t98g_phase": ("t98g_reference_ids", 0.65),
}


@pytest.mark.parametrize("name", REAL)
def test_real_cells_are_found_as_printed(name):
    from fovea.evaluation.annotated import read_position
    from fovea.recordings.readers import open_recording
    from fovea.recordings.sample import sample_frames

    reference, least = REAL[name]
    path = shared("nd2").parent / f"{name}.ome.tiff"
    with open_recording(str(path)) as recording:
        sampled = sample_frames(recording, 0)
    best = choose([s.image for s in sampled]).best
    known = read_position(path, path.with_name(f"{reference}.ome.tiff"))
    found = segmented(known.frames, best.mode, best.cell_diameter)
    assert seg(known.labels, found) >= least
