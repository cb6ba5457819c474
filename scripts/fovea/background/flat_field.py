"""Flat field: uneven illumination of a fluorescence channel, from the recording or an image.

It is a gain g(y, x) of mean 1: counts above the camera's dark counts are g times those of an even
field. To estimate it from the recording itself is the idea of BaSiC (Peng et al. 2017, Nature
Communications 8, 14836); here it is a smooth surface through tile medians instead of a low-rank
and sparse decomposition.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from fovea.background.gains import write_gain
from fovea.background.spline_grid import cover
from fovea.background.tiles import TileGrid
from fovea.errors import FoveaError

FRAMES = 96  # number of frames that are read, spread over all fields of view
_DEGREE = 4  # of the polynomial in y and x
_LOWEST = 0.05  # smallest gain relative to its mean; dividing by less would amplify noise
_TILES = 16  # along the longer side
_SMALLEST_TILE = 16  # pixels
_FINEST = 0.01  # residuals below this are no outliers: the polynomial is not exact either

_LOG = logging.getLogger("fovea")


def log_ratios(frame: np.ndarray, dark: float = 0.0) -> np.ndarray | None:
    """Logarithms of the tile medians of a frame less `dark`, relative to their median.

    The frame is (H, W) uint16, the result (ny, nx) float64, or None where a tile is not above
    `dark`.
    """
    values, _ = tiles(frame.shape).values(frame, cover(None, frame.shape, 0))
    if (values <= dark).any():
        return None
    logs = np.log(values - dark)
    return logs - np.median(logs)


def tiles(shape: tuple[int, int]) -> TileGrid:
    """The tiles, 16 along the longer side of a frame, of at least 16 pixels."""
    size = max(_SMALLEST_TILE, -(-max(shape) // _TILES))
    return TileGrid(tuple(shape), size, rounding_error=0.0, tile_overlap=0.0)


def middle_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of values along the first axis: (N, ...) float64 to (...)."""
    cut = len(values) // 4
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)


