from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.base import metadata
from molnar.base.errors import DataError, RequestError
from molnar.base.metadata import encode, read, read_parameters, write_parameters

EXAMPLE = """a lighthouse at dusk, (storm clouds:1.3), <lora:inkwash:0.7>
second prompt line
Negative prompt: blurry, text
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 965400086, \
Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.55, \
Clip skip: 2, RNG: CPU, Hires upscale: 2, Hires upscaler: Latent, \
Lora hashes: "inkwash: 8a3f0c11d2e4", Version: v1.10.1"""


def picture(mode="RGBA"):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, len(mode)), np.uint8)
    return Image.fromarray(pixels)


def test_the_example_of_the_dialect_is_read():
    got = read_parameters(EXAMPLE)
    assert got.prompt.endswith("<lora:inkwash:0.7>\nsecond prompt line")
    assert got.negative_prompt == "blurry, text"
    assert got.fields["Steps"] == "28"
    assert got.fields["Sampler"] == "DPM++ 2M"
    assert (got.fields["Size-1"], got.fields["Size-2"]) == ("512", "768")
    assert got.fields["Lora hashes"] == "inkwash: 8a3f0c11d2e4"
    assert got.fields["Version"] == "v1.10.1"
    assert len(got.fields) == 16


def test_the_example_of_the_dialect_is_written():
    got = read_parameters(EXAMPLE)
    fields = dict(got.fields)
    size = {"Size": f"{fields.pop('Size-1')}x{fields.pop('Size-2')}"}
    keys = list(fields)
    ordered = {k: fields[k] for k in keys[:5]} | size | {k: fields[k] for k in keys[5:]}
    assert write_parameters(got.prompt, got.negative_prompt, ordered) == EXAMPLE


def test_values_that_would_break_the_line_are_quoted_and_empty_fields_left_out():
    text = write_parameters("p", "", {"A key": 'x, "y": z', "Gone": None, "N": 3, "Lines": "a\nb"})
    assert text == 'p\nA key: "x, \\"y\\": z", N: 3, Lines: "a\\nb"'
    assert read_parameters(text + ", More: 1").fields["A key"] == 'x, "y": z'
    assert read_parameters(text + ", More: 1").fields["Lines"] == "a\nb"


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "fields"),
    [
        ("", "", "", {}),
        ("just words", "just words", "", {}),
        ("a: b, c: d", "a: b, c: d", "", {}),
        ("p\nNegative prompt: n\nmore", "p", "n\nmore", {}),
        ("p\nAa: 1, Bb: 2, Cc: ", "p", "", {"Aa": "1", "Bb": "2"}),
        ('p\nAa: 1, Bb: "bad\\x", Cc: 3', "p", "", {"Aa": "1", "Bb": '"bad\\x"', "Cc": "3"}),
        ("Steps: 1, Seed: 2, Size: 3x4", "", "",
         {"Steps": "1", "Seed": "2", "Size-1": "3", "Size-2": "4"}),
    ],
)  # fmt: skip
def test_odd_texts_are_read_as_the_dialect_does(text, prompt, negative, fields):
    got = read_parameters(text)
    assert (got.prompt, got.negative_prompt, got.fields) == (prompt, negative, fields)


def test_bare_json_values_do_not_break_the_line():
    raw = '[{"type":"checkpoint","weight":1,"name":"a, b"}]'
    text = f'p\nSteps: 4, Hashes: {{"model": "ab", "x": {{}}}}, Seed: 5, Civitai resources: {raw}'
    got = read_parameters(text).fields
    assert got["Steps"] == "4"
    assert got["Seed"] == "5"
    assert got["Hashes"] == '{"model": "ab", "x": {}}'
    assert got["Civitai resources"] == raw
    assert set(got) == {"Steps", "Seed", "Hashes", "Civitai resources"}
    assert read_parameters("p\nSteps: 4, Hashes: {oops, Seed: 5").fields["Seed"] == "5"


@settings(deadline=None)
@given(st.text())
def test_no_text_crashes_the_parser(text):
    read_parameters(text)
    read_parameters(f"p\nSteps: 1, Seed: 2, Hashes: {text}")


one_lined = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40)


