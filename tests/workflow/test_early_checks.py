"""A config that does not fit its recording is found before the long steps, and repaired at once."""

from __future__ import annotations

import pytest

from support.harness import dataset, dry_run, files, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-variants")
SAMPLES = [{"name": "s", "dataset": "a", "fovs": "0-1"}]


def configured(folder, **entry) -> None:
    given = dataset("data/small.ome.tiff", fl=(1,)) | entry
    write_config(folder, {"a": given}, samples=SAMPLES)


@pytest.mark.parametrize("fovs", ["all", "0-1"])
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"z": 4}, "field of view 0 has no z plane 4"),
        ({"channels": {"pc": 0, "fl": [7]}}, "there is no channel 7"),
        ({"time": {"mapping": {0: 0.0, 1: 5.0}}}, "time.mapping has no time for frame 2"),
        ({"time": {"interval": 600}}, "field of view 0: `time.interval` is 600 min, but the file"),
    ],
)
def test_nothing_long_is_started(workplace, fovs, entry, message):
    configured(workplace, **entry, fovs=fovs)
    run = snakemake(workplace, expected=1)
    assert f"step inspect_input: {message}" in run.text.replace("data/small.ome.tiff: ", "")
    assert files(workplace / "results") == ["index.csv", "report/index.html", "status.csv"]


def test_the_check_is_repeated_when_only_config_or_curation_change(workplace):
    configured(workplace)
    snakemake(workplace)
    curation = workplace / "config/curation.csv"
    for text, message in [
        ("dataset,fov,cell,good\na,7,1,false\n", "curation.csv: line 2: a has no field of view 7"),
        ("dataset,fov,cell,good\na,0,1,perhaps\n", "curation.csv: line 2: good is 'perhaps'"),
    ]:
        curation.write_text(text, "utf-8")
        run = snakemake(workplace, expected=1)
        assert message in run.text
        assert "Nothing has been started" in run.text
    # A parameter of every field of view, too: nothing is computed with a config that is refused.
    write_config(
        workplace,
        {"a": dataset("data/small.ome.tiff", fl=(1,))},
        {"segmentation": {"method": "logstd", "window_size": 5}},
        samples=SAMPLES,
    )
    run = snakemake(workplace, expected=1)
    assert message in run.text
    assert "Segment:" not in run.log
    # Repaired: what was computed before is still there.
    curation.unlink()
    configured(workplace)
    assert dry_run(workplace).jobs == []


def test_tables_of_users_are_read_before_the_first_job(workplace):
    """Traces beside a recording, whose job might be the last, and words in the curation table."""
    write_config(
        workplace,
        {
            "a": dataset("data/small.ome.tiff", fl=(1,)),
            "b": {
                "traces": "data/x_intensity_total_ch_1.csv",
                "channels": {"pc": None, "fl": [{"channel": 1, "features": ["intensity_total"]}]},
            },
        },
        samples=[*SAMPLES, {"name": "t", "dataset": "b"}],
    )
    rows = ["# Time units: min,,,", "time,fov,cell,value", "0,0,1,5", "10,0,1,6", "0,0,1,7"]
    traces = workplace / "data/x_intensity_total_ch_1.csv"
    traces.write_text("\n".join(rows) + "\n", "utf-8")
    curation = workplace / "config/curation.csv"
    curation.write_text("dataset;fov;cell;good\nb;0;1;WAHR\nb;0;1;vielleicht\n", "utf-8")
    run = snakemake(workplace, expected=1)
    assert "curation.csv: line 3: good is 'vielleicht'; allowed: true or false" in run.text
    assert (
        "a cell has two rows for one time: field of view 0, cell 1, time 0, in line 3" in run.text
    )
    assert "Nothing has been started" in run.text
    assert not (workplace / "results").exists()
    curation.write_text("dataset;fov;cell;good\nb;0;1;WAHR\n", "utf-8")
    traces.write_text("\n".join(rows[:-1]) + "\n", "utf-8")
    snakemake(workplace, "results/merged/t_traces.csv")
    assert (workplace / "results/merged/t_traces.csv").is_file()


@pytest.mark.parametrize("address", ["s3://bucket/cells.nd2", "https://example.org/cells.nd2"])
def test_addresses_are_refused_at_planning(workplace, address):
    """Also where a storage plug-in could fetch them."""
    configured(workplace, input=address)
    run = snakemake(workplace, "--dry-run", expected=1)
    assert f"datasets.a.input: {address} is an address, and Fovea reads files on disk" in run.text
    assert files(workplace) == ["config/config.yaml", "data/small.ome.tiff"]
