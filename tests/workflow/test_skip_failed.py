"""A sample of which a field of view fails: it waits, goes on without it, or is made whole again."""

from __future__ import annotations

import csv
import os
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from fovea.samples.tables import read_parquet
from support.broken import damage, mend, write_positions
from support.harness import (
    NO_PAGES,
    NO_PICTURES,
    SNAKEFILE,
    Run,
    copied,
    digests,
    dry_run,
    snakemake,
    write_config,
)

pytestmark = pytest.mark.xdist_group("workflow-skipped")

BROKEN = "data/pos_1.ome.tiff"
FIT = "intensity_total_ch_1_fitted_line"
WORDS = "positions, field of view 1 (failed)"
ANALYSIS = [
    {"model": "line", "channel": 1, "feature": "intensity_total", "shared": ["offset"]},
    {"model": "auc", "channel": 1, "feature": "intensity_total"},
]


@dataclass
class Stage:
    """A run of Snakemake, and a copy of the folder as it left it."""

    run: Run
    folder: Path

    def header(self, sample: str) -> list[str]:
        text = (self.folder / f"results/merged/{sample}_traces.csv").read_text("utf-8")
        return [line for line in text.splitlines() if line.startswith("# Left out: ")]

    def fields(self, sample: str, table: str = f"analysis/{{}}_{FIT}.csv") -> set[str]:
        """Fields of view whose cells are in a table."""
        path = self.folder / "results" / table.format(sample)
        with path.open(newline="", encoding="utf-8") as file:
            return {row["fov"] for row in csv.DictReader(file)}

    def left_out_of(self) -> dict[str, tuple[str, str]]:
        """Field of view to its state and the samples that do without it."""
        with (self.folder / "results/status.csv").open(newline="", encoding="utf-8") as file:
            return {row["fov"]: (row["state"], row["left_out_of"]) for row in csv.DictReader(file)}


def entry(source: str, fovs="all") -> dict:
    """A dataset with one feature of each kind."""
    return {
        "input": source, "fovs": fovs, "time": {"interval": 10, "unit": "min"},
        "channels": {"pc": {"channel": 0, "features": ["area"]},
                     "fl": [{"channel": 1, "features": ["intensity_total"]}]},
    }  # fmt: skip


@pytest.fixture(scope="module")
def stages(tmp_path_factory, small_recording):
    """Four runs one after the other: waiting, going on, the same again, and mended."""
    folder = tmp_path_factory.mktemp("skipped") / "run"
    (folder / "data").mkdir(parents=True)
    write_positions(small_recording / "small.ome.tiff", folder / "data")
    whole = (folder / BROKEN).read_bytes()
    damage(folder / BROKEN)
    positions = {"positions": entry("data/pos_*.ome.tiff", "0-2")}
    samples = [{"name": "ill", "fovs": "0-1"}, {"name": "well", "fovs": [2]}]
    more = {"samples": samples, "analysis": ANALYSIS, "anndata": True}
    done = {}

    def stage(name: str, expected: int) -> None:
        run = snakemake(folder, *NO_PAGES, expected=expected)
        done[name] = Stage(run, copied(folder, folder.parent / name))

    write_config(folder, positions, **more)
    stage("waiting", 1)
    write_config(folder, positions, **more, skip_failed=True)
    stage("skipped", 1)
    stage("again", 1)
    mend(folder / BROKEN, whole)
    stage("mended", 0)
    return done


def results_of(sample: str) -> list[str]:
    """All tables and figures of one sample."""
    tables = [f"merged/{sample}_{what}.{suffix}" for suffix in ("csv", "parquet")
              for what in ("traces", "traces_cells", "intensity_total_ch_1")]  # fmt: skip
    fits = [f"analysis/{sample}_{FIT}{what}.csv" for what in ("", "_shared", "_shared_parameters")]
    plots = [f"analysis/plots/{sample}_{what}" for what in ("traces.png", f"{FIT}_examples.png")]
    return [*tables, *fits, f"analysis/{sample}_intensity_total_ch_1_fitted_auc.csv", *plots,
            f"analysis/{sample}.h5ad"]  # fmt: skip


