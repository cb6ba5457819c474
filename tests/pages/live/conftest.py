"""A browser without network, and pages of a small run in it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.live_page import Window
from support.small_run import small_run

CHROMIUM = shutil.which("chromium")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """A finished run, not to be changed."""

    return small_run(tmp_path_factory.mktemp("small_run"))


@pytest.fixture
def run(finished_run, tmp_path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture(scope="module")  # not longer: there can be one Playwright at a time
def chromium():
    """A browser without a screen."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (.ci/install-chromium)")
    for package in ("bokeh", "playwright"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium):
    """A function that opens an address in a window; windows of one test share a browser profile.

    Nothing but the server can be reached, and whatever else is asked for fails the test.
    """
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    foreign: list[str] = []

    def route(request) -> None:
        if re.match(r"(http|ws)://127\.0\.0\.1:\d+/", request.request.url):
            request.continue_()
        else:
            foreign.append(request.request.url)
            request.abort()

    context.route("**/*", route)
    windows: list[Window] = []

    def opened(address: str) -> Window:
        windows.append(Window(context, address))
        return windows[-1]

    yield opened
    context.close()
    assert foreign == []
    assert [problem for one in windows for problem in one.problems] == []
