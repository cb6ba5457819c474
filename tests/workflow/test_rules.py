"""What the rules declare, for configs of many kinds; nothing is run here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
import yaml

from fovea.config.datasets import dataset_fovs
from fovea.config.plan import Plan
from fovea.config.validation import validated
from support.harness import (
    BY_LAYOUT,
    REPOSITORY,
    arguments,
    dataset,
    dry_run,
    dry_run_with,
    dry_runs,
    environment,
    snakemake,
    step_of,
    write_config,
)

pytestmark = pytest.mark.xdist_group("workflow-rules")

SOURCE = "data/a.ome.tiff"
DEMO = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text("utf-8"))
FULL = ("copy_raw", "segment", "track", "background", "crop", "extract", "cache")
RULE_FILES = (
    "simulate", "inspect_input", *FULL, "flat_field", "photobleaching", "report", "merge",
    "analysis", "plots",
)  # fmt: skip
TRACES = "data/x_traces.csv"
WITHOUT = {
    "no phase contrast": {"segment", "track", "crop", "extract"},
    "no fluorescence": {"background"},
    "only copied": set(FULL[1:]),
}


def one(entry: dict, **params) -> dict:
    """A config of one dataset."""
    return {"datasets": {"a": entry}, "params": params}


def fit(model: str, **more) -> dict:
    return {"model": model, "channel": 1, "feature": "intensity_total", **more}


CONFIGS = {
    "demo": DEMO | {"datasets": {"demo": DEMO["datasets"]["demo"] | {"fovs": "0-3"}}},
    "usual": one(dataset(SOURCE)),
    "one field of view": one(dataset(SOURCE, [0])),
    "fifty fields of view": one(dataset(SOURCE, "0-49")),
    "no phase contrast": one(dataset(SOURCE, pc=None)),
    "no fluorescence": one(dataset(SOURCE, fl=())),
    "no features": one({"input": SOURCE, "fovs": "0-1", "channels": {"pc": 0, "fl": [1]}}),
    "only copied": one(dataset(SOURCE), copy_only=True),
    "corrected images": one(dataset(SOURCE), background={"save_corrected": True}),
    "corrections": {
        "datasets": {name: dataset(SOURCE, fl=(1,)) for name in ("a", "a_b", "demo")},
        "params": {
            "tracking": {"drift": True},
            "flat_field": {"method": "recording"},
            "cropping": {"drift": True},
            "photobleaching": True,
            "display": {"drift": True},
        },
    },
    "crops not kept": one(dataset(SOURCE), cropping={"keep": False}),
    "gaps": one(dataset(SOURCE, "0, 2-4, 7", exclude_fovs=[3])),
    "two datasets": {
        "datasets": {
            "a": dataset(SOURCE, pc=2, fl=(0, 1), params={"cropping": {"keep": False}}),
            "a_b": dataset("data/b.ome.tiff", [5], fl=(3,)),
        }
    },
    "samples and fits": {
        "datasets": {
            "a": dataset(SOURCE, "0-3"),
            "a_b": {"traces": TRACES, "channels": {"pc": {"channel": 0, "features": ["area"]},
                    "fl": [{"channel": 1, "features": ["intensity_total"]}]}},
        },
        "samples": [
            {"name": "s", "dataset": "a", "fovs": "0-1"}, {"name": "s", "dataset": "a_b"},
            {"name": "s_t", "dataset": "a", "fovs": [3]},
        ],
        "analysis": [
            fit("maturation", shared=["km"]), fit("maturation", name="t", weighting="noise"),
            fit("line", samples=["s_t"], normalise="area"), fit("auc"), fit("onset"),
        ],
        "anndata": True,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def forced(tmp_path_factory):
    """Dry runs of all configs with everything to be done, by name."""
    folder = tmp_path_factory.mktemp("rules")
    write_config(folder, {"a": dataset(SOURCE)})
    for path in (SOURCE, "data/b.ome.tiff", TRACES):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(b"never read")
    return dry_run_with(folder, CONFIGS)


def places(job: dict) -> list[PurePosixPath]:
    """What a job writes: output, logs and benchmark."""
    names = [*job["output"], *job["log"], *([job["benchmark"]] if job["benchmark"] else [])]
    return [PurePosixPath(name.split(" (")[0]) for name in names]


@pytest.mark.parametrize("name", CONFIGS)
def test_no_output_lies_inside_another(forced, name):
    written = {}
    for number, job in enumerate(forced[name].jobs):
        for place in places(job):
            assert place not in written, f"{place} is written twice"
            written[place] = number
    assert len(written) > 10
    for place in written:
        inside = [parent for parent in place.parents if parent in written]
        assert inside == [], f"{place} lies inside {inside}"


@pytest.mark.parametrize("name", CONFIGS)
def test_jobs_say_what_they_do_and_where_they_log(forced, name):
    messages = set()
    for job in forced[name].jobs:
        assert job["rule_msg"], job["rule_name"]
        messages.add(job["rule_msg"])
        if job["rule_name"] != "all":
            assert len(job["log"]) == 1, job["rule_name"]
            assert job["log"][0].startswith("logs/")
            assert job["benchmark"].startswith("benchmarks/"), job["rule_name"]
    assert len(messages) == len(forced[name].jobs), "two jobs have the same message"


@pytest.mark.parametrize("name", CONFIGS)
def test_paths_are_relative_and_stay_in_the_folder(forced, name):
    for job in forced[name].jobs:
        for path in [*places(job), *map(PurePosixPath, job["input"])]:
            assert not path.is_absolute()
            assert ".." not in path.parts
            assert path.parts[0] in ("results", "logs", "benchmarks", "data")


def expected_steps(config: dict) -> set[tuple[str, str, str]]:
    """The jobs of a config, told from the design's list of steps."""
    complete = validated(config)
    jobs = set()
    for name, entry in complete["datasets"].items():
        if entry["traces"] is not None:
            jobs.add(("import_traces", name, ""))
            continue
        left_out = set() if entry["channels"]["pc"] else WITHOUT["no phase contrast"]
        left_out |= set() if entry["channels"]["fl"] else WITHOUT["no fluorescence"]
        left_out |= WITHOUT["only copied"] if entry["params"]["copy_only"] else set()
        fovs = [f"{fov:03d}" for fov in dataset_fovs(complete, name)]
        jobs |= {("inspect_input", name, ""), ("processing_config", name, "")}
        jobs |= {(step, name, fov) for step in FULL if step not in left_out for fov in fovs}
        if entry["params"]["flat_field"]["method"] != "none":
            jobs.add(("flat_field", name, ""))
        if entry["params"]["photobleaching"]:
            jobs |= {("photobleaching", name, fov) for fov in fovs}
        if not entry["params"]["copy_only"]:
            jobs.add(("overview", name, fovs[0]))
        if entry["input"] == "data/demo.ome.tiff":
            jobs.add(("simulate", "", ""))
    return jobs


