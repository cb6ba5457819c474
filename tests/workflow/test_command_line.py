"""What Snakemake says in words that do not help, or does not do, on its command line."""

from __future__ import annotations

import shlex

import pytest

from support.harness import dataset, dry_run, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-variants")


def test_a_tab_in_the_config(workplace):
    write_config(workplace, {"a": dataset("data/small.ome.tiff")})
    path = workplace / "config/config.yaml"
    path.write_text("datasets:\n  a:\n\tinput: data/small.ome.tiff\n", "utf-8")
    run = snakemake(workplace, "-n", expected=1)
    assert "config/config.yaml: line 3 begins with a tab" in run.text
    assert "WorkflowError" not in run.text
    assert 'File "' not in run.text


def test_parameters_on_the_command_line(workplace):
    write_config(workplace, {"a": dataset("data/small.ome.tiff")})
    more = "params={segmentation: {method: logstd, window_size: 5}}"
    assert dry_run(workplace, "--config", more, "skip_failed=true").jobs
    wrong = more.replace("5", "large")
    run = snakemake(workplace, "-n", "--config", wrong, expected=1)
    assert "params.segmentation.window_size: 'large' is text; allowed:" in run.text
    assert "without quotes" not in run.text


def test_a_locked_folder(workplace):
    """The last lines are the commands that help."""
    write_config(workplace, {"a": dataset("data/small.ome.tiff", params={"copy_only": True})})
    locks = workplace / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/a/metadata.yaml\n", "utf-8")
    run = snakemake(workplace, expected=1)
    *_, unlock, again = run.text.splitlines()
    program, *options = shlex.split(unlock)
    assert program.endswith("snakemake")
    snakemake(workplace, *options)
    assert not list(locks.glob("*"))
    assert shlex.split(again) == [program, *(o for o in options if o != "--unlock")]
    assert "Snakemake is at work" not in snakemake(workplace).text


def test_until_a_step_with_all_fields_of_view(workplace):
    """It works once the recording has been inspected; before, the last line says how."""
    write_config(workplace, {"a": dataset("data/small.ome.tiff", "all", fl=(1,))})
    run = snakemake(workplace, "--until", "segment", expected=1)
    command = shlex.split(run.text.splitlines()[-1])
    assert "--until" not in command
    assert "segment" not in command
    snakemake(workplace, *command[1:])
    run = snakemake(workplace, "--until", "segment")
    labels = workplace.glob("results/a/fov_*/images.zarr/seg_labeled_ch_0/0/zarr.json")
    assert len(list(labels)) == 3
    assert not list(workplace.glob("results/a/fov_*/*_traces.csv"))


def test_a_configfile_is_looked_at_before_snakemake_reads_it(workplace):
    """If the last assertion fails, Snakemake names the place itself: remove the workaround."""
    lines = ["a0: &a0 {x: 1}"]
    for n in range(1, 9):
        lines.append(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}")
    path = workplace / "bomb.yaml"
    path.write_text("\n".join(lines), "utf-8")
    run = snakemake(workplace, "-n", "--configfile", "bomb.yaml", expected=1)
    assert "bomb.yaml: line 6, column " in run.text
    assert "Traceback" not in run.text
    path.write_bytes("datasets:\n  fünf: {}\n".encode("latin-1"))
    run = snakemake(workplace, "-n", "--configfile", "bomb.yaml", expected=1)
    assert "bomb.yaml: line 2, column 4: is not written in UTF-8" in run.text
    none = ["--workflow-profile", "none"]
    run = snakemake(workplace, "-n", *none, "--configfile", "bomb.yaml", expected=1)
    assert "line 2, column" not in run.text
