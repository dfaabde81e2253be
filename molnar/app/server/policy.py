"""Who may ask a server for what: its names, the token, allowed pages, the sizes of bodies."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from molnar.app.server.tokens import EVERYWHERE, bind
from molnar.base.errors import ConfigError, one_line

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; frame-src 'self'"
)
EXPLAIN_CSP = (  # a page of its own, with its style and script inside: it can reach nothing
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)

LIMITS = (  # bytes of a body under a prefix; the first that fits counts
    ("/api/pictures", 20_000_000 + 65_536),  # one more than a picture may have, to say so
    ("/sdapi/", 64_000_000),
    ("/v1/", 64_000_000),
    ("/mcp", 30_000_000),
    ("/", 1_000_000),
)
_NAME = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?", re.ASCII
)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*\\]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Who may ask for what; `policy_for` makes one from what the command line says."""

    hosts: frozenset[str]  # exact, lower case, with the port where a browser writes it
    token: str | None = field(default=None, repr=False)
    loopback: bool = True  # bound to the machine itself alone
    anywhere: bool = False  # bound to every address: the one a request came in by is a name too
    origins: frozenset[str] = frozenset()  # of foreign pages that may ask all the same
    pages: frozenset[str] = frozenset({"/"})  # what a link on a foreign page may lead to
    limits: tuple[tuple[str, int], ...] = LIMITS
    bodiless: tuple[str, ...] = ("/",)  # under these, a POST may be empty and untyped
    idle_seconds: float = 30.0  # without a byte of a body
    body_seconds: float = 600.0  # for a whole body
    drain_seconds: float = 2.0  # for which a refused body is read on
    cookie: str = "molnar"

    def __post_init__(self) -> None:
        if not self.loopback and not self.token:
            raise ConfigError("a server that other machines reach needs a token; set one")

    def is_own(self, host: str, server: tuple[str, int] | None) -> bool:
        """Tell whether a Host header names this server."""
        if host.lower() in self.hosts:
            return True
        return self.anywhere and server is not None and host.lower() in _names(*server)

    def limit(self, path: str) -> int:
        """Return how many bytes a body may have."""
        return next((most for prefix, most in self.limits if path.startswith(prefix)), 0)


def policy_for(
    host: str,
    port: int,
    token: str | None = None,
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
) -> Policy:
    """Return the policy of a server bound to an address.

    Args:
        host: Address or name that is bound.
        port: Port that is bound.
        token: As `tokens.token_from` returns it.
        allow_hosts: Further names by which people reach it; one without a port stands for itself
            with the served port and without any, as behind a proxy.
        allow_origins: Pages of others that may use it, e.g. "https://example.org".

    Raises:
        ConfigError: It can be reached from elsewhere without a token, or a name is none.
    """
    loopback = bind(host, token)
    own = {"127.0.0.1", "localhost", "::1"} | ({host.lower()} - EVERYWHERE)
    hosts = {name for one in own for name in _names(one, port)}
    for name in allow_hosts:
        hosts |= _allowed(name, port)
    return Policy(
        hosts=frozenset(hosts),
        token=token,
        loopback=loopback,
        anywhere=host in EVERYWHERE,
        origins=frozenset(map(_origin, allow_origins)),
        cookie=f"molnar-{port}",
    )


def _names(host: str, port: int) -> set[str]:
    """Return how a browser writes an address: IPv6 in brackets, the ports 80 and 443 left out."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        address = mapped or address
        host = f"[{address}]" if address.version == 6 else str(address)
    except ValueError:
        host = host.lower()
    return {f"{host}:{port}", host} if port in (80, 443) else {f"{host}:{port}"}


def _allowed(name: str, port: int) -> set[str]:
    text = name.strip().lower()
    if text.count(":") > 1 and "[" not in text:
        text = f"[{text}]"
    found = _NAME.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--allow-host {one_line(name, 80)!r} is no host; expected an exact name such as "
            "studio.example or 192.168.1.5:7860, without scheme, path or *"
        )
    if not found[1]:
        return {text, f"{text}:{port}"}
    return {text, text.removesuffix(":80").removesuffix(":443")}  # as browsers write it


def _origin(text: str) -> str:
    origin = text.strip().lower().rstrip("/")
    if _ORIGIN.fullmatch(origin) is None:
        raise ConfigError(
            f"--allow-origin {one_line(text, 80)!r} is no origin; expected scheme and host such as "
            "https://example.org, exactly: neither * nor null"
        )
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme):
            origin = origin.removesuffix(port)
    return origin
