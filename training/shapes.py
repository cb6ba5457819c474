"""Random arrangements of cells with known outlines: rods, ovals, tiles and blobs, apart or packed.

Lengths are in pixels; a cell of the typical size has the area of a disk of `DIAMETER` pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from stills import DIAMETER

KINDS = ("rods", "ovals", "tiles", "blobs")
_BEADS = 9  # disks along the axis of a body, at most


def arrangement(rng: np.random.Generator, kind: str, side: int) -> np.ndarray:
    """Draw the labels of a square of `side` pixels, (side, side) int32, 0 background."""
    if kind in ("rods", "ovals"):
        return _bodies(rng, kind == "rods", side)
    return _tiles(rng, side) if kind == "tiles" else _blobs(rng, side)


def _bodies(rng: np.random.Generator, rods: bool, side: int) -> np.ndarray:
    """Draw rigid bodies that grow from a few seeds and push each other apart, or lie apart."""
    grown, apart = _body_sizes(rng, rods)
    room = side * side / (np.pi / 4 * DIAMETER**2)
    packed = rng.random() < 0.7
    count = max(
        3,
        int(
            room * rng.uniform(0.25, 1.3)
            if packed
            else room * np.exp(rng.uniform(np.log(0.01), np.log(0.3)))
        ),
    )
    bodies = np.zeros((count, 6))  # x, y, angle, length of the axis, radius, bend
    for body in bodies:
        body[3:] = grown()
    if packed:
        seeds = rng.uniform(0.2, 0.8, (int(rng.integers(1, 5)), 2)) * side
        turns = rng.uniform(0, np.pi, len(seeds))
        which = rng.integers(len(seeds), size=count)
        spread = np.sqrt(count / len(seeds)) * DIAMETER * 0.4
        bodies[:, :2] = seeds[which] + rng.normal(0, spread, (count, 2))
        # neighbours in a colony lie along each other: the angle is a smooth field and a deviation
        bend = rng.normal(0, 1.2, (2, 2)) / side
        at = bodies[:, :2] - side / 2
        fanned = (at @ bend.T).sum(axis=1)
        bodies[:, 2] = turns[which] + fanned + rng.normal(0, rng.uniform(0.1, 0.6), count)
        relax(bodies, int(rng.integers(100, 400)), apart * rng.uniform(-1, 1))
        middle = np.median(bodies[:, :2], axis=0)
        bodies[:, :2] += rng.uniform(0.3, 0.7, 2) * side - middle
    else:
        bodies[:, :2] = rng.uniform(0, side, (count, 2))
        bodies[:, 2] = rng.uniform(0, 2 * np.pi, count)
        relax(bodies, 80, 0.1 * apart)
    pinch = rng.uniform(0, 0.25) if rods else rng.uniform(0, 0.1)
    labels = np.zeros((side, side), np.int32)
    paint(labels, bodies, np.where(rng.random(count) < 0.3, pinch, 0.0))
    return labels


def _body_sizes(rng: np.random.Generator, rods: bool):
    """Return a function that draws length, radius and bend of a body, and a width of gaps."""
    if rods:
        aspect = np.exp(rng.uniform(np.log(1.6), np.log(7)))
        # area of a rod: axis x width + pi / 4 width², with axis = (aspect - 1) x width
        width = DIAMETER * np.sqrt(np.pi / 4 / (aspect - 1 + np.pi / 4))
        curved = rng.normal(0, 0.9) if rng.random() < 0.3 else 0.0
        spread = rng.uniform(0.05, 0.4)

        def draw():
            length = width * (aspect - 1) * np.exp(rng.normal(0, spread))
            if rng.random() < 0.02:
                length *= rng.uniform(2, 4)
            radius = width / 2 * np.exp(rng.normal(0, 0.05))
            bend = (curved + rng.normal(0, 0.15)) / max(length, 1)
            return length, radius, bend

        return draw, width * rng.uniform(0, 0.12)
    spread, small = rng.uniform(0.03, 0.2), rng.uniform(0, 0.35)
    oval = rng.uniform(0, 0.5)

    def draw_oval():
        diameter = DIAMETER * np.exp(rng.normal(0, spread))
        if rng.random() < small:
            diameter *= rng.uniform(0.3, 0.8)
        longer = oval * rng.random()
        return diameter * longer, diameter / 2 * (1 - 0.4 * longer), 0.0

    return draw_oval, DIAMETER * rng.uniform(0, 0.06)


@njit(cache=True)
def _bead(body, share):
    """Return the place of a point of a body's axis, from -0.5 to 0.5 of its length."""
    s = share * body[3]
    turned = body[2] + 0.5 * body[5] * s
    return body[0] + s * np.cos(turned), body[1] + s * np.sin(turned)


