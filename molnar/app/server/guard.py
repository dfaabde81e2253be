"""The door of the server: every request passes here first, and every answer last.

The guard stands around the whole application, so that its refusals come before any code that
reads a request, and its headers are on every answer, also on that of an error.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from molnar.app.server.bodies import Body
from molnar.app.server.checks import Refusal, Seen, admitted, is_foreign, refusal, trusted
from molnar.app.server.policy import CSP, EXPLAIN_CSP, Policy, policy_for
from molnar.app.server.tokens import same, ticket

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Refuse = Callable[[Scope, int, str], ASGIApp | Awaitable[ASGIApp]]

__all__ = ["CSP", "EXPLAIN_CSP", "Guard", "Policy", "Refusal", "policy_for"]

Headers = list[tuple[bytes, bytes]]
_LOG = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HEADER_NAMES = re.compile(r"[A-Za-z0-9, _-]{1,500}", re.ASCII)
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_UNLESS_SET: Headers = [  # a route may know better
    (b"content-security-policy", CSP.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """ASGI middleware that lets in whom a policy lets in.

    Args:
        app: What it stands around: the whole application.
        policy: Who may ask for what.
        refuse: Makes the answer to a request that is not let in, in the dialect it was asked in:
            (scope, status, one line) -> an ASGI response, or an awaitable of one.
    """

    def __init__(self, app: ASGIApp, policy: Policy, refuse: Refuse | None = None) -> None:
        self.app = app
        self.policy = policy
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # there is no WebSocket here
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy, seen = self.policy, Seen.of(scope)
        asked = seen.one("x-request-id") or ""
        request_id = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        body = Body(receive, policy, seen.path)
        dressed = _dressed(send, _own(policy, seen, request_id))
        found = refusal(policy, seen)
        aside = _preflight(policy, seen) or _entrance(policy, seen)
        if aside is not None and (found is None or found.status == 401):
            await aside(scope, body.receive, dressed)
            return
        if found is None:
            found = await self._let_in(scope, body, dressed)
        if found is not None:
            await self._turn_away(scope, seen, body, dressed, found)

    async def _let_in(self, scope: Scope, body: Body, send: Send) -> Refusal | None:
        """Call the application; return why its request was refused after all, while it read it."""
        started = False

        async def outward(message: Message) -> None:
            nonlocal started
            if body.refusal is not None and not started:
                return  # what the application makes of a body that broke off
            started = True
            await send(message)

        try:
            await self.app(scope, body.receive, outward)
        except Exception:
            if body.refusal is None or started:
                raise
        return None if started else body.refusal

    async def _turn_away(
        self, scope: Scope, seen: Seen, body: Body, send: Send, why: Refusal
    ) -> None:
        unread = seen.has_body and not body.ended
        more: Headers = [(b"connection", b"close")] if unread else []
        if why.status == 401:
            more.append((b"www-authenticate", b'Bearer realm="molnar"'))
            if seen.one("sec-fetch-mode") in (None, "navigate"):  # else a window pops up
                more.append((b"www-authenticate", b'Basic realm="molnar", charset="UTF-8"'))
        lingering = unread and why.status != 408 and "expect" not in seen.headers
        last: Message = {"type": "http.response.body", "body": b"", "more_body": False}

        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            elif lingering and not message.get("more_body", False):
                message = {**message, "more_body": True}
            await send(message)

        answer = await self._answer(scope, why)
        await answer(scope, _nobody, outward)
        if lingering:
            await body.drain()
            await send(last)

    async def _answer(self, scope: Scope, why: Refusal) -> ASGIApp:
        if self.refuse is not None:
            try:
                found = self.refuse(scope, why.status, why.message)
                return await found if inspect.isawaitable(found) else found
            except Exception:  # noqa: BLE001 - what is refused may be odd, and stays refused
                _LOG.exception("a refusal could not be said in its dialect")
        error = {"error": {"message": why.message, "field": None}}
        return _plain(why.status, [(b"content-type", b"application/json")], json.dumps(error))


async def _nobody() -> Message:
    return {"type": "http.disconnect"}


def _plain(status: int, headers: Sequence[tuple[bytes, bytes]], text: str = "") -> ASGIApp:
    """Return an answer of one piece."""
    body = text.encode()
    all_headers = [*headers, (b"content-length", str(len(body)).encode())]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.start", "status": status, "headers": all_headers})
        await send({"type": "http.response.body", "body": shown, "more_body": False})

    return answer


def _own(policy: Policy, seen: Seen, request_id: str) -> Headers:
    """Return the headers of every answer to a request."""
    headers = [*_ALWAYS, (b"x-request-id", request_id.encode())]
    if policy.origins:
        headers.append((b"vary", b"Origin"))
        if trusted(policy, seen):
            origin = (seen.one("origin") or "").encode("latin-1")
            headers.append((b"access-control-allow-origin", origin))
            headers.append((b"access-control-expose-headers", b"x-request-id, retry-after"))
    return headers


def _dressed(send: Send, own: Headers) -> Send:
    names = {name for name, _ in own} - {b"vary"}

    async def outward(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name.lower(), value) for name, value in message.get("headers", ())]
            kept = [(name, value) for name, value in given if name not in names]
            there = {name for name, _ in kept}
            kept += [pair for pair in _UNLESS_SET if pair[0] not in there]
            if b"cache-control" not in there and _is_json(kept):
                kept.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return outward


def _is_json(headers: Headers) -> bool:
    return any(n == b"content-type" and v.startswith(b"application/json") for n, v in headers)


def _preflight(policy: Policy, seen: Seen) -> ASGIApp | None:
    """Answer a browser that asks whether an allowed page may send a request."""
    wanted = seen.one("access-control-request-method")
    if seen.method != "OPTIONS" or wanted is None or not trusted(policy, seen):
        return None
    names = seen.one("access-control-request-headers") or ""
    headers: Headers = [
        (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
        (b"access-control-max-age", b"600"),
    ]
    if _HEADER_NAMES.fullmatch(names):
        headers.append((b"access-control-allow-headers", names.encode()))
    if seen.one("access-control-request-private-network") == "true":
        headers.append((b"access-control-allow-private-network", b"true"))
    return _plain(204, headers)


def _entrance(policy: Policy, seen: Seen) -> ASGIApp | None:
    """Answer `/?token=...`: the token becomes a cookie, and leaves the address."""
    if policy.token is None or seen.method != "GET" or seen.path not in policy.pages:
        return None
    given = parse_qs(seen.query).get("token", [""])[0]
    right = bool(given) and same(given, policy.token)
    headers: Headers = [(b"cache-control", b"no-store")]
    if right:
        secure = "; Secure" if seen.scheme == "https" else ""
        cookie = f"{policy.cookie}={ticket(policy.token)}; Path=/; HttpOnly; SameSite=Strict"
        headers.append((b"set-cookie", f"{cookie}{secure}".encode()))
    if is_foreign(seen) and (right or not admitted(policy, seen)):
        # A browser keeps a strict cookie back as long as a foreign page leads the way, redirects
        # included; the next step is led by this one.
        page = (b"content-type", b"text/html; charset=utf-8")
        refresh = (b"refresh", f"0; url={seen.path}".encode())
        return _plain(200, [*headers, page, refresh], "<!doctype html><title>molnar</title>")
    return _plain(303, [*headers, (b"location", seen.path.encode())]) if right else None
