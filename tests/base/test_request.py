from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base import metadata
from molnar.base.errors import DataError, RequestError
from molnar.base.request import (
    Picture,
    Request,
    UnknownWord,
    json_schema,
    pixels_sha256,
    request_from,
)
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.schedule import SCHEDULES

FULL = Request(
    prompt="a fox, (red:1.3)\nsecond line",
    negative_prompt="blurry",
    height=64,
    width=128,
    steps=8,
    guidance=4.5,
    seed=2**32 - 1,
    count=3,
    sampler="dpmpp_2m",
    schedule="karras",
    transparent=True,
)


@pytest.fixture
def picture():
    return Picture(
        image=np.random.default_rng(0).integers(0, 256, (64, 128, 4), np.uint8),
        request=FULL,
        seed=1,
        index=2,
        model="sticker",
        model_hash="abcdef0123456789",
        engine="onnx",
        seconds={"text": 0.01},
        unknown=[UnknownWord("foxx", ["fox"])],
    )


def test_requests_know_every_sampler_and_schedule():
    assert set(metadata.SAMPLER_LABELS) == set(SAMPLERS)
    assert set(metadata.SCHEDULE_LABELS) == set(SCHEDULES)


def test_a_good_request_is_returned_as_it_is():
    assert FULL.validated() is FULL
    assert Request(prompt="x").validated().seed is None
    assert Request(prompt="x", seed=0, guidance=1).validated().seed == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt", "", "prompt is empty"),
        ("prompt", " \n", "prompt is empty"),
        ("prompt", "x" * 2001, "prompt has 2001 characters; expected at most 2000"),
        ("prompt", None, "prompt is None; expected text"),
        ("prompt", "a\0b", "holds a NUL"),
        ("prompt", "a\ud800b", "half a character"),
        ("negative_prompt", "x" * 2001, "negative_prompt has 2001 characters"),
        ("height", 63, "height is 63; expected 64 to 2048"),
        ("height", 2056, "expected 64 to 2048"),
        ("width", 515, "width is 515; expected a multiple of 8: try 512"),
        ("width", 512.0, "width is 512.0; expected a whole number"),
        ("steps", 0, "steps is 0; expected 1 to 150"),
        ("steps", True, "expected a whole number"),
        ("guidance", 0.5, "guidance is 0.5; expected 1 to 30"),
        ("guidance", float("nan"), "guidance is nan"),
        ("seed", -1, "seed is -1; expected 0 to 4294967295"),
        ("seed", 2**32, "expected 0 to 4294967295"),
        ("count", 65, "count is 65; expected 1 to 64"),
        ("sampler", "euler_a", "expected one of: euler"),
        ("sampler", "dpmpp2m", "did you mean 'dpmpp_2m'"),
        ("schedule", "karas", "did you mean 'karras'"),
        ("transparent", 1, "expected true or false"),
    ],
)
def test_everything_else_is_refused_in_one_line(field, value, message):
    with pytest.raises(RequestError, match=message) as error:
        dataclasses.replace(Request(prompt="x"), **{field: value}).validated()
    assert "\n" not in str(error.value)


def test_the_schema_says_what_the_checks_do():
    schema = json_schema(Request)
    assert schema["required"] == ["prompt"]
    properties = schema["properties"]
    assert list(properties) == [field.name for field in dataclasses.fields(Request)]
    assert all(value["description"] for value in properties.values())
    assert properties["height"] == {
        "type": "integer", "description": "Height in pixels.", "default": 512,
        "minimum": 64, "maximum": 2048, "multipleOf": 8,
    }  # fmt: skip
    assert properties["seed"]["type"] == ["integer", "null"]
    assert properties["sampler"]["enum"] == [*SAMPLERS, None]
    assert (properties["prompt"]["minLength"], properties["prompt"]["maxLength"]) == (1, 2000)
    assert "default" not in properties["prompt"]
    json.dumps(schema)


def test_a_saved_picture_tells_everything(picture, tmp_path):
    path = picture.save(tmp_path / "fox.png")
    found = metadata.read(path)
    assert found.tool == "molnar"
    assert found.generated
    assert found.record == json.loads(json.dumps(picture.record()))
    assert found.record["pixels_sha256"] == pixels_sha256(picture.image)
    assert request_from(found) == FULL.replaced(seed=1, count=1)


def test_a_picture_is_not_overwritten(picture, tmp_path):
    path = picture.save(tmp_path / "fox.png")
    with pytest.raises(RequestError, match="exists already"):
        picture.save(path)
    assert picture.save(path, force=True) == path
    with pytest.raises(RequestError, match=r"cannot write \.gif"):
        picture.save(tmp_path / "fox.gif")


def test_pixels_survive_and_altered_ones_are_noticed(picture):
    from molnar.base.images import open_picture

    back = np.asarray(open_picture(picture.encoded()))
    np.testing.assert_array_equal(back, picture.image)
    back = back.copy()
    back[0, 0, 0] ^= 1
    assert pixels_sha256(back) != pixels_sha256(picture.image)
    assert pixels_sha256(back.reshape(128, 64, 4)) != pixels_sha256(back)


def test_the_a1111_text_is_theirs_to_the_letter(picture):
    version = picture.record()["version"]
    assert picture.parameters() == (
        "a fox, (red:1.3)\nsecond line\nNegative prompt: blurry\n"
        "Steps: 8, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 4.5, Seed: 1, "
        f"Size: 128x64, Model hash: abcdef0123, Model: sticker, RNG: CPU, Version: molnar {version}"
    )


def test_a_request_is_read_from_the_a1111_text(picture):
    parameters = metadata.read_parameters(picture.parameters())
    got = request_from(metadata.Metadata("a1111", parameters=parameters))
    assert got == FULL.replaced(seed=1, count=1, transparent=False)


def test_what_a1111_says_and_we_cannot_do_is_left_to_the_model():
    text = "fox\nSteps: 900, Sampler: DPM adaptive, CFG scale: low, Seed: -1, Size: 500x512"
    got = request_from(metadata.Metadata("a1111", parameters=metadata.read_parameters(text)))
    assert got == Request(prompt="fox")


@pytest.mark.parametrize(
    "found",
    [
        metadata.Metadata("none"),
        metadata.Metadata("molnar", record={}),
        metadata.Metadata("molnar", record={"request": {"prompt": "x", "new": 1}, "seed": 1}),
        metadata.Metadata("molnar", record={"request": {"prompt": "x"}, "seed": "y"}),
        metadata.Metadata("molnar", record={"request": 7, "seed": 1}),
    ],
)
def test_records_that_cannot_be_used_are_one_line(found):
    with pytest.raises(DataError) as error:
        request_from(found)
    assert "\n" not in str(error.value)


prompts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
).filter(str.strip)


@settings(deadline=None, max_examples=40)
@given(prompt=prompts, negative=prompts, suffix=st.sampled_from([".png", ".jpg", ".webp"]))
def test_any_prompt_survives_in_any_file(prompt, negative, suffix):
    request = Request(prompt=prompt, negative_prompt=negative, seed=3, height=64, width=64)
    picture = Picture(image=np.zeros((8, 8, 4), np.uint8), request=request.validated(), seed=3)
    found = metadata.read(picture.encoded(suffix))
    assert request_from(found) == request
    assert found.text["parameters"] == picture.parameters()
    assert found.generated
