"""What the rules declare, for configs of many kinds; nothing is run here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import snakemake.io as snakemake_io
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
FULL = ("copy_raw", "segment", "track", "background", "crop", "extract", "cache",
        "field_page")  # fmt: skip
RULE_FILES = (
    "simulate", "inspect_input", *FULL[:-1], "flat_field", "photobleaching", "report", "merge",
    "analysis", "plots", "pages",
)  # fmt: skip
TRACES = "data/x_traces.csv"
WITHOUT = {
    "no phase contrast": {"segment", "track", "crop", "extract"},
    "no fluorescence": {"background"},
    "only copied": set(FULL[1:-1]),
}


def one(entry: dict, **params) -> dict:
    """A config of one dataset."""
    return {"datasets": {"a": entry}, "params": {"preset": "pyama"} | params}


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
    "cells to be found": one(dataset(SOURCE), preset=None),
    "corrected images": one(dataset(SOURCE), background={"save_corrected": True}),
    "corrections": {
        "datasets": {name: dataset(SOURCE, fl=(1,)) for name in ("a", "a_b", "demo")},
        "params": {
            "preset": "pyama",
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
        },
        "params": {"preset": "pyama"},
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
            fit("maturation", shared=["km"]),
            fit("maturation", name="t", weighting="noise", population=True),
            fit("line", samples=["s_t"], normalise="area"), fit("auc"), fit("onset"),
        ],
        "aligned": [
            {"event": "division", "channel": 1, "feature": "intensity_total", "samples": ["s_t"]},
            {"event": "death", "channel": 1, "feature": "intensity_total", "by": "area_ch_0"},
        ],
        "anndata": True,
        "excel": True,
        "params": {"preset": "pyama", "tracking": {"divisions": True}},
    },
}  # fmt: skip


def place(folder: Path, *names: str) -> None:
    """Files that dry runs only need to be there."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"never read")


@pytest.fixture(scope="module")
def forced(tmp_path_factory):
    """Dry runs of all configs with everything to be done, by name."""
    folder = tmp_path_factory.mktemp("rules")
    write_config(folder, {"a": dataset(SOURCE)})
    place(folder, SOURCE, "data/b.ome.tiff", TRACES)
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
        if entry["params"]["segmentation"].get("mode") == "auto" and "segment" not in left_out:
            jobs.add(("find_cells", name, ""))
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
        assert len(run.jobs) == len(expected) + 2  # and `pages_to_send`, `all`


@pytest.mark.parametrize(("name", "fovs"), [("one field of view", 1), ("usual", 2),
                                            ("fifty fields of view", 50)])  # fmt: skip
def test_number_of_jobs(forced, name, fovs):
    per_run = 5  # all, pages_to_send, inspect, processing_config, overview
    assert len(forced[name].jobs) == per_run + 8 * fovs


def test_every_rule_is_covered(forced):
    """The configs above use all rules that make something of a recording."""
    text = "\n".join((REPOSITORY / f"rules/{name}.smk").read_text("utf-8") for name in RULE_FILES)
    named = re.findall(r"^(?:rule|checkpoint) (\w+):", text, re.M)
    loops = re.findall(r'^for layout in plan\.(merge)?_?layouts\((?:"(\w+)")?\)', text, re.M)
    by_layout = ["".join(names) for names in loops]
    assert sorted(by_layout) == sorted(BY_LAYOUT)
    assert len(named) + len(by_layout) >= len(RULE_FILES)
    covered = {job["rule_name"] for run in forced.values() for job in run.jobs}
    covered |= {"prepare_segmentation", "prepare_tracking"}  # of plug-ins: test_gpu_plugins
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
        steps += [plan.steps.FIELD_PAGE.of(dataset=a, fov=f"{fov:03d}") for fov in fovs]
        planned |= {(step.log, file) for step in steps for file in step.files}
    for sample in plan.samples:
        planned |= {(s.log, file) for s in plan.sample_steps(sample) for file in s.files}
    planned |= {(s.log, file) for s in [*plan.common_steps(), *plan.traces.values()]
                for file in s.files}  # fmt: skip
    left_out = ("all", "simulate", "overview", "pages_to_send")
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


