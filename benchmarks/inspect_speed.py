"""How fast the page of `fovea inspect` is on many results: opening, next frames, memory.

    chrt -r 10 .venv/bin/python benchmarks/inspect_speed.py

`chrt`, which root may use, keeps other programs off the cores that it needs; leave it out on a
machine that does nothing else.
Makes results of 500 fields of view with 20 cells each in frames of 2048 x 2048 pixels, whose images
are the same files, and opens them in Chromium. Writes benchmarks/inspect_speed.json. The times of
the server alone are CPU seconds; those seen in the browser hold everything from a key to the
picture.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import common
import numpy as np
import psutil
import yaml

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.display.cache import cache
from fovea.pages.live.cells import cell_table
from fovea.pages.live.pictures import Window, cells_in, display_limits, outlines, picture
from fovea.pages.live.results import Results
from fovea.store.contrast import CountLimits
from fovea.store.format import LABELS
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import write_group
from fovea.store.writer import ArrayWriter
from fovea.tracking.boxes import measure_cells, write_boxes

FIELDS, CELLS, FRAMES, SIDE = 500, 20, 24, 2048
RADIUS = 40  # pixels, of the cells
CONFIG = {
    "datasets": {"many": {
        "input": "many.ome.tiff", "fovs": f"0-{FIELDS - 1}", "time": {"interval": 10},
        "channels": {"pc": {"channel": 0, "features": ["area"]},
                     "fl": [{"channel": 1, "features": ["intensity_total"]}]},
    }},
    "samples": [{"name": "all"}],
}  # fmt: skip


def images(folder: Path) -> np.ndarray:
    """Write the images of one field of view; return the places of its cells, (N, 2)."""
    rng = np.random.default_rng(0)
    places = rng.uniform(100, SIDE - 100, (CELLS, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    noise = [rng.integers(3000, 5000, (SIDE, SIDE), np.uint16) for _ in range(3)]
    write_group(folder, {})
    boxes = []
    ids = np.zeros((SIDE, SIDE), np.uint16)
    for cell, (cy, cx) in enumerate(places, 1):
        ids[(y - cy) ** 2 + (x - cx) ** 2 < RADIUS**2] = cell
    for kind, channel in (("pc", 0), ("fl", 1), ("seg_tracked", 0), ("seg_labeled", 0)):
        group = folder / f"{kind}_ch_{channel}"
        labels = kind.startswith("seg")
        about = provenance("benchmark", {}, unit="count")
        limits = CountLimits()
        codec = {"codec": LABELS} if labels else {}
        with ArrayWriter(group / "0", (FRAMES, SIDE, SIDE), "uint16", about, **codec) as out:
            for frame in range(FRAMES):
                moved = np.roll(ids, frame, axis=1)
                shown = moved if labels else noise[frame % 3] - np.where(moved > 0, 1500, 0)
                out.append(shown.astype(np.uint16))
                limits.add(shown.astype(np.uint16))
                if kind == "seg_tracked":
                    boxes.append(measure_cells(moved, frame)[0])
            more = {"largest_label": CELLS} if labels else {"display_limits": limits.limits()}
            about["fovea"].update(more)
        write_group(group, ngff(group.name))
        cache([group])
    write_boxes(folder / "seg_tracked_ch_0", np.concatenate(boxes), FRAMES, {})
    return places


def results(folder: Path) -> None:
    """Write the results of all fields of view."""
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    first = folder / "results/many/fov_000/images.zarr"
    first.mkdir(parents=True)
    places = images(first)
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    plan = Plan(validated(CONFIG))
    fields = "".join(f"- {{name: p{n}, height: {SIDE}, width: {SIDE}, planes: 1, frames: {FRAMES}, "
                     f"planned_frames: {FRAMES}, stage_position_um: null}}\n"
                     for n in range(FIELDS))  # fmt: skip
    (folder / "results/many/metadata.yaml").write_text(
        "format: OME-TIFF\nfiles: [many.ome.tiff]\ndtype: uint16\nchannels: [Phase, GFP]\n"
        f"pixel_size_um: null\nnotes: []\nfov_count: {FIELDS}\ntimes: {{source: none}}\n"
        f"fields:\n{fields}"
    )
    box = [
        f"{v:.0f}"
        for cy, cx in places
        for v in (cx - RADIUS, cy - RADIUS, cx + RADIUS, cy + RADIUS)
    ]
    for fov in range(FIELDS):
        here = folder / f"results/many/fov_{fov:03d}"
        if fov:
            for file in files:
                target = here / "images.zarr" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(first / file, target)
        rows = [f"{fov},{c + 1},{t},True,False,{places[c, 1]:.1f},{places[c, 0]:.1f},"
                f"{','.join(box[4 * c : 4 * c + 4])},{5000 + t},{1000 * t}"
                for c in range(CELLS) for t in range(FRAMES)]  # fmt: skip
        start = here / f"many_fov_{fov:03d}"
        Path(f"{start}_traces.csv").write_text(
            "fov,cell,frame,good,merged,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1,"
            "area_ch_0,intensity_total_ch_1\n" + "\n".join(rows) + "\n"
        )
        Path(f"{start}_cells.csv").write_text(
            "fov,cell,first_frame,last_frame,frames,kept,reason\n"
            + "".join(f"{fov},{c + 1},0,{FRAMES - 1},{FRAMES},True,\n" for c in range(CELLS))
        )
    for name in plan.dataset_files("many", range(FIELDS)):
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def server(folder: Path) -> dict[str, float]:
    """CPU seconds of what the server does, without a browser."""
    found = Results(Plan(validated(CONFIG)), folder)
    rows_ms, rows = common.cpu_ms(found.rows)
    field = found.field("many", "007")
    table_ms, _ = common.cpu_ms(lambda: cell_table(field, {}))
    whole, part = Window(0, 0, SIDE, SIDE), Window(500, 500, 1000, 1000)
    limits = display_limits(field, "pc_ch_0")
    times: dict[str, list[float]] = {"whole": [], "part": []}
    for frame in range(FRAMES):
        for name, window in (("whole", whole), ("part", part)):

            def draw(frame: int = frame, window: Window = window) -> None:
                picture(field, "pc_ch_0", frame, window, limits)
                labels = field.reader(field.labelled)[frame]
                outlines(labels, cells_in(field, frame), window.step)

            times[name].append(common.cpu_ms(draw)[0])
    assert sum(row.cells_kept or 0 for row in rows) == FIELDS * CELLS
    return {
        "state_of_all_fields_ms": rows_ms,
        "table_of_cells_ms": table_ms,
        "frame_ms": median(times["whole"]),
        "part_of_a_frame_ms": median(times["part"]),
    }


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds that a process has used."""
    return sum(process.cpu_times()[:2])


