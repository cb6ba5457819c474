"""Recordings that Fovea draws itself, with known cells, for rows of a suite; seeds are fixed.

They stand for kinds of cells of which no annotated recording is at hand. Levels of mode `dark` were
tuned on them, among others; the code that draws pictures for the training of the network is
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fovea.evaluation.annotated import Position
from fovea.simulation.colonies import Cells, bacteria, draw, yeast
from fovea.simulation.field import Field
from fovea.simulation.microscope import Optics, photograph

_SEED = 20
_DEMO_SEED = 0


@dataclass(frozen=True)
class Drawn:
    """A drawn recording: its positions, and for each the mothers of its cells, by daughter."""

    positions: list[Position]
    parents: list[dict[int, int]] = field(default_factory=list)


def dense_bacteria() -> Drawn:
    """Draw three colonies of 110 to 190 rods side by side, in phase contrast."""
    optics = Optics(pixel=0.1)
    return _stills("bacteria", optics, [(110, 420), (150, 470), (190, 520)], _rods, 0.035)


def packed_yeast() -> Drawn:
    """Draw three fields of packed, budding yeast in phase contrast."""
    optics = Optics(pixel=0.16, ring=0.15, dim=0.6)
    sizes = [(70, 480), (95, 480), (120, 512)]
    return _stills("yeast", optics, sizes, partial(_yeast, 30.0, 4), 0.014, vacuole=0.5)


def bright_cells() -> Drawn:
    """Draw three fields of yeast in bright field and out of focus: bright, with dark rims."""
    optics = Optics(pixel=0.25, aperture=0.8, ring=None, focus=5.0)
    sizes = [(200, 512), (260, 512), (320, 512)]
    return _stills("bright", optics, sizes, partial(_yeast, 20.0, 16), 0.02, vacuole=0.3)


def _rods(rng: np.random.Generator, count: int, side: int) -> Cells:
    return bacteria(rng, count, width=10, longest=44)


def _yeast(diameter: float, founders: int, rng: np.random.Generator, count: int, side: int):
    return yeast(rng, count, diameter, founders, 0.3 * side)


def _stills(
    name: str, optics: Optics, sizes: list[tuple[int, int]],
    grow: Callable[[np.random.Generator, int, int], Cells], index: float, vacuole: float = 0.0,
) -> Drawn:  # fmt: skip
    """Draw one colony for each number of cells and side of the frame.

    `index` is the cells' mean difference of refractive indices to the medium; a vacuole, a disk of
    0.3 to 0.55 radii, has the share `vacuole` less.
    """
    positions = []
    for number, (count, side) in enumerate(sizes):
        rng = np.random.default_rng([_SEED, number])
        cells = grow(rng, count, side)
        labels, away = draw(cells, (side, side))
        # The body is round, so that its thickness is that of a circle; contents vary by a tenth.
        radius = np.concatenate([[0.0], cells.radius])[labels] * optics.pixel
        density = np.concatenate([[0.0], rng.normal(index, 0.1 * index, len(cells))])[labels]
        delay = 2 * radius * density * np.sqrt(np.maximum(1 - away**2, 0))
        if vacuole:
            turn, size = rng.uniform(0, 2 * np.pi, len(cells)), rng.uniform(0.3, 0.55, len(cells))
            step = (1 - size - 0.1) * cells.radius
            moved = np.stack([np.sin(turn), np.cos(turn)], axis=1) * step[:, None]
            vacuoles = Cells(cells.centre + moved, turn, 0 * turn, size * cells.radius)
            inside, depth = draw(vacuoles, (side, side))
            delay *= 1 - vacuole * np.where(inside == labels, 1 - depth**2, 0)
        frame = photograph(rng, delay, optics)
        positions.append(Position(f"{name} {number}", frame[None], labels[None].astype(np.uint32)))
    return Drawn(positions)


def demo(crowded: bool, fovs: int = 2, frames: int = 48) -> Drawn:
    """Draw the demo's adherent cells, which move and, where they are crowded, divide."""
    positions, parents = [], []
    for fov in range(fovs):
        drawn = Field(_DEMO_SEED, frames, fov=fov, crowded=crowded)
        views = list(drawn.frames())
        phase = np.stack([view.phase for view in views])
        labels = np.stack([view.labels for view in views]).astype(np.uint32)
        positions.append(Position(f"field of view {fov}", phase, labels))
        parents.append({p["cell"]: p["parent"] for p in drawn.parameters if p["parent"]})
    return Drawn(positions, parents)


#: What `simulated` of a row may be.
SIMULATED: dict[str, Callable[[], Drawn]] = {
    "bacteria": dense_bacteria,
    "yeast": packed_yeast,
    "bright": bright_cells,
    "demo": partial(demo, False),
    "crowded demo": partial(demo, True),
}
