"""Positions and outlines of the simulated cells over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ANGLES = 256  # points of an outline
HARMONICS = np.arange(2, 7)  # of the outline: 2 is its elongation, higher ones are finer
ELONGATION = 0.17
WOBBLE = np.array([0.045, 0.045, 0.025, 0.015, 0.01])
SHAPE_MEMORY = 3.0  # h
SPEED = 6.0  # px/h, root mean square per axis of the random walk
PERSISTENCE = 1.0  # h
CROSSING_SPEED = 14.0  # px/h, of cells that enter or leave
GAP = 22.0  # px kept free between cells that do not touch
GROWTH, GROWTH_TIME = 0.6, 15.0  # area grows by this fraction in the end; h
INSIDE = 90.0  # px from the edge to where entering cells go
OUTSIDE = 45.0  # px from the edge to where cells wait or end, unseen
MARGIN = 80.0  # px from the edge that most cells keep to


@dataclass(frozen=True)
class Behaviour:
    """What happens to the cells of a field of view, as fractions of their number."""

    touching: float = 0.08  # cells that touch another one for a time; at least 2 of 8 or more
    touch_time: float = 0.35  # duration of contacts, as a fraction of the recording
    crossing: float = 0.16  # cells that enter or leave
    edge: float = 0.12  # cells that live at the edge
    dividing: float = 0.0
    invisible: float = 0.0  # probability per cell and frame of being invisible in phase contrast
    stage_jump: bool = False  # the stage slips once
    speed: float = 1.0  # of the random walk, in multiples of SPEED


CALM = Behaviour()
CROWDED = Behaviour(touching=0.24, touch_time=0.9, dividing=0.16, invisible=0.01, stage_jump=True)


@dataclass(frozen=True)
class Motion:
    """Where N cells are in T frames, and what shape they have."""

    #: (N, T, 2) float64, y, x in pixels, relative to the centre of the frame's first pixel.
    centre: np.ndarray
    #: (N, T, ANGLES) float32, pixels from centre to edge, by angle (of dx + i dy) from 0 to 2 pi.
    outline: np.ndarray
    alive: np.ndarray  # (N, T) bool, not before the division a cell comes from, nor after its own
    visible: np.ndarray  # (N, T) bool, false where the cell is invisible in phase contrast
    rounded: np.ndarray  # (N, T) float32, 1 for a cell about to divide: round and bright; else 0
    parent: np.ndarray  # (N,) int64, index of the mother cell, -1 for none
    #: (T, 2) float64, shift y, x of the image by the stage, whole pixels; `centre` contains it.
    jump: np.ndarray


def _shapes(rng, hours, cells):
    """Return complex harmonics (N, T, K): a slowly turning ellipse and a random wobble."""
    frames = len(hours)
    keep = np.exp(-(hours[1] if frames > 1 else 0.0) / SHAPE_MEMORY)
    noise = rng.standard_normal((frames, cells, HARMONICS.size, 2)) @ np.array([1, 1j])
    wobble = np.empty((frames, cells, HARMONICS.size), complex)
    wobble[0] = noise[0]
    for frame in range(1, frames):
        wobble[frame] = keep * wobble[frame - 1] + np.sqrt(1 - keep**2) * noise[frame]
    harmonics = np.clip(np.abs(wobble), 0, 2) * np.exp(1j * np.angle(wobble)) * WOBBLE
    phase = rng.uniform(0, 2 * np.pi, cells)
    turning = rng.normal(0, 0.15, cells)  # rad/h
    length = ELONGATION * rng.uniform(0.4, 1.3, cells)
    harmonics[..., 0] += length * np.exp(1j * (phase + turning * hours[:, None]))
    return harmonics.transpose(1, 0, 2)


def _outlines(radius, harmonics):
    """Return outlines (N, T, ANGLES) of cells with the area of a circle of `radius` (N, T)."""
    angle = 2 * np.pi / ANGLES * np.arange(ANGLES)
    waves = np.exp(-1j * HARMONICS[:, None] * angle)
    outline = np.empty((*radius.shape, ANGLES), np.float32)
    for cell in range(len(radius)):
        relative = 1 + (harmonics[cell] @ waves).real
        relative /= np.sqrt((relative**2).mean(axis=-1, keepdims=True))
        outline[cell] = radius[cell, :, None] * relative
    return outline


class _Roles:
    """Planned behaviour of each cell: bounds of its walk, drifts, contacts and divisions."""

    def __init__(self, rng, frames, height, width, cells, interval, behaviour):
        size = np.array([height, width], float)
        hours = interval / 3600 * np.arange(frames)
        duration = hours[-1]
        pairs = max(round(cells * behaviour.touching / 2), int(cells >= 8))
        crossing = min(round(cells * behaviour.crossing), cells - 2 * pairs)
        edge = min(round(cells * behaviour.edge), cells - 2 * pairs - crossing)
        margin = np.minimum(MARGIN, 0.3 * size)
        self.low = np.tile(margin, (cells, 1))
        self.high = np.tile(size - margin, (cells, 1))
        self.drift = np.zeros((cells, frames, 2))  # px/h
        self.calm = np.ones((cells, 2))  # 0: no random walk along this axis
        self.pairs = [(2 * i, 2 * i + 1) for i in range(pairs)]
        middle = rng.uniform(0.45, 0.55, pairs) * duration
        half = behaviour.touch_time / 2 * duration
        self.touching = np.abs(hours - middle[:, None]) <= half + 1e-9  # (pairs, T)
        self.start = np.empty((cells, 2))
        for cell in range(2 * pairs, 2 * pairs + crossing + edge):
            axis, sign = int(rng.integers(2)), int(rng.choice([-1, 1]))
            if cell < 2 * pairs + crossing:
                self._cross(rng, cell, axis, sign, hours, size)
            else:
                self._put(cell, axis, sign, size, -5.0, min(45.0, 0.25 * size[axis]))
        seconds = {second: first for first, second in self.pairs}
        apart = 36 + min(24.0, CROSSING_SPEED * 0.5 * duration)
        for cell in range(cells):
            self.start[cell] = self._place(rng, cell, seconds.get(cell), apart)
        able = np.arange(2 * pairs + crossing + edge, cells)
        dividing = min(round(cells * behaviour.dividing), len(able) if frames > 3 else 0)
        self.parents = np.sort(rng.choice(able, dividing, replace=False))
        self.division = rng.integers(frames // 4, max(3 * frames // 4, 1), dividing)
        self.division = np.clip(self.division, 1, frames - 1)

    def _put(self, cell, axis, sign, size, nearest, farthest):
        """Confine a cell to distances from one side of the frame."""
        ends = (nearest, farthest) if sign > 0 else (size[axis] - farthest, size[axis] - nearest)
        self.low[cell, axis], self.high[cell, axis] = ends

    def _cross(self, rng, cell, axis, sign, hours, size):
        """Let a cell enter (even numbers) or leave (odd) through one side of the frame."""
        enters = cell % 2 == 0
        inside = min(INSIDE, 0.4 * size[axis])
        when = rng.uniform(0.25, 0.75) * hours[-1]
        before, after = (OUTSIDE, inside) if enters else (inside, OUTSIDE)
        drifts = (hours >= when - before / CROSSING_SPEED) & (hours < when + after / CROSSING_SPEED)
        self.drift[cell, drifts, axis] = CROSSING_SPEED * sign * (1 if enters else -1)
        first = min(before, CROSSING_SPEED * when) * (-1 if enters else 1)
        self._put(cell, axis, sign, size, first, first)
        self.calm[cell, axis] = 0.0

    def _place(self, rng, cell, partner, apart):
        """Draw a start away from cells placed before, at the distance `apart` from a partner."""
        clear = 2 * 18 + GAP + 6
        others = np.array([i for i in range(cell) if i != partner], int)
        best, best_distance = None, -1.0
        for _ in range(60):
            if partner is None:
                point = rng.uniform(self.low[cell], self.high[cell])
            else:
                angle = rng.uniform(0, 2 * np.pi)
                point = self.start[partner] + apart * np.array([np.sin(angle), np.cos(angle)])
                point = np.clip(point, self.low[cell], self.high[cell])
            distance = np.hypot(*(self.start[others] - point).T).min(initial=np.inf)
            if distance > best_distance:
                best, best_distance = point, distance
            if distance >= clear:
                break
        return best

    def free(self):
        """Return the bounds (N, 2) of the walk; none across the side a cell crosses."""
        crosses = self.calm == 0
        return np.where(crosses, -np.inf, self.low), np.where(crosses, np.inf, self.high)


def _separate(centre, reach, outline, wanted, contact):
    """Push cells apart, and pairs in contact together, by at most 3 px each; returns centres.

    centre (N, 2), reach (N,) largest radii, outline (N, ANGLES), wanted (N, N) gaps in pixels. The
    outlines of the pairs in contact are to meet on the line between their centres.
    """
    before = centre.copy()
    target = np.triu(reach[:, None] + reach[None] + wanted, 1)
    for i, j in contact:
        target[i, j] = target[j, i] = 0
    for _ in range(6):
        delta = centre[None] - centre[:, None]
        distance = np.maximum(np.hypot(delta[..., 0], delta[..., 1]), 1e-6)
        push = 0.5 * (np.maximum(target - distance, 0) / distance)[..., None] * delta
        centre = centre + push.sum(axis=0) - push.sum(axis=1)
        # Contacts come last, so that neighbours cannot keep a pair apart.
        for i, j in contact:
            dy, dx = delta = centre[j] - centre[i]
            k = round(np.arctan2(dy, dx) * ANGLES / (2 * np.pi))
            meet = outline[i, k % ANGLES] + outline[j, (k + ANGLES // 2) % ANGLES] + 0.5
            pull = 0.5 * (1 - meet / max(np.hypot(dy, dx), 1e-6)) * delta
            centre[i] += pull
            centre[j] -= pull
    moved = centre - before
    length = np.maximum(np.hypot(moved[:, 0], moved[:, 1]), 1e-9)
    return before + moved * np.minimum(1, 3.0 / length)[:, None]


def plan_motion(rng, frames, height, width, cells, interval=900.0, behaviour=CALM) -> Motion:
    """Plan where cells are and what shape they have, for all frames of a field of view.

    Cells perform a persistent random walk, grow, turn and change shape slowly. Most stay inside
    the frame and apart from each other; some enter, leave, stay at the edge, touch or divide, in
    the proportions that `behaviour` gives.

    `cells` is their number at the beginning, including those that enter later, and `interval` the
    seconds between frames.
    """
    hours = interval / 3600 * np.arange(frames)
    step = interval / 3600
    roles = _Roles(rng, frames, height, width, cells, interval, behaviour)
    parents, division = roles.parents, roles.division
    total = cells + 2 * len(parents)
    parent = np.full(total, -1)
    parent[cells:] = np.repeat(parents, 2)
    alive = np.ones((total, frames), bool)
    rounded = np.zeros((total, frames), np.float32)
    growth = 1 + GROWTH * -np.expm1(-hours / GROWTH_TIME)
    radius = rng.uniform(14.5, 17.5, total)[:, None] * np.sqrt(growth)
    harmonics = _shapes(rng, hours, total)
    for index, (mother, frame) in enumerate(zip(parents, division, strict=True)):
        daughters = slice(cells + 2 * index, cells + 2 * index + 2)
        alive[mother, frame:] = False
        alive[daughters, :frame] = False
        rounded[mother, max(frame - 2, 1) : frame] = 1
        harmonics[mother, max(frame - 2, 1) : frame] *= 0.3
        since = np.maximum(hours - hours[frame], 0)
        half = radius[mother, frame] / np.sqrt(2)
        harmonics[daughters] *= 0.7
        radius[daughters] = half * np.sqrt(1 + GROWTH * -np.expm1(-since / GROWTH_TIME))
    outline = _outlines(radius, harmonics)
    reach = outline.max(axis=-1)

    low, high = (np.concatenate([b, b[parent[cells:]]]) for b in roles.free())
    calm = np.concatenate([roles.calm, np.ones((total - cells, 2))])
    drift = np.concatenate([roles.drift, np.zeros((total - cells, frames, 2))])
    position = np.concatenate([roles.start, np.zeros((total - cells, 2))])
    speed = SPEED * behaviour.speed
    velocity = speed * calm * rng.standard_normal((total, 2))
    keep = np.exp(-step / PERSISTENCE)
    centre = np.empty((total, frames, 2))
    for frame in range(frames):
        for index in np.flatnonzero(division == frame):
            mother, first = parents[index], cells + 2 * index
            angle = rng.uniform(0, 2 * np.pi)
            apart = reach[first, frame] * np.array([np.sin(angle), np.cos(angle)])
            position[first] = position[mother] + apart
            position[first + 1] = position[mother] - apart
        now = np.flatnonzero(alive[:, frame])
        grid = np.ix_(now, now)
        contact = [pair for pair, on in zip(roles.pairs, roles.touching, strict=True) if on[frame]]
        wanted = np.full((total, total), GAP)
        for index in np.flatnonzero(division <= frame):
            sisters = cells + 2 * index, cells + 2 * index + 1
            since = frame - division[index]
            wanted[sisters] = min(GAP, 1.5 * since)
            if since < 3:
                contact.append(sisters)
        contact = [tuple(np.searchsorted(now, pair)) for pair in contact]
        # In the first frame motion need not be smooth: cells are moved until there is room.
        for _ in range(1 if frame else 40):
            position[now] = _separate(
                position[now], reach[now, frame], outline[now, frame], wanted[grid], contact
            )
            position[now] = np.clip(position[now], low[now], high[now])
        centre[:, frame] = position
        noise = rng.standard_normal((total, 2))
        velocity = keep * velocity + speed * calm * np.sqrt(1 - keep**2) * noise
        position = position + step * (velocity + drift[:, frame])

    jump = np.zeros((frames, 2))
    if behaviour.stage_jump and frames > 2:
        angle = rng.uniform(0, 2 * np.pi)
        jump[frames // 2 :] = np.rint(30 * np.array([np.sin(angle), np.cos(angle)]))
    visible = rng.random((total, frames)) >= behaviour.invisible
    return Motion(centre + jump, outline, alive, visible, rounded, parent, jump)
