"""A segmentation method: Cellpose 4, https://github.com/MouseLand/cellpose (version 4.2.1.1).

docs/plugins/README.md says how to use it. Cellpose is imported by the jobs that segment, not when
the configuration is read. One network stays loaded for all frames of a field of view. Cellpose cuts
each frame into tiles and gives `batch_size` of them to the GPU at once, so that frames need not be
put together: one of 2048 x 2048 pixels has 100 tiles.
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
REQUIREMENT = "cellpose==4.2.1.1"

#: Networks that Cellpose fetches by their names; any other is a file.
MODELS = ("cpsam_v2", "cpsam")


def weights(model: str, folder: str | None) -> Path:
    """Return the file of a network; Cellpose fetches it, by one job, where it is not there yet."""
    if model not in MODELS:
        if not Path(model).is_file():
            raise FoveaError(f"model: there is no file {model}; {allowed()}")
        return Path(model)
    usual = os.environ.get("CELLPOSE_LOCAL_MODELS_PATH") or Path.home() / ".cellpose" / "models"
    file = Path(folder or usual).absolute() / model

    def fetch() -> None:
        models = package("cellpose.models", REQUIREMENT)
        models.MODEL_DIR = file.parent
        models.cache_model_path(model)

    return made_once(file, fetch)


def allowed() -> str:
    return f"allowed: {', '.join(MODELS)}, or a file of weights of Cellpose 4"


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
    package("cellpose", REQUIREMENT)
    file = weights(parameters["model"], parameters["weights_folder"])
    return {"package": f"cellpose {version('cellpose')}", "weights": str(file),
            "bytes": file.stat().st_size}  # fmt: skip


@lru_cache(maxsize=1)
def network(file: Path, device: str):
    """Return the network of a file, loaded once per process, on a GPU where there is one."""
    models = package("cellpose.models", REQUIREMENT)
    chosen = torch_device(device)
    try:
        found = models.CellposeModel(
            gpu=chosen.type != "cpu", pretrained_model=str(file), device=chosen,
            use_bfloat16=chosen.type != "cpu",
        )  # fmt: skip
    except Exception as error:
        raise FoveaError(
            f"{file}: Cellpose cannot load these weights ({type(error).__name__}); "
            "they are damaged, or not of Cellpose 4; delete the file to fetch it again"
        ) from error
    LOG.info("cellpose %s: network %s on %s", version("cellpose"), file, device_name(chosen))
    return found


@segmentation(
    "cellpose",
    conda="cellpose.yaml",
    gpu=lambda parameters: parameters["device"] != "cpu",
    memory=6000,
    seconds=lambda parameters: 600 if parameters["device"] == "cpu" else 30,
    check=problem,
    prepare=prepare,
)
def cellpose(
    frame,
    *,
    model: str = "cpsam_v2",
    diameter: float | None = None,
    flow_threshold: float = 0.4,
    cellprob_threshold: float = 0.0,
    min_size: int = 15,
    contrast: Literal["auto", "dark", "bright"] = "auto",
    device: Literal["auto", "gpu", "cpu"] = "auto",
    batch_size: int = 8,
    weights_folder: str | None = None,
):
    """Label cells. Without a diameter the frame keeps its size, else cells become 30 pixels wide.

    Cellpose-SAM was trained on cells of either polarity, so `auto` and `dark` leave a frame as it
    is, and `bright` inverts it.
    """
    if contrast == "bright":
        frame = frame.max() - frame
    found = network(weights(model, weights_folder), device)
    try:
        masks, *_ = found.eval(
            frame, batch_size=batch_size, diameter=diameter, flow_threshold=flow_threshold,
            cellprob_threshold=cellprob_threshold, min_size=min_size,
        )  # fmt: skip
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        raise FoveaError(
            f"the memory of the GPU is too small for batch_size: {batch_size}; set a smaller one"
        ) from error
    return masks.reshape(frame.shape)
