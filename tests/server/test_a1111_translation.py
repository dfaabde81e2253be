"""The A1111 dialect's translations, without a server: calls in, requests; pictures in, answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException

from molnar.app.server.a1111 import control, drawing, extras, names, router
from molnar.app.server.a1111.fields import Kind, asked
from molnar.app.server.a1111.wishes import Wanted, named, wanted
from molnar.base.errors import RequestError
from molnar.base.request import Request, Variation

PARTS = (control, drawing, extras)
MODELS = ["sticker", "sticker [0123456789]", "0123456789"]


def want(kind: Kind = "txt2img", **body: Any) -> Wanted:
    return wanted(asked({"prompt": "a fox", "seed": 7, **body}, kind), MODELS)


@pytest.mark.parametrize(
    ("taken", "body", "prompt", "ignored"),
    [
        (False, {}, "a fox", "ink, blot"),
        (True, {}, "a fox <lora:ink:0.8>", "blot"),
        (True, {"disable_extra_networks": True}, "a fox", "ink, blot"),
    ],
)
def test_loras_stay_in_the_prompt_where_the_model_takes_them(
    taken: bool, body: dict[str, Any], prompt: str, ignored: str
) -> None:
    text = "a fox <lora:ink:0.8> <hypernet:blot:1>"
    call = asked({"prompt": text, "hr_prompt": text, "enable_hr": True, **body}, "txt2img")
    found = wanted(call, MODELS, networks=taken)
    assert (found.request.prompt, found.notes["Networks ignored"]) == (prompt, ignored)
    assert found.second is not None
    assert found.second.changes["prompt"] == prompt
    call = asked({"prompt": "a fox", "negative_prompt": "<lora:ink:1>", **body}, "txt2img")
    assert wanted(call, MODELS, networks=taken).request.negative_prompt == ""


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "20", 20), ("steps", 20.0, 20), ("steps", None, None), ("steps", "20.0", 20),
        ("cfg_scale", "6.5", 6.5), ("cfg_scale", 7, 7.0), ("width", "640", 640),
        ("width", None, 512), ("tiling", 1, True), ("tiling", "false", False), ("seed", "", -1),
        ("seed", str(2**63 + 1), 2**63 + 1), ("eta", "anything", "anything"),
        ("send_images", 0, False), ("enable_hr", None, False), ("styles", None, None),
    ],
)  # fmt: skip
def test_values_are_read_as_a1111_reads_them(name: str, value: object, expected: object) -> None:
    assert asked({name: value}, "txt2img")[name] == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "many"), ("steps", 2.5), ("steps", [1]), ("cfg_scale", "inf"), ("prompt", 7),
        ("width", 10**400), ("alwayson_scripts", []), ("styles", "flat"), ("tiling", "maybe"),
        ("seed", 10**30), ("override_settings", "png"), ("cfg_scale", {}),
    ],
)  # fmt: skip
def test_values_of_other_types_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(RequestError, match=f"^{name} is .*; expected "):
        asked({name: value}, "txt2img")


@pytest.mark.parametrize("body", [None, [], "txt", 7])
def test_a_body_is_an_object(body: object) -> None:
    with pytest.raises(RequestError, match="expected a JSON object"):
        asked(body, "txt2img")


def test_what_a1111_does_not_know_is_ignored_and_not_repeated() -> None:
    call = asked(
        {"prompt": "a fox", "url": "http://x", "auth": "me:secret", "hr_cfg": 1}, "txt2img"
    )
    assert not {"url", "auth", "hr_cfg"} & set(call.echo())


def test_the_echo_has_every_field_and_no_pictures() -> None:
    echo = asked({"prompt": "a fox", "batch_size": 2}, "txt2img").echo()
    assert (echo["batch_size"], echo["n_iter"], echo["save_images"]) == (2, 1, False)
    body = {"init_images": ["QUJD"], "mask": "QUJD"}
    echo = asked(body, "img2img").echo()
    assert echo["init_images"] is None and echo["mask"] is None
    echo = asked({**body, "include_init_images": True}, "img2img").echo()
    assert echo["init_images"] == ["QUJD"] and echo["mask"] == "QUJD"


def test_infotext_fills_what_is_not_given() -> None:
    text = (
        "a boat\nNegative prompt: people\nSteps: 9, Sampler: DPM++ 2M Karras, CFG scale: 3, "
        "Seed: 11, Size: 640x384, Hires upscale: 1.5, Denoising strength: 0.4"
    )
    call = asked({"infotext": text, "steps": 5, "prompt": None}, "txt2img")
    assert (call["prompt"], call["negative_prompt"], call["steps"]) == ("a boat", "people", 5)
    assert (call["seed"], call["width"], call["height"]) == (11, 640, 384)
    assert call["enable_hr"] and call["hr_scale"] == 1.5 and call["denoising_strength"] == 0.4
    request = wanted(call, MODELS).request
    assert (request.sampler, request.schedule) == ("dpmpp_2m", "karras")


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "ours", "schedule", "said"),
    [
        ("Euler a", "euler_ancestral", None, None), ("k_euler_a", "euler_ancestral", None, None),
        ("euler", "euler", None, None), ("k_euler", "euler", None, None),
        ("DPM++ 2M Karras", "dpmpp_2m", "karras", None), ("k_dpmpp_2m", "dpmpp_2m", None, None),
        ("dpmpp_2m_sde_gpu", "dpmpp_2m_sde", None, "DPM++ 2M SDE"), ("UniPC", "unipc", None, None),
        ("DPM++ SDE Karras", "dpmpp_2m_sde", "karras", "DPM++ SDE"),
        ("LMS", "dpmpp_2m", None, "LMS"), ("k_lms", "dpmpp_2m", None, "LMS"),
        ("DPM2 a Karras", "euler_ancestral", "karras", "DPM2 a"), ("LCM", "lcm", None, None),
        ("DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "exponential", None),
        ("DDIM CFG++", "ddim", None, "DDIM CFG++"), ("Restart", "euler_ancestral", None, "Restart"),
        (None, None, None, None), ("", None, None, None), ("Automatic", None, None, None),
    ],
)  # fmt: skip
def test_samplers(name: str | None, ours: str, schedule: str, said: str) -> None:
    found = names.sampler(name)
    assert (found.ours, found.schedule) == (ours, schedule)
    assert found.asked == (None if said == "DPM++ 2M SDE" else said)


def test_unknown_samplers_are_refused_by_name() -> None:
    with pytest.raises(RequestError, match=r"'Eulr a'.*did you mean.*expected one of: Euler, Eul"):
        names.sampler("Eulr a")
    with pytest.raises(RequestError, match=r"scheduler 'wavy' is not known.*Automatic, Simple"):
        names.schedule("wavy")


def test_every_sampler_that_a1111_has_is_taken() -> None:
    theirs = [
        "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a",
        "DPM++ 3M SDE", "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast",
        "DPM adaptive", "Restart", "HeunPP2", "IPNDM", "DEIS", "DDIM", "DDIM CFG++", "PLMS",
        "UniPC", "LCM",
    ]  # fmt: skip
    schedules = [
        "Automatic", "Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform",
        "KL Optimal", "Align Your Steps", "Simple", "Normal", "DDIM", "Beta", "Turbo",
    ]  # fmt: skip
    assert all(names.sampler(name).ours for name in theirs)
    assert all(names.schedule(name).ours for name in schedules[1:])
    assert names.schedule("Automatic").ours is None
    for name in theirs:
        for schedule in ("Karras", "Exponential", "SGM Uniform"):
            assert names.sampler(f"{name} {schedule}").schedule == names.schedule(schedule).ours


def test_what_is_listed_is_taken() -> None:
    for one in names.samplers():
        for name in (one["name"], *one["aliases"]):
            assert names.sampler(name) == names.sampler(one["name"])
            assert names.sampler(name).asked is None
    for one in names.schedulers():
        assert names.schedule(one["name"]) == names.schedule(one["label"])
    assert next(one["name"] for one in names.upscalers()) == "None"


# ---------------------------------------------------------------- requests


def test_a_call_with_a_prompt_alone_leaves_the_rest_to_the_model() -> None:
    found = want()
    assert found.request == Request(prompt="a fox", seed=7)
    assert not found.notes and found.second is None and found.suffix == ".png"


def test_usual_settings_are_used_as_they_are() -> None:
    body = {"steps": 20, "cfg_scale": 7, "sampler_name": "Euler a", "scheduler": "Karras"}
    request = want(negative_prompt="blur", tiling=True, **body).request
    assert (request.steps, request.guidance) == (20, 7.0)
    assert (request.sampler, request.schedule) == ("euler_ancestral", "karras")
    assert request.negative_prompt == "blur" and request.tile


def test_the_old_name_of_the_sampler_counts_where_the_new_one_is_absent() -> None:
    assert want(sampler_index="DDIM").request.sampler == "ddim"
    assert want(sampler_index="DDIM", sampler_name="Heun").request.sampler == "heun"


def test_what_was_replaced_is_said() -> None:
    notes = want(sampler_name="LMS Karras", scheduler="Polyexponential").notes
    assert notes == {"Sampler asked": "LMS", "Schedule type asked": "Polyexponential"}


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((513, 515), (512, 512)), ((30, 3000), (64, 2048)), ((516, 108), (512, 112))],
)
def test_sizes_are_rounded_to_what_can_be_drawn(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    found = want(width=size[0], height=size[1])
    assert (found.request.width, found.request.height) == drawn
    assert found.notes["Size asked"] == f"{size[0]}x{size[1]}"


def test_random_seeds_are_drawn_once_and_large_ones_wrapped() -> None:
    assert want(seed=-1).request.seed is not None
    assert want(seed=2**32 + 5).request.seed == 5


def test_pictures_of_a_batch_are_one_request() -> None:
    assert want(batch_size=2, n_iter=3).request.count == 6
    with pytest.raises(RequestError, match="batch_size 8 x n_iter 9 is 72 pictures"):
        want(batch_size=8, n_iter=9)


def test_variation_seeds() -> None:
    found = want(subseed=40, subseed_strength=0.2, batch_size=2)
    assert found.request.variations == (Variation(seed=40, strength=0.2),)
    assert want(subseed=40).request.variations == ()


def test_networks_are_left_out_and_said() -> None:
    found = want(prompt="a fox, <lora:ink:0.7>, <lyco:old:1:0.5>", negative_prompt="<hypernet:x:1>")
    assert (found.request.prompt, found.request.negative_prompt) == ("a fox", "")
    assert "x" in found.notes["Networks ignored"]
    assert want(prompt="<lora:ink:1>").request.prompt == "picture"


def test_an_empty_prompt_is_drawn_as_something() -> None:
    found = want(prompt="")
    assert found.request.prompt == "picture" and "Prompt" in found.notes


def test_styles() -> None:
    found = want(styles=["Pixel Art", "nobody's", "None"])
    assert found.request.prompt == "a fox, pixel art"
    assert found.styles == ("pixel art",) and found.notes["Styles ignored"] == "nobody's"


def test_what_there_is_nothing_for_is_said() -> None:
    scripts = {"ADetailer": {"args": [True]}, "ControlNet": {"args": []}}
    notes = want(
        alwayson_scripts=scripts, restore_faces=True, refiner_checkpoint="other",
        override_settings={"CLIP_stop_at_last_layers": 2, "sd_vae": "vae.pt"},
    ).notes  # fmt: skip
    assert notes == {
        "Scripts ignored": "ADetailer", "Face restoration ignored": "True",
        "Refiner ignored": "other", "VAE ignored": "vae.pt", "Clip skip ignored": "2",
    }  # fmt: skip


def test_scripts_and_other_models_are_refused() -> None:
    with pytest.raises(HTTPException) as error:
        want(script_name="X/Y/Z plot")
    assert error.value.status_code == 422 and "Script 'X/Y/Z plot' not found" in error.value.detail
    with pytest.raises(HTTPException) as error:
        want(override_settings={"sd_model_checkpoint": "dream.safetensors [aaaa]"})
    assert error.value.status_code == 404 and "'sticker'" in error.value.detail
    assert want(script_name="None", override_settings={"sd_model_checkpoint": "Sticker"}).request


@pytest.mark.parametrize(
    "name", ["sticker", "STICKER.safetensors", "sticker [0123456789]", "0123456789", "None", ""]
)
def test_names_of_the_model(name: str) -> None:
    assert named(name, MODELS)


def test_formats() -> None:
    assert want(override_settings={"samples_format": "JPG"}).suffix == ".jpg"
    found = want(override_settings={"samples_format": "avif"})
    assert found.suffix == ".png" and found.notes["Format asked"] == "avif"


def test_guidance_below_one_is_off() -> None:
    found = want(cfg_scale=0)
    assert found.request.guidance == 1.0 and found.notes["CFG scale asked"] == 0
    with pytest.raises(RequestError, match="guidance is 31"):
        want(cfg_scale=31)


def test_a_second_pass_draws_each_picture_on() -> None:
    found = want(
        enable_hr=True, hr_scale=1.5, hr_upscaler="Latent", denoising_strength=0.4, batch_size=2,
        hr_second_pass_steps=6, hr_prompt="a red fox", hr_sampler_name="Use same sampler",
    )  # fmt: skip
    assert (found.request.width, found.request.height) == (512, 512)
    assert found.second is not None
    second = found.second.of(found.request, "k7.2", 1)
    assert (second.image, second.strength, second.seed) == ("k7.2", 0.4, 8)
    assert (second.width, second.height, second.count) == (768, 768, 1)
    assert (second.steps, second.prompt, second.sampler) == (6, "a red fox", None)
    assert found.notes["Hires upscale"] == 1.5 and found.notes["Hires upscaler"] == "molnar"


def test_without_denoising_the_upscaler_alone_makes_it_larger() -> None:
    found = want(enable_hr=True, hr_resize_x=1024, hr_resize_y=0, width=512, height=256,
                 denoising_strength=0)  # fmt: skip
    assert found.second is None
    assert (found.request.width, found.request.height) == (1024, 512)


def test_a_second_pass_is_no_larger_than_can_be_drawn() -> None:
    found = want(enable_hr=True, hr_scale=4, width=1024, height=512)
    assert found.second is not None
    assert (found.second.width, found.second.height) == (2048, 1024)
    assert found.notes["Hires size asked"] == "4096x2048"


def test_every_call_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "20-clients.md").read_text(encoding="utf-8")
    paths = [str(getattr(one, "path", "")) for part in PARTS for one in part.router.routes]
    assert len(paths) >= 40
    assert not [path for path in paths if path.removeprefix("/sdapi/v1/") not in page]


def test_no_call_is_in_the_description_of_our_own_api() -> None:
    assert not router.include_in_schema
