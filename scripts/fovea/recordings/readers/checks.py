"""Checks of recordings and the error lines that readers share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fovea.errors import FoveaError

DTYPES = ("uint8", "uint16")
Result = TypeVar("Result")


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


def for_each(files: Sequence[str], look: Callable[[str], Result]) -> list[Result]:
    """Return the result of `look` for every file.

    If it fails for any, raise the error of the first one, followed by the names of the others.
    """
    found, failed = [], []
    for file in files:
        try:
            found.append(look(file))
        except FoveaError as error:
            failed.append((file, error))
    if len(failed) > 1:
        others = ", ".join(file for file, _ in failed[1:6]) + (", ..." if len(failed) > 6 else "")
        raise FoveaError(
            f"{failed[0][1]}; {len(failed) - 1} more of the {len(files)} files cannot be used: "
            f"{others}"
        ) from failed[0][1]
    if failed:
        raise failed[0][1]
    return found


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


def check_pixels(source: str, dtype: object, height: int, width: int) -> str:
    """Return the name of a pixel type, or raise FoveaError unless it is uint8 or uint16.

    Planes without pixels are a FoveaError, too.
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
