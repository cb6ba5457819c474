"""A stand-in of `trackastra.model` 0.5.6; it links what is nearest, and lets objects divide."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from scipy.ndimage import center_of_mass
from scipy.spatial.distance import cdist
from stand_in_events import note

WINDOW = 4


class Trackastra:
    def __init__(self, transformer, train_args, device=None, batch_size=None):
        assert device in ("cuda", "mps", "cpu"), "the real one knows no others"
        self.transformer, self.device = transformer, device

    @classmethod
    def from_folder(cls, dir, device=None, checkpoint_path=None, **kwargs):
        if (dir / "model.pt").read_text() != "weights":
            raise RuntimeError("invalid header or archive is corrupted")
        assert (dir / "config.yaml").is_file()
        assert (dir / "train_config.yaml").is_file()
        note("load", dir, device)
        return cls(SimpleNamespace(config={"window": WINDOW}), {}, device, **kwargs)

    def track(
        self, imgs, masks, mode="greedy", normalize_imgs=True, progbar_class=None, n_workers=0,
        batch_size=None, max_distance=256, **kwargs,
    ):  # fmt: skip
        assert isinstance(imgs, np.ndarray)
        assert isinstance(masks, np.ndarray)
        assert imgs.shape == masks.shape
        assert imgs.dtype == np.uint16
        if len(masks) < 2:
            raise ValueError(f"Need at least 2 frames for tracking, got {len(masks)}.")
        if not all(frame.any() for frame in masks):
            raise ValueError("Cannot track frames without objects")
        if (batch_size or 1) > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        note("start", self.device, len(masks), mode, batch_size, max_distance)
        time.sleep(0.05)
        graph = SimpleNamespace(nodes={}, edges=[])  # as a graph of networkx has them
        before = None
        for t, frame in enumerate(progbar_class(masks, total=len(masks), desc="Linking")):
            names = np.unique(frame[frame > 0])
            centres = np.array(center_of_mass(np.ones(frame.shape), frame, names))
            if before is not None:
                self._link(graph, t, before, (names, centres), mode, max_distance)
            before = names, centres
        note("end", self.device)
        return graph, masks

    @staticmethod
    def _link(graph, t, before, here, mode, max_distance):
        """Nodes have numbers of their own, and those without any edge are none, as in real ones."""
        most, used = (1 if mode == "greedy_nodiv" else 2), Counter()
        far = cdist(here[1], before[1])
        for i in np.argsort(far.min(axis=1), kind="stable"):
            j = int(far[i].argmin())
            if far[i, j] <= max_distance and used[j] < most:
                used[j] += 1
                ends = (t - 1, before[0][j]), (t, here[0][i])
                names = [1000 * time_ + int(label) for time_, label in ends]
                for name, (time_, label) in zip(names, ends, strict=True):
                    graph.nodes[name] = {"time": time_, "label": label}
                graph.edges.append(tuple(names))


def folder_of(path: Path) -> None:
    """Write the files of a network."""
    path.mkdir(parents=True)
    for name, text in (("model.pt", "weights"), ("config.yaml", ""), ("train_config.yaml", "")):
        (path / name).write_text(text)
