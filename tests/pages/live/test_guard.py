"""Who may talk to the page: refusals by host, origin, token and cookie."""

from __future__ import annotations

import asyncio
import http.client
import threading

import pytest

pytest.importorskip("bokeh", reason="Bokeh is not installed (requirements-inspect.txt)")

from bokeh.models import Div
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

from fovea.errors import FoveaError
from fovea.pages.live.server import PageServer


@pytest.fixture
def server():
    """A server that runs in a thread of its own, and what it says."""
    said, made, ready = [], [], threading.Event()

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        made.append(PageServer(lambda doc: doc.add_root(Div(text="hello")), say=said.append))
        made.append(IOLoop.current())
        ready.set()
        made[1].start()
        made[0].stop()
        made[1].close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(30)
    yield made[0], said
    made[1].add_callback(made[1].stop)
    thread.join(30)


def ask(server, path, host=None, method="GET", **headers):
    """Status, headers and text of an answer."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    line.request(method, path, headers={"Host": host or f"127.0.0.1:{server.port}"} | given)
    answer = line.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    line.close()
    return found


def cookie_of(server):
    status, headers, _ = ask(server, f"/?token={server.guard.token}")
    assert status == 200
    return headers["Set-Cookie"].split(";")[0]


PATHS = ["/", "/ws", "/static/js/bokeh.min.js", "/autoload.js", "/metadata", "/thumbnail/demo/000",
         "/../../etc/passwd", "/static/..%2f..%2f..%2fetc/passwd"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_is_answered_without_the_cookie(server, path, method):
    status, headers, text = ask(server[0], path, method=method)
    assert status == 403
    assert "root:" not in text
    assert "Set-Cookie" not in headers


def test_the_address_opens_the_page_in_one_browser(server):
    page, said = server
    first = page.guard.token
    cookie = cookie_of(page)
    status, headers, text = ask(page, "/", Cookie=cookie)
    assert status == 200
    assert "Bokeh" in text
    assert "'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert ask(page, "/static/js/bokeh.min.js", Cookie=cookie)[0] == 200
    # The token was good once; the terminal shows the next one.
    assert ask(page, f"/?token={first}")[0] == 403
    assert said == [f"For another browser: {page.address}"]
    assert page.guard.token != first
    assert ask(page, f"/?token={page.guard.token}")[0] == 200


@pytest.mark.parametrize("token", ["", "x", "%00", "%ff%fe", "a" * 4000])
def test_another_token_is_refused_and_the_right_one_stays_good(server, token):
    page, said = server
    assert ask(page, f"/?token={token}")[0] == 403
    assert not said
    assert ask(page, f"/?token={page.guard.token}")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1:5006", "[::2]"]
)
def test_another_host_is_refused_with_cookie_and_token(server, host):
    page, _ = server
    assert ask(page, f"/?token={page.guard.token}", host)[0] == 403
    assert ask(page, "/", host, Cookie=cookie_of(page))[0] == 403


def test_any_local_port_may_lead_here(server):
    page, _ = server
    cookie = cookie_of(page)
    for host in ("localhost:9999", "127.0.0.1:1", "LOCALHOST"):
        assert ask(page, "/", host, Cookie=cookie)[0] == 200


def test_a_page_of_another_site_is_refused(server):
    page, _ = server
    cookie = cookie_of(page)
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):  # fmt: skip
        assert ask(page, "/", Cookie=cookie, **headers)[0] == 403, headers
    own = f"http://127.0.0.1:{page.port}"
    assert ask(page, "/", Cookie=cookie, Origin=own, Sec_Fetch_Site="same-origin")[0] == 200


def test_a_cookie_of_another_server_is_refused(server):
    page, _ = server
    name = cookie_of(page).split("=")[0]
    assert ask(page, "/", Cookie=f"{name}=x")[0] == 403
    assert ask(page, "/", Cookie="fovea_0=x")[0] == 403


def test_a_websocket_needs_the_cookie(server):
    page, _ = server

    async def connect():
        await websocket_connect(f"ws://127.0.0.1:{page.port}/ws", subprotocols=["bokeh", "x"])

    with pytest.raises(Exception, match="403"):
        asyncio.run(connect())


def test_it_listens_on_this_machine_alone(server):
    page, _ = server
    lines = "\n".join(page.lines())
    assert f"http://127.0.0.1:{page.port}/?token={page.guard.token}" in lines
    assert f"ssh -N -L {page.port}:127.0.0.1:{page.port} " in lines
    assert page.listens_on == "127.0.0.1"


def test_a_port_that_is_taken_is_an_error_that_says_so(server):
    with pytest.raises(FoveaError, match=f"port {server[0].port} cannot be used"):
        PageServer(lambda doc: None, server[0].port)
