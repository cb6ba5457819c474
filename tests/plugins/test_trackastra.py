"""The plug-in of Trackastra, against a stand-in with the interface of the real package."""

from __future__ import annotations

import csv
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import yaml

import fovea
from fovea.config.plan import Plan
from fovea.config.validation import ConfigError, validated
from fovea.errors import FoveaError
from fovea.jobs.prepare import prepare
from fovea.plugins import shared
from fovea.plugins.loader import keep_only
from fovea.plugins.registry import TRACKING, load
from fovea.store.reader import ArrayReader
from fovea.tracking.track import track
from support.channels import write_channel
from support.stand_in_plugins import STAND_INS, stand_ins

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "docs" / "plugins" / "trackastra_tracking.py"


@pytest.fixture
def events(tmp_path, monkeypatch):
    """The stand-in on the path; a function that returns what it noted, without the times."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with stand_ins(tmp_path, monkeypatch, ["trackastra"], [PLUGIN]) as noted:
        yield noted


def recording(frames=9, empty=(), divides=5):
    """Labels and counts, (T, H, W): a cell that moves right, and one that divides."""
    labels = np.zeros((frames, 40, 60), np.uint16)
    for t in range(frames):
        labels[t, 4:10, 4 + 3 * t : 10 + 3 * t] = 2
        if t < divides:
            labels[t, 25:31, 20:32] = 1
        else:
            labels[t, 25:31, 18:24], labels[t, 25:31, 28:34] = 1, 3
        if t in empty:
            labels[t] = 0
    return labels, 100 + 50 * (labels > 0).astype(np.uint16)


def linked(labels, images, **options):
    return load(TRACKING, "trackastra")(**options).link(labels, images)


def test_a_division_becomes_lineage(events, tmp_path):
    labels, images = recording()
    source, target = tmp_path / "seg_labeled_ch_0", tmp_path / "seg_tracked_ch_0"
    write_channel(source, labels)
    write_channel(tmp_path / "pc_ch_0", images)
    options = {"method": "trackastra", "weights_folder": str(tmp_path / "w")}
    track(source, target, options, lineage=tmp_path / "lineage.csv", images=tmp_path / "pc_ch_0")
    with (tmp_path / "lineage.csv").open() as file:
        rows = [[row[key] for key in ("cell", "first_frame", "last_frame", "parent")]
                for row in csv.DictReader(file)]  # fmt: skip
    assert rows == [["1", "0", "4", "0"], ["2", "0", "8", "0"], ["3", "5", "8", "1"],
                    ["4", "5", "8", "1"]]  # fmt: skip
    with ArrayReader(target / "0") as ids:
        assert [set(np.unique(frame)) for frame in ids] == [{0, 1, 2}] * 5 + [{0, 2, 3, 4}] * 4


def test_frames_that_were_not_recorded_are_passed_over(events, tmp_path):
    labels, images = recording()
    write_channel(tmp_path / "seg_labeled_ch_0", labels, missing=[2, 3])
    write_channel(tmp_path / "pc_ch_0", images, missing=[2, 3])
    options = {"method": "trackastra", "weights_folder": str(tmp_path / "w")}
    track(tmp_path / "seg_labeled_ch_0", tmp_path / "seg_tracked_ch_0", options,
          images=tmp_path / "pc_ch_0")  # fmt: skip
    assert [start[2] for start in events("start")] == ["7"]
    with ArrayReader(tmp_path / "seg_tracked_ch_0" / "0") as ids:
        assert int(ids[8].max()) == 4


@pytest.mark.parametrize("frames", [2, 6, 7, 32])
@pytest.mark.parametrize("empty", [(), (0,), (4,), (3, 5), (8,), range(9)])
def test_pieces_give_the_links_of_the_whole(frames, empty, events, tmp_path):
    stack = recording(empty=empty)
    found = linked(*stack, frames=frames, weights_folder=str(tmp_path / "w"))
    whole = linked(*stack, frames=100, weights_folder=str(tmp_path / "w"))
    assert (found.chains, found.parents) == (whole.chains, whole.parents)
    sizes = [int(start[2]) for start in events("start")]
    least = 6  # three frames of a window of four before a link's first frame, and after its second
    assert max(sizes, default=0) <= max(9 if frames > 9 else 0, frames, least, 9)
    assert len(events("load")) <= 1


def test_pieces_hold_every_run_of_frames_that_decides_on_a_link(events):
    """Brute force: links of t and t + 1 are decided by all windows that hold both."""
    pieces = sys.modules[load(TRACKING, "trackastra").__module__].pieces
    for count in range(1, 14):
        for most in range(2, 12):
            for around in (2, 3, 4, 6):
                seen = []
                for wanted, piece in pieces([True] * count, most, around):
                    length = piece.stop - piece.start
                    assert length <= max(most, 2 * around - 2)
                    seen += wanted
                    for t in wanted:
                        for start in range(count - min(around, count) + 1):
                            if start <= t and t + 1 < start + min(around, count):
                                assert piece.start <= start
                                assert start + min(around, count) <= piece.stop
                assert seen == list(range(count - 1))


def test_parameters_reach_trackastra(events, tmp_path):
    linked(*recording(), mode="greedy_nodiv", max_distance=30, batch_size=2,
           weights_folder=str(tmp_path))  # fmt: skip
    assert events("start") == [["start", "cpu", "9", "greedy_nodiv", "2", "30"]]
    assert events("load") == [["load", str(tmp_path / "general_2d"), "cpu"]]


@pytest.mark.parametrize(
    ("gpus", "wanted", "device"),
    [(0, "auto", "cpu"), (1, "auto", "cuda"), (1, "gpu", "cuda"), (1, "cpu", "cpu")],
)
def test_devices(gpus, wanted, device, events, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEA_GPUS", str(gpus))
    linked(*recording(), device=wanted, weights_folder=str(tmp_path))
    assert events("load")[0][2] == device
    assert bool(shared._held) == (device == "cuda")


def test_a_gpu_that_is_not_there(events, tmp_path):
    with pytest.raises(FoveaError, match=r"a GPU is asked for \(device: gpu\), and PyTorch finds"):
        linked(*recording(), device="gpu", weights_folder=str(tmp_path))


def test_a_gpu_with_too_little_memory(events, tmp_path):
    with pytest.raises(FoveaError, match="the memory of the GPU is too small; set batch_size: 1"):
        linked(*recording(), batch_size=65, weights_folder=str(tmp_path))


# ------------------------------------------------------------------------------------ the weights


def test_weights_are_fetched_once(events, tmp_path):
    options = {"method": "trackastra", "model": "ctc", "weights_folder": str(tmp_path)}
    for number in (1, 2):
        target = tmp_path / f"prepared_{number}.yaml"
        prepare(target, "tracking", options)
        assert yaml.safe_load(target.read_text()) == {
            "package": "trackastra 0.5.6", "weights": str(tmp_path / "ctc" / "model.pt"),
            "bytes": 7,
        }  # fmt: skip
    assert len(events("download")) == 1
    assert events("load") == []


JOB = """
import sys
from fovea.plugins.loader import load_plugins
from fovea.plugins.registry import TRACKING, load
load_plugins([sys.argv[1]])
module = sys.modules[load(TRACKING, "trackastra").__module__]
module.network(module.weights("general_2d", sys.argv[2]), "auto")
"""


def test_jobs_fetch_one_after_the_other(events, tmp_path):
    variables = dict(os.environ) | {"PYTHONPATH": f"{STAND_INS}{os.pathsep}{ROOT / 'scripts'}"}
    command = [sys.executable, "-c", JOB, str(PLUGIN), str(tmp_path / "weights")]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: run(command, env=variables, check=True), range(2)))
    assert len(events("download")) == 1
    assert len(events("load")) == 2


def test_a_folder_that_is_half_there_is_completed(events, tmp_path):
    (tmp_path / "general_2d").mkdir()
    (tmp_path / "general_2d" / "config.yaml").write_text("half")
    linked(*recording(), weights_folder=str(tmp_path))
    assert len(events("download")) == 1


def test_without_internet(events, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    with pytest.raises(FoveaError) as caught:
        linked(*recording(), weights_folder=str(tmp_path))
    assert f"{tmp_path}/general_2d/model.pt: the file cannot be fetched (OSError" in str(
        caught.value
    )


def test_damaged_weights(events, tmp_path):
    import_module("trackastra.model").folder_of(tmp_path / "mine")
    (tmp_path / "mine" / "model.pt").write_text("{}")
    with pytest.raises(FoveaError, match="mine: Trackastra cannot load this network"):
        linked(*recording(), model=str(tmp_path / "mine"))


def test_the_package_is_missing(events, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(STAND_INS)])
    with pytest.raises(FoveaError, match="the package trackastra is missing; give the same"):
        prepare(tmp_path / "p.yaml", "tracking",
                {"method": "trackastra", "model": "ctc", "weights_folder": None})  # fmt: skip


# -------------------------------------------------------------------------------------- the config


def config(**tracking):
    return {
        "datasets": {"a": {"input": "a.tif", "channels": {"pc": 0, "fl": []}}},
        "plugins": [str(PLUGIN)],
        "params": {"tracking": {"method": "trackastra", **tracking}},
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "genral_2d"}, "params.tracking: model: there is no file model.pt in a folder"),
        ({"frames": 1}, "params.tracking: frames: allowed: a whole number of at least 2"),
        ({"max_distance": 0}, "params.tracking.max_distance: 0 is too small; allowed: a number"),
        ({"device": "gpus"}, "params.tracking.device: 'gpus' is unknown; allowed: auto, gpu, cpu"),
        ({"mode": "best"}, "params.tracking.mode: 'best' is unknown; allowed: greedy, greedy_nod"),
        ({"max_gap": 1}, "params.tracking.max_gap: this key belongs to method"),
    ],
)
def test_wrong_parameters_are_refused_before_any_job(given, message):
    with pytest.raises(ConfigError) as caught:
        validated(config(**given))
    keep_only([])
    assert message in str(caught.value)
    assert len(caught.value.lines) == 1


def test_what_jobs_ask_for():
    asked = {}
    for device in ("auto", "gpu", "cpu"):
        plan = Plan(validated(config(device=device))).datasets["a"]
        asked[device] = plan.gpus("tracking"), plan.more_seconds("track")
        assert plan.more_memory("track") == 5000
        assert plan.more_memory("segment") == plan.more_seconds("segment") == 0
        assert plan.prepared("tracking") == ["results/{dataset}/prepared_tracking.yaml"]
        assert plan.prepared() == []
        assert plan.environment("tracking") == str(PLUGIN.with_name("trackastra.yaml"))
        assert [path.rsplit("/images.zarr/")[1] for path in plan.images_to_track()] == [
            "pc_ch_0/0/zarr.json"
        ]
        assert "prepare_tracking" in [step.name for step in plan.dataset_steps()]
    plain = Plan(validated(config() | {"params": {}})).datasets["a"]
    keep_only([])
    assert [gpus for gpus, _ in asked.values()] == [1, 1, 0]
    assert asked["cpu"][1] > asked["gpu"][1] > 0
    assert plain.images_to_track() == plain.prepared("tracking") == []


def test_arrays_in_memory(events, tmp_path):
    labels, images = recording()
    with pytest.raises(FoveaError, match="tracking method trackastra needs images of the shape"):
        fovea.track(labels, "trackastra")
    _, lineage = fovea.track(labels, "trackastra", images=images, weights_folder=str(tmp_path))
    assert lineage["parent"].tolist() == [0, 0, 1, 1]


def test_the_environment_has_the_versions_of_fovea_and_exact_pins():
    own = yaml.safe_load((ROOT / "envs" / "fovea.yaml").read_text())["dependencies"]
    *conda, pip = yaml.safe_load(PLUGIN.with_name("trackastra.yaml").read_text())["dependencies"]
    assert set(conda) - {"pip"} <= set(own)
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", line) for line in pip["pip"])
    assert f"version {pip['pip'][0].partition('==')[2]}" in PLUGIN.read_text()
