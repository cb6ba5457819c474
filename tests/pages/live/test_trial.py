"""Sliders for a recording that was not processed yet: what they compute, and the page."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

pytest.importorskip("bokeh", reason="Bokeh is not installed (requirements-inspect.txt)")

from fovea.config.validation import validated
from fovea.errors import FoveaError, counted
from fovea.inspection.arrays import segment, track
from fovea.pages.live.trial_work import FRAMES, Settings, Trials, read_samples
from fovea.simulation.simulate import simulate
from support.harness import dataset
from support.live_page import served

pytestmark = pytest.mark.xdist_group("trial")
DARK = {"mode": "dark", "contrast": "dark", "cell_diameter": 36}
TRACKING = {"method": "iou", "overlap": "mask", "min_iou": 0.1, "max_gap": 1, "divisions": False}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two fields of view of 9 frames, with fluorescence."""
    folder = tmp_path_factory.mktemp("trial")
    simulate(folder / "small.ome.tiff", folder / "truth", cells=[5, 6], fovs=2, frames=9,
             height=160, width=192, channels=1, interval=900.0)  # fmt: skip
    return folder / "small.ome.tiff"


def test_frames_of_the_middle_are_read(recording):
    samples, channel = read_samples(str(recording), None)
    assert channel == 0
    assert [sample.fov for sample in samples] == [0, 1]
    assert samples[0].frames == [2, 3, 4, 5, 6]
    assert samples[0].images.shape == (FRAMES, 160, 192)
    assert samples[0].part(True) is samples[0].images
    assert read_samples(str(recording), 1)[1] == 1
    with pytest.raises(FoveaError):
        read_samples(str(recording), 7)


def test_what_the_sliders_show_is_what_a_run_computes(recording):
    samples, _ = read_samples(str(recording), None)
    trials, settings = Trials(samples), Settings(DARK, TRACKING, 1, 2, True)
    labels = segment(samples[1].images, "phase", **DARK)
    ids, lineage = track(labels, **TRACKING)
    first, second = trials.run(settings)
    assert not first.tracked
    assert first.words.startswith(counted(len(first.cells), "object"))
    assert set(first.cells) == set(np.unique(labels[2])) - {0}
    assert second.tracked
    assert set(second.cells) == set(np.unique(ids[2])) - {0}
    assert f"{len(lineage)} cells in 5 frames" in second.words
    rows, columns = np.nonzero(ids[2] == 1)
    middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
    assert second.centres[1] == middle
    other = Settings({**DARK, "cell_diameter": 3}, TRACKING)
    with pytest.raises(FoveaError, match="needs a cell diameter of 4 pixels at least"):
        next(trials.run(other))


@pytest.mark.parametrize("mode", ["adherent", "network", "general", "dark"])
@pytest.mark.parametrize("contrast", ["dark", "bright"])
def test_the_lines_are_a_config(mode, contrast):
    given = Settings({"mode": mode, "contrast": contrast, "cell_diameter": 30}, TRACKING)
    found = yaml.safe_load(given.text)
    checked = validated({"datasets": {"a": dataset("a.nd2")}} | found)["params"]
    assert checked["segmentation"]["mode"] == mode
    assert checked["segmentation"]["cell_diameter"] == 30
    assert checked["tracking"]["max_gap"] == 1
    if contrast == "bright":
        assert checked["segmentation"]["contrast"] == "bright"


def test_the_page(recording, window):
    with served("--preview", recording) as (address, lines):
        page = window(address)
        page.until_text("suggested", "</div>", seconds=600)  # of a box with advice
        page.until_text("found", "cells in 5 frames in a row")
        page.until(  # the slider and the lines are changed by messages of their own
            "Bokeh.documents[0].get_model_by_name('config').text.includes('cell_diameter: '"
            " + Math.round(Bokeh.documents[0].get_model_by_name('diameter').value) + '}')"
        )
        page.shot("11_preview")
        page.page.get_by_role("button", name="Try this one").first.click()
        page.page.evaluate("Bokeh.documents[0].get_model_by_name('diameter').value = 61")
        page.until_text("config", "cell_diameter: 61")
        page.until_text("found", "in a row")
    assert "channel 0 is taken for phase contrast" in lines
