"""What the page shows of a frame: the right pixels, the right outlines, nothing from elsewhere."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

pytest.importorskip("bokeh", reason="Bokeh is not installed (requirements-inspect.txt)")

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.display.cache import cache
from fovea.errors import FoveaError
from fovea.kernels.boxes import boxes_and_areas
from fovea.pages.live.pictures import (
    Cells,
    Picture,
    Window,
    cell_at,
    cells_in,
    display_limits,
    for_screen,
    grey,
    outlines,
    picture,
    recorded,
)
from fovea.pages.live.results import Results
from fovea.pages.live.scenes import Ahead, Wanted, scene
from fovea.pages.live.thumbnails import thumbnail
from fovea.store.format import LABELS
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import read_metadata, write_group, write_metadata
from fovea.store.writer import ArrayWriter
from support.harness import dataset

SHAPE = 3, 60, 1800  # wide enough for the small copy


def results_in(folder) -> Results:
    return Results(Plan(validated({"datasets": {"a": dataset("a.nd2", fl=(1,))}})), folder)


def write(folder, group: str, frames: np.ndarray, missing=(), level: bool = True) -> None:
    """Write an array of images, and its small copy."""
    target = folder / "results/a/fov_000/images.zarr" / group
    about = provenance("test", {})
    labels = group.startswith("seg")
    low, high = np.percentile(frames, (1, 99))
    about["fovea"] |= {"largest_label": int(frames.max())} if labels else {
        "display_limits": [float(low), float(high)]}  # fmt: skip
    codec = {"codec": LABELS} if labels else {}
    with ArrayWriter(
        target / "0", frames.shape, frames.dtype, about, missing=missing, **codec
    ) as out:
        for t, frame in enumerate(frames):
            if t not in missing:
                out.append(frame)
    write_group(target, ngff(group))
    if level:
        cache([target])


@pytest.fixture
def field(tmp_path):
    """A field of view with phase contrast, fluorescence, background and labels."""
    rng = np.random.default_rng(1)
    write(tmp_path, "pc_ch_0", rng.integers(1000, 5000, SHAPE).astype(np.uint16))
    write(tmp_path, "fl_ch_1", rng.integers(300, 900, SHAPE).astype(np.uint16), missing=(1,))
    labels = np.zeros(SHAPE, np.uint16)
    labels[:, 10:30, 100:140], labels[:, 20:40, 1700:1750] = 1, 2
    write(tmp_path, "seg_labeled_ch_0", labels)
    results = results_in(tmp_path)
    yield results.field("a", "000")
    results.close()


def test_a_whole_frame_is_read_from_the_small_copy_and_a_part_in_full(field):
    limits = display_limits(field, "pc_ch_0")
    whole = Window.of(SHAPE[1:], 0, 1800, 0, 60)
    assert whole == Window(0, 0, 60, 1800)
    small = picture(field, "pc_ch_0", 2, whole, limits)
    assert (small.level, small.pixels.shape, small.window) == (1, (30, 900), whole)
    part = Window.of(SHAPE[1:], 300, 500, 10, 30)
    sharp = picture(field, "pc_ch_0", 2, part, limits)
    raw = field.reader("pc_ch_0")[2]
    assert sharp.level == 0
    w = sharp.window
    assert np.array_equal(sharp.pixels, grey(raw[w.y0 : w.y1, w.x0 : w.x1], limits))
    # The small copy rounds down to one of 256 steps, twice.
    mean = grey(raw, limits).reshape(30, 2, 900, 2).mean(axis=(1, 3))
    assert np.abs(small.pixels - mean).max() <= 2
    wider = limits[0] - 100, limits[1]  # darker than the small copy can tell
    assert picture(field, "pc_ch_0", 2, whole, wider).level == 0


def test_a_small_copy_that_was_corrected_for_drift_is_not_shown(field, tmp_path):
    path = tmp_path / "results/a/fov_000/images.zarr/pc_ch_0/1"
    content = read_metadata(path)
    data = content.pop("crc32c")
    content["attributes"]["fovea"]["parameters"]["drift"] = True
    write_metadata(path, content, data)
    limits = display_limits(field, "pc_ch_0")
    assert picture(field, "pc_ch_0", 0, Window(0, 0, 60, 1800), limits).level == 0


def test_without_a_background_it_is_raw_minus_background(field, tmp_path):
    assert "fl_corrected_ch_1" not in field.layers()
    background = np.full(SHAPE, 250.5, np.float32)
    write(tmp_path, "fl_background_ch_1", background, missing=(1,), level=False)
    assert "fl_corrected_ch_1" in field.layers()
    part = Window(0, 0, 60, 500)
    found = picture(field, "fl_corrected_ch_1", 0, part, (0, 1000))
    raw = field.reader("fl_ch_1")[0][:, :500]
    assert np.array_equal(found.pixels, grey(raw - np.float32(250.5), (0, 1000)))
    assert not recorded(field, "fl_corrected_ch_1", 1)
    assert recorded(field, "fl_corrected_ch_1", 2)


def test_objects_are_found_before_tracking(field):
    cells = cells_in(field, 1)
    assert cells.ids.tolist() == [1, 2]
    assert cells.place(1) == (119.5, 19.5)
    assert cells.place(3) is None
    assert cell_at(field, 1, 110.4, 12) == 1
    assert cell_at(field, 1, 10, 12) is None
    assert cell_at(field, 1, -1, 12) is None
    shown = picture(field, "seg_labeled_ch_0", 1, Window(0, 0, 60, 500), (0, 1))
    assert shown.coloured
    assert set(np.unique(shown.pixels)) == {0, 1}


def test_a_thumbnail_is_small(field):
    small = thumbnail(field)
    assert max(small.shape) <= 104
    assert small.std() > 0


def test_nothing_outside_of_the_results_is_read(field, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "zarr.json").write_text("{}")
    inside = tmp_path / "results/a/fov_000/images.zarr/fl_ch_2"
    inside.symlink_to(elsewhere)
    with pytest.raises(FoveaError, match="lies outside of results"):
        field.has("fl_ch_2")
    for dataset_name, fov in (("..", "000"), ("a", "../000"), ("b", "000"), ("a", "-1")):
        with pytest.raises(FoveaError, match="is not in the config"):
            field.results.field(dataset_name, fov)


def test_an_array_that_is_made_anew_is_read_anew(field, tmp_path):
    before = field.reader("pc_ch_0")[0].copy()
    write(tmp_path, "pc_ch_0", np.full(SHAPE, 7, np.uint16))
    assert not np.array_equal(field.reader("pc_ch_0")[0], before)
    with pytest.raises(FoveaError, match="is not there yet"):
        field.reader("seg_tracked_ch_0")


LABELLED = arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)),
                  elements=st.integers(0, 3))  # fmt: skip


@given(LABELLED)
def test_outlines_pass_between_the_pixels_of_a_cell_and_others(labels):
    boxes, areas = boxes_and_areas(labels, 3)
    there = np.flatnonzero(areas)
    found = outlines(labels, Cells(there + 1, boxes[there].astype(np.int64)))
    assert set(found) == set((there + 1).tolist())
    for cell, (x, y) in found.items():
        mask = np.pad(labels == cell, 1)
        rows, columns = np.nonzero(mask[1:] != mask[:-1])
        expected = {
            (c - 1.0, r - 0.5) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
        }
        rows, columns = np.nonzero(mask[:, 1:] != mask[:, :-1])
        expected |= {
            (c - 0.5, r - 1.0) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
        }
        assert (
            set(zip(x[np.isfinite(x)].tolist(), y[np.isfinite(y)].tolist(), strict=True))
            == expected
        )


@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
       st.lists(st.floats(-1e5, 1e5), min_size=4, max_size=4))  # fmt: skip
def test_a_window_lies_in_the_frame_and_is_never_empty(shape, ends):
    left, right, top, bottom = ends
    found = Window.of(shape, left, right, top, bottom)
    assert 0 <= found.y0 < found.y1 <= shape[0]
    assert 0 <= found.x0 < found.x1 <= shape[1]
    assert max(found.y1 - found.y0, found.x1 - found.x0) <= 1650 * found.step


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70), st.booleans(),
       st.integers(0, 9))  # fmt: skip
def test_a_picture_has_no_more_pixels_than_the_screen(height, width, screen, coloured, seed):
    high = 7 if coloured else 256
    pixels = np.random.default_rng(seed).integers(0, high, (height, width)).astype(np.uint8)
    given = Picture(pixels, Window(4, 6, 4 + 2 * height, 6 + 2 * width), 1, coloured)
    found = for_screen(given, screen)
    assert found.window == given.window
    assert max(found.pixels.shape) == min(max(pixels.shape), screen)
    if max(pixels.shape) <= screen:
        assert found is given
    if coloured:
        assert set(np.unique(found.pixels)) <= set(np.unique(pixels))


def test_grey_values_of_a_small_picture_are_means():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    found = for_screen(Picture(pixels, Window(0, 0, 8, 8), 0, False), 4).pixels
    expected = pixels.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.abs(found - expected).max() <= 0.5


def test_a_scene_made_ahead_is_the_one_made_when_it_is_asked_for(field):
    ahead = Ahead()

    def wanted(frame, layer="pc_ch_0", left=0):
        part = Window(0, left, 60, 1800)
        return Wanted(field, layer, frame, part, (1000, 5000), True, 610)

    for asked in (wanted(1), wanted(2, left=900), wanted(1, "fl_ch_1"), wanted(2, "fl_ch_1")):
        for other in (asked, wanted(0)):  # a scene of another frame is not taken for it
            ahead.make(other)
            found, plain = ahead.get(asked), scene(asked)
            assert found.cells.ids.tolist() == plain.cells.ids.tolist()
            assert found.outlines.keys() == plain.outlines.keys() == set(plain.cells.ids.tolist())
            if plain.picture is None:
                assert found.picture is None
                assert asked.layer == "fl_ch_1"
                assert asked.frame == 1
            else:
                assert np.array_equal(found.picture.pixels, plain.picture.pixels)
                assert max(plain.picture.pixels.shape) <= 610


def test_an_image_that_cannot_be_read_is_told_when_it_is_asked_for(field, tmp_path):
    files = [path for path in (tmp_path / "results/a/fov_000/images.zarr/pc_ch_0/1").rglob("*")
             if path.is_file() and path.name != "zarr.json"]  # fmt: skip
    for file in files:
        file.write_bytes(file.read_bytes()[:-8])
    asked = Wanted(field, "pc_ch_0", 1, Window(0, 0, 60, 1800), display_limits(field, "pc_ch_0"),
                   True, 610)  # fmt: skip
    ahead = Ahead()
    ahead.make(asked)
    with pytest.raises(FoveaError):
        ahead.get(asked)
