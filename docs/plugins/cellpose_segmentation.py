"""A segmentation method: Cellpose, in a conda environment of its own (`--sdm conda`).

Cellpose is imported when the first frame comes, so that the config can be read without it.
"""

from functools import lru_cache

from fovea.plugins import segmentation


@lru_cache
def network(weights: str, gpu: bool):
    """The network, loaded once per job; `weights` is a name that Cellpose knows, or a file."""
    from cellpose import models

    return models.CellposeModel(gpu=gpu, pretrained_model=weights)


@segmentation("cellpose", conda="cellpose.yaml")
def cellpose(
    frame, *, weights: str = "cpsam", diameter: float = 0.0, gpu: bool = False, flow: float = 0.4
):
    """Label cells; a diameter of 0 leaves it to the network."""
    masks, *_ = network(weights, gpu).eval(
        frame, diameter=diameter or None, flow_threshold=flow, normalize=True
    )
    return masks
