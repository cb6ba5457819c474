"""Static pages in a browser without network: a run of which one field of view fails.

Each test leaves a picture of its page in the folder `pages` beside the temporary folders of pytest,
or in that of FOVEA_SCREENSHOTS.
"""

from __future__ import annotations

import math
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.pages.report.start_page import start_page
from fovea.runs.status import collect
from fovea.simulation.simulate import simulate
from support.broken import damage, write_positions
from support.harness import snakemake, write_config

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.xdist_group("pages"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (.ci/install-chromium)"),
]  # fmt: skip
HOSTILE = "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>"
HOSTILE += "\n\u202eevil$$x$$"
FITS = [{"model": model, "channel": 1, "feature": "intensity_total"}
        for model in ("line", "exponential_decay", "auc")]  # fmt: skip
LINE = "intensity_total_ch_1_fitted_line"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of three fields of view: one is damaged, and a sample has to wait for it."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "data").mkdir()
    simulate(folder / "whole.ome.tiff", folder / "truth", cells=[6, 6, 5], fovs=3, frames=12,
             height=160, width=192, channels=2, interval=600.0)  # fmt: skip
    write_positions(folder / "whole.ome.tiff", folder / "data")
    damage(folder / "data/pos_1.ome.tiff")
    entry = {"input": "data/pos_*.ome.tiff", "time": {"interval": 10}, "channels": {
        "pc": {"channel": 0, "features": ["area"]},
        "fl": [{"channel": 1, "features": ["intensity_total", "intensity_mean"]}]}}  # fmt: skip
    samples = [{"name": "well", "dataset": "a", "fovs": [0, 2]},
               {"name": "ill", "dataset": "a", "fovs": [1]}]  # fmt: skip
    write_config(folder, {"a": entry}, samples=samples, analysis=FITS)
    done = snakemake(folder, expected=1)
    (folder / "terminal.txt").write_text(done.text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path_factory, request):
    """A function that opens a page; afterwards, that it asked for nothing and had no error."""
    seen: list[str] = []
    errors: list[str] = []
    pages = []

    def open_page(path: Path):
        page = browser.new_page(viewport={"width": 1360, "height": 1100}, offline=True)
        page.on("request", lambda asked: asked.is_navigation_request() or seen.append(asked.url))
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(path.resolve().as_uri())
        if page.locator("[data-root-id]").count():
            page.wait_for_function("window.Bokeh && Bokeh.documents.length && "
                                   "Bokeh.documents[0].is_idle")  # fmt: skip
        pages.append((path, page))
        return page

    yield open_page
    chosen = os.environ.get("FOVEA_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for _, page in pages:
        page.screenshot(path=folder / f"{request.node.name}.png", full_page=True)
        assert page.evaluate("window.hacked") is None
        page.close()
    assert [url for url in seen if not url.startswith(("data:", "blob:"))] == []
    assert not errors


def selected(page) -> list[int]:
    return page.evaluate("""() => {
        for (const model of Bokeh.documents[0]._all_models.values())
            if (model.type === "ColumnDataSource" && model.data.curve_times)
                return model.selected.indices
    }""")


def click(page, glyph: str, cell: int) -> None:
    """Click on what a figure draws of a cell: its point, or the last value of its trace."""
    x, y = page.evaluate(f"""() => {{
        const plots = []
        const walk = view => {{
            if (view.model.type === "Figure") plots.push(view)
            for (const child of view.children ? view.children() : []) walk(child)
        }}
        for (const root of Bokeh.index) walk(root)
        for (const plot of plots) for (const drawn of plot.model.renderers) {{
            if (drawn.glyph?.type !== "{glyph}" || !drawn.data_source.data.curve_times) continue
            const data = drawn.data_source.data
            const at = "{glyph}" === "Scatter" ? [data.x[{cell}], data.y[{cell}]]
                : [data.times[{cell}].at(-1), data.values[{cell}].at(-1)]
            const view = plot.plot_view ?? plot
            const frame = view.frame, box = view.canvas_view.el.getBoundingClientRect()
            return [box.x + frame.x_scale.compute(at[0]), box.y + frame.y_scale.compute(at[1])]
        }}
    }}""")
    page.mouse.click(x, y)
    page.wait_for_timeout(150)


def choose(page, title: str, value: str) -> None:
    """Choose an option of a list as people do, by its words."""
    options = page.evaluate(model(page, "Select", f"m.title === '{title}'") + ".options")
    words = next(words for key, words in options if key == value)
    page.locator("select").first.select_option(label=words)
    page.wait_for_timeout(100)


def model(page, of_type: str, having: str) -> str:
    """JavaScript that finds a model of Bokeh."""
    return ("[...Bokeh.documents[0]._all_models.values()].find(m => m.type === "
            f"'{of_type}' && {having})")  # fmt: skip


def test_the_start_page_says_what_failed_and_leads_to_the_rest(run, opened):
    page = opened(run / "results/report/index.html")
    text = page.inner_text("body")
    assert "2 of 3 fields of view done" in text
    assert "a, field of view 001: failed in step copy_raw" in text
    assert "try again: snakemake" in text or "try again: " in text
    assert page.locator(".thumbs img").count() == 2
    assert page.locator(".thumbs figure").count() == 3
    assert page.get_by_text("no picture yet").count() == 1
    links = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    assert len(links) > 12
    for link in links:
        assert (run / "results/report" / link).exists(), link
    for wanted in (f"fits/well_{LINE}.html", "samples/well.html", "fields/a_fov_000.html",
                   "../status.csv", "../../logs/a/fov_001/copy_raw.log"):  # fmt: skip
        assert wanted in links
    assert f"fits/ill_{LINE}.html" not in links
    page.click("a[href='fields/a_fov_000.html'] >> nth=0")
    page.wait_for_url("**/fields/a_fov_000.html")
    assert "field of view 000" in page.inner_text("h1")
    assert page.locator(".frames img").count() == 2
    page.click("nav a")
    page.wait_for_url("**/index.html")


def test_the_end_of_the_run_says_the_same(run):
    lines = (run / "terminal.txt").read_text("utf-8").splitlines()
    at = lines.index("Fovea: 2 of 3 fields of view done")
    assert lines[at + 1].startswith("Fovea: dataset a: ")
    assert " found, " in lines[at + 1]
    assert "Fovea: 1 of 2 samples made, 3 of 6 fits made" in lines[at:]
    assert "Fovea: look at results/report/index.html" in lines[at:]
    assert "Fovea: 1 of 3 fields of view failed" in lines[at:]


def test_selecting_points_selects_traces_and_the_reverse(run, opened):
    page = opened(run / f"results/report/fits/well_{LINE}.html")
    cells = page.evaluate(
        f"{model(page, 'ColumnDataSource', 'm.data.curve_times')}.data.name.length"
    )
    assert cells > 5
    assert selected(page) == []
    first = page.locator("h3").first.inner_text()
    page.get_by_text("next cell").click()
    assert selected(page) == [1]
    assert page.locator("h3").first.inner_text() != first
    page.get_by_text("select none").click()
    assert selected(page) == []
    click(page, "Scatter", 2)
    assert selected(page) == [2]
    click(page, "MultiLine", 4)
    assert selected(page) == [4]
    page.evaluate(
        f"{model(page, 'ColumnDataSource', 'm.data.curve_times')}.selected.indices = [2, 3]"
    )
    page.wait_for_timeout(200)
    assert page.get_by_text("and 1 more selected").count() == 1
    bars = page.evaluate(f"{model(page, 'ColumnDataSource', 'm.data.chosen')}.data.chosen")
    assert sum(bars) == 2


def test_axes_can_be_logarithmic_and_show_any_parameter(run, opened):
    page = opened(run / f"results/report/fits/well_{LINE}.html")
    source = model(page, "ColumnDataSource", "m.data.curve_times")
    choose(page, "horizontal", "r_squared")
    assert page.evaluate(f"Array.from({source}.data.x)") == page.evaluate(
        f"Array.from({source}.data.r_squared)"
    )
    choose(page, "horizontal", "offset")
    page.evaluate(f"{model(page, 'Switch', 'true')}.active = true")
    page.wait_for_timeout(100)
    shown, whole = (page.evaluate(f"Array.from({source}.data.{name})") for name in ("x", "offset"))
    for log, value in zip(shown, whole, strict=True):
        assert log == pytest.approx(math.log10(value)) if value > 0 else math.isnan(log)


def test_a_sample_shows_each_of_its_features(run, opened):
    page = opened(run / "results/report/samples/well.html")
    source = model(page, "ColumnDataSource", "m.data['times area_ch_0']")
    before = page.evaluate(f"{source}.data.values[0][0]")
    choose(page, "feature", "intensity_mean_ch_1")
    assert page.evaluate(f"{source}.data.values[0][0]") != before
    text = page.inner_text("body")
    assert "tracked" in text
    assert page.locator("canvas").count() >= 5


def test_a_measure_has_a_page_too(run, opened):
    page = opened(run / "results/report/fits/well_intensity_total_ch_1_fitted_auc.html")
    assert "auc" in page.inner_text("h1")
    page.get_by_text("next cell").click()
    assert selected(page) == [1]


def test_names_are_inert(run, opened, tmp_path):
    folder = tmp_path / "hostile"
    shutil.copytree(run, folder)
    about = folder / "results/a/metadata.yaml"
    record = yaml.safe_load(about.read_text("utf-8"))
    record["channels"] = [HOSTILE, HOSTILE]
    record["notes"] = [HOSTILE]
    record["files"] = [f"data/{HOSTILE}.tif"]
    about.write_text(yaml.safe_dump(record, allow_unicode=False), "utf-8")
    (about.parent / ".checksums" / "metadata.yaml.json").unlink()
    plan = Plan(validated(yaml.safe_load((folder / "config/config.yaml").read_text("utf-8"))))
    rows = collect(plan, folder)
    for row in rows:
        row.error = HOSTILE
    target = folder / "results/report/index.html"
    start_page(plan, target, rows, [HOSTILE], ["snakemake", HOSTILE], folder)
    page = opened(target)
    assert page.inner_text("body").count("window.hacked=1") >= 10
    assert page.locator("script").count() == 0


def test_the_report_contains_the_pages(run, tmp_path):
    """The pages alone are a report that can be sent; Snakemake's own contains them."""
    folder = tmp_path / "sent"
    shutil.copytree(run, folder)
    config = yaml.safe_load((folder / "config/config.yaml").read_text("utf-8"))
    config["datasets"]["a"]["exclude_fovs"] = [1]
    config["samples"] = [sample for sample in config["samples"] if sample["name"] == "well"]
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    snakemake(folder)
    sent = folder / "results/report/to_send"
    start = (sent / "index.html").read_text("utf-8")
    assert f"fits/well_{LINE}.html" in start
    assert "../" not in start.replace("../index.html", "")
    assert (sent / f"fits/well_{LINE}.html").exists()
    snakemake(folder, "--report", "report.zip")
    with zipfile.ZipFile(folder / "report.zip") as archive:
        names = archive.namelist()
    assert any(name.endswith(f"fits/well_{LINE}.html") for name in names), names
    assert any(name.endswith("index.html") for name in names)
