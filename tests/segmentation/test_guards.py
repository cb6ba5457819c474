"""A guard that removes everything says so in the log, and at the end of the run."""

import json

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.runs.removed import removed
from fovea.segmentation.guards import Removal, collected, note, words


def test_notes_are_collected_where_somebody_listens():
    note("faint", 1, 4, "the contrast")
    with collected() as noted:
        note("faint", 1.5, 4, "the contrast")
    note("faint", 2, 4, "the contrast")
    assert noted == [Removal("faint", 1.5, 4.0, "the contrast")]


def test_the_words_name_guard_frames_value_and_remedy():
    removals = {t: Removal("faint", 1 + t / 10, 4.0, "the contrast") for t in (0, 1, 2, 7)}
    (line,) = words(removals, 9)
    assert line.startswith("guard `faint` removed every object in 4 of 9 frames (0-2, 7): ")
    assert "the contrast is 1 to 1.7, and 4 is needed" in line
    assert "set params.segmentation.tuning: {faint: 0.9}" in line
    assert words({}, 9) == []


def test_the_end_of_a_run_warns(tmp_path):
    config = {"datasets": {"a": {"input": "a.tif", "channels": {"pc": 0}}}}
    plan = Plan(validated(config))
    assert removed(plan, [("a", "000"), ("a", "")], tmp_path) == ""
    array = tmp_path / "results/a/fov_000/images.zarr/seg_labeled_ch_0/0"
    array.mkdir(parents=True)
    about = {"fovea": {"removed": ["guard `faint` removed every object"]}}
    (array / "zarr.json").write_text(json.dumps({"zarr_format": 3, "attributes": about}))
    text = removed(plan, [("a", "000")], tmp_path)
    assert text.startswith("Fovea: WARNING: dataset a, field of view 0: guard `faint` removed")
