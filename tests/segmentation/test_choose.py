"""Mode and diameter found without annotations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fovea.config.limits import half_cell, least_frames, run_extraction
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.evaluation.simulated import SIMULATED
from fovea.segmentation.phase import advice
from fovea.segmentation.phase.choose import (
    Choice,
    Trial,
    _of_one_contrast,
    _ranked,
    choose,
    ways,
)
from fovea.segmentation.phase.measures import Measures
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.simulation.field import simulate_fov
from support.recordings import shared


def seg(truth, found) -> float:
    matches = [match_frame(*pair) for pair in zip(truth, found, strict=True)]
    return segmentation_scores(matches)["SEG"]


def segmented(frames, trial):
    return [segment_phase(frame, mode=trial.mode, contrast=trial.contrast,
                          cell_diameter=trial.cell_diameter) for frame in frames]  # fmt: skip


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
    assert seg(truth, segmented(frames, best)) > 0.7


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


def test_traced_outlines_come_first_where_modes_are_alike():
    measures = Measures(20, 9.0, 21.0, 0.9, 0.5, 1.0, 0.9, 0.9, 0.1, 0.0)
    network = Trial("general", "dark", 20.0, measures, 0.77)
    alike, worse, far = (replace(network, mode="dark", score=v) for v in (0.755, 0.74, 0.3))
    assert _ranked([network, alike]) == (alike, network)
    assert _ranked([worse, network]) == (network, worse)
    assert _ranked([far, network]) == (network,)
    assert _ranked([]) == ()


def test_what_is_not_sure_is_told():
    measures = Measures(20, 9.0, 21.0, 0.9, 0.5, 1.0, 0.9, 0.9, 0.1, 0.0)
    good = Trial("dark", "bright", 20.0, measures, 0.8)
    other = replace(good, mode="adherent", contrast="dark", score=0.75)
    worse = replace(other, score=0.5)
    assert Choice((good, worse)).sure
    assert Choice((good, other)).alternative == other
    text = advice.doubt(Choice((good, other)))
    assert text.endswith("compare both: fovea preview --mode adherent --cell-diameter 20")
    unsteady = replace(good, measures=replace(measures, agreement=0.3))
    for less in (unsteady, replace(good, at_end=True)):
        assert not Choice((less,)).sure
        shown = "fovea preview --mode dark --contrast bright --cell-diameter 20"
        assert advice.doubt(Choice((less,))).endswith(shown)
    assert "smallest or the largest" in advice.doubt(Choice((replace(good, at_end=True),)))
    poor = Choice((replace(good, score=0.2),))
    assert not poor.fits
    assert not poor.sure
    assert "Cellpose or Omnipose (docs/plugins/README.md)" in advice.doubt(poor)


def test_a_plain_table_and_line_of_the_config():
    measures = Measures(20, 9.0, np.nan, 0.9, 0.5, 1.0, 0.9, 0.9, 0.1, 0.0)
    dark = Trial("dark", "bright", 20.5, measures, 0.8)
    net = Trial("network", "dark", 30.0, measures, 0.5)
    lines = advice.table(Choice((dark, net)))
    assert [line.split()[:4] for line in lines[1:]] == [
        ["dark", "bright", "20.5", "-"], ["network", "dark", "30", "-"]
    ]  # fmt: skip
    assert lines[1].split()[-2:] == ["0.80", "good"]
    assert lines[2].split()[-2:] == ["0.50", "fair"]
    assert advice.parameters(net) == {"method": "phase", "mode": "network", "cell_diameter": 30}
    assert advice.parameters(dark) == {
        "method": "phase", "mode": "dark", "contrast": "bright", "cell_diameter": 20.5
    }  # fmt: skip


def ellipses(side: int = 320, count: int = 34, radius: float = 13.0, level: float = -500.0):
    """Draw dark ellipses with a soft edge on even ground with noise: frame and labels."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:side, :side]
    image, labels = np.zeros((side, side)), np.zeros((side, side), np.uint16)
    for _ in range(40 * count):
        y, x = rng.uniform(radius, side - radius, 2)
        turn, long = rng.uniform(0, np.pi), rng.uniform(1.1, 1.5)
        along = (xx - x) * np.cos(turn) + (yy - y) * np.sin(turn)
        across = (yy - y) * np.cos(turn) - (xx - x) * np.sin(turn)
        far = np.hypot(along / (radius * long), across / radius)
        if labels.max() == count or (labels[far < 1.25] > 0).any():
            continue
        labels[far < 1] = labels.max() + 1
        image += level / (1 + np.exp(np.minimum((far - 1) * 12, 50)))
    frame = 2000 + image + rng.normal(0, 15, image.shape)
    return frame.astype(np.uint16), labels


