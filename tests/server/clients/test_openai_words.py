"""The fields of a call in, what is asked for out: no server, no client."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.server.openai.answers import usage_of
from molnar.app.server.openai.asking import ask_of
from molnar.app.server.openai.errors import RefusedError, about, body
from molnar.app.server.openai.files import encoded, enlarged
from molnar.app.server.openai.inputs import Kept, Sent, fitted, masked, reference_of
from molnar.app.server.openai.orders import made, redrawn
from molnar.app.server.openai.sizes import drawable, size_of
from molnar.app.server.openai.streaming import Partials
from molnar.base import metadata
from molnar.base.request import Picture, Request


def test_every_field_of_openai_is_read_in_our_words() -> None:
    ask = ask_of(
        {
            "model": "gpt-image-1", "prompt": "a red fox", "n": 2, "size": "1536x1024",
            "quality": "high", "background": "transparent", "output_format": "webp",
            "output_compression": 80, "style": "vivid", "moderation": "low", "user": "u-1",
            "stream": True, "partial_images": 3, "some_future_field": {"x": 1},
        }
    )  # fmt: skip
    assert ask.wishes() == {
        "prompt": "a red fox", "count": 2, "quality": "best", "transparent": True,
        "width": 1536, "height": 1024,
    }  # fmt: skip
    assert (ask.suffix, ask.compression, ask.stream, ask.partials) == (".webp", 80, True, 3)
    assert ask.answer == "b64_json"


def test_a_form_says_the_same_as_json() -> None:
    form = {"prompt": "a fox", "n": "3", "stream": "true", "partial_images": "2", "seed": "7"}
    json = {"prompt": "a fox", "n": 3, "stream": True, "partial_images": 2, "seed": 7}
    assert ask_of(form) == ask_of(json)


def test_what_is_null_or_empty_is_absent() -> None:
    fields = {"prompt": "a fox", "n": None, "size": "", "quality": None, "response_format": None}
    assert ask_of(fields) == ask_of({"prompt": "a fox"})


@pytest.mark.parametrize(
    ("model", "answer"),
    [("dall-e-2", "url"), ("dall-e-3", "url"), ("gpt-image-1", "b64_json"), (None, "b64_json")],
)
def test_old_models_answer_with_addresses(model: str | None, answer: str) -> None:
    assert ask_of({"prompt": "a fox", "model": model}).answer == answer
    assert ask_of({"prompt": "a fox", "model": model, "response_format": "url"}).answer == "url"


@pytest.mark.parametrize(
    ("quality", "ours"),
    [
        ("low", "fast"),
        ("standard", "normal"),
        ("medium", "normal"),
        ("auto", "normal"),
        ("high", "best"),
        ("hd", "best"),
        ("HD", "best"),
    ],
)
def test_qualities(quality: str, ours: str) -> None:
    assert ask_of({"prompt": "a fox", "quality": quality}).quality == ours


def test_extension_fields_have_the_names_of_their_users() -> None:
    ask = ask_of(
        {
            "prompt": "a fox", "seed": 7, "steps": 12, "guidance_scale": 5, "tile": True,
            "negative_prompt": "rain", "sampler": "DPM++ 2M", "scheduler": "Karras",
        }
    )  # fmt: skip
    assert ask.more == {
        "seed": 7, "steps": 12, "guidance": 5.0, "tile": True, "negative_prompt": "rain",
        "sampler": "dpmpp_2m", "schedule": "karras",
    }  # fmt: skip
    [order] = made(ask)
    assert (order.requests[0].guidance, order.requests[0].seed) == (5.0, 7)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "param", "part"),
    [
        ({}, "prompt", "missing"),
        ({"prompt": "  "}, "prompt", "missing"),
        ({"prompt": "x" * 2001}, "prompt", "2001 characters"),
        ({"prompt": 7}, "prompt", "expected text"),
        ({"prompt": "a", "n": 11}, "n", "1 to 10"),
        ({"prompt": "a", "n": 0}, "n", "1 to 10"),
        ({"prompt": "a", "n": 1.5}, "n", "whole"),
        ({"prompt": "a", "n": True}, "n", "a number"),
        ({"prompt": "a", "n": "many"}, "n", "a number"),
        ({"prompt": "a", "n": float("nan")}, "n", "a number"),
        ({"prompt": "a", "size": "big"}, "size", "WIDTHxHEIGHT"),
        ({"prompt": "a", "size": "0x64"}, "size", "4096"),
        ({"prompt": "a", "size": "8000x64"}, "size", "4096"),
        ({"prompt": "a", "size": [512, 512]}, "size", "text"),
        ({"prompt": "a", "quality": "best"}, "quality", "expected one of"),
        ({"prompt": "a", "response_format": "base64"}, "response_format", "b64_json"),
        ({"prompt": "a", "output_format": "gif"}, "output_format", "png"),
        ({"prompt": "a", "output_compression": 101}, "output_compression", "0 to 100"),
        ({"prompt": "a", "partial_images": 4}, "partial_images", "0 to 3"),
        ({"prompt": "a", "stream": "perhaps"}, "stream", "true or false"),
        ({"prompt": "a", "loras": [{"name": "x"}]}, "loras", "in the prompt, as <lora:NAME"),
        ({"prompt": "a", "lora": "ink:0.8"}, "lora", "in the prompt"),
        ({"prompt": "a", "controlnet": {"image": "x"}}, "controlnet", "at /api/jobs as guides"),
        ({"prompt": "a", "ip_adapters": ["x"]}, "ip_adapters", "alwayson_scripts.controlnet"),
        ({"prompt": "a", "sampler": "magic"}, "sampler", "euler"),
        ({"prompt": "a", "scheduler": "magic"}, "scheduler", "karras"),
        (
            {"prompt": "a", "background": "transparent", "output_format": "jpeg"},
            "background",
            "png or webp",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    fields: dict[str, Any], param: str, part: str
) -> None:
    with pytest.raises(RefusedError, match=part) as caught:
        ask_of(fields)
    assert caught.value.param == param
    assert "\n" not in str(caught.value)


def test_errors_have_all_four_keys_and_name_the_clients_field() -> None:
    assert set(body(400, "x")["error"]) == {"message", "type", "param", "code"}
    assert body(401, "x")["error"]["code"] == "invalid_api_key"
    assert body(503, "x")["error"]["type"] == "server_error"
    assert about("guidance is 99; expected 1 to 30") == "guidance_scale"
    assert about("width is 7; expected 64 to 2048") == "size"
    assert about("something else") is None


@pytest.mark.parametrize(
    "size", ["16x16", "64x2048", "1x4096", "4096x4096", "1000x1001", "1792x1024"]
)
def test_every_size_is_drawn_at_one_that_can_be(size: str) -> None:
    asked = size_of(size)
    assert asked is not None
    width, height = drawable(asked)
    Request(prompt="a", width=width, height=height).validated()
    if all(64 <= side <= 2048 for side in asked):
        assert abs(width - asked[0]) <= 4 >= abs(height - asked[1])


def test_usage_is_what_the_model_read() -> None:
    assert usage_of(9, 2) == {
        "input_tokens": 11, "output_tokens": 0, "total_tokens": 11,
        "input_tokens_details": {"text_tokens": 9, "image_tokens": 2},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    }  # fmt: skip


@pytest.mark.parametrize("wanted", [0, 1, 2, 3])
def test_partials_are_spread_over_the_steps(wanted: int) -> None:
    partials = Partials(wanted)
    steps = [{"picture": 1, "index": k, "of": 12, "preview": "x"} for k in range(12)]
    found = [index for step in steps if (index := partials.due(step)) is not None]
    assert found == list(range(wanted))
    other = [partials.due({**step, "picture": 2}) for step in steps]
    assert sum(index is not None for index in other) == wanted  # each picture has its own


def test_no_partial_without_a_preview_or_at_the_end() -> None:
    partials = Partials(3)
    assert partials.due({"picture": 1, "index": 8, "of": 9, "preview": "x"}) is None
    assert partials.due({"picture": 1, "index": 7, "of": 9, "preview": None}) is None


def picture(transparent: bool = False) -> bytes:
    pixels = np.full((64, 96, 4 if transparent else 3), 200, np.uint8)
    if transparent:
        pixels[:32, :, 3] = 0
    request = Request(prompt="a fox", width=96, height=64, seed=7, steps=4)
    return Picture(image=pixels, request=request, seed=7).encoded()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("size", [None, (50, 70)])
@pytest.mark.parametrize("compression", [None, 0, 100])
def test_files_keep_their_record_and_the_mark(
    suffix: str, size: tuple[int, int] | None, compression: int | None
) -> None:
    data, found = encoded(picture(), size, suffix, compression)
    known = metadata.read(data)
    assert known.generated
    assert known.record is not None
    assert known.record["seed"] == 7
    assert known.parameters is not None
    assert known.parameters.prompt == "a fox"
    assert Image.open(io.BytesIO(data)).size == found == (size or (96, 64))


def test_a_png_that_fits_is_passed_on_as_it_is() -> None:
    png = picture()
    assert encoded(png, (96, 64), ".png", 50) == (png, (96, 64))


def test_compression_makes_files_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    made = Picture(image=noise, request=Request(prompt="a", width=96, height=64, seed=1), seed=1)
    for suffix in (".jpg", ".webp"):
        sizes = [len(encoded(made.encoded(), None, suffix, c)[0]) for c in (10, 60, 100)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]


def test_opaque_means_that_nothing_is_clear() -> None:
    data, _ = encoded(picture(transparent=True), None, ".png", opaque=True)
    assert Image.open(io.BytesIO(data)).mode == "RGB"
    assert metadata.read(data).generated


def test_a_preview_is_enlarged_and_marked() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (16, 16), (1, 2, 3, 255)).save(out, "WEBP")
    text = enlarged(base64.b64encode(out.getvalue()).decode(), (64, 32), ".jpg")
    data = base64.b64decode(text)
    assert Image.open(io.BytesIO(data)).size == (64, 32)
    assert metadata.read(data).generated


def test_addresses_are_taken_only_where_they_are_ours() -> None:
    host = "127.0.0.1:8000"
    assert reference_of("k7.2", host) == "k7.2"
    assert reference_of(f"http://{host}/files/k7.2.png", host) == "k7.2"
    for other in (
        f"http://{host}.evil/files/k7.2.png",
        f"http://{host}@evil/files/k7.2.png",
        "http://evil/files/k7.2.png",
        f"ftp://{host}/files/k7.2.png",
        f"http://{host}/files/../k7.2.png",
        f"http://{host}/files/secret.png",
        "http://[",
    ):
        assert reference_of(other, host) is None


def test_clear_in_their_mask_is_white_in_ours() -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    mask = np.full((64, 96, 4), 255, np.uint8)
    mask[:10, :, 3] = 0
    sent = Sent(name="image", pixels=pixels)
    kept = Kept(picture="sha256:0", width=96, height=64)
    found = masked(sent, kept, Sent(name="mask", pixels=mask))
    assert (found[:10] == 255).all()
    assert (found[10:] == 0).all()
    for bad in (mask[..., :3], mask[:32], np.full_like(mask, 255)):
        with pytest.raises(RefusedError) as caught:
            masked(sent, kept, Sent(name="mask", pixels=bad))
        assert caught.value.param == "mask"


def test_large_and_small_pictures_are_brought_into_range() -> None:
    assert fitted(np.zeros((3000, 4000, 3), np.uint8)).shape[:2] == (1536, 2048)
    assert fitted(np.zeros((32, 32, 3), np.uint8)).shape[:2] == (64, 64)
    assert fitted(np.zeros((100, 100, 4), np.uint8)).shape == (100, 100, 4)


def test_fields_without_effect_are_not_passed_over() -> None:
    ask = ask_of({"prompt": "a hat", "steps": 4})
    with pytest.raises(RefusedError, match="steps has no effect"):
        redrawn(ask, Kept(picture="k7.2", width=64, height=64), "sha256:" + "0" * 64)