@settings(deadline=None)
@given(prompt=one_lined, value=one_lined.map(str.strip).filter(bool))
def test_ordinary_text_survives_the_dialect(prompt, value):
    fields = {"Steps": 1, "Seed": 2, "Note": f"{value},"}
    got = read_parameters(write_parameters(prompt, "", fields))
    if not prompt.strip().startswith("Negative prompt:"):
        assert got.prompt == prompt.strip()
    assert got.fields["Note"] == f"{value},"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_format_carries_all_three(suffix, mode):
    record = {"format": 1, "text": "日本 <&> \"'", "list": [1, 2.5, None]}
    data = encode(picture(mode), record, EXAMPLE, suffix)
    found = read(data)
    assert found.record == record
    assert found.parameters == read_parameters(EXAMPLE)
    assert found.generated
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == metadata.SUFFIXES[suffix.lower()]


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_lossless_formats_keep_every_pixel(suffix):
    with Image.open(io.BytesIO(encode(picture(), {}, "", suffix))) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(picture()))


def test_a_format_without_transparency_gets_white():
    assert metadata.flat(Image.new("RGBA", (1, 1))).getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(RequestError, match=r"cannot write \.tiff; expected \.png"):
        encode(picture(), {}, "", ".tiff")


def png_with(**chunks):
    info, out = PngInfo(), io.BytesIO()
    for key, value in chunks.items():
        info.add_text(key, value)
    picture().save(out, "PNG", pnginfo=info)
    return out.getvalue()


def test_a_picture_from_a1111_is_recognised():
    for text in (EXAMPLE, EXAMPLE + " 日本"):  # latin-1 and UTF-8 chunks
        found = read(png_with(parameters=text))
        assert found.tool == "a1111"
        assert found.record is None
        assert found.parameters == read_parameters(text)
        assert not found.generated


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_without_record_and_text_only_the_mark_is_left(suffix, mode):
    data = encode(picture(mode), {}, "", suffix)
    found = read(data)
    assert (found.tool, found.record, found.parameters, found.foreign) == ("none", None, None, None)
    assert list(found.text) == [metadata.XMP_KEY]
    assert found.generated
    for trace in (b"molnar:record", b"parameters", b"Exif", b"EXIF", b"UNICODE"):
        assert trace not in data.replace(b"Iptc4xmpExt", b"")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert not {"parameters", "molnar", "exif", "comment"} & set(image.info)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_the_user_comment_has_the_type_of_the_standard(suffix):
    with Image.open(io.BytesIO(encode(picture(), {}, EXAMPLE, suffix))) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
        assert comment == b"UNICODE\0" + EXAMPLE.encode("utf-16-be")
        # 7 is UNDEFINED; as BYTE, which Pillow would write, A1111 cannot read it.
        assert b"\x92\x86\x00\x07" + len(comment).to_bytes(4, "big") in image.info["exif"]


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
def test_user_comments_are_read_in_either_byte_order(order):
    exif, out = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + EXAMPLE.encode(order)
    picture("RGB").save(out, "JPEG", exif=exif)
    assert read(out.getvalue()).parameters == read_parameters(EXAMPLE)


@pytest.mark.parametrize("broken", ["", "{", "[1]", "7", "[" * 100_000])
def test_a_broken_record_is_no_record(broken):
    found = read(png_with(molnar=broken))
    assert (found.tool, found.record) == ("none", None)


def test_a_picture_that_says_nothing_says_nothing():
    found = read(png_with())
    assert (found.tool, found.parameters, found.generated) == ("none", None, False)


def test_text_after_the_pixels_is_found():
    data = png_with(parameters=EXAMPLE)
    # Move everything that stands before IDAT behind it.
    begin, start = data.index(b"tEXt") - 4, data.index(b"IDAT") - 4
    end = data.index(b"IEND") - 4
    moved = data[:begin] + data[start:end] + data[begin:start] + data[end:]
    assert read(moved).parameters == read_parameters(EXAMPLE)


@settings(deadline=None, max_examples=60)
@given(place=st.integers(0, 2000), value=st.integers(0, 255))
def test_damaged_files_give_metadata_or_one_line(place, value):
    data = bytearray(encode(picture(), {"format": 1}, EXAMPLE))
    data[place % len(data)] = value
    try:
        read(bytes(data))
    except DataError as error:
        assert "\n" not in str(error)
