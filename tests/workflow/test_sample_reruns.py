"""What runs again after a change of samples, curation or fits: merge, fit, and what follows."""

from __future__ import annotations

import copy
import re
import shutil

import pytest
import yaml

from support.harness import (
    REPOSITORY,
    copied,
    dry_run_with,
    files,
    snakemake,
    step_of,
    write_config,
)

pytestmark = pytest.mark.xdist_group("workflow-samples")

LINE, AUC = (f"intensity_total_ch_1_fitted_{name}" for name in ("line", "auc"))
DECAY = "intensity_total_ch_1_fitted_exponential_decay"


def fit(model: str, **more) -> dict:
    return {"model": model, "channel": 1, "feature": "intensity_total", **more}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory, small_recording):
    """A finished run with two samples of one field of view each, three fits and an export."""
    folder = tmp_path_factory.mktemp("analysed")
    (folder / "data").mkdir()
    shutil.copy2(small_recording / "small.ome.tiff", folder / "data")
    entry = {
        "input": "data/small.ome.tiff", "fovs": "0-1",
        "channels": {"pc": {"channel": 0, "features": ["area"]},
                     "fl": [{"channel": 1, "features": ["intensity_total"]}]},
    }  # fmt: skip
    samples = [{"name": "one", "fovs": [0]}, {"name": "two", "fovs": [1]}]
    fits = [fit("line", shared=["offset"]), fit("exponential_decay"), fit("auc", samples=["one"])]
    write_config(folder, {"main": entry}, samples=samples, analysis=fits, anndata=True)
    snakemake(folder)
    return folder


@pytest.fixture(scope="module")
def config(analysed):
    return yaml.safe_load((analysed / "config" / "config.yaml").read_text("utf-8"))


def after_fit(name: str, sample: str, shared: bool = False) -> set[str]:
    """What follows from a fit of one sample, this included."""
    found = {f"fit {sample} {name}", f"parameters {name}", f"export_anndata {sample}",
             f"fit_page {sample} {name}", f"parameters_page {name}"}  # fmt: skip
    if name != AUC:
        # A page shows how well the other model describes each cell, too.
        found |= {f"fit_page {sample} {other}" for other in (LINE, DECAY)}
        found |= {f"plot_fits {sample} {name}", f"plot_quality {name}"}
        found.add(f"compare {sample} intensity_total_ch_1")
    return found | ({f"share {sample} {name}"} if shared else set())


def after_merge(sample: str) -> set[str]:
    """What follows from merging a sample, this included."""
    found = {f"merge {sample}", f"plot_traces {sample}", f"sample_page {sample}", "plot_retention"}
    found |= after_fit(LINE, sample, shared=True) | after_fit(DECAY, sample)
    return found | (after_fit(AUC, sample) if sample == "one" else set())


BOTH = after_merge("one") | after_merge("two")
AND_OVERVIEW = BOTH | {"overview 000"}
EACH_LINE = after_fit(LINE, "one", True) | after_fit(LINE, "two", True)
EACH_DECAY = after_fit(DECAY, "one") | after_fit(DECAY, "two")


def entry_of(config: dict, number: int) -> dict:
    return config["analysis"][number]


# A change of the config, and the jobs that follow, without the notes on the datasets.
CHANGES = {
    "curation": (lambda c: c.update(curation="config/verdicts.csv"), BOTH),
    "skip_failed": (lambda c: c.update(skip_failed=True), set()),
    "time.unit": (lambda c: c["datasets"]["main"].update(time={"unit": "h"}), AND_OVERVIEW),
    "time.interval": (lambda c: c["datasets"]["main"].update(time={"interval": 10}), BOTH),
    "samples[].fovs": (lambda c: c["samples"].pop(), None),
    "analysis[].parameters": (
        lambda c: entry_of(c, 0).update(parameters={"slope": {"low": 0}}), EACH_LINE),
    "analysis[].parameters of another": (
        lambda c: entry_of(c, 1).update(parameters={"rate": {"fit": False, "value": 0.2}}),
        EACH_DECAY),
    "analysis[].starts": (lambda c: entry_of(c, 1).update(starts=7), EACH_DECAY),
    "analysis[].window": (lambda c: entry_of(c, 0).update(window=0.5), None),
    "analysis[].weighting": (lambda c: entry_of(c, 1).update(weighting="noise"), EACH_DECAY),
    "analysis[].shared": (
        lambda c: entry_of(c, 0).update(shared=["slope"]),
        {f"share one {LINE}", f"share two {LINE}"}),
    "anndata": (lambda c: c.update(anndata=False), set()),
    "params.extraction.min_frames": (
        lambda c: c["params"]["extraction"].update(min_frames=3),
        AND_OVERVIEW | {"extract 000", "extract 001", "field_page 000", "field_page 001"}),
}  # fmt: skip


