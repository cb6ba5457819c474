"""A stand-in of `cellpose_omni.models` of omnipose 1.1.4: its signatures, without a network."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from stand_in_events import brighter_than_the_mean, note

MODEL_DIR = Path(
    os.environ.get("CELLPOSE_LOCAL_MODELS_PATH") or Path.home() / ".cellpose" / "models"
)

FIRST, LAST = "downsample.down.res_down_0.conv.conv_0.2.weight", "output.2.weight"


def cache_model_path(basename):
    MODEL_DIR.mkdir(parents=True, exist_ok=True)
    cached_file = os.fspath(MODEL_DIR.joinpath(basename))
    if not os.path.exists(cached_file):
        note("download", basename)
        time.sleep(0.5)
        temporary = f"{cached_file}.{os.getpid()}"
        Path(temporary).write_text(json.dumps({FIRST: [32, 2, 3, 3], LAST: [4, 32, 1, 1]}))
        os.replace(temporary, cached_file)
    return cached_file


class CellposeModel:
    def __init__(
        self, gpu=False, pretrained_model=False, model_type=None, net_avg=True, use_torch=True,
        diam_mean=30.0, device=None, residual_on=True, style_on=True, concatenation=False,
        nchan=1, nclasses=None, dim=2, omni=True, logits=False, nsample=4, checkpoint=False,
        dropout=False, kernel_size=2, scale_factor=2, dilation=1, allow_blank_masks=False,
    ):  # fmt: skip
        assert not gpu, "it would spread over all GPUs"
        assert os.path.exists(pretrained_model)
        assert omni
        assert dim == 2
        note("load", pretrained_model, device, nchan, nclasses)
        self.device = device
        self.net = SimpleNamespace(state_dict=lambda: {FIRST: None, LAST: None})

    def eval(
        self, x, batch_size=8, indices=None, channels=None, channel_axis=None, z_axis=None,
        normalize=True, invert=False, rescale=None, diameter=None, do_3D=False, anisotropy=None,
        net_avg=True, augment=False, tile=False, tile_overlap=0.1, bsize=224, num_workers=8,
        loader_batch_size=1, resample=True, interp=True, cluster=False, hdbscan=False,
        suppress=None, boundary_seg=False, affinity_seg=False, despur=False, flow_threshold=0.4,
        mask_threshold=0.0, diam_threshold=12.0, niter=None, cellprob_threshold=None,
        dist_threshold=None, flow_factor=5.0, compute_masks=True, min_size=15, max_size=None,
        stitch_threshold=0.0, progress=None, show_progress=True, omni=False, calc_trace=False,
        verbose=False, transparency=False, loop_run=False, model_loaded=False, hysteresis=True,
    ):  # fmt: skip
        assert isinstance(x, np.ndarray)
        assert x.ndim == 2
        assert channels == [0, 0]
        assert omni
        assert model_loaded, "the real one reads the weights again for every frame"
        if batch_size > 64:
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory")
        note("start", self.device, batch_size, diameter, flow_threshold, mask_threshold, min_size)
        time.sleep(0.05)
        masks = brighter_than_the_mean(x)
        note("end", self.device)
        return masks, [np.zeros((*x.shape, 3))], np.zeros(256)
