"""Simulated fields of view as arrays, with the truth about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fovea.config.names import column
from fovea.fits.models.formulas import maturation
from fovea.simulation import optics
from fovea.simulation.cells import CALM, CROWDED, Behaviour, plan_motion
from fovea.simulation.kinetics import PARAMETERS, SAMPLES, Sample
from fovea.simulation.truth import cell_columns, geometry


@dataclass(frozen=True)
class Frame:
    """One simulated frame."""

    phase: np.ndarray | None  # (H, W) uint16
    fluo: np.ndarray  # (C, H, W) uint16
    #: True background per channel in counts, camera offset included: the sum of rows (H,) and
    #: columns (W,), float32.
    profiles: list[tuple[np.ndarray, np.ndarray]]
    labels: np.ndarray  # (H, W) uint16, 0 background, else the cell's ID
    rows: list[dict]  # one per cell that has a pixel in this frame

    @property
    def background(self) -> np.ndarray:
        """True background, (C, H, W) float32, counts."""
        planes = [outer_sum(*profiles) for profiles in self.profiles]
        return np.array(planes, np.float32).reshape(-1, *self.labels.shape)


@dataclass(frozen=True)
class Simulated:
    """All frames of a simulated field of view; rows and parameters as of `Frame` and `Field`."""

    phase: np.ndarray | None  # (T, H, W) uint16
    fluo: np.ndarray  # (C, T, H, W) uint16
    background: np.ndarray  # (C, T, H, W) float32
    labels: np.ndarray  # (T, H, W) uint16
    rows: list[dict]
    parameters: list[dict]


def outer_sum(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the background (..., H, W) of profiles (..., H) and (..., W)."""
    return rows[..., :, None] + columns[..., None, :]


