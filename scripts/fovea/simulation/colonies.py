"""Colonies of bacteria and of budding yeast that grow, divide and push each other aside.

A cell is a rod with round ends: all points within its radius of a segment. Cells that overlap are
moved and turned apart, as rigid bodies on a surface with friction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_ROUNDS = 10  # of pushing apart, after each step of growth
_FINAL = 60  # the same before a picture is taken


@dataclass(frozen=True)
class Cells:
    """The cells of a colony; lengths in pixels, positions as y, x."""

    centre: np.ndarray  # (N, 2) float64
    angle: np.ndarray  # (N,) float64, of the axis to the x axis
    length: np.ndarray  # (N,) float64, of the segment, without the round ends
    radius: np.ndarray  # (N,) float64

    def __len__(self) -> int:
        return len(self.radius)

    @property
    def axis(self) -> np.ndarray:
        """Unit vectors along the cells, (N, 2), y and x."""
        return np.stack([np.sin(self.angle), np.cos(self.angle)], axis=1)

    def joined(self, other: Cells) -> Cells:
        """Return these cells and others together."""
        names = ("centre", "angle", "length", "radius")
        return Cells(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def chosen(self, which: np.ndarray) -> Cells:
        """Return some of the cells, by mask or index."""
        return Cells(self.centre[which], self.angle[which], self.length[which], self.radius[which])


def bacteria(rng: np.random.Generator, cells: int, width: float, longest: float) -> Cells:
    """Grow one rod into a colony of at least `cells` rods, centred on the origin.

    Rods are `width` pixels wide and divide at about `longest` pixels; growth is exponential, at
    rates that vary by a tenth.
    """
    radius = width / 2
    colony = Cells(np.zeros((1, 2)), rng.uniform(0, np.pi, 1), np.full(1, longest / 2 - width),
                   np.full(1, radius))  # fmt: skip
    limit = longest * rng.normal(1, 0.1, 1)
    rate = rng.normal(1, 0.1, 1)
    while len(colony) < cells:
        whole = (colony.length + width) * (1 + 0.08 * rate)
        colony = replace(colony, length=whole - width)
        ripe = whole > limit
        if ripe.any():
            mothers = colony.chosen(ripe)
            half = mothers.length / 2 - radius
            steps = mothers.axis * ((half / 2 + radius)[:, None])
            daughters = []
            for sign in (-1, 1):
                turned = mothers.angle + rng.normal(0, 0.06, len(mothers))
                part = replace(mothers, centre=mothers.centre + sign * steps, angle=turned)
                daughters.append(replace(part, length=np.maximum(half, 0)))
            new = daughters[0].joined(daughters[1])
            colony = colony.chosen(~ripe).joined(new)
            limit = np.concatenate([limit[~ripe], longest * rng.normal(1, 0.1, len(new))])
            rate = np.concatenate([rate[~ripe], rng.normal(1, 0.1, len(new))])
        colony = apart(colony, _ROUNDS)
    colony = apart(colony, _FINAL)
    return replace(colony, centre=colony.centre - colony.centre.mean(axis=0))


def yeast(
    rng: np.random.Generator, cells: int, diameter: float, founders: int, spread: float
) -> Cells:
    """Grow founders into colonies of budding yeast with at least `cells` cells and buds together.

    Founders lie within `spread` pixels of the origin. Cells are round or slightly oblong, some
    `diameter` pixels large; a bud sits on its mother and grows up to a size of its own.
    """
    full = diameter / 2 * rng.normal(1, 0.08, founders)
    colony = Cells(rng.uniform(-spread, spread, (founders, 2)),
                   rng.uniform(0, np.pi, founders), 0.2 * full, full.copy())  # fmt: skip
    bud_at = rng.uniform(0, 8, founders)  # steps until the next bud
    while len(colony) < cells:
        radius = np.minimum(full, colony.radius + 0.09 * full)
        grown = radius > 0.85 * full
        length = np.where(radius < full, 0.2 * radius, colony.length)
        colony = replace(colony, radius=radius, length=length)
        bud_at = bud_at - grown
        mothers = np.flatnonzero(bud_at < 0)
        if len(mothers):
            count = len(mothers)
            bud_at[mothers] = rng.uniform(7, 12, count)
            size = diameter / 2 * rng.normal(1, 0.08, count)
            way = rng.uniform(0, 2 * np.pi, count)
            step = np.stack([np.sin(way), np.cos(way)], axis=1)
            start = 0.3 * size
            place = colony.centre[mothers] + step * (radius[mothers] + 0.8 * start)[:, None]
            colony = colony.joined(Cells(place, way, 0.2 * start, start))
            full = np.concatenate([full, size])
            bud_at = np.concatenate([bud_at, rng.uniform(0, 6, count)])
        colony = apart(colony, _ROUNDS)
    return apart(colony, _FINAL)


def apart(cells: Cells, rounds: int) -> Cells:
    """Move and turn cells until they hardly overlap, or a number of rounds is over."""
    from scipy.spatial import cKDTree

    for _ in range(rounds):
        owner, offset = _discs(cells)
        places = cells.centre[owner] + offset[:, None] * cells.axis[owner]
        radius = cells.radius[owner]
        pairs = cKDTree(places).query_pairs(2 * float(radius.max()), output_type="ndarray")
        a, b = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]].T
        between = places[a] - places[b]
        distance = np.maximum(np.hypot(*between.T), 1e-6)
        depth = radius[a] + radius[b] - distance
        near = depth > 0.01
        if not near.any():
            break
        a, b = a[near], b[near]
        push = (between[near] / distance[near, None]) * depth[near, None] / 2
        moved, turned = np.zeros((len(cells), 2)), np.zeros(len(cells))
        touches, leverage = np.zeros(len(cells)), np.zeros(len(cells))
        for disc, force in ((a, push), (b, -push)):
            body = owner[disc]
            arm = offset[disc, None] * cells.axis[body]
            np.add.at(moved, body, force)
            np.add.at(touches, body, 1.0)
            np.add.at(turned, body, arm[:, 1] * force[:, 0] - arm[:, 0] * force[:, 1])
            np.add.at(leverage, body, offset[disc] ** 2 + cells.radius[body] ** 2)
        centre = cells.centre + moved / np.maximum(touches, 1)[:, None]
        cells = replace(cells, centre=centre, angle=cells.angle + turned / np.maximum(leverage, 1))
    return cells


def _discs(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Return discs that fill the cells: the cell of each, and its place along the axis."""
    counts = np.ceil(cells.length / (0.7 * cells.radius)).astype(int) + 1
    owner = np.repeat(np.arange(len(cells)), counts)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = index / np.maximum(counts[owner] - 1, 1) - 0.5
    return owner, np.where(counts[owner] > 1, share * cells.length[owner], 0.0)


