"""Values of strangers' files, and whole files that mean harm."""

from __future__ import annotations

import io
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.base import metadata
from molnar.base.dialects import recognised
from molnar.base.errors import DataError
from molnar.base.foreign import TOOLS, Foreign, gathered, loras_of, name_of, real, text_of, whole


def png(chunks):
    info, out = PngInfo(), io.BytesIO()
    for key, value in chunks.items():
        info.add_text(key, value)
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@pytest.mark.parametrize("value", [
    None, True, "", "x", "-1", -1, 1.5, 2**64, "1e3", float("nan"), float("inf"), [], {}, "٣", "²",
])  # fmt: skip
def test_what_is_no_whole_number_is_none(value):
    assert whole(value) is None


def test_what_is_a_number_is_one():
    assert whole(2**64 - 1) == whole("18446744073709551615") == 2**64 - 1
    assert whole(" 0 ") == 0
    assert real("-0.5") == -0.5
    assert real(10**400) is real("1" * 50) is real(float("inf")) is None


def test_texts_and_names():
    assert text_of("\ud800!") == "?!"
    assert text_of("x" * 200_000) is None
    assert name_of({"model_name": "a"}) == name_of({"name": " a "}) == "a"
    assert name_of("x" * 600) is None
    assert loras_of("x") == loras_of([None, [], {}, [3, 4]]) == ()
    assert loras_of([{"on": True, "lora": "ink", "strength": 0.5}]) == (("ink", 0.5),)


def test_what_is_left_over_is_bounded():
    said = {str(k): "x" for k in range(1000)} | {"long": "y" * 9999}
    found = gathered("a1111", {"long": "y" * 9999, **said}, {})
    assert len(found.rest) == 200
    assert len(found.rest["long"]) < 5000
    assert gathered("a1111", {"a": 1, "b": 2}, {"seed": ("a", "b")}) == Foreign(
        tool="a1111", seed=1, rest={"b": "2"}
    )


KEYS = (
    "parameters", "prompt", "workflow", "Comment", "Description", "Software", "Dream",
    "invokeai_metadata", "sd-metadata", "fooocus_scheme", "negative_prompt", "XML:com.adobe.xmp",
)  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from([
    "seed", "steps", "image", "prompt", "size", "resolution", "loras", "model", "c", "uc", "v2",
    "sui_image_params", "base_model", "positive_prompt", "v4_prompt", "caption", "char_captions",
    "loraweights", "lora_combined_1", "name", "weight", "inputs", "class_type",
])  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6)
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=60) | values.map(json.dumps)))
def test_no_text_of_a_stranger_crashes_a_reader(text):
    found = recognised(text)
    if found is not None:
        assert found.tool in TOOLS
        assert found.seed is None or 0 <= found.seed < 2**64
        json.dumps(found.prompt).encode()


DEEP = "[" * 200_000
HOSTILE = [
    DEEP, '{"a":' * 200_000, "{" * 5_000_000, "a" * 5_000_000, " " * 5_000_000, "[" * 5_000_000,
    '{"seed": ' + "9" * 1_000_000 + "}", "a\n" + "Aa: " * 1_250_000, "Aa: [" * 1_000_000,
    "<lora:" * 800_000, '"' * 5_000_000, '"' + " -a" * 1_500_000, "\n" * 5_000_000,
    "<exif:UserComment>" * 250_000, "<molnar:record>" * 300_000, "Negative prompt:\n" * 300_000,
    '{"c": "' + "x" * 5_000_000 + '"}', '"' + "[" * 2_000_000 + " " * 2_000_000 + '" -s 4',
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(HOSTILE)))
def test_hostile_texts_take_no_time(k):
    begin = time.process_time()
    for key in KEYS:
        recognised({key: HOSTILE[k]})
        recognised({"Software": "NovelAI", "Comment": "{}", "fooocus_scheme": "a1111",
                    "parameters": HOSTILE[k], "MakerNote": "fooocus"})  # fmt: skip
    assert time.process_time() - begin < 20


def test_a_hostile_file_is_read_or_refused():
    for text in HOSTILE[:5]:
        try:
            found = metadata.read(png({"parameters": text, "molnar": text, "prompt": text}))
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert found.record is None
    latin = png({"parameters": "abc"}).replace(b"abc", b"\xff\xfe\x80")
    with pytest.raises(DataError, match=r"broken|readable"):
        metadata.read(latin)
