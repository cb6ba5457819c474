"""The same pixels in every format, through the whole workflow; and recordings that stop early."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from fovea.recordings.describe import describe
from fovea.recordings.inspect_input import load_metadata
from fovea.simulation.simulate import simulate
from support.harness import (
    NO_PICTURES,
    REPOSITORY,
    dataset,
    dry_run_with,
    log_lines,
    snakemake,
    write_config,
)
from support.nd2_writer import write_nd2
from support.recordings import shared, write_ome_set, write_ome_tiff, write_ome_zarr
from support.zarr_writer import write_bioformats2raw, write_plate

pytestmark = pytest.mark.xdist_group("inputs")

NAMES = ["Phase", "GFP", "mCherry"]
FOVS = 2
SECONDS = np.array([0.0, 290.5, 610.0, 1500.25, 1800.0, 2400.5])  # of the frames of one ND2
MAPPING = {0: 0, 1: 4, 2: 11, 3: 25, 4: 31, 5: 32.5}  # minutes
DEPTH = 3
DEEP = {"plane": 1, "max": "max", "mean": "mean"}  # datasets of z stacks, and their `z`


@pytest.fixture(scope="module")
def data(small_recording):
    """(P, T, Z, C, H, W) uint16."""
    with tifffile.TiffFile(small_recording / "small.ome.tiff") as tif:
        return np.stack([tif.series[p].asarray()[:, None] for p in range(FOVS)])


@pytest.fixture(scope="module")
def deep(data):
    """A z stack of the first field of view's first frames, (1, T, Z, C, H, W) uint16."""
    noise = np.random.default_rng(3).integers(0, 999, (1, 2, DEPTH, *data.shape[3:]), np.uint16)
    return data[:1, :2] + noise


def write_czi(path, data):
    pylibczi = pytest.importorskip("pylibCZIrw.czi")
    with pylibczi.create_czi(str(path)) as document:
        for p, t, z, c in np.ndindex(data.shape[:4]):
            document.write(data[p, t, z, c][..., None], location=(1000 * p, 0), scene=p,
                           plane={"T": t, "Z": z, "C": c})  # fmt: skip
        document.write_metadata(channel_names=dict(enumerate(NAMES)), scale_x=65e-8, scale_y=65e-8)


def write_all(folder, data):
    """Datasets of the same pixels, by format."""
    channels = {"Channel": {"Name": NAMES}}
    times = np.broadcast_to(1000 * SECONDS[:, None], data.shape[:3])
    write_ome_tiff(folder / "one.ome.tiff", data, metadata=channels)
    write_ome_tiff(folder / "big.ome.btf", data, metadata=channels, bigtiff=True)
    write_ome_tiff(folder / "packed.ome.tif", data, metadata=channels, compression="lzw",
                   predictor=True, tile=(64, 64))  # fmt: skip
    write_ome_set([folder / f"part_{p}.ome.tif" for p in range(FOVS)], data,
                  folder / "exp.companion.ome", NAMES)  # fmt: skip
    write_bioformats2raw(folder / "raw.zarr", data, version="0.4", names=NAMES)
    write_plate(folder / "plate.zarr", data, [("B/03", "0"), ("B/03", "1")], labels=NAMES)
    write_nd2(folder / "rec.nd2", data, names=NAMES, times_ms=times)
    write_nd2(folder / "inside_out.nd2", data, loops="PT", names=NAMES, compressed=True)
    write_czi(folder / "rec.czi", data)
    for p in range(FOVS):
        write_ome_tiff(folder / f"set_scene{p}.ome.tif", data, fovs=[p], metadata=channels,
                       compression="zlib")  # fmt: skip
        write_ome_zarr(folder / f"v4_{p}.ome.zarr", data[p], version="0.4", labels=NAMES)
        write_ome_zarr(folder / f"v5_{p}.ome.zarr", data[p], version="0.5", labels=NAMES)
        tifffile.imwrite(folder / f"plain_{p}.tif", data[p, :, 0], photometric="minisblack")
        for t, c in np.ndindex(*data.shape[1:4:2]):
            plane = folder / "planes" / f"img_{p}_{NAMES[c]}_{t:03d}.tif"
            plane.parent.mkdir(exist_ok=True)
            tifffile.imwrite(plane, data[p, t, 0, c])
    pattern = {"pattern": "data/planes/img_{fov}_{channel:name}_{frame}.tif"}
    return {
        "ome_tiff": dataset("data/one.ome.tiff"),
        "nd2": dataset("data/rec.nd2"),
        "nd2_positions_outside": dataset("data/inside_out.nd2"),
        "czi": dataset("data/rec.czi"),
        "files": dataset("data/set_scene*.ome.tif"),
        "zarr4": dataset([f"data/v4_{p}.ome.zarr" for p in range(FOVS)]),
        "zarr5": dataset([f"data/v5_{p}.ome.zarr" for p in range(FOVS)]),
        "bigtiff": dataset("data/big.ome.btf", [1]),
        "compressed": dataset("data/packed.ome.tif", [1]),
        "companion": dataset("data/exp.companion.ome"),
        "bioformats2raw": dataset("data/raw.zarr"),
        "plate": dataset("data/plate.zarr"),
        "plain": dataset(
            {"files": "data/plain_*.tif", "axes": "TCYX"}, time={"mapping": MAPPING, "unit": "min"}
        ),
        # channels of a pattern come in the order of their names: GFP, Phase, mCherry
        "planes": dataset(pattern, pc=1, fl=(0, 2)),
    }


