from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pytest
from PIL import Image

from molnar.base import metadata
from molnar.base.stealth import hidden_text

PROMPT = 'a "red" fox, (fur:1.3),\n日本'


def hidden(text, channels, kind, side=96):
    """Return a picture that hides a text, as the A1111 extension and NovelAI do it."""
    body = gzip.compress(text.encode()) if kind.endswith(b"comp") else text.encode()
    whole = kind + (8 * len(body)).to_bytes(4, "big") + body
    bits = np.unpackbits(np.frombuffer(whole, np.uint8))
    pixels = np.full((64, side, len("RGBA" if channels == "A" else channels)), 254, np.uint8)
    part = pixels[..., 3:] if channels == "A" else pixels
    flat = part.transpose(1, 0, 2).reshape(-1).copy()
    flat[: len(bits)] |= bits
    part[:] = flat.reshape(side, 64, -1).transpose(1, 0, 2)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", [b"info", b"comp"])
@pytest.mark.parametrize("channels", ["A", "RGB"])
def test_hidden_text_is_read(channels, kind):
    name = (b"stealth_png" if channels == "A" else b"stealth_rgb") + kind
    comment = json.dumps({"prompt": PROMPT, "seed": 7, "uc": "bad"})
    novel = json.dumps({"Software": "NovelAI", "Description": PROMPT, "Comment": comment})
    plain = f"{PROMPT}\nSteps: 4, Seed: 7, Size: 64x96"
    for text, tool in ((plain, "a1111"), (novel, "novelai")):
        picture = hidden(text, channels, name)
        assert hidden_text(picture) == text
        out = io.BytesIO()
        picture.save(out, "PNG")
        found = metadata.read(out.getvalue())
        assert (found.tool, found.foreign.prompt, found.foreign.seed) == (tool, PROMPT, 7)


def test_what_hides_nothing_says_nothing():
    assert hidden_text(Image.new("RGBA", (64, 96))) is None
    assert hidden_text(Image.new("L", (64, 96))) is None
    assert hidden_text(Image.new("RGBA", (1, 1))) is None
    assert hidden_text(hidden("x", "A", b"stealth_rgbinfo")) is None


@pytest.mark.parametrize("size", [0, 9, 2**32 - 1])
def test_a_false_length_is_survived(size):
    bits = np.unpackbits(np.frombuffer(b"stealth_pngcomp" + size.to_bytes(4, "big"), np.uint8))
    pixels = np.zeros((64, 96, 4), np.uint8)
    columns = pixels[..., 3].T.reshape(-1).copy()
    columns[: len(bits)] = bits
    pixels[..., 3] = columns.reshape(96, 64).T
    assert not hidden_text(Image.fromarray(pixels))
    columns[14 * 8 : 15 * 8] = np.unpackbits(np.frombuffer(b"o", np.uint8))
    columns[11 * 8 : 15 * 8] = np.unpackbits(np.frombuffer(b"info", np.uint8))
    pixels[..., 3] = columns.reshape(96, 64).T
    assert set(hidden_text(Image.fromarray(pixels))) <= {"\0"}


def test_a_bomb_is_not_unpacked_whole():
    picture = hidden("a" * 4_100_000, "RGB", b"stealth_rgbcomp", side=192)
    assert len(hidden_text(picture)) == 4_000_000