def draw(cells: Cells, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the cells into a frame whose middle is the origin.

    Returns
    -------
    (H, W) uint16
        Labels 1..N, 0 background; a pixel in two cells belongs to the one whose axis is nearer,
        in multiples of its radius. Cells out of the frame have no label.
    (H, W) float32
        That distance from the axis: 0 on it, 1 at the edge and outside.
    """
    labels = np.zeros(shape, np.uint16)
    nearest = np.ones(shape, np.float32)
    middle = np.array(shape) / 2
    for i in range(len(cells)):
        y, x = cells.centre[i] + middle
        half = cells.length[i] / 2 + cells.radius[i] + 1
        rows = np.arange(max(int(y - half), 0), min(int(y + half) + 2, shape[0]))[:, None]
        columns = np.arange(max(int(x - half), 0), min(int(x + half) + 2, shape[1]))[None]
        if not rows.size or not columns.size:
            continue
        ay, ax = cells.axis[i]
        along = (rows + 0.5 - y) * ay + (columns + 0.5 - x) * ax
        along = np.clip(along, -cells.length[i] / 2, cells.length[i] / 2)
        away = np.hypot(rows + 0.5 - y - along * ay, columns + 0.5 - x - along * ax)
        away = (away / cells.radius[i]).astype(np.float32)
        window = (slice(rows[0, 0], rows[-1, 0] + 1), slice(columns[0, 0], columns[0, -1] + 1))
        mine = away < nearest[window]
        nearest[window][mine] = away[mine]
        labels[window][mine] = i + 1
    return labels, nearest
