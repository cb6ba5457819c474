"""Plug-ins of neural networks in a real run: weights fetched once, one job for each GPU."""

from __future__ import annotations

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from fovea.store.reader import ArrayReader
from support.harness import REPOSITORY, dataset, dry_run, log_lines, snakemake, write_config

STAND_INS = Path(__file__).resolve().parents[1] / "support" / "stand_ins"
TARGETS = [f"results/a/fov_00{fov}/images.zarr/seg_labeled_ch_0/0/zarr.json" for fov in range(3)]


@pytest.fixture
def place(workplace) -> Path:
    """A working folder with plug-ins."""
    shutil.copytree(REPOSITORY / "docs" / "plugins", workplace / "plugins",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    return workplace


def configure(place, tool="cellpose", **segmentation):
    options = {"method": tool, "weights_folder": "weights", **segmentation}
    write_config(
        place,
        {"a": dataset("data/small.ome.tiff", "0-2", fl=(), params={"segmentation": options})},
        plugins=[f"plugins/{tool}_segmentation.py"],
    )


def run(place, *more, gpus=1, expected=0, targets=TARGETS):
    """A run with stand-ins, and what these noted of the jobs: (time, process, words)."""
    noted = place / "events.tsv"
    noted.unlink(missing_ok=True)
    scripts = str(REPOSITORY / "scripts")
    done = snakemake(
        place, *targets, *more, cores=3, expected=expected,
        variables={
            "PYTHONPATH": os.pathsep.join([str(STAND_INS), scripts]),
            "FOVEA_STAND_INS": str(noted), "FOVEA_STAND_IN_SITE": place.name,
            "FOVEA_GPUS": str(gpus), "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(gpus))),
        },
    )  # fmt: skip
    lines = noted.read_text().splitlines() if noted.exists() else []
    return done, [line.split("\t") for line in lines]


def words(events, word):
    return [rest for _, _, first, *rest in events if first == word]


def spans(events):
    """(import of PyTorch, end of the last frame) of each process that segmented."""
    found = {}
    for moment, pid, word, *_ in events:
        if word in ("import", "end"):
            first, _ = found.setdefault(pid, (float(moment), 0.0))
            found[pid] = first, float(moment)
    return sorted(found.values())


@pytest.mark.parametrize("tool", ["cellpose", "omnipose"])
def test_one_download_and_one_job_for_each_gpu(place, tool):
    configure(place, tool)
    _, events = run(place)
    assert len(words(events, "download")) == 1
    assert len(words(events, "load")) == 3  # one for each field of view, not for each frame
    assert len(words(events, "end")) == 18
    jobs = spans(events)
    assert len(jobs) == 3
    assert all(end <= start for (_, end), (start, _) in pairwise(jobs))
    for fov, target in enumerate(TARGETS):
        with ArrayReader(place / Path(target).parent) as labels:
            assert min(int(frame.max()) for frame in labels) > 0
        (file,) = (place / f"logs/a/fov_00{fov}").glob("segment*.log")
        log = log_lines(file, "INFO")
        assert any(re.search(rf"^{tool} .* on cuda:0 \(Stand-in\)$", line) for line in log)
    prepared = yaml.safe_load((place / "results/a/prepared.yaml").read_text())
    assert prepared["weights"].startswith(f"{place}/weights/")
    assert run(place)[1] == []  # nothing is left to do


def test_two_gpus_do_two_jobs_at_once_and_each_has_its_own(place):
    configure(place)
    _, events = run(place, gpus=2)
    assert {device for _, device in words(events, "load")} == {"cuda:0", "cuda:1"}
    assert len(words(events, "download")) == 1


def test_tracking_may_have_images_weights_and_a_gpu(place):
    options = {"method": "trackastra", "weights_folder": "weights"}
    write_config(
        place,
        {"a": dataset("data/small.ome.tiff", "0-2", fl=(), params={"tracking": options})},
        plugins=["plugins/trackastra_tracking.py"],
    )
    targets = [target.replace("labeled", "tracked") for target in TARGETS]
    jobs = {job["rule_name"]: job["resources"].get("gpu") for job in dry_run(place, *targets).jobs}
    assert {key: gpu for key, gpu in jobs.items() if gpu} == {"track": "1"}
    _, events = run(place, targets=targets)
    assert len(words(events, "download")) == 1
    assert {device for _, device in words(events, "load")} == {"cuda"}
    assert len(words(events, "load")) == 3  # one for each field of view
    for target in targets:
        with ArrayReader(place / Path(target).parent) as ids:
            assert min(int(frame.max()) for frame in ids) > 0
    prepared = yaml.safe_load((place / "results/a/prepared_tracking.yaml").read_text())
    assert prepared["weights"] == f"{place}/weights/general_2d/model.pt"
    assert run(place, targets=targets)[1] == []  # nothing is left to do


def test_what_jobs_ask_for(place):
    def asked():
        jobs = dry_run(place, *TARGETS).jobs
        return {job["rule_name"]: job["resources"].get("gpu") for job in jobs}

    configure(place)
    first = asked()
    assert "prepare_segmentation" in first
    assert {key: gpu for key, gpu in first.items() if gpu} == {"segment": "1"}
    configure(place, device="cpu")
    assert asked()["segment"] is None
    write_config(place, {"a": dataset("data/small.ome.tiff", "0-2", fl=())})
    usual = asked()
    assert "prepare_segmentation" not in usual
    assert usual["segment"] is None


def test_a_wrong_model_stops_before_any_job(place):
    configure(place, model="cpsma")
    done, events = run(place, expected=1)
    assert "params.segmentation: model: there is no file cpsma; allowed: cpsam_v2" in done.text
    assert events == []
    assert not (place / "results").exists()


def test_weights_that_cannot_be_fetched_stop_before_segmentation(place):
    (place / "weights").write_text("a file in the place of the folder")
    configure(place)
    done, events = run(place, "--keep-going", expected=1)
    assert done.text.count("the file cannot be fetched") >= 1
    assert "prepare_segmentation (dataset a) failed: " in done.text
    assert words(events, "load") == []
    assert not any((place / target).exists() for target in TARGETS)
