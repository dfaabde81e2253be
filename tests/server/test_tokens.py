"""Who gets in where a token is needed, by every way to carry one."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import httpx
import pytest
from starlette.responses import PlainTextResponse

from molnar.app.server import tokens
from molnar.app.server.guard import Guard, policy_for
from molnar.base.errors import ConfigError

OWN, TOKEN = "http://127.0.0.1:7860", "correct-horse-battery"
LOCAL = policy_for("127.0.0.1", 7860)
LOCKED = policy_for("127.0.0.1", 7860, TOKEN)


def ask(method="GET", path="/api/status", policy=LOCAL, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def asked():
        transport = httpx.ASGITransport(Guard(PlainTextResponse("in"), policy))
        async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
            return await client.request(method, path, headers=names)

    return asyncio.run(asked())


def basic(secret, name="me"):
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (basic(TOKEN), 200),
        (basic(TOKEN, ""), 200),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (basic("wrong"), 401),
        (basic("", TOKEN), 401),
        ("Basic %%%", 401),
        ("Basic /w==", 401),
        (f"Digest {TOKEN}", 401),
        (TOKEN, 401),
        (None, 401),
    ],
)
def test_the_token_opens_and_nothing_else_does(given, status):
    headers = {} if given is None else {"authorization": given}
    got = ask(policy=LOCKED, **headers)
    assert got.status_code == status
    if status == 401:
        schemes = [v.split()[0] for v in got.headers.get_list("www-authenticate")]
        assert schemes == ["Bearer", "Basic"]
    assert ask(**headers).status_code == 200  # without a token, none is looked at


def test_every_door_but_the_pulse_is_locked():
    for path in (
        "/",
        "/docs",
        "/metrics",
        "/openapi.json",
        "/files/k7.2.png",
        "/healthz/",
        "//healthz",
    ):
        assert ask(path=path, policy=LOCKED).status_code == 401
    assert ask(path="/healthz", policy=LOCKED).status_code == 200
    popup = ask(policy=LOCKED, sec_fetch_mode="cors").headers.get_list("www-authenticate")
    assert popup == ['Bearer realm="molnar"']


def test_a_browser_gets_a_cookie_for_the_token():
    got = ask(path=f"/?token={TOKEN}", policy=LOCKED)
    assert (got.status_code, got.headers["location"]) == (303, "/")
    cookie = got.headers["set-cookie"]
    assert cookie.startswith("molnar-7860=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    pair = cookie.partition(";")[0]
    assert ask(policy=LOCKED, cookie=f"a=b; {pair}; c").status_code == 200
    assert ask(policy=LOCKED, cookie=f"molnar-7860={TOKEN}").status_code == 401
    assert ask(policy=LOCKED, cookie=f"{pair}x").status_code == 401
    other = policy_for("127.0.0.1", 7860, "another-long-token")
    assert ask(policy=other, cookie=pair).status_code == 401
    for path in ("/?token=wrong", "/?token=", "/api/status?token=" + TOKEN):
        assert ask(path=path, policy=LOCKED).status_code == 401
    assert ask("POST", "/?token=" + TOKEN, policy=LOCKED).status_code == 401


def test_a_link_from_elsewhere_takes_one_more_step_for_the_sake_of_the_cookie():
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "policy": LOCKED}
    for path, cookie in (("/", False), (f"/?token={TOKEN}", True)):
        got = ask(path=path, **link, sec_fetch_dest="document")
        assert (got.status_code, got.headers["refresh"]) == (200, "0; url=/")
        assert ("set-cookie" in got.headers) is cookie
    assert ask(path=f"/?token={TOKEN}", **link, sec_fetch_dest="image").status_code == 403


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    real = tokens.hmac.compare_digest
    spy = lambda a, b: compared.append((a, b)) or real(a, b)  # noqa: E731
    monkeypatch.setattr(tokens.hmac, "compare_digest", spy)
    carriers = (
        {"authorization": "Bearer x"},
        {"authorization": basic("x")},
        {"cookie": "molnar-7860=x"},
    )
    for headers in carriers:
        ask(policy=LOCKED, **headers)
    ask(path="/?token=x", policy=LOCKED)
    assert len(compared) == 4
    assert all(len(a) == len(b) == 32 for a, b in compared)


def test_a_server_that_others_reach_has_a_token(monkeypatch):
    for host in ("0.0.0.0", "::", "", "192.168.1.5", "example.org", "127.1"):
        with pytest.raises(ConfigError, match=r"there is no token; set MOLNAR_TOKEN") as error:
            policy_for(host, 7860)
        assert error.value.exit_code == 2
        assert "\n" not in str(error.value)
        assert not policy_for(host, 7860, tokens.new_token()).loopback
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        assert policy_for(host, 7860).loopback
    monkeypatch.setenv("MOLNAR_TOKEN", TOKEN)
    assert tokens.token_from(None) == TOKEN
    assert tokens.token_from("another-long-token") == "another-long-token"
    for bad in (
        "",
        "short",
        "with a blank in it",
        "schlüssel-zum-glück",
        "x" * 300,
        "line\nfeed-line",
    ):
        with pytest.raises(ConfigError, match="expected 12 to 256") as error:
            tokens.token_from(bad)
        assert not bad or bad not in str(error.value)
    monkeypatch.setenv("MOLNAR_TOKEN", "")
    assert tokens.token_from(None) is None
    assert TOKEN not in repr(LOCKED)
