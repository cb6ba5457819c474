"""Display levels ``1`` of all image arrays."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from fovea.background.stored import StoredBackground
from fovea.jobs.log import progress
from fovea.jobs.threads import ordered_map
from fovea.store.arrays import COUNTS, LABELS, ArrayReader, ArrayWriter
from fovea.store.levels import downsample_intensity, downsample_labels, percentile_limits
from fovea.store.ngff import provenance
from fovea.tracking.drift import compensate, read_drift

__all__ = ["cache", "downsample_intensity", "downsample_labels", "percentile_limits"]

_LOG = logging.getLogger("fovea")


def cache(
    groups: Sequence[str | Path],
    threads: int = 1,
    log: logging.Logger = _LOG,
    drift: str | Path | None = None,
) -> None:
    """Write the display level of each channel group.

    Parameters
    ----------
    groups : sequence of path
        Channel groups; ``1`` (T, ceil(H / 2), ceil(W / 2)) uint8 is written beside their ``0``.
    threads : int
        Frames computed side by side; does not change the result.
    drift : path or None
        Table of the drift, which is taken out of what is shown; None shows frames as they are.
    """
    for group in map(Path, groups):
        with ArrayReader(group / "0") as frames:
            moved = None if drift is None else read_drift(drift, len(frames))
            _cache_array(group, frames, moved, threads, log)


def _cache_array(group: Path, frames: ArrayReader, moved, threads: int, log) -> None:
    known = frames.attributes["fovea"]
    if "largest_label" in known:
        largest = known["largest_label"]
        scale, codec = {"largest_label": largest}, LABELS
        reduce = partial(downsample_labels, largest=largest)
    else:
        low, high = known["display_limits"]
        scale, codec = {"display_limits": [low, high]}, COUNTS
        reduce = partial(downsample_intensity, low=low, high=high)
    height, width = frames.shape[1:]
    shape = (len(frames), (height + 1) // 2, (width + 1) // 2)
    about = provenance(
        "cache",
        {} if moved is None else {"drift": True},
        unit="display level 0..255",
        source="0",
        **scale,
    )
    with ExitStack() as stack:
        source = frames
        if "tile_medians" in known:
            # evaluating a background takes less than reading it back, and gives the same
            stored = stack.enter_context(StoredBackground(group))
            if moved is None:
                source = map(stored.coefficients, range(len(stored)))
                reduce = partial(stored.grid.level, low=low, high=high)
            else:
                source = stored
        out = stack.enter_context(ArrayWriter(group / "1", shape, "uint8", about, codec))
        if moved is not None:
            source = map(compensate, source, moved)
        for small in progress(ordered_map(reduce, source, threads), len(frames), log):
            out.append(small)
    log.info("%s: shown as 0..255: %s", group.name, scale)