def smooth_gain(ratios: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The gain at every pixel, (H, W) float64 of mean 1: a smooth surface through `log_ratios`.

    The gain or its logarithm is a polynomial of total degree 4 in y and x, whichever fits better:
    the former suits a quadratic decrease towards the corners, the latter a Gaussian beam. The fit
    is by iteratively reweighted least squares (Huber's weights, then Tukey's), so that tiles which
    hold cells in most frames have no influence.
    """
    grid = tiles(shape)
    y, x = (_scaled(c, n) for c, n in zip(grid.nodes, shape, strict=True))
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)
              if i < len(y) and j < len(x)]  # fmt: skip
    design = np.stack([np.multiply.outer(y**i, x**j).ravel() for i, j in powers], axis=1)
    target = ratios.ravel()
    of_log, of_gain = _robust_fit(design, target), _robust_fit(design, np.exp(target))
    linear = _misfit(np.log(np.maximum(design @ of_gain, 1e-9)) - target)
    found = of_gain if linear < _misfit(design @ of_log - target) else of_log
    table = np.zeros((_DEGREE + 1, _DEGREE + 1))
    table[tuple(np.transpose(powers))] = found
    rows, columns = (_scaled(np.arange(n), n) for n in shape)
    surface = np.polynomial.polynomial.polygrid2d(rows, columns, table)
    gain = np.exp(surface) if found is of_log else surface
    return gain / gain.mean()


def _robust_fit(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Coefficients of a linear fit that is robust against outliers."""
    weights = np.ones(len(target))
    for turn in range(30):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        rest = np.abs(target - design @ found)
        scale = max(1.4826 * float(np.median(rest)), _FINEST)
        if turn < 15:
            weights = np.minimum(1, 1.345 * scale / np.maximum(rest, 1e-300))
        else:
            weights = np.maximum(0, 1 - (rest / (4.685 * scale)) ** 2) ** 2
    return found


def _misfit(rest: np.ndarray) -> float:
    """Mean squared residual of a surface, limited for each tile because some hold cells."""
    return float((np.minimum(np.abs(rest), 5 * _FINEST) ** 2).mean())


def _scaled(places: np.ndarray, length: int) -> np.ndarray:
    """Positions along an axis in pixels, mapped to -1 .. 1."""
    return (np.asarray(places, float) - (length - 1) / 2) / (length / 2)


def estimate_gain(frames: Iterable[np.ndarray], dark: float = 0.0) -> tuple[np.ndarray, int]:
    """The gain of a channel from frames (H, W) uint16 of any fields of view.

    Returns the gain, (H, W) float32, positive and of mean 1, and the number of frames that could be
    used. It is a FoveaError if the background of most frames is not above `dark`, the counts
    without light, or if the gain is too uneven.
    """
    tried = [(log_ratios(frame, dark), frame.shape) for frame in frames]
    found = [ratios for ratios, _ in tried if ratios is not None]
    if 2 * len(found) <= len(tried):
        raise FoveaError(
            f"the background of {len(tried) - len(found)} of {len(tried)} frames does not exceed "
            f"the camera's dark counts everywhere; correct params.flat_field.dark ({dark:g}), or "
            "give an image of the flat field (method: image)"
        )
    gain = smooth_gain(middle_mean(np.array(found)), tried[-1][1])
    return checked(gain, "the recording"), len(found)


def checked(gain: np.ndarray, what: str) -> np.ndarray:
    """The gain as float32, of mean 1.

    It is a FoveaError if it is not finite, or anywhere below a twentieth of its mean.
    """
    mean = float(gain.mean()) if np.isfinite(gain).all() else 0.0
    if mean <= 0 or float(gain.min()) < _LOWEST * mean:
        y, x = np.unravel_index(int(np.argmin(gain)), gain.shape)
        share = f"{gain.min() / mean:.3g} of the mean" if mean > 0 else "no number above 0"
        raise FoveaError(
            f"the flat field of {what} cannot be divided by: it is {share} at row {y}, column {x}; "
            f"at least {_LOWEST:g} is needed; check the image and params.flat_field.dark"
        )
    return (gain / mean).astype(np.float32)


def gain_of_image(path: str | Path, dark: float = 0.0) -> np.ndarray:
    """The gain from an image of an evenly fluorescent field, (H, W) float32; pages are averaged.

    It is a FoveaError if the image cannot be read, or is not positive everywhere after subtracting
    `dark`.
    """
    import tifffile

    try:
        image = tifffile.imread(path)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise FoveaError(f"{path}: cannot be read as a TIFF image ({error})") from error
    if image.ndim < 2 or image.dtype.kind not in "uif":
        raise FoveaError(f"{path}: {image.dtype} of {image.shape} is no image of numbers")
    image = image.reshape(-1, *image.shape[-2:]).mean(axis=0, dtype=np.float64)
    return checked(image - dark, str(path))


def flat_field(
    target: str | Path,
    parameters: dict,
    channel: int,
    source: Any = None,
    z: int | str = 0,
    metadata: dict | None = None,
    image: str | Path | None = None,
    log: logging.Logger = _LOG,
) -> None:
    """Write the gain of a channel, given by its index, as a TIFF image, (H, W) float32, of mean 1.

    The parameters are ``method`` and ``dark``, in counts. Method ``"recording"`` needs `source`,
    `z` and `metadata`: the recording, the plane, and what inspect found. Method ``"image"`` needs
    `image`.
    """
    dark = float(parameters["dark"])
    if parameters["method"] == "image":
        gain = gain_of_image(image, dark)
        log.info("from %s, dark counts %g", image, dark)
    else:
        frames = sampled(source, channel, z, metadata, log)
        gain, used = estimate_gain(frames, dark)
        log.info("from %d frames, dark counts %g", used, dark)
    log.info("gain of channel %d: %.3f to %.3f of the mean", channel, gain.min(), gain.max())
    write_gain(target, gain)


def sampled(source, channel: int, z, metadata, log: logging.Logger) -> Iterator[np.ndarray]:
    """Read frames of a channel, spread evenly over all fields of view of the most common size.

    They come from the whole recording, not only from the fields of view that are processed, so
    that another choice of these does not change the gain. A field of view that cannot be read is
    left out, with a warning, and so is one in which the channel was not recorded.
    """
    from fovea.recordings.fingerprint import same_recording
    from fovea.recordings.readers import open_recording

    with (
        same_recording(source, metadata, log),
        open_recording(source, metadata=metadata) as recording,
    ):
        fields = [field for field in recording.info.fields if len(field.frames_of(channel))]
        sizes = [(field.height, field.width) for field in fields]
        usual = max(sizes, key=sizes.count, default=None)
        if usual is None:
            raise FoveaError(f"{recording.source}: there is no frame to tell the flat field from")
        fields = [field for field, size in zip(fields, sizes, strict=True) if size == usual]
        places = [(field.index, i) for field in fields for i in field.frames_of(channel)]
        chosen = np.unique(np.linspace(0, len(places) - 1, FRAMES).round().astype(int))
        read = 0
        for fov, wanted in groupby((places[k] for k in chosen.tolist()), itemgetter(0)):
            numbers = [i for _, i in wanted]
            try:
                for (plane,) in recording.frames(fov, [channel], z, only=numbers):
                    yield plane.astype(np.uint16, copy=False)
                    read += 1
            except FoveaError as error:
                log.warning("field of view %d is left out of the flat field: %s", fov, error)
        if not read:
            raise FoveaError(f"{recording.source}: no frame could be read for the flat field")
