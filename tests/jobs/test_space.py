"""Disks that are full, or will be: what is said, and what is not begun."""

from __future__ import annotations

import errno
import logging
from types import SimpleNamespace

import pytest

from fovea.config.paths import Paths
from fovea.errors import FoveaError
from fovea.jobs import space
from fovea.jobs.log import job
from fovea.jobs.resources import Size
from fovea.recordings.copy_raw import copy_raw
from fovea.runs import room
from fovea.runs.status import Row
from fovea.simulation.simulate import simulate


def disk(monkeypatch, free: int) -> None:
    """Let all disks have so many bytes free."""
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_amounts():
    numbers = (0, 999, 1000, 1.55e6, 2e9, 3.21e13)
    assert [space.amount(n) for n in numbers] == [
        "0 bytes", "999 bytes", "1.0 kB", "1.6 MB", "2.0 GB", "32.1 TB",
    ]  # fmt: skip


def test_a_frame_needs_what_was_measured():
    """37 MB for 2048 x 2048 pixels of phase contrast and two fluorescences."""
    assert space.field_bytes(Size(1, 2048, 2048), 1, 2) == pytest.approx(37e6, rel=0.15)
    assert space.field_bytes(Size(1, 2048, 2048), 0, 1) < space.field_bytes(
        Size(1, 2048, 2048), 1, 1
    )


def test_a_field_that_cannot_fit_is_not_begun(tmp_path, monkeypatch):
    simulate(tmp_path / "a.ome.tiff", tmp_path / "truth", 1, 4, 64, 64, 1)
    target = tmp_path / "results/a/fov_000/images.zarr"
    disk(monkeypatch, 4000)
    with pytest.raises(FoveaError, match=r"need at least 8\.2 kB, and 4\.0 kB are free on this"):
        copy_raw(str(tmp_path / "a.ome.tiff"), target, 0, {"pc_ch_0": 0})
    assert not target.exists()
    disk(monkeypatch, 10**9)
    copy_raw(str(tmp_path / "a.ome.tiff"), target, 0, {"pc_ch_0": 0})
    assert (target / "pc_ch_0/0/zarr.json").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space", "/nowhere/x"),
            "a disk is full; free are 1.2 MB in /now",
        ),
        (OSError(errno.EDQUOT, "Quota"), "the quota is full; free are 1.2 MB in the working dir"),
    ],
)
def test_a_job_says_how_much_is_free_where(tmp_path, monkeypatch, capsys, error, message):
    disk(monkeypatch, 1_200_000)
    log = tmp_path / "a.log"
    snakemake = SimpleNamespace(log=[str(log)], rule="copy", wildcards={}, threads=1, params={})
    with pytest.raises(SystemExit, match="1"), job(snakemake):
        raise error
    assert message in capsys.readouterr().err
    assert "make room, and give the same command again" in log.read_text().splitlines()[-1]
    logging.captureWarnings(False)


def test_other_errors_are_no_full_disk():
    assert space.full_disk(OSError(errno.EIO, "I/O error")) is None
    assert space.full_disk(ValueError("x")) is None


def test_a_run_that_will_not_fit_is_told_at_the_start(monkeypatch):
    size = Size(100, 2048, 2048)
    dataset = SimpleNamespace(groups=lambda kind: [kind], size=lambda *_: size)
    plan = SimpleNamespace(datasets={"a": dataset}, paths=Paths())
    disk(monkeypatch, 10**9)
    text = room.words(plan, {("a", "000"), ("a", "001")})
    assert "2 fields of view that are to be processed will need about 5.0 GB, and 1.0 GB" in text
    disk(monkeypatch, 10**10)
    assert room.words(plan, {("a", "000"), ("a", "001")}) == ""
    assert room.words(plan, set()) == ""


def test_the_end_of_a_run_that_met_a_full_disk_says_what_the_rest_needs(tmp_path, monkeypatch):
    size = Size(100, 2048, 2048)
    dataset = SimpleNamespace(groups=lambda kind: [kind], size=lambda *_: size)
    plan = SimpleNamespace(datasets={"a": dataset}, paths=Paths())
    disk(monkeypatch, 10**9)
    full = space.full_disk(OSError(errno.ENOSPC, "No space"))
    rows = [Row("a", "000"), Row("a", "001", "failed", error=full), Row("a", "002", "waiting")]
    text = room.rest(plan, rows, str(tmp_path))
    assert "the 2 fields of view that are not done will need about 5.0 GB more, and 1.0 GB" in text
    written = tmp_path / "a/fov_001/images.zarr/x"
    written.parent.mkdir(parents=True)
    with written.open("wb") as file:
        file.truncate(2 * 10**9)
    assert "will need about 3.0 GB more" in room.rest(plan, rows, str(tmp_path))
    assert "the 1 field of view that is not done" in room.rest(plan, rows[:2], str(tmp_path))
    assert room.rest(plan, [Row("a", "001", "failed", error="other")], str(tmp_path)) == ""
