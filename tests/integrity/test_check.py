"""`fovea check`: a folder of results is compared as a whole."""

from __future__ import annotations

import re
import shutil

import pytest

from fovea.cli import main
from fovea.jobs.checksums import FOLDER
from support.made_results import make_results

ARRAY = "a/fov_001/images.zarr/fl_ch_1/0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("made")).folder / "results"


@pytest.fixture
def results(made, tmp_path):
    """A copy of whole results, with a table and pages that are not compared."""
    shutil.copytree(made, tmp_path / "results")
    (tmp_path / "results" / "status.csv").write_text("dataset\n")
    (tmp_path / "results" / "report").mkdir()
    (tmp_path / "results" / "report" / "scores.csv").write_text("name\n")
    return tmp_path / "results"


def checked(results, capsys) -> tuple[int, str, str]:
    code = main(["check", str(results)])
    printed = capsys.readouterr()
    return code, printed.out, re.sub(r"(?s)^.*\r|\x1b.\S*", "", printed.err)


def test_results_that_are_whole(results, capsys):
    code, out, err = checked(results, capsys)
    assert code == 0
    count = int(re.match(rf"{re.escape(str(results))}: (\d+) arrays, groups and tables compared, 0 "
                         r"not as Fovea wrote them\n$", out)[1])  # fmt: skip
    zarr = len({path.parent for path in results.rglob("zarr.json")})
    assert count == zarr + len(list(results.rglob(f"{FOLDER}/*.json")))
    assert err.strip() == ""


def test_a_part_of_results(results, capsys):
    whole = checked(results, capsys)[1]
    for part in ("a", "a/fov_001", "a/fov_001/images.zarr", ARRAY, "merged"):
        code, out, _ = checked(results / part, capsys)
        assert code == 0
        assert out != whole


def test_all_that_is_damaged_is_named(results, capsys):
    damaged = [ARRAY + "/c.0.0.0", "a/fov_000/images.zarr/pc_ch_0/zarr.json",
               "a/fov_000/cells.zarr/fl_ch_1/1/0/c.0.0.0", "a/fov_000/cells.zarr/metadata/bboxes/"
               "c.0.0.0", "a/metadata.yaml", "a/fov_001/a_fov_001_traces.csv",
               "merged/s_traces.parquet", "a/flat_field_ch_1.tif"]  # fmt: skip
    for name in damaged:
        data = bytearray((results / name).read_bytes())
        data[len(data) // 3] ^= 4
        (results / name).write_bytes(data)
    code, out, err = checked(results, capsys)
    assert code == 1
    assert f", {len(damaged)} not as Fovea wrote them" in out
    for name in damaged:
        assert len([line for line in err.splitlines() if str(results / name) in line]) == 1


def test_what_is_missing_or_not_whole_is_named(results, capsys):
    (results / "merged/s_traces.csv").unlink()
    (results / ARRAY / "zarr.json").unlink()
    (results / "a/fov_000/images.zarr/fl_ch_1/0/c.0.0.0").unlink()
    (results / "a/fov_000/cells.zarr/zarr.json").unlink()
    code, out, err = checked(results, capsys)
    assert (code, len(err.strip().splitlines())) == (1, 4)
    assert f"{results / 'merged/s_traces.csv'} is missing" in err
    assert f"{results / ARRAY} is not there or not whole" in err
    assert f"{results / 'a/fov_000/cells.zarr'} is not there or not whole" in err
    assert ", 4 not as Fovea wrote them" in out


def test_what_has_no_checksum_is_counted(results, capsys):
    for folder in list(results.rglob(FOLDER)):
        shutil.rmtree(folder)
    code, out, _ = checked(results, capsys)
    assert code == 0
    tables = [path for path in results.rglob("*.*")
              if path.suffix in (".csv", ".parquet", ".yaml", ".tif")
              and path.name not in ("status.csv", "scores.csv")]  # fmt: skip
    assert f"{len(tables)} have no checksum; results of Fovea 0.1.0 have none" in out


def test_what_is_no_folder_of_results_is_said(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("x")
    for place, words in ((tmp_path, "holds no results"), (tmp_path / "x", "is no such folder")):
        code, _, err = checked(place, capsys)
        assert code == 1
        assert words in err