@njit(cache=True)
def relax(bodies, rounds, gap):
    """Push bodies apart until they overlap by no more than -gap, as rigid chains of disks."""
    count = len(bodies)
    beads = np.empty((count, _BEADS, 2))
    number = np.empty(count, np.int64)
    reach = np.empty(count)
    for i in range(count):
        number[i] = min(_BEADS, 1 + int(np.ceil(bodies[i, 3] / max(bodies[i, 4], 1.0))))
        reach[i] = bodies[i, 3] / 2 + bodies[i, 4]
    for _ in range(rounds):
        for i in range(count):
            for k in range(number[i]):
                share = 0.0 if number[i] == 1 else k / (number[i] - 1) - 0.5
                beads[i, k] = _bead(bodies[i], share)
        push = np.zeros((count, 3))
        hits = np.zeros(count)
        for i in range(count):
            for j in range(i + 1, count):
                dx, dy = bodies[j, 0] - bodies[i, 0], bodies[j, 1] - bodies[i, 1]
                if dx * dx + dy * dy > (reach[i] + reach[j] + gap) ** 2:
                    continue
                wanted = bodies[i, 4] + bodies[j, 4] + gap
                for k in range(number[i]):
                    for m in range(number[j]):
                        dx = beads[j, m, 0] - beads[i, k, 0]
                        dy = beads[j, m, 1] - beads[i, k, 1]
                        far = np.sqrt(dx * dx + dy * dy)
                        if far >= wanted:
                            continue
                        if far < 1e-6:
                            dx, dy, far = 1.0, 0.0, 1.0
                        force = 0.5 * (wanted - far) / far
                        for body, bead, sign in ((i, k, -1.0), (j, m, 1.0)):
                            fx, fy = sign * force * dx, sign * force * dy
                            ax = beads[body, bead, 0] - bodies[body, 0]
                            ay = beads[body, bead, 1] - bodies[body, 1]
                            push[body, 0] += fx
                            push[body, 1] += fy
                            push[body, 2] += (ax * fy - ay * fx) / (reach[body] ** 2)
                            hits[body] += 1
        for i in range(count):
            if hits[i] > 0:
                many = max(1.0, 0.5 * hits[i])
                bodies[i, 0] += push[i, 0] / many
                bodies[i, 1] += push[i, 1] / many
                bodies[i, 2] += 1.5 * push[i, 2] / many


