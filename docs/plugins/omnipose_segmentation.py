"""A segmentation method: Omnipose, https://github.com/kevinjohncutler/omnipose (version 1.1.4).

docs/plugins/README.md says how to use it. Omnipose is imported by the jobs that segment, not when
the configuration is read. One network stays loaded for all frames of a field of view. The package
needs older versions of others than Fovea does, and so an environment of its own: omnipose.yaml.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from fovea.plugins import FoveaError, device_name, made_once, package, segmentation, torch_device

LOG = logging.getLogger("fovea")
#: Networks that Omnipose fetches by their names, and the polarity of the cells that each expects.
#: Any other is a file.
MODELS = {
    "bact_phase_omni": "dark",
    "bact_fluor_omni": "bright",
    "worm_omni": "dark",
    "worm_bact_omni": "dark",
    "worm_high_res_omni": "dark",
    "cyto2_omni": "bright",
}


def weights(model: str, folder: str | None) -> Path:
    """Return the file of a network; Omnipose fetches it, by one job, where it is not there yet."""
    if model not in MODELS:
        if not Path(model).is_file():
            raise FoveaError(f"model: there is no file {model}; {allowed()}")
        return Path(model)
    usual = os.environ.get("CELLPOSE_LOCAL_MODELS_PATH") or Path.home() / ".cellpose" / "models"
    file = Path(folder or usual).absolute() / f"{model}torch_0"

    def fetch() -> None:
        models = package("cellpose_omni.models")
        models.MODEL_DIR = file.parent
        models.cache_model_path(file.name)

    return made_once(file, fetch)


def allowed() -> str:
    return f"allowed: {', '.join(MODELS)}, or a file of weights of Omnipose"


def problem(parameters: dict) -> str | None:
    """Say what is wrong with the parameters, before any job starts."""
    model, diameter = parameters["model"], parameters["diameter"]
    if model not in MODELS and not Path(model).is_file():
        return f"model: there is no file {model}; {allowed()}"
    if diameter is not None and diameter <= 0:
        return f"diameter: {diameter:g} is too small; allowed: a number above 0 (pixels), or null"
    if parameters["batch_size"] < 1:
        return "batch_size: allowed: a whole number of at least 1 (tiles)"
    return None


def prepare(parameters: dict) -> dict:
    """Fetch the weights before the first field of view is segmented."""
    package("omnipose")
    file = weights(parameters["model"], parameters["weights_folder"])
    return {"package": f"omnipose {version('omnipose')}", "weights": str(file),
            "bytes": file.stat().st_size}  # fmt: skip


@lru_cache(maxsize=1)
def network(file: Path, device: str):
    """Return the network of a file, loaded once per process, on a GPU where there is one.

    Channels and classes are told from the weights, for their file need not have its usual name.
    `gpu=False` beside a device keeps Omnipose from spreading one job over all GPUs.
    """
    torch = package("torch")
    models = package("cellpose_omni.models")
    chosen = torch_device(device)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        channels = state["downsample.down.res_down_0.conv.conv_0.2.weight"].shape[1]
        classes = state["output.2.weight"].shape[0]
        found = models.CellposeModel(
            gpu=False, device=chosen, pretrained_model=str(file), nchan=channels,
            nclasses=classes - 1, dim=2, omni=True,
        )  # fmt: skip
        # Omnipose starts from random numbers, without an error, where weights do not fit.
        if set(found.net.state_dict()) != set(state):
            raise ValueError("it has other layers than Omnipose")
    except Exception as error:
        raise FoveaError(
            f"{file}: Omnipose cannot load these weights ({type(error).__name__}); "
            "they are damaged, or not of Omnipose; delete the file to fetch it again"
        ) from error
    LOG.info("omnipose %s: network %s on %s", version("omnipose"), file, device_name(chosen))
    return found


@segmentation(
    "omnipose",
    conda="omnipose.yaml",
    gpu=lambda parameters: parameters["device"] != "cpu",
    memory=5000,
    seconds=lambda parameters: 300 if parameters["device"] == "cpu" else 30,
    check=problem,
    prepare=prepare,
)
def omnipose(
    frame,
    *,
    model: str = "bact_phase_omni",
    diameter: float | None = None,
    mask_threshold: float = 0.0,
    flow_threshold: float = 0.0,
    min_size: int = 15,
    contrast: Literal["auto", "dark", "bright"] = "auto",
    device: Literal["auto", "gpu", "cpu"] = "auto",
    tile: bool = False,
    batch_size: int = 8,
    weights_folder: str | None = None,
):
    """Label cells. Without a diameter the frame keeps its size, else cells become 30 pixels wide.

    `contrast` says what the cells are; the frame is inverted where the network expects the other.
    With `tile` a frame is cut into pieces, each scaled by itself, to save memory of the GPU.
    """
    expected = MODELS.get(model, "dark")
    if contrast not in ("auto", expected):
        frame = frame.max() - frame
    found = network(weights(model, weights_folder), device)
    try:
        masks, *_ = found.eval(
            frame, channels=[0, 0], batch_size=batch_size, diameter=diameter, tile=tile,
            mask_threshold=mask_threshold, flow_threshold=flow_threshold, min_size=min_size,
            omni=True, cluster=True, net_avg=False, show_progress=False, model_loaded=True,
        )  # fmt: skip
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        raise FoveaError(
            "the memory of the GPU is too small for a frame; set tile: true, and with it a smaller "
            f"batch_size than {batch_size} if need be"
        ) from error
    return masks.reshape(frame.shape)
