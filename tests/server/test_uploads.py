"""Pictures that clients send: what is taken, what is refused, and what a refusal costs."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from molnar.app.server import uploads
from molnar.app.server.uploads import (
    UploadError,
    from_base64,
    picture_from_base64,
    read_picture,
)
from molnar.base import metadata
from molnar.base.errors import MolnarError
from molnar.base.request import Picture, Request


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data, field=None):
    return asyncio.run(read_picture(data, field))


def refused(data, status, field="image"):
    with pytest.raises(UploadError) as error:
        read(data, field)
    assert (error.value.status, error.value.field) == (status, field)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(field)
    return str(error.value)


RED = Image.new("RGB", (9, 7), "red")


# ---------------------------------------------------------------- what is taken


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_kinds_are_read_whatever_they_are_called(kind):
    got = read(encoded(RED, kind))
    assert got.pixels.shape == (7, 9, 3)
    assert got.pixels.dtype == np.uint8
    assert got.pixels[3, 3, 0] > 250
    assert (got.tool, got.record, got.prompt, got.wishes) == (None, None, "", {})


@pytest.mark.parametrize(
    ("image", "kind", "channels"),
    [
        (RED.convert("P"), "PNG", 3),
        (Image.new("1", (9, 7), 1), "PNG", 3),
        (RED.convert("LA"), "PNG", 4),
        (RED.convert("CMYK"), "JPEG", 3),
        (RED.convert("L"), "JPEG", 3),
        (Image.new("RGBA", (9, 7), (200, 0, 0, 99)), "WEBP", 4),
        (Image.fromarray(np.full((7, 9), 40_000, np.uint16)), "PNG", 3),
    ],
)
def test_every_kind_of_pixel_becomes_rgb_or_rgba(image, kind, channels):
    pixels = read(encoded(image, kind)).pixels
    assert pixels.shape == (7, 9, channels)
    assert 0 < pixels[3, 3, 0] < 256


def test_pictures_stand_upright_and_large_ones_are_copied_whole():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(encoded(RED, "JPEG", exif=exif)).pixels.shape == (9, 7, 3)
    noise = np.random.default_rng(0).integers(0, 256, (600, 5, 4), np.uint8)
    np.testing.assert_array_equal(read(encoded(Image.fromarray(noise))).pixels, noise)


def test_what_the_file_says_is_read():
    request = Request(prompt="a fox", steps=8, seed=7, image="/home/me/secret.png", strength=0.4)
    drawn = Picture(image=np.zeros((64, 64, 3), np.uint8), request=request, seed=7)
    ours = metadata.encode(drawn.to_pil(), drawn.record(), drawn.parameters())
    got = read(ours)
    assert (got.tool, got.prompt) == ("molnar", "a fox")
    wanted = {"prompt": "a fox", "steps": 8, "seed": 7, "width": 512, "height": 512}
    assert got.wishes == wanted  # and no file of anybody's
    theirs = metadata.encode(RED, {}, "a cat\nSteps: 9000, Seed: 5, CFG scale: 4")
    got = read(theirs)
    assert (got.tool, got.prompt, got.record) == ("AUTOMATIC1111", "a cat", None)
    assert got.wishes == {"prompt": "a cat", "seed": 5, "guidance": 4.0}
    assert read(metadata.encode(RED, {"request": {"prompt": 3}}, "")).wishes == {}


# ---------------------------------------------------------------- what is refused

HEADS = {
    "empty": b"",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "pdf": b"%PDF-1.7\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "tiff": encoded(RED, "TIFF"),
    "gif": encoded(RED, "GIF"),
    "bmp": encoded(RED, "BMP"),
    "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "zip": b"PK\3\4" + bytes(60),
    "pickle": b"\x80\4\x95" + bytes(60),
    "pdf before a PNG": b"%PDF-1.7\n" + encoded(RED),
    "html before a JPEG": b"<html>" + encoded(RED, "JPEG"),
}


@pytest.mark.parametrize("data", HEADS.values(), ids=HEADS)
def test_other_kinds_are_refused_by_what_they_hold(data):
    assert "expected a PNG, JPEG or WebP" in refused(data, 415)


def test_broken_moving_and_double_files_are_refused():
    for kind in ("PNG", "JPEG", "WEBP"):
        data = encoded(Image.effect_noise((64, 64), 90), kind)
        refused(data[: len(data) // 2], 400)
        refused(data[:12] + bytes(40), 400)
    frames = {"save_all": True, "append_images": [Image.new("RGB", (9, 7))]}
    for kind in ("PNG", "WEBP"):
        assert "moves" in refused(encoded(RED, kind, **frames), 400)
        tail = encoded(RED, kind) + b"PK\3\4<script>alert(1)</script>"
        assert f"bytes behind the {kind}" in refused(tail, 400)
    assert read(encoded(RED, "JPEG") + b"a film").pixels.shape == (7, 9, 3)
    assert "20.0 MB" in refused(bytes(20_000_001), 413, "the picture")


BOMBS = r"""
import io, json, struct, sys, time, zlib
from PIL import Image
from molnar.app.server.uploads import UploadError, decoded

