"""What the end of a run says: files of other configs, datasets without cells, renamed datasets."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fovea.cli import app
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.jobs.atomic import whole_file
from fovea.runs import index, old_results, renamed
from fovea.runs.cell_counts import without_cells
from fovea.runs.deletion import deletes_all
from fovea.runs.failed_fields import after_failure
from fovea.runs.remarks import remarks
from fovea.runs.status import collect
from fovea.runs.status import write as write_status
from fovea.runs.summary import summary

METADATA = "files: [data/rec.nd2]\nfov_count: 2\nfields:\n"
METADATA += 2 * "- {frames: 24, planned_frames: 24}\n"
HEADER = "fov,cell,first_frame,last_frame,frames,kept,reason\n"


def config(**more) -> dict:
    entry = {"input": "data/rec.nd2", "fovs": "0-1", "channels": {
        "pc": {"channel": 0, "features": ["area"]},
        "fl": [{"channel": 1, "features": ["intensity_total"]}]}}  # fmt: skip
    given = {"datasets": {"a": entry}, "samples": [{"name": "s", "dataset": "a"}]}
    given["params"] = {"extraction": {"min_frames": 30, "border_margin": 50}}
    return given | more


def plan(**more) -> Plan:
    return Plan(validated(config(**more)))


def write(folder: Path, name: str, text: str = "") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def made(folder: Path, made_by: Plan) -> set[str]:
    """Make, empty, everything of a plan; return the names."""
    files = {*made_by.sample_files(), *made_by.dataset_files("a", [0, 1])}
    for name in files:
        write(folder, name)
        if name.endswith(("/0/zarr.json", "/1/zarr.json", "/boxes/zarr.json")):
            write(folder, name.replace("zarr.json", "c.0.0.0"))
    write(folder, "results/a/metadata.yaml", METADATA)
    write(folder, "results/status.csv")
    return files


@pytest.fixture
def folder(tmp_path) -> Path:
    made(tmp_path, plan())
    return tmp_path


def test_nothing_of_the_present_config_is_old(folder):
    assert old_results.old_results(plan(), folder) == []
    assert old_results.words([], "results") == ""


def old_things(folder: Path) -> list[str]:
    """What a present config has not made: of each kind, one."""
    images = "results/a/fov_000/images.zarr"
    files = {
        "results/b": "results/b/fov_000/b_fov_000_traces.csv",
        "results/a/fov_002": "results/a/fov_002/images.zarr/zarr.json",
        f"{images}/fl_ch_2": f"{images}/fl_ch_2/0/zarr.json",
        f"{images}/fl_corrected_ch_1": f"{images}/fl_corrected_ch_1/zarr.json",
        f"{images}/pc_ch_0/boxes": f"{images}/pc_ch_0/boxes/c.0.0.0",
        "results/a/fov_000/a_fov_000_photobleaching.csv": "",
        "results/merged/s_intensity_mean_ch_1.csv": "",
        "results/merged/control_traces.csv": "",
        "results/analysis/s.h5ad": "",
        "results/analysis/plots/control_traces.png": "",
        "results/report/b_fov_000.png": "",
        "results/notes.txt": "",
    }
    for thing, file in files.items():
        write(folder, file or thing)
    write(folder, "results/.DS_Store")
    return sorted(files)


def test_what_another_config_left_is_named(folder):
    old = old_things(folder)
    assert old_results.old_results(plan(), folder) == old
    text = old_results.words(old, "results", "fovea clean --directory x")
    assert "12 files and folders that this config does not make" in text
    assert old[0] in text
    assert "`fovea clean --directory x --dry-run` lists all" in text


def test_nothing_is_named_of_fields_of_view_that_are_not_known(folder):
    given = config()
    given["datasets"]["a"]["fovs"] = "all"
    (folder / "results/a/metadata.yaml").unlink()
    assert old_results.old_results(Plan(validated(given)), folder) == []


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_clean_moves_them_away_and_deletes_nothing(folder):
    write(folder, "config/config.yaml", yaml.safe_dump(config()))
    before = names(folder / "results")
    old = old_things(folder)
    everything = names(folder / "results")
    command = ["clean", "--directory", str(folder)]
    listed = CliRunner().invoke(app, [*command, "--dry-run"])
    assert listed.stdout.splitlines() == old
    assert CliRunner().invoke(app, command, input="n\n").exit_code == 0
    assert names(folder / "results") == everything
    assert CliRunner().invoke(app, command, input="y\n").exit_code == 0
    assert names(folder / "results") == before | {".DS_Store", "index.csv"}
    moved = names(folder / "results_old_1")
    assert moved == everything - before - {".DS_Store"}
    write(folder, "results/merged/control_traces.csv")
    CliRunner().invoke(app, [*command, "--yes"])
    assert names(folder / "results_old_2") == {"merged/control_traces.csv"}
    assert "The config makes everything" in CliRunner().invoke(app, command).stdout


def test_clean_waits_for_the_end_of_a_run(folder):
    write(folder, "config/config.yaml", yaml.safe_dump(config()))
    old_things(folder)
    write(folder, ".snakemake/locks/0.output.lock")
    done = CliRunner().invoke(app, ["clean", "--directory", str(folder), "--yes"])
    assert done.exit_code == 1
    assert "Snakemake is at work here" in str(done.exception)
    assert not (folder / "results_old_1").exists()


def test_the_index_names_what_made_each_table_and_what_is_old(folder):
    old = old_things(folder)
    places = [("a", "000"), ("a", "001")]

    def rows(made_by: Plan) -> dict[str, dict[str, str]]:
        index.write_index(made_by, places, old, folder)
        with (folder / "results/index.csv").open(encoding="utf-8", newline="") as file:
            return {row["file"]: row for row in csv.DictReader(file)}

    first = rows(plan())
    content = (folder / "results/index.csv").read_bytes()
    assert {name for name, row in first.items() if row["made_by"] == "another config"} == set(old)
    traces = first["results/a/fov_001/a_fov_001_traces.csv"]
    assert (traces["step"], traces["recording"]) == ("extract", "data/rec.nd2")
    assert first["results/merged/s_area_ch_0.csv"]["dataset_or_sample"] == "s"
    assert rows(plan()) == first
    assert (folder / "results/index.csv").read_bytes() == content
    other = rows(plan(params={"extraction": {"min_frames": 20, "border_margin": 50}}))
    assert (
        other["results/merged/s_area_ch_0.csv"]["parameters"]
        != (first["results/merged/s_area_ch_0.csv"]["parameters"])
    )


def cells(folder: Path, fov: int, *reasons: str) -> None:
    rows = [f"{fov},{n},0,9,10,{not reason},{reason}\n" for n, reason in enumerate(reasons, 1)]
    text = HEADER + "".join(f'{row[: row.rindex("e,") + 2]}"{row[row.rindex("e,") + 2 : -1]}"\n'
                            for row in rows)  # fmt: skip
    write(folder, f"results/a/fov_{fov:03d}/a_fov_{fov:03d}_cells.csv", text)


PLACES = [("a", "000"), ("a", "001")]


def test_the_parameter_that_removed_all_cells_is_named(folder):
    cells(folder, 0, "short", "short", "short, border")
    cells(folder, 1, "short")
    (line,) = without_cells(plan(samples=[]), PLACES, folder).splitlines()
    assert line.startswith("Fovea: WARNING: no cell was kept in any of the 2 fields of view of ")
    assert "4 of 4 cells were seen in fewer frames than extraction.min_frames = 30" in line
    assert "1 of 4 cells was nearer to the edge than extraction.border_margin = 50 pixels" in line
    assert "the recording has 24 frames" in line
    rows = collect(plan(), folder)
    assert [(row.cells_found, row.cells_kept) for row in rows] == [(3, 0), (1, 0)]
    write_status(rows, folder / "results/status.csv")
    with (folder / "results/status.csv").open(encoding="utf-8", newline="") as file:
        lost = [(row["lost_min_frames"], row["lost_border_margin"]) for row in csv.DictReader(file)]
    assert lost == [("3", "1"), ("1", "0")]


def test_the_summary_says_why_cells_were_lost_and_what_was_made(folder):
    cells(folder, 0, "short", "short", "")
    (folder / "results/a/fov_001/a_fov_001_cells.csv").unlink()
    rows = collect(plan(), folder)
    assert summary(plan(), rows, folder).splitlines()[1:] == [
        "Fovea: dataset a: 3 cells found, 1 kept; 2 of 3 cells were seen in fewer frames than "
        "extraction.min_frames = 30; the recording has 24 frames",
        "Fovea: 1 of 1 sample made",
    ]
    write_status(rows, folder / "results/status.csv")
    with (folder / "results/status.csv").open(encoding="utf-8", newline="") as file:
        assert [row["lost_min_frames"] for row in csv.DictReader(file)] == ["2", ""]


@pytest.mark.parametrize(
    ("name", "fov", "others"),
    [("metadata.yaml", "", []), ("fov_001/a_fov_001_cells.csv", "001", ["000"])],
)
def test_a_damaged_file_is_a_row_beside_the_others(name, fov, others, folder):
    cells(folder, 0, "short", "")
    cells(folder, 1, "short")
    file = folder / "results/a" / name
    text = file.read_bytes()
    with whole_file(file, checked=True) as temporary:
        temporary.write_bytes(text)
    before = collect(plan(), folder)
    assert {row.state for row in before} == {"done"}
    file.write_bytes(text[:-3])
    *rest, row = collect(plan(), folder)
    assert (row.dataset, row.fov, row.state) == ("a", fov, "failed")
    assert str(file) in row.error
    assert row.cells == ""
    assert [(one.fov, one.cells) for one in rest] == [(other, "1 of 2") for other in others]
    said = remarks(plan(), [(one.dataset, one.fov) for one in (*rest, row)], folder)
    assert said == ([f"Fovea: WARNING: {row.error}"] if fov else [])


def test_one_cell_is_named_in_the_singular(folder):
    for fov, reasons in enumerate([("short",), ()]):
        cells(folder, fov, *reasons)
    text = without_cells(plan(samples=[]), PLACES, folder)
    assert "1 of 1 cell was seen in fewer frames" in text


def test_limits_that_are_left_to_fovea_are_named_too(folder):
    cells(folder, 0, "short", "border")
    cells(folder, 1)
    text = without_cells(plan(samples=[], params={}), PLACES, folder)
    assert "fewer frames than extraction.min_frames (null: a tenth of the recording's)" in text
    assert "than extraction.border_margin (null: half a cell)" in text


def test_where_nothing_was_found_segmentation_is_named(folder):
    cells(folder, 0)
    cells(folder, 1)
    text = without_cells(plan(samples=[]), PLACES, folder)
    assert "nothing was found in channel 0; look at channels.pc" in text


def test_a_dataset_in_which_no_cells_are_looked_for_is_named(folder):
    given = config(samples=[])
    given["datasets"]["a"]["channels"]["pc"] = None
    text = without_cells(Plan(validated(given)), PLACES, folder)
    assert "no cells are looked for in dataset a" in text
    assert text.count("WARNING") == 1
    given["params"]["copy_only"] = True  # where none are asked for
    assert without_cells(Plan(validated(given)), PLACES, folder) == ""


def test_one_kept_cell_is_enough(folder):
    cells(folder, 0, "short")
    cells(folder, 1, "short", "")
    assert without_cells(plan(samples=[]), PLACES, folder) == ""


def test_a_sample_whose_cells_are_all_judged_bad(folder):
    cells(folder, 0, "")
    table = "# Sample: s\ndataset,fov,cell,kept,reason,good\na,0,1,True,,False\n"
    write(folder, "results/merged/s_traces_cells.csv", table)
    text = without_cells(plan(), PLACES, folder)
    assert "sample s has no cell" in text
    assert "the only cell with traces is judged bad in config/curation.csv" in text


def test_a_renamed_dataset_is_pointed_out(folder):
    given = config()
    given["datasets"]["new"] = given["datasets"].pop("a")
    given["samples"] = []
    write(folder, "data/rec.nd2")
    found = Plan(validated(given))
    found.datasets["new"].__dict__["_files"] = ["elsewhere/rec.nd2"]
    assert renamed.renamed(found, folder) == {"new": "a"}
    assert "dataset new is processed from the beginning" in renamed.words({"new": "a"}, "results")
    found.datasets["new"].__dict__["_files"] = ["data/other.nd2"]
    assert renamed.renamed(found, folder) == {}
    write(folder, "results/new/metadata.yaml", METADATA)
    found.datasets["new"].__dict__["_files"] = ["data/rec.nd2"]
    assert renamed.renamed(found, folder) == {}


@pytest.mark.parametrize(
    ("options", "deletes"),
    [
        (["--delete-all-output", "--cores", "1"], True),
        (["--delete-all-output", "-n"], False),
        (["--delete-all-output", "-nq"], False),
        (["--dry-run", "--delete-all-output"], False),
        (["--cores", "1"], False),
    ],
)
def test_what_deletes_all_output(options, deletes):
    assert deletes_all(options) is deletes


def test_a_sample_of_which_no_recording_could_be_read_is_not_said_to_wait(tmp_path):
    given = config()
    given["datasets"]["b"] = given["datasets"]["a"] | {"input": "data/other.nd2"}
    given["samples"] = [
        {"name": name, "dataset": "a", "fovs": [fov]} for fov, name in enumerate(("s", "both"))
    ]
    given["samples"].append({"name": "both", "dataset": "b"})
    whole = Plan(validated(given))
    write(tmp_path, "logs/a/inspect_input.log", "2026-05-01 12:00:00,000 ERROR   failed: torn\n")
    text = after_failure(whole, collect(whole, tmp_path), None, tmp_path)
    assert text == (
        "Fovea: sample both waits for dataset a (failed); skip_failed: true in the config makes it "
        "of the others"
    )
