"""Tables and records whose checksum stands beside them: damage is one line, and never rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.jobs import atomic
from fovea.jobs.atomic import whole_csv, whole_file
from fovea.jobs.checksums import as_written, checksum_file, read_rows, read_text, read_whole
from fovea.samples.tables import (
    parquet_columns,
    read_csv,
    read_parquet,
    write_csv,
    write_parquet,
    write_traces,
)
from support.damage import damaged_copies


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = rng.choice(["short", "border, short", ""], 40)
    return pd.DataFrame({"cell": np.arange(40), "value": rng.normal(size=40), "reason": words})


def write_rows(path, seed: int) -> None:
    with whole_csv(path, ["cell", "value"]) as rows:
        rows.writerows(table(seed)[["cell", "value"]].to_numpy().tolist())


#: Suffix, how a table is written, and how it is read.
KINDS = {
    "rows": (".csv", write_rows, lambda path: list(read_rows(path))),
    "csv": (".csv", lambda path, seed: write_csv(table(seed), path),
            lambda path: read_csv(path, ["reason"]).to_dict()),
    "saved": (".csv", lambda path, seed: write_csv(table(seed), path),
              lambda path: read_csv(path).to_dict()),
    "traces": (".csv", lambda path, seed: write_traces(table(seed), path, [f"Time units: {seed}"]),
               lambda path: read_csv(path, ["reason"]).to_dict()),
    "parquet": (".parquet", lambda path, seed: write_parquet(table(seed), path, {"unit": seed}),
                lambda path: (read_parquet(path).to_dict(), read_parquet(path).attrs)),
    "columns": (".parquet", lambda path, seed: write_parquet(table(seed), path, {}),
                parquet_columns),
}  # fmt: skip


@settings(max_examples=8)
@given(seed=st.integers(0, 1 << 30))
@pytest.mark.parametrize("kind", KINDS)
def test_every_damage_of_a_table_is_noticed(kind, seed, tmp_path_factory):
    suffix, write, read = KINDS[kind]
    folder = tmp_path_factory.mktemp("damage")
    path, other = folder / f"a{suffix}", folder / f"b{suffix}"
    for number, file in enumerate((path, other)):
        write(file, seed + number)
    expected = repr(read(path))
    for damage in damaged_copies(path, np.random.default_rng(seed), other):
        with pytest.raises(FoveaError, match="is not as Fovea wrote it: it has") as caught:
            read(path)
        text = str(caught.value)
        assert text.startswith(f"{path} "), damage
        assert "\n" not in text
        assert "delete it and run Snakemake again" in text
    assert repr(read(path)) == expected


def test_the_number_of_rows_is_said(tmp_path):
    write_rows(tmp_path / "a.csv", 0)
    about = json.loads(checksum_file(tmp_path / "a.csv").read_text())
    assert about["lines"] == 41
    lines = (tmp_path / "a.csv").read_text().splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join(lines[:12]))
    with pytest.raises(FoveaError, match="it has 12 lines instead of 41"):
        read_text(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("".join(lines)[:-1] + "0")
    with pytest.raises(FoveaError, match="it has 40 lines instead of 41"):
        read_text(tmp_path / "a.csv")


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"bytes": 1}', "\0", "1", "null"])
def test_a_damaged_checksum_is_said(tmp_path, text):
    write_rows(tmp_path / "a.csv", 0)
    file = checksum_file(tmp_path / "a.csv")
    file.write_text(text)
    with pytest.raises(FoveaError, match="is damaged; delete it and") as caught:
        read_whole(tmp_path / "a.csv")
    assert str(file) in str(caught.value)
    file.unlink()
    assert len(list(read_rows(tmp_path / "a.csv"))) == 40


def test_a_file_without_checksum_is_read_as_it_is(tmp_path):
    (tmp_path / "a.csv").write_text("cell,value\n1,2\n")
    assert list(read_rows(tmp_path / "a.csv")) == [{"cell": "1", "value": "2"}]
    with whole_file(tmp_path / "curation.csv") as temporary:
        temporary.write_text("a\n")
    assert not checksum_file(tmp_path / "curation.csv").exists()


@pytest.mark.parametrize("data", [b"\xff\xfe\xfd", b"PAR1", b"", b"PAR1" + bytes(80) + b"PAR1"])
def test_what_is_no_table_is_one_line(tmp_path, data):
    for name, read in (("a.csv", read_text), ("a.parquet", read_parquet),
                       ("a.parquet", parquet_columns)):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        if name == "a.csv" and data != b"\xff\xfe\xfd":
            continue
        with pytest.raises(FoveaError, match="cannot be read: it is damaged"):
            read(tmp_path / name)


def test_parquet_pages_have_checksums_that_other_programs_compare(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(table(0), path, {})
    data = bytearray(path.read_bytes())
    whole = read_parquet(path)
    checksum_file(path).unlink()
    noticed = 0
    for at in range(4, len(data) // 2, 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            pd.testing.assert_frame_equal(read_parquet(path), whole)
        except FoveaError:
            noticed += 1
    assert noticed > 10


def test_what_cannot_be_opened_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError), as_written(tmp_path / "a"):
        read_whole(tmp_path / "a")
    with pytest.raises(IsADirectoryError), as_written(tmp_path):
        read_whole(tmp_path)


def test_a_file_that_is_made_anew_never_has_an_old_checksum(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write_rows(path, 0)
    with whole_csv(path, ["cell"]):
        assert not checksum_file(path).exists()

    def killed(target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            write_rows(path, 1)
    assert not checksum_file(path).exists()
    write_rows(path, 1)
    assert read_whole(path)
    assert [p.name for p in (tmp_path / ".checksums").iterdir()] == ["a.csv.json"]
