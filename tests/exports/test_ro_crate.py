"""The record of a run, validated by roc-validator and read with rocrate."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import pytest
import rocrate
import yaml
from requests import Response
from rocrate.rocrate import ROCrate
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

from fovea import __version__
from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports.ro_crate import RECORD, export_ro_crate
from support.made_results import SOURCE, make_results, plan


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with results, in which a figure has no checksum, and its config."""
    folder = tmp_path_factory.mktemp("made")
    make_results(folder)
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text("datasets: {}\n")
    (folder / "results/old.csv").write_text("left\n")
    (folder / "results/report").mkdir()
    (folder / "results/report/a.png").write_bytes(b"picture")
    return folder


@pytest.fixture
def without_network(monkeypatch):
    """Give the validator the context of JSON-LD that rocrate has."""

    def get(self, url, **options):
        found = Response()
        found.status_code, found.url = 200, url
        found._content = (files(rocrate) / "data" / "ro-crate.jsonld").read_bytes()
        found.headers["Content-Type"] = "application/ld+json"
        return found

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)


def export(folder, **options):
    config = folder / "config/config.yaml"
    return export_ro_crate(plan(), folder, config, ["results/old.csv"], **options)


@pytest.mark.filterwarnings("ignore")  # of the validator's libraries
def test_it_is_valid(made, without_network):
    export(made)
    settings = services.ValidationSettings(
        rocrate_uri=str(made), profile_identifier="process-run-crate-0.5", offline=True,
        requirement_severity=Severity.REQUIRED,
    )  # fmt: skip
    found = services.validate(settings)
    assert [issue.message for issue in found.get_issues()] == []
    record = json.loads((made / RECORD).read_text())
    for entity in record["@graph"]:  # so that the validator is seen to object
        if entity["@id"] == "#run":
            del entity["instrument"]
    (made / RECORD).write_text(json.dumps(record))
    assert services.validate(settings).get_issues()


def test_what_it_says(made):
    words = export(made, name="Batch 3", license_url="https://example.org/license")
    crate = ROCrate(made)
    assert (crate.name, crate.license) == ("Batch 3", "https://example.org/license")
    action = crate.get("#run")
    assert crate.root_dataset["mentions"] == action
    assert action["instrument"]["softwareVersion"] == __version__
    results = {entity.id: entity for entity in action["result"]}
    inputs = {entity.id: entity for entity in action["object"]}
    stores = {name for name in results if name.endswith(".zarr/")}
    assert len(stores) == 4
    assert words.endswith(f"{len(results) - 4} files and 4 stores of results")
    for name in results.keys() - stores:
        data = (made / name).read_bytes()
        about = results[name]
        assert about["sha256"] == hashlib.sha256(data).hexdigest(), name
        assert about["contentSize"] == str(len(data)), name
    found = [path for path in (made / "results").rglob("*") if path.is_file()]
    there = {path.relative_to(made).as_posix() for path in found
             if ".zarr" not in str(path) and ".checksums" not in str(path)}  # fmt: skip
    assert results.keys() - stores == there - {"results/old.csv"}
    run = yaml.safe_load((made / "results/a/processing_config.yaml").read_text())
    assert inputs["#parameter/a/background.tile_size"]["value"] == "48"
    assert run["params"]["background"]["tile_size"] == 48
    recording = inputs["#recording/a"]
    assert recording["identifier"].endswith(run["metadata"]["recording"]["fingerprint"])
    assert crate.get(SOURCE)["sha256"] == hashlib.sha256((made / SOURCE).read_bytes()).hexdigest()
    assert "config/config.yaml" in inputs


def test_a_table_that_was_edited_is_refused(made, monkeypatch):
    table = made / "results/merged/s_traces.csv"
    before = table.read_bytes()
    table.write_bytes(before.replace(b"1", b"2", 1))
    try:
        with pytest.raises(FoveaError, match=r"s_traces.csv is not as Fovea wrote it"):
            export(made)
    finally:
        table.write_bytes(before)


def test_a_folder_without_results(tmp_path):
    with pytest.raises(FoveaError, match="holds no results of Fovea; run Snakemake first"):
        export_ro_crate(plan(), tmp_path, tmp_path / "config.yaml")


def test_a_run_that_is_not_finished(run, capsys):
    assert main(["export", "ro-crate", "--directory", str(run)]) == 1
    assert "this run is not finished; `fovea status` says" in capsys.readouterr().err
    assert not (run / RECORD).exists()