def write_deep(folder, deep):
    """Datasets that copy a plane or a projection of the same z stack from each format."""
    write_ome_tiff(folder / "deep.ome.tif", deep)
    write_nd2(folder / "deep.nd2", deep)
    write_czi(folder / "deep.czi", deep)
    write_ome_zarr(folder / "deep.zarr", deep[0], chunks=(1, 1, 2, 160, 192))
    return {
        f"{kind}_{suffix.replace('.', '_')}": dataset(
            f"data/deep.{suffix}", [0], z=z, params={"copy_only": True}
        )
        for kind, z in DEEP.items()
        for suffix in ("ome.tif", "nd2", "czi", "zarr")
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory, data, deep):
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "data").mkdir()
    datasets = write_all(folder / "data", data) | write_deep(folder / "data", deep)
    for name in COPIED:
        datasets[name]["params"] = {"copy_only": True}
    samples = [{"name": name, "dataset": name} for name in ("nd2", "plain")]
    write_config(folder, datasets, samples=samples)
    targets = [f"results/merged/{sample['name']}_traces.csv" for sample in samples]
    for name, entry in datasets.items():
        for fov in entry["fovs"] if isinstance(entry["fovs"], list) else range(FOVS):
            place = f"results/{name}/fov_{fov:03d}"
            if entry.get("params"):  # no more than copied
                targets.append(f"{place}/images.zarr/pc_ch_0/0/zarr.json")
            else:
                pc = entry["channels"]["pc"]["channel"]
                targets += [f"{place}/{name}_fov_{fov:03d}_traces.csv",
                            f"{place}/images.zarr/pc_ch_{pc}/1/zarr.json"]  # fmt: skip
    snakemake(folder, *targets)
    return folder


WHOLE = ["nd2", "plain"]
# The same pixels lead to the same results, so these need not be processed.
COPIED = ["nd2_positions_outside", "czi", "files", "bigtiff", "compressed", "companion", "zarr4",
          "zarr5", "bioformats2raw", "plate"]  # fmt: skip
FORMATS = [*WHOLE, *COPIED]
RAW = ["pc_ch_0", "fl_ch_1", "fl_ch_2"]
GROUPS = [*RAW, "seg_labeled_ch_0", "seg_tracked_ch_0", "fl_background_ch_1",
          "fl_background_ch_2"]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_bytes(run, name):
    whole = name in WHOLE
    arrays = [(group, level) for group in GROUPS for level in "01"]
    for fov in (
        f"fov_{p:03d}" for p in ([1] if name in ("bigtiff", "compressed") else range(FOVS))
    ):
        first, other = (run / "results" / d / fov for d in ("ome_tiff", name))
        for group, level in arrays if whole else [(group, "0") for group in RAW]:
            shard = f"images.zarr/{group}/{level}/c.0.0.0"
            assert (other / shard).read_bytes() == (first / shard).read_bytes(), shard


