"""Preview of recordings whose phase contrast lacks frames."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.inspection.preview import sample_frames
from support.recordings import pixels
from support.skipped import write_skipped

HERE = [0, 3, 4, 8]


@pytest.mark.parametrize("z", [0, "max"])
def test_frames_of_phase_contrast_are_shown(z, tmp_path):
    data = pixels(2, 9, 1, 2, 20, 30)[:, :, 0]
    path = tmp_path / "a.ome.tif"
    write_skipped(path, data, lambda fov, t, c: c == 1 or (fov == 0 and t in HERE))
    config = validated({
        "datasets": {
            "a": {"input": str(path), "z": z,
                  "channels": {"pc": {"channel": 0}, "fl": [{"channel": 1}]}}
        }
    })  # fmt: skip
    for count, expected in ((3, [0, 4, 8]), (9, HERE), (1, [0])):
        numbers, frames = sample_frames(config, "a", 0, count)
        assert numbers == expected
        np.testing.assert_array_equal(frames, data[0, expected, 0])
    with pytest.raises(FoveaError, match="field of view 1 has no frame of channel 0, the phase"):
        sample_frames(config, "a", 1, 3)
