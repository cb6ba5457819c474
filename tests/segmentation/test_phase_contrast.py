"""Cells brighter than their surroundings: frames of them are inverted first."""

import numpy as np
import pytest
import yaml

from fovea.config.dataset_plan import DatasetPlan
from fovea.config.phase_tuning import MODES
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.segmentation.phase.found import resolved
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.simulation.field import Field


@pytest.fixture(scope="module")
def frame():
    return Field(5, 24, 240, 240, 9, channels=0).render(12).phase


# mode network is for textured cells, of which these are none
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "network"])
def test_inverted_frames_have_the_same_labels(frame, mode):
    options = {"mode": mode, "cell_diameter": 30}
    expected = segment_phase(frame, **options)
    assert expected.max() > 2
    inverted = (65535 - frame.astype(int)).astype(np.uint16)
    found = segment_phase(inverted, contrast="bright", **options)
    np.testing.assert_array_equal(found, expected)
    assert (segment_phase(frame, contrast="bright", **options) != expected).any()
    bytes_only = (frame >> 6).clip(0, 255).astype(np.uint8)
    expected = segment_phase(bytes_only, **options)
    assert expected.any()
    found = segment_phase((255 - bytes_only.astype(int)).astype(np.uint8), contrast="bright",
                          **options)  # fmt: skip
    np.testing.assert_array_equal(found, expected)


def test_what_is_no_contrast(frame):
    for other in ("auto", "light"):
        with pytest.raises(ValueError, match="contrast must be one of dark, bright, got"):
            segment_phase(frame, cell_diameter=30, contrast=other)


@pytest.mark.parametrize("given", ["auto", "dark", "bright"])
def test_a_contrast_that_nothing_was_found_for_leaves_frames_as_they_are(tmp_path, given):
    expected = "dark" if given == "auto" else given
    params = {"mode": "adherent", "contrast": given, "cell_diameter": 30}
    assert resolved(params, None) == params | {"contrast": expected}
    file = tmp_path / "segmentation.yaml"
    file.write_text(yaml.safe_dump({"mode": "dark", "cell_diameter": 20.0}))
    assert resolved(params, file) == {"mode": "dark", "contrast": expected, "cell_diameter": 20}
    file.write_text(
        yaml.safe_dump({"mode": "dark", "contrast": "bright", "cell_diameter": 20.0, "about": {}})
    )
    assert resolved(params, file) == {"mode": "dark", "contrast": "bright", "cell_diameter": 20}
    assert resolved({"method": "logstd"}, None) == {"method": "logstd"}


@pytest.mark.parametrize(
    ("given", "open_"),
    [
        ({"mode": "dark", "cell_diameter": 20}, True),
        ({"mode": "dark", "cell_diameter": 20, "contrast": "dark"}, False),
        ({"mode": "dark", "cell_diameter": 20, "contrast": "bright"}, False),
        ({"mode": "dark", "contrast": "bright"}, True),
        ({"mode": "adherent", "cell_diameter": 20}, False),
        ({"mode": "network", "cell_diameter": 20}, False),
        ({"cell_diameter": 20, "contrast": "dark"}, True),
        ({"method": "logstd"}, False),
    ],
)
def test_contrast_is_looked_for_in_mode_dark(given, open_):
    config = {
        "datasets": {"a": {"input": "a.tif", "channels": {"pc": 0}}},
        "params": {"segmentation": given},
    }
    dataset = Plan(validated(config)).datasets["a"]
    assert isinstance(dataset, DatasetPlan)
    assert dataset.leaves_open is open_
