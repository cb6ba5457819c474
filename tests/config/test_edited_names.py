"""Which fields of view have edited tracks, and what is said of files that belong to none."""

from __future__ import annotations

import pytest

from fovea.config.edited import USUAL, check_edited, edited_fields, edited_table
from fovea.config.samples import made_with
from fovea.config.schema import SCHEMA, load_schema
from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.runs.check_recording import Given
from fovea.runs.check_recording import check_edited as check_edited_fields
from fovea.runs.check_tables import check_tables


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / USUAL).mkdir(parents=True)
    (tmp_path / USUAL / "a_fov_003.csv").write_text("")
    (tmp_path / USUAL / "a_fov_003.csv.1").write_text("")
    source = {"input": "a.nd2", "channels": {"pc": {"channel": 0}, "fl": []}}
    return validated({"datasets": {"a": source}, "samples": [{"name": "s"}]})


def test_tables_are_found(config):
    assert load_schema(SCHEMA)["properties"]["edited_tracks"]["default"] == USUAL
    check_edited(config)
    assert edited_table(config, "a", "003") == [f"{USUAL}/a_fov_003.csv"]
    assert edited_table(config, "a", "000") == []
    assert edited_fields(config, "a") == [3]
    assert made_with(config, "s")["a"].endswith(", tracks of field of view 3 edited by hand")
    none = config | {"edited_tracks": None}
    check_edited(none)
    assert edited_table(none, "a", "003") == edited_fields(none, "a") == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("b_fov_000.csv", "b_fov_000.csv: 'b' is no dataset with phase contrast; allowed: a"),
        ("a_fov_0003.csv", "a_fov_0003.csv: is not named as a table of edited tracks"),
        ("edits.csv", "edits.csv: is not named as a table of edited tracks, such as a_fov_000.csv"),
    ],
)
def test_files_of_no_field_of_view(config, tmp_path, name, message):
    (tmp_path / USUAL / name).write_text("")
    with pytest.raises(FoveaError, match=message):
        check_edited(config)


def test_fields_of_view_that_were_not_recorded(config):
    check_edited_fields(Given("a", config, {"fields": [{}] * 4}))
    message = "a_fov_003.csv: a has no field of view 3; its recording has 0-2; rename the table"
    with pytest.raises(FoveaError, match=message):
        check_edited_fields(Given("a", config, {"fields": [{}] * 3}))


def test_only_the_usual_folder_may_be_missing(config):
    with pytest.raises(FoveaError, match="there is no folder 'tracks'"):
        check_edited(config | {"edited_tracks": "tracks"})


def test_tables_are_read_before_the_first_job(config):
    with pytest.raises(FoveaError, match="a_fov_003.csv: is no table of edited tracks"):
        check_tables(config, [], [(f"{USUAL}/a_fov_003.csv", "a", 3)])
