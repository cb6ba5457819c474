"""Limits of extraction that adapt to the recording, where the config gives none."""

from __future__ import annotations

import math

_SHARE, _FEWEST, _MOST = 0.1, 2, 20


def least_frames(frames: int) -> int:
    """Return in how many frames a cell must be seen, of a recording of `frames` frames.

    It is a tenth of them, at least 2, which leaves out what is found once by mistake, and at most
    20, because cells may divide or leave however long the recording is. It is 1 for a still.
    """
    return min(max(round(_SHARE * frames), _FEWEST), _MOST, max(frames, 1))


def half_cell(cell_diameter: float) -> int:
    """Return half of a cell's diameter in whole pixels, rounded up."""
    return math.ceil(cell_diameter / 2)


def run_extraction(extraction: dict, frames: int, cell_diameter: float | None) -> dict:
    """Return the parameters of extraction with these limits, as far as they are known.

    `border_margin` stays null where no diameter is known: then each field of view takes half of
    the median size of its cells.
    """
    found = dict(extraction)
    if found["min_frames"] is None:
        found["min_frames"] = least_frames(frames)
    if found["border_margin"] is None and cell_diameter is not None:
        found["border_margin"] = half_cell(cell_diameter)
    return found
