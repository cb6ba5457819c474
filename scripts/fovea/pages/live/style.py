"""Colours, texts and small widgets that all parts of the page share."""

from __future__ import annotations

from bokeh.models import Div, GlobalInlineStyleSheet

from fovea.pages.views.html import Html, element

#: Colours of outlines and traces, from Okabe and Ito's: told apart with any colour vision.
KEPT, LOST, GOOD, BAD, CHOSEN = "#56b4e9", "#b8b8b8", "#009e73", "#d55e00", "#f0e442"
CHOSEN_LINE = "#0072b2"  # on white
WORDS = {
    "kept": (KEPT, "has a trace"),
    "lost": (LOST, "left out"),
    "good": (GOOD, "judged good"),
    "bad": (BAD, "judged bad"),
    "chosen": (CHOSEN, "chosen"),
}
_PAGE = """
body { margin: 0; padding: 8px 14px; background: #fff; color: #222;
       font: 14px/1.4 system-ui, sans-serif; }
"""
TABLE = """
.slick-header-column { background: #f2f2f2; font-weight: 600; }
.slick-cell.selected { background: #cfe6f7 !important; }
.slick-cell { font-size: 13px; }
"""
TEXT = """
:host { font-size: 14px; line-height: 1.4; }
pre { background: #f6f6f6; border: 1px solid #ddd; border-radius: 4px; padding: 8px; margin: 4px 0;
      overflow: auto; max-height: 420px; font-size: 12.5px; white-space: pre-wrap; }
kbd { background: #f2f2f2; border: 1px solid #ccc; border-radius: 3px; padding: 0 4px;
      font: inherit; font-size: 12px; }
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin: 0 4px 0 10px;
       border: 1px solid #888; vertical-align: -1px; }
.quiet { color: #666; }
.warn { background: #fff3e6; border-left: 4px solid #d55e00; padding: 4px 10px; }
.fine { background: #eef7f3; border-left: 4px solid #009e73; padding: 4px 10px; }
h1 { font-size: 18px; margin: 0; display: inline; } h2 { font-size: 15px; margin: 6px 0 2px; }
table { border-collapse: collapse; } td, th { padding: 1px 10px 1px 0; text-align: left; }
"""


def page_style() -> GlobalInlineStyleSheet:
    """Return the style of a page; each document needs one of its own."""
    return GlobalInlineStyleSheet(css=_PAGE)


def note(html: str = "", **options) -> Div:
    """Return a piece of text; words of others in `html` are made inert by `views.html`."""
    return Div(text=html, stylesheets=[TEXT], disable_math=True, **options)


def pre(words: object) -> Html:
    """Return text as it is, with its lines."""
    return element("pre", words)


def legend(*names: str) -> str:
    """Say what colours mean."""
    return "".join(
        f'<span class="dot" style="background:{WORDS[name][0]}"></span>{WORDS[name][1]}'
        for name in names
    )
