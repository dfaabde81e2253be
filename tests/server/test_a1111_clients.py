"""sdwebuiapi, unchanged, against a real server; and what the A1111 dialect does beside that."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import webuiapi
from PIL import Image, ImageDraw

from molnar.base import metadata

SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def api(server: Any) -> Iterator[Any]:
    found = webuiapi.WebUIApi(baseurl=f"{server.url}/sdapi/v1", sampler="Euler a", steps=2)
    yield found
    found.session.close()


@pytest.fixture(scope="module")
def fox(api: Any) -> Any:
    return api.txt2img(prompt="a red fox", seed=5, cfg_scale=2, width=128, height=128)


def call(server: Any, path: str, body: Any) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return httpx.post(f"{server.url}{path}", content=json.dumps(body), headers=headers, timeout=120)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


# ---------------------------------------------------------------- sdwebuiapi


@pytest.mark.parametrize(
    "name",
    [
        "get_options", "get_cmd_flags", "get_progress", "get_samplers", "get_sd_vae",
        "get_upscalers", "get_latent_upscale_modes", "get_loras", "get_sd_models",
        "get_hypernetworks", "get_face_restorers", "get_realesrgan_models", "get_prompt_styles",
        "refresh_checkpoints", "get_scripts", "get_embeddings", "get_memory", "get_schedulers",
        "util_get_model_names", "util_get_sampler_names", "util_get_scheduler_names",
    ],
)  # fmt: skip
def test_lists(api: Any, name: str) -> None:
    found = getattr(api, name)()
    assert isinstance(found, (list, dict)) and "detail" not in found


def test_the_model_can_be_chosen(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    [name] = api.util_get_model_names()
    assert api.util_get_current_model() == name
    assert api.set_options(api.get_options()) is None
    api.util_set_model("sticker.safetensors")
    assert f"model changed to {name}" in capsys.readouterr().out


def test_txt2img(api: Any) -> None:
    found = api.txt2img(prompt="a red fox", seed=5, batch_size=2, styles=["flat"], **SMALL)
    assert [image.size for image in found.images] == [(64, 64)] * 2
    assert found.info["all_seeds"] == [5, 6] and found.info["sampler_name"] == "Euler a"
    assert found.info["all_prompts"] == ["a red fox in flat style"] * 2
    assert found.images[1].info["parameters"] == found.info["infotexts"][1]
    single = api.txt2img(prompt="a red fox", seed=6, styles=["flat"], **SMALL)
    assert (pixels(single.image) == pixels(found.images[1])).all()


def test_variation_seeds(api: Any) -> None:
    body = {"prompt": "a fox", "seed": 5, "subseed": 9, "subseed_strength": 0.3, **SMALL}
    found = api.txt2img(n_iter=2, **body)
    assert found.info["all_seeds"] == [5, 5] and found.info["all_subseeds"] == [9, 10]
    assert (pixels(found.images[0]) != pixels(found.images[1])).any()


def test_hires(api: Any) -> None:
    found = api.txt2img(
        prompt="a fox", seed=5, enable_hr=True, hr_scale=1.5, denoising_strength=0.4, **SMALL
    )
    assert found.image.size == (96, 96) and found.info["denoising_strength"] == 0.4
    assert found.info["extra_generation_params"]["Hires upscaler"] == "molnar"


def test_img2img(api: Any, fox: Any) -> None:
    same = api.img2img(images=[fox.image], prompt="a fox", denoising_strength=0, **SMALL)
    assert same.image.size == (64, 64)
    found = api.img2img(images=[fox.image], prompt="a blue fox", seed=3, batch_size=2, **SMALL)
    assert len(found.images) == 2 and found.parameters["init_images"] is None
    assert found.info["denoising_strength"] == 0.75
    kept = api.img2img(images=[fox.image], prompt="x", include_init_images=True, **SMALL)
    assert kept.parameters["init_images"][0].startswith("data:image/png;base64,")


@pytest.mark.parametrize("alone", [False, True], ids=["whole", "only masked"])
@pytest.mark.parametrize("inverted", [0, 1])
def test_what_is_not_masked_stays(api: Any, fox: Any, alone: bool, inverted: int) -> None:
    mask = Image.new("L", fox.image.size, 255 * inverted)
    ImageDraw.Draw(mask).rectangle((70, 20, 110, 60), fill=255 - 255 * inverted)
    found = api.img2img(
        images=[fox.image], mask_image=mask, prompt="a yellow star", seed=6, steps=2, width=128,
        height=128, inpaint_full_res=alone, inpaint_full_res_padding=16, mask_blur=4,
        inpainting_mask_invert=inverted,
    )  # fmt: skip
    old, new = pixels(fox.image), pixels(found.image)
    assert new.shape == old.shape
    assert (new[:10] == old[:10]).all() and (new[:, :60] == old[:, :60]).all()
    assert (new[25:55, 75:105] != old[25:55, 75:105]).any()


def test_upscaling(api: Any, fox: Any) -> None:
    found = api.extra_single_image(
        image=fox.image, upscaler_1=webuiapi.Upscaler.ESRGAN_4x, upscaling_resize=1.5
    )
    assert found.image.size == (192, 192) and "instead of R-ESRGAN 4x+" in found.info
    assert found.image.info["parameters"] == fox.info["infotexts"][0]
    same = api.extra_single_image(image=fox.image, upscaler_1="None")
    assert (pixels(same.image) == pixels(fox.image)).all()
    both = api.extra_batch_images(images=[fox.image] * 2, upscaler_1="Nearest", resize_mode=1)
    assert [image.size for image in both.images] == [(512, 512)] * 2


def test_what_pictures_say(api: Any, fox: Any) -> None:
    found = api.png_info(fox.image)
    assert found.info == fox.info["infotexts"][0]
    assert found.parameters["Prompt"] == "a red fox" and found.parameters["Seed"] == "5"
    assert api.interrogate(fox.image).info


def test_progress_and_interrupt(api: Any, server: Any) -> None:
    done: list[Any] = []

    def draw() -> None:
        done.append(api.txt2img(prompt="a cat", steps=150, seed=1, batch_size=4))

    drawing = threading.Thread(target=draw)
    drawing.start()
    with httpx.Client(base_url=f"{server.url}/sdapi/v1", timeout=60) as client:
        until = time.monotonic() + 60
        while True:
            found = client.get("/progress").json()
            if found["current_image"] or time.monotonic() > until:
                break
            time.sleep(0.02)
        assert 0 < found["progress"] < 1 and found["state"]["sampling_steps"] == 150
        assert found["state"]["job_count"] == 4
        assert base64.b64decode(found["current_image"]).startswith(b"\x89PNG")
        quiet = client.get("/progress", params={"skip_current_image": True}).json()
        assert quiet["current_image"] is None and quiet["progress"] > 0
        assert client.post("/interrupt").json() == {}
    drawing.join()
    assert len(done[0].images) < 4 and done[0].json["images"] is not None
    api.util_wait_for_ready()
    assert api.get_progress()["progress"] == 0.0


# ---------------------------------------------------------------- beside the client


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/txt2img", {"prompt": "a", "sampler_name": "Eulr"}, 400, "expected one of: Euler, "),
        ("/txt2img", {"prompt": "a", "scheduler": "wavy"}, 400, "expected one of: Automatic"),
        ("/txt2img", {"prompt": "a", "steps": 0}, 400, "steps is 0; expected 1 to 150"),
        ("/txt2img", {"prompt": "a", "steps": "many"}, 422, "steps is 'many'; expected"),
        ("/txt2img", {"prompt": "a", "script_name": "X/Y/Z plot"}, 422, "not found"),
        ("/txt2img", {"prompt": "a", "batch_size": 65}, 400, "65 pictures"),
        ("/txt2img", {"override_settings": {"sd_model_checkpoint": "v1-5"}}, 404, "'sticker'"),
        ("/txt2img", [], 422, "expected a JSON object"),
        ("/img2img", {"prompt": "a"}, 404, "Init image not found"),
        ("/img2img", {"init_images": ["http://x/a.png"]}, 400, "init_images[0] is an address"),
        ("/img2img", {"init_images": ["QUJD"]}, 415, "expected a PNG"),
        ("/img2img", {"init_images": [7]}, 422, "init_images[0]"),
        ("/options", {"sd_model_checkpoint": "v1-5"}, 404, "'sticker'"),
        ("/options", {"samples_format": "bmp"}, 422, "expected one of: png"),
        ("/interrogate", {"image": "QUJD", "model": "blip"}, 404, "expected clip"),
        ("/extra-single-image", {}, 422, "image is absent"),
        ("/server-kill", {}, 404, ""),
        ("/create/embedding", {}, 404, ""),
    ],
)  # fmt: skip
def test_refusals(server: Any, path: str, body: Any, status: int, said: str) -> None:
    answer = call(server, f"/sdapi/v1{path}", body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail", "body", "errors"}
    assert said in answer.json()["detail"] and "\n" not in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"eta": NaN}', b"[" * 5000])
def test_bodies_that_are_no_json(server: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{server.url}/sdapi/v1/txt2img", content=body, headers=headers)
    assert answer.status_code == 422 and answer.json()["detail"]


def test_a_prompt_of_a_chat_program_is_drawn(server: Any) -> None:
    prompt = "{{char}} -- a (fox:1.2), #1 [happy] <lora:ink:0.7>, --ar, 1girl :)"
    answer = call(server, "/sdapi/v1/txt2img", {"prompt": prompt, **SMALL})
    assert answer.status_code == 200
    said = json.loads(answer.json()["info"])["extra_generation_params"]
    assert said["Networks ignored"] == "ink"


def test_unknown_fields_and_odd_values_do_no_harm(server: Any) -> None:
    body = {
        "prompt": "a fox", "steps": "2", "width": "70", "height": None, "seed": 2**40, "any": 1,
        "eta": "x" * 10, "script_args": [{"a": ["\udcaf"]}], "sampler_name": "DPM++ 3M SDE Karras",
    }  # fmt: skip
    answer = call(server, "/sdapi/v1/txt2img", body)
    said = json.loads(answer.json()["info"])
    assert (said["width"], said["height"]) == (72, 512)
    notes = said["extra_generation_params"]
    assert notes["Sampler asked"] == "DPM++ 3M SDE" and notes["Size asked"] == "70x512"
    assert said["sampler_name"] == "DPM++ 2M SDE" and notes["Schedule type"] == "Karras"


def test_formats(server: Any) -> None:
    body = {"prompt": "a fox", "override_settings": {"samples_format": "webp"}, **SMALL}
    data = base64.b64decode(call(server, "/sdapi/v1/txt2img", body).json()["images"][0])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
    assert metadata.read(data).text["parameters"].startswith("a fox\nSteps: 2")


def test_several_pictures_to_start_from(server: Any, fox: Any) -> None:
    text = webuiapi.raw_b64_img(fox.image)
    body = {"init_images": [text, text], "prompt": "a fox", "seed": 4, "n_iter": 2, **SMALL}
    found = call(server, "/sdapi/v1/img2img", body).json()
    assert json.loads(found["info"])["all_seeds"] == [4, 5, 6, 7]


def test_tasks_by_name(server: Any) -> None:
    ask = {"id_task": "task(mine)", "id_live_preview": -1}
    found = call(server, "/internal/progress", ask).json()
    assert found["completed"] is False and found["active"] is False
    call(server, "/sdapi/v1/txt2img", {"prompt": "a", "force_task_id": "task(mine)", **SMALL})
    assert call(server, "/internal/progress", ask).json()["completed"] is True
    assert httpx.get(f"{server.url}/internal/ping").json() == {}
    assert httpx.get(f"{server.url}/internal/pending-tasks").json()["size"] == 0
