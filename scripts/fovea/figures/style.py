"""Style of all figures: sizes, colours, axes; files are the same in every run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fovea.config.names import split
from fovea.jobs.atomic import whole_file

#: Colours of Okabe and Ito, which the colour-blind can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DARK, GREY, PALE = "#5f5f5f", "#8a8a8a", "#c8c8c8"
WIDTH = 7.0  # inches, two columns of a journal
DPI = 200

_SETTINGS = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "mathtext.default": "regular",
    "axes.titlesize": 8, "axes.labelsize": 8, "axes.linewidth": 0.7, "lines.linewidth": 1.0,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.formatter.limits": (-3, 4), "axes.formatter.use_mathtext": True,
    "xtick.major.width": 0.7, "ytick.major.width": 0.7, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.framealpha": 0.85, "legend.edgecolor": "none", "legend.fancybox": False,
    "legend.fontsize": 7, "pdf.fonttype": 42,
}  # fmt: skip


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


def dashes_of(number: int):
    """Return the line style of a sample by its place, so that colours may be used again."""
    return ("-", (0, (4, 1.5)), (0, (1, 1)))[number // len(COLOURS) % 3]


def scattered(count: int) -> np.ndarray:
    """Return offsets in [-1, 1] that fill it evenly and are the same every time."""
    return 2 * np.modf(np.arange(1, count + 1) * 0.6180339887498949)[0] - 1


def label(title: str, unit: str) -> str:
    """Return the label of an axis, without the unit of a pure number."""
    return title if unit in ("", "1") else f"{title} ({unit})"


def feature_words(column: str, area: object = None) -> str:
    """Say what a column holds: ``intensity total per area, channel 1``."""
    feature, channel = split(column)
    return f"{feature.replace('_', ' ')}{' per area' if area else ''}, channel {channel}"


def unit_for(span: float, unit: str) -> str:
    """Return the unit in which times that span so many `unit` are read most easily."""
    from fovea.recordings.times import SECONDS

    seconds = span * SECONDS[unit]
    return "h" if seconds >= 3 * 3600 else "min" if seconds >= 180 else "s"


def key(drawing, handles: Sequence) -> None:
    """Put a legend below all panels, where it hides nothing."""
    widest = max((len(handle.get_label()) for handle in handles), default=0)
    across = max(1, int(drawing.get_figwidth() / (0.45 + 0.062 * widest)))
    if handles:
        drawing.legend(handles=handles, loc="outside lower center",
                       ncols=min(len(handles), across), handlelength=1.6)  # fmt: skip


def note(drawing, left_out: Sequence[str], remarks: Sequence[str] = ()) -> None:
    """Write below a figure, and above its `key`, which fields of view are missing, if any are.

    `remarks` are whole sentences that follow.
    """
    said = [f"without {'; '.join(left_out)}"] if left_out else []
    if not said and not remarks:
        return
    across = int(18 * drawing.get_figwidth())  # letters of this size in the figure's width
    text = "\n".join(textwrap.fill(line, across) for line in [*said, *remarks])
    if drawing.legends:
        drawing.legends[0].set_title(text, prop={"size": 6.5})
        drawing.legends[0].get_title().set(color=DARK, multialignment="center")
    else:
        drawing.supxlabel(text, fontsize=6.5, color=DARK)


def slant_room(names: Sequence[str], width: float) -> float:
    """Return the height in inches that names below an axis take if they have to stand aslant.

    0 where they fit side by side in the axis' width in inches.
    """
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    return 0.04 * longest if longest * 0.062 * len(names) > width else 0.0


def name_samples(axes, names: Sequence[str], width: float) -> None:
    """Write the samples' names below an axis of a width in inches; they may have two lines."""
    if slant_room(names, width):
        names = [name.replace("\n", ", ") for name in names]
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(len(names)), names)


def nothing(axes, text: str) -> None:
    """Say in empty axes why they are empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])
