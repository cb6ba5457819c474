"""Display levels ``1`` of all image arrays."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from fovea.background.stored import StoredBackground
from fovea.jobs.log import progress
from fovea.jobs.threads import ordered_map
from fovea.kernels import display as kernels
from fovea.store.format import COUNTS, LABELS
from fovea.store.groups import provenance
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter
from fovea.tracking.drift import compensate, read_drift

_LOG = logging.getLogger("fovea")


def cache(
    groups: Sequence[str | Path],
    threads: int = 1,
    log: logging.Logger = _LOG,
    drift: str | Path | None = None,
) -> None:
    """Write the display level of each channel group: ``1`` (T, ceil(H / 2), ceil(W / 2)) uint8.

    It lies beside the array ``0``. The number of threads does not change the result. With `drift`,
    the table of the drift, the display level is corrected for it. It lacks the frames that the
    array lacks.
    """
    for group in map(Path, groups):
        with ExitStack() as stack:
            frames = images = stack.enter_context(ArrayReader(group / "0"))
            moved = None if drift is None else read_drift(drift, len(frames))
            present = frames.present.tolist()
            known = frames.attributes["fovea"]
            if "largest_label" in known:
                scale, codec = {"largest_label": known["largest_label"]}, LABELS
                reduce = partial(downsample_labels, largest=known["largest_label"])
            else:
                low, high = known["display_limits"]
                scale, codec = {"display_limits": [low, high]}, COUNTS
                reduce = partial(downsample_intensity, low=low, high=high)
            if "tile_medians" in known:
                # evaluating a background takes less than reading it back, and gives the same
                images = stack.enter_context(StoredBackground(group))
            if moved is not None:
                source = map(compensate, images.recorded(), moved[present])
            elif images is not frames:
                reduce = partial(images.grid.level, low=low, high=high)
                source = map(images.coefficients, present)
            else:
                source = frames.recorded()
            options = {} if moved is None else {"drift": True}
            about = provenance("cache", options, unit="display level 0..255", source="0", **scale)
            shape = len(frames), *((n + 1) // 2 for n in frames.shape[1:])
            out = stack.enter_context(
                ArrayWriter(group / "1", shape, "uint8", about, codec, missing=frames.missing)
            )
            for small in progress(ordered_map(reduce, source, threads), len(present), log):
                out.append(small)
        log.info("%s: shown as 0..255: %s", group.name, scale)


def downsample_intensity(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    """Display level, (ceil(H / 2), ceil(W / 2)) uint8, of counts (H, W), uint16 or float32.

    `low` and `high` are the counts shown as 0 and as 255.
    """
    out = np.empty(((frame.shape[0] + 1) // 2, (frame.shape[1] + 1) // 2), np.uint8)
    kernels.halve_intensity(frame, low, high, out)
    return out


def downsample_labels(labels: np.ndarray, largest: int) -> np.ndarray:
    """Display level, (ceil(H / 2), ceil(W / 2)) uint8, of labels (H, W).

    `largest` is the largest label of the whole stack, shown as 255.
    """
    out = np.empty(((labels.shape[0] + 1) // 2, (labels.shape[1] + 1) // 2), np.uint8)
    kernels.halve_labels(labels, max(int(largest), 1), out)
    return out
