"""A stand-in of PyTorch 2.15, of what plug-ins ask it; FOVEA_GPUS is the number of GPUs."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import numpy as np
from stand_in_events import note

note("import", "torch")

OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})


class device:  # noqa: N801  its name in PyTorch
    """As `torch.device`: a type and an index."""

    def __init__(self, type: str, index: int | None = None):
        self.type, self.index = type, index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


def _gpus() -> int:
    return int(os.environ.get("FOVEA_GPUS", "0"))


def _properties(index: int) -> SimpleNamespace:
    return SimpleNamespace(uuid=f"stand-in-{os.environ.get('FOVEA_STAND_IN_SITE', '')}-{index}")


cuda = SimpleNamespace(
    is_available=lambda: _gpus() > 0,
    device_count=_gpus,
    get_device_properties=_properties,
    get_device_name=lambda device: "Stand-in",
    set_device=lambda index: time.sleep(0),
)
backends = SimpleNamespace(
    mps=SimpleNamespace(is_available=lambda: os.environ.get("FOVEA_MPS") == "1")
)


def load(file, map_location=None, weights_only=None):
    """Return a state: arrays of the shapes that a JSON file names; ValueError for another file."""
    assert weights_only
    with open(file, encoding="utf-8") as opened:
        return {name: np.zeros(shape) for name, shape in json.load(opened).items()}
