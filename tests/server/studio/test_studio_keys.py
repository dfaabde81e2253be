"""All of it without a mouse; and no key may do anything while one types."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

MS = 90_000


def test_the_loop_by_keyboard_alone(studio: Any) -> None:
    page, keys = studio.page, studio.page.keyboard
    keys.type("a red heart")
    keys.press("Enter")
    studio.wait("job")
    page.wait_for_selector(".urow", timeout=MS)
    first = studio.job()
    keys.press("v")
    page.wait_for_selector("#pending:not([hidden])")
    keys.press("2")
    page.wait_for_function(f"() => location.hash !== '#/job/{first}'")
    page.wait_for_selector(".urow", timeout=MS)
    keys.press("3")
    studio.wait("picture")
    assert studio.reference().endswith(".3")
    keys.press("f")
    page.wait_for_selector("[aria-pressed=true]:has-text('Favourite')")

    keys.press("m")
    studio.wait("edit")
    page.focus("canvas.mask")
    for key in ("ArrowUp", "Space", "ArrowUp", "Space"):
        keys.press(key)
    page.focus(".edit textarea")
    keys.type("a blue star")
    keys.press("Enter")
    studio.wait("job")
    page.wait_for_selector(".urow", timeout=MS)

    keys.press("u")
    keys.press("1")
    large = studio.picture()
    keys.press("e")
    page.wait_for_selector("iframe.loaded", timeout=MS)
    keys.press("Escape")
    page.wait_for_selector("iframe", state="detached")
    keys.press("c")
    studio.wait("compare")
    keys.press("Escape")
    studio.wait("picture")
    assert studio.reference() == large
    keys.press("/")
    page.wait_for_function("() => document.activeElement.type === 'search'")
    keys.type("heart")
    page.wait_for_function("() => location.hash.includes('search=heart')")
    keys.press("Escape")
    keys.press("?")
    page.wait_for_selector("dialog[open] kbd")
    keys.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_no_key_acts_while_one_types(studio: Any) -> None:
    page = studio.page
    page.focus("#prompt")
    page.keyboard.type("/gsn?1234uv rezmcfd")
    assert page.input_value("#prompt") == "/gsn?1234uv rezmcfd"
    assert page.url.endswith("#/")
    assert page.locator("dialog").count() == 0
    assert page.is_hidden("#settings")


def test_settings_are_sent_and_can_be_taken_back(studio: Any) -> None:
    page = studio.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")
    page.wait_for_selector("#settings fieldset")
    for label in ("3:2", "fast"):
        page.check(f"#settings input[type=radio] >> nth={_radio(page, label)}", force=True)
    page.fill("#settings [data-field=seed] input", "7")
    page.click("#settings .chip:text-is('flat')")
    chips = page.locator(".composer .set .chip").all_inner_texts()
    assert chips == ["3:2", "fast", "seed 7", "flat"]
    page.keyboard.press("Escape")
    job = studio.draw("a red heart")
    request = studio.ask("GET", f"/api/jobs/{job}")["request"]
    assert (request["seed"], request["quality"]) == (7, "fast")
    assert abs(request["width"] / request["height"] - 1.5) < 0.05
    assert "flat" in request["prompt"]
    page.click(".composer .set .chip:has-text('seed 7')")
    assert page.locator(".composer .set .chip").count() == 3


def _radio(page: Any, label: str) -> int:
    faces = page.locator("#settings .choice").all_inner_texts()
    return [face.strip() for face in faces].index(label)


def test_a_refused_setting_is_shown_where_it_was_made(studio: Any) -> None:
    page = studio.page
    page.route(
        "**/api/jobs",
        lambda route: (
            route.fulfill(
                status=422,
                json={"error": {"message": "steps is 0; expected 1 to 150", "field": "steps"}},
            )
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.fill("#prompt", "a red heart")
    page.press("#prompt", "Enter")
    page.wait_for_selector("[data-field=steps] .refused")
    assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    studio.errors.clear()  # the browser says that a request was refused
