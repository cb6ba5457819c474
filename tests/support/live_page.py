"""The command `fovea inspect` in a process, and its page in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.harness import REPOSITORY

#: Screenshots of every page, to be looked at.
SHOTS = Path(os.environ.get("FOVEA_SCREENSHOTS") or REPOSITORY / ".pytest_cache" / "screenshots")


@contextmanager
def served(*words: object):
    """The command in a process of its own; yields the address that it prints, and its lines."""
    command = [sys.executable, "-m", "fovea.cli", "inspect", *map(str, words)]
    process = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts")}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    lines: list[str] = []
    with process:
        try:
            for line in process.stderr:
                lines.append(line.rstrip())
                if found := re.search(r"http://\S+", line):
                    break
            else:
                pytest.fail("\n".join(lines))
            rest = threading.Thread(target=lambda: lines.extend(map(str.rstrip, process.stderr)))
            rest.start()
            yield found[0], lines
        finally:
            process.terminate()
            process.wait(30)
            rest.join(30)
    assert not [line for line in lines if "Traceback" in line or "ERROR" in line], lines


class Window:
    """A page in the browser, and what tests ask of it."""

    def __init__(self, context, address: str):
        self.page = context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))
        self.page.goto(address)
        self.page.wait_for_function("window.fovea_ready === true", timeout=90_000)

    def _console(self, message) -> None:
        # A test ends with the server, before its windows.
        if message.type == "error" and "websocket" not in message.text.lower():
            self.problems.append(message.text)

    def model(self, name: str, property_: str):
        """A property of a model of Bokeh, by the model's name."""
        path = f"Bokeh.documents[0].get_model_by_name({name!r}).{property_}"
        return self.page.evaluate(f"(() => {{ const v = {path}; return v instanceof Object && "
                                  "v.length !== undefined ? Array.from(v) : v })()")  # fmt: skip

    def until(self, script: str) -> None:
        """Wait for something to be true in the browser."""
        self.page.wait_for_function(script, timeout=60_000)

    def until_text(self, name: str, words: str, seconds: int = 90) -> None:
        """Wait until a text of the page holds words."""
        self.page.wait_for_function(
            "([name, words]) => (Bokeh.documents[0].get_model_by_name(name)?.text ?? '')"
            ".includes(words)", arg=[name, words], timeout=1000 * seconds,
        )  # fmt: skip

    def click_at(self, name: str, x: float, y: float, **options) -> None:
        """Click a place of a figure, in its own coordinates."""
        self.page.mouse.click(*self.place(name, x, y), **options)

    def place(self, name: str, x: float, y: float) -> tuple[float, float]:
        """Where a place of a figure is on the screen."""
        self.until(
            f"Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name({name!r}))?.frame?.bbox"
            ".width > 0"
        )  # a tab is drawn when somebody turns to it
        found = self.page.evaluate(
            """([name, x, y]) => {
              const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name))
              view.el.scrollIntoView({block: "nearest"})
              const box = view.canvas_view.el.getBoundingClientRect()
              return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
            }""",
            [name, x, y],
        )
        return found[0], found[1]

    def tab(self, title: str) -> None:
        """Turn to a tab."""
        self.page.locator(".bk-tab", has_text=title).click()

    def open_field(self, number: int) -> None:
        """Open a field of view by a click on its row."""
        row = self.page.locator(".slick-row", has_text="small").nth(number)
        row.click(timeout=60_000)
        self.until_text("field", f"field of view {number:03d}")
        self.until("Bokeh.documents[0].get_model_by_name('image').data.image.length > 0")

    def shot(self, name: str) -> None:
        """Keep a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")
