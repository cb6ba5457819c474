"""The state of a run is found out once for all windows of the page."""

from __future__ import annotations

import pytest

pytest.importorskip("bokeh", reason="bokeh is not installed")

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.pages.live import page as live_page
from fovea.pages.live.results import Results


@pytest.fixture
def page(tmp_path):
    entry = {"input": "data/rec.nd2", "channels": {"pc": {"channel": 0}}}
    made = live_page.Page(Results(Plan(validated({"datasets": {"a": entry}})), tmp_path))
    yield made
    made.close()


def test_windows_that_ask_at_a_time_get_one_answer(page, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live_page, "monotonic", lambda: now[0])
    first = page.look()
    assert [row.step for row in first.result()] == ["inspect_input"]
    now[0] += 3
    assert page.look() is first
    now[0] += 1
    second = page.look()
    assert second is not first
    page.forget()  # as after a run
    assert page.look() is not second


def test_metadata_are_read_once(page, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        "fovea.pages.live.results.load_metadata",
        lambda path: read.append(path) or {"fields": [{"frames": 3, "planned_frames": 3}]},
    )
    metadata = tmp_path / "results/a/metadata.yaml"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("fields: []\n", "utf-8")
    assert [row.frames for row in page.results.rows()] == [3]
    assert [row.frames for row in page.results.rows()] == [3]
    assert len(read) == 1
    metadata.write_text("fields: [1]\n", "utf-8")
    page.results.rows()
    assert len(read) == 2
