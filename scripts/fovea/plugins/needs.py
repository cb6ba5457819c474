"""What a plug-in's method needs of the workflow: packages, a GPU, memory, time, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What a method needs beside its parameters.

    `fovea.plugins.segmentation` explains each, `fovea.plugins.tracking` the images.
    """

    conda: str | None = None
    gpu: bool | Callable[[dict], bool] = False
    memory: int = 0
    seconds: float | Callable[[dict], float] = 0.0
    check: Callable[[dict], str | None] | None = None
    prepare: Callable[[dict], dict] | None = None
    images: bool = False

    def of(self, key: str, parameters: dict) -> bool | float:
        """Return `gpu` or `seconds` for these parameters."""
        value = getattr(self, key)
        return value(parameters) if callable(value) else value
