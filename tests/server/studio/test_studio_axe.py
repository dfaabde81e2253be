"""What comes and goes on a page, tried by axe: work under way, sheets, the tray, bad news."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.browser

MS = 90_000
LOOKS = [("light", 390, 844), ("dark", 1280, 860)]
SLOW = {"width": 256, "height": 256, "steps": 150}
Found = Iterator[tuple[str, list[str]]]


@pytest.fixture
def drawn(server: Any) -> str:
    """A job of two pictures."""
    order = {"prompt": "a red foxx", "count": 2, "width": 64, "height": 64, "steps": 1}
    return _ended(server.url, order)


def _ended(url: str, order: dict[str, Any], path: str = "/api/jobs") -> str:
    """Draw without a browser; return the job's id."""
    job = httpx.post(url + path, json=order).raise_for_status().json()["id"]
    with httpx.stream("GET", f"{url}/api/jobs/{job}/events", timeout=MS / 1000) as told:
        for _ in told.iter_lines():
            pass
    return str(job)


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_axe_finds_nothing_serious_in_what_comes_and_goes(
    server: Any, open_studio: Any, drawn: str, scheme: str, width: int, height: int
) -> None:
    studio = open_studio(server.url, color_scheme=scheme)
    studio.page.set_viewport_size({"width": width, "height": height})
    found: dict[str, list[str]] = {}
    for part in (_ends, _sheets, _tray, _drawing, _away):
        for view, said in part(studio, drawn):
            found[view] = said
            wide = studio.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{view} scrolls sideways"
    assert {view: said for view, said in found.items() if said} == {}
    assert len(found) == 10
    studio.errors = [said for said in studio.errors if "ERR_FAILED" not in said]
    studio.faultless()


def _ends(studio: Any, job: str) -> Found:
    """A job that failed, with its reason, and a gallery without pictures."""
    edit = {"picture": f"{job}.1", "where": "zebra", "prompt": "a star"}
    studio.open(f"job/{_ended(studio.url, edit, '/api/verbs/edit')}")
    studio.page.wait_for_selector(".state:has-text('did not work')")
    assert studio.page.text_content(".reason").startswith("Nothing in the picture fits 'zebra'")
    assert studio.page.locator("button:text-is('Back to the picture')").count() == 1
    yield "failed", studio.axe()
    empty = {"jobs": [], "next": None}
    studio.page.route("**/api/jobs?*", lambda route: route.fulfill(json=empty))
    studio.open("gallery")
    studio.page.wait_for_selector(".end:has-text('Nothing was drawn yet')")
    yield "empty", studio.axe()
    studio.page.unroute("**/api/jobs?*")


def _sheets(studio: Any, job: str) -> Found:
    """Remix, describe, and how far to zoom out."""
    page = studio.page
    studio.open(f"picture/{job}.1")
    for title, wanted in (("Describe", ".said-list button"), ("Custom", "input[type=range]")):
        page.click(f"button:has-text('{title}')")
        page.wait_for_selector(f"dialog {wanted}", timeout=MS)
        yield title, studio.axe()
        page.keyboard.press("Escape")
    page.evaluate("localStorage.setItem('molnar.studio', JSON.stringify({remix: true}))")
    studio.open(f"job/{job}")
    page.click(".urow button:text-is('V1')")
    page.wait_for_selector("dialog .hints .chip", timeout=MS)
    yield "remix", studio.axe()
    page.keyboard.press("Escape")
    page.evaluate("localStorage.clear()")


def _tray(studio: Any, job: str) -> Found:
    """One picture put aside, two, and a note of what was refused."""
    page = studio.page
    for number, wanted in ((1, "Choose another one"), (2, "Blend 2")):
        page.goto(f"{studio.url}/#/picture/{job}.{number}")
        page.wait_for_selector(f".siblings a[aria-current][aria-label='Picture {number}']")
        page.keyboard.press("b")
        page.wait_for_selector(f"#tray button:text-is('{wanted}')")
    assert min(page.locator("#tray img").evaluate_all("all => all.map(i => i.width)")) >= 40
    yield "tray", studio.axe()
    studio.drop(b"no picture", "a.txt", "text/plain")
    page.wait_for_selector(".note.bad")
    yield "note", studio.axe()
    page.click("[aria-label='Put all back']")


def _drawing(studio: Any, job: str) -> Found:
    """A job under way, and cancelled."""
    page = studio.page
    studio.open()
    studio.begin("a red circle", **SLOW)
    page.wait_for_selector(".slot canvas:not([hidden])", timeout=MS)
    yield "drawing", studio.axe()
    page.keyboard.press("Escape")
    page.wait_for_selector(".state:has-text('Cancelled')", timeout=MS)
    page.wait_for_selector("button:text-is('Try again')")
    yield "cancelled", studio.axe()


def _away(studio: Any, job: str) -> Found:
    """The server does not answer: the banner says so, and no note repeats it."""
    studio.page.route("**/api/**", lambda route: route.abort())
    studio.page.goto(f"{studio.url}/#/gallery")
    studio.page.wait_for_selector("#banner:not([hidden])", timeout=MS)
    assert studio.page.locator(".note").count() == 0
    yield "away", studio.axe()
