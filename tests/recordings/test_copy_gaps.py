"""Copying of channels that lack frames, and of cameras that saturate."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import zarr

from fovea.recordings.copy_raw import copy_raw, mean_interval
from fovea.recordings.inspect_input import inspect_input, load_metadata
from support.recordings import pixels
from support.skipped import write_skipped

QUIET = logging.getLogger("quiet")
CHANNELS = {"pc_ch_0": 0, "fl_ch_1": 1, "fl_ch_2": 2}
HERE = {0: [0, 1, 2, 3, 4, 5, 6], 1: [0, 3, 6], 2: [6]}


def copied(folder, data, recorded, **stated):
    """Write, inspect and copy the field of view 0 of a recording; its store and metadata."""
    write_skipped(folder / "a.ome.tif", data, recorded, **stated)
    inspect_input(str(folder / "a.ome.tif"), folder / "m.yaml", log=QUIET)
    metadata = load_metadata(folder / "m.yaml")
    copy_raw(str(folder / "a.ome.tif"), folder / "images.zarr", 0, CHANNELS, 0, metadata)
    return zarr.open_group(folder / "images.zarr", mode="r"), metadata


def test_each_channel_is_copied_with_its_own_frames(tmp_path, caplog):
    data = pixels(1, 7, 1, 3, 20, 30)[:, :, 0]
    with caplog.at_level("INFO", "fovea"):
        store, _ = copied(tmp_path, data, lambda p, t, c: t in HERE[c])
    for group, channel in CHANNELS.items():
        array, here = store[group]["0"], HERE[channel]
        about = array.attrs["fovea"]
        missing = sorted(set(range(7)) - set(here))
        assert array.shape == (7, 20, 30)
        np.testing.assert_array_equal(array[:][here], data[0, here, channel])
        assert not array[:][missing].any()
        assert about.get("missing_frames", []) == missing
        limits = np.percentile(data[0, here, channel], [1, 99])
        assert about["display_limits"] == limits.tolist()
        assert (
            store[group].attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"][
                0
            ]["scale"][0]
            == 600.0
        )
    assert "fl_ch_1 (GFP) was recorded in 3 of 7 frames: 0, 3, 6" in caplog.messages
    assert "fl_ch_2 (Stain) was recorded in 1 of 7 frames: 6" in caplog.messages
    assert not any(message.startswith("pc_ch_0 (Phase) was") for message in caplog.messages)


def test_the_interval_is_that_of_the_channel_with_most_frames():
    def interval(*rows):
        texts = [" ".join(map(str, row)) for row in rows]
        times = {"source": "stamps", "values": texts}
        return mean_interval({"fields": [{"frames": len(rows[0]), "times": times}]}, 0)

    nan = float("nan")
    assert interval([0, 60, 120], [1, 61, 121]) == 60
    assert interval([0, nan, nan, 180], [1, 61, 121, nan]) == 60
    assert interval([nan, 60, nan], [nan, nan, nan]) is None


# ------------------------------------------------------------------------------------ saturation


@pytest.mark.parametrize(
    ("bits", "full", "expected"),
    [(None, 4095, 4095), (12, 4095, 4095), (14, 16383, 16383), (16, 65535, 65535), (12, 3000, 0)],
)
def test_the_level_of_saturation_stays_with_the_channel(bits, full, expected, tmp_path, caplog):
    rng = np.random.default_rng(0)
    data = rng.integers(100, 0.5 * full, (1, 4, 3, 40, 40)).astype(np.uint16)
    data[0, 1, 1, 5:9, 5:9] = full  # in channel 1 only
    if expected == 0:
        data[0, 1, 1, 5:9, 5:9] -= np.arange(16, dtype=np.uint16).reshape(4, 4)
    with caplog.at_level("INFO", "fovea"):
        store, metadata = copied(tmp_path, data, lambda p, t, c: True, bits=bits)
    about = [store[group]["0"].attrs["fovea"] for group in CHANNELS]
    levels = [known.get("saturated_from", 0) for known in about]
    assert levels == [0, expected, 0]
    text = f"fl_ch_1 (GFP): the camera saturates at {expected} counts, which 16 pixels have"
    assert (text in caplog.messages) == bool(expected)
    assert metadata.get("significant_bits") == (bits if bits in (12, 14) else None)
