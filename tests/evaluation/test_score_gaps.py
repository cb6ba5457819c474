"""Scores of results whose phase contrast lacks frames."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from fovea.cli import main
from fovea.evaluation.evaluate import evaluate, read_stacks
from support.channels import write_channel, write_tracked


@pytest.mark.parametrize("whole", [True, False])
def test_frames_without_phase_contrast_do_not_count(whole, tmp_path, capsys):
    """The reference is annotated in all frames of the recording, or in those with labels only."""
    reference = np.zeros((6, 30, 40), np.uint16)
    for t in range(6):
        reference[t, 5:15, 3 + t : 13 + t] = 1
        reference[t, 18:28, 20:34] = 2
    missing, here = {1, 4}, [0, 2, 3, 5]
    result = write_tracked(tmp_path / "seg_tracked_ch_0", reference, missing)
    images = write_channel(tmp_path / "pc_ch_0", reference * 100, missing)
    path = tmp_path / "reference.tif"
    tifffile.imwrite(path, reference if whole else reference[here], photometric="minisblack")
    scores = evaluate(path, result, tmp_path / "t.csv", tmp_path / "f.png", images)
    assert (scores["SEG"], scores["TRA"], scores["F1"]) == (1, 1, 1)
    stacks, numbers = read_stacks(path, result, images)
    assert numbers == here
    assert [len(stack) for stack in stacks] == [4, 4, 4]
    main(["evaluate", str(path), str(result), "--figure", str(tmp_path / "g.png")])
    assert "SEG" in capsys.readouterr().out