KEYS = ("sample", "fit", "group", "aligned")


def wanted(fit: str, sample: str) -> set[tuple[str, str]]:
    """(rule, what) that a fit of a sample takes."""
    rules = ("fit", "fit_page", "plot_fits")
    return {(rule, f"{sample} {fit}") for rule in rules}


def test_jobs_of_samples(forced):
    """Per sample, per sample and fit, per fit, and one for all; measures are not drawn as fits."""
    jobs = set()
    for job in forced["samples and fits"].jobs:
        given = job["wildcards"]
        if "dataset" not in given and job["rule_name"] != "all":
            what = " ".join(given[key] for key in KEYS if key in given)
            jobs.add((step_of(job["rule_name"]), what))
    column = "intensity_total_ch_1"
    models = {name: f"{column}_fitted_{name}"
              for name in ("maturation", "maturation_t", "line", "auc", "onset")}  # fmt: skip
    expected = {("plot_retention", ""), ("pages_to_send", ""), ("parameters", models["auc"]),
                ("parameters_page", models["auc"]),
                ("populations", models["maturation_t"]),
                ("aligned", f"{column}_aligned_division"),
                ("aligned", f"{column}_aligned_death_area_ch_0")}  # fmt: skip
    for sample in ("s", "s_t"):
        expected |= {("merge", sample), ("plot_traces", sample), ("sample_page", sample),
                     ("fit_page", f"{sample} {models['auc']}"),
                     ("export_anndata", sample), ("export_excel", sample),
                     ("fit", f"{sample} {models['auc']}"),
                     ("share", f"{sample} {models['maturation']}"),
                     ("compare", f"{sample} {column}")}  # fmt: skip
        for name in ("maturation", "maturation_t", "onset"):
            expected |= wanted(models[name], sample)
    expected |= wanted(models["line"], "s_t")
    for name in ("maturation", "maturation_t", "line", "onset"):
        expected |= {("parameters", models[name]), ("plot_quality", models[name]),
                     ("parameters_page", models[name])}  # fmt: skip
    assert jobs == expected


def test_all_fields_of_view_wait_for_inspection(tmp_path):
    """`fovs: all` is known only after the checkpoint: before it, no FOV's job is planned."""
    place(tmp_path, SOURCE)
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
    place(tmp_path, SOURCE)
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


def test_a_fit_may_not_take_the_file_of_another_step(tmp_path):
    """The second fit would be written where the cells of the first's shared parameters are."""
    place(tmp_path, SOURCE)
    write_config(tmp_path, {"a": dataset(SOURCE)})
    config = CONFIGS["usual"] | {
        "samples": [{"name": "s", "fovs": "0-1"}],
        "analysis": [fit("maturation", shared=["km"]), fit("maturation", name="shared")],
    }
    run = dry_run_with(tmp_path, {"clash": config}, expected=1)["clash"]
    column = "intensity_total_ch_1_fitted_maturation"
    lines = [line for line in run.text.splitlines() if "would both write" in line]
    assert lines == [
        f"{tmp_path}/config/other_0.yaml: step share of {column} of sample s and step "
        f"{column}_shared of sample s would both write "
        f"results/analysis/s_{column}_shared.csv; give the sample or the fit (analysis) another "
        "name"
    ]
    assert run.jobs == []


