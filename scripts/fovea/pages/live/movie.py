"""A movie in the browser: the next frame is sent when the last one has been drawn."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from bokeh.document import Document
from bokeh.models import Button

_PACE = 0.12  # seconds from one frame to the next, at least


class Movie:
    """Goes from frame to frame, as fast as the browser draws, and not faster than 8 in a second.

    Parameters
    ----------
    forward : callable
        Shows the next frame.
    button : Button
        Says whether the movie runs.
    """

    def __init__(self, document: Document, forward: Callable[[], None], button: Button):
        self._document, self._forward, self._button = document, forward, button
        self.runs = self._awaited = False
        self._sent_at = 0.0

    def start(self) -> None:
        """Start, unless it runs."""
        if not self.runs:
            self.runs = True
            self._button.label = "■ Stop"
            self._step()

    def stop(self) -> None:
        """Stop."""
        self.runs = False
        self._button.label = "▶ Play"

    def _step(self) -> None:
        if self.runs:
            self._awaited, self._sent_at = True, monotonic()
            self._forward()

    def drawn(self) -> None:
        """Go on: the browser has drawn what it was sent."""
        if self.runs and self._awaited:
            self._awaited = False
            wait = max(_PACE - (monotonic() - self._sent_at), 0.001)
            self._document.add_timeout_callback(self._step, int(1000 * wait))