@pytest.mark.parametrize("kind", ["dark", "bright", "padded", "noisy", "small", "stripes"])
def test_cells_of_every_look_are_found(kind):
    frame, labels = ellipses(radius=7, count=90) if kind == "small" else ellipses()
    true = np.sqrt(4 / np.pi * np.median(np.bincount(labels.ravel())[1:]))
    if kind == "bright":
        frame = ~frame
    elif kind == "noisy":
        noise = np.random.default_rng(0).normal(0, 60, frame.shape)
        frame = (frame + noise).astype(np.uint16)
    elif kind == "stripes":  # uneven light
        frame = (frame + 400 * np.linspace(-1, 1, len(frame)) ** 3).astype(np.uint16)
    elif kind == "padded":
        frame, labels = (np.pad(image, ((60, 0), (40, 110))) for image in (frame, labels))
    choice = choose([frame])
    best = choice.best
    assert choice.fits
    assert best.found == pytest.approx(true, rel=0.25)
    assert seg([labels.astype(np.uint32)], segmented([frame], best)) > 0.6


@pytest.mark.parametrize("kind", ["noise", "smooth noise", "lines", "gradient"])
def test_where_there_are_no_cells_none_fits(kind):
    rng = np.random.default_rng(1)
    yy, xx = np.mgrid[:300, :300]
    frame = {
        "noise": 1000 + rng.normal(0, 30, (300, 300)),
        "smooth noise": 1000 + 400 * gaussian_filter(rng.normal(0, 5, (300, 300)), 2),
        "lines": 1000 + 200 * np.sin(xx / 5 + yy / 9) + rng.normal(0, 20, (300, 300)),
        "gradient": 1000.0 + xx + 2 * yy,
    }[kind]
    choice = choose([np.clip(frame, 0, 65535).astype(np.uint16)])
    assert choice is None or not choice.fits


def test_mode_general_is_named_with_the_better_contrast_only():
    measures = Measures(20, 9.0, 21.0, 0.9, 0.5, 1.0, 0.9, 0.9, 0.1, 0.0)
    dark = Trial("general", "dark", 20.0, measures, 0.7)
    bright, other = replace(dark, contrast="bright", score=0.72), replace(dark, mode="dark")
    both = {("general", "dark"): [dark, replace(dark, cell_diameter=40.0)],
            ("general", "bright"): [bright], ("dark", "dark"): [other],
            ("dark", "bright"): [replace(other, contrast="bright")]}  # fmt: skip
    assert _of_one_contrast(both) == [bright, other, replace(other, contrast="bright")]
    both["general", "bright"] = []
    assert _of_one_contrast(both)[:2] == both["general", "dark"]
    assert _of_one_contrast({}) == []


def test_bright_cells_with_soft_outlines_are_found_by_mode_general():
    position = SIMULATED["bright"]().positions[0]
    best = choose(position.frames[:1]).best
    assert (best.mode, best.contrast) == ("general", "bright")
    assert seg(position.labels[:1], segmented(position.frames[:1], best)) > 0.6


def test_both_contrasts_are_tried_unless_one_is_given():
    assert ("dark", "bright") in ways(("dark", "network"))
    assert len(ways(("dark",))) == len(ways(("general",))) == 2
    assert ways(("adherent",)) == [("adherent", "dark")]
    assert ways(("adherent", "dark"), "bright") == [("adherent", "bright"), ("dark", "bright")]
    frame, _ = ellipses(side=200, count=12)
    assert {t.contrast for t in choose([frame], contrast="bright").trials} == {"bright"}


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
    found = segmented(known.frames, best)
    assert seg(known.labels, found) >= least
