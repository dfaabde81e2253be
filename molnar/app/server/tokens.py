"""The one secret of a server that others can reach: made, found, compared.

Whoever may open the port of a server on loopback sits at the machine anyway; anywhere else the
token is what tells its owner from everybody on the network.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import secrets

from molnar.base.errors import ConfigError

VARIABLE = "MOLNAR_TOKEN"
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # bound to every address of the machine
_TOKEN = re.compile(r"[!-~]{12,256}", re.ASCII)  # what a header, a URL and a password can all hold


def new_token() -> str:
    """Return a token that nobody can guess: 256 bits, fit for a URL."""
    return secrets.token_urlsafe(32)


def token_from(option: str | None) -> str | None:
    """Return the token that was chosen: `--token`, else $MOLNAR_TOKEN, else None.

    Raises:
        ConfigError: It is too short, too long, or not printable ASCII without blanks.
    """
    token = option if option is not None else os.environ.get(VARIABLE) or None
    if token is not None and _TOKEN.fullmatch(token) is None:
        raise ConfigError(
            f"the token has {len(token)} characters; expected 12 to 256 printable ASCII ones "
            "without blanks: python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )
    return token


def bind(host: str, token: str | None) -> bool:
    """Tell whether a server on `host` can be reached from its own machine alone.

    Raises:
        ConfigError: It can be reached from elsewhere, and there is no token.
    """
    if is_loopback(host):
        return True
    if token is None:
        raise ConfigError(
            f"--host {host or '(every address)'} can be reached from other machines, and there is "
            f"no token; set {VARIABLE} or --token, or stay on 127.0.0.1"
        )
    return False


def is_loopback(host: str) -> bool:
    """Tell whether an address is the machine's own; a name other than localhost never is.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")]
        [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def same(given: str, secret: str) -> bool:
    """Compare in a time that tells nothing, not even the length of the secret."""
    one, other = (hashlib.sha256(text.encode("utf-8", "replace")) for text in (given, secret))
    return hmac.compare_digest(one.digest(), other.digest())


def ticket(token: str) -> str:
    """Return what a browser keeps in its cookie instead of the token.

    Cookies do not know ports: every server on the same machine is shown them.
    """
    return hmac.new(token.encode(), b"molnar: a browser's cookie", hashlib.sha256).hexdigest()


def credentials(authorization: str) -> str | None:
    """Return the secret in an Authorization header: a Bearer's token, or Basic's password.

    Example:
        >>> credentials("Bearer abc"), credentials("Basic bWU6YWJj"), credentials("Digest x")
        ('abc', 'abc', None)
    """
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(rest, validate=True).decode()
    except ValueError:  # no base64, or no UTF-8
        return None
    return pair.partition(":")[2]
