"""A few frames of one channel, spread over the fields of view and the time of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fovea.errors import FoveaError

if TYPE_CHECKING:
    import numpy as np

    from fovea.recordings.readers.base import Recording

#: Pixels that are looked at, and the least and the largest number of frames.
PIXELS, FEWEST, MOST = 2_500_000, 3, 8


@dataclass(frozen=True)
class Sampled:
    """A frame, and where it comes from."""

    fov: int
    frame: int  # among the frames of the field that exist, from 0
    image: np.ndarray  # (H, W) uint16


def sample_frames(
    recording: Recording, channel: int, z: int | str = 0, count: int | None = None
) -> list[Sampled]:
    """Read frames of a channel: from different fields of view, early ones and late ones.

    Early frames may still be empty, and single fields of view, too; hence both are spread. Frames
    of one brightness only show nothing and are left out, as are those that cannot be read.

    Parameters
    ----------
    recording : Recording
        Open.
    channel : int
        Its index.
    z : int, "max" or "mean"
        As `z` in the config.
    count : int, optional
        Number of frames; without it such that they have 2.5 megapixels, but 3 to 8 frames.

    Raises
    ------
    FoveaError
        If the channel has frames and none of them can be read.
    """
    import numpy as np

    fields = [field for field in recording.info.fields if len(field.frames_of(channel))]
    if not fields:
        return []
    if count is None:
        count = int(np.clip(PIXELS // (fields[0].height * fields[0].width), FEWEST, MOST))
    found, failed = [], None
    for field, share in _places(fields, count):
        known = field.frames_of(channel)
        frame = known[round(share * (len(known) - 1))]
        if any(s.fov == field.index and s.frame == frame for s in found):
            continue
        try:
            image = next(recording.frames(field.index, [channel], z, [frame]))[0]
        except FoveaError as error:
            failed = error
            continue
        if image is not None and image.min() < image.max():
            found.append(Sampled(field.index, frame, image.astype(np.uint16, copy=False)))
    if failed is not None and not found:
        raise failed
    return found


def _places(fields: list, count: int) -> Iterator[tuple]:
    """Yield fields of view and shares of their time, from 0 to 1, so that both are spread."""
    steps = [i / (count - 1) for i in range(count)] if count > 1 else [0.5]
    # Neighbouring fields of view get distant times.
    order = steps[0::2] + steps[1::2][::-1] if len(fields) > 1 else steps
    for where, when in zip(steps, order, strict=True):
        yield fields[round(where * (len(fields) - 1))], when
