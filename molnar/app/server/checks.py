"""What the guard checks of a request before anything reads it: one function for each question.

A browser lets every page it shows send requests to this machine. What it adds to them (Host,
Origin, Sec-Fetch-Site, Content-Type) says where they come from, and is all there is to go by.

Source: Fetch, sections 3.2 and 3.3; W3C Fetch Metadata Request Headers, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from molnar.app.server.policy import Policy
from molnar.app.server.tokens import credentials, same, ticket
from molnar.base.errors import one_line

MOST_HEADERS, MOST_HEADER_BYTES = 100, 32_768
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_ONCE = ("origin", "sec-fetch-site", "content-type", "content-length", "authorization")
_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


class Refusal(NamedTuple):
    """Why a request is not let in."""

    status: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the guard looks at of a request."""

    method: str
    path: str
    query: str
    scheme: str
    server: tuple[str, int] | None  # the address the connection came in by
    headers: Mapping[str, list[str]]
    size: int  # bytes of all headers

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Seen:
        """Read an ASGI scope."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        server = scope.get("server")
        return cls(
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            scheme=scope.get("scheme", "http"),
            server=(server[0], server[1]) if server and server[1] else None,
            headers=headers,
            size=sum(len(name) + len(value) for name, value in scope["headers"]),
        )

    def one(self, name: str) -> str | None:
        """Return a header's value, None if it is absent."""
        return self.headers.get(name, [None])[0]

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        return "transfer-encoding" in self.headers or self.one("content-length") not in (None, "0")


def refusal(policy: Policy, seen: Seen) -> Refusal | None:
    """Return why a request is not let in; None if it is."""
    checks = (_shape, _host, _source, _token, _content, _length)
    return next((found for check in checks if (found := check(policy, seen))), None)


def trusted(policy: Policy, seen: Seen) -> bool:
    """Tell whether a request comes from a foreign page that is allowed by name."""
    return (seen.one("origin") or "").lower() in policy.origins


def is_link(policy: Policy, seen: Seen) -> bool:
    """Tell whether somebody follows a link to the studio: the one thing foreign pages may do."""
    return (
        seen.method in ("GET", "HEAD")
        and seen.path in policy.pages
        and seen.one("sec-fetch-mode") == "navigate"
        and seen.one("sec-fetch-dest") == "document"
    )


def is_foreign(seen: Seen) -> bool:
    """Tell whether a browser says that another site's page asks."""
    return seen.one("sec-fetch-site") not in (None, "same-origin", "none")


def admitted(policy: Policy, seen: Seen) -> bool:
    """Tell whether a request carries the token, or needs none."""
    if policy.token is None or seen.path == "/healthz":
        return True
    given = credentials(seen.one("authorization") or "")
    if given is not None and same(given, policy.token):
        return True
    expected = ticket(policy.token)
    pairs = (
        pair.partition("=") for text in seen.headers.get("cookie", []) for pair in text.split(";")
    )
    return any(name.strip() == policy.cookie and same(v.strip(), expected) for name, _, v in pairs)


def _shape(policy: Policy, seen: Seen) -> Refusal | None:
    if seen.method not in _METHODS:
        return Refusal(405, f"{one_line(seen.method, 20)} is no method of this server")
    bad = any(c < " " or c in "\\\x7f" for c in seen.path)
    if bad or not seen.path.startswith("/"):
        return Refusal(404, f"there is nothing at {one_line(seen.path, 80)!r}")
    count = sum(map(len, seen.headers.values()))
    if count > MOST_HEADERS or seen.size > MOST_HEADER_BYTES:
        return Refusal(
            431,
            f"the request has {count} headers of {seen.size} bytes; expected at most "
            f"{MOST_HEADERS} of {MOST_HEADER_BYTES}: delete this site's cookies",
        )
    for name in _ONCE:
        if len(seen.headers.get(name, ())) > 1:
            return Refusal(400, f"the request has several {name} headers; expected one")
    return None


def _host(policy: Policy, seen: Seen) -> Refusal | None:
    hosts = seen.headers.get("host", [])
    if len(hosts) == 1 and policy.is_own(hosts[0], seen.server):
        return None
    got = one_line(hosts[0], 80) if len(hosts) == 1 else f"given {len(hosts)} times"
    return Refusal(
        403,
        f"the Host header is {got}; expected a name of this server: if it is one, start the "
        "server with --allow-host NAME",
    )


def _source(policy: Policy, seen: Seen) -> Refusal | None:
    """Check that no foreign page asks, except one that is allowed, or by a link to the studio."""
    if trusted(policy, seen):
        return None
    origin = seen.one("origin")
    # A page has our origin if it was served under the name that it now asks at; https where a
    # proxy in front of us speaks that.
    host = (seen.one("host") or "").lower()
    if origin is not None and origin.lower() not in (f"{seen.scheme}://{host}", f"https://{host}"):
        return Refusal(
            403,
            f"the request comes from a page of {one_line(origin, 80)!r}; expected one of this "
            "server: allow that page by --allow-origin, if you trust it",
        )
    if is_foreign(seen) and not is_link(policy, seen):
        return Refusal(403, "the request comes from a page of another site; open the studio itself")
    return None


def _token(policy: Policy, seen: Seen) -> Refusal | None:
    if admitted(policy, seen):
        return None
    return Refusal(
        401,
        "the token is missing or wrong; send 'Authorization: Bearer TOKEN', or the token as the "
        "password of Basic, or open /?token=TOKEN in a browser",
    )


def _content(policy: Policy, seen: Seen) -> Refusal | None:
    """Check the content type: what a form on a foreign page can send is none of those we take."""
    if seen.method in _SAFE:
        return None
    kind = (seen.one("content-type") or "").partition(";")[0].strip().lower()
    if not kind and not seen.has_body:
        # No page can send PUT, PATCH or DELETE elsewhere without being asked first (preflight).
        known = seen.one("origin") is not None or seen.path.startswith(policy.bodiless)
        if seen.method != "POST" or known:
            return None
    if kind == "application/json" or (kind in _PICTURES and seen.path == "/api/pictures"):
        return None
    if kind == "multipart/form-data" and seen.path.startswith("/v1/images/"):
        browser = seen.one("origin") is not None or seen.one("sec-fetch-site") is not None
        if not browser or trusted(policy, seen):
            return None
    wanted = "image/png, image/jpeg or image/webp" if seen.path == "/api/pictures" else ""
    return Refusal(
        415,
        f"the Content-Type is {one_line(kind, 60) or 'absent'}; expected "
        f"{wanted or 'application/json'}",
    )


def _length(policy: Policy, seen: Seen) -> Refusal | None:
    text = seen.one("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return Refusal(400, f"the Content-Length is {one_line(text, 40)!r}; expected a number")
    return too_large(policy, seen.path) if int(text) > policy.limit(seen.path) else None


def too_large(policy: Policy, path: str) -> Refusal:
    """Say that a body is too large."""
    most = policy.limit(path)
    return Refusal(413, f"the body is larger than {most} bytes, the most for {one_line(path, 80)}")
