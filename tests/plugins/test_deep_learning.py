"""Plug-ins of Cellpose and Omnipose, against stand-ins with the interface of the real packages."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from fovea.config.plan import Plan
from fovea.config.validation import ConfigError, check_inputs, validated
from fovea.errors import FoveaError
from fovea.jobs import resources
from fovea.jobs.prepare import prepare
from fovea.plugins import shared
from fovea.plugins.loader import keep_only, load_plugins
from fovea.plugins.registry import SEGMENTATION, load
from fovea.segmentation.segment import segment
from fovea.store.reader import ArrayReader
from support.channels import write_channel
from support.stand_in_plugins import STAND_INS, stand_ins

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "plugins"
TOOLS = ("cellpose", "omnipose")


@pytest.fixture
def events(tmp_path, monkeypatch):
    """Stand-ins on the path; a function that returns what they noted so far, without the times."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    modules = ["cellpose", "cellpose_omni", "omnipose"]
    plugins = [DOCS / f"{tool}_segmentation.py" for tool in TOOLS]
    with stand_ins(tmp_path, monkeypatch, modules, plugins) as noted:
        yield noted


def frame(dtype=np.uint16, bright=True):
    """Two squares on a darker, or with ``bright=False`` on a brighter, ground."""
    image = np.full((40, 50), 100, dtype)
    image[20:30, 30:40] = image[5:15, 5:15] = 200
    return image if bright else image.max() + dtype(50) - image


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_are_counted_in_raster_order(tool, dtype, events, tmp_path):
    options = {"weights_folder": str(tmp_path / "w")}
    if tool == "omnipose":
        options["model"] = "bact_fluor_omni"
    labels = load(SEGMENTATION, tool)(frame(dtype), **options)
    assert labels.dtype == np.uint16
    assert labels.shape == (40, 50)
    assert (labels[10, 10], labels[25, 35], labels.max()) == (1, 2, 2)


@pytest.mark.parametrize(
    ("tool", "options", "inverted"),
    [
        ("cellpose", {"contrast": "auto"}, False),
        ("cellpose", {"contrast": "dark"}, False),
        ("cellpose", {"contrast": "bright"}, True),
        ("omnipose", {"contrast": "auto"}, False),
        ("omnipose", {"contrast": "dark"}, False),
        ("omnipose", {"contrast": "bright"}, True),
        ("omnipose", {"contrast": "bright", "model": "bact_fluor_omni"}, False),
        ("omnipose", {"contrast": "dark", "model": "bact_fluor_omni"}, True),
    ],
)
def test_frames_are_inverted_where_the_network_expects_the_other(
    tool, options, inverted, events, tmp_path
):
    """The stand-ins label what is brighter than the mean."""
    image = frame(bright=not inverted)
    labels = load(SEGMENTATION, tool)(image, weights_folder=str(tmp_path / "w"), **options)
    assert labels.max() == 2
    assert labels[25, 35] == 2


def test_parameters_reach_cellpose(events, tmp_path):
    method = load(SEGMENTATION, "cellpose")
    method(frame(), diameter=17.5, flow_threshold=0.6, cellprob_threshold=-1.0, min_size=40,
           batch_size=4, weights_folder=str(tmp_path))  # fmt: skip
    assert events("start") == [["start", "cpu", "4", "17.5", "0.6", "-1.0", "40"]]
    assert events("load") == [["load", str(tmp_path / "cpsam_v2"), "cpu"]]


def test_parameters_reach_omnipose(events, tmp_path):
    method = load(SEGMENTATION, "omnipose")
    method(frame(), diameter=17.5, flow_threshold=0.6, mask_threshold=-1.0, min_size=40,
           batch_size=4, weights_folder=str(tmp_path))  # fmt: skip
    assert events("start") == [["start", "cpu", "4", "17.5", "0.6", "-1.0", "40"]]
    # channels and classes are told from the weights
    assert events("load") == [["load", str(tmp_path / "bact_phase_omnitorch_0"), "cpu", "2", "3"]]


