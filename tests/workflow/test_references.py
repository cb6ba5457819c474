"""Every intermediate result of a run, as zarr-python reads it, equals the plain references."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
import zarr

from support.harness import FLUORESCENCE, PHASE, PHASE_UM
from support.reference import background, cache, crop, extract, segment, track

pytestmark = pytest.mark.xdist_group("workflow-finished")

FIELDS = [("main", 0), ("main", 1), ("corrected", 2)]
SEGMENTATION = {
    "window_size": 3, "threshold": "mode", "morph_size": 7, "morph_iterations": 3,
    "min_object_size": 50, "max_object_size": 10000, "order": "close_open",
}  # fmt: skip
TILES = {"tile_size": 64, "tile_overlap": 0.5}
MIN_FRAMES, MARGIN, PADDING = 2, 3, 5


@pytest.fixture(scope="module", params=FIELDS, ids=lambda field: f"{field[0]}-{field[1]}")
def field(request, finished):
    """Dataset, number and folder of a field of view."""
    dataset, fov = request.param
    return dataset, fov, finished / "results" / dataset / f"fov_{fov:03d}"


@pytest.fixture(scope="module")
def images(field):
    return zarr.open_group(field[2] / "images.zarr", mode="r")


@pytest.fixture(scope="module")
def cells(field):
    return zarr.open_group(field[2] / "cells.zarr", mode="r")


def fluorescence(images) -> list[int]:
    """Indices of the fluorescence channels."""
    return sorted(int(name[-1]) for name in images.group_keys() if name.startswith("fl_ch_"))


def test_raw_channels(field, images, finished):
    dataset, fov, _ = field
    with tifffile.TiffFile(finished / "data" / "small.ome.tiff") as recording:
        pixels = recording.series[fov].asarray()
    assert pixels.shape == (6, 3, 160, 192)
    assert fluorescence(images) == ([1, 2] if dataset == "main" else [1])
    for index, name in enumerate(
        ["pc_ch_0", "fl_ch_1", "fl_ch_2"][: 1 + len(fluorescence(images))]
    ):
        assert images[name]["0"].dtype == np.uint16
        np.testing.assert_array_equal(images[name]["0"][:], pixels[:, index])


def test_segmentation(images):
    labels = images["seg_labeled_ch_0"]["0"]
    expected = [segment.segment_logstd(f, **SEGMENTATION) for f in images["pc_ch_0"]["0"][:]]
    assert labels.dtype == np.uint16
    assert labels[:].max() > 2
    np.testing.assert_array_equal(labels[:], expected)


def test_tracking(images):
    tracked = images["seg_tracked_ch_0"]["0"]
    assert tracked.dtype == np.uint16
    np.testing.assert_array_equal(tracked[:], track.track_iou(images["seg_labeled_ch_0"]["0"][:]))


def test_background(images):
    labels = images["seg_labeled_ch_0"]["0"][:]
    for channel in fluorescence(images):
        group = images[f"fl_background_ch_{channel}"]
        found, medians = group["0"][:], group["tile_medians"][:]
        assert found.dtype == np.float32
        for t, frame in enumerate(images[f"fl_ch_{channel}"]["0"][:]):
            exact, values = background.estimate_background(frame, labels[t], 10, **TILES)
            np.testing.assert_array_equal(medians[t], values)
            np.testing.assert_array_equal(found[t] * 8, np.round(found[t] * 8))
            assert np.abs(found[t] - exact).max() <= 1 / 16 + 1e-6


def test_corrected_images(field, images):
    corrected = [name for name in images.group_keys() if name.startswith("fl_corrected_")]
    assert corrected == (["fl_corrected_ch_1"] if field[0] == "corrected" else [])
    for name in corrected:
        smooth = images["fl_background_ch_1"]["0"][:].astype(np.float64)
        expected = images["fl_ch_1"]["0"][:] - 0.9 * smooth
        np.testing.assert_allclose(images[name]["0"][:], expected, rtol=0, atol=1e-3)


def boxes_of(tracked):
    """Boxes (N, T, 4) and presence (N, T) of the IDs 1..N."""
    bboxes = np.zeros((int(tracked.max()), len(tracked), 4), np.int64)
    valid = np.zeros(bboxes.shape[:2], bool)
    for t, frame in enumerate(tracked):
        ids, found = track.boxes(frame)
        rows = np.array(ids, int) - 1
        bboxes[rows, t], valid[rows, t] = found, True
    return bboxes, valid


def test_metadata_of_the_crops(images, cells):
    bboxes, valid = boxes_of(images["seg_tracked_ch_0"]["0"][:])
    metadata = cells["metadata"]
    assert metadata["cell_ids"].dtype == np.int32
    assert metadata["cell_ids"][:].tolist() == list(range(1, len(bboxes) + 1))
    assert metadata["bboxes"].dtype == np.int32
    np.testing.assert_array_equal(metadata["bboxes"][:], bboxes)
    np.testing.assert_array_equal(metadata["valid_frames"][:], valid)
    windows = metadata["windows"][:]
    np.testing.assert_array_equal(windows[valid], crop.crop_windows(bboxes, valid, PADDING)[valid])
    assert (windows[~valid] == 0).all()


def test_crops(images, cells):
    tracked = images["seg_tracked_ch_0"]["0"][:]
    bboxes, valid = boxes_of(tracked)
    windows = crop.crop_windows(bboxes, valid, PADDING)
    names = sorted(name for name in cells.group_keys() if name != "metadata")
    fl = fluorescence(images)
    assert names == sorted(["pc_ch_0", "seg_tracked_ch_0", *(f"fl_ch_{c}" for c in fl),
                            *(f"fl_background_ch_{c}" for c in fl)])  # fmt: skip
    for name in names:
        whole = images[name]["0"][:]
        for i in range(len(bboxes)):
            array = cells[name][str(i + 1)]["0"]
            assert array.dtype == np.float32
            values = array[:]
            assert not values[~valid[i]].any()
            for t in np.flatnonzero(valid[i]):
                part = crop.cut(whole[t], windows[i, t])
                if name.startswith("seg_"):
                    np.testing.assert_array_equal(values[t], part == i + 1)
                    continue
                step = 0.125 if "background" in name else 1
                counts = np.round(values[t].astype(np.float64) * 65536 / step) * step
                np.testing.assert_array_equal(counts, part)
                assert values[t].min() >= 0
                assert values[t].max() <= 1


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_which_cells_are_kept(field, images):
    dataset, fov, folder = field
    bboxes, valid = boxes_of(images["seg_tracked_ch_0"]["0"][:])
    short, near = extract.removal(bboxes, valid, (160, 192), MIN_FRAMES, MARGIN)
    table = rows_of(folder / f"{dataset}_fov_{fov:03d}_cells.csv")
    assert [(int(row["fov"]), int(row["cell"])) for row in table] == [
        (fov, i + 1) for i in range(len(bboxes))
    ]
    for i, row in enumerate(table):
        frames = np.flatnonzero(valid[i])
        assert (int(row["first_frame"]), int(row["last_frame"])) == (frames[0], frames[-1])
        assert int(row["frames"]) == len(frames)
        reasons = ["short"] * short[i] + ["border"] * near[i]
        assert row["reason"] == ", ".join(reasons)
        assert row["kept"] == str(not reasons)
    kept = {row["cell"] for row in table if row["kept"] == "True"}
    traces = rows_of(folder / f"{dataset}_fov_{fov:03d}_traces.csv")
    assert kept == {row["cell"] for row in traces}
    assert 0 < len(kept) < len(table)


def test_traces(field, images):
    dataset, fov, folder = field
    weight = 0.9 if dataset == "corrected" else 1.0
    fl = fluorescence(images)
    path = folder / f"{dataset}_fov_{fov:03d}_traces.csv"
    columns = [f"{name}_ch_0" for name in PHASE]
    columns += [f"{name}_ch_{channel}" for channel in fl for name in FLUORESCENCE]
    header = path.read_text("utf-8").splitlines()[0]
    assert header == (
        "fov,cell,frame,good,merged,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1,"
        + ",".join(columns + PHASE_UM)
    )
    tracked = images["seg_tracked_ch_0"]["0"][:]
    values = {
        c: images[f"fl_ch_{c}"]["0"][:]
        - weight * images[f"fl_background_ch_{c}"]["0"][:].astype(float)
        for c in fl
    }
    table = rows_of(path)
    places = [(int(row["cell"]), int(row["frame"])) for row in table]
    kept = {cell for cell, _ in places}
    expected_places = [(c, t) for c in sorted(kept) for t in range(6) if (tracked[t] == c).any()]
    assert places == expected_places
    for row, (cell, t) in zip(table, places, strict=True):
        mask = tracked[t] == cell
        y, x = np.nonzero(mask)
        box = (x.min(), y.min(), x.max() + 1, y.max() + 1)
        assert tuple(int(row[f"bbox_{n}"]) for n in ("x0", "y0", "x1", "y1")) == box
        assert float(row["position_x"]) == (box[0] + box[2] - 1) / 2
        assert float(row["position_y"]) == (box[1] + box[3] - 1) / 2
        assert (row["fov"], row["good"]) == (str(fov), "True")
        expected = {f"{n}_ch_0": v for n, v in extract.phase_features(mask).items()}
        for c in fl:
            found = extract.fluorescence_features(values[c][t], mask)
            expected |= {f"{n}_ch_{c}": v for n, v in found.items()}
        got = [float(row[name]) for name in columns]
        np.testing.assert_allclose(got, [expected[n] for n in columns], rtol=1e-9, atol=1e-6)


def test_display_levels(images):
    for name in images.group_keys():
        stack, level = images[name]["0"][:], images[name]["1"]
        assert level.dtype == np.uint8
        if name.startswith("seg_"):
            largest = int(stack.max())
            expected = [cache.downsample_labels(frame, largest) for frame in stack]
        else:
            low, high = cache.percentile_limits(stack)
            about = images[name]["0"].attrs["fovea"]["display_limits"]
            # corrected images are no multiples of a step: their limits are counted in eighths
            step = 0.125 if "corrected" in name else 0
            assert about == pytest.approx([low, high], rel=1e-12, abs=step)
            expected = [cache.downsample_intensity(frame, *about) for frame in stack]
        np.testing.assert_array_equal(level[:], expected)