def browser(folder: Path) -> dict[str, float]:
    """Wall seconds seen in the browser, and memory of the server."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "fovea.cli", "inspect", "--directory", str(folder)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(common.ROOT / "scripts")},
    )
    about = psutil.Process(process.pid)
    try:
        address = next(m[0] for line in process.stderr if (m := re.search(r"http://\S+", line)))
        started = time.perf_counter() - begin
        threading.Thread(target=process.stderr.read, daemon=True).start()
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            page = chromium.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(address)  # what a browser does once: the library of 4 MB
            named = "Bokeh.documents[0].get_model_by_name"
            table = f"window.fovea_ready && {named}('summary')?.text.includes('{FIELDS} fields')"
            page.wait_for_function(table, timeout=300_000)
            openings, used = [], cpu_of(about)
            for _ in range(3):
                begin = time.perf_counter()
                page.reload()
                page.wait_for_function(table, timeout=300_000)
                openings.append(time.perf_counter() - begin)
            opening = (cpu_of(about) - used) / len(openings)
            page.locator(".slick-row", has_text="many").nth(3).click()
            page.wait_for_function(f"{named}('image')?.data.image.length > 0", timeout=300_000)
            page.wait_for_timeout(2000)
            used = cpu_of(about)
            frames = page.evaluate(
                """async (count) => {
              const state = Bokeh.documents[0].get_model_by_name("browser")
              const taken = []
              for (let i = 0; i < count; i++) {
                const start = performance.now(), before = state.drawn
                window.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}))
                while (state.drawn == before) await new Promise((done) => setTimeout(done, 1))
                taken.push(performance.now() - start)
                await new Promise((done) => setTimeout(done, 100))
              }
              return taken
            }""",
                FRAMES - 2,
            )
            frame = 1e3 * (cpu_of(about) - used) / len(frames)
            for number in range(11):
                page.get_by_text("Fields of view").first.click()
                page.locator(".slick-row", has_text="many").nth(number).click()
                page.wait_for_timeout(700)
            memory = about.memory_info().rss / 1e6
            chromium.close()
    finally:
        process.terminate()
        process.wait(30)
    return {
        "start_s": started,
        "open_s": median(openings),
        "open_server_cpu_s": opening,
        "next_frame_ms": median(frames),
        "next_frame_server_cpu_ms": frame,
        "slowest_frame_ms": max(frames),
        "server_mb": memory,
    }


def main() -> None:
    """Make the results, measure, and print."""
    with tempfile.TemporaryDirectory(prefix="fovea_inspect_") as name:
        folder = Path(name)
        results(folder)
        found = server(folder) | browser(folder)
        found["cores"] = len(os.sched_getaffinity(0))
    found = {key: round(value, 2) for key, value in found.items()}
    load = os.getloadavg()[0]
    found |= {"fields": FIELDS, "cells": FIELDS * CELLS, "size": SIDE, "load": round(load, 1)}
    (common.ROOT / "benchmarks" / "inspect_speed.json").write_text(
        json.dumps(found, indent=1) + "\n"
    )
    print("\n".join(f"{key:24} {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
