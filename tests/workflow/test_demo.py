"""The demo, as `make run` processes it, against the truth that its simulation leaves behind."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
import pytest
import tifffile
import yaml
import zarr

from fovea.recordings.inspect_input import load_metadata
from fovea.recordings.times import frame_times
from support.harness import REPOSITORY, dry_run_with, snakemake, warnings_in
from support.recordings import read_background

pytestmark = pytest.mark.xdist_group("workflow-demo")

CONFIG = REPOSITORY / "config" / "config.yaml"
FOVS, FRAMES = range(4), 48


@pytest.fixture(scope="module")
def folder(demo):
    return demo


def table(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def traces(folder, fov: int) -> dict[tuple[int, int], dict[str, str]]:
    """Rows of the traces of a field of view, by cell and frame."""
    path = folder / f"results/demo/fov_{fov:03d}/demo_fov_{fov:03d}_traces.csv"
    return {(int(row["cell"]), int(row["frame"])): row for row in table(path)}


@pytest.fixture(scope="module")
def truth(folder):
    """Rows of the truth, by field of view, cell and frame."""
    found = defaultdict(dict)
    for row in table(folder / "data/demo_truth/cells.csv"):
        found[int(row["fov"]), int(row["cell"])][int(row["frame"])] = row
    return found


def undisturbed(rows: dict[int, dict[str, str]]) -> bool:
    """Whether a cell is seen in all frames and never touches another or the border."""
    return len(rows) == FRAMES and all(
        row["visible"] == "True" and row["touches"] == row["at_border"] == "False"
        for row in rows.values()
    )


@pytest.fixture(scope="module")
def found(folder, truth):
    """(fov, true cell) of the undisturbed cells -> the ID found in each frame, 0 for none.

    An object is the cell's if they share more than half of the pixels of either.
    """
    ids = {}
    for fov in FOVS:
        labels = tifffile.imread(folder / f"data/demo_truth/fov_{fov:03d}_labels.ome.tiff")
        store = folder / f"results/demo/fov_{fov:03d}/images.zarr/seg_tracked_ch_0"
        tracked = zarr.open_group(store, mode="r")["0"][:]
        for cell in [c for f, c in truth if f == fov and undisturbed(truth[f, c])]:
            ids[fov, cell] = [match(labels[t] == cell, tracked[t]) for t in range(FRAMES)]
    return ids


def match(mask, tracked) -> int:
    """The object that a cell is seen as, 0 for none."""
    counts = np.bincount(tracked[mask])
    best = int(counts[1:].argmax()) + 1 if len(counts) > 1 else 0
    shared = counts[best] if best else 0
    enough = 2 * shared > max(mask.sum(), (tracked == best).sum())
    return best if enough else 0


def followed(found) -> dict[tuple[int, int], int]:
    """The cells that have one ID from first to last frame, which no other cell has."""
    one = {place: ids[0] for place, ids in found.items() if ids[0] and len(set(ids)) == 1}
    owners = defaultdict(set)
    for (fov, cell), ids in found.items():
        for number in ids:
            owners[fov, number].add(cell)
    return {(fov, cell): number for (fov, cell), number in one.items()
            if owners[fov, number] == {cell}}  # fmt: skip


def test_undisturbed_cells_are_one_trace(found):
    assert len(found) > 50
    assert len(followed(found)) >= 0.98 * len(found)


def test_all_of_them_far_from_the_edge_are_in_the_tables(folder, found, truth):
    """The others are left out by `border_margin: 50`, and the table of cells says so."""
    checked = 0
    for (fov, cell), number in followed(found).items():
        rows = traces(folder, fov)
        path = folder / f"results/demo/fov_{fov:03d}/demo_fov_{fov:03d}_cells.csv"
        about = next(row for row in table(path) if int(row["cell"]) == number)
        if about["kept"] == "True":
            assert all((number, t) in rows for t in range(FRAMES))
            checked += 1
        else:
            assert about["reason"] == "border"
            boxes = [[int(row[f"bbox_{side}"]) for side in ("x0", "y0", "x1", "y1")]
                     for row in truth[fov, cell].values()]  # fmt: skip
            assert min(min(x0, y0, 512 - x1, 512 - y1) for x0, y0, x1, y1 in boxes) < 60
    assert checked > 30


def ratios(folder, found, truth, column: str, true_column: str) -> np.ndarray:
    """Measured by true value of every row of the cells that were followed."""
    values = []
    for (fov, cell), number in followed(found).items():
        rows = traces(folder, fov)
        values += [float(rows[number, t][column]) / float(true[true_column])
                   for t, true in truth[fov, cell].items() if (number, t) in rows]  # fmt: skip
    assert len(values) > 30 * FRAMES
    return np.array(values)


def test_area(folder, found, truth):
    assert np.median(np.abs(ratios(folder, found, truth, "area_ch_0", "area") - 1)) <= 0.10


def test_total_fluorescence(folder, found, truth):
    found_by_true = ratios(folder, found, truth, "intensity_total_ch_1", "total_ch_1")
    assert np.median(np.abs(found_by_true - 1)) <= 0.03
    assert abs(np.median(found_by_true) - 1) <= 0.03


@pytest.mark.parametrize("fov", FOVS)
def test_background(folder, fov):
    true = read_background(folder / f"data/demo_truth/fov_{fov:03d}_background_ch_1.npz")
    store = folder / f"results/demo/fov_{fov:03d}/images.zarr/fl_background_ch_1"
    estimated = zarr.open_group(store, mode="r")["0"][:]
    assert np.median(np.abs(estimated / true - 1)) <= 0.01


def test_times_are_those_of_the_simulation(folder, truth):
    """They count from the first frame of the recording."""
    metadata = load_metadata(folder / "results/demo/metadata.yaml")
    late = set()
    for fov in FOVS:
        times, source = frame_times(metadata, fov, 1)
        assert source == "stamps"
        stated = {t: float(row["time_ch_1"]) for f, c in truth if f == fov
                  for t, row in truth[f, c].items()}  # fmt: skip
        late |= {round(stated[t] - float(times[t]), 3) for t in range(FRAMES)}
    first = min(float(row["time"]) for row in truth[0, 1].values())
    assert late == {first}


def test_nothing_to_warn_of(folder):
    assert warnings_in(folder) == {}
    text = (folder / "terminal.txt").read_text("utf-8")
    assert "warning" not in text.lower()
    assert "Traceback" not in text


def test_other_simulations_are_simulated_and_processed(folder):
    """A change of any option of the demo; the fields of view are known only after inspection."""
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    options = {"fovs": 3, "frames": 47, "height": 511, "width": 511, "seed": 1}
    assert set(options) == set(config["demo"])
    runs = dry_run_with(
        folder, {key: config | {"demo": config["demo"] | {key: options[key]}} for key in options}
    )
    for run in runs.values():
        assert {("simulate", "", ""), ("inspect_input", "demo", "")} <= run.steps


def test_a_second_run_has_nothing_to_do(folder):
    run = snakemake(folder)
    assert "Nothing to be done" in run.text
    assert run.finished == 0
