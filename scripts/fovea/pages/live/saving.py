"""Buttons that save what a figure shows: as a picture, or as numbers."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import Button, ColumnDataSource, CustomJS

_SAVE = """
const save = (blob, name) => {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}
"""
_PICTURE = """
figures.forEach((figure, i) => {
  const layer = Bokeh.index.find_one(figure)?.export(kind)
  layer?.to_blob().then((blob) => save(blob, `${stem}_${i + 1}.${kind}`))
})
"""
_NUMBERS = """
const quoted = (value) => {
  if (value == null || Number.isNaN(value)) return ""
  const text = String(value)
  return /[",\\n\\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text
}
const rows = source.selected.indices.length ? source.selected.indices
  : [...source.data[columns[0]].keys()]
const lines = [columns.join(",")]
for (const row of rows) lines.push(columns.map((name) => quoted(source.data[name][row])).join(","))
save(new Blob([lines.join("\\n") + "\\n"], {type: "text/csv;charset=utf-8"}), `${stem}.csv`)
"""


def picture_button(figures: Sequence, stem: str, kind: str) -> Button:
    """Return a button that saves figures as ``png`` or ``svg``."""
    button = Button(label=f"Save {kind.upper()}", width=100, name=f"save_{kind}")
    given = {"figures": list(figures), "stem": stem, "kind": kind}
    button.js_on_event("button_click", CustomJS(args=given, code=_SAVE + _PICTURE))
    return button


def numbers_button(source: ColumnDataSource, columns: Sequence[str], stem: str) -> Button:
    """Return a button that saves columns as CSV: of chosen rows, or of all where none is chosen."""
    button = Button(label="Save numbers (CSV)", width=150, name="save_csv")
    given = {"source": source, "columns": list(columns), "stem": stem}
    button.js_on_event("button_click", CustomJS(args=given, code=_SAVE + _NUMBERS))
    return button
