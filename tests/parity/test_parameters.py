"""The settings we write, as public readers take them: sd-parsers, unstable-reader, piexif.

unstable-reader is the SD Prompt Reader as a library. Both have limits of their own, named below;
what A1111 itself would read is tested in `tests/base/test_metadata.py`.
"""

from __future__ import annotations

import io

import numpy as np
import piexif
import piexif.helper
import pytest
from PIL import Image
from sd_parsers import ParserManager
from unstable_reader import ImageMetadataExtractor

from molnar.base.metadata import SAMPLER_LABELS, SCHEDULE_LABELS
from molnar.base.request import Picture, Request

# Both use calls of Pillow that it wants to be rid of.
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

NASTY = [
    ("a fox", ""),
    ("a fox", "blurry, bad: hands, text"),
    ("colons: a, b: c, Steps is: 4, Seed: 12", "Size: 3x4"),
    ('he said "a, b: c", and (fur:1.3), [x|y], {z}, \\(w\\)', '"'),
    ("first line,\nsecond: line\n\nfourth (line:0.5)", "one\ntwo: three"),
    ("日本の狐, é — ß 🦊", "悪い"),
    ("<lora:ink:0.7> & <b>", "`$(rm)`"),
    ("it's 100% 'quoted', 50/50", "a\\b\\n"),
]


def drawn(prompt, negative, **changes):
    request = Request(
        prompt=prompt, negative_prompt=negative, height=96, width=64, steps=28, guidance=6.5,
        seed=7, sampler="dpmpp_2m_sde", schedule="karras",
    )  # fmt: skip
    request = request.replaced(**changes)
    pixels = np.random.default_rng(0).integers(0, 256, (96, 64, 4), np.uint8)
    return Picture(image=pixels, request=request, seed=request.seed or 0, model="sticker-1.0",
                   model_hash="0123456789abcdef" * 4)  # fmt: skip


SEEN = []  # sd-parsers remembers a picture by its address in memory: none may be used again


def parsed(data):
    with Image.open(io.BytesIO(data)) as image:
        SEEN.append(image)
        return ParserManager().parse(image)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize(("prompt", "negative"), NASTY)
def test_sd_parsers_reads_what_we_write(prompt, negative, suffix):
    found = parsed(drawn(prompt, negative).encoded(suffix))
    assert found is not None
    [sampler] = found.samplers
    assert [each.value for each in sampler.prompts] == [prompt]
    assert [each.value for each in sampler.negative_prompts] == ([negative] if negative else [])
    assert sampler.name == "DPM++ 2M SDE"
    assert sampler.parameters == {
        "scheduler": "Karras", "cfg_scale": "6.5", "seed": "7", "steps": "28",
    }  # fmt: skip
    assert (sampler.model.name, sampler.model.hash) == ("sticker-1.0", "0123456789")
    assert found.metadata["Size"] == "64x96"
    assert found.metadata["RNG"] == "CPU"


def turned_breaks(text):
    try:
        text.encode("utf-16-be").decode("utf-16-le")
    except UnicodeDecodeError:
        return True
    return False


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize(("prompt", "negative"), NASTY)
def test_piexif_reads_what_we_write(prompt, negative, suffix):
    """A1111 itself reads JPEG and WebP with it."""
    picture = drawn(prompt, negative)
    with Image.open(io.BytesIO(picture.encoded(suffix))) as image:
        comment = piexif.load(image.info["exif"])["Exif"][piexif.ExifIFD.UserComment]
    assert piexif.helper.UserComment.load(comment) == picture.parameters()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize(("prompt", "negative"), NASTY)
def test_unstable_reader_reads_what_we_write(tmp_path, prompt, negative, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(drawn(prompt, negative).encoded(suffix))
    found = ImageMetadataExtractor(str(path))
    found.extract_metadata()
    if suffix != ".png" and turned_breaks(drawn(prompt, negative).parameters()):
        # Its limit: looking for SwarmUI, it takes big-endian text (A1111's, the standard's) for
        # little-endian, and gives up if that is none. piexif, above, reads the same file.
        assert found.tool == ""
        return
    assert found.tool == "A1111 webUI"
    assert (found.prompt, found.negative) == (prompt, negative)
    assert (found.model, found.sampler) == ("sticker-1.0", "DPM++ 2M SDE")
    assert (found.cfg, found.steps) == ("6.5", "28")
    assert found.reader.parameter["seed"] == "7"
    assert (found.width, found.height) == ("64", "96")


def test_every_sampler_and_schedule_comes_through():
    for sampler, label in SAMPLER_LABELS.items():
        for schedule, times in SCHEDULE_LABELS.items():
            data = drawn("a fox", "", sampler=sampler, schedule=schedule, seed=0).encoded()
            [found] = parsed(data).samplers
            assert (found.name, found.parameters["scheduler"]) == (label, times)
            assert found.parameters["seed"] == "0"
