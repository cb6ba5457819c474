"""What the start page leads to, with nothing but a config and the files that it names."""

from __future__ import annotations

import pytest

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.pages.report.start_page import start_page

FIT = {"model": "maturation", "channel": 1, "feature": "intensity_total"}


@pytest.mark.parametrize("made", [True, False])
def test_figures_that_put_samples_side_by_side(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    channels = {"pc": {"channel": 0, "features": ["area"]},
                "fl": [{"channel": 1, "features": ["intensity_total"]}]}  # fmt: skip
    entry = {"event": "death", "channel": 1, "feature": "intensity_total", "by": "area_ch_0"}
    plan = Plan(validated({
        "datasets": {"a": {"input": "a.nd2", "fovs": [0], "channels": channels}},
        "samples": [{"name": "s", "dataset": "a"}],
        "analysis": [FIT, FIT | {"name": "all", "population": True}],
        "aligned": [entry],
    }))  # fmt: skip
    figures = [name for name in plan.sample_files() if name.endswith(".png")
               and ("populations" in name or "aligned" in name)]  # fmt: skip
    assert len(figures) == 2
    for name in figures if made else ():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    page = tmp_path / "results/report/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    start_page(plan, page, [])
    text = page.read_text("utf-8")
    for name, words in zip(sorted(figures), (
        "intensity_total of channel 1 around death (by area_ch_0)",
        "populations: all, intensity_total of channel 1",
    ), strict=True):  # fmt: skip
        assert words in text
        assert (f'href="../{name.removeprefix("results/")}">{words}' in text) == made
