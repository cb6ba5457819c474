"""The picture of a preview: candidates side by side, and the chosen one large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_WIDTH = 12.0  # inches
_DPI = 110
_CHOSEN, _OTHER = (1.0, 0.35, 0.1), (0.1, 0.75, 1.0)  # colours of outlines
_SIDE = (
    650  # pixels of a panel, about; frames are enlarged or reduced to it before outlines are drawn
)


@dataclass(frozen=True)
class Panel:
    """A candidate's labels in the crop that all candidates share."""

    title: str
    labels: np.ndarray  # (h, w), 0 background
    chosen: bool


def draw(
    target: str | Path,
    crop: np.ndarray,
    panels: Sequence[Panel],
    frames: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    titles: Sequence[str],
) -> None:
    """Draw the candidates side by side, and below each frame alone and with the chosen outlines.

    Parameters
    ----------
    target : path
        PNG to write.
    crop : (h, w) uint16 or uint8
        What the candidates are shown on; without panels it is not drawn.
    panels : sequence of Panel
        The candidates, at most some four.
    frames, labels : sequence of (H, W)
        Frames, and what was found in them.
    titles : sequence of str
        Of the frames.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(panels) // 2)
    tops = rows * (_WIDTH / 2 * crop.shape[0] / crop.shape[1] + 0.5)
    below = len(frames) * (_WIDTH / 2 * frames[0].shape[0] / frames[0].shape[1] + 0.3)
    figure = Figure(figsize=(_WIDTH, tops + below), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)  # room for the titles of the first row
    FigureCanvasAgg(figure)
    parts = figure.subfigures(2 if rows else 1, 1, squeeze=False,
                              height_ratios=[tops, below] if rows else None)  # fmt: skip
    if rows:
        grid = parts[0, 0].subplots(rows, 2, squeeze=False).ravel()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid, panels, strict=False):
            colour = _CHOSEN if panel.chosen else _OTHER
            _show(axes, crop, panel.labels, panel.title, colour, bold=panel.chosen)
    grid = parts[-1, 0].subplots(len(frames), 2, squeeze=False)
    for axes, frame, found, title in zip(grid, frames, labels, titles, strict=True):
        _show(axes[0], frame, None, "", _CHOSEN)
        _show(axes[1], frame, found, title, _CHOSEN)
    figure.savefig(target, dpi=_DPI, metadata={"Software": None})


def _show(axes, frame, labels, title, colour, bold=False) -> None:
    """Show a frame with the outlines of labels, or alone, at a size at which both can be seen."""
    from fovea.figures.overview import outlines

    low, high = np.percentile(frame, (0.5, 99.5))
    grey = np.clip((frame - low) / max(high - low, 1), 0, 1)
    # Outlines are drawn at the size of the panel: thin ones on small frames hide nothing, and
    # those of large frames do not vanish when the picture is reduced.
    step = max(1, round(max(frame.shape) / _SIDE))
    factor = max(1, round(_SIDE / max(frame.shape)))
    rgb = np.repeat(np.repeat(grey[::step, ::step], factor, 0), factor, 1)[..., None].repeat(3, 2)
    if labels is not None:
        large = np.repeat(np.repeat(labels[::step, ::step], factor, 0), factor, 1)
        edge = outlines(large) > 0
        if factor > 2:
            edge[1:] |= edge[:-1]
            edge[:, 1:] |= edge[:, :-1]
        rgb[edge] = colour
    axes.imshow(rgb, interpolation="nearest" if factor > 1 else "antialiased")
    axes.set_title(title, fontsize=10, fontweight="bold" if bold else "normal")
    axes.set_axis_off()