@pytest.mark.parametrize("name", WHOLE)
def test_the_same_pixels_give_the_same_tables(run, name):
    for fov in (f"fov_{p:03d}" for p in range(FOVS)):
        first, other = (run / "results" / d / fov for d in ("ome_tiff", name))
        for table in ("traces", "cells"):
            expected = (first / f"ome_tiff_{fov}_{table}.csv").read_text().splitlines()
            found = (other / f"{name}_{fov}_{table}.csv").read_text().splitlines()
            assert len(expected) > 1
            if found[0] != expected[0]:  # a format that states the size of a pixel
                micrometers = found[0].removeprefix(f"{expected[0]},").split(",")
                assert table == "traces"
                assert all("_um" in column for column in micrometers)
                found = [",".join(line.split(",")[: -len(micrometers)]) for line in found]
            assert found == expected


def test_a_folder_of_planes_gives_the_same_traces(run):
    for fov in (f"fov_{p:03d}" for p in range(FOVS)):
        tables = []
        for name, swap in (("ome_tiff", {}), ("planes", {"ch_0": "ch_1", "ch_1": "ch_0"})):
            path = run / "results" / name / fov / f"{name}_{fov}_traces.csv"
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            tables.append([{k[:-4] + swap.get(k[-4:], k[-4:]): v for k, v in r.items()}
                           for r in rows])  # fmt: skip
        assert tables[0] == tables[1]


def test_names_of_channels_are_read(run):
    for name in {"ome_tiff", *FORMATS} - {"plain"}:
        assert load_metadata(run / "results" / name / "metadata.yaml")["channels"] == NAMES


@pytest.mark.parametrize("kind", DEEP)
def test_a_plane_and_projections_of_a_z_stack(run, deep, kind):
    import zarr

    expected = {
        "plane": deep[0, :, 1],
        "max": deep[0].max(axis=1),
        "mean": np.floor(deep[0].mean(axis=1) + 0.5),
    }[kind]
    for suffix in ("ome_tif", "nd2", "czi", "zarr"):
        root = run / "results" / f"{kind}_{suffix}" / "fov_000" / "images.zarr"
        for channel, group in enumerate(RAW):
            raw = zarr.open_group(root, mode="r")[f"{group}/0"][:]
            np.testing.assert_array_equal(raw, expected[:, channel])


