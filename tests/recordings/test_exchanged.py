"""A recording that is exchanged or changed: nothing is made of the old one and the new one."""

from __future__ import annotations

import os
import shutil
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.background.flat_field import flat_field
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.recordings import copy_raw as module
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.fingerprint import check_unchanged, fingerprint, stamp
from fovea.recordings.inspect_input import inspect_input, load_metadata
from fovea.runs.exchanged import check_exchanged
from fovea.segmentation.phase.found import find_cells
from support.recordings import assert_one_line, pixels, write_ome_tiff, write_ome_zarr

SHAPE = 1, 4, 1, 2, 48, 40
CHANNELS = {"pc_ch_0": 0, "fl_ch_1": 1}
METADATA = "results/a/metadata.yaml"
PHASE = {"mode": "auto", "cell_diameter": "auto"}


def tiff(path, seed: int) -> None:
    write_ome_tiff(path, np.random.default_rng(seed).integers(0, 999, SHAPE, np.uint16))


def store(path, seed: int) -> None:
    write_ome_zarr(path, np.random.default_rng(seed).integers(0, 999, SHAPE[1:], np.uint16))


WRITERS = {"a.ome.tif": tiff, "a.zarr": store}


@pytest.fixture(params=WRITERS)
def name(request, tmp_path, monkeypatch):
    """A recording in the working folder that was inspected."""
    monkeypatch.chdir(tmp_path)
    WRITERS[request.param](tmp_path / request.param, 0)
    inspect_input(request.param, METADATA)
    return request.param


def exchange(name: str, seed: int) -> None:
    """Put another recording in the place of one, of the same size and as old."""
    old = {path: path.stat() for path in paths(name)}
    (shutil.rmtree if os.path.isdir(name) else os.unlink)(name)
    WRITERS[name](name, seed)
    for path in paths(name):
        if path in old:
            os.utime(path, ns=(old[path].st_atime_ns, old[path].st_mtime_ns))


def paths(name: str) -> list:
    from pathlib import Path

    return [Path(name), *Path(name).rglob("*")]


def test_a_copy_of_a_recording_has_the_same_fingerprint(name, tmp_path):
    known = load_metadata(METADATA)["recording"]
    assert known["files"] == 1
    for other in ("b" + name, "c" + name):
        (shutil.copytree if os.path.isdir(name) else shutil.copy)(name, other)
        found = fingerprint(str(tmp_path / other))
        assert (found["files"], found["bytes"]) == (known["files"], known["bytes"])
    os.mkdir("moved")
    shutil.move("c" + name, f"moved/{name}")
    assert fingerprint(f"moved/{name}") == known


def test_nothing_is_copied_of_another_recording(name):
    metadata = load_metadata(METADATA)
    copy_raw(name, "images.zarr", 0, CHANNELS, 0, metadata)
    exchange(name, 1)
    for ask in (
        lambda: copy_raw(name, "other.zarr", 0, CHANNELS, 0, metadata),
        lambda: flat_field("gain.tif", {"method": "recording", "dark": 0}, 1, name, 0, metadata),
        lambda: find_cells(name, "found.yaml", PHASE, 0, metadata=metadata),
    ):
        with pytest.raises(FoveaError, match="has changed since it was inspected") as caught:
            ask()
        assert_one_line(caught.value, name)
    assert not os.path.exists("other.zarr/pc_ch_0/0/zarr.json")
    assert not os.path.exists("gain.tif")
    assert not os.path.exists("found.yaml")


def test_a_recording_that_is_modified_after_it_was_inspected_is_doubted(name, caplog):
    """A fingerprint does not see all of it, and a run that is planned does not look again."""
    caplog.set_level("WARNING", "fovea")
    metadata = load_metadata(METADATA)
    copy_raw(name, "one.zarr", 0, CHANNELS, 0, metadata)
    assert not caplog.records
    newer = os.stat(METADATA).st_mtime_ns + 1
    os.utime(name, ns=(newer, newer))
    copy_raw(name, "other.zarr", 0, CHANNELS, 0, metadata)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{name}: was modified after it had been inspected; its")


def planned(name: str) -> Plan:
    channels = {"pc": {"channel": 0, "features": ["area"]}, "fl": []}
    return Plan(validated({"datasets": {"a": {"input": name, "channels": channels}}}))


