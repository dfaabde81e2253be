"""What must survive: a cancelled job, a reload in the middle, a server that goes and comes back."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

SLOW = {"width": 256, "height": 256, "steps": 40}  # many steps, and none of them long
MS = 90_000
MOVING = "() => Number(document.querySelector('[role=progressbar]')?.ariaValueNow) > 3"


def test_escape_cancels_what_is_being_drawn(studio: Any) -> None:
    studio.begin("a red circle", **SLOW)
    studio.page.wait_for_function(MOVING, timeout=MS)
    studio.page.keyboard.press("Escape")
    studio.page.wait_for_selector(".state:has-text('Cancelled')", timeout=MS)
    assert studio.ask("GET", f"/api/jobs/{studio.job()}")["state"] == "cancelled"


def test_a_reload_in_the_middle_goes_on_showing_progress(studio: Any) -> None:
    studio.begin("a blue circle", **SLOW)
    job = studio.job()
    studio.page.wait_for_function(MOVING, timeout=MS)
    studio.page.reload()
    studio.page.wait_for_selector(".slot canvas:not([hidden])", timeout=MS)
    studio.page.wait_for_function(MOVING, timeout=MS)
    assert studio.job() == job
    studio.page.wait_for_selector(".urow", timeout=MS)


def test_what_is_being_drawn_is_seen_on_the_first_page(studio: Any) -> None:
    studio.begin("a green circle", **SLOW)
    job = studio.job()
    studio.open()
    studio.page.wait_for_selector(f".tile a[href='#/job/{job}'] .bar", timeout=MS)
    studio.page.wait_for_selector(f".tile a[href='#/job/{job}'] img", timeout=MS)


def test_a_server_restarted_in_the_middle(own_server: Any, open_studio: Any) -> None:
    studio = open_studio(own_server.start().ready().url)
    studio.open()
    studio.begin("a red square", **SLOW)
    job = studio.job()
    studio.page.wait_for_function(MOVING, timeout=MS)
    own_server.stop()
    studio.page.wait_for_selector("#banner:not([hidden])")
    own_server.start()
    studio.page.wait_for_selector("#banner", state="hidden", timeout=MS)
    studio.page.wait_for_selector(".urow", timeout=MS)
    assert studio.job() == job
    assert studio.ask("GET", f"/api/jobs/{job}")["state"] == "done"


def test_a_prompt_sent_while_the_server_is_away_is_drawn_once(
    own_server: Any, open_studio: Any
) -> None:
    studio = open_studio(own_server.start().ready().url)
    studio.open()
    own_server.stop()
    studio.page.fill("#prompt", "a red triangle")
    studio.page.press("#prompt", "Enter")
    studio.page.wait_for_selector("#banner:not([hidden])")
    own_server.start()
    studio.page.wait_for_selector(".urow", timeout=MS)
    assert len(studio.ask("GET", "/api/jobs")["jobs"]) == 1


def test_deep_links_and_wrong_ones(studio: Any) -> None:
    job = studio.draw("a red diamond")
    studio.open(f"picture/{job}.2")
    assert studio.picture() == f"{job}.2"
    studio.open("job/z999")
    studio.wait("job")
    studio.page.wait_for_selector(".lost")
    studio.errors.clear()  # the browser says that something was not found