def test_by_default_the_sample_waits(stages):
    folder = stages["waiting"].folder / "results"
    assert [name for name in results_of("ill") if (folder / name).exists()] == []
    assert [name for name in results_of("well") if not (folder / name).exists()] == []


def test_the_end_of_the_run_says_so(stages):
    lines = stages["waiting"].run.text.splitlines()
    expected = (
        f"Fovea: sample ill waits for {WORDS}; "
        "skip_failed: true in the config makes it of the others"
    )
    assert [line for line in lines if line.startswith("Fovea: sample")] == [expected]
    assert lines.index(expected) < lines.index("Fovea: 1 of 3 fields of view failed")
    assert lines[-1].startswith("Try again all of them: ")  # what to do comes last
    assert stages["waiting"].left_out_of() == {
        "000": ("done", ""), "001": ("failed", ""), "002": ("done", "")
    }  # fmt: skip


def test_healthy_ones_go_on_to_the_last_fit(stages):
    folder = stages["skipped"].folder / "results"
    for sample in ("ill", "well"):
        assert [name for name in results_of(sample) if not (folder / name).exists()] == []
    assert stages["skipped"].fields("ill") == {"0"}
    assert stages["skipped"].fields("ill", f"analysis/{{}}_{FIT}_shared.csv") == {"0"}
    assert stages["skipped"].fields("well") == {"2"}
    assert (folder / f"analysis/plots/{FIT}_quality.png").exists()
    with (folder / f"analysis/{FIT}_parameters.csv").open(encoding="utf-8") as file:
        assert {row["sample"] for row in csv.DictReader(file)} == {"ill", "well"}


def test_the_exit_code_is_still_not_0(stages):
    text = stages["skipped"].run.text
    assert stages["skipped"].run.code == 1
    assert "Fovea: skip_failed is set, so samples go on without positions, field of view 1" in text
    assert "Fovea: samples made without positions, field of view 1: ill" in text


def test_header_and_status_name_those_left_out(stages):
    skipped = stages["skipped"]
    assert skipped.header("ill") == [f"# Left out: {WORDS}"]
    assert skipped.header("well") == ["# Left out: nothing"]
    about = read_parquet(skipped.folder / "results/merged/ill_traces.parquet").attrs
    assert about["left_out"] == [WORDS]
    assert skipped.left_out_of() == {
        "000": ("done", ""), "001": ("failed", "ill"), "002": ("done", "")
    }  # fmt: skip


def letters(path: Path) -> str:
    """Text of a PDF that matplotlib wrote, without spaces and ligatures."""
    found = ""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", path.read_bytes(), re.S):
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        if b"TJ" in text:
            found += b"".join(re.findall(rb"\(\x00\\?([!-~])\)", text)).decode()
    return found


PLOTS = ["retention", "ill_traces", f"ill_{FIT}_examples", f"{FIT}_parameters", f"{FIT}_quality",
         "intensity_total_ch_1_fitted_auc_parameters"]  # fmt: skip


@pytest.mark.parametrize("name", PLOTS)
def test_plots_name_those_left_out(stages, name):
    missing = "ofview1(failed)"
    path = f"results/analysis/plots/{name}.pdf"
    assert missing in letters(stages["skipped"].folder / path)
    assert missing not in letters(stages["mended"].folder / path)


def test_plots_of_whole_samples_name_none(stages):
    text = letters(stages["skipped"].folder / "results/analysis/plots/well_traces.pdf")
    assert "well" in text
    assert "failed" not in text


def results(stage: Stage) -> dict[str, str]:
    """Checksums of all tables and figures of samples."""
    folder = stage.folder / "results"
    return {f"{part}/{name}": digest for part in ("merged", "analysis")
            for name, digest in digests(folder / part).items()}  # fmt: skip


