"""The config that `fovea describe` prints."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import yaml

from fovea.cli import main
from fovea.config.validation import validated
from fovea.recordings.describe import guess_phase, is_fluorescence
from fovea.recordings.readers import open_recording
from fovea.recordings.sample import sample_frames
from fovea.simulation.field import simulate_fov
from support.recordings import pixels, write_ome_tiff


@pytest.fixture(scope="module")
def movie():
    """Phase contrast and something bright on a dark ground, (T, C, H, W); one empty frame first."""
    field = simulate_fov(0, 11, 200, 200, 6, fov=0, crowded=False, channels=0)
    phase = np.stack([np.asarray(frame) for frame in field.phase])
    phase[0] = np.random.default_rng(0).normal(np.median(phase), 5, phase[0].shape)
    light = 100 + 900 * (np.asarray(field.labels) > 0)
    return np.stack([light.astype(np.uint16), phase], axis=1)


def printed(capsys, path) -> tuple[str, dict]:
    assert main(["describe", str(path)]) == 0
    text = capsys.readouterr().out
    return text, yaml.safe_load(text.split("In config/config.yaml:")[1])


def write(path, movie, **metadata):
    tifffile.imwrite(path, movie, ome=True, metadata={"axes": "TCYX", **metadata})


def test_the_printed_config_finds_the_cells(tmp_path, monkeypatch, capsys, movie):
    monkeypatch.chdir(tmp_path)
    write("a.ome.tif", movie, TimeIncrement=30, TimeIncrementUnit="min")
    text, config = printed(capsys, "a.ome.tif")
    complete = validated(config)
    dataset = complete["datasets"]["a"]
    assert dataset["channels"]["pc"]["channel"] == 1  # which no name tells
    assert "# by its brightness: check it" in text
    segmentation = dataset["params"]["segmentation"]
    assert segmentation["method"] == "phase"
    assert segmentation["mode"] in ("adherent", "dark", "network")
    assert 12 <= segmentation["cell_diameter"] <= 40
    assert dataset["params"]["extraction"]["min_frames"] == 2
    margin = dataset["params"]["extraction"]["border_margin"]
    assert margin == np.ceil(segmentation["cell_diameter"] / 2)
    tracking = dataset["params"]["tracking"]
    assert (tracking["method"], tracking["max_gap"], tracking["max_merge"]) == ("lap", 2, 8)
    assert tracking["drift"]
    assert dataset["params"]["background"]["method"] == "local_surface"
    assert complete["samples"] == [{"name": "a", "dataset": "a", "fovs": "all"}]
    assert "{t0: {high: 5.0}}" in text  # 10 intervals of half an hour
    assert max(map(len, text.split("In config/config.yaml:")[1].splitlines())) <= 100
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert len(comments) >= 6
    analysis = "\n".join(c.removeprefix("#").removeprefix(" ") for c in comments[-2:])
    assert validated(config | yaml.safe_load(analysis))["analysis"][0]["model"] == "maturation"


def test_without_times_no_sample_is_asked_for(tmp_path, monkeypatch, capsys, movie):
    monkeypatch.chdir(tmp_path)
    write("a.ome.tif", movie)
    text, config = printed(capsys, "a.ome.tif")
    assert "samples" not in config
    assert "# samples:" in text


def test_nothing_to_be_found_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_ome_tiff("flat.ome.tif", pixels(fovs=1, channels=1) * 0 + 5)
    text, config = printed(capsys, "flat.ome.tif")
    assert validated(config)["datasets"]["flat"]["channels"]["pc"] is None
    noise = np.random.default_rng(0).integers(900, 1100, (3, 1, 120, 120)).astype(np.uint16)
    write("noise.ome.tif", noise)
    text, config = printed(capsys, "noise.ome.tif")
    validated(config)
    assert "None fits" in text or "no cells could be told" in text


def test_frames_are_from_all_fields_and_times(tmp_path):
    stack = pixels(fovs=5, frames=9, channels=1)
    write_ome_tiff(tmp_path / "a.ome.tif", stack)
    with open_recording(str(tmp_path / "a.ome.tif")) as recording:
        found = sample_frames(recording, 0)
        assert len(found) == 8
        assert {s.fov for s in found} == {0, 1, 2, 3, 4}
        assert {s.frame for s in found} >= {0, 8}
        assert len({(s.fov, s.frame) for s in found}) == 8
        for s in found:
            np.testing.assert_array_equal(s.image, stack[s.fov, s.frame, 0, 0])
        assert len(sample_frames(recording, 0, count=3)) == 3


@pytest.mark.parametrize(
    ("name", "phase", "light"),
    [
        ("TL-Brightfield", True, False), ("Trans", True, False), ("PhC", True, False),
        ("BF_10x", True, False), ("Camera 1 (DIC)", True, False), ("TL", True, False),
        ("mCherry", False, True), ("488 nm", False, True), ("EGFP", False, True),
        ("Channel 0", False, False), ("translation reporter", False, False),
        ("TRITC", False, True), ("title", False, False),
    ],
)  # fmt: skip
def test_names_of_channels(name, phase, light):
    assert (guess_phase([name]) == 0) is phase
    assert is_fluorescence(name) is light