@pytest.mark.parametrize("name", CONFIGS)
def test_exactly_the_expected_jobs(forced, name):
    run = forced[name]
    expected = expected_steps(CONFIGS[name])
    assert run.steps == expected
    if "samples" not in CONFIGS[name]:
        assert len(run.jobs) == len(expected) + 1  # and `all`


@pytest.mark.parametrize(("name", "fovs"), [("one field of view", 1), ("usual", 2),
                                            ("fifty fields of view", 50)])  # fmt: skip
def test_number_of_jobs(forced, name, fovs):
    per_run = 4  # all, inspect, processing_config, overview
    assert len(forced[name].jobs) == per_run + 7 * fovs


def test_every_rule_is_covered(forced):
    """The configs above use all rules that make something of a recording."""
    text = "\n".join((REPOSITORY / f"rules/{name}.smk").read_text("utf-8") for name in RULE_FILES)
    named = re.findall(r"^(?:rule|checkpoint) (\w+):", text, re.M)
    loops = re.findall(r'^for layout in plan\.(merge)?_?layouts\((?:"(\w+)")?\)', text, re.M)
    by_layout = ["".join(names) for names in loops]
    assert sorted(by_layout) == sorted(BY_LAYOUT)
    assert len(named) + len(by_layout) >= len(RULE_FILES)
    covered = {job["rule_name"] for run in forced.values() for job in run.jobs}
    assert {*named, *by_layout} <= covered


def test_rules_are_called_after_their_step(forced):
    """So that `--set-resources track:mem_mb=8000` works; several layouts have channels added."""
    steps = {name: {job["rule_name"] for job in forced[name].jobs} for name in CONFIGS}
    for name in CONFIGS:
        if name != "two datasets":
            assert not {rule for rule in steps[name] if step_of(rule) != rule}, name
    assert {rule for rule in steps["two datasets"] if step_of(rule) != rule} == {
        "copy_raw_pc_2_fl_0_1", "copy_raw_pc_0_fl_3", "track_ch_2", "track_ch_0",
        "background_ch_0_1", "background_ch_3", "crop_temporary", "crop_kept",
        "cache_pc_2_fl_0_1", "cache_pc_0_fl_3",
    }  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_the_plan_knows_every_file(forced, name):
    """What the rules declare is what `fovea.config.plan` says, which status and samples rely on."""
    plan = Plan(validated(CONFIGS[name]))
    planned = set()
    for a, entry in plan.datasets.items():
        fovs = dataset_fovs(plan.config, a)
        steps = entry.dataset_steps()
        steps += [step.of(dataset=a, fov=f"{fov:03d}")
                  for fov in fovs for step in entry.field_steps()]  # fmt: skip
        planned |= {(step.log, file) for step in steps for file in step.files}
    for sample in plan.samples:
        planned |= {(s.log, file) for s in plan.sample_steps(sample) for file in s.files}
    planned |= {(s.log, file) for s in [*plan.common_steps(), *plan.traces.values()]
                for file in s.files}  # fmt: skip
    left_out = ("all", "simulate", "overview")
    declared = {(job["log"][0], file.split(" (")[0]) for job in forced[name].jobs
                if job["rule_name"] not in left_out for file in job["output"]}  # fmt: skip
    assert declared == planned


