"""The page of a run: what there is, what failed and why, and where to find everything.

It is written where Snakemake runs, also at the end of a run that failed, so it needs no more than
Snakemake's own environment has.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from fovea import __version__
from fovea.config import samples
from fovea.config.dataset_plan import DatasetPlan
from fovea.config.made_from import recording_of
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.config.steps import Step
from fovea.errors import counted
from fovea.jobs.checksums import as_written, read_text
from fovea.pages.report import template
from fovea.pages.views import html
from fovea.pages.views.html import Html, element
from fovea.recordings.inspect_input import load_metadata
from fovea.runs.cell_counts import Counts, count_cells, field_counts
from fovea.runs.status import Row
from fovea.runs.summary import cells_words, made_words

#: A file and what to call it, as a link where the page may have one, else as words.
Link = Callable[[str, object], Html]
_FILES = 5  # of a recording that are named
#: Why cells were left out, in few words.
REASONS = {"short": "in too few frames", "border": "too near the edge"}


def write(
    plan: Plan, rows: Sequence[Row], remarks: Sequence[str], command: Sequence[str],
    folder: str | Path = ".",
) -> None:  # fmt: skip
    """Write the page at the end of a run; where that fails, say so and let the run end well.

    Parameters
    ----------
    rows
        Those of `fovea.runs.status.collect`.
    remarks : sequence of str
        What the end of the run says of its results.
    command : sequence of str
        The command line of the run, its program first.
    """
    target = Path(folder) / plan.paths.START_PAGE
    try:
        start_page(plan, target, rows, remarks, command, folder)
    except Exception as error:  # a page is no reason to fail, and results may be damaged
        print(f"{target}: could not be written: {error}", file=sys.stderr)


def start_page(
    plan: Plan, target: str | Path, rows: Sequence[Row], remarks: Sequence[str] = (),
    command: Sequence[str] = ("snakemake",), folder: str | Path = ".", alone: bool = False,
) -> None:  # fmt: skip
    """Write the page to `target`; the others are as for `write`.

    With `alone` it leads only to pages beside it, so that their folder can be sent.
    """
    folder = Path(folder)
    link = _linker(plan, Path(target).parent, folder, alone)
    fields = [row for row in rows if row.fov]
    done = sum(row.state == "done" for row in fields)
    parts: list[object] = [_trouble(rows, command, link)]
    for line in (line for text in remarks for line in text.splitlines()):
        words = line.removeprefix("Fovea: ").removeprefix("WARNING: ")
        parts.append(element("p", words, class_="warning"))
    if plan.samples:
        parts.append(_samples(plan, folder, link))
    for name, dataset in plan.datasets.items():
        own = [row for row in rows if row.dataset == name]
        parts.append(_dataset(name, dataset, own, folder, link))
    if len(fields) > 1:
        parts.append(_table(plan, fields, folder, link))
    parts.append(_provenance(plan, folder, link))
    lead = f"{counted(len(plan.datasets) + len(plan.traces), 'dataset')}; {done} of "
    lead += "; ".join([f"{counted(len(fields), 'field')} of view done", *made_words(plan, folder)])
    template.write_page(target, template.page("Results", lead, *parts))


def _linker(plan: Plan, page: Path, folder: Path, alone: bool) -> Link:
    from urllib.parse import quote

    def link(file: str, words: object) -> Html:
        """Return a link to a file or folder that is there."""
        path = folder / file
        if alone:  # pages lie beside this one as they do in the results
            path = page / os.path.relpath(file, Path(plan.paths.START_PAGE).parent)
        inside = path.resolve().is_relative_to(page.resolve())
        if not path.exists() or (alone and not inside):
            return html.text(words)
        return element("a", words, href=quote(os.path.relpath(path, page)))

    return link


def _trouble(rows: Sequence[Row], command: Sequence[str], link: Link) -> Html:
    """Say what failed, why, where the log is, and how to try again."""
    program, *options = (shlex.quote(word) for word in command)
    said = []
    for row in rows:
        if row.state in ("failed", "interrupted"):
            place = f"{row.dataset}, field of view {row.fov}" if row.fov else row.dataset
            again = " ".join([program, row.target, *options])
            what = element("b", f"{place}: {row.state} in step {row.step}")
            how = element("p", link(row.log, "log"), "; try again: ", element("code", again))
            said.append(element("div", what, element("p", row.error), how, class_="failure"))
    return Html("".join(said))


def _samples(plan: Plan, folder: Path, link: Link) -> Html:
    body = []
    for name in plan.samples:
        counts = count_cells(folder / _merged(plan, name, "traces_cells")) or Counts()
        page = link(fill(plan.steps.SAMPLE_PAGE["page"], sample=name), "traces and cells")
        fits = [link(fill(plan.steps.FIT_PAGE["page"], sample=name, fit=fit), _fit(plan, fit))
                for fit in plan.fits_of(name)]  # fmt: skip
        tables = [link(_merged(plan, name, "traces"), "traces")]
        tables += [link(file, _fit(plan, fit)) for fit, file in plan.fits_of(name).items()]
        parts = ", ".join(_part(*part) for part in samples.sample_parts(plan.config, name).items())
        body.append((element("b", name), parts, _n(counts.found), _n(counts.good), page,
                     _joined(fits), _joined(tables)))  # fmt: skip
    head = ("sample", "fields of view", _head("cells found"), _head("in the sample"), "page",
            "pages of fits", "tables")  # fmt: skip
    each = [link(fill(plan.steps.PARAMETERS_PAGE["page"], fit=fit), _fit(plan, fit))
            for fit in plan.fits if plan.fitted(fit)]  # fmt: skip
    each += [link(_figure(plan.steps.POPULATIONS.of(fit=fit)), f"populations: {_fit(plan, fit)}")
             for fit in plan.fits if plan.fitted(fit) and plan.fits[fit]["population"]]  # fmt: skip
    each += [link(_figure(plan.steps.ALIGNED.of(aligned=name)), _aligned(entry))
             for name, entry in plan.aligned.items() if plan.made(name)]  # fmt: skip
    more = element("p", "Samples side by side: ", _joined(each)) if each else Html("")
    return template.section("Samples", element("div", _table_of(head, body), class_="wide"), more)


def _figure(step: Step) -> str:
    return next(file for file in step.files if file.endswith(".png"))


def _part(dataset: str, fovs: Sequence[int] | str) -> str:
    from fovea.config.fovs import ALL, format_fovs

    return f"{dataset} ({'all' if fovs == ALL else format_fovs(fovs)})"


def _fit(plan: Plan, fit: str) -> str:
    entry = plan.fits[fit]
    return f"{entry['name'] or entry['model']}, {entry['feature']} of channel {entry['channel']}"


def _aligned(entry: Mapping) -> str:
    seen = f" (by {entry['by']})" if entry["by"] else ""
    return f"{entry['feature']} of channel {entry['channel']} around {entry['event']}{seen}"


def _merged(plan: Plan, sample: str, table: str) -> str:
    return fill(str(plan.steps.merged(table, "csv")), sample=sample)


def _joined(parts: Sequence[Html]) -> Html:
    return Html("<br>".join(parts))


def _n(number: object) -> Html:
    return element("td", "" if number is None else number, class_="n")


def _head(words: str) -> Html:
    return element("th", words, class_="n")


def _table_of(head: Sequence[object], body: Sequence[Sequence[object]]) -> Html:
    heads = [cell if isinstance(cell, Html) else element("th", cell) for cell in head]
    found = html.table((), body)
    return Html(found.replace("<thead><tr></tr></thead>",
                              f"<thead>{element('tr', *heads)}</thead>", 1))  # fmt: skip


def _dataset(
    name: str, dataset: DatasetPlan, rows: Sequence[Row], folder: Path, link: Link
) -> Html:  # fmt: skip
    """Return the part of a dataset: numbers, and a thumbnail of each field of view."""
    fields = [row for row in rows if row.fov]
    counts = [field_counts(dataset, row.fov, folder) for row in fields]
    total = sum((found for found in counts if found is not None), Counts())
    words = [cells_words(total, dataset, folder) + "."] if any(counts) else []
    figures = []
    for row, found in zip(fields, counts, strict=True):
        place = {"dataset": name, "fov": row.fov}
        small = folder / fill(dataset.paths.THUMBNAIL, **place)
        page = str(dataset.steps.FIELD_PAGE.of(**place)["page"])
        title = f"field of view {row.fov}"
        seen = html.picture(small.read_bytes(), title) if small.exists() else element(
            "div", "no picture yet", class_="empty")  # fmt: skip
        below = [element("span", row.state, class_=f"state {row.state}")]
        if found is not None:
            below.append(html.text(f" {found.kept} of {counted(found.found, 'cell')} kept"))
        figures.append(element("figure", link(page, seen), element(
            "figcaption", link(page, title), Html("<br>"), *below)))  # fmt: skip
    return template.section(
        f"Dataset {name}", element("p", f"{recording_of(dataset.entry)}. ", *words),
        element("div", *figures, class_="thumbs"),
    )  # fmt: skip


def _table(plan: Plan, rows: Sequence[Row], folder: Path, link: Link) -> Html:
    body = []
    for row in rows:
        found = field_counts(plan.datasets[row.dataset], row.fov, folder)
        why = ", ".join(f"{n} {REASONS.get(reason, reason)}"
                        for reason, n in found.reasons.most_common()) if found else ""  # fmt: skip
        frames = row.frames
        if row.planned_frames not in (None, row.frames):
            frames = f"{row.frames} of {row.planned_frames}"
        place = {"dataset": row.dataset, "fov": row.fov}
        logs = os.path.dirname(fill(plan.paths.FIELD_LOG, **place))
        traces = str(plan.steps.EXTRACT.of(**place)["traces"])
        state = element("span", row.state, class_=f"state {row.state}")
        now = f"{row.step} {row.progress}".strip()
        cells = (_n(found.found), _n(found.kept)) if found else (_n(None), _n(None))
        links = link(traces, "traces"), link(logs, "logs")
        body.append((row.dataset, row.fov, state, now, _n(frames), *cells, why, *links))
    head = ("dataset", "field of view", "state", "step", _head("frames"), _head("cells found"),
            _head("kept"), "left out", "", "")  # fmt: skip
    tables = [link(plan.paths.STATUS, "this table as CSV"), Html("; "),
              link(plan.paths.INDEX, "all tables and figures")]  # fmt: skip
    inside = element("div", _table_of(head, body), class_="wide")
    return template.section("Fields of view", inside, element("p", *tables))


def _provenance(plan: Plan, folder: Path, link: Link) -> Html:
    """Say what the results were made of: recordings, times, versions, parameters."""
    parts: list[Html] = [element("p", f"Fovea {__version__}.")]
    for name in plan.traces:
        parts.append(element("h3", f"Dataset {name}"))
        parts.append(element("p", f"Traces: {recording_of(plan.config['datasets'][name])}"))
    for name in plan.datasets:
        file = fill(plan.paths.PROCESSING_CONFIG, dataset=name)
        if not (folder / file).exists():
            continue
        with as_written(folder / file):
            record = yaml.safe_load(read_text(folder / file))
        about = load_metadata(folder / fill(plan.paths.METADATA, dataset=name))
        params = yaml.safe_dump(record["params"], sort_keys=False, allow_unicode=True)
        facts = [(key, words) for key, words in _facts(about, record).items() if words]
        parts += [
            element("h3", f"Dataset {name}"), html.table((), facts),
            element("details", element("summary", "parameters as run"),
                    element("pre", element("code", params))),
            element("p", link(file, "processing_config.yaml")),
        ]  # fmt: skip
    return template.section("What the results were made of", *parts)


def _facts(about: Mapping, record: Mapping) -> dict[str, object]:
    size, given = about.get("pixel_size_um"), record["dataset"]["time"]
    sources = {str(entry["times"]["source"]) for entry in about["fields"]
               if entry.get("times") and entry["times"].get("source")}  # fmt: skip
    stated = [key for key in ("interval", "mapping") if given[key] is not None]
    times = [*sorted(sources), *(f"time.{key} of the config" for key in stated)]
    names = [html.text(f"{k}: {name}") for k, name in enumerate(about["channels"])]
    software, files = record["software"], about["files"]
    more = [html.text(f"and {len(files) - _FILES} more")] if len(files) > _FILES else []
    return {
        "files": _joined([html.text(file) for file in files[:_FILES]] + more),
        "format": str(about["format"]),
        "channels": _joined(names),
        "pixel size": f"{size['y']:g} x {size['x']:g} µm" if size else "not stated",
        "times": ", ".join(times) or "not stated",
        "notes": _joined([html.text(note) for note in about.get("notes") or []]),
        "software": ", ".join(f"{name} {version}" for name, version in software.items()),
    }
