"""A tracking method: Trackastra, https://github.com/weigertlab/trackastra (version 0.5.6).

docs/plugins/README.md says how to use it. Trackastra is imported by the jobs that track, not when
the configuration is read. It takes images and labels as whole arrays. As a link depends on a few
frames around it, the recording is given to it in overlapping pieces, each with all frames that
decide on its links, and so 1000 frames need no more memory than `frames` of them.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Literal

from fovea.plugins import (
    FoveaError,
    device_name,
    linked,
    made_once,
    package,
    torch_device,
    tracking,
)  # fmt: skip

LOG = logging.getLogger("fovea")
REQUIREMENT = "trackastra==0.5.6"

#: Networks that Trackastra fetches by their names; any other is a folder.
MODELS = ("general_2d", "ctc")
#: What a network's folder holds.
FILES = ("model.pt", "config.yaml", "train_config.yaml")


def weights(model: str, folder: str | None) -> Path:
    """Return the folder of a network; it is fetched, by one job, where it is not there yet."""
    if model not in MODELS:
        if problem_of_model(model):
            raise FoveaError(problem_of_model(model))
        return Path(model)
    usual = Path.home() / ".trackastra" / "models"
    place = Path(folder or usual).absolute() / model

    def fetch() -> None:
        pretrained = package("trackastra.model.pretrained", REQUIREMENT)
        with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
            pretrained.download_pretrained(model, Path(temporary))
            for name in reversed(FILES):  # the file that is waited for is there last
                os.replace(Path(temporary) / model / name, place / name)

    return made_once(place / FILES[0], fetch).parent


def problem_of_model(model: str) -> str | None:
    missing = [name for name in FILES if not (Path(model) / name).is_file()]
    if model in MODELS or not missing:
        return None
    return (
        f"model: there is no file {missing[0]} in a folder {model}; allowed: {', '.join(MODELS)}, "
        "or a folder that Trackastra's training has made"
    )


def problem(parameters: dict) -> str | None:
    """Say what is wrong with the parameters, before any job starts."""
    if parameters["frames"] < 2:
        return "frames: allowed: a whole number of at least 2"
    return problem_of_model(parameters["model"])


def prepare(parameters: dict) -> dict:
    """Fetch the weights before the first field of view is tracked."""
    package("trackastra", REQUIREMENT)
    file = weights(parameters["model"], parameters["weights_folder"]) / FILES[0]
    return {"package": f"trackastra {version('trackastra')}", "weights": str(file),
            "bytes": file.stat().st_size}  # fmt: skip


@lru_cache(maxsize=1)
def network(folder: Path, device: str):
    """Return the network of a folder, loaded once per process, on a GPU where there is one."""
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")  # Trackastra uses no MPS without it
    chosen = torch_device(device)  # the GPU that is PyTorch's current one, if it is one
    api = package("trackastra.model", REQUIREMENT)
    try:
        found = api.Trackastra.from_folder(folder, device=chosen.type)
    except Exception as error:
        raise FoveaError(
            f"{folder}: Trackastra cannot load this network ({type(error).__name__}); it is "
            "damaged, or of another version; delete the folder to fetch it again"
        ) from error
    LOG.info("trackastra %s: network %s on %s", version("trackastra"), folder, device_name(chosen))
    return found


def pieces(filled: list[bool], frames: int, around: int) -> Iterator[tuple[range, slice]]:
    """Yield frames whose links to the next frame are wanted, and the frames to give to Trackastra.

    `filled` says which frames hold any object: no link crosses one without. A link of frames t and
    t + 1 depends on all runs of `around` frames that hold both, so on `around` - 2 frames before
    and after. A piece has `frames` frames at most, or as many as are needed for one link.
    """
    links = max(1, frames - 2 * around + 3)
    for full, run in groupby(range(len(filled)), filled.__getitem__):
        begin, *more = run
        end = begin + len(more) + 1
        for first in range(begin, end - 1, links) if full else ():
            last = min(first + links, end - 1)
            yield range(first, last), slice(max(begin, first + 2 - around),
                                            min(end, last + around - 1))  # fmt: skip


@tracking(
    "trackastra",
    conda="trackastra.yaml",
    images=True,
    gpu=lambda parameters: parameters["device"] != "cpu",
    memory=5000,
    seconds=lambda parameters: 30 if parameters["device"] == "cpu" else 5,
    check=problem,
    prepare=prepare,
)
@dataclass
class Trackastra:
    """Link objects by what a network sees of their places, shapes and brightness.

    Cells that are missed in a frame get another ID afterwards, as Trackastra links consecutive
    frames only.
    """

    model: str = "general_2d"
    mode: Literal["greedy", "greedy_nodiv", "ilp"] = "greedy"
    max_distance: int = 256
    frames: int = 32
    batch_size: int | None = None
    drift: bool = True
    device: Literal["auto", "gpu", "cpu"] = "auto"
    weights_folder: str | None = None

    def link(self, labels, images):
        return linked(labels, self.edges(labels, images), self.drift)

    def edges(self, labels, images):
        """Yield (frame, label) of objects and of those that they go on as."""
        found = network(weights(self.model, self.weights_folder), self.device)
        around = found.transformer.config["window"]
        filled = [bool(labels[t].any()) for t in range(len(labels))]
        for wanted, piece in pieces(filled, self.frames, around):
            graph = self.graph(found, images[piece], labels[piece])
            for ends in graph.edges:
                one, two = (
                    (piece.start + int(graph.nodes[node]["time"]), int(graph.nodes[node]["label"]))
                    for node in ends
                )
                if one[0] in wanted:
                    yield one, two

    def graph(self, found, images, labels):
        """Let Trackastra track a piece of the recording."""
        try:
            return found.track(
                images, labels, mode=self.mode, max_distance=self.max_distance,
                batch_size=self.batch_size, progbar_class=lambda steps, **_: steps,
            )[0]  # fmt: skip
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            raise FoveaError("the memory of the GPU is too small; set batch_size: 1") from error
