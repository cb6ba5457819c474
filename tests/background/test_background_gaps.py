"""Backgrounds and what is measured with them, of channels that lack frames."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import fovea
from fovea.background.background import background
from fovea.background.flat_field import sampled
from fovea.background.photobleaching import photobleaching
from fovea.errors import FoveaError
from fovea.recordings.readers import base
from support.channels import read_stored, write_channel, write_tracked

PARAMETERS = {"dilation_radius": 3, "tile_size": 40, "tile_overlap": 0.5, "rounding_error": 0.0625,
              "save_corrected": True, "weight": 1.0}  # fmt: skip
FRAMES = 7
LACKING = {"fl_ch_1": (), "fl_ch_2": {1, 2, 4, 5}, "fl_ch_3": {0, 1, 2, 3, 4, 5}}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    raw = {name: rng.integers(90, 400, (FRAMES, 96, 112)).astype(np.uint16) for name in LACKING}
    ids = np.zeros((FRAMES, 96, 112), np.uint16)
    for t in range(FRAMES):
        ids[t, 30 + t : 60 + t, 20:60] = 1
        ids[t, 20:40, 70:90] = 2
        for frames in raw.values():
            frames[t][ids[t] > 0] += 1000 + 100 * t
    return raw, ids


def run(folder, images, lacking, without_phase=()):
    """The arrays of backgrounds and corrected images, by group."""
    raw, ids = images
    sources = [write_channel(folder / name, frames, lacking[name]) for name, frames in raw.items()]
    labels = write_tracked(folder / "seg_tracked_ch_0", ids, without_phase)
    kinds = [name.replace("fl_", f"{kind}_") for kind in ("fl_background", "fl_corrected")
             for name in raw]  # fmt: skip
    background(sources, [folder / kind for kind in kinds], labels, PARAMETERS, threads=2)
    return {kind: read_stored(folder / kind / "0") for kind in kinds}


@pytest.fixture(scope="module")
def stores(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backgrounds")
    complete = run(folder / "all", images, dict.fromkeys(LACKING, ()))
    return folder, complete, run(folder / "some", images, LACKING)


def test_recorded_frames_are_as_if_all_were_there(stores):
    folder, complete, found = stores
    for kind, array in found.items():
        missing = frozenset(LACKING[f"fl_{kind.split('_', 2)[2]}"])
        assert array.missing == missing
        here = array.present
        np.testing.assert_array_equal(array.frames[here], complete[kind].frames[here])
        assert not array.frames[sorted(missing)].any()
        if kind.startswith("fl_background"):
            assert read_stored(folder / "some" / kind / "tile_medians").missing == missing


def test_display_limits_are_those_of_recorded_frames(images, stores, tmp_path):
    raw, ids = images
    here = [0, 3, 6]
    alone = run(tmp_path, ({"fl_ch_2": raw["fl_ch_2"][here]}, ids[here]), {"fl_ch_2": ()})
    for kind, array in alone.items():
        assert stores[2][kind].about["display_limits"] == array.about["display_limits"]


def test_cells_of_the_nearest_frame_are_left_out_where_there_is_no_phase(images, tmp_path, caplog):
    raw, ids = images
    nearest = [0, 1, 1, 1, 5, 5, 5]  # frames 0, 1 and 5 have phase contrast
    moved = run(tmp_path / "moved", (raw, ids[nearest]), LACKING)
    with caplog.at_level("WARNING", "fovea"):
        found = run(tmp_path / "found", images, LACKING, {2, 3, 4, 6})
    for kind in found:
        np.testing.assert_array_equal(found[kind].frames, moved[kind].frames)
    assert any(m.startswith("4 of 7 fluorescence frames have no phase") for m in caplog.messages)


def test_a_channel_without_any_frame_has_an_empty_background(images, tmp_path):
    raw, ids = images
    lacking = LACKING | {"fl_ch_2": set(range(FRAMES))}
    found = run(tmp_path, (raw, ids), lacking)
    assert found["fl_background_ch_2"].present == []
    assert found["fl_background_ch_2"].frames.shape == (FRAMES, 96, 112)


def test_arrays_without_the_missing_frames(images):
    raw, ids = images
    options = {key: PARAMETERS[key] for key in ("dilation_radius", "tile_size")}
    complete = fovea.estimate_background(raw["fl_ch_2"], ids, **options)
    found = fovea.estimate_background(raw["fl_ch_2"], ids, missing=[1, 2, 4, 5], **options)
    np.testing.assert_array_equal(found[[0, 3, 6]], complete[[0, 3, 6]])
    assert not found[[1, 2, 4, 5]].any()


# -------------------------------------------------------------------------------- photobleaching


def test_the_trend_is_empty_where_nothing_was_recorded(images, stores, tmp_path):
    tables = {}
    for name in ("all", "some"):
        folder = stores[0] / name
        paths = tmp_path / f"{name}.csv", tmp_path / f"{name}_fits.csv"
        photobleaching(
            folder / "seg_tracked_ch_0", [folder / c for c in LACKING],
            [folder / c.replace("fl_", "fl_background_") for c in LACKING], *paths, 0,
        )  # fmt: skip
        tables[name] = [list(csv.DictReader(path.read_text().splitlines())) for path in paths]
    measured = ("intensity_total", "intensity_mean", "background")
    for full, row in zip(tables["all"][0], tables["some"][0], strict=True):
        if int(row["frame"]) in LACKING[f"fl_ch_{row['channel']}"]:
            assert [row[name] for name in measured] == ["", "", ""]
            assert (row["cells"], row["pixels"]) == (full["cells"], full["pixels"])
        else:
            assert row == full
    counts = {(r["channel"], r["quantity"]): r["frames"] for r in tables["some"][1]}
    assert [counts[str(c), "intensity_mean"] for c in (1, 2, 3)] == ["7", "3", "1"]


# ------------------------------------------------------------------------------------ flat field


class _Field:
    frames, height, width = 6, 8, 9

    def __init__(self, index, recorded):
        self.index, self.recorded = index, recorded

    def frames_of(self, channel):
        assert channel == 2
        return self.recorded


class _Recording:
    """Field 1 was never recorded in the channel."""

    source = "x"

    def __init__(self, *fields):
        self.info = type("Info", (), {"fields": [_Field(i, f) for i, f in enumerate(fields)]})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def frames(self, fov, channels, z, only):
        for t in only:
            there = t in self.info.fields[fov].recorded
            yield [np.full((8, 9), 10 * fov + t, np.uint16) if there else None]


@pytest.mark.parametrize(
    ("fields", "expected"), [(([0, 3], [], [5]), [0, 3, 25]), (([], []), "there is no frame to")]
)
def test_flat_fields_come_from_recorded_frames_only(fields, expected, monkeypatch, tmp_path):
    from fovea.recordings import readers

    monkeypatch.setattr(readers, "open_recording", lambda *_, **__: _Recording(*fields))
    recording = tmp_path / "x"  # which must stay the same while it is read
    recording.touch()
    found = sampled(recording, 2, 0, None, base)
    if isinstance(expected, str):
        with pytest.raises(FoveaError, match=expected):
            list(found)
    else:
        assert [int(frame[0, 0]) for frame in found] == expected
