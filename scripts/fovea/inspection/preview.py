"""Preview of a segmentation: outlines drawn over a few frames, before a long run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.config.phase_tuning import MODES, SMALLEST_DIAMETER, SMALLEST_FOR_NETWORK
from fovea.errors import FoveaError
from fovea.segmentation.phase.choose import Trial


def sample_frames(config: dict, dataset: str, fov: int, count: int) -> tuple[list[int], list]:
    """Read frames spread evenly over a recording: their indices and the frames, (H, W) uint16."""
    from fovea.config.datasets import channel_indices
    from fovea.recordings.readers import open_recording

    channel = channel_indices(config, dataset)[0]
    if channel is None:
        raise FoveaError(f"datasets.{dataset}.channels: there is no phase contrast (pc) to segment")
    entry = config["datasets"][dataset]
    with open_recording(entry["input"]) as recording:
        info = recording.check_field(fov)
        recording.check_channel(channel)
        recorded = info.frames_of(channel)
        if not len(recorded):
            raise FoveaError(
                f"{recording.source}: field of view {fov} has no frame of channel {channel}, the "
                "phase contrast; look at another one with --fov"
            )
        steps = np.unique(np.linspace(0, len(recorded) - 1, count).round().astype(int))
        wanted = [recorded[step] for step in steps]
        planes = recording.frames(fov, [channel], entry["z"], only=wanted)
        frames = [plane.astype(np.uint16, copy=False) for (plane,) in planes]
    return wanted, frames


def draw(frames: Sequence[np.ndarray], labels: Sequence[np.ndarray], titles, target) -> None:
    """Draw the objects' outlines over frames, side by side with the frames alone, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fovea.figures.overview import outlines

    height, width = frames[0].shape
    figure = Figure(figsize=(12, 6 * height / width * len(frames) + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(frames), 2, squeeze=False)
    for row, frame, found, title in zip(grid, frames, labels, titles, strict=True):
        low, high = np.percentile(frame, (0.5, 99.5))
        grey = np.clip((frame - low) / max(high - low, 1), 0, 1)
        rgb = np.repeat(grey[..., None], 3, axis=2)
        row[0].imshow(rgb.copy(), interpolation="nearest")
        rgb[outlines(found) > 0] = (1, 0.35, 0.1)
        row[1].imshow(rgb, interpolation="nearest")
        row[1].set_title(title, fontsize=10)
        for axes in row:
            axes.set_axis_off()
    figure.savefig(target, dpi=110, metadata={"Software": None})


def preview(
    config: dict,
    dataset: str,
    target: str | Path,
    fov: int = 0,
    count: int = 3,
    diameter: float | None = None,
    mode: str | None = None,
) -> list[str]:
    """Segment `count` frames, draw the result as a PNG and say what was found.

    `config` is as returned by `fovea.config.validation.validated`; `diameter` and `mode` are
    parameters of method `phase`, without which the method of the config is shown. Returns the lines
    to print: suggested modes and diameters, parameters used and what was found.
    """
    from fovea.config.datasets import params_for
    from fovea.plugins.registry import PREPROCESSING, SEGMENTATION, load
    from fovea.segmentation.phase.choose import choose
    from fovea.segmentation.phase.diameter import median_diameter

    params = params_for(config, dataset)
    options = dict(params["segmentation"])
    times, frames = sample_frames(config, dataset, fov, count)
    if params["preprocess"]:
        prepare = load(PREPROCESSING, params["preprocess"])
        frames = [prepare(frame) for frame in frames]
    choice = choose(frames, tuple(MODES) if mode is None else (mode,))
    trials = choice.trials if choice else ()
    lines = [_suggestion(trial) for trial in trials] or [
        "no cells were found to suggest a diameter"
    ]
    if diameter is not None or mode is not None or options["method"] == "phase":
        options = _phase_options(options, mode, diameter, trials)
    method = load(SEGMENTATION, options["method"])
    used = {key: value for key, value in options.items() if key != "method"}
    labels = [method(frame, **used) for frame in frames]
    titles = []
    for t, found in zip(times, labels, strict=True):
        size, _ = median_diameter(found)
        titles.append(f"frame {t}: {int(found.max(initial=0))} objects, "
                      f"median diameter {size:.0f} pixels")  # fmt: skip
    draw(frames, labels, titles, target)
    texts = {k: f"{v:g}" if isinstance(v, float) else v for k, v in options.items()}
    shown = ", ".join(f"{k}: {text}" for k, text in texts.items() if text is not None)
    return [*lines, f"shown: {shown}", *titles, f"picture: {target}"]


def _phase_options(
    given: dict, mode: str | None, diameter: float | None, trials: Sequence[Trial]
) -> dict:
    """Return parameters of method `phase` in a mode, with a diameter given or suggested.

    `trials` are the suggestions, best first.
    """
    keep = given if given["method"] == "phase" else {"method": "phase"}
    kind = mode or keep.get("mode", "auto")
    if kind == "auto":
        kind = trials[0].mode if trials else "adherent"
    own = keep.get("cell_diameter") if mode is None else None
    suggested = [trial.cell_diameter for trial in trials if trial.mode == kind]
    diameter = diameter or own or next(iter(suggested), None)
    if diameter is None:
        raise FoveaError(f"no cell diameter could be told in mode {kind}; give --cell-diameter")
    least = SMALLEST_FOR_NETWORK if kind == "network" else SMALLEST_DIAMETER
    if not diameter >= least:
        raise FoveaError(
            f"mode {kind} needs a cell diameter of {least} pixels at least, not {diameter:g}; "
            "give another --cell-diameter or --mode"
        )
    if keep.get("mode", kind) not in (kind, "auto"):
        keep = {key: value for key, value in keep.items() if key not in ("tuning", "weights")}
    light = "bright" if keep.get("contrast") == "bright" else "dark"
    return keep | {"mode": kind, "contrast": light, "cell_diameter": diameter}


def _suggestion(trial: Trial) -> str:
    return (
        f"suggested: segmentation: {{method: phase, mode: {trial.mode}, "
        f"cell_diameter: {trial.cell_diameter:g}}}"
    )
