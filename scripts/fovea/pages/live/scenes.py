"""What is drawn of a frame: its picture, and the cells in view with their outlines.

That of the next frame is made while the browser is drawing, so that it is there when it is asked
for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.errors import FoveaError
from fovea.pages.live.pictures import (
    Cells,
    Picture,
    Window,
    cells_in,
    for_screen,
    outlines,
    picture,
    recorded,
)
from fovea.pages.live.results import Field


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn."""

    field: Field
    layer: str  # a channel group of `Field.layers`
    frame: int
    window: Window  # the part that is in view
    limits: tuple[float, float]  # counts that are black and white
    outlined: bool  # whether outlines are drawn
    screen: int  # pixels of the screen along the longer side


@dataclass(frozen=True)
class Scene:
    """What is drawn."""

    picture: Picture | None  # None where the channel was not recorded
    cells: Cells  # those in view
    outlines: dict[int, tuple[np.ndarray, np.ndarray]]  # of these cells, see `pictures.outlines`


def scene(wanted: Wanted) -> Scene:
    """Return what is drawn of a frame.

    Raises
    ------
    FoveaError
        If an image is not there any more, or damaged.
    """
    field, frame, window = wanted.field, wanted.frame, wanted.window
    shown = None
    if recorded(field, wanted.layer, frame):
        whole = picture(field, wanted.layer, frame, window, wanted.limits)
        shown = for_screen(whole, wanted.screen)
    cells, lines = Cells(np.zeros(0, np.int64), np.zeros((0, 4), np.int64)), {}
    if field.labelled and recorded(field, field.labelled, frame):
        cells = cells_in(field, frame)
        y0, x0, y1, x1 = cells.boxes.T
        seen = (y0 < window.y1) & (y1 > window.y0) & (x0 < window.x1) & (x1 > window.x0)
        cells = Cells(cells.ids[seen], cells.boxes[seen])
        if wanted.outlined:
            lines = outlines(field.reader(field.labelled)[frame], cells, window.step)
    return Scene(shown, cells, lines)


class Ahead:
    """Scenes, of which one is made before it is asked for."""

    def __init__(self):
        self._made: tuple[Wanted, Scene] | None = None

    def get(self, wanted: Wanted) -> Scene:
        """Return a scene; raises FoveaError as `scene` does."""
        made, self._made = self._made, None
        return made[1] if made and made[0] == wanted else scene(wanted)

    def make(self, wanted: Wanted) -> None:
        """Make the scene that will probably be asked for next."""
        try:
            self._made = wanted, scene(wanted)
        except (FoveaError, OSError):
            self._made = None  # told when somebody asks for it
