"""Nothing from elsewhere, nothing to anywhere, nothing run from a text; and usable by all."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

MS = 90_000
MOST_BYTES = 200_000
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script> ${alert`3`} javascript:alert(4)'
VIEWS = ("", "job/{job}", "picture/{job}.1", "picture/{job}.1/edit", "gallery",
         "compare/{job}.1/{job}.2")  # fmt: skip
LOOKS = [("light", 1280, 860), ("dark", 1280, 860), ("light", 390, 844)]


def test_it_is_small_and_plain(files: Path) -> None:
    told = {path.name: path.read_text("utf-8") for path in files.iterdir()}
    assert sum(len(text.encode()) for text in told.values()) <= MOST_BYTES
    for name, text in told.items():
        assert text.count("\n") <= 350, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert not re.search(r"\sstyle=|\son[a-z]+=[\"']|@import", text), name
        assert set(re.findall(r"https?://[^\"'\s)]+", text)) <= {"http://www.w3.org/2000/svg"}, name


def test_it_loads_nothing_from_elsewhere(studio: Any) -> None:
    studio.draw("a red circle")
    assert studio.requests  # and the fixture looks where they went


def test_a_hostile_prompt_and_file_name_are_only_text(studio: Any) -> None:
    page = studio.page
    studio.draw(f"a red circle {HOSTILE} \\{{\\}}".replace("${alert`3`}", ""))
    assert "onerror=alert(1)" in page.text_content("h1 >> nth=-1")
    studio.open("gallery")
    page.wait_for_selector(".tile")
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    studio.drop(out.getvalue(), f"{HOSTILE}.png")
    page.wait_for_selector("dialog .way")
    assert "onerror=alert(1)" in page.text_content("dialog")
    page.keyboard.press("Escape")
    studio.drop(b"no picture at all", f"{HOSTILE}.txt", "text/plain")
    page.wait_for_selector(".note.bad")
    assert page.locator("img[src=x], main script").count() == 0


def test_a_hostile_address_leads_nowhere(studio: Any) -> None:
    studio.open("job/%3Cimg%20src=x%20onerror=alert(1)%3E")
    studio.page.wait_for_selector(".lost")
    studio.open("picture/sha256:../../etc/edit")
    studio.page.wait_for_selector(".lost")
    studio.errors.clear()  # the browser says that something was not found


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_axe_finds_nothing_serious(
    server: Any, open_studio: Any, scheme: str, width: int, height: int
) -> None:
    studio = open_studio(server.url, color_scheme=scheme)
    page = studio.page
    page.set_viewport_size({"width": width, "height": height})
    studio.open()
    job = studio.draw("a red foxx")
    found: dict[str, list[str]] = {}
    for view in VIEWS:
        studio.open(view.format(job=job))
        page.wait_for_load_state("networkidle")
        found[view] = studio.axe()
    found["settings"] = _settings(studio)
    found["keys"] = _keys(studio)
    found["drop"] = _drop(studio)
    found["explain"] = _explained(studio, job)
    assert {view: said for view, said in found.items() if said} == {}
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "the page scrolls sideways"
    studio.faultless()


def _settings(studio: Any) -> list[str]:
    studio.open()
    studio.page.click("button[aria-label=Settings]")
    studio.page.click("summary")
    said = studio.axe()
    studio.page.keyboard.press("Escape")
    return list(said)


def _keys(studio: Any) -> list[str]:
    studio.open()
    studio.page.evaluate("document.activeElement.blur()")
    studio.page.keyboard.press("?")
    studio.page.wait_for_selector("dialog")
    return list(studio.axe())


def _drop(studio: Any) -> list[str]:
    studio.open()
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    studio.drop(out.getvalue(), "red.png")
    studio.page.wait_for_selector("dialog .way")
    return list(studio.axe())


def _explained(studio: Any, job: str) -> list[str]:
    studio.open(f"picture/{job}.1/explain")
    studio.page.wait_for_selector("iframe.loaded", timeout=MS)
    return list(studio.axe())


def test_progress_is_announced_and_motion_can_be_unwanted(server: Any, open_studio: Any) -> None:
    studio = open_studio(server.url, reduced_motion="reduce")
    studio.open()
    region = studio.page.locator("#live")
    assert region.get_attribute("aria-live") == "polite"
    studio.draw("a red circle")
    assert "ready" in region.text_content()
    moving = "() => document.getAnimations().filter((one) => one.playState === 'running').length"
    assert studio.page.evaluate(moving) == 0
    studio.faultless()