@njit(cache=True)
def paint(labels, bodies, pinches):
    """Draw bodies as labels 1..N; where two overlap, a pixel is of the one it is deeper in."""
    height, width = labels.shape
    depth = np.zeros((height, width))
    for i in range(len(bodies)):
        body = bodies[i]
        reach = body[3] / 2 + body[4] + 2
        steps = 1 + int(np.ceil(body[3] / 1.5))
        radius = body[4]
        for y in range(max(0, int(body[1] - reach)), min(height, int(body[1] + reach) + 2)):
            for x in range(max(0, int(body[0] - reach)), min(width, int(body[0] + reach) + 2)):
                best = -1.0
                for k in range(steps):
                    share = 0.0 if steps == 1 else k / (steps - 1) - 0.5
                    bx, by = _bead(body, share)
                    own = radius * (1 - pinches[i] * np.exp(-((share * body[3] / radius) ** 2) * 4))
                    inner = own - np.sqrt((x - bx) ** 2 + (y - by) ** 2)
                    best = max(best, inner)
                if best > depth[y, x]:
                    depth[y, x] = best
                    labels[y, x] = i + 1


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Return noise that is smooth over `scale` pixels, of standard deviation 1, float32."""
    nodes = [max(4, int(np.ceil(n / max(scale, 1.0))) + 3) for n in shape]
    coarse = rng.normal(0, 1, nodes).astype(np.float32)
    noise = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return noise / max(float(noise.std()), 1e-6)


def _tiles(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw tiles of a confluent layer, with bent borders, gaps between some and holes."""
    spacing = DIAMETER * np.sqrt(np.pi / 4)
    n = int(np.ceil(side / spacing)) + 4
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2).astype(float)
    grid[:, 0] += 0.5 * (grid[:, 1] % 2)
    points = (grid - 2) * spacing + rng.normal(0, rng.uniform(0.1, 0.45) * spacing, grid.shape)
    weights = rng.normal(0, rng.uniform(0, 0.25) * spacing**2, len(points))
    bend = rng.uniform(0.0, 0.14) * DIAMETER
    y, x = np.mgrid[:side, :side].astype(np.float32)
    x = x + bend * smooth_noise(rng, (side, side), 0.5 * DIAMETER)
    y = y + bend * smooth_noise(rng, (side, side), 0.5 * DIAMETER)
    stretch = np.exp(rng.normal(0, 0.25))
    near, second = np.full((2, side, side), np.inf, np.float32)
    labels = np.zeros((side, side), np.int32)
    for i, ((px, py), weight) in enumerate(zip(points, weights, strict=True), 1):
        far = (x - px) ** 2 * stretch + (y - py) ** 2 / stretch + weight
        closer = far < near
        second = np.where(closer, near, np.minimum(second, far))
        labels[closer] = i
        near = np.where(closer, far, near)
    gap = max(0.0, rng.normal(0, 0.06)) * DIAMETER
    labels[second - near < 2 * spacing * gap] = 0
    holes = rng.random(len(points) + 1) < (rng.uniform(0, 0.9) if rng.random() < 0.6 else 0.0)
    labels[holes[labels]] = 0
    return labels


def _blobs(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw single cells of irregular outlines, some of which touch."""
    labels = np.zeros((side, side), np.int32)
    room = side * side / (np.pi / 4 * DIAMETER**2)
    rough, spread = rng.uniform(0.02, 0.3), rng.uniform(0.1, 0.4)
    long = np.exp(abs(rng.normal(0, 0.5)))
    for i in range(1, 1 + max(2, int(room * rng.uniform(0.05, 0.6)))):
        radius = DIAMETER / 2 * np.exp(rng.normal(0, spread))
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        waves = sum(
            rng.normal(0, rough / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
            for k in range(2, 7)
        )
        r = radius * np.exp(np.clip(waves, -1, 0.8))
        stretch = np.sqrt(long * np.exp(rng.normal(0, 0.15)))
        turn = rng.uniform(0, 2 * np.pi)
        px, py = r * np.cos(angle) * stretch, r * np.sin(angle) / stretch
        centre = rng.uniform(-0.02, 1.02, 2) * side
        outline = np.stack([
            centre[0] + px * np.cos(turn) - py * np.sin(turn),
            centre[1] + px * np.sin(turn) + py * np.cos(turn),
        ], -1)  # fmt: skip
        cell = np.zeros((side, side), np.uint8)
        cv2.fillPoly(cell, [np.round(outline).astype(np.int32)], 1)
        over = (cell > 0) & (labels > 0)
        if over.sum() <= 0.15 * cell.sum():
            labels[(cell > 0) & (labels == 0)] = i
    return labels
