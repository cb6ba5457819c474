"""Start the page, say where it is, and stop it."""

from __future__ import annotations

import asyncio
import getpass
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from fovea.errors import FoveaError
from fovea.jobs.threads import processors
from fovea.pages.live.guard import ADDRESS, Guard, GuardedTornado

_MESSAGE = 1 << 20  # bytes that a browser may send at once; it sends clicks and keys


class PageServer:
    """A server of one page on this machine.

    Parameters
    ----------
    page : callable
        Fills the document of each browser window that opens the page.
    port : int
        0 for any that is free.
    patterns : sequence
        More of Tornado's handlers, behind the same guard.
    say : callable
        What lines for the terminal are given to.
    """

    def __init__(
        self, page: Callable[[Document], None], port: int = 0,
        patterns: Sequence[tuple[str, type, dict[str, Any]]] = (),
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ):  # fmt: skip
        self._say = say
        self.guard = Guard(lambda token: say(f"For another browser: {self.address}"))
        try:
            self._socket = socket.create_server((ADDRESS, port), backlog=128)
        except OSError as error:
            raise FoveaError(
                f"port {port} cannot be used ({error.strerror}); give another one with --port, or "
                "none for any that is free"
            ) from error
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        names = [f"{name}:*" for name in ("127.0.0.1", "localhost")]
        with _quiet():  # the guard compares names itself, so that any local port may lead here
            tornado = GuardedTornado(
                {"/": Application(FunctionHandler(page))}, guard=self.guard,
                extra_websocket_origins=names, extra_patterns=list(patterns),
                websocket_max_message_size_bytes=_MESSAGE, keep_alive_milliseconds=20_000,
                unused_session_lifetime_milliseconds=20_000,
                check_unused_sessions_milliseconds=5_000,
            )  # fmt: skip
        http = HTTPServer(tornado)
        http.add_socket(self._socket)
        self._server = BaseServer(IOLoop.current(), tornado, http)
        self._server.start()

    @property
    def address(self) -> str:
        """The address to open, with the token that is good now."""
        return f"http://{ADDRESS}:{self.port}/?token={self.guard.token}"

    @property
    def listens_on(self) -> str:
        """The address that it can be reached at."""
        return self._socket.getsockname()[0]

    def lines(self) -> list[str]:
        """Return what people need to know to open the page."""
        host, user = socket.gethostname(), getpass.getuser()
        return [
            "Open this address in a browser; it is good for one:",
            f"    {self.address}",
            "From another computer, give this command there first, and leave it running:",
            f"    ssh -N -L {self.port}:{ADDRESS}:{self.port} {user}@{host}",
            "Press Ctrl-C to stop.",
        ]

    def stop(self) -> None:
        """Close all connections and the port."""
        self._server.stop(wait=False)

    def run(self) -> None:
        """Serve until somebody stops it."""
        loop = self._server.io_loop

        def stop(*_) -> None:
            loop.add_callback_from_signal(loop.stop)

        before = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
        try:
            for line in self.lines():
                self._say(line)
            loop.start()
        finally:
            self.stop()
            for kind, handler in before.items():
                signal.signal(kind, handler)


class _quiet:  # noqa: N801, used as a function
    """Keep Bokeh from warning of wildcards that the guard allows for."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("bokeh")
        self._level = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_) -> None:
        self._logger.setLevel(self._level)


def inspect(
    folder: str | Path, configfile: str | Path | None, snakefile: str | Path | None, port: int,
    config: dict[str, Any],
) -> None:  # fmt: skip
    """Serve the page of a working folder until somebody stops it.

    Parameters
    ----------
    folder : path
        Working directory of the run; it need not have results yet.
    configfile : path or None
        Config of the run, as the command was given it; None for that of the folder.
    snakefile : path or None
        The workflow, for running it again; None looks for it.
    port : int
        0 for any that is free.
    config : dict
        The config, checked and with its defaults.
    """
    from fovea.config.plan import Plan
    from fovea.pages.live.page import Page
    from fovea.pages.live.results import Results

    asyncio.set_event_loop(asyncio.new_event_loop())
    page = Page(Results(Plan(config), folder), configfile, snakefile, processors())
    server = PageServer(page.fill, port, page.patterns())
    try:
        server.run()
    finally:
        if words := page.close():
            print(words, file=sys.stderr)


def preview(source: str, channel: int | None, port: int) -> None:
    """Serve the page in which to choose parameters for a recording, until somebody stops it."""
    from fovea.pages.live.trial_page import TrialPage
    from fovea.pages.live.trial_work import read_samples

    given = {"pattern": source} if "{" in source and not Path(source).exists() else source
    samples, found = read_samples(given, channel)
    print(f"channel {found} is taken for phase contrast", file=sys.stderr)
    asyncio.set_event_loop(asyncio.new_event_loop())
    page = TrialPage(samples, source)
    server = PageServer(page.fill, port)
    try:
        server.run()
    finally:
        page.close()
