"""One look for all figures: sizes, colours, axes, and files that are the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fovea.tables import whole_file

#: Colours of Okabe and Ito, which the colour-blind can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
GREY, PALE = "#8a8a8a", "#c8c8c8"
WIDTH = 7.0  # inches, two columns of a journal
DPI = 200

_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,
    "mathtext.default": "regular",
}


@contextmanager
def figure(size: tuple[float, float], targets: Sequence[str | Path]) -> Iterator:
    """Yield a figure of a size in inches, and write it to all targets (PDF, PNG or SVG)."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        drawing = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing
        drawing.draw_without_rendering()
        drawing.set_layout_engine("none")  # laid out once, for all files
        for target in targets:
            suffix = Path(target).suffix[1:]
            with whole_file(target) as temporary:
                drawing.savefig(temporary, format=suffix, dpi=DPI, metadata=_METADATA[suffix])


# No time of making and no version of the program that made it.
_METADATA = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def colour_of(number: int) -> str:
    """Return the colour of a sample by its place."""
    return COLOURS[number % len(COLOURS)]


def scattered(count: int) -> np.ndarray:
    """Return offsets in [-1, 1] that fill it evenly and are the same every time."""
    return 2 * np.modf(np.arange(1, count + 1) * 0.6180339887498949)[0] - 1


def label(title: str, unit: str) -> str:
    """Return the label of an axis, without the unit of a pure number."""
    return title if unit in ("", "1") else f"{title} ({unit})"


def unit_for(span: float, unit: str) -> str:
    """Return the unit in which times that span so many `unit` are read most easily."""
    from fovea.times import SECONDS

    seconds = span * SECONDS[unit]
    return "h" if seconds >= 3 * 3600 else "min" if seconds >= 180 else "s"


def note(drawing, left_out: Sequence[str]) -> None:
    """Write below a figure which fields of view are missing, if any are."""
    if left_out:
        drawing.supxlabel(f"without {'; '.join(left_out)}", fontsize=6.5, color=GREY)


def nothing(axes, text: str) -> None:
    """Say in empty axes why they are empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])
