"""Preview of a segmentation: what suits a recording, and its outlines over a few frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.config.phase_tuning import MODES, NETWORKS, SMALLEST_DIAMETER, SMALLEST_FOR_NETWORK
from fovea.config.words import flow
from fovea.errors import FoveaError
from fovea.inspection.preview_picture import Panel, draw
from fovea.segmentation.phase import advice
from fovea.segmentation.phase.choose import Choice, choose
from fovea.segmentation.phase.diameter import median_diameter

_PANELS = 4  # candidates that are drawn
_CROP, _SMALLEST_CROP = 12, 96  # side of what they are drawn on: diameters, pixels


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


def preview(
    config: dict,
    dataset: str,
    target: str | Path,
    fov: int = 0,
    count: int = 3,
    diameter: float | None = None,
    mode: str | None = None,
    contrast: str | None = None,
) -> list[str]:
    """Compare modes and diameters on `count` frames, and draw the candidates and the chosen one.

    `config` is as returned by `fovea.config.validation.validated`; `diameter`, `mode` and
    `contrast` are parameters of method `phase`, without which the method of the config is shown.
    Returns the lines to print: the candidates, the suggested line of the config, what else to try,
    the parameters used and what was found. Where no mode suits the cells, the last one says so.
    """
    from fovea.config.datasets import params_for
    from fovea.plugins.registry import PREPROCESSING, load
    from fovea.segmentation.segment import method_of

    params = params_for(config, dataset)
    options = dict(params["segmentation"])
    times, frames = sample_frames(config, dataset, fov, count)
    if params["preprocess"]:
        prepare = load(PREPROCESSING, params["preprocess"])
        frames = [prepare(frame) for frame in frames]
    modes = tuple(MODES) if mode is None else (mode,)
    _check_diameter(diameter, modes)
    choice = choose(frames, modes, diameter, contrast=contrast or "auto")
    if options["method"] == "phase" or (diameter, mode, contrast) != (None, None, None):
        options = _phase_options(options, mode, contrast, diameter, choice)
    labels = list(map(method_of(options), frames))
    titles = []
    for t, found in zip(times, labels, strict=True):
        size, _ = median_diameter(found)
        titles.append(f"frame {t}: {int(found.max(initial=0))} objects, "
                      f"median diameter {size:.0f} pixels")  # fmt: skip
    crop, panels = _panels(frames, choice, options)
    draw(target, crop, panels, frames, labels, titles)
    texts = {k: f"{v:g}" if isinstance(v, float) else v for k, v in options.items()}
    shown = ", ".join(f"{k}: {text}" for k, text in texts.items() if text is not None)
    return [*_advice(choice), f"shown: {shown}", *titles, f"picture: {target}", *_end(choice)]


def _advice(choice: Choice | None) -> list[str]:
    """Return the table of candidates, the line for the config and what else to try."""
    if choice is None:
        return ["no cells were found to suggest a diameter"]
    lines = [
        *advice.table(choice),
        f"suggested: segmentation: {flow(advice.parameters(choice.best))}",
        f"expected quality: {choice.best.quality} (SEG {choice.best.score:.2f})",
    ]
    if choice.fits and not choice.sure:
        lines.append(f"not sure: {advice.doubt(choice)}")
    elif len(choice.trials) > 1:
        lines.append(f"if the outlines are wrong, try: {advice.command(choice.trials[1])}")
    return lines


def _end(choice: Choice | None) -> list[str]:
    """Return the warning that ends the output where no mode suits the cells."""
    if choice is not None and choice.fits:
        return []
    return [f"Fovea: WARNING: {advice.NONE_FITS}"]


def _panels(
    frames: Sequence[np.ndarray], choice: Choice | None, shown: dict
) -> tuple[np.ndarray, list[Panel]]:
    """Return the place that all candidates are shown on, of the last frame, and the candidates."""
    from fovea.segmentation.phase.segment_phase import segment_phase
    from fovea.segmentation.phase.trials import look
    from fovea.segmentation.phase.windows import densest

    if choice is None:
        return frames[-1], []
    seen = look(frames[-1])
    frame = seen.frame  # without padding
    size = choice.best.found if choice.best.found > 0 else choice.best.cell_diameter
    place = densest(seen.energy, max(_SMALLEST_CROP, round(_CROP * size)))
    panels = []
    for number, trial in enumerate(choice.trials[:_PANELS], 1):
        labels = segment_phase(frame, cell_diameter=trial.cell_diameter, mode=trial.mode,
                               contrast=trial.contrast)  # fmt: skip
        bright = " (bright)" if trial.contrast == "bright" else ""
        title = (
            f"{number}. {trial.mode}{bright}, {trial.cell_diameter:g} pixels\n"
            f"{trial.quality} ({trial.score:.2f}), {labels.max(initial=0)} objects in the frame"
        )
        same = ("mode", "cell_diameter")
        chosen = all(shown.get(key) == getattr(trial, key) for key in same) and shown.get(
            "contrast", trial.contrast
        ) in ("auto", trial.contrast)
        panels.append(Panel(title, labels[place], chosen))
    return frame[place], panels


def _check_diameter(diameter: float | None, modes: Sequence[str]) -> None:
    """Refuse a diameter that a mode cannot be tried with."""
    least = SMALLEST_FOR_NETWORK if set(modes) <= set(NETWORKS) else SMALLEST_DIAMETER
    if diameter is not None and not diameter >= least:
        raise FoveaError(
            f"mode {modes[0]} needs a cell diameter of {least} pixels at least, not {diameter:g}; "
            "give another --cell-diameter or --mode"
        )


def _phase_options(
    given: dict, mode: str | None, contrast: str | None, diameter: float | None,
    choice: Choice | None,
) -> dict:  # fmt: skip
    """Return parameters of method `phase` in which mode, contrast and diameter are set.

    What the command gives comes first, then what the config gives, then the best candidate.
    """
    keep = given if given["method"] == "phase" else {"method": "phase"}
    trials = choice.trials if choice else ()
    kind = mode or keep.get("mode", "auto")
    if kind == "auto":
        kind = trials[0].mode if trials else "adherent"
    light = contrast or keep.get("contrast", "auto")
    fitting = [t for t in trials if t.mode == kind and light in ("auto", t.contrast)]
    own = keep.get("cell_diameter") if mode is None else None
    diameter = diameter or own or next((t.cell_diameter for t in fitting), None)
    if diameter is None:
        raise FoveaError(f"no cell diameter could be told in mode {kind}; give --cell-diameter")
    _check_diameter(diameter, (kind,))
    if light == "auto":
        light = fitting[0].contrast if fitting else "dark"
    if keep.get("mode", kind) not in (kind, "auto"):
        keep = {key: value for key, value in keep.items() if key not in ("tuning", "weights")}
    return keep | {"mode": kind, "contrast": light, "cell_diameter": diameter}