@pytest.mark.parametrize("path", sorted((REPOSITORY / "rules").glob("*.smk")), ids=lambda p: p.stem)
def test_outputs_are_named(path):
    """So that no script counts them."""
    blocks = re.findall(
        r"^ *output:\n((?:\s{8,}.*\n)+?)(?= {4,8}\w+:)", path.read_text("utf-8"), re.M
    )
    for block in blocks:
        depth = len(block) - len(block.lstrip())
        first = [line for line in block.splitlines() if line[depth] not in " )]"]
        assert all(re.match(r"\s*\w+=", line) for line in first), block


def wanted(fit: str, sample: str) -> set[tuple[str, str]]:
    """(rule, what) that a fit of a sample takes."""
    return {("fit", f"{sample} {fit}"), ("plot_fits", f"{sample} {fit}")}


def test_jobs_of_samples(forced):
    """Per sample, per sample and fit, per fit, and one for all; measures are not drawn as fits."""
    jobs = set()
    for job in forced["samples and fits"].jobs:
        given = job["wildcards"]
        if "dataset" not in given and job["rule_name"] != "all":
            what = " ".join(given[key] for key in ("sample", "fit", "group") if key in given)
            jobs.add((step_of(job["rule_name"]), what))
    column = "intensity_total_ch_1"
    models = {name: f"{column}_fitted_{name}"
              for name in ("maturation", "maturation_t", "line", "auc", "onset")}  # fmt: skip
    expected = {("plot_retention", ""), ("parameters", models["auc"])}
    for sample in ("s", "s_t"):
        expected |= {("merge", sample), ("plot_traces", sample),
                     ("export_anndata", sample), ("fit", f"{sample} {models['auc']}"),
                     ("share", f"{sample} {models['maturation']}"),
                     ("compare", f"{sample} {column}")}  # fmt: skip
        for name in ("maturation", "maturation_t", "onset"):
            expected |= wanted(models[name], sample)
    expected |= wanted(models["line"], "s_t")
    for name in ("maturation", "maturation_t", "line", "onset"):
        expected |= {("parameters", models[name]), ("plot_quality", models[name])}
    assert jobs == expected


def test_all_fields_of_view_wait_for_inspection(tmp_path):
    """`fovs: all` is known only after the checkpoint: before it, no FOV's job is planned."""
    (tmp_path / "data").mkdir()
    (tmp_path / SOURCE).write_bytes(b"never read")
    write_config(tmp_path, {"a": dataset(SOURCE, "all")})
    run = dry_run(tmp_path)
    assert run.steps == {("inspect_input", "a", "")}
    assert "checkpoint" in run.text


def test_a_missing_recording_stops_before_any_job(tmp_path):
    write_config(tmp_path, {"a": dataset("data/missing.nd2")})
    run = dry_runs([(tmp_path, [])], expected=1)[0]
    assert "datasets.a.input" in run.text
    assert "data/missing.nd2" in run.text
    assert run.jobs == []


def test_packages_of_the_jobs_are_not_needed(tmp_path):
    """With --sdm conda, Snakemake's own environment has none of them."""
    (tmp_path / "data").mkdir()
    (tmp_path / SOURCE).write_bytes(b"never read")
    write_config(tmp_path, {"a": dataset(SOURCE)})
    missing = "numba numcodecs google_crc32c zarr scipy skimage tifffile nd2 imagecodecs bioio"
    program = f"""
import importlib.metadata, sys
for name in {missing.split()}:
    sys.modules[name] = None
real = importlib.metadata.version
def version(name):
    if name in {missing.split()}:
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)
importlib.metadata.version = version
from snakemake.cli import main
main({["--dry-run", *arguments()]})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Copy raw channels: a, field of view 001" in done.stdout


def test_snakemake_finds_nothing_to_improve(tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    config.joinpath("config.yaml").write_text(yaml.safe_dump(DEMO), "utf-8")
    run = snakemake(tmp_path, "--lint")
    assert "Congratulations" in run.text
