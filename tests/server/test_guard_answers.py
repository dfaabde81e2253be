"""The guard's answers: headers, refusals, bodies; and that nothing sent to it makes it fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from dataclasses import replace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

from molnar.app.server.guard import CSP, EXPLAIN_CSP, Guard, policy_for

HOST = "127.0.0.1:7860"
LOCAL = policy_for("127.0.0.1", 7860)
LOCKED = policy_for("127.0.0.1", 7860, "correct-horse-battery", allow_origins=["http://a.example"])
SMALL = (("/big", 3000), ("/", 1000))
JSON = {"content-type": "application/json"}


class Asked(BaseModel):
    """What the tiny application takes."""

    prompt: str


def tiny():
    app = FastAPI(docs_url=None)

    @app.post("/jobs")
    async def jobs(asked: Asked) -> dict[str, int]:
        return {"characters": len(asked.prompt)}

    @app.post("/big")
    async def big(asked: Asked) -> dict[str, int]:
        return {"characters": len(asked.prompt)}

    @app.get("/explain")
    async def explain() -> PlainTextResponse:
        headers = {"Content-Security-Policy": EXPLAIN_CSP, "Referrer-Policy": "unsafe-url"}
        return PlainTextResponse("x", headers=headers)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("on purpose")

    return app


def ask(method="GET", path="/explain", policy=LOCAL, refuse=None, **more):
    async def asked():
        guard = Guard(tiny(), policy, refuse)
        transport = httpx.ASGITransport(guard, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


def test_every_answer_has_its_headers():
    answers = {
        200: ask(path="/explain"),
        404: ask(path="/none"),
        403: ask(headers={"host": "evil.com"}),
        401: ask(policy=LOCKED),
        415: ask("POST", "/jobs", content=b"x"),
        422: ask("POST", "/jobs", json={}),
        413: ask("POST", "/jobs", content=b" " * 2_000_000, headers=JSON),
        500: ask(path="/broken"),
    }
    for status, got in answers.items():
        assert got.status_code == status
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers.get_list("referrer-policy") == ["no-referrer"]
        assert got.headers["cross-origin-opener-policy"] == "same-origin"
        assert got.headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in got.headers["permissions-policy"]
        wanted = EXPLAIN_CSP if status == 200 else CSP
        assert got.headers.get_list("content-security-policy") == [wanted]
    assert len({got.headers["x-request-id"] for got in answers.values()}) == len(answers)
    assert answers[404].headers["cache-control"] == "no-store"


def test_a_request_keeps_its_id_if_that_is_one():
    for sent, kept in (("abc-1.2_X", True), ("a b", False), ("x" * 65, False)):
        assert (ask(headers={"x-request-id": sent}).headers["x-request-id"] == sent) is kept


def test_refusals_are_said_in_the_dialect_of_the_application():
    got = ask(headers={"host": "evil.com"})
    assert set(got.json()) == {"error"}
    assert set(got.json()["error"]) == {"message", "field"}
    assert "\n" not in got.json()["error"]["message"]

    async def later(scope, status, message):
        return PlainTextResponse(f"{scope['path']} {message[:8]}", status)

    def at_once(scope, status, message):
        return PlainTextResponse(f"{scope['path']} {message[:8]}", status)

    for refuse in (later, at_once):
        got = ask(policy=LOCKED, refuse=refuse)
        assert (got.status_code, got.text) == (401, "/explain the toke")
        assert "www-authenticate" in got.headers
        assert got.headers["content-security-policy"] == CSP


def test_a_refusal_that_cannot_be_said_in_a_dialect_is_said_plainly(caplog):
    def refuse(scope, status, message):
        raise ValueError("no such dialect")

    got = ask(headers={"host": "["}, refuse=refuse)
    assert got.status_code == 403
    assert "expected a name of this server" in got.json()["error"]["message"]
    assert "could not be said" in caplog.text


def test_bodies_are_limited_by_where_they_go():
    policy = replace(LOCAL, limits=SMALL)
    for path, size, status in [
        ("/jobs", 900, 200),
        ("/jobs", 1100, 413),
        ("/big", 2900, 200),
        ("/big", 3100, 413),
    ]:
        body = json.dumps({"prompt": "x" * (size - 15)}).encode()
        assert ask("POST", path, policy, content=body, headers=JSON).status_code == status

        async def pieces(body=body):
            for at in range(0, len(body), 100):
                yield body[at : at + 100]

        got = ask("POST", path, policy, content=pieces(), headers=JSON)
        assert got.status_code == status
        assert got.is_success or "the body is larger than" in got.json()["error"]["message"]
    for wrong in ("-1", "1e3", "", "9" * 30, "٣"):
        headers = [("content-length", wrong.encode()), *JSON.items()]
        assert ask("POST", "/jobs", policy, headers=headers).status_code == 400


def test_too_many_headers_and_paths_that_are_none():
    assert ask(headers={f"x-{k}": "y" for k in range(120)}).status_code == 431
    assert ask(headers={"cookie": "x" * 40_000}).status_code == 431
    for path in ("/a%00b", "/a%5cb", "/a%0ab", "/%7f"):
        assert ask(path=path).status_code == 404
    assert ask("TRACE").status_code == 405
    twice = [("content-type", "application/json")] * 2
    assert ask("POST", "/jobs", headers=twice, content=b"{}").status_code == 400


def test_websockets_are_refused_and_the_start_is_passed_on():
    sent, seen = [], []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    guard = Guard(app, LOCAL)
    asyncio.run(guard({"type": "websocket", "headers": []}, receive, send))
    asyncio.run(guard({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert seen == ["lifespan"]


NAMES = st.sampled_from(
    [
        *("host", "origin", "cookie", "authorization", "expect", "x-request-id"),
        *("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "access-control-request-method"),
        *("content-type", "content-length", "transfer-encoding"),
    ]
)
VALUES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([HOST.encode(), b"null", b"http://a.example", b"Basic Og==", b"navigate"]),
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=8),
    st.sampled_from(["GET", "POST", "OPTIONS", "DELETE", "\u00e9"]),
    st.one_of(st.just("/"), st.text(max_size=10)),
    st.binary(max_size=30),
    st.sampled_from([LOCAL, LOCKED]),
)
def test_whatever_is_sent_the_guard_does_not_fail(headers, method, path, query, policy):
    sent = []

    async def app(scope, receive, send):
        await PlainTextResponse("in")(scope, receive, send)

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    named = [(name.encode(), value) for name, value in headers]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": named,
    }
    asyncio.run(Guard(app, policy)(scope, receive, send))
    assert sent[0]["status"] in (200, 204, 303, 400, 401, 403, 404, 405, 413, 415)
    assert sent[-1]["type"] == "http.response.body"
    assert not sent[-1].get("more_body", False)


# ---------------------------------------------------------------- on a real connection


@contextlib.contextmanager
def served(**changes):
    """Run the tiny application on a free port of loopback; yield the port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        guard = Guard(tiny(), replace(policy_for("127.0.0.1", port), **changes))
        config = uvicorn.Config(guard, ws="none", lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield port
        finally:
            server.should_exit = True
            thread.join(10)


def said(port, *pieces, pause=0.0):
    """Send bytes on a connection of its own; return the status and all that came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=8) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(pause)
        got = b""
        while more := line.recv(65_536):
            got += more
    return int(got.split(b" ", 2)[1]) if got else None, got


def post(port, *headers, path="/jobs"):
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def test_large_bodies_end_early_and_are_told_so():
    with served() as port:
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        start = post(port, "Transfer-Encoding: chunked")
        assert said(port, start, *[chunk] * 40, b"0\r\n\r\n")[0] == 413
        status, got = said(port, post(port, "Content-Length: 9000000"), b" " * 9_000_000)
        assert status == 413
        assert b"connection: close" in got.lower()
        expecting = post(port, "Content-Length: 9000000", "Expect: 100-continue")
        begun = time.monotonic()
        assert said(port, expecting)[0] == 413
        assert time.monotonic() - begun < 1
        url = f"http://127.0.0.1:{port}"
        assert httpx.post(f"{url}/jobs", content=b" " * 5_000_000, headers=JSON).status_code == 413
        assert httpx.post(f"{url}/jobs", json={"prompt": "fox"}).json() == {"characters": 3}


def test_slow_bodies_are_not_waited_for():
    with served(idle_seconds=0.2, body_seconds=0.5) as port:
        begun = time.monotonic()
        status, got = said(port, post(port, "Content-Length: 100"), b"{")
        assert status == 408
        assert b"no more of the body came" in got
        assert time.monotonic() - begun < 4
        drops = [b"x"] * 7  # never silent for long, and never done
        with contextlib.suppress(OSError):
            assert said(port, post(port, "Content-Length: 100"), *drops, pause=0.1)[0] == 408
        assert httpx.get(f"http://127.0.0.1:{port}/explain").status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /explain HTTP/1.0\r\n\r\n",
        b"GET http://evil.com/explain HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n",
        b"GET /explain HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nHost: evil.com\r\nContent-Length: 9\r\n\r\n{}",
    ],
)
def test_other_names_on_a_real_connection(request_):
    with served(drain_seconds=0.1) as port:
        assert said(port, request_)[0] in (403, 404)
