from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from molnar.base.errors import DataError
from molnar.base.images import open_picture
from molnar.base.screening import Claim, TooLargeError, claim, kind_of


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind, body=b""):
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def with_chunks(*chunks):
    """A PNG of 4 x 4 pixels with more chunks after its header."""
    data = encoded(Image.new("RGB", (4, 4)), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("JPEG", "RGB", {}),
        ("JPEG", "L", {"progressive": True}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGBA", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    ],
)
def test_sizes_are_read_as_the_decoder_reads_them(kind, mode, options):
    data = encoded(Image.new(mode, (301, 77), 9), kind, **options)
    assert claim("p", data) == Claim(kind, 301, 77, 1, len(data))
    assert claim("p", data + b"<html>").end == len(data)
    assert kind_of(data) == kind


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_frames_are_counted(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert claim("p", data).frames == 3


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
def test_texts_count_as_they_unpack(kind):
    start = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0" if kind == b"tEXt" else b"k\0\0"

    def text(size):
        body = bytes(size) if kind == b"tEXt" else zlib.compress(bytes(size), 9)
        return with_chunks(chunk(kind, start + body))

    assert claim("p", text(7_900_000)).width == 4
    with pytest.raises(TooLargeError, match="p carries more than 8 MB of text, unpacked"):
        claim("p", text(8_100_000))


def test_many_small_texts_count_together_and_broken_ones_as_far_as_they_go():
    one = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9))
    assert claim("p", with_chunks(*[one] * 7)).width == 4
    with pytest.raises(TooLargeError):
        claim("p", with_chunks(*[one] * 9))
    assert claim("p", with_chunks(chunk(b"zTXt", b"k\0\0broken"))).width == 4


def test_parts_and_passes_are_limited():
    with pytest.raises(TooLargeError, match="more than 20000 parts"):
        claim("p", with_chunks(chunk(b"abCd") * 20_001))
    data = encoded(Image.new("RGB", (16, 16)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : data.rindex(b"\xff\xd9")]
    for more in (scan * 40, b"\xff\xfe\0\2" * 20_001):
        with pytest.raises(TooLargeError, match="more parts than any picture needs"):
            claim("p", data[:2] + more + data[2:])


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", b"RIFF\0\0\0\0WAVE"])
def test_other_kinds_have_none(data):
    assert kind_of(data) is None
    with pytest.raises(DataError, match="not a readable PNG, JPEG or WebP"):
        claim("p", data)


BROKEN = [
    encoded(Image.effect_noise((24, 24), 90), kind, **options)
    for kind, options in (("PNG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}))
]


@given(st.sampled_from(BROKEN), st.data())
def test_any_damage_is_survived(data, draw):
    cut = draw.draw(st.integers(0, len(data)))
    wild = draw.draw(st.binary(max_size=40))
    at = draw.draw(st.integers(0, cut))
    try:
        claim("p", data[:at] + wild + data[at:cut])
    except DataError as error:
        assert "\n" not in str(error)


def test_grey_of_sixteen_bits_is_scaled_not_cut():
    import numpy as np

    ramp = np.arange(0, 65_536, 64, dtype=np.uint16).reshape(32, 32)
    data = encoded(Image.fromarray(ramp), "PNG")
    got = np.asarray(open_picture(data))
    np.testing.assert_array_equal(got[..., 0], ramp >> 8)
    clear = data[:33] + chunk(b"tRNS", struct.pack(">H", 64)) + data[33:]
    assert (np.asarray(open_picture(clear))[..., 3] == 0).sum() == 1


def test_the_first_picture_of_a_phone_counts():
    pair = {"save_all": True, "append_images": [Image.new("RGB", (4, 4))]}
    data = encoded(Image.new("RGB", (8, 8), "red"), "MPO", **pair)
    assert open_picture(data).size == (8, 8)
