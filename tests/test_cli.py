"""The command `fovea`: its commands, their help, and its errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile
import yaml

from fovea import __version__, cli
from fovea.cli import main
from fovea.config.phase_tuning import MODES
from support.nd2_writer import write_nd2
from support.recordings import pixels, write_ome_tiff

LIBRARY = Path(__file__).parents[1] / "scripts"
COMMANDS = [
    "describe",
    "preview",
    "status",
    "evaluate",
    "import",
    "inspect",
    "check",
    "movie",
    "view",
]
EXPORTS = ["geff", "ctc", "ro-crate", "trackmate", "ngff"]


def fovea(*words: str, **options) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "fovea.cli", *words], env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def test_help_names_the_commands(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f" {name} " in printed for name in COMMANDS)
    assert "snakemake --cores 16" in printed


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_an_example(name, capsys):
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Example: fovea {name} " in printed


@pytest.mark.parametrize("name", EXPORTS)
def test_help_of_an_export_has_an_example(name, capsys):
    assert main(["export", name, "--help"]) == 0
    assert f"Example: fovea export {name} " in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_help_imports_no_library():
    code = "import sys; from fovea.cli import main; main(['--help']); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = run.stdout.split()
    assert "fovea.cli" in loaded
    assert not {"numpy", "yaml", "matplotlib", "numba", "pandas"} & set(loaded)


def test_modes_are_those_of_segmentation():
    assert get_args(cli.Mode) == tuple(MODES)


def test_describe(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for p in range(3):
        write_ome_tiff(
            f"p{p}.ome.tif", pixels(3), fovs=[p], deltas=np.arange(18.0).reshape(3, 3, 2)
        )
    with tifffile.TiffWriter("plain.tif") as tif:
        for page in pixels(1, 4, 1, 2).reshape(-1, 12, 10):
            tif.write(page, metadata=None, contiguous=False)
    assert main(["describe", "p*.ome.tif"]) == 0
    assert "3 files, p0.ome.tif to p2.ome.tif: OME-TIFF" in capsys.readouterr().out
    assert main(["describe", "--together", "p0.ome.tif", "p2.ome.tif"]) == 0
    out = capsys.readouterr().out
    assert "fields of view   2 (p0, p2)" in out
    config = yaml.safe_load(out.split("In config/config.yaml:")[1])
    assert config["datasets"]["p0"]["input"] == ["p0.ome.tif", "p2.ome.tif"]
    assert main(["describe", "plain.tif"]) == 1
    assert "name the axes in the config" in capsys.readouterr().err
    assert main(["describe", "--axes", "TCYX", "--sizes", "C=2", "--", "plain.tif"]) == 0
    assert "frames           4, 12 x 10 pixels" in capsys.readouterr().out
    assert main(["describe", "plain.tif", "--axes", "TCYX", "--sizes", "C"]) == 2
    assert "--sizes takes pairs such as C=2" in capsys.readouterr().err


def test_describe_in_a_process_of_its_own(tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels())
    run = fovea("describe", "a.nd2", cwd=tmp_path)
    assert run.returncode == 0
    assert run.stdout.startswith("a.nd2: ND2, uint16\n")
    assert run.stderr == ""


def test_a_reader_that_stops_early_is_no_error(tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels())
    command = [sys.executable, "-m", "fovea.cli", "describe", *["a.nd2"] * 3]
    # Buffered, as standard output is in a pipe: it is written when the command ends.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment | {"PYTHONPATH": str(LIBRARY)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as run:  # fmt: skip
        run.stdout.close()  # as `head` does when it has seen enough
        assert run.stderr.read() == b""


def test_errors_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 1
    assert capsys.readouterr().err == (
        "config/config.yaml: No such file or directory; name the config with --configfile\n"
    )
    Path("broken.yaml").write_text("datasets: [\n")
    assert main(["preview", "--configfile", "broken.yaml"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("broken.yaml: line 2, column 1: is no YAML (")
    assert error.count("\n") == 1
    assert main(["evaluate", "a.tif", "b.tif", "--lineage", "none.csv"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["evaluate"]) == 2
    assert "name a reference and a result, or a folder as --suite" in capsys.readouterr().err
