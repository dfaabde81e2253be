"""What the guard lets in, and what it turns away: names, pages, content types."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from molnar.app.server.guard import EXPLAIN_CSP, Guard, policy_for
from molnar.base.errors import ConfigError

HOST, OWN, TOKEN = "127.0.0.1:7860", "http://127.0.0.1:7860", "correct-horse-battery"
LOCAL = policy_for("127.0.0.1", 7860)
LOCKED = policy_for("127.0.0.1", 7860, TOKEN)
FORM = "application/x-www-form-urlencoded"


async def tiny(scope, receive, send):
    """Read a body and say how long it was."""
    count, more = 0, True
    while more:
        message = await receive()
        count, more = count + len(message.get("body", b"")), message.get("more_body", False)
    headers = [(b"content-type", b"application/json")]
    if scope["path"] == "/explain":
        headers += [(b"Content-Security-Policy", EXPLAIN_CSP.encode()), (b"cache-control", b"x")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"bytes": count}).encode()})


def ask(method="GET", path="/api/status", policy=LOCAL, content=None, refuse=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def asked():
        transport = httpx.ASGITransport(Guard(tiny, policy, refuse))
        async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
            return await client.request(method, path, headers=names, content=content)

    return asyncio.run(asked())


def raw(headers, policy=LOCAL, method="GET", path="/", **more):
    """Ask with exactly these headers; return the status."""
    scope = {"type": "http", "method": method, "path": path, "headers": headers, **more}
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(tiny, policy)(scope, receive, send))
    assert sent[-1].get("more_body", False) is False
    return sent[0]["status"]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "host", [HOST, "localhost:7860", "[::1]:7860", "LOCALHOST:7860", "LocalHost:7860"]
)
def test_our_names_are_let_in(host):
    assert ask(host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:7860",
        "localhost.evil.com:7860",
        "127.0.0.1.evil.com:7860",
        "127.0.0.1:7861",
        "127.0.0.1",
        "localhost",
        "localhost.:7860",
        "localhost:7860.",
        "localhost:07860",
        "me@localhost:7860",
        "localhost:7860@evil.com",
        "localhost:7860,evil.com",
        "localhost:7860 evil.com",
        "127.1:7860",
        "2130706433:7860",
        "0x7f.1:7860",
        "0.0.0.0:7860",
        "::1:7860",
        "[::ffff:127.0.0.1]:7860",
        "[0:0:0:0:0:0:0:1]:7860",
        "[::1%25lo]:7860",
        "localhost\u2024evil:7860",
        "",
    ],
)
def test_other_names_are_not(host):
    assert raw([(b"host", host.encode())]) == 403
    assert raw([(b"host", host.encode())], path="/healthz") == 403


def test_one_name_is_given_and_only_one():
    name = (b"host", HOST.encode())
    assert raw([name]) == 200
    assert raw([]) == 403
    assert raw([name, name]) == 403
    assert raw([name, (b"Host", b"evil.com")]) == 403
    assert raw([(b"x-forwarded-host", HOST.encode())]) == 403


def test_further_names_are_exact_and_come_with_the_port_or_behind_a_proxy():
    policy = policy_for(
        "127.0.0.1", 7860, allow_hosts=["Studio.example", "10.0.0.5:8080", "fe80::1"]
    )
    for host in ("studio.example", "studio.example:7860", "10.0.0.5:8080", "[fe80::1]:7860"):
        assert ask(policy=policy, host=host).status_code == 200
    for host in ("10.0.0.5", "10.0.0.5:7860", "a.studio.example", "studio.example:80"):
        assert ask(policy=policy, host=host).status_code == 403
    assert ask(policy=policy, host="studio.example", origin="https://studio.example").is_success
    standard = policy_for("127.0.0.1", 80, allow_hosts=["a.example:443"])
    assert all(ask(policy=standard, host=h).is_success for h in ("localhost", "a.example"))


@pytest.mark.parametrize(
    "name", ["*", "*.example", "http://a.example", "a/b", "", "a:b", "a.", "ä"]
)
def test_names_that_are_none_are_refused_at_the_start(name):
    with pytest.raises(ConfigError, match="is no host; expected an exact name") as error:
        policy_for("127.0.0.1", 7860, allow_hosts=[name])
    assert "\n" not in str(error.value)


def test_bound_to_every_address_the_one_that_was_called_is_a_name():
    policy = policy_for("0.0.0.0", 7860, TOKEN)
    key = (b"authorization", f"Bearer {TOKEN}".encode())
    for server, host, status in [
        (("192.168.1.5", 7860), "192.168.1.5:7860", 200),
        (("::ffff:192.168.1.5", 7860), "192.168.1.5:7860", 200),
        (("fe80::1%eth0", 7860), "[fe80::1]:7860", 200),
        (("192.168.1.5", 7860), "192.168.1.6:7860", 403),
        (("192.168.1.5", 7860), "evil.com:7860", 403),
        (None, "192.168.1.5:7860", 403),
        (None, HOST, 200),
    ]:
        assert raw([key, (b"host", host.encode())], policy, server=server) == status
    host = (b"host", b"192.168.1.5:7860")
    assert raw([host], LOCAL, server=("192.168.1.5", 7860)) == 403


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (OWN, 200),
        ("https://127.0.0.1:7860", 200),
        ("null", 403),
        ("http://evil.com", 403),
        ("http://127.0.0.1:7861", 403),
        ("http://127.0.0.1", 403),
        ("http://localhost:7860", 403),  # a page of another name, though of ours
        ("http://127.0.0.1:7860.evil.com", 403),
        ("http://127.0.0.1:7860@evil.com", 403),
        ("file://", 403),
        ("", 403),
    ],
)
def test_pages_of_others_are_turned_away(method, origin, status):
    got = ask(method, origin=origin, content_type="application/json")
    assert got.status_code == status
    assert "access-control-allow-origin" not in got.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)],
)
def test_a_browser_says_from_where_it_asks(method, site, status):
    got = ask(method, sec_fetch_site=site, content_type="application/json")
    assert got.status_code == status


def test_a_link_may_lead_to_the_studio_and_nowhere_else():
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(path="/", **link, sec_fetch_dest="document").status_code == 200
    for path, dest in (("/", "iframe"), ("/", "image"), ("/files/k7.2.png", "document")):
        assert ask(path=path, **link, sec_fetch_dest=dest).status_code == 403
    posted = ask("POST", "/", **link, sec_fetch_dest="document", content_type="application/json")
    assert posted.status_code == 403


def test_pages_that_are_allowed_by_name_may_ask():
    policy = policy_for("127.0.0.1", 7860, allow_origins=["https://a.example:443/", "http://b:81"])
    far = {"origin": "https://a.example", "sec_fetch_site": "cross-site", "policy": policy}
    got = ask("POST", content=b"{}", content_type="application/json", **far)
    assert got.status_code == 200
    assert got.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-credentials" not in got.headers
    assert ask(policy=policy).headers["vary"] == "Origin"
    wanted = {"access_control_request_method": "PUT", "access_control_request_headers": "x-a, b"}
    asked = ask("OPTIONS", **far, **wanted, access_control_request_private_network="true")
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-headers"] == "x-a, b"
    assert asked.headers["access-control-allow-private-network"] == "true"
    for other in ("https://b.example", "null", "https://a.example.evil", "http://a.example"):
        assert ask("OPTIONS", policy=policy, origin=other, **wanted).status_code == 403
    assert ask("POST", content=b"a=1", content_type=FORM, **far).status_code == 415
    for bad in ("*", "null", "a.example", "https://*.example", "https://a/b"):
        with pytest.raises(ConfigError, match="is no origin"):
            policy_for("127.0.0.1", 7860, allow_origins=[bad])


# ---------------------------------------------------------------- content types


@pytest.mark.parametrize(
    ("kind", "path", "status"),
    [
        ("application/json", "/api/jobs", 200),
        ("Application/JSON; charset=utf-8", "/sdapi/v1/txt2img", 200),
        ("text/plain", "/api/jobs", 415),
        ("text/plain; application/json", "/api/jobs", 415),
        (FORM, "/sdapi/v1/txt2img", 415),
        ("multipart/form-data; boundary=x", "/api/pictures", 415),
        ("multipart/form-data; boundary=x", "/v1/images/edits", 200),
        ("image/png", "/api/pictures", 200),
        ("image/svg+xml", "/api/pictures", 415),
        ("image/png", "/api/jobs", 415),
        ("application/json-patch+json", "/api/jobs", 415),
        ("", "/api/jobs", 415),
    ],
)
def test_only_what_no_form_can_send_is_read(kind, path, status):
    body = b'{"prompt": "a fox"}'
    headers = {"content_type": kind} if kind else {}
    assert ask("POST", path, content=body, **headers).status_code == status


def test_many_part_bodies_come_from_no_browser():
    kind = {"content_type": "multipart/form-data; boundary=x", "content": b"--x--"}
    assert ask("POST", "/v1/images/edits", origin=OWN, **kind).status_code == 415
    assert ask("POST", "/v1/images/edits", sec_fetch_site="same-origin", **kind).status_code == 415


def test_a_post_without_a_body_needs_no_type_and_comes_from_no_foreign_page():
    assert ask("POST", "/sdapi/v1/interrupt").status_code == 200
    assert ask("POST", "/sdapi/v1/interrupt", origin="http://evil.com").status_code == 403
    assert ask("POST", "/sdapi/v1/interrupt", content=b"{}").status_code == 415
    assert ask("POST", "/api/jobs/k7/cancel").status_code == 200  # curl: browsers send Origin
    assert ask("POST", "/api/jobs/k7/cancel", origin="http://evil.com").status_code == 403
    assert ask("POST", "/api/jobs/k7/cancel", origin="null").status_code == 403
    assert ask("POST", "/api/jobs/k7/cancel", content=b"{}").status_code == 415
    assert ask("POST", "/api/jobs/k7/cancel", origin=OWN).status_code == 200
    assert ask("PUT", "/api/jobs/k7/2/favourite").status_code == 200
    assert ask("DELETE", "/api/jobs/k7").status_code == 200
    chunked = [(b"host", HOST.encode()), (b"transfer-encoding", b"chunked")]
    assert raw(chunked, method="POST", path="/sdapi/v1/interrupt") == 415