def chunk(kind, body=b""):
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc

def png(width, height, before=b"", after=b"", pixels=bytes(52)):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + after + chunk(b"IEND")

def webp(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body

def jpeg():
    out = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    at, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[at:end] * 5000 + data[end:]

zeros = zlib.compress(bytes(200_000_000), 1)
small = zlib.compress(b"\xf0\x9f\x98\x80" + b"a" * 1_000_000, 9)
frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 1, 0, 0))
bombs = {
    "50k x 50k PNG": (413, png(50_000, 50_000)),
    "16k x 16k WebP": (413, webp(16_383, 16_383)),
    "one line of pixels": (413, png(2**31 - 1, 1)),
    "zTXt": (413, png(4, 4, chunk(b"zTXt", b"k\0\0" + zeros))),
    "iCCP": (413, png(4, 4, chunk(b"iCCP", b"k\0\0" + zeros))),
    "zTXt behind": (413, png(4, 4, after=chunk(b"zTXt", b"k\0\0" + zeros))),
    "many iTXt": (413, png(4, 4, chunk(b"iTXt", b"k\0\1\0\0\0" + small) * 60)),
    "text of objects": (200, png(4, 4, chunk(b"tEXt", b"molnar\0{\"a\":[" + b"{}," * 2_500_000))),
    "APNG": (400, png(4, 4, chunk(b"acTL", struct.pack(">II", 10_000, 0)) + frame,
                      chunk(b"fdAT", b"0000") * 10_000)),
    "a million chunks": (413, png(4, 4, chunk(b"abCd") * 1_000_000)),
    "5,000 passes": (413, jpeg()),
    "more pixels than told": (200, png(4, 4, pixels=bytes(50_000_000))),
}
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

decoded(png(4, 4))  # what decoding imports
out = {}
for name, (status, data) in bombs.items():
    before, start = peak(), time.perf_counter()
    try:
        got = decoded(data) and 200
    except UploadError as error:
        got = error.status
    out[name] = [got == status, time.perf_counter() - start, (peak() - before) / 1000]
print(json.dumps(out))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells its peak of memory")
def test_bombs_cost_neither_time_nor_memory():
    done = subprocess.run([sys.executable, "-c", BOMBS], capture_output=True, text=True, check=True)
    for name, (as_expected, seconds, megabytes) in json.loads(done.stdout).items():
        assert as_expected, name
        assert seconds < 1, name
        assert megabytes < 100, name


def test_two_are_decoded_at_once_and_few_wait(monkeypatch):
    at_once, most, free = 0, 0, threading.Event()

    def slow(data, field):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        free.wait(5)
        at_once -= 1

    monkeypatch.setattr(uploads, "decoded", slow)

    async def many():
        waiting = [asyncio.create_task(read_picture(b"")) for _ in range(uploads.MAX_WAITING)]
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        with pytest.raises(UploadError) as error:
            await read_picture(b"", "image")
        assert error.value.status == 503
        assert time.monotonic() - begun < 1  # the loop is free meanwhile
        free.set()
        await asyncio.gather(*waiting)

    asyncio.run(many())
    assert most == 2
    assert uploads._waiting == 0


# ---------------------------------------------------------------- pictures as text


def test_base64_is_read_bare_and_as_a_data_url():
    data = encoded(RED)
    text = base64.b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    for form in (text, text.rstrip("="), lines, f" {text}\n"):
        assert from_base64(form, "init_images[0]") == data
    for start in (
        "data:image/png;base64,",
        "DATA:image/jpeg;charset=x;base64,",
        "\ndata:image/x;BASE64,",
    ):
        assert from_base64(start + text, "mask") == data
    got = asyncio.run(picture_from_base64(text, "mask"))
    assert got.pixels.shape == (7, 9, 3)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("http://169.254.169.254/latest", 400, "this server fetches nothing"),
        ("HTTPS://a.example/b.png", 400, "this server fetches nothing"),
        (" file:///etc/passwd", 400, "this server fetches nothing"),
        ("gopher://x", 400, "this server fetches nothing"),
        ("//a.example/b.png", 400, "this server fetches nothing"),
        ("data:text/html;base64,PGI+", 415, "expected data:image/png;base64,"),
        ("data:image/svg+xml,<svg/>", 415, "expected data:image/png;base64,"),
        ("data:image/png;base64,%%%", 400, "is no base64"),
        ("C:\\pictures\\fox.png", 400, "is no base64"),
        ("../../fox.png", 400, "is no base64"),
        ("fóx", 400, "is no base64"),
        ("A" * 28_100_000, 413, "expected at most 27"),
    ],
)
def test_addresses_and_other_texts_are_refused(text, status, words):
    with pytest.raises(UploadError, match=words) as error:
        from_base64(text, "image")
    assert (error.value.status, error.value.field) == (status, "image")
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


@given(st.text(max_size=60))
def test_any_text_gives_bytes_or_one_line(text):
    try:
        assert isinstance(from_base64(text, "image"), bytes)
    except UploadError as error:
        assert "\n" not in str(error)


def test_every_refusal_is_an_error_of_ours():
    assert issubclass(UploadError, MolnarError)
