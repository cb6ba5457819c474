"""The page to work in, in a browser: from a table of fields of view to a new fit."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pandas as pd
import pytest

from fovea.samples.curation import read_curation
from support.live_page import served
from support.small_run import FRAMES

pytestmark = pytest.mark.xdist_group("small_run")
TABLE = Path("config") / "curation.csv"
#: Counts clicks and keys of whoever uses the page.
COUNT = """
window.counted = {pointerdown: 0, keydown: 0}
for (const kind in counted) window.addEventListener(kind, () => counted[kind]++, {capture: true})
"""
HOSTILE = "<script>window.harmed=1</script><img src=x onerror='window.harmed=1'>\"'\u202e $$x^2$$"


def traces(run: Path, number: int = 0) -> pd.DataFrame:
    """The traces of a field of view."""
    return pd.read_csv(run / f"results/small/fov_{number:03d}/small_fov_{number:03d}_traces.csv")


def first_cell(run: Path, number: int = 0) -> tuple[int, float, float]:
    """A cell with a trace, and where it is in frame 0."""
    row = traces(run, number).query("frame == 0").iloc[0]
    return int(row["cell"]), row["position_x"], row["position_y"]


def test_from_an_odd_trace_to_a_new_fit(run, window):
    """Four clicks and a key: the trace, play, B, what follows, run it."""
    with served("--directory", run) as (address, _):
        page = window(address)
        page.until_text("summary", "2 done")
        page.shot("1_fields_of_view")
        page.open_field(0)
        own = traces(run).query("frame == 3").iloc[0]
        column = page.model("feature_0", "value")
        assert column in own
        page.page.evaluate(COUNT)
        page.click_at("traces_0", 3, own[column])  # click 1
        page.until_text("about", f"<b>Cell {own['cell']:.0f}</b>")
        page.until("Bokeh.documents[0].get_model_by_name('frame').value === 3")
        page.page.get_by_role("button", name="Play").click()  # click 2
        page.until("Bokeh.documents[0].get_model_by_name('frame').value > 4")
        page.page.keyboard.press("b")  # the key
        page.until_text("said", "marked bad")
        page.shot("2_cells_judged")
        verdict = read_curation(run / TABLE)[0]
        assert verdict.key == ("small", 0, own["cell"])
        assert not verdict.good
        seen = traces(run).set_index(["cell", "frame"]).loc[(own["cell"], verdict.frame)]
        assert verdict.position == (seen["position_x"], seen["position_y"])
        page.tab("Run again")  # click 3
        page.until_text("jobs", "would run again:</b>")
        jobs = page.model("jobs", "text")
        assert "merge" in jobs
        assert "segment" not in jobs
        page.shot("3_run_again")
        page.page.get_by_role("button", name="Run it").click()  # click 4
        page.until_text("progress", "steps done", seconds=600)
        page.until_text("progress", "Done.", seconds=600)
        page.until_text("jobs", "up to date")
        assert page.page.evaluate("window.counted") == {"pointerdown": 4, "keydown": 1}
        page.shot("4_done")
        merged = pd.read_csv(run / "results/merged/all_traces.csv", comment="#")
        assert not merged.query(f"fov == 0 and cell == {own['cell']}")["good"].any()
        assert merged.query(f"fov == 0 and cell != {own['cell']}")["good"].all()
        fits = pd.read_csv(next((run / "results/analysis").glob("all_*_fitted_*.csv")))
        assert own["cell"] not in set(fits.query("fov == 0")["cell"])


def test_keys_buttons_ranges_notes_and_several_cells(run, window):
    cell, x, y = first_cell(run)
    with served("--directory", run) as (address, _):
        page = window(address)
        page.open_field(0)
        keys = page.page.keyboard
        last = FRAMES - 1
        pressed = {"ArrowRight": 1, "Shift+ArrowRight": last, "ArrowLeft": last - 1, "Home": 0,
                   "End": last, "Shift+ArrowLeft": 0}  # fmt: skip
        for key, frame in pressed.items():
            keys.press(key)
            page.until(f"Bokeh.documents[0].get_model_by_name('frame').value === {frame}")
        page.click_at("picture", x, y)
        page.until_text("about", f"<b>Cell {cell}</b>, all frames")
        start, end = page.place("traces_0", 1.6, 0), page.place("traces_0", 4.4, 0)
        height = page.place("traces_0", 2, traces(run)[page.model("feature_0", "value")].median())[
            1
        ]
        page.page.mouse.move(start[0], height)
        page.page.mouse.down()
        page.page.mouse.move(end[0], height, steps=4)
        page.page.mouse.up()
        page.until_text("about", "frames 2 to 4")
        page.page.locator("input[placeholder^='Note']").fill("out of focus; b")
        page.page.keyboard.press("Escape")  # leaves the note; keys work again
        keys.press("b")
        page.until_text("said", "marked bad in frames 2 to 4")
        page.until_text("counter", "1 of")
        page.shot("5_frames_judged")
        lines = (run / TABLE).read_text().splitlines()
        assert lines[1].startswith(f"small,0,{cell},false,2,4,out of focus; b,")
        keys.press("Escape")
        page.until_text("about", "all frames")
        keys.press("g")
        page.until_text("said", "marked good")
        assert len(read_curation(run / TABLE)) == 1
        keys.press("Control+z")
        page.until_text("said", "undone")
        assert (run / TABLE).read_text().splitlines() == lines
        keys.press("Control+y")
        page.until_text("said", "redone")
        keys.press("c")
        page.until_text("said", "verdict removed")
        assert read_curation(run / TABLE) == []
        rows = page.page.locator(".slick-row:visible")
        rows.nth(0).click()
        rows.nth(1).click(modifiers=["Control"])
        page.until_text("about", "2 cells")
        page.page.get_by_role("button", name="Bad (B)").click()
        page.until_text("said", "2 cells marked bad")
        assert len(read_curation(run / TABLE)) == 2
        kept = traces(run)["cell"].nunique()
        page.until_text("counter", f"2 of {kept} cells")
        keys.press("n")
        page.until_text("about", "<b>Cell ")
        keys.press("o")
        keys.press("i")
        keys.press("f")
        page.until("Bokeh.documents[0].get_model_by_name('switches').active.length === 0")


def test_two_windows_and_another_program(run, window):
    cell, x, y = first_cell(run)
    with served("--directory", run) as (address, lines):
        one = window(address)
        two = window(address.split("?")[0])
        for page in (one, two):
            page.open_field(0)
            page.click_at("picture", x, y)
            page.until_text("about", f"<b>Cell {cell}</b>")
        one.page.keyboard.press("b")
        one.until_text("said", "marked bad")
        two.until_text("about", "judged: bad")
        two.page.keyboard.press("Control+z")
        two.until_text("said", "Nothing to undo")
        with (run / TABLE).open("a") as file:
            file.write("small,1,1,true,,,in a spreadsheet,,,\n")
        one.until_text("said", "changed by another program")
        two.until_text("said", "changed by another program")
        two.page.keyboard.press("g")
        two.until_text("said", "marked good")
        one.until_text("about", "judged: good")
        one.page.keyboard.press("Control+z")
        one.until_text("said", "judged by another page or program meanwhile")
        assert {verdict.key[1:] for verdict in read_curation(run / TABLE)} == {(0, cell), (1, 1)}
        (run / TABLE).write_text("dataset,fov,cell\n")
        one.until_text("said", "column good is missing")
        one.page.keyboard.press("b")
        one.until_text("said", "nothing was saved")
        assert (run / TABLE).read_text() == "dataset,fov,cell\n"
    assert any(line.startswith("For another browser: http://127.0.0.1:") for line in lines)


def test_images_layers_and_contrast(run, window):
    with served("--directory", run) as (address, _):
        page = window(address)
        page.open_field(1)
        assert page.page.locator("select").filter(has_text="phase contrast").count() == 1
        layer = page.page.locator("select").filter(has_text="phase contrast")
        names = layer.locator("option").all_inner_texts()
        assert any("fluorescence" in name for name in names)
        assert {"labels of each frame", "cells, one colour for each"} <= set(names)
        seen = set()
        for name in names:
            drawn = page.model("browser", "drawn")
            layer.select_option(label=name)
            if name != names[0]:
                page.until(f"Bokeh.documents[0].get_model_by_name('browser').drawn > {drawn}")
            data = page.page.evaluate(
                "['image', 'image_in_colours'].flatMap((name) => Array.from(Bokeh.documents[0]"
                ".get_model_by_name(name).data.image[0] ?? []))"
            )
            assert len(set(data)) > 1, name
            seen.add(tuple(data))
        assert len(seen) >= len(names) - 1  # labels of the first frame may be the IDs
        page.shot("6_cells_in_colours")


def test_failed_partial_and_hostile_results(run, window):
    """Whatever names, notes and messages hold is text; whatever is missing is said."""
    field = run / "results/small/fov_001"
    (field / "small_fov_001_traces.csv").unlink()
    log = run / "logs/small/fov_001/extract.log"
    log.write_text(
        "2026-05-01 12:00:00,000 INFO    started extract (y): Fovea 0.1.0\n"
        f"2026-05-01 12:00:00,000 INFO    host {socket.gethostname()}, process 4194400, threads 1\n"
        f"2026-05-01 12:00:00,000 ERROR   failed: {HOSTILE}\n"
    )
    metadata = run / "results/small/metadata.yaml"
    text = metadata.read_text("utf-8")
    shown = HOSTILE.replace("'", "''")
    channels = f"channels: ['{shown}', 'a: b']"
    metadata.write_text(re.sub(r"^channels: .*$", lambda _: channels, text, flags=re.M), "utf-8")
    (metadata.parent / ".checksums" / "metadata.yaml.json").unlink()
    cell, x, y = first_cell(run)
    quoted = HOSTILE.replace('"', '""')
    (run / TABLE).write_text(
        f'dataset,fov,cell,good,note\nsmall,0,{cell},false,"{quoted}"\n', "utf-8"
    )
    shard = run / "results/small/fov_000/images.zarr/fl_ch_1/0/c.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-50])
    with served("--directory", run) as (address, _):
        page = window(address)
        page.until_text("summary", "1 failed")
        page.shot("7_failed_and_hostile")
        assert "window.harmed=1" in page.page.locator(".slick-row").nth(1).inner_text()
        page.open_field(0)
        page.click_at("picture", x, y)
        page.until_text("about", "judged: bad")
        page.shot("8_hostile_note")
        layer = page.page.locator("select").filter(has_text="phase contrast")
        broken = next(t for t in layer.locator("option").all_inner_texts() if "fluorescence" in t)
        layer.select_option(label=broken)
        page.until_text("said", "is damaged or not whole")
        page.tab("Fields of view")
        page.open_field(1)
        page.until_text("said", "no traces yet")
        assert page.page.evaluate("window.harmed") is None


def test_nothing_but_a_config(tmp_path, window):
    """The page opens before a run, and shows what the run makes."""
    from support.harness import dataset, write_config

    write_config(tmp_path, {"small": dataset("data/small.ome.tiff", fl=(1,))})
    with served("--directory", tmp_path) as (address, _):
        page = window(address)
        page.until_text("summary", "No field of view is known yet")
        assert "waiting" in page.page.locator(".slick-row").first.inner_text()
        page.shot("9_before_a_run")
        assert not (tmp_path / "results").exists()
        page.tab("Fits")
        page.until_text("fitted", "asks for no fit")
    assert sorted(os.listdir(tmp_path)) == ["config"]


def test_fits_and_what_is_saved(run, window, tmp_path):
    with served("--directory", run) as (address, _):
        page = window(address)
        page.tab("Fits")
        page.page.locator(".slick-row:visible").nth(1).click(timeout=60_000)
        page.until_text("strip", "the cell over time")
        page.shot("10_fits")
        saved: list = []
        page.page.on("download", lambda one: saved.append(one))
        for name, count in (("Save SVG", 4), ("Save PNG", 8), ("Save numbers (CSV)", 9)):
            page.page.get_by_role("button", name=name).click()
            while len(saved) < count:
                page.page.wait_for_timeout(100)
        starts = {".svg": b"<svg", ".png": b"\x89PNG", ".csv": b"name,good,"}
        for one in saved:
            target = tmp_path / one.suggested_filename
            one.save_as(target)
            assert target.read_bytes().startswith(starts[target.suffix]), target
        numbers = pd.read_csv(target)
        assert len(numbers) == 1  # the chosen one
        fits = pd.read_csv(next((run / "results/analysis").glob("all_*_fitted_*.csv")))
        assert numbers["rmse"].iloc[0] in set(fits["rmse"])
        page.page.get_by_role("button", name="Show it in the recording").click()
        fov, cell = re.match(r"field of view (\d+), cell (\d+)", numbers["name"].iloc[0]).groups()
        page.until_text("field", f"field of view {int(fov):03d}")
        page.until_text("about", f"<b>Cell {cell}</b>")
        page.until("Bokeh.documents[0].get_model_by_name('frame').value > 1")
