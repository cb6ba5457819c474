"""Who may talk to the page: whoever has the address that was printed, on this machine.

The address holds a token that is good for one browser. Opened once, it is exchanged for a cookie,
and the terminal shows a new address for another browser. Requests without token and cookie, and
those that a foreign web page sends, are refused before anything else looks at them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from bokeh.server.tornado import BokehTornado
from tornado.web import OutputTransform, RequestHandler

ADDRESS = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Nothing may be fetched from, or sent to, anywhere else. Bokeh compiles templates (eval).
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval'; "
                               "img-src 'self' data: blob:; connect-src 'self'; "
                               "frame-ancestors 'none'; form-action 'none'",
}  # fmt: skip


class Guard:
    """Tokens and cookies of one server.

    Parameters
    ----------
    announce : callable
        Is called with a new token whenever the last one was used.
    """

    def __init__(self, announce: Callable[[str], None] = lambda token: None):
        self.token = secrets.token_urlsafe(24)
        self._secret = secrets.token_urlsafe(24)
        self._announce = announce
        self.cookie = f"fovea_{secrets.token_hex(4)}"  # two servers on a machine do not mix

    def exchange(self, token: str) -> str | None:
        """Return the value of the cookie for a token, which is good once; None if it is wrong."""
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return None
        self.token = secrets.token_urlsafe(24)
        self._announce(self.token)
        return self._secret

    def admits(self, request) -> bool:
        """Return whether a request is from a browser that had the token, and no other page."""
        if not is_here(request):
            return False
        cookie = request.cookies.get(self.cookie)
        return cookie is not None and hmac.compare_digest(
            cookie.value.encode(), self._secret.encode()
        )


def is_here(request) -> bool:
    """Return whether a request names this machine as its host, and comes from no other's page."""
    if _name(request.host) not in _NAMES:
        return False  # another name that leads here: DNS rebinding
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None:
        return urlsplit(origin).netloc == request.host
    return site in ("none", "same-origin") or _is_first(request)


def _is_first(request) -> bool:
    """Return whether somebody follows a link with a token, such as one in a mail or a chat."""
    return request.method == "GET" and "token" in request.query_arguments


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdecimal() else host.lower()


class _Headers(OutputTransform):
    """Adds headers to every answer."""

    def transform_first_chunk(self, status_code, headers, chunk, finishing):
        headers.update(_HEADERS)
        return status_code, headers, chunk


class _Refused(RequestHandler):
    """Says why a request is refused; any method."""

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(
            "Fovea: this page is open to the browser in which the printed address was opened.\n"
            "An address can be opened once; the terminal shows the next one.\n"
        )


class _Exchange(RequestHandler):
    """Takes a token, gives a cookie, and leads to the page without the token in its address."""

    def initialize(self, guard: Guard, value: str) -> None:
        self._guard, self._value = guard, value

    def get(self) -> None:
        self.set_cookie(self._guard.cookie, self._value, httponly=True, samesite="Strict", path="/")
        # A page of our own leads on: a Strict cookie is not sent along a redirect from elsewhere.
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish('<!doctype html><meta charset="utf-8"><title>Fovea</title>'
                    '<script>location.replace("/")</script><a href="/">Fovea</a>')  # fmt: skip


class GuardedTornado(BokehTornado):
    """Bokeh's application behind a `Guard`, which every request has to pass first."""

    def __init__(self, *args, guard: Guard, **kwargs):
        self._guard = guard
        super().__init__(*args, **kwargs)
        self.add_transform(_Headers)

    def find_handler(self, request, **kwargs):
        """Return what answers a request: Bokeh, or a refusal."""
        if self._guard.admits(request):
            return super().find_handler(request, **kwargs)
        given = request.query_arguments.get("token")
        if given and request.method == "GET" and request.path == "/" and is_here(request):
            value = self._guard.exchange(given[-1].decode("utf-8", "replace"))
            if value is not None:
                return self.get_handler_delegate(
                    request, _Exchange, {"guard": self._guard, "value": value}
                )
        return self.get_handler_delegate(request, _Refused)

    def log_request(self, handler) -> None:
        """Log nothing: the terminal is for people, and addresses hold the token."""