@pytest.mark.parametrize("tool", TOOLS)
def test_one_load_and_one_download_for_all_frames(tool, events, tmp_path):
    source, target = tmp_path / "pc_ch_0", tmp_path / "seg_labeled_ch_0"
    write_channel(source, np.stack([frame()] * 5))
    log = logging.getLogger("fovea")
    segment(source, target, {"method": tool, "weights_folder": str(tmp_path)}, log=log)
    assert len(events("load")) == 1
    assert len(events("download")) == 1
    assert len(events("start")) == 5
    with ArrayReader(target / "0") as found:
        assert [int(labels.max()) for labels in found] == [2] * 5


@pytest.mark.parametrize(
    ("gpus", "mps", "wanted", "device"),
    [
        (0, 0, "auto", "cpu"), (0, 0, "cpu", "cpu"), (1, 0, "auto", "cuda:0 (Stand-in)"),
        (1, 0, "gpu", "cuda:0 (Stand-in)"), (1, 0, "cpu", "cpu"), (0, 1, "auto", "mps"),
        (0, 1, "gpu", "mps"), (0, 1, "cpu", "cpu"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tool", TOOLS)
def test_the_log_names_the_device(
    tool, gpus, mps, wanted, device, events, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("FOVEA_GPUS", str(gpus))
    monkeypatch.setenv("FOVEA_MPS", str(mps))
    logger = logging.getLogger("fovea")
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level("INFO", logger="fovea"):
        load(SEGMENTATION, tool)(frame(), device=wanted, weights_folder=str(tmp_path))
    lines = [r.getMessage() for r in caplog.records if f"{tool} " in r.getMessage()]
    assert len(set(lines)) == 1  # other tests may have added a handler
    assert lines[0].endswith(f" on {device}")
    assert events("load")[0][2] == device.split()[0]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_gpu_that_is_not_there(tool, events, tmp_path):
    with pytest.raises(FoveaError, match=r"a GPU is asked for \(device: gpu\), and PyTorch finds"):
        load(SEGMENTATION, tool)(frame(), device="gpu", weights_folder=str(tmp_path))


# ------------------------------------------------------------------------- several jobs at once

JOB = """
import sys, numpy as np
from fovea.plugins.loader import load_plugins
from fovea.plugins.registry import SEGMENTATION, load
load_plugins([sys.argv[1]])
method = load(SEGMENTATION, "cellpose")
for _ in range(3):
    method(np.arange(600, dtype=np.uint16).reshape(20, 30), weights_folder=sys.argv[2])
"""


def jobs(number, folder):
    """Run several processes at once; each downloads if it has to, and segments three frames."""
    command = [sys.executable, "-c", JOB, str(DOCS / "cellpose_segmentation.py"), str(folder)]
    path = os.pathsep.join([str(STAND_INS), str(ROOT / "scripts")])
    variables = dict(os.environ) | {"PYTHONPATH": path}
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(lambda _: subprocess.run(command, env=variables, check=True), range(number)))


def used_at_once(file):
    """How many processes segmented on each device at the same time, at most."""
    spans = {}
    for line in file.read_text().splitlines():
        moment, pid, word, *rest = line.split("\t")
        if word in ("start", "end"):
            span = spans.setdefault((pid, rest[0]), [float(moment)] * 2)
            span[1] = float(moment)
    most = {}
    for (_, device), (start, _) in spans.items():
        now = sum(s <= start < e for (_, other), (s, e) in spans.items() if other == device)
        most[device] = max(most.get(device, 0), now)
    return most


def test_jobs_share_downloads_and_gpus(events, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEA_GPUS", "2")
    jobs(3, tmp_path / "weights")
    assert len(events("download")) == 1
    assert len(events("load")) == 3
    assert used_at_once(tmp_path / "events.tsv") == {"cuda:0": 1, "cuda:1": 1}


def test_a_killed_job_leaves_no_lock(events, tmp_path):
    code = (
        "import sys, time\nfrom fovea.plugins import own_gpu, made_once\n"
        "own_gpu(['a'])\nprint('held', flush=True)\n"
        "made_once(sys.argv[1], lambda: time.sleep(60))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "file")], stdout=subprocess.PIPE,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT / "scripts")},
    )  # fmt: skip
    assert process.stdout.readline() == b"held\n"
    lock = next(tmp_path.glob("fovea-*")) / "gpu-a.lock"
    assert shared._lock(lock) is None
    process.kill()
    process.wait()
    process.stdout.close()
    assert shared.own_gpu(["a"]) == 0
    made = shared.made_once(tmp_path / "file", lambda: (tmp_path / "file").write_text("x"))
    assert made.read_text() == "x"


def test_who_has_a_gpu_keeps_it(events):
    assert shared.own_gpu(["a", "b"]) == 0
    assert shared.own_gpu(["a", "b"]) == 0
    assert list(shared._held) == ["a"]


def test_file_systems_without_locks(events, tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError("No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    target = tmp_path / "file"
    assert shared.made_once(target, lambda: target.write_text("x")) == target


# ------------------------------------------------------------------------------------- the config


def config(tool, **segmentation):
    return {
        "datasets": {"a": {"input": "a.tif", "channels": {"pc": 0, "fl": []}}},
        "plugins": [str(DOCS / f"{name}_segmentation.py") for name in TOOLS],
        "params": {"segmentation": {"method": tool, **segmentation}},
    }


def test_each_method_has_its_own_defaults():
    """Both have a flow_threshold, and Fovea's own method has a contrast."""
    found = {tool: validated(config(tool))["params"]["segmentation"] for tool in TOOLS}
    keep_only([])
    assert found["cellpose"] == {
        "method": "cellpose", "model": "cpsam_v2", "diameter": None, "flow_threshold": 0.4,
        "cellprob_threshold": 0.0, "min_size": 15, "contrast": "auto", "device": "auto",
        "batch_size": 8, "weights_folder": None,
    }  # fmt: skip
    assert found["omnipose"]["flow_threshold"] == 0.0
    assert found["omnipose"]["model"] == "bact_phase_omni"


def test_whole_numbers_are_diameters_too():
    complete = validated(config("cellpose", diameter=30))
    keep_only([])
    assert repr(complete["params"]["segmentation"]["diameter"]) == "30.0"


@pytest.mark.parametrize(
    ("tool", "given", "message"),
    [
        ("cellpose", {"model": "cpsma"},
         "params.segmentation: model: there is no file cpsma; allowed: cpsam_v2, cpsam, or a file"),
        ("omnipose", {"model": "cpsam"},
         "params.segmentation: model: there is no file cpsam; allowed: bact_phase_omni, "),
        ("cellpose", {"diameter": 0}, "params.segmentation: diameter: 0 is too small; allowed: a"),
        ("omnipose", {"diameter": -3}, "params.segmentation: diameter: -3 is too small; allowed"),
        ("cellpose", {"batch_size": 0}, "params.segmentation: batch_size: allowed: a whole number"),
        ("omnipose", {"batch_size": 0}, "params.segmentation: batch_size: allowed: a whole number"),
        ("cellpose", {"device": "gpus"},
         "params.segmentation.device: 'gpus' is unknown; allowed: auto, gpu, cpu; did you mean"),
        ("cellpose", {"contrast": "light"}, "params.segmentation.contrast: 'light' is unknown; "),
        ("cellpose", {"diameter": "30"}, "params.segmentation.diameter: '30' is text; allowed: a"),
        ("cellpose", {"batch_size": 1.5}, "params.segmentation.batch_size: 1.5 is not a whole"),
        ("cellpose", {"min_size": None}, "params.segmentation.min_size: null (no value) is not"),
        ("cellpose", {"mask_threshold": 0},
         "params.segmentation.mask_threshold: this key belongs to method 'omnipose', but the"),
        ("omnipose", {"mask_treshold": 0}, "unknown key; "),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_before_any_job(tool, given, message):
    with pytest.raises(ConfigError) as caught:
        validated(config(tool, **given))
    keep_only([])
    assert message in str(caught.value)
    assert len(caught.value.lines) == 1


def test_a_file_of_weights_is_a_model(events, tmp_path):
    own = tmp_path / "own_weights"
    own.write_text("weights")
    validated(config("cellpose", model=str(own)))
    load_plugins([str(DOCS / "cellpose_segmentation.py")])
    load(SEGMENTATION, "cellpose")(frame(), model=str(own))
    assert events("load") == [["load", str(own), "cpu"]]
    assert events("download") == []


def test_weights_of_a_plugin_are_none_of_method_phase(tmp_path):
    """A plug-in may call a parameter of its own `weights`, which need not be a file."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from fovea.plugins import segmentation\n@segmentation('mine')\n"
        "def mine(frame, *, weights: str = 'big'):\n    return frame\n"
    )
    (tmp_path / "a.tif").write_bytes(b"")
    given = config("mine") | {"plugins": [str(path)]}
    given["datasets"]["a"]["input"] = str(tmp_path / "a.tif")
    complete = validated(given)
    keep_only([])
    assert complete["params"]["segmentation"] == {"method": "mine", "weights": "big"}
    check_inputs(complete)
    assert Plan(complete).datasets["a"].network_weights() == []


@pytest.mark.parametrize("tool", TOOLS)
def test_what_jobs_ask_for(tool):
    asked = {}
    for device in ("auto", "gpu", "cpu"):
        plan = Plan(validated(config(tool, device=device))).datasets["a"]
        asked[device] = plan.gpus("segmentation"), plan.more_seconds("segment")
        assert plan.more_memory("segment") >= 4000
        assert plan.more_memory("track") == plan.more_seconds("track") == 0
        assert plan.prepared() == ["results/{dataset}/prepared.yaml"]
        assert plan.environment("segmentation") == str(DOCS / f"{tool}.yaml")
    keep_only([])
    assert [gpus for gpus, _ in asked.values()] == [1, 1, 0]
    assert asked["cpu"][1] > asked["gpu"][1] > 0


def test_slurm_gives_the_gpus_that_jobs_ask_for():
    """The resource `gpu` is what Snakemake's plug-in for Slurm calls it."""
    utils = import_module("snakemake_executor_plugin_slurm.utils")
    for gpus, words in ((1, ["--gpus=1"]), (0, [])):
        job = SimpleNamespace(resources=SimpleNamespace(get={"gpu": gpus}.get, gpu=gpus))
        assert utils.set_gres_string(job).split() == words


def test_memory_and_time_of_plugins_are_added():
    size = resources.Size(24, 2048, 2048)
    assert resources.memory("segment", size, 1, 6000) == resources.memory("segment", size) + 6000
    assert (
        resources.minutes("segment", size, 1, 1, 30) == resources.minutes("segment", size, 1) + 12
    )


def test_number_of_gpus(monkeypatch):
    for visible, number in (("0", 1), ("0,3", 2), ("", 1), ("-1", 1), ("GPU-a,GPU-b,GPU-c", 3)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert resources.gpus() == number
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert resources.gpus() >= 1


# --------------------------------------------------------------------------- fetching and failing


@pytest.mark.parametrize(
    ("tool", "version", "name"),
    [("cellpose", "4.2.1.1", "cpsam_v2"), ("omnipose", "1.1.4", "bact_phase_omnitorch_0")],
)
def test_weights_are_fetched_once_for_a_dataset(tool, version, name, events, tmp_path):
    options = validated(config(tool, weights_folder=str(tmp_path)))["params"]["segmentation"]
    for number in (1, 2):
        target = tmp_path / f"prepared_{number}.yaml"
        prepare(target, "segmentation", options)
        assert yaml.safe_load(target.read_text()) == {
            "package": f"{tool} {version}", "weights": str(tmp_path / name),
            "bytes": (tmp_path / name).stat().st_size,
        }  # fmt: skip
    assert len(events("download")) == 1
    assert events("load") == []


def test_the_folder_of_the_tool_is_the_usual_one(events, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLPOSE_LOCAL_MODELS_PATH", str(tmp_path / "lab"))
    load(SEGMENTATION, "cellpose")(frame())
    assert (tmp_path / "lab" / "cpsam_v2").is_file()


def test_without_internet(events, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    with pytest.raises(FoveaError) as caught:
        load(SEGMENTATION, "cellpose")(frame(), weights_folder=str(tmp_path))
    assert f"{tmp_path}/cpsam_v2: the file cannot be fetched (OSError: Name or" in str(caught.value)
    assert "put it there by hand, from a computer with internet" in str(caught.value)


def test_a_folder_that_cannot_be_made(events, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FoveaError, match="the file cannot be fetched"):
        load(SEGMENTATION, "cellpose")(frame(), weights_folder=str(tmp_path / "file" / "w"))


def test_what_was_fetched_must_be_there(events, tmp_path):
    with pytest.raises(FoveaError, match="the file was fetched, but it is not there"):
        shared.made_once(tmp_path / "file", lambda: None)


@pytest.mark.parametrize("tool", TOOLS)
def test_damaged_weights(tool, events, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("{}")
    with pytest.raises(FoveaError, match=rf"{broken}: {tool.title()} cannot load these weights \("):
        load(SEGMENTATION, tool)(frame(), model=str(broken))


def test_weights_of_other_layers(events, tmp_path):
    """Omnipose itself would go on with random numbers."""
    models = import_module("cellpose_omni.models")
    other = tmp_path / "other"
    other.write_text(
        json.dumps({models.FIRST: [32, 2, 3, 3], models.LAST: [4, 32, 1, 1], "x": [1]})
    )
    with pytest.raises(FoveaError, match="Omnipose cannot load these weights"):
        load(SEGMENTATION, "omnipose")(frame(), model=str(other))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_gpu_with_too_little_memory(tool, events, tmp_path):
    with pytest.raises(FoveaError, match="the memory of the GPU is too small for"):
        load(SEGMENTATION, tool)(frame(), batch_size=65, weights_folder=str(tmp_path))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_that_is_gone(tool, events, tmp_path):
    with pytest.raises(FoveaError, match=f"model: there is no file {tmp_path}/gone; allowed: "):
        load(SEGMENTATION, tool)(frame(), model=str(tmp_path / "gone"))


@pytest.mark.parametrize("tool", TOOLS)
def test_packages_that_are_missing(tool, events, tmp_path, monkeypatch):
    pins = yaml.safe_load((DOCS / f"{tool}.yaml").read_text())["dependencies"][-1]["pip"]
    options = {"method": tool, "model": "cpsam_v2" if tool == "cellpose" else "bact_phase_omni",
               "weights_folder": str(tmp_path)}  # fmt: skip
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(STAND_INS)])
    with pytest.raises(FoveaError) as caught:
        prepare(tmp_path / "prepared.yaml", "segmentation", options)
    assert f"the package {tool} is missing; give the same command with --sdm conda" in str(
        caught.value
    )
    # What Omnipose needs would replace Fovea's own packages by older ones.
    assert (f"pip install '{pins[0]}'" in str(caught.value)) == (tool == "cellpose")


def test_a_package_that_cannot_be_loaded(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("from json import no_such_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(FoveaError, match="the package half_there cannot be loaded .*no_such_name"):
        shared.package("half_there", "half==1")


def test_a_plugin_without_anything_to_fetch(tmp_path):
    with pytest.raises(FoveaError, match="segmentation method logstd has nothing to fetch"):
        prepare(tmp_path / "prepared.yaml", "segmentation", {"method": "logstd"})


def test_errors_of_checks_name_file_and_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from fovea.plugins import segmentation\n"
        "@segmentation('mine', check=lambda parameters: parameters['no'])\n"
        "def mine(frame, *, size: int = 1):\n    return frame\n"
    )
    with pytest.raises(FoveaError, match=re.escape(f"{path}, line 2: KeyError: 'no'")):
        validated(config("mine") | {"plugins": [str(path)]})
    keep_only([])


# ------------------------------------------------------------------------------ the environments


@pytest.mark.parametrize("tool", TOOLS)
def test_environments_have_the_versions_of_fovea_and_exact_pins(tool):
    own = yaml.safe_load((ROOT / "envs" / "fovea.yaml").read_text())["dependencies"]
    *conda, pip = yaml.safe_load((DOCS / f"{tool}.yaml").read_text())["dependencies"]
    assert set(conda) - {"pip"} <= set(own)
    assert {"numpy", "scipy", "numba", "numcodecs", "lazy-loader"} <= {c.split()[0] for c in conda}
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", line) for line in pip["pip"])
    code = (DOCS / f"{tool}_segmentation.py").read_text()
    assert f"version {pip['pip'][0].partition('==')[2]}" in code