def test_a_run_says_at_its_start_that_a_recording_was_exchanged(name):
    plan = planned(name)
    check_exchanged(plan, {})
    exchange(name, 1)
    with pytest.raises(FoveaError, match=f"delete {METADATA} and run Snakemake again") as caught:
        check_exchanged(plan, {})
    assert_one_line(caught.value, name)
    check_exchanged(plan, {"a": "is not there"})
    newer = os.stat(METADATA).st_mtime_ns + 10**9  # Snakemake makes everything anew by itself
    os.utime(name, ns=(newer, newer))
    check_exchanged(plan, {})
    os.unlink(METADATA)
    check_exchanged(plan, {})


def test_metadata_of_the_first_version_has_no_fingerprint(name):
    with open(METADATA, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("recording: ")]
    shutil.rmtree("results")
    os.makedirs("results/a")
    with open(METADATA, "w", encoding="utf-8") as file:
        file.writelines(lines)
    exchange(name, 1)
    check_exchanged(planned(name), {})
    copy_raw(name, "images.zarr", 0, CHANNELS, 0, load_metadata(METADATA))


def test_a_recording_that_is_written_to_while_it_is_copied(name, monkeypatch):
    progress = module.progress

    def written_to(frames, *more, **options):
        yield from progress(frames, *more, **options)
        now = os.stat(name)
        os.utime(name, ns=(now.st_atime_ns, now.st_mtime_ns + 1))

    monkeypatch.setattr(module, "progress", written_to)
    with pytest.raises(FoveaError, match="was written to while it was read") as caught:
        copy_raw(name, "images.zarr", 0, CHANNELS, 0, load_metadata(METADATA))
    assert_one_line(caught.value, name)
    assert not os.path.exists("images.zarr/pc_ch_0/0/zarr.json")


def test_a_recording_of_the_future_is_refused(name):
    """Snakemake says that the clock should be fixed on system level, and deletes the output."""
    for ahead, refused in ((-1e9, False), (0, False), (3600, True), (1e9, True)):
        when = time.time() + ahead
        os.utime(name, (when, when))
        if os.path.exists(METADATA):
            os.unlink(METADATA)
        if refused:
            with pytest.raises(FoveaError, match="was modified in the future") as caught:
                inspect_input(name, METADATA)
            assert_one_line(caught.value, name)
            assert not os.path.exists(METADATA)
            continue
        inspect_input(name, METADATA)


@settings(max_examples=20)
@given(data=st.data(), size=st.integers(0, 200_000))
def test_a_fingerprint_sees_sizes_names_and_what_lies_at_its_places(data, size, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    content = np.random.default_rng(size).bytes(size)
    file = folder / "a.tif"
    file.write_bytes(content)
    known = fingerprint(str(file))
    about = {"files": ["a.tif"], "recording": known}
    check_unchanged(str(file), about)
    assert known["bytes"] == size
    for other in (content + b"x", content[:-1], np.random.default_rng(size + 1).bytes(size)):
        if other != content:
            file.write_bytes(other)
            with pytest.raises(FoveaError, match="has changed"):
                check_unchanged(str(file), about)
    start = data.draw(st.integers(0, max(0, size - 8000)))  # longer than the places lie apart
    changed = content[:start] + bytes(8000) + content[start + 8000 :]
    file.write_bytes(changed)
    assert fingerprint(str(file)) != known


def test_many_files_are_looked_at_evenly(tmp_path):
    for number in range(300):
        (tmp_path / f"img_{number:03d}.tif").write_bytes(bytes(number))
    source = str(tmp_path / "*.tif")
    known = fingerprint(source)
    assert (known["files"], known["bytes"]) == (300, sum(range(300)))
    assert len(stamp(source)) == 300
    (tmp_path / "img_123.tif").write_bytes(bytes(7))
    assert fingerprint(source) != known


# ------------------------------------------------------------- paths that lead out of a store


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_path_that_leads_out_of_a_store_is_refused(tmp_path, monkeypatch, version):
    monkeypatch.chdir(tmp_path)
    for store in ("a.zarr", "b.zarr"):
        write_ome_zarr(tmp_path / store, pixels(*SHAPE)[0], version=version)
    file = tmp_path / "a.zarr" / (".zattrs" if version == "0.4" else "zarr.json")
    text = file.read_text()
    for path in ("../b.zarr/0", "0/../../b.zarr/0", "..", "0/.."):
        file.write_text(text.replace('"path": "0"', f'"path": "{path}"'))
        assert file.read_text() != text
        with pytest.raises(FoveaError, match="which leads out of it") as caught:
            inspect_input("a.zarr", "m.yaml")
        assert_one_line(caught.value, "a.zarr")
        assert not os.path.exists("m.yaml")
