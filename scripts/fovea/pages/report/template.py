"""The frame of static pages: their look, and a policy that lets them load nothing.

A page is one file, which may be sent to anybody: scripts, styles and pictures are part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fovea import __version__
from fovea.jobs.atomic import whole_file
from fovea.pages.views.html import Html, element, text

# Bokeh makes functions of texts, hence unsafe-eval. Nothing may be fetched, whatever a page holds.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
_STYLE = """
:root { --ink: #24303a; --soft: #5d6b77; --line: #e1e6ea; --paper: #ffffff; --ground: #f4f6f8;
  --blue: #0072b2; --orange: #d55e00; --green: #00805f; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui,
  -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header { background: var(--paper); border-bottom: 1px solid var(--line); padding: 18px 28px 14px; }
header h1 { font-size: 22px; margin: 0 0 2px; font-weight: 650; }
header p { margin: 0; color: var(--soft); }
nav { font-size: 13px; margin-bottom: 4px; }
main { max-width: 1500px; margin: 0 auto; padding: 20px 24px 48px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px 20px 18px; margin: 0 0 18px; overflow: hidden; }
section > h2 { font-size: 16px; margin: 0 0 8px; font-weight: 650; }
h3 { font-size: 14px; margin: 14px 0 6px; }
p { margin: 0 0 8px; } small, .soft { color: var(--soft); }
a { color: var(--blue); text-decoration: none; } a:hover { text-decoration: underline; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr));
  gap: 18px 28px; align-items: start; }
.columns > * { min-width: 0; }
.controls { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: end; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line);
  padding: 4px 14px 4px 0; white-space: nowrap; }
td { padding: 4px 14px 4px 0; border-bottom: 1px solid #f0f3f5; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.state { display: inline-block; border-radius: 9px; padding: 0 9px; font-size: 12.5px;
  font-weight: 600; background: #e8edf1; }
.done { background: #dcf2ea; color: var(--green); }
.failed, .interrupted { background: #fde5d8; color: #a34700; }
.running { background: #dcecf7; color: #00578a; }
.warning { border-left: 4px solid #e69f00; background: #fff8e8; padding: 8px 14px;
  margin: 0 0 8px; border-radius: 0 6px 6px 0; }
.failure { border-left: 4px solid var(--orange); background: #fff1ea; padding: 8px 14px;
  margin: 0 0 8px; border-radius: 0 6px 6px 0; }
.thumbs { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px; }
.thumbs img, .frames img { width: 100%; border-radius: 6px; display: block; background: #dfe4e8; }
.thumbs figure, .frames figure { margin: 0; font-size: 13px; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 14px; }
.empty { aspect-ratio: 1; border-radius: 6px; background: #e8edf1; display: grid;
  place-items: center; color: var(--soft); }
.numbers { display: flex; flex-wrap: wrap; gap: 8px 34px; margin: 4px 0 6px; }
.numbers b { display: block; font-size: 24px; font-weight: 650; line-height: 1.2; }
.numbers span { color: var(--soft); font-size: 13px; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--blue); }
.key { display: inline-block; width: 22px; border-top: 3px solid; margin: 0 6px 3px 12px; }
@media print { section { break-inside: avoid; } }
"""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def page(title: str, lead: object, *sections: object, home: str = "", head: str = "") -> str:
    """Return a whole page; `home` is the address of the page of the run, relative to this one."""
    back = element("nav", element("a", "← all pages of this run", href=home)) if home else ""
    top = element("header", back, element("h1", title), element("p", lead))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="Fovea {__version__}">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n{head}</head>\n"
        f"<body>\n{top}\n{element('main', *sections)}\n</body>\n</html>\n"
    )


def section(title: object, *inside: object) -> Html:
    """Return a part of a page under a heading."""
    return element("section", element("h2", title), *inside)


def columns(*inside: object) -> Html:
    """Return parts side by side, or below each other where the window is narrow."""
    return element("div", *(element("div", part) for part in inside), class_="columns")


def embedded(models: Mapping[str, object]) -> tuple[str, dict[str, Html]]:
    """Return the head of a page that shows models of Bokeh, and where each is to stand, by name.

    The same models give the same text in every process: identifiers that Bokeh draws by chance
    are replaced.
    """
    from bokeh.document import Document
    from bokeh.embed import components
    from bokeh.resources import Resources

    document = Document()
    with document.models.freeze():  # else it looks for all parts again with each of them
        for model in models.values():
            document.add_root(model)
    script, places = components(dict(models), wrap_script=False)
    known: dict[str, str] = {}

    def fixed(words: str) -> str:
        return _UUID.sub(lambda found: known.setdefault(
            found[0], f"b{len(known):07d}-0000-4000-8000-000000000000"), words)  # fmt: skip

    script = fixed(script)  # of many cells it is long, so no copy is kept
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    head = f"{library.render_js()}\n<script>{script}</script>\n"
    return head, {name: Html(fixed(place)) for name, place in places.items()}


def write_page(path: str | Path, content: str) -> None:
    """Write a page; it exists completely or not at all."""
    with whole_file(path) as temporary:
        # A name that is no valid text, as file systems allow, is shown as far as possible.
        temporary.write_text(content, "utf-8", errors="replace")