def test_each_try_asks_for_twice_as_much(tmp_path):
    """As profiles/slurm promises for its retries, for every step that it submits."""
    place(tmp_path, SOURCE)
    config = CONFIGS["corrections"] | {
        "samples": [{"name": "s", "dataset": "a", "fovs": "0-1"}],
        "analysis": [fit("maturation", shared=["km"]), fit("line")], "anndata": True, "excel": True,
    }  # fmt: skip
    write_config(tmp_path, **config)
    asked = []
    for attempt in ("1", "2", "3"):
        jobs = dry_run(tmp_path, "--attempt", attempt).jobs
        asked.append({(job["rule_name"], *job["output"]): job["resources"] for job in jobs})
    local = {"all", "compare", "inspect_input", "overview", "pages_to_send", "parameters",
             "parameters_page", "plot_quality", "plot_retention", "processing_config"}  # fmt: skip
    # What merging needs is known when its tables are there; tests/jobs looks at that.
    submitted = {key for key in asked[0] if key[0] not in (*local, "merge")}
    assert {"flat_field", "fit", "share", "track", "copy_raw"} <= {key[0] for key in submitted}
    for key in submitted:
        for what in ("mem_mb", "runtime"):
            given = [int(tries[key][what]) for tries in asked]
            assert given == [given[0], 2 * given[0], 4 * given[0]], (key, what)


def test_cores_that_no_field_of_view_needs_are_used_within_them(tmp_path):
    (tmp_path / "plug.py").write_text(
        "from fovea.plugins import preprocessing\n\n\n"
        "@preprocessing('same')\ndef same(frame):\n    return frame\n"
    )  # fmt: skip
    place(tmp_path, SOURCE)
    entries = {"datasets": {"a": dataset(SOURCE, [0]), "b": dataset(SOURCE, [3])},
               "plugins": ["plug.py"], "params": {"preset": "pyama"}}  # fmt: skip
    entries["datasets"]["b"]["params"] = {"preprocess": "same"}
    write_config(tmp_path, **entries)
    fields = {("a", "000"), ("b", "003")}
    for cores, several in ((3, 1), (4, 2), (9, 4)):
        jobs = dry_run(tmp_path, "--cores", str(cores)).jobs
        found = {(step_of(job["rule_name"]), job["wildcards"]["dataset"]): job["threads"]
                 for job in jobs if "fov" in job["wildcards"]}  # fmt: skip
        steps = ("copy_raw", "segment", "background", "crop", "cache", "track", "extract")
        assert {key: found[key] for key in found if key[0] in steps} == {
            (step, name): 1 if step in ("track", "extract") or (step, name) == ("segment", "b")
            else several for step in steps for name, _ in fields
        }  # fmt: skip


def test_a_file_in_the_place_of_metadata_is_refused(tmp_path):
    """No size is assumed for it, which could be far too small."""
    place(tmp_path, SOURCE)
    write_config(tmp_path, {"a": dataset(SOURCE)})
    made = tmp_path / "results/a/metadata.yaml"
    made.parent.mkdir(parents=True)
    made.write_text("fov_count: 2\nfields:\n- {name: 0, height: 20}\n- {name: 1, height: 20}\n")
    run = dry_run(tmp_path, "--forceall", expected=1)
    text = "results/a/metadata.yaml: is no metadata.yaml of Fovea; delete it, it will be made again"
    assert text in " ".join(run.text.split())


def test_the_profile_for_slurm_is_found_by_its_name(tmp_path):
    """In a clone that is the working folder as well, `--profile slurm` works as written."""
    for name in ("Snakefile", "rules", "scripts", "profiles", "config", "envs"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    link = REPOSITORY / "slurm"
    assert link.is_symlink()
    assert link.readlink() == Path("profiles/slurm")
    (tmp_path / "slurm").symlink_to("profiles/slurm")
    run = snakemake(tmp_path, "--dry-run", "--profile", "slurm")
    assert "Using profiles slurm" in run.text
    assert "Simulate the demo recording" in run.text


def test_snakemake_has_no_inputs_that_may_be_missing():
    """If it has, samples with failed fields of view need no second part of the run any more."""
    assert not hasattr(snakemake_io, "optional")
