"""Make the labels of consecutive frames agree: splits, merges and holes that do not last.

A cell does not become two and one again, and two cells do not become one. Where a frame says so,
its neighbours in time, and coarser and finer segmentations of the frame itself, decide:

- Objects where one object was before are joined if a coarser segmentation does not part them, or if
  they are one object again in most of the next frames. Daughters of a cell that divides are parted
  in the coarser segmentation, too, and stay two.
- An object where several were before is parted along the borders of a finer segmentation or, if
  there are several again in one of the next frames, half-way between these and those before.
- A hole where an object was before, and is again in one of the next frames, gets the pixels that
  both have.

Only `WINDOW` frames are looked ahead, and one back, so that memory does not grow with the
recording. As the frame before is one that was repaired already, what is certain once holds as long
as the finer and the coarser segmentation allow (hysteresis, Canny 1986, IEEE Transactions on
Pattern Analysis and Machine Intelligence 8, 679, in time instead of space).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from fovea.segmentation.repair import Decision, Frame, repair

WINDOW = 3  # frames that are looked ahead


def consistent(
    frames: Iterable[Frame], window: int = WINDOW
) -> Iterator[tuple[np.ndarray, list[Decision]]]:
    """Yield the labels of frames that agree with their neighbours, and what was decided.

    Parameters
    ----------
    frames : iterable of Frame
        In the order of time; `window` + 1 of them are held.
    window : int
        Frames that are looked ahead.

    Yields
    ------
    labels : (H, W) uint16 or uint32
        0 background, 1..N; in raster order where something was changed, else those of the frame.
    decisions : list of (str, int)
        What was done, one of `fovea.segmentation.repair.KINDS`, and the
        label of each object that came of it.
    """
    source = iter(frames)
    held = deque(islice(source, window + 1))
    if not held:
        return
    # What is true in the first frame is told by the next ones, in the reverse order of time.
    known, decisions = held[-1], []
    for i in reversed(range(len(held) - 1)):
        known, decisions = repair(known, held[i], [held[j] for j in reversed(range(i))])
    yield known.labels, decisions
    held.popleft()
    held.extend(islice(source, 1))
    while held:
        known, decisions = repair(known, held[0], list(held)[1:])
        yield known.labels, decisions
        held.popleft()
        held.extend(islice(source, 1))
