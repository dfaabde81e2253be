"""Say it, see it drawn, go on from one of the pictures: the whole loop in a browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.browser

SMALL = {"width": 256, "height": 256}
SLOW = {**SMALL, "steps": 40}  # a job that lasts for some seconds
MS = 90_000


def test_typing_marks_a_word_that_the_model_was_not_taught(studio: Any) -> None:
    page = studio.page
    assert page.evaluate("document.activeElement.id") == "prompt"
    page.fill("#prompt", "a red foxx")
    page.wait_for_selector(".layer mark.unknown")
    assert page.text_content(".layer mark") == "foxx"
    assert page.text_content(".meter").split("/")[0].isdigit()
    page.click(".hints .chip:text-is('fox')")
    page.wait_for_selector(".layer mark", state="detached")
    assert page.input_value("#prompt") == "a red fox"


def test_shift_enter_breaks_the_line_and_draws_nothing(studio: Any) -> None:
    studio.page.fill("#prompt", "a red")
    studio.page.press("#prompt", "Shift+Enter")
    studio.page.keyboard.type("circle")
    assert studio.page.input_value("#prompt") == "a red\ncircle"
    assert studio.page.url.endswith("#/")


def test_a_newcomer_clicks_an_example_and_sees_four_pictures(
    own_server: Any, open_studio: Any
) -> None:
    studio = open_studio(own_server.start().ready().url)
    studio.open()
    assert studio.page.locator(".example").count() == 3
    studio.page.click(".example >> nth=0")
    studio.page.wait_for_selector(".urow", timeout=MS)
    assert studio.page.locator("a.slot.done img").count() == 4
    studio.faultless()


def test_a_grid_shows_previews_then_pictures_then_what_to_do(studio: Any) -> None:
    studio.begin("a blue square", **SLOW)
    page = studio.page
    assert page.locator(".slot").count() in (1, 4)
    page.wait_for_selector(".slot canvas:not([hidden])", timeout=MS)
    page.wait_for_function(
        "() => Number(document.querySelector('[role=progressbar]').ariaValueNow) > 0", timeout=MS
    )
    page.wait_for_selector(".urow", timeout=MS)
    assert page.locator("a.slot.done img").count() == 4
    rows = page.locator(".urow").all_inner_texts()
    assert [row.split() for row in rows] == [
        ["Upscale", "U1", "U2", "U3", "U4"],
        ["Vary", "V1", "V2", "V3", "V4"],
    ]
    assert "4 pictures are ready" in page.text_content("#live")


def test_vary_mask_edit_upscale_and_the_history(studio: Any) -> None:
    page = studio.page
    first = studio.draw("two red hearts")
    page.click(".urow button:text-is('V2')")
    page.wait_for_function(f"() => location.hash !== '#/job/{first}'")
    page.wait_for_selector(".urow", timeout=MS)
    varied = studio.job()
    told = studio.ask("GET", f"/api/jobs/{varied}")
    assert told["verb"] == "vary"
    assert told["parents"][0]["reference"] == f"{first}.2"

    page.click("a.slot >> nth=0")
    assert studio.picture() == f"{varied}.1"
    page.wait_for_selector(".lineage .leaf")
    assert f"{first}.2" in page.text_content(".lineage")

    page.click("button:has-text('Region')")
    studio.wait("edit")
    box = page.locator("canvas.mask").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    page.fill(".edit textarea", "a green star")
    page.click("button:text-is('Draw the region')")
    page.wait_for_selector(".urow", timeout=MS)
    edited = studio.ask("GET", f"/api/jobs/{studio.job()}")
    assert (edited["verb"], len(edited["pictures"])) == ("edit", 4)
    assert _differ(studio, f"{varied}.1", f"{edited['id']}.1") == {"inside": True, "outside": False}

    page.click(".urow button:text-is('U1')")
    large = studio.picture()
    assert page.text_content(".facts dd") == "1024 \N{MULTIPLICATION SIGN} 1024"
    assert large.split(".")[0] != edited["id"]

    page.click("#to-gallery")
    studio.wait("gallery")
    assert page.locator(f".tile a[href='#/job/{first}']").count() == 1
    page.fill("input[type=search]", "hearts")
    page.wait_for_function("() => location.hash.includes('search=hearts')")
    page.wait_for_selector(f".tile a[href='#/job/{first}']")


def _differ(studio: Any, before: str, after: str) -> dict[str, bool]:
    """Whether two pictures differ within the stroke of the test above, and in a corner."""
    import io

    import numpy as np
    from PIL import Image

    one, other = (
        np.asarray(
            Image.open(io.BytesIO(httpx.get(f"{studio.url}/files/{name}.png").content)).convert(
                "RGB"
            )
        )
        for name in (before, after)
    )
    changed = (one != other).any(axis=-1)
    side = len(one)
    middle = slice(int(0.35 * side), int(0.45 * side))
    return {
        "inside": bool(changed[middle, middle].any()),
        "outside": bool(changed[: side // 16, : side // 16].any()),
    }


def test_pictures_are_found_by_word_and_that_part_is_drawn_anew(studio: Any) -> None:
    job = studio.draw("a red circle")
    studio.open(f"picture/{job}.1/edit")
    studio.page.fill("[aria-label='Select by word']", "circle")
    studio.page.press("[aria-label='Select by word']", "Enter")
    studio.page.wait_for_function(
        "() => /^Selected|will be found/.test(document.querySelector('#live').textContent)",
        timeout=MS,
    )
    studio.page.fill(".edit textarea", "a blue square")
    studio.page.press(".edit textarea", "Enter")
    studio.page.wait_for_selector(".urow", timeout=MS)
    assert studio.ask("GET", f"/api/jobs/{studio.job()}")["verb"] == "edit"
    # The mask is asked for to be shown; a server that shows none has it found when it is drawn.
    studio.errors = [said for said in studio.errors if "status of 4" not in said]


def test_zoom_pan_and_square_follow_each_other(studio: Any) -> None:
    page = studio.page
    job = studio.draw("a yellow star")
    studio.open(f"picture/{job}.1")
    page.keyboard.press("ArrowRight")
    studio.wait("job")
    wide = studio.picture()
    assert page.text_content(".facts dd") == "768 \N{MULTIPLICATION SIGN} 512"
    page.keyboard.press("q")
    page.wait_for_function(f"() => !location.hash.includes('{wide}')")
    square = studio.picture()
    assert page.text_content(".facts dd") == "768 \N{MULTIPLICATION SIGN} 768"
    page.click("button:has-text('1.5\N{MULTIPLICATION SIGN}')")
    page.wait_for_function(f"() => !location.hash.includes('{square}')")
    studio.picture()
    assert page.text_content(".facts dd") == "1152 \N{MULTIPLICATION SIGN} 1152"


def test_remix_opens_the_prompt_first(studio: Any) -> None:
    page = studio.page
    job = studio.draw("a red circle", **SMALL)
    page.keyboard.press("s")
    page.check("label:has-text('Remix') input")
    page.keyboard.press("Escape")
    page.click(".urow button:text-is('V1')")
    page.fill("dialog textarea", "a green circle")
    page.press("dialog textarea", "Enter")
    page.wait_for_function(f"() => location.hash !== '#/job/{job}'")
    page.wait_for_selector(".urow", timeout=MS)
    assert studio.ask("GET", f"/api/jobs/{studio.job()}")["prompt"] == "a green circle"


def test_two_pictures_are_blended_and_compared(studio: Any) -> None:
    page = studio.page
    job = studio.draw("a red circle", **SMALL)
    for number in (1, 2):
        studio.page.goto(f"{studio.url}/#/picture/{job}.{number}")
        page.wait_for_selector(f".siblings a[aria-current][aria-label='Picture {number}']")
        page.keyboard.press("b")
    page.click("#tray button:text-is('Compare')")
    studio.wait("compare")
    divider = page.locator(".versus input")
    before = page.locator(".divider").bounding_box()["x"]
    divider.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".divider").bounding_box()["x"] > before
    page.click("#tray button:text-is('Blend 2')")
    studio.wait("job")
    page.wait_for_selector(".urow", timeout=MS)
    assert studio.ask("GET", f"/api/jobs/{studio.job()}")["verb"] == "blend"


def test_favourites_describe_settings_and_delete(studio: Any) -> None:
    page = studio.page
    job = studio.draw("a purple hexagon", **SMALL)
    page.keyboard.press("3")
    reference = studio.picture()
    page.keyboard.press("f")
    page.wait_for_selector("button:has-text('Favourite')[aria-pressed=true]")
    studio.open("gallery?favourites=1")
    page.wait_for_selector(f".tile a[href='#/picture/{reference}']")
    page.click(f".tile a[href='#/picture/{reference}']")
    page.click("button:has-text('Describe')")
    page.wait_for_selector("dialog .said-list button", timeout=MS)
    assert page.locator("dialog .said-list button").count() == 4
    page.click("dialog .said-list button >> nth=0")
    assert page.input_value("#prompt")
    page.click("button:has-text('Use settings')")
    page.wait_for_selector(".composer .chip:has-text('seed')")
    assert page.input_value("#prompt") == "a purple hexagon"
    page.click("button:has-text('Delete')")
    page.click("dialog button:text-is('Delete')")
    studio.wait("job")
    assert len(studio.ask("GET", f"/api/jobs/{job}")["pictures"]) == 3


def test_a_picture_dragged_in_gives_its_settings_back(studio: Any) -> None:
    page = studio.page
    job = studio.draw("a red star", steps=3)
    made = studio.ask("GET", f"/api/jobs/{job}")["pictures"][1]
    data = httpx.get(studio.url + made["url"]).content
    studio.open()
    studio.drop(data, "star.png")
    page.wait_for_selector("dialog .way")
    assert "a red star" in page.text_content("dialog")
    page.click("dialog .way:has-text('Restore')")
    page.wait_for_selector(".composer .chip:has-text('seed')")
    page.press("#prompt", "Enter")
    page.wait_for_selector(".urow", timeout=MS)
    again = studio.ask("GET", f"/api/jobs/{studio.job()}")["pictures"][0]
    assert again["seed"] == made["seed"]
    assert httpx.get(studio.url + again["url"]).status_code == 200


def test_a_picture_without_a_record_can_be_started_from(studio: Any) -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (128, 96), "orange").save(out, "PNG")
    studio.drop(out.getvalue(), "plain.png")
    page = studio.page
    page.wait_for_selector("dialog .way")
    assert page.is_disabled("dialog .way:has-text('Restore')")
    page.click("dialog .way:has-text('Start from it')")
    page.wait_for_selector(".given canvas")
    page.reload()
    page.wait_for_selector(".given img")  # what was handed in is still wished for
    job = studio.draw("a red circle")
    assert studio.ask("GET", f"/api/jobs/{job}")["request"]["image"].startswith("sha256:")
