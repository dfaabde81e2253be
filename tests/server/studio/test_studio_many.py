"""Many jobs at once and ways back: nothing waited for may hold up, or lose, what comes after."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

MS = 90_000
TINY = {"width": 64, "height": 64, "steps": 1, "count": 1}
SETTLED = """() => {
  const said = [...document.querySelectorAll(".caption")].map((one) => one.innerText);
  return said.length > 0 && !said.some((text) => /waiting|drawing/.test(text));
}"""


def test_jobs_that_wait_leave_room_to_ask_for_another(studio: Any) -> None:
    page = studio.page
    slow = {"width": 64, "height": 64, "steps": 150, "count": 8}
    waiting = [
        studio.ask("POST", "/api/jobs", prompt=f"a red circle {number}", **slow)["id"]
        for number in range(9)
    ]
    studio.open("gallery")  # shows them all, more than a browser opens connections
    page.fill("#prompt", "a blue circle")
    page.press("#prompt", "Enter")
    studio.wait("job", timeout=10_000)
    mine = studio.job()
    page.go_back()
    studio.wait("gallery")
    for job in [*waiting, mine]:
        studio.ask("POST", f"/api/jobs/{job}/cancel")
    # Those that no stream is open for are asked for.
    page.wait_for_function(SETTLED, timeout=MS)


def test_back_in_the_gallery_one_is_where_one_was(studio: Any) -> None:
    page = studio.page
    for _ in range(8):
        studio.ask("POST", "/api/jobs", prompt="a red circle", **TINY)
    page.set_viewport_size({"width": 390, "height": 480})
    studio.open("gallery")
    page.wait_for_selector(".tile >> nth=7")
    page.evaluate("scrollTo(0, 400)")
    page.wait_for_function("() => history.state?.y === 400")
    page.evaluate("() => { location.hash = '#/'; }")
    studio.wait("start")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    studio.wait("gallery")
    page.wait_for_function("() => Math.abs(scrollY - 400) < 8")


def test_any_number_of_pictures_can_be_asked_for(studio: Any) -> None:
    job = studio.draw("a red circle", **{**TINY, "count": 2})
    assert len(studio.ask("GET", f"/api/jobs/{job}")["pictures"]) == 2


def test_what_cannot_be_sent_is_said_and_kept(studio: Any) -> None:
    page = studio.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")
    page.click("#settings summary")
    page.fill("[data-field=width] input", "77")
    page.fill("#prompt", "a red circle")
    page.press("#prompt", "Enter")
    page.wait_for_selector("[data-field=width] .refused")
    assert page.input_value("[data-field=width] input") == "77"
    page.fill("[data-field=width] input", "")
    page.fill("#prompt", "a red circle " * 200)
    page.press("#prompt", "Enter")
    page.wait_for_selector(".note.bad:has-text('2000')")
    assert page.url.endswith("#/")


def test_enter_zooms_once_and_an_upscale_tells_what_it_came_from(studio: Any) -> None:
    page = studio.page
    job = studio.ask("POST", "/api/jobs", prompt="a red circle", **TINY, seed=77)["id"]
    studio.open(f"job/{job}")
    studio.picture()
    page.click("button:has-text('Custom')")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => !location.hash.includes('{job}.')")
    studio.picture()
    assert page.locator("dialog").count() == 0
    studio.open(f"picture/{job}.1")
    page.keyboard.press("u")
    page.wait_for_function(f"() => !location.hash.includes('{job}.')")
    studio.picture()
    assert "seed" not in page.text_content(".facts")
    page.click("button:has-text('Use settings')")
    page.wait_for_selector(".composer .chip:has-text('seed 77')")