def test_without_a_repair_nothing_changes(stages):
    assert results(stages["again"]) == results(stages["skipped"])
    assert stages["again"].left_out_of() == stages["skipped"].left_out_of()
    times = [path.stat().st_mtime_ns for stage in ("skipped", "again")
             for path in [stages[stage].folder / "results/merged/ill_traces.csv"]]  # fmt: skip
    assert times[0] == times[1]


def test_when_it_is_mended_it_is_included(stages):
    mended = stages["mended"]
    assert mended.fields("ill") == {"0", "1"}
    assert mended.header("ill") == ["# Left out: nothing"]
    assert {words for _, words in mended.left_out_of().values()} == {""}
    untouched = "results/merged/well_traces.csv"
    assert (mended.folder / untouched).stat().st_mtime_ns == (
        (stages["waiting"].folder / untouched).stat().st_mtime_ns
    )
    assert dry_run(mended.folder, *NO_PAGES).jobs == []


def test_the_same_as_if_nothing_had_failed(stages, tmp_path):
    """A run without any failure gives the same tables and figures, byte by byte."""
    mended = stages["mended"].folder
    for name in ("data", "config"):
        shutil.copytree(mended / name, tmp_path / name, copy_function=shutil.copy2)
    config = yaml.safe_load((tmp_path / "config/config.yaml").read_text("utf-8"))
    assert config["skip_failed"] is True
    snakemake(tmp_path, *NO_PAGES)
    fresh = Stage(stages["mended"].run, tmp_path)
    assert results(fresh) == results(stages["mended"])


def test_relative_options_are_those_of_the_first_part(stages, tmp_path):
    """The second part of a run starts where the first was called, not in its working folder."""
    folder = copied(stages["waiting"].folder, tmp_path / "run")
    config = yaml.safe_load((folder / "config/config.yaml").read_text("utf-8"))
    (folder / "config/config.yaml").unlink()
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(config | {"skip_failed": True}), "utf-8")
    snakefile = Path(os.path.relpath(SNAKEFILE, tmp_path))
    options = ["--directory", "run", "--configfile", "other.yaml"]
    done = snakemake(tmp_path, *options, *NO_PICTURES, snakefile=snakefile, expected=1)
    assert "Fovea: samples made without positions, field of view 1: ill" in done.text
    assert Stage(done, folder).fields("ill") == {"0"}


def test_a_module_says_that_it_skips_nothing(stages, tmp_path):
    folder = copied(stages["skipped"].folder, tmp_path / "run")
    text = f'''
configfile: "config/config.yaml"
module fovea:
    snakefile: "{SNAKEFILE}"
    config: config
use rule * from fovea as fovea_*
rule everything:
    default_target: True
    input: rules.fovea_all.input
'''
    (folder / "Snakefile").write_text(text, "utf-8")
    run = snakemake(folder, "--dry-run", snakefile=folder / "Snakefile")
    assert "skip_failed does nothing where Fovea is a module" in run.text


def test_a_whole_dataset_that_cannot_be_read_is_left_out_too(stages, tmp_path):
    """Here the fields of view are known only after inspection."""
    (tmp_path / "data").mkdir()
    for number in range(2):
        shutil.copy2(stages["mended"].folder / f"data/pos_{number}.ome.tiff", tmp_path / "data")
    damage(tmp_path / BROKEN)
    (tmp_path / "data/torn.ome.tiff").write_bytes((tmp_path / BROKEN).read_bytes()[:5000])
    both = {"positions": entry("data/pos_*.ome.tiff", "all"), "torn": entry("data/torn.ome.tiff")}
    samples = [{"name": "all", "dataset": name} for name in both]
    write_config(tmp_path, both, samples=samples, analysis=ANALYSIS[:1], skip_failed=True)
    done = Stage(snakemake(tmp_path, expected=1), tmp_path)
    assert done.header("all") == [f"# Left out: {WORDS}; dataset torn (failed)"]
    assert done.fields("all") == {"0"}
    assert done.left_out_of() == {"000": ("done", ""), "001": ("failed", "all"),
                                  "": ("failed", "all")}  # fmt: skip
    assert "Fovea: samples made without positions, field of view 1; dataset torn: all" in (
        done.run.text
    )
