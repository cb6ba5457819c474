"""Scores of labels against a reference: SEG, F1 and IoU of the foreground.

SEG is defined by the Cell Tracking Challenge: the mean over all reference objects of their
intersection over union with the object that covers more than half of them, 0 where none does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Match:
    """Objects of one frame of the reference (R of them) and of the result (S)."""

    reference: np.ndarray  # (R,) int64, labels, ascending
    result: np.ndarray  # (S,) int64
    reference_area: np.ndarray  # (R,) int64, pixels
    result_area: np.ndarray  # (S,) int64
    #: (R,) int64, index into `result` of the object that covers more than half of the reference
    #: object, -1 where there is none.
    partner: np.ndarray
    iou: np.ndarray  # (R,) float64, intersection over union with the partner, 0 without one
    foreground_iou: float  # of all objects together; 1 where both are empty

    @property
    def hits(self) -> int:
        """Number of reference objects whose intersection over union exceeds 0.5."""
        return int((self.iou > 0.5).sum())


def match_frame(reference: np.ndarray, result: np.ndarray) -> Match:
    """Match the objects of a frame, two arrays of labels (H, W) unsigned integer, 0 background."""
    if reference.shape != result.shape:
        raise ValueError(f"the reference is {reference.shape}, the result {result.shape}")
    upper, lower = (labels.ravel().astype(np.uint64) for labels in (reference, result))
    keys, shared = np.unique((upper << np.uint64(32)) | lower, return_counts=True)
    left = (keys >> np.uint64(32)).astype(np.int64)
    right = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    names, i = np.unique(left[left > 0], return_inverse=True)
    others, j = np.unique(right[right > 0], return_inverse=True)
    reference_area = np.bincount(i, shared[left > 0], len(names)).astype(np.int64)
    result_area = np.bincount(j, shared[right > 0], len(others)).astype(np.int64)
    partner = np.full(len(names), -1)
    iou = np.zeros(len(names))
    both = (left > 0) & (right > 0)
    r, s = np.searchsorted(names, left[both]), np.searchsorted(others, right[both])
    most = 2 * shared[both] > reference_area[r]
    r, s, common = r[most], s[most], shared[both][most]
    partner[r] = s
    iou[r] = common / (reference_area[r] + result_area[s] - common)
    union = int(shared[(left > 0) | (right > 0)].sum())
    foreground = shared[both].sum() / union if union else 1.0
    return Match(names, others, reference_area, result_area, partner, iou, float(foreground))


def segmentation_scores(matches: list[Match]) -> dict[str, float]:
    """Compute the scores of all frames together, NaN where the reference has no cell.

    ``F1`` is at an intersection over union of 0.5, ``foreground_IoU`` the mean over frames;
    ``SEG_frames_mean`` and ``SEG_frames_sd`` are of the SEG of single frames.
    """
    iou = np.concatenate([m.iou for m in matches]) if matches else np.zeros(0)
    cells = sum(len(m.result) for m in matches)
    frames = [m.iou.mean() for m in matches if len(m.iou)]
    total = len(iou) + cells
    return {
        "SEG": float(iou.mean()) if len(iou) else np.nan,
        "F1": 2 * sum(m.hits for m in matches) / total if total else np.nan,
        "foreground_IoU": float(np.mean([m.foreground_iou for m in matches])),
        "SEG_frames_mean": float(np.mean(frames)) if frames else np.nan,
        "SEG_frames_sd": float(np.std(frames)) if frames else np.nan,
        "reference_cells": len(iou),
        "cells": cells,
    }