@pytest.mark.parametrize(
    ("sample", "minutes", "source"),
    [("nd2", SECONDS / 60, "stamp"), ("plain", list(MAPPING.values()), "mapping")],
)
def test_irregular_times_reach_the_merged_table(run, sample, minutes, source):
    with (run / "results" / "merged" / f"{sample}_traces.csv").open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert {row["time_source"] for row in rows} == {source}
    assert {row["fov"] for row in rows} == {"0", "1"}
    for row in rows:
        assert float(row["time"]) == pytest.approx(minutes[int(row["frame"])], abs=1e-6)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, data):
    """Recordings that stopped early: 6 frames planned; 3.5 time points, or a file cut off."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "data").mkdir()
    write_nd2(folder / "data" / "early.nd2", data, images=7, names=NAMES)
    whole = write_nd2(folder / "data" / "cut.nd2", data, names=NAMES, attributes_first=True)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(0.6 * len(content))])
    write_config(folder, {n: dataset(f"data/{n}.nd2") for n in ("early", "cut")})
    snakemake(folder, *NO_PICTURES)
    return folder


def test_a_recording_that_stopped_early_gives_the_frames_that_exist(stopped, data):
    import zarr

    fields = load_metadata(stopped / "results/early/metadata.yaml")["fields"]
    assert [(f["frames"], f["planned_frames"]) for f in fields] == [(4, 6), (3, 6)]
    for fov, frames in enumerate((4, 3)):
        root = stopped / "results" / "early" / f"fov_{fov:03d}"
        raw = zarr.open_group(root / "images.zarr", mode="r")["fl_ch_1/0"][:]
        np.testing.assert_array_equal(raw, data[fov, :frames, 0, 1])
        log = stopped / "logs" / "early" / f"fov_{fov:03d}" / "copy_raw.log"
        text = " ".join(log_lines(log, "WARNING"))
        assert f"{frames} of 6 planned frames" in text


def test_the_table_of_states_says_how_many_frames_there_are(stopped):
    with (stopped / "results" / "status.csv").open(newline="") as file:
        rows = {(r["dataset"], r["fov"]): r for r in csv.DictReader(file)}
    columns = ("frames", "planned_frames", "state")
    found = [[rows["early", fov][name] for name in columns] for fov in ("000", "001")]
    assert found == [["4", "6", "done"], ["3", "6", "done"]]


def test_a_file_that_was_cut_off_is_never_filled_with_zeros(stopped, data):
    import zarr

    fields = load_metadata(stopped / "results/cut/metadata.yaml")["fields"]
    assert all(0 < f["frames"] < 6 for f in fields)
    for fov, field in enumerate(fields):
        root = stopped / "results" / "cut" / f"fov_{fov:03d}"
        raw = zarr.open_group(root / "images.zarr", mode="r")["pc_ch_0/0"][:]
        np.testing.assert_array_equal(raw, data[fov, : field["frames"], 0, 0])


def test_descriptions_of_real_recordings_can_be_pasted_as_configs(tmp_path):
    folder = shared("nd2").parent
    found = [path for kind in ("nd2/*.nd2", "czi/*.czi", "*_phase*.tiff")
             for path in sorted(folder.glob(kind))]  # fmt: skip
    assert found
    texts = {str(path): describe(str(path)) for path in found}
    configs = {name: yaml.safe_load(text.split("In config/config.yaml:")[1])
               for name, text in texts.items()}  # fmt: skip
    write_config(tmp_path, {})
    for name, run in dry_run_with(tmp_path, configs).items():
        (dataset_name,) = configs[name]["datasets"]
        assert ("inspect_input", dataset_name) in {entry[:2] for entry in run.steps}, name


@pytest.mark.parametrize("name", ["ecoli", "t98g", "fluorescence_only"])
def test_examples_run_on_real_recordings(tmp_path, name):
    shared("README.md")
    config = yaml.safe_load((REPOSITORY / "config" / "examples" / f"{name}.yaml").read_text())
    for entry in config["datasets"].values():
        entry["input"] = str(shared(entry["input"].removeprefix("../shared/data/")))
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(config))
    snakemake(tmp_path, "--configfile", str(path))
    (dataset_name,) = config["datasets"]
    assert (tmp_path / "results" / "report" / f"{dataset_name}_fov_000.png").exists()
    traces = list((tmp_path / "results").rglob("*_traces.csv"))
    if config["datasets"][dataset_name]["channels"].get("pc"):
        assert traces[0].read_text().count("\n") > 3
    else:
        assert not traces


def test_the_example_of_events_finds_true_divisions(tmp_path):
    simulate(tmp_path / "data/two_channels.ome.tiff", tmp_path / "data/truth", fovs=1, frames=24,
             height=300, width=300, cells=24, channels=2, crowded=True)  # fmt: skip
    path = REPOSITORY / "config" / "examples" / "events.yaml"
    folder = tmp_path / "results" / "analysis"
    names = ("intensity_total_ch_1_aligned_division",
             "intensity_total_ch_1_aligned_death_area_ch_0",
             "all_cells_intensity_total_ch_1_fitted_logistic",
             "all_cells_intensity_total_per_area_ch_0_ch_1_fitted_half_maximum")  # fmt: skip
    targets = [str((folder / f"{name}.csv").relative_to(tmp_path)) for name in names]
    snakemake(tmp_path, *targets, "--configfile", str(path))
    events, _, fits, halves = (
        pd.read_csv(folder / f"{name}{'_events' * ('aligned' in name)}.csv") for name in names
    )
    start = (tmp_path / "results/report/index.html").read_text("utf-8")
    assert f'href="../analysis/plots/{names[0]}.png">intensity_total of channel 1 around' in start
    truth = pd.read_csv(tmp_path / "data/truth/parameters.csv")
    begins = truth[truth["parent"] > 0].groupby("parent")["first_frame"].min().to_numpy()
    near = np.abs(begins - events["frame"].to_numpy()[:, None]).min(axis=1) <= 1
    assert near.any()
    assert near.mean() >= 0.5  # crowded cells are taken for divided ones now and then
    for table, column in ((fits, "max_rate"), (halves, "t_half")):
        good = table[table["success"]]
        assert len(good) > 0
        assert good[f"{column}_se"].gt(0).all()
    merged = pd.read_csv(tmp_path / "results/merged/all_cells_traces.csv", comment="#")
    ratio = merged["intensity_total_ch_2"] / merged["intensity_total_ch_1"]
    found = merged["intensity_total_per_intensity_total_ch_1_ch_2"]
    assert found.notna().mean() > 0.9
    np.testing.assert_allclose(found[found.notna()], ratio[found.notna()])
