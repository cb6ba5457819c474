"""Display levels of arrays that lack frames."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.display.cache import cache
from support.channels import read_stored, write_channel, write_tracked

FRAMES, MISSING = 6, {1, 2, 4}
HERE = [0, 3, 5]
DRIFT = "fov,frame,shift_y,shift_x\n" + "".join(f"0,{t},{t},{2 * t}\n" for t in range(FRAMES))


@pytest.mark.parametrize("drift", [False, True])
def test_levels_lack_the_frames_of_their_array(drift, tmp_path):
    rng = np.random.default_rng(1)
    # all frames hold the same values, so that the limits of some are those of all
    values = rng.integers(0, 900, 21 * 30).astype(np.uint16)
    frames = np.stack([rng.permutation(values).reshape(21, 30) for _ in range(FRAMES)])
    ids = rng.integers(0, 5, (FRAMES, 21, 30)).astype(np.uint16)
    table = tmp_path / "drift.csv"
    table.write_text(DRIFT)
    groups = {}
    for name, missing in (("all", ()), ("some", MISSING)):
        place = tmp_path / name
        groups[name] = [write_channel(place / "fl_ch_1", frames, missing),
                        write_tracked(place / "seg_tracked_ch_0", ids, missing)]  # fmt: skip
    for name in groups:
        cache(groups[name], threads=2, drift=table if drift else None)
    for full, some in zip(groups["all"], groups["some"], strict=True):
        found, expected = read_stored(some / "1"), read_stored(full / "1")
        assert found.missing == MISSING
        np.testing.assert_array_equal(found.frames[HERE], expected.frames[HERE])
        assert not found.frames[sorted(MISSING)].any()
        assert found.frames[HERE].any(axis=(1, 2)).all()


def test_limits_are_those_of_recorded_frames(tmp_path):
    frames = np.full((4, 8, 8), 60_000, np.uint16)
    frames[1] = np.arange(64).reshape(8, 8)
    group = write_channel(tmp_path / "fl_ch_1", frames, {0, 2, 3})
    limits = read_stored(group / "0").about["display_limits"]
    assert limits == np.percentile(frames[1], [1, 99]).tolist()


def test_a_channel_without_any_frame(tmp_path):
    group = write_channel(tmp_path / "fl_ch_1", np.ones((3, 8, 9), np.uint16), range(3))
    cache([group])
    assert read_stored(group / "1").frames.shape == (3, 4, 5)
    assert read_stored(group / "1").present == []
