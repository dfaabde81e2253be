from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from molnar.base import metadata
from molnar.base.errors import DataError, RequestError
from molnar.base.request import (
    Picture,
    Request,
    UnknownWord,
    Variation,
    json_schema,
    pixels_sha256,
    request_from,
)
from molnar.base.types import Item
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
        ("strength", 1.5, "strength is 1.5; expected 0 to 1"),
        ("strength", -0.1, "expected 0 to 1"),
        ("feather", 129, "feather is 129; expected 0 to 128"),
        ("outpaint", (8, 8), "outpaint has 2 members; expected 4"),
        ("outpaint", (0, 0, 0, -8), r"outpaint\[3\] is -8"),
        ("variations", (Variation(),) * 33, "variations has 33 members; expected 0 to 32"),
        ("variations", (Variation(strength=2.0),), "strength is 2.0; expected 0 to 1"),
        ("variations", ((7, 0.1),), r"variations\[0\] is \(7, 0.1\); expected Variation"),
        ("plan", (Item(name="fox"),) * 11, "plan has 11 members; expected 0 to 10"),
        ("plan", ("fox",), r"plan\[0\] is 'fox'; expected Item"),
        ("chaos", 101, "chaos is 101; expected 0 to 100"),
        ("stop", 9, "stop is 9; expected 10 to 100"),
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
@example(prompt="\u0100", negative="x", suffix=".jpg")  # its low byte is 0, as ASCII's high one
@example(prompt="\u4e00" * 60, negative="\u2000x", suffix=".webp")  # letters, read backwards
@example(prompt="\ufffe", negative="\ufeff", suffix=".jpg")  # a mark of the byte order, as text
def test_any_prompt_survives_in_any_file(prompt, negative, suffix):
    request = Request(prompt=prompt, negative_prompt=negative, seed=3, height=64, width=64)
    picture = Picture(image=np.zeros((8, 8, 4), np.uint8), request=request.validated(), seed=3)
    found = metadata.read(picture.encoded(suffix))
    assert request_from(found) == request
    assert found.text["parameters"] == picture.parameters()
    assert found.generated


CHAIN = (Variation(seed=3, strength=0.15), Variation(seed=2**32 - 1, strength=0.6))


def test_a_single_picture_of_many_is_asked_for_by_its_seed():
    many = Request(prompt="x", seed=2**32 - 1, count=4, best_of=2)
    singles = [many.single(k) for k in range(8)]
    assert [one.seed for one in singles] == [2**32 - 1, 0, 1, 2, 3, 4, 5, 6]
    assert {(one.count, one.best_of) for one in singles} == {(1, 1)}
    assert singles[0] == many.replaced(count=1, best_of=1)


def test_a_single_variation_goes_towards_a_seed_of_its_own():
    many = Request(prompt="x", seed=5, count=3, variations=CHAIN)
    singles = [many.single(k) for k in range(3)]
    assert [one.seed for one in singles] == [5, 5, 5]
    assert [one.variations[-1].seed for one in singles] == [2**32 - 1, 0, 1]
    assert all(one.variations[0] == CHAIN[0] for one in singles)
    assert {one.variations[-1].strength for one in singles} == {0.6}
    assert singles[1].single(0) == singles[1]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_a_file_asks_for_its_own_picture_with_all_that_led_to_it(suffix):
    plan = (
        Item(name="background", colour="blue", behind=True),
        Item(name="fox", x=0.25, y=1 / 3, width=0.1, height=1.4),
    )
    asked = Request(
        prompt="x", seed=5, count=3, height=64, width=64, variations=CHAIN, plan=plan,
        image="sha256:" + "0" * 64, mask="sha256:" + "1" * 64, outpaint=(8, 0, 0, 16), feather=0,
        strength=0.5, chaos=7, stop=60, literal=True, tile=True, template="{x|y}",
    ).validated()  # fmt: skip
    alone = asked.single(2)
    picture = Picture(
        image=np.zeros((64, 64, 3), np.uint8), request=asked, seed=5, index=2, plan=plan,
        variations=alone.variations,
    )  # fmt: skip
    assert request_from(metadata.read(picture.encoded(suffix))) == alone


def test_a_record_of_the_first_format_is_still_read():
    old = {"request": {"prompt": "x", "steps": 4, "count": 3}, "seed": 9, "index": 1}
    got = request_from(metadata.Metadata("molnar", record=old))
    assert got == Request(prompt="x", steps=4, seed=9)


@pytest.mark.parametrize("wrong", [7, [7], [{"seed": -1}], [{"sed": 1}], None])
def test_variations_that_are_none_are_one_line(wrong):
    record = {"request": {"prompt": "x"}, "seed": 1, "variations": wrong}
    with pytest.raises(DataError, match="cannot be used") as error:
        request_from(metadata.Metadata("molnar", record=record))
    assert "\n" not in str(error.value)


def test_what_a1111_has_a_name_for_is_told_in_its_words():
    asked = Request(
        prompt="x", seed=5, height=64, width=64, variations=CHAIN, tile=True, steps=1,
        image="sha256:" + "0" * 64, mask="sha256:" + "1" * 64, strength=0.5,
    )  # fmt: skip
    picture = Picture(
        image=np.zeros((64, 64, 3), np.uint8), request=asked, seed=5, variations=CHAIN
    )
    told = metadata.read_parameters(picture.parameters()).fields
    assert told["Variation seed"] == str(2**32 - 1)
    assert told["Variation seed strength"] == "0.6"
    assert (told["Tiling"], told["Mask blur"], told["Denoising strength"]) == ("True", "8", "0.5")
