"""What is wrong with a config for its recording is found as soon as the recording is inspected."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.runs.check_recording import check_recording

METADATA = """\
files: [data/rec.nd2]
channels: [PC, "GFP/ä 1", "GFP/ä 1"]
fov_count: 2
times: {source: none}
fields:
- {name: a, height: 9, width: 9, planes: 2, frames: 4, planned_frames: 4}
- {name: b, height: 9, width: 9, planes: 3, frames: 6, planned_frames: 6}
"""


def check(
    folder: Path, rows: str = "", names: tuple = (None, None), samples=(), metadata=METADATA,
    **entry,
) -> None:  # fmt: skip
    """Check a dataset `a`; `rows` are those of the curation table."""
    pc, fl = ({"channel": index, "name": name} for index, name in enumerate(names))
    given = {"input": "data/rec.nd2", "channels": {"pc": pc, "fl": [fl]}} | entry
    datasets = {"a": given, "b": given}
    table = folder / "curation.csv"
    config = {"datasets": datasets, "samples": list(samples), "curation": str(table)}
    config = validated(config)
    (folder / "metadata.yaml").write_text(metadata, "utf-8")
    table.write_text(f"dataset,fov,cell,good,from_frame,to_frame\n{rows}", "utf-8")
    check_recording("a", config, folder / "metadata.yaml")


SAMPLE = {"name": "s", "dataset": "a", "fovs": "0-1"}
TIMED = {"samples": [SAMPLE], "time": {"interval": 5}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"names": ("PC", "GFP/ä  1")},
        {"names": (None, unicodedata.normalize("NFD", "GFP/ä 1"))},
        {"z": 1},
        {"z": 2, "fovs": [1]},
        {"z": "max"},
        TIMED,
        TIMED | {"rows": "a,1,3,true,5,\nb,7,1,false,,\n"},
        {"samples": [SAMPLE | {"fovs": [0]}], "time": {"mapping": {n: n for n in range(4)}}},
    ],
)
def test_what_fits(tmp_path, more):
    check(tmp_path, **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"fovs": [0, 2]}, "datasets.a.fovs: 2 is not in the recording"),
        ({"exclude_fovs": [7]}, "datasets.a.exclude_fovs: 7 is not"),
        ({"samples": [SAMPLE | {"fovs": [4]}]}, "samples[0].fovs: 4 is not in the recording"),
        (
            {"names": (None, "GFP")},
            'channel 1 is called "GFP/ä 1", not "GFP"; the input has 0 "PC"',
        ),
        ({"names": ("pc", None)}, 'channel 0 is called "PC", not "pc"'),
        (
            {"channels": {"pc": 0, "fl": [3]}},
            'data/rec.nd2: there is no channel 3; the input has 0 "PC"',
        ),
        ({"z": 2}, "data/rec.nd2: field of view 0 has no z plane 2; it has 2 (0 to 1)"),
        ({"samples": [SAMPLE]}, "data/rec.nd2: has no times of its frames"),
        (
            {"samples": [SAMPLE], "time": {"mapping": {n: n for n in range(5)}}},
            "time.mapping has no time for frame 5 of field of view 1",
        ),
        (TIMED | {"rows": "a,2,3,true,,\n"}, "curation.csv: line 2: a has no field of view 2"),
        (TIMED | {"rows": "a,0,3,true,4,\n"}, "line 2: from_frame is 4, and the last frame of a"),
        (TIMED | {"rows": "a,0,3,perhaps,,\n"}, "line 2: good is 'perhaps'"),
        (TIMED | {"rows": "c,0,3,true,,\n"}, "line 2: 'c' is no dataset of the config"),
    ],
)
def test_what_does_not_fit(tmp_path, more, message):
    with pytest.raises(FoveaError) as error:
        check(tmp_path, **more)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_that_is_wrong_is_named_at_once(tmp_path):
    with pytest.raises(FoveaError) as error:
        check(tmp_path, "a,0,3,perhaps,,\n", samples=[SAMPLE], z=3)
    for part in ("has no z plane 3", "has no times of its frames", "good is 'perhaps'"):
        assert part in str(error.value)


def test_a_z_plane_that_a_channel_lacks(tmp_path):
    planes = 'channel_planes: ["1", "0-1", "0-2"]'
    text = METADATA.replace("frames: 6, planned", f"frames: 6, {planes}, planned")
    for z, names in ((2, [0, 2]), (1, [0, 1])):  # a channel with one plane serves for any z
        entry = {"channels": {"pc": names[0], "fl": [names[1]]}, "z": z, "fovs": [1]}
        check(tmp_path, metadata=text, **entry)
    with pytest.raises(FoveaError) as error:
        check(tmp_path, metadata=text, z=2, fovs=[1])
    assert str(error.value) == (
        "data/rec.nd2: field of view 1 has no z plane 2 of channel 1, which was recorded in the "
        "planes 0-1; correct `z` in the config"
    )
