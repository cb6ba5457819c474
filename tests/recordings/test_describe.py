"""The description of a recording, and that its config snippet is a config."""

from __future__ import annotations

import logging

import pytest
import tifffile
import yaml

from fovea.config.validation import validated
from fovea.recordings.describe import dataset_name, describe, guess_phase
from fovea.recordings.inspect_input import inspect_input
from support.nd2_writer import write_nd2
from support.recordings import pixels, shared, write_ome_tiff


def snippet_of(text: str) -> dict:
    return yaml.safe_load(text.split("In config/config.yaml:")[1])


def test_real_recording():
    text = describe("nd2/cluster.nd2", base=shared("nd2").parent)
    assert text.startswith(
        "nd2/cluster.nd2: ND2, uint16\n"
        "  fields of view   1\n"
        "  frames           3, 31 x 38 pixels, 10 z planes\n"
        '  channels         0 "5-FAM/pH 9.0", 1 "FM 4-64/2% CHAPS"\n'
        "  pixel size       0.167809 micrometer\n"
        "  times            acquisition times: every 10.65 s (10.64 s to 10.65 s), over 21.3 s\n"
    )
    assert snippet_of(text)["datasets"]["cluster"]["z"] == "max"


def test_one_frame_needs_no_times(tmp_path):
    write_ome_tiff(tmp_path / "a.ome.tif", pixels(frames=1))
    text = describe("a.ome.tif", base=tmp_path)
    assert "  times            one frame each" in text
    assert "interval" not in text
    write_ome_tiff(tmp_path / "a.ome.tif", pixels(frames=2))
    text = describe("a.ome.tif", base=tmp_path)
    assert "  times            not stated in the file; set time.interval" in text
    assert snippet_of(text)["datasets"]["a"]["time"] == {"interval": None, "unit": "min"}


def test_snippets_are_configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nd2("a b.nd2", pixels(channels=3), names=["GFP: a, {b}", "Phase 10x", "yes"])
    write_nd2("stopped.nd2", pixels(fovs=3, frames=4), loops="PT", images=5)
    write_ome_tiff("merged.ome.tif", pixels(channels=1))
    for t in range(3):
        tifffile.imwrite(f"i_{t}.tif", pixels()[0, t, 0, 0], metadata=None)
    cases = [
        ("a b.nd2", "a_b", {"pc": 1, "fl": [0, 2]}),
        ("stopped.nd2", "stopped", {"pc": None, "fl": [0, 1]}),
        ("merged.ome.tif", "recording", {"pc": None, "fl": [0]}),
        ({"pattern": "i_{frame}.tif"}, "i", {"pc": None, "fl": [0]}),
    ]
    for source, name, expected in cases:
        config = validated(snippet_of(describe(source)))
        dataset = config["datasets"][name]
        assert dataset["input"] == source
        channels = dataset["channels"]
        assert (channels["pc"] and channels["pc"]["channel"]) == expected["pc"]
        assert [entry["channel"] for entry in channels["fl"]] == expected["fl"]
        if name == "stopped":
            assert dataset["exclude_fovs"] == [2]
        if name == "i":
            assert dataset["time"]["interval"] is None
    text = describe("stopped.nd2")
    assert "  frames           0: 4, 12 x 10 pixels" in text
    assert "  frames           1: 1 of 4 planned, 12 x 10 pixels" in text
    assert "  frames           2: 0 of 4 planned" in text
    assert "  note             incomplete: 1 of 4 planned frames exists in field of view 1" in text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["GFP", "Phase"], 1), (["DAPI", "BF"], 1), (["Brightfield", "Phase"], 0),
        (["TRITC", "phosphorescence"], None), (["Dextran", "Transmitted Light"], 1), ([], None),
    ],
)  # fmt: skip
def test_guessing_the_phase_channel(names, expected):
    assert guess_phase(names) == expected


def test_names_of_datasets():
    assert dataset_name("/data/My exp (2)ä.nd2") == "My_exp_2"
    assert dataset_name("img_{fov}_{channel}.tif") == "img"
    assert dataset_name("x/report.zarr/") == "recording"


def test_slices_that_may_be_time_points(tmp_path):
    data = pixels(1, 1, 5, 1)[0]
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    text = describe("a.tif", tmp_path)
    assert "saved as slices, set `input: {files: a.tif, axes: TYX}`" in text
    assert "z: max  # see the note on slices" in text
    assert "slices" not in describe({"files": "a.tif", "axes": "TYX"}, tmp_path)
    tifffile.imwrite(tmp_path / "b.tif", pixels(1, 2, 5, 1)[0], imagej=True)
    assert "slices" not in describe("b.tif", tmp_path)
    log = logging.getLogger("slices")
    messages = []
    log.addHandler(handler := logging.Handler())
    handler.emit = lambda record: messages.append(record.getMessage())
    inspect_input("a.tif", tmp_path / "metadata.yaml", base=tmp_path, log=log)
    assert any("axes: TYX" in message for message in messages)


def test_braces_in_a_path_are_said_as_the_check_says_them(tmp_path):
    folder = tmp_path / "exp {1}"
    folder.mkdir()
    write_ome_tiff(folder / "a.ome.tif", pixels(frames=1))
    text = describe("exp {1}/a.ome.tif", base=tmp_path)
    assert (
        "  note             exp {1}/a.ome.tif: Snakemake takes {1} in a path for a wildcard; "
        "rename the file or folder\n"
    ) in text


@pytest.mark.parametrize(
    ("image", "mask"),
    [("set2.ome.tif", "set2_ids.ome.tif"), ("a.ome.tif", "a_cp_masks.ome.tif"),
     ("a.ome.tif", "a_Simple Segmentation.ome.tif"), ("a.ome.tif", "mask_a.ome.tif"),
     ("p1.ome.tif", "p1-labels.tif"), ("p1.ome.tif", "p1.outlines.ome.tif")],
)  # fmt: skip
def test_masks_beside_images_are_never_fields_without_a_word(tmp_path, caplog, image, mask):
    logging.getLogger("fovea").propagate = True
    folder = tmp_path / "d"
    folder.mkdir()
    for name in (image, mask, "other.ome.tif", "stained_ids.ome.tif"):
        write_ome_tiff(folder / name, pixels(fovs=1, frames=1))
    text = describe("d", base=tmp_path)
    assert f"  left out         d/{mask}\n" in text
    assert "fields of view   3" in text
    assert "looks by its name" not in text
    with caplog.at_level("INFO"):
        inspect_input("d", tmp_path / "m.yaml", base=tmp_path)
    assert f"left out of the folder: d/{mask}" in caplog.text
    assert yaml.safe_load((tmp_path / "m.yaml").read_text())["fov_count"] == 3
    caplog.clear()
    listed = sorted(f"d/{path.name}" for path in folder.iterdir())
    for source in ("d/*.tif", listed):
        inspect_input(source, tmp_path / "m.yaml", base=tmp_path)
        said = [record.message for record in caplog.records if record.levelname == "WARNING"]
        words = f"d/{mask} looks by its name like the mask of d/{image}, and is taken for a field"
        assert any(line.startswith(words) for line in said)
        assert words in describe(source, base=tmp_path)
        assert yaml.safe_load((tmp_path / "m.yaml").read_text())["fov_count"] == 4
        caplog.clear()
