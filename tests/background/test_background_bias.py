"""Backgrounds against the truth of simulated recordings: no cell is measured too bright.

The whole table is in docs/algorithms.md; here with fewer cells.
"""

from functools import partial

import numpy as np
import pytest

from fovea.background.flat_field import estimate_gain
from fovea.background.methods import estimate_background
from support.background_bias import KINDS, bias, errors, recorded, totals
from support.illumination import vignette

FEW = {"fields": 2, "frames": (4, 20, 40)}


def of_method(frames, method):
    """Bias in percent, pooled and of the dimmest quarter of the cells."""

    def estimate(frame, labels):
        return estimate_background(frame, labels, method=method, rounding_error=0.0)[0]

    return bias(*errors(frames, estimate).T)


@pytest.mark.parametrize("kind", KINDS)
def test_dim_cells_on_uneven_backgrounds(kind):
    frames = list(recorded(**FEW, **KINDS[kind]))
    pooled, dim = of_method(frames, "local_surface")
    assert abs(pooled) < 1
    assert abs(dim) < 3
    old, old_dim = of_method(frames, "tile_median")
    if "flat" in kind:  # as good there, to what the noise of some 150 cells allows
        assert abs(pooled) < abs(old) + 0.1
        assert abs(dim) < abs(old_dim) + 0.5
    else:
        assert abs(pooled) < 0.2 * abs(old)
        assert abs(dim) < 0.2 * abs(old_dim)


@pytest.fixture(scope="module")
def illumination():
    """30 % less light in the corners."""
    return vignette((512, 512), 0.3, (0, 0)).astype(np.float32)


def test_vignetting_with_the_true_dark_counts(illumination):
    """In an even medium the right dark counts give the right light, and 0 does not."""
    frames = list(recorded(**FEW, gradient=0.0, illumination=illumination))
    measured = partial(totals, frames, method="local_surface")
    found = {}
    for dark in (100.0, 0.0):
        gain, _ = estimate_gain([here.frame for here in frames], dark)
        light, total = measured(gain).T
        found[dark] = bias(light, total - light)[0]
    assert abs(found[100.0]) < 0.3
    assert found[0.0] > 0.4


def test_a_medium_that_is_uneven_by_itself_is_taken_for_the_light(illumination):
    """It cannot be told from vignetting: the true gain measures right, the estimated one not."""
    frames = list(recorded(**FEW, illumination=illumination))
    light, total = totals(frames, illumination, method="local_surface").T
    assert abs(bias(light, total - light)[0]) < 0.1
    gain, _ = estimate_gain([here.frame for here in frames], 100.0)
    light, total = totals(frames, gain, method="local_surface").T
    assert -3 < bias(light, total - light)[0] < -0.5


def test_scattered_light_is_lost_from_the_mask_not_to_the_background():
    frames = list(recorded(**FEW, scattered=0.2))
    found = {}
    for aperture in (0, 10):
        for radius in (0, 20):
            light, total = totals(frames, None, aperture, method="local_surface",
                                  dilation_radius=radius).T  # fmt: skip
            found[aperture, radius] = bias(light, total - light)[0]
    assert found[0, 20] < -6
    assert abs(found[0, 20] - found[0, 0]) < 2  # a larger radius does not bring it back
    assert abs(found[10, 20]) < 0.5 * abs(found[0, 20])  # a larger mask brings most of it
