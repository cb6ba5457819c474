"""What a browser tells beside clicks on widgets: keys, and that a frame has been drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.core.properties import Float, Int, String
from bokeh.document import Document
from bokeh.events import PointEvent
from bokeh.model import DataModel, Model
from bokeh.models import ColumnDataSource, CustomJS, DataTable

#: Key, as people see it, to what it does. `Browser` gives the words to the page.
KEYS = {
    "←  →": "one frame back, on",
    "Shift + ←  →": "ten frames back, on",
    "Home, End": "first, last frame",
    "Space": "play, stop",
    "G": "good",
    "B": "bad",
    "C": "remove the verdict",
    "Ctrl + Z, Y": "undo, redo",
    "N, P": "next, previous cell of the list",
    "F": "follow the cell",
    "O, I": "outlines, IDs on or off",
    "Esc": "all frames again, then no cell",
}
_LISTEN = """
const inside = (event) => {
  const place = event.composedPath()[0]
  return place.isContentEditable || /^(textarea|select)$/i.test(place.tagName) ||
    (/^input$/i.test(place.tagName) && !/^(button|checkbox|radio)$/i.test(place.type))
}
const used = new Set(["ArrowLeft", "ArrowRight", "Home", "End", " ", "Escape"])
window.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey && !event.ctrlKey && event.key != "z") return
  if (inside(event)) {
    if (event.key == "Escape") event.composedPath()[0].blur()
    return
  }
  const control = event.ctrlKey || event.metaKey
  if (control && !/^[zy]$/i.test(event.key)) return
  if (event.key.length > 1 && !used.has(event.key)) return
  const name = (control ? "Control+" : "") + (event.shiftKey ? "Shift+" : "") +
    (event.key.length == 1 ? event.key.toLowerCase() : event.key)
  browser.setv({pressed: name + "#" + (++window.fovea_keys)})
  event.preventDefault()
  event.stopPropagation()
}, {capture: true})
const resolution = () => browser.setv({resolution: window.devicePixelRatio || 1})
window.addEventListener("resize", resolution)
resolution()
window.fovea_keys = 0
window.fovea_ready = true
"""
_DRAWN = """
requestAnimationFrame(() => setTimeout(() => browser.setv({drawn: browser.drawn + 1}), 0))
"""


def on(model: Model, name: str, function: Callable[[Any], object]) -> None:
    """Call a function with the new value whenever a property of a model changes."""
    model.on_change(name, lambda attr, old, new: function(new))


def empty(source: ColumnDataSource) -> None:
    """Take the data off a source, if it has some."""
    if any(map(len, source.data.values())):
        source.data = {name: [] for name in source.data}


def keep_fresh(table: DataTable) -> None:
    """Have a table drawn again when its data change, and not only when it gets longer or shorter.

    Tables of Bokeh 3.9 look at the indices of their rows alone.
    """
    table.source.js_on_change("data", CustomJS(args={"table": table},
                                               code="table.view.change.emit()"))  # fmt: skip


def more_cells(event: PointEvent) -> bool:
    """Return whether a click chooses cells in addition to others."""
    held = event.modifiers or {}
    return bool(held.get("shift") or held.get("ctrl"))


class BrowserState(DataModel):
    """Set by the browser."""

    pressed = String(default="")  # key, and how many there were before
    drawn = Int(default=0)  # frames that have been drawn
    resolution = Float(default=1)  # pixels of the screen in one of the page, along a side


class Browser:
    """Keys and drawn frames of one window.

    Parameters
    ----------
    pressed : callable
        Is given the name of each key, such as ``g``, ``Shift+ArrowLeft`` and ``Control+z``.
    drawn : callable
        Is called when the browser has drawn a frame that it was sent.
    resolved : callable
        Is given how many pixels of the screen are in one of the page, when this changes.
    """

    def __init__(
        self, pressed: Callable[[str], None], drawn: Callable[[], None],
        resolved: Callable[[float], None],
    ):  # fmt: skip
        self.state = BrowserState(name="browser")
        on(self.state, "pressed", lambda new: pressed(new.rpartition("#")[0]))
        on(self.state, "drawn", lambda new: drawn())
        on(self.state, "resolution", resolved)

    def listen(self, document: Document) -> None:
        """Tell the window to send its keys."""
        document.add_root(self.state)
        document.js_on_event("document_ready", CustomJS(args={"browser": self.state},
                                                        code=_LISTEN))  # fmt: skip

    def watch(self, source: ColumnDataSource) -> None:
        """Be told when the browser has drawn new data of a source."""
        source.js_on_change("data", CustomJS(args={"browser": self.state}, code=_DRAWN))