def label(job: dict) -> str:
    given = job["wildcards"]
    keys = ("sample", "fit", "group", "fov")
    name = step_of(job["rule_name"])
    return " ".join([name, *(given[key] for key in keys if key in given)])


def labels(run) -> set[str]:
    ignored = ("all", "pages_to_send", "processing_config")
    return {label(job) for job in run.jobs if job["rule_name"] not in ignored}


@pytest.fixture(scope="module")
def runs(analysed, config):
    """A dry run after each change; the curation table of the first calls one cell bad."""
    text = "dataset,fov,cell,good\nmain,0,1,false\n"
    (analysed / "config" / "verdicts.csv").write_text(text, "utf-8")
    configs = {}
    for name, (change, _) in CHANGES.items():
        configs[name] = copy.deepcopy(config)
        change(configs[name])
    configs["nothing"] = config
    return dry_run_with(analysed, configs)


def documented() -> dict[str, re.Pattern]:
    """File names in the documentation, and what they match."""
    text = (REPOSITORY / "docs" / "files.md").read_text("utf-8")
    found = {}
    for first, others in re.findall(r"^\| `((?:merged|analysis)/[^`]+)`([^|]*) \|", text, re.M):
        for suffix in ["", *re.findall(r"`(\.\w+)`", others)]:
            name = re.sub(r"\.\w+$", suffix, first) if suffix else first
            pattern = re.sub(r"\\\{\w+\\\}", r"[A-Za-z0-9_-]+", re.escape(name))
            found[name] = re.compile(pattern.replace(r"ch_[A-Za-z0-9_-]+", r"ch_\d+"))
    return found


def test_files_are_those_of_the_documentation(analysed):
    names = documented()
    assert len(names) > 20
    found = [f"{part}/{name}" for part in ("merged", "analysis")
             for name in files(analysed / "results" / part)]  # fmt: skip
    assert [name for name in found if not any(p.fullmatch(name) for p in names.values())] == []
    missing = [name for name, p in names.items() if not any(map(p.fullmatch, found))]
    # by `population: true`, `aligned` and `excel: true`, which this config does not have
    asked_for = ("population", "differences", "aligned", ".xlsx")
    assert [name for name in missing if not any(map(name.count, asked_for))] == []


def test_without_a_change_nothing_runs(runs):
    assert runs["nothing"].jobs == []


@pytest.mark.parametrize("name", [name for name, (_, jobs) in CHANGES.items() if jobs is not None])
def test_change(runs, name):
    assert labels(runs[name]) == CHANGES[name][1]


def test_a_sample_fewer(runs):
    """The other's tables stay; figures of all samples are made again."""
    assert labels(runs["samples[].fovs"]) == {
        "plot_retention", f"parameters {LINE}", f"parameters {DECAY}", f"plot_quality {LINE}",
        f"plot_quality {DECAY}", f"parameters_page {LINE}", f"parameters_page {DECAY}",
    }  # fmt: skip


def test_a_window_takes_a_fit_out_of_the_comparison(runs):
    """Fits of other values cannot be compared."""
    found = labels(runs["analysis[].window"])
    # The other page shows no models any more.
    assert found == {job for job in EACH_LINE if not job.startswith("compare")}


def test_a_cell_is_called_bad_and_good_again(analysed, config, tmp_path):
    """Only tables and figures change; the traces of the field of view stay as they are."""
    folder = copied(analysed, tmp_path / "run")
    merged = folder / "results/merged/one_traces.csv"
    before = {path: path.stat().st_mtime_ns for path in (folder / "results/main").rglob("*")}
    whole = merged.read_bytes()
    table = folder / "config" / "curation.csv"
    table.write_text("dataset,fov,cell,good,note\nmain,0,1,false,two cells\n", "utf-8")
    run = snakemake(folder)
    assert "Merge the traces of sample one" in run.text
    assert before == {
        path: path.stat().st_mtime_ns for path in (folder / "results/main").rglob("*")
    }
    assert b",False," in merged.read_bytes()
    fits = (folder / f"results/analysis/one_{LINE}.csv").read_text("utf-8").splitlines()
    assert not any(line.startswith("0,1,") for line in fits)
    table.write_text("dataset,fov,cell,good\nmain,0,77,false\nmain,0,78,bad\n", "utf-8")
    run = snakemake(folder, expected=1)
    assert (
        "config/curation.csv: main, field of view 0, cell 77 (line 2); main, field of view 0, "
        "cell 78 (line 3) are not in the traces; correct or remove these rows"
    ) in run.text
    table.unlink()
    snakemake(folder)
    assert merged.read_bytes() == whole
