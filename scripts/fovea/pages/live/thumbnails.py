"""Small pictures of the fields of view, made when the table shows their row."""

from __future__ import annotations

import numpy as np
from imagecodecs import png_encode
from tornado.web import RequestHandler

from fovea.errors import FoveaError
from fovea.pages.live.pictures import Window, display_limits, picture
from fovea.pages.live.results import Field, Results

URL = "/thumbnail/{dataset}/{fov}"
PATTERN = r"/thumbnail/([A-Za-z0-9_-]+)/(\d+)"
_FRESH = 60  # seconds for which a browser keeps a picture
_SIDE = 104  # pixels along the longer side: twice what the table shows


def thumbnail(field: Field) -> np.ndarray | None:
    """Return a small picture (h, w) uint8 of a middle frame, None where there is no image yet."""
    layer = next((name for name in field.plan.groups("pc", "fl") if field.has(name)), None)
    if layer is None:
        return None
    reader = field.reader(layer)
    if not len(reader.present):
        return None
    frame = reader.nearest(len(reader) // 2)
    whole = Window(0, 0, *reader.shape[1:])
    pixels = picture(field, layer, frame, whole, display_limits(field, layer)).pixels
    every = -(-max(pixels.shape) // _SIDE)
    height, width = (n // every * every or n for n in pixels.shape)
    if every == 1 or min(height, width) < every:
        return pixels
    parts = pixels[:height, :width].reshape(height // every, every, width // every, every)
    return np.rint(parts.mean(axis=(1, 3))).astype(np.uint8)


class ThumbnailHandler(RequestHandler):
    """Answers with the small picture of a field of view."""

    def initialize(self, results: Results) -> None:
        self._results = results

    def get(self, dataset: str, fov: str) -> None:
        try:
            pixels = thumbnail(self._results.field(dataset, fov))
        except (FoveaError, OSError):
            pixels = None  # the table says what is wrong with the field of view
        if pixels is None:
            pixels = np.full((_SIDE // 2, _SIDE // 2), 225, np.uint8)
        self.set_header("Content-Type", "image/png")
        # The table asks for the pictures of its rows each time that it is drawn.
        self.set_header("Cache-Control", f"private, max-age={_FRESH}")
        self.finish(png_encode(np.ascontiguousarray(pixels)))
