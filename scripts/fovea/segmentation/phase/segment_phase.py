"""Segmentation `phase`: cells in phase contrast, every length relative to the cell's diameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from fovea.config.phase_tuning import (
    CONTRASTS,
    MODES,
    NETWORKS,
    SMALLEST_DIAMETER,
    SMALLEST_FOR_NETWORK,
    Tuning,
)
from fovea.kernels import boxes, constant, fields, regions
from fovea.segmentation.guards import note
from fovea.segmentation.padding import filled, segment_recorded

#: Pixels per cell diameter in the coarse image from which the background is estimated.
_COARSE = 3
#: Multiples of `least_rise` and `least_depth` for usual, finer and coarser labels.
_USUAL = (1.0, 1.0)
_LEVELS = (_USUAL, (0.5, 1 / 3), (2.0, 1.0))
#: Area in D² that no cell exceeds; larger regions of one value inside the frame are masked ones.
_LARGEST = 4


def segment_phase(
    frame: np.ndarray,
    *,
    cell_diameter: float,
    mode: str = "adherent",
    contrast: str = "dark",
    weights: str | Path | None = None,
    tuning: Mapping[str, float] = MappingProxyType({}),
) -> np.ndarray:
    """Label the cells of one phase-contrast frame.

    Parameters
    ----------
    frame : (H, W) uint16
        Raw counts. Padding, as `fovea.segmentation.recorded` finds it, counts nowhere.
    cell_diameter : float
        Typical diameter of a cell in pixels: of a disk of its area.
    mode : {"adherent", "network", "general", "dark"}
        ``adherent``: textured cells with halos; ``network``: the same cells by a trained network;
        ``general``: cells with an outline, of most kinds, by another network;
        ``dark``: objects darker than their surroundings, such as bacteria.
    contrast : {"dark", "bright"}
        ``bright``: the frame is inverted first, for cells brighter than their surroundings.
    weights : path or None
        File of a network trained on other frames, for mode ``network``; None for Fovea's own.
    tuning : mapping of str to float, optional
        Values that replace those of the mode's class in `fovea.config.phase_tuning`.

    Returns
    -------
    (H, W) uint16 or uint32
        0 background, 1..N in raster order; uint32 where N exceeds 65,535.

    Raises
    ------
    ValueError
        If frame is not a (H, W) array of uint16 or uint8, mode, contrast or a key of tuning is
        unknown, or cell_diameter is under 4, or under 6 in modes network and general.
    FoveaError
        If the file of weights cannot be read or belongs to a network of another shape.
    """
    return _segmented(
        frame, [_USUAL], cell_diameter=cell_diameter, mode=mode, contrast=contrast, weights=weights,
        tuning=tuning,
    )  # fmt: skip


def segment_phase_levels(frame: np.ndarray, **parameters: Any) -> np.ndarray:
    """Label the cells of a frame three times: as usual, with more and with fewer objects.

    Parameters and errors are as of `segment_phase`. The finer and the coarser labels differ where
    borders between objects are doubtful; only modes with a network have them.

    Returns
    -------
    (3, H, W) or (1, H, W) uint16 or uint32
        The labels of `segment_phase`; and finer and coarser ones, in no particular order, which
        include objects that are too small.
    """
    used = segment_phase.__kwdefaults__ | parameters
    found = _segmented(frame, _LEVELS if used["mode"] in NETWORKS else [_USUAL], **used)
    fits = found.max(initial=0) <= np.iinfo(np.uint16).max
    found = found.astype(np.uint16 if fits else np.uint32, copy=False)
    return found if found.ndim == 3 else found[None]


def _segmented(
    frame: np.ndarray, rises: Sequence[tuple[float, float]], *, cell_diameter: float,
    mode: str, contrast: str, weights: str | Path | None, tuning: Mapping[str, float],
) -> np.ndarray:  # fmt: skip
    if frame.ndim != 2 or frame.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected a (H, W) frame of uint16, got {frame.dtype} {frame.shape}")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if contrast not in CONTRASTS:
        raise ValueError(f"contrast must be one of {', '.join(CONTRASTS)}, got {contrast!r}")
    if not cell_diameter >= SMALLEST_DIAMETER:
        raise ValueError(f"cell_diameter must be at least {SMALLEST_DIAMETER}, got {cell_diameter}")
    if mode in NETWORKS and cell_diameter < SMALLEST_FOR_NETWORK:
        raise ValueError(f"mode {mode} needs a cell_diameter of {SMALLEST_FOR_NETWORK} at least")
    values = tuned(mode, tuning)
    method = partial(
        _labelled, cell_diameter=cell_diameter, mode=mode, contrast=contrast, weights=weights,
        values=values, rises=rises,
    )  # fmt: skip
    return segment_recorded(frame, method, _LARGEST * cell_diameter**2)


def _labelled(
    frame: np.ndarray, valid: np.ndarray | None, *, cell_diameter: float, mode: str, contrast: str,
    weights: str | Path | None, values: Tuning,
    rises: Sequence[tuple[float, float]],
) -> np.ndarray:  # fmt: skip
    """Label the cells of a frame, or of the part of it that was recorded.

    With several `rises`, see `fovea.segmentation.phase.network`, there are further labels, (rises,
    H, W). `valid` (H, W) bool is False where pixels are padding; None stands for True everywhere.
    """
    if contrast == "bright":
        frame = ~frame  # 65535 - value, or 255 - value
    flat = flatten(frame, cell_diameter, valid)
    if mode == "adherent":
        from fovea.segmentation.phase.adherent import label_adherent as method
    elif mode in NETWORKS:
        from fovea.segmentation.phase.network import WEIGHTS, label_network

        method = partial(label_network, weights=weights or WEIGHTS[mode], rises=rises)
    else:
        from fovea.segmentation.phase.dark import label_dark as method
    found = method(flat, cell_diameter, values, valid)
    if valid is not None:
        found[..., ~valid] = 0
    labels = found if found.ndim == 2 else found[0]
    first, areas = regions.first_pixels_and_areas(labels, int(labels.max(initial=0)))
    kept = (areas >= values.min_area * cell_diameter**2) & (areas > 0)
    if areas.any() and not kept.any():
        note("min_area", areas.max() / cell_diameter**2, values.min_area,
             "the area of the largest object, in cell_diameter²,")  # fmt: skip
    labels = boxes.in_raster_order(labels, first, kept)
    return labels if found.ndim == 2 else np.stack([labels, *found[1:]])


def tuned(mode: str, changes: Mapping[str, float]) -> Tuning:
    """Return the parameters of a mode with some of them changed."""
    kind = MODES[mode]
    known = [field.name for field in dataclass_fields(kind)]
    for name in changes:
        if name not in known:
            raise ValueError(f"mode {mode} has no {name!r}; it has {', '.join(known)}")
    return kind(**changes)


def flatten(frame: np.ndarray, cell_diameter: float, valid: np.ndarray | None = None) -> np.ndarray:
    """Subtract the background of a frame (H, W) uint8 or uint16; the result is float32.

    The background is the median over a square of about two diameters, computed from the means of
    blocks of a third of a diameter and interpolated linearly between their centres. Where `valid`
    (H, W) bool is False, pixels count nowhere; they get the values of the nearest valid ones.
    """
    block = max(1, round(cell_diameter / _COARSE))
    if valid is None:
        coarse = fields.median_filter(fields.block_means(frame, block), _COARSE)
        return fields.subtract_coarse(frame, coarse, block)
    means, counts = constant.block_means(frame, valid, block)
    coarse = fields.median_filter(filled(means, counts > 0), _COARSE)
    return filled(fields.subtract_coarse(frame, coarse, block), valid)
