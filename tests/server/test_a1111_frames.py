"""The A1111 dialect's pictures: what is drawn over, what is sent, what lists say."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.server.a1111 import catalogue, progress
from molnar.app.server.a1111.answers import answer, finished
from molnar.app.server.a1111.extras import larger, said_by
from molnar.app.server.a1111.fields import asked
from molnar.app.server.a1111.frames import around, filled, framed, lit, pasted, sized
from molnar.app.server.a1111.wishes import wanted
from molnar.app.server.limits import Now
from molnar.base import metadata
from molnar.base.errors import RequestError
from molnar.base.request import Picture, Request

MODELS = ["sticker", "sticker [0123456789]", "0123456789"]
INFO_KEYS = {
    "prompt", "all_prompts", "negative_prompt", "all_negative_prompts", "seed", "all_seeds",
    "subseed", "all_subseeds", "subseed_strength", "width", "height", "sampler_name", "cfg_scale",
    "steps", "batch_size", "restore_faces", "face_restoration_model", "sd_model_name",
    "sd_model_hash", "sd_vae_name", "sd_vae_hash", "seed_resize_from_w", "seed_resize_from_h",
    "denoising_strength", "extra_generation_params", "index_of_first_image", "infotexts",
    "styles", "job_timestamp", "clip_skip", "is_using_inpainting_conditioning", "version",
}  # fmt: skip


# ---------------------------------------------------------------- frames


def gradient(height: int, width: int, channels: int = 3) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 255 // height, columns * 255 // width, rows * 0 + 90, rows * 0 + 255]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def disc(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = box
    mask[top:bottom, left:right] = 255
    return mask


def call_of(**body: Any) -> Any:
    return asked({"init_images": ["x"], **body}, "img2img")


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("channels", [3, 4])
def test_every_way_to_a_size(mode: int, channels: int) -> None:
    old = gradient(64, 128, channels)
    new = sized(old, (96, 96), mode)
    assert new.shape == (96, 96, channels)
    corner = new[0, 0, 1], new[0, -1, 1]
    assert bool(corner[0] < 20 and corner[1] > 235) is (mode != 1)  # only cropping loses the sides
    same = (new[0] == new[10]).all()
    assert same == (mode == 2)  # the edge is drawn out
    assert sized(old, (128, 64), mode) is old


def test_a_mask_is_white_or_opaque() -> None:
    mask = disc(8, 8, (0, 0, 4, 8))
    assert lit(mask)[:, :4].all() and not lit(mask)[:, 4:].any()
    alpha = np.zeros((8, 8, 4), np.uint8)
    alpha[:, :4, 3] = 255
    assert (lit(alpha) == lit(mask)).all()


def test_a_mask_over_the_whole_picture() -> None:
    old, mask = gradient(128, 128), disc(128, 128, (20, 30, 60, 90))
    body = {"inpaint_full_res": 0, "inpainting_fill": 1, "mask_blur": 6, "denoising_strength": 0.6}
    frame = framed(call_of(**body), old, mask, (64, 64))
    assert frame.mask is not None and frame.pixels.shape == frame.mask.shape == (64, 64, 3)
    assert frame.place is None and frame.feather == 6 and frame.strength == 0.6
    assert frame.mask[20, 15, 0] == 255 and frame.mask[5, 5, 0] == 0
    turned = framed(call_of(inpainting_mask_invert=1, **body), old, mask, (64, 64))
    assert turned.mask is not None and (turned.mask == 255 - frame.mask).all()


def test_the_masked_part_is_drawn_alone_and_put_back() -> None:
    old, mask = gradient(200, 300), disc(200, 300, (100, 50, 140, 90))
    body = {"inpaint_full_res": True, "inpaint_full_res_padding": 10, "inpainting_fill": 1}
    frame = framed(call_of(mask_blur=0, **body), old, mask, (64, 64))
    assert frame.place is not None and frame.place.box == (90, 40, 150, 100)
    assert frame.pixels.shape == (64, 64, 3)
    red = np.full((64, 64, 3), (255, 0, 0), np.uint8)
    whole = pasted(red, frame.place)
    assert whole.shape == old.shape
    assert (whole[50:90, 100:140] == (255, 0, 0)).all()
    outside = lit(mask) == 0
    assert (whole[outside] == old[outside]).all()


def test_the_box_has_the_shape_that_is_drawn() -> None:
    light = disc(100, 200, (50, 40, 70, 50))[..., 0] > 0
    left, top, right, bottom = around(light, 0, (128, 64))
    assert (right - left, bottom - top) == (20, 10)
    left, top, right, bottom = around(light, 5, (64, 128))
    assert (right - left, bottom - top) == (30, 60) and top == 15
    assert around(np.ones((100, 200), bool), 40, (64, 64)) == (0, 0, 200, 100)


def test_filling_takes_the_colours_around() -> None:
    old = np.full((64, 64, 3), 200, np.uint8)
    old[20:40, 20:40] = 0
    light = disc(64, 64, (18, 18, 42, 42))[..., 0] > 0
    new = filled(old, light)
    assert abs(new[30, 30].astype(int) - 200).max() <= 2
    assert (new[~light] == old[~light]).all()
    assert filled(old, np.ones((64, 64), bool)).shape == old.shape


@pytest.mark.parametrize(("filling", "strength"), [(0, 0.5), (1, 0.5), (2, 1.0), (3, 1.0)])
def test_what_the_mask_is_filled_with(filling: int, strength: float) -> None:
    body = {"inpaint_full_res": 0, "denoising_strength": 0.5, "inpainting_fill": filling}
    frame = framed(call_of(**body), gradient(64, 64), disc(64, 64, (8, 8, 40, 40)), (64, 64))
    assert frame.strength == strength


def test_an_empty_mask_changes_nothing() -> None:
    frame = framed(call_of(), gradient(64, 64), disc(64, 64, (0, 0, 0, 0)), (64, 64))
    assert frame.mask is None and frame.strength == 0.0


@pytest.mark.parametrize("body", [{"resize_mode": 4}, {"inpainting_fill": -1}])
def test_modes_out_of_range_are_refused(body: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="expected 0 to 3"):
        framed(call_of(**body), gradient(64, 64), None, (64, 64))


# ---------------------------------------------------------------- answers


def drawn(seed: int = 7, **changes: Any) -> Picture:
    request = Request(
        prompt="a fox", seed=seed, steps=8, guidance=2.0, sampler="dpmpp_2m", schedule="simple",
        width=64, height=64, strength=1.0, **changes,
    )  # fmt: skip
    return Picture(
        image=gradient(64, 64), request=request, seed=seed, model="sticker", model_hash="ab" * 32
    )


def test_the_answer_has_everything_that_clients_read() -> None:
    call = asked({"prompt": "a fox", "seed": 7, "batch_size": 2}, "txt2img")
    made = [drawn(7), drawn(8)]
    pictures = [finished(one.encoded(), one.record()) for one in made]
    found = answer(call, wanted(call, MODELS), pictures)
    assert set(found) == {"images", "parameters", "info"} and isinstance(found["info"], str)
    said = json.loads(found["info"])
    assert set(said) == INFO_KEYS
    assert said["all_seeds"] == [7, 8] and said["seed"] == 7
    assert said["sampler_name"] == "DPM++ 2M" and said["steps"] == 8 and said["cfg_scale"] == 2.0
    assert (said["width"], said["height"]) == (64, 64)
    assert said["extra_generation_params"]["Schedule type"] == "Simple"
    assert len(said["job_timestamp"]) == 14 and said["sd_model_hash"] == "ab" * 5
    with Image.open(io.BytesIO(base64.b64decode(found["images"][1]))) as image:
        assert image.format == "PNG" and image.info["parameters"] == said["infotexts"][1]


def test_an_answer_without_pictures() -> None:
    call = asked({"prompt": "a fox", "seed": 7}, "txt2img")
    said = json.loads(answer(call, wanted(call, MODELS), [])["info"])
    assert set(said) == INFO_KEYS and said["all_seeds"] == [] and said["seed"] == 7
    quiet = asked({"prompt": "a fox", "send_images": False}, "txt2img")
    one = drawn()
    found = answer(quiet, wanted(quiet, MODELS), [finished(one.encoded(), one.record())])
    assert found["images"] == [] and json.loads(found["info"])["all_seeds"] == [7]


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "JPEG"), (".webp", "WEBP")])
def test_other_formats_say_the_same(suffix: str, kind: str) -> None:
    one = drawn()
    found = finished(one.encoded(), one.record(), suffix)
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.format == kind
    read = metadata.read(found.data)
    assert read.record == one.record() and read.text["parameters"] == found.text


def test_a_part_that_was_put_back_does_not_claim_to_be_the_whole() -> None:
    old, mask = gradient(128, 128), disc(128, 128, (40, 40, 80, 80))
    frame = framed(call_of(inpaint_full_res=1), old, mask, (64, 64))
    one = drawn()
    found = finished(one.encoded(), one.record(), ".png", frame.place)
    assert (found.width, found.height) == (128, 128)
    read = metadata.read(found.data)
    assert read.record is None and read.text["parameters"] == one.parameters()


# ---------------------------------------------------------------- progress, lists, extras


def test_nothing_to_do_is_exactly_nothing() -> None:
    found = progress.progress(Now(), interrupted=False)
    assert found["progress"] == 0.0 and found["eta_relative"] == 0.0
    assert found["state"]["job_count"] == 0 and found["state"]["job_timestamp"] == "0"
    assert found["current_image"] is None and set(found["state"]) == {
        "skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp",
        "job_no", "sampling_step", "sampling_steps",
    }  # fmt: skip


def test_progress_shows_the_picture_as_png() -> None:
    out = io.BytesIO()
    Image.fromarray(gradient(16, 16)).save(out, "WEBP")
    now = Now(job_id="k7", pictures=2, pictures_done=1, step=2, steps=8, running=1,
              preview=base64.b64encode(out.getvalue()).decode(), started=0.0)  # fmt: skip
    found = progress.progress(now, interrupted=False)
    assert found["progress"] == 0.635 and found["state"]["job_no"] == 1
    assert base64.b64decode(found["current_image"]).startswith(b"\x89PNG")
    assert progress.progress(now, False, with_image=False)["current_image"] is None
    waiting = progress.progress(Now(job_id="k8", queued=1, pictures=1), False)
    assert waiting["progress"] == 0.0 and waiting["state"]["job_count"] == 1
    task = progress.task_progress(now, "open", -1)
    assert task["active"] and task["live_preview"].startswith("data:image/png;base64,")
    again = progress.task_progress(now, "open", task["id_live_preview"])
    assert again["live_preview"] is None
    assert progress.task_progress(now, "completed", -1)["completed"]


def test_options_say_what_clients_look_for() -> None:
    found = catalogue.options({"name": "sticker", "hash": "0123456789abcdef"}, "png")
    assert found["sd_model_checkpoint"] == "sticker [0123456789]"
    assert found["samples_format"] == "png" and "forge_preset" not in found
    assert found["deepbooru_sort_alpha"] is False  # Krita's plug-in needs the key
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("body", "size", "how", "scale"),
    [
        ({"upscaler_1": "molnar"}, (200, 100), "molnar", 2),
        ({"upscaler_1": "R-ESRGAN 4x+", "upscaling_resize": 3.0}, (300, 150), "molnar", 4),
        ({"upscaler_1": "Lanczos"}, (200, 100), "Lanczos", 1),
        ({}, (100, 50), "None", 1),
        ({"upscaler_1": "molnar", "resize_mode": 1}, (512, 512), "molnar", 4),
        ({"upscaler_1": "molnar", "resize_mode": 1, "upscaling_crop": False,
          "upscaling_resize_h": 100}, (512, 256), "molnar", 4),
    ],
)  # fmt: skip
def test_upscaling(body: dict[str, Any], size: tuple[int, int], how: str, scale: int) -> None:
    said = {
        "resize_mode": 0, "upscaling_resize": 2.0, "upscaling_resize_w": 512,
        "upscaling_resize_h": 512, "upscaling_crop": True, "upscaler_1": "None",
        "upscaler_2": "None", "extras_upscaler_2_visibility": 0.0, "gfpgan_visibility": 0.0,
        "codeformer_visibility": 0.0, **body,
    }  # fmt: skip
    found = larger(said, (100, 50))
    assert (found.size, found.how, found.scale((100, 50))) == (size, how, scale)
    assert ("R-ESRGAN" in found.said) == ("R-ESRGAN 4x+" in body.values())
    if how != "None" and said["resize_mode"] == 0:
        with pytest.raises(RequestError, match="at most 2048 a side"):
            larger({**said, "upscaling_resize": 40.0}, (100, 50))


def test_a_picture_says_how_it_was_made() -> None:
    found = said_by(metadata.read(drawn().encoded()))
    assert found["info"].startswith("a fox\nSteps: 8") and "molnar" in found["items"]
    assert found["parameters"]["Prompt"] == "a fox" and found["parameters"]["Steps"] == "8"
    out = io.BytesIO()
    Image.fromarray(gradient(8, 8)).save(out, "PNG")
    assert said_by(metadata.read(out.getvalue())) == {"info": "", "items": {}, "parameters": {}}
