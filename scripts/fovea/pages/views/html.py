"""Pieces of HTML whose texts are inert, whatever they hold."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return something as HTML that shows just its characters.

    Marks that turn the direction of writing act within this piece only.
    """
    if isinstance(value, Html):
        return value
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}"
                    if c not in DIRECTIONS else c for c in str(value))  # fmt: skip
    safe = escape(shown)
    return Html(f"<bdi>{safe}</bdi>" if any(c in DIRECTIONS or ord(c) > 0x590 for c in shown)
                else safe)  # fmt: skip


#: Marks that turn the direction of writing.
DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"


def element(name: str, *inside: object, **attributes: object) -> Html:
    """Return an element; `class_` stands for the attribute class."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
                    for key, value in attributes.items() if value is not None)  # fmt: skip
    return Html(f"<{name}{given}>{''.join(map(text, inside))}</{name}>")


def table(header: Sequence[object], rows: Iterable[Sequence[object]], **attributes: object) -> Html:
    """Return a table."""
    head = element("tr", *(element("th", cell) for cell in header))
    body = [element("tr", *(cell if isinstance(cell, Html) and cell.startswith("<td")
                            else element("td", cell) for cell in row)) for row in rows]  # fmt: skip
    return element("table", element("thead", head), element("tbody", *body), **attributes)


def picture(webp: bytes, alt: str = "", **attributes: object) -> Html:
    """Return a picture that is part of the page."""
    given = "".join(f' {key.rstrip("_")}="{escape(str(value))}"' for key, value in
                    attributes.items())  # fmt: skip
    return Html(f'<img alt="{escape(alt)}"{given} src="{data_address(webp)}">')


def data_address(webp: bytes) -> str:
    """Return the address of a picture that holds the picture itself."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def number(value: float, digits: int = 3) -> str:
    """Return a number with a few digits, empty if there is none."""
    return "" if value is None or value != value else f"{value:.{digits}g}"
