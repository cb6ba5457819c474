"""Checks of recordings and the error lines that readers share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fovea.errors import FoveaError

if TYPE_CHECKING:
    import numpy as np

DTYPES = ("uint8", "uint16")
MOST_PIXELS = 2**29  #: of a plane: 1 GB of 16 bits; steps hold a few planes


@contextlib.contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn any exception that a damaged file causes into one line that names the file."""
    try:
        yield
    except FoveaError:
        raise
    except Exception as error:
        raise FoveaError(
            f"{source}: cannot be read ({brief(error)}); it is damaged, or of a kind that Fovea "
            "does not know; copy it again from the microscope, or export it as OME-TIFF"
        ) from error


def all_unusable(files: Sequence[str], errors: Sequence[FoveaError]) -> FoveaError:
    """Return the error where no file of several can be used; `errors` has one for each."""
    if len(errors) < 2:
        return errors[0]
    others = ", ".join(files[1:6]) + (", ..." if len(files) > 6 else "")
    return FoveaError(
        f"{errors[0]}; none of the {len(files)} files can be used; the others are: {others}"
    )


def brief(error: BaseException) -> str:
    """Return an error in one short line."""
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def list_channels(names: Sequence[str]) -> str:
    """Name all channels for a message: ``0 "PC", 1 "GFP"``."""
    return ", ".join(f'{index} "{name}"' for index, name in enumerate(names)) or "no channel"


def check_channel(source: str, names: Sequence[str], channel: int) -> None:
    """Raise FoveaError unless there is a channel of this index."""
    if not 0 <= channel < len(names):
        raise FoveaError(
            f"{source}: there is no channel {channel}; the input has {list_channels(names)}; "
            "correct `channels` in the config"
        )


def channel_names(names: Sequence[str | None], count: int) -> list[str]:
    """Fill unnamed channels with ``"Channel <index>"``."""
    names = [*names, *([None] * count)][:count]
    return [" ".join((name or "").split()) or f"Channel {i}" for i, name in enumerate(names)]


def places_of(
    names: Sequence[str | None], count: int, all_names: Sequence[str | None], all_count: int
) -> list[int | None] | None:
    """Find the channels of a field of view among those of its recording.

    Names tell, where every channel has one of its own. Returns for each of the recording's
    `all_count` channels its index among the field's `count` channels, or None where the field
    lacks it; None if there are fewer and names do not tell which.
    """
    own, known = list(names)[:count], list(all_names)[:all_count]
    distinct = (len(set(filter(None, own))), len(set(filter(None, known)))) == (count, all_count)
    if distinct and set(own) <= set(known):
        return [own.index(name) if name in own else None for name in known]
    return list(range(count)) if count == all_count else None


def spread(values: np.ndarray, places: Sequence[int | None], axis: int = 0) -> np.ndarray:
    """Return values per channel of a field as values per channel of its recording.

    `places` are as `places_of` gives them. Where the field lacks a channel, flags are False and
    numbers nan.
    """
    import numpy as np

    fill = False if values.dtype == bool else np.nan
    lacking = np.full_like(values.take(0, axis=axis), fill)
    found = [lacking if p is None else values.take(p, axis=axis) for p in places]
    return np.stack(found, axis=axis)


def check_pixels(source: str, dtype: object, height: int, width: int) -> str:
    """Return the name of a pixel type, or raise FoveaError unless it is uint8 or uint16.

    Planes without pixels, or with more than any camera has, are a FoveaError, too.
    """
    import numpy as np

    name = np.dtype(dtype).name
    if name not in DTYPES:
        raise FoveaError(
            f"{source}: its pixels are {name}; Fovea reads unsigned integers of 8 or 16 bits "
            "(uint8, uint16); save the images as 16 bit"
        )
    if height < 1 or width < 1:
        raise FoveaError(
            f"{source}: its planes are {height} x {width} pixels, so there is nothing to read; "
            "export the recording again"
        )
    if height * width > MOST_PIXELS:
        raise FoveaError(
            f"{source}: its planes are {height} x {width} pixels by its own account, and Fovea "
            f"reads up to {MOST_PIXELS:,}; if that is no error, export it in parts"
        )
    return name


def rgb_error(source: str) -> FoveaError:
    """Return the error for colour images."""
    return FoveaError(
        f"{source}: its images are RGB colour; Fovea needs one intensity per pixel and channel; "
        "export each channel as its own 8 or 16 bit greyscale image"
    )


def nothing_complete(source: str) -> FoveaError:
    """Return the error for recordings without a single complete frame."""
    return FoveaError(
        f"{source}: not one complete frame is in it; the file is cut off or the acquisition "
        "stopped at once; copy it again from the microscope"
    )
