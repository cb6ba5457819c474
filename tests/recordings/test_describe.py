"""The description of a recording, and that its config snippet is a config."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.config.validation import validated
from fovea.recordings.describe import dataset_name, describe, guess_phase, main
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
    assert snippet_of(text)["datasets"]["a"]["time"] == {"interval": 1, "unit": "min"}


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
            assert dataset["time"]["interval"] == 1
    text = describe("stopped.nd2")
    assert "  frames           0: 4, 12 x 10 pixels" in text
    assert "  frames           1: 1 of 4 planned, 12 x 10 pixels" in text
    assert "  frames           2: 0 of 4 planned" in text
    assert "  note             incomplete: 1 of 4 planned frames exist in field of view 1" in text


def test_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for p in range(3):
        write_ome_tiff(
            f"p{p}.ome.tif", pixels(3), fovs=[p], deltas=np.arange(18.0).reshape(3, 3, 2)
        )
    with tifffile.TiffWriter("plain.tif") as tif:
        for page in pixels(1, 4, 1, 2).reshape(-1, 12, 10):
            tif.write(page, metadata=None, contiguous=False)
    assert main(["p*.ome.tif"]) == 0
    assert "3 files, p0.ome.tif to p2.ome.tif: OME-TIFF" in capsys.readouterr().out
    assert main(["--together", "p0.ome.tif", "p2.ome.tif"]) == 0
    out = capsys.readouterr().out
    assert "fields of view   2 (p0, p2)" in out
    assert snippet_of(out)["datasets"]["p0"]["input"] == ["p0.ome.tif", "p2.ome.tif"]
    assert main(["plain.tif"]) == 1
    assert "name the axes in the config" in capsys.readouterr().err
    assert main(["--axes", "TCYX", "--sizes", "C=2", "--", "plain.tif"]) == 0
    assert "frames           4, 12 x 10 pixels" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["plain.tif", "--axes", "TCYX", "--sizes", "C"])


def test_as_a_script(tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels())
    script = Path(__file__).parents[2] / "scripts" / "describe.py"
    run = subprocess.run(
        [sys.executable, script, "a.nd2"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("a.nd2: ND2, uint16\n")
    assert run.stderr == ""


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