def frame_times(seed: int, fov: int, frames: int, channels: int, interval: float) -> np.ndarray:
    """Return acquisition times in seconds, (T, C) float64, since the start of the recording.

    Fields of view are recorded one after the other, as are the channels of one, with irregular
    delays.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(fov, 2)))
    start = interval * np.arange(frames) + min(8.0, interval / 100) * fov
    late = np.cumsum(rng.uniform(0.0, 1.0, (frames, channels)) + 0.3, axis=1)
    return np.round(start[:, None] + late * min(1.0, interval / 60), 3)


class Field:
    """A simulated field of view, rendered frame by frame.

    Parameters are those of `fovea.simulation.simulate.simulate` for its field of view number `fov`;
    `sample` is the distribution of the cells' kinetic parameters, and `behaviour` replaces what
    `crowded` stands for. `scattered` is the share of the
    cells' light that is scattered, see `fovea.simulation.optics.render_light`; `illumination`
    (H, W) float32 multiplies all light of the fluorescence channels, the background's too, before
    it is detected. The truth does not contain these two.

    Attributes
    ----------
    times : (T, channels) float64
        Acquisition times in seconds, phase contrast first.
    jump : (T, 2) float64
        Shift y, x of the stage in pixels.
    parameters : list of dict
        One per cell: fov, cell, parent (0 for none), sample, first_frame and last_frame of its
        life (visible or not), and its kinetic parameters for each fluorescence channel.
    """

    def __init__(
        self,
        seed: int,
        frames: int = 48,
        height: int = 512,
        width: int = 512,
        cells: int = 25,
        *,
        fov: int = 0,
        channels: int = 1,
        phase: bool = True,
        interval: float = 900.0,
        sample: Sample = SAMPLES[0],
        crowded: bool = False,
        behaviour: Behaviour | None = None,
        scattered: float = 0.0,
        illumination: np.ndarray | None = None,
    ):
        self.scattered, self.illumination = scattered, illumination
        self.seed, self.fov, self.shape = seed, fov, (frames, height, width)
        self.phase = phase
        self.fluo_channels = list(range(int(phase), int(phase) + channels))
        self.times = frame_times(seed, fov, frames, max(int(phase) + channels, 1), interval)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(fov, 0)))
        behaviour = behaviour or (CROWDED if crowded else CALM)
        self.motion = plan_motion(rng, frames, height, width, cells, interval, behaviour)
        self.jump = self.motion.jump
        total = len(self.motion.parent)
        self.appearance = optics.Appearance(rng, total)
        self.slide = optics.Slide(rng, height, width)
        self.backgrounds = [optics.Background(rng, height, width) for _ in range(channels)]
        self.kinetics = []
        for index in range(channels):
            drawn = sample.draw(rng, cells)
            drawn["ktl"] /= 1 + 0.5 * index
            self.kinetics.append(self._inherit(drawn, rng))
        self.parameters = [self._parameter_row(cell, sample) for cell in range(total)]

    def _inherit(self, drawn, rng):
        """Divide the mother's contents, and with them ktl and the offset, between daughters."""
        parent = self.motion.parent[len(drawn["ktl"]) :]
        share = rng.uniform(0.45, 0.55, len(parent) // 2)
        share = np.stack([share, 1 - share], axis=1).ravel()
        inherited = {name: values[parent] for name, values in drawn.items()}
        inherited["ktl"] = inherited["ktl"] * share
        inherited["offset"] = inherited["offset"] * share
        return {name: np.concatenate([drawn[name], inherited[name]]) for name in PARAMETERS}

    def _parameter_row(self, cell, sample):
        life = np.flatnonzero(self.motion.alive[cell])
        row = {"fov": self.fov, "cell": cell + 1, "parent": int(self.motion.parent[cell]) + 1}
        row |= {"sample": sample.name, "first_frame": int(life[0]), "last_frame": int(life[-1])}
        for channel, kinetics in zip(self.fluo_channels, self.kinetics, strict=True):
            row |= {column(name, channel): float(kinetics[name][cell]) for name in PARAMETERS}
        return row

    def frames(self) -> Iterator[Frame]:
        """Return all frames in order, each rendered when it is asked for."""
        return map(self.render, range(self.shape[0]))

    def render(self, frame: int) -> Frame:
        """Render one frame, independently of the others.

        Its rows hold, per cell: fov, cell, frame, time (seconds, of the frame's first channel),
        area, centroid_x, centroid_y, the box (ends exclusive), touches (another cell is within
        2 px), at_border, visible (in phase contrast); and for each fluorescence channel c:
        time_ch_c (seconds), total_ch_c (noise-free sum of the cell's light over its mask, counts),
        light_ch_c (over the whole frame: blur and scatter take some out of the mask) and model_ch_c
        (what the model says).
        """
        _, height, width = self.shape
        entropy = np.random.SeedSequence(self.seed, spawn_key=(self.fov, 1, frame))
        rng = np.random.default_rng(entropy)
        hours = self.times[frame, 0] / 3600
        views = {}
        for cell in range(len(self.motion.parent)):
            view = optics.view_cell(self.motion, cell, frame, height, width)
            if view is not None:
                views[cell] = view
        labels = self._label(views)
        phase = self.slide.render(hours, self.jump[frame]) if self.phase else None
        profiles = [b.profiles(hours) for b in self.backgrounds]
        signals = [outer_sum(*p) for p in profiles]
        light_times = self.times[frame, self.fluo_channels]
        totals = [
            maturation(time / 3600, **kinetics)
            for time, kinetics in zip(light_times, self.kinetics, strict=True)
        ]
        rows = []
        for cell, view in views.items():
            pattern = self.appearance.pattern(view, cell, hours)
            inside, window = view.crop(labels)
            if phase is not None and self.motion.visible[cell, frame]:
                rounded = self.motion.rounded[cell, frame]
                image = optics.render_phase(view, pattern, self.appearance, cell, hours, rounded)
                phase[inside] += image[window]
            mask = view.rho <= 1
            mask[window] = labels[inside] == cell + 1
            row = {"fov": self.fov, "cell": cell + 1, "frame": frame}
            row["time"] = float(self.times[frame, 0])
            row |= geometry(labels, cell + 1, inside, mask[window])
            row["visible"] = bool(self.motion.visible[cell, frame])
            if self.kinetics and mask.any():
                light = optics.render_light(view, mask, pattern, self.scattered)
                in_mask = float(light[window][mask[window]].sum(dtype=np.float64))
                in_frame = float(light[window].sum(dtype=np.float64))
                for channel, time, signal, total in zip(
                    self.fluo_channels, light_times, signals, totals, strict=True
                ):
                    signal[inside] += np.float32(total[cell]) * light[window]
                    model = float(total[cell])
                    values = (float(time), model * in_mask, model * in_frame, model)
                    names = cell_columns([channel])[-4:]
                    row |= dict(zip(names, values, strict=True))
            if row["area"]:
                rows.append(row)
        if self.illumination is not None:
            dark = np.float32(optics.CAMERA_OFFSET)
            signals = [dark + self.illumination * (signal - dark) for signal in signals]
        phase = None if phase is None else optics.expose_phase(rng, phase)
        fluo = np.array([optics.expose(rng, signal) for signal in signals], np.uint16)
        return Frame(phase, fluo.reshape(-1, height, width), profiles, labels, rows)

    def _label(self, views):
        """Return labels (H, W); where outlines overlap, the nearer cell gets the pixel."""
        labels = np.zeros(self.shape[1:], np.uint16)
        nearest = np.ones(self.shape[1:], np.float32)
        for cell, view in views.items():
            inside, window = view.crop(labels)
            closer = view.rho[window] <= nearest[inside]
            labels[inside][closer] = cell + 1
            nearest[inside][closer] = view.rho[window][closer]
        return labels


def simulate_fov(seed: int, *args, **options) -> Simulated:
    """Return a whole simulated field of view; arguments as of `Field`.

    Holds all frames in memory; `Field(...).frames()` does not.
    """
    field = Field(seed, *args, **options)
    frames = list(field.frames())
    return Simulated(
        np.stack([f.phase for f in frames]) if field.phase else None,
        np.stack([f.fluo for f in frames], axis=1),
        np.stack([f.background for f in frames], axis=1),
        np.stack([f.labels for f in frames]),
        [row for f in frames for row in f.rows],
        field.parameters,
    )
