from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from molnar.base import images
from molnar.base.errors import DataError


@pytest.fixture
def straight():
    return np.random.default_rng(0).integers(0, 256, (16, 12, 4), np.uint8)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_premultiplied_colour_is_colour_times_alpha(straight):
    got = images.premultiply(straight)
    exact = straight[..., :3] * (straight[..., 3:] / 255)
    assert abs(got[..., :3] - exact).max() <= 0.5
    np.testing.assert_array_equal(got[..., 3], straight[..., 3])
    assert (got[..., :3] <= got[..., 3:]).all()


def test_unpremultiply_inverts_within_rounding(straight):
    back = images.unpremultiply(images.premultiply(straight)).astype(int)
    alpha = straight[..., 3:].astype(float)
    assert (abs(back - straight) <= 0.5 * 255 / np.maximum(alpha, 1) + 1)[alpha[..., 0] > 0].all()
    assert (back[alpha[..., 0] == 0][:, :3] == 0).all()


def test_opaque_pictures_pass_unchanged(straight):
    straight[..., 3] = 255
    np.testing.assert_array_equal(images.premultiply(straight), straight)
    np.testing.assert_array_equal(images.unpremultiply(straight), straight)
    np.testing.assert_array_equal(
        images.from_model(images.to_model(straight[None])), straight[None]
    )


def test_models_see_channels_first_from_minus_one_to_one(straight):
    got = images.to_model(np.stack([straight, straight]))
    assert got.shape == (2, 4, 16, 12)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert images.to_model(np.full((1, 1, 1, 4), 255, np.uint8)).max() == 1
    assert images.to_model(np.zeros((1, 1, 1, 4), np.uint8)).min() == -1


def test_what_a_model_saw_comes_back_straight(straight):
    premultiplied = images.premultiply(straight)
    back = images.from_model(images.to_model(premultiplied[None]))[0]
    expected = images.unpremultiply(premultiplied)
    np.testing.assert_array_equal(back[..., 3], expected[..., 3])
    assert abs(back.astype(int) - expected).max() <= 1


def test_wild_model_outputs_are_clipped():
    wild = np.array([5.0, -3.0, 0.5, 0.0]).reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(images.from_model(wild), [[[[255, 0, 255, 128]]]])
    hidden = np.array([1.0, 1.0, 1.0, -1.0]).reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(images.from_model(hidden), np.zeros((1, 1, 1, 4)))


def test_contact_sheets_hold_every_picture(straight):
    red = Image.new("RGB", (300, 100), "red")
    sheet = images.contact_sheet([straight, red, straight], ["a\nb", "x" * 99], columns=2, cell=64)
    assert sheet.size == (128, 2 * 78)
    assert sheet.getpixel((96, 32)) == (255, 0, 0)
    assert sheet.getpixel((96, 5)) == (255, 255, 255)
    assert images.contact_sheet([]).size == (128, 128)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_the_three_kinds_are_opened(kind, tmp_path):
    data = encoded(Image.new("RGB", (9, 7), "blue"), kind)
    (tmp_path / "p").write_bytes(data)
    for source in (data, tmp_path / "p"):
        picture = images.open_picture(source)
        assert (picture.size, picture.mode) == ((9, 7), "RGB")


def test_transparency_is_kept_in_any_mode():
    for mode in ("RGBA", "LA"):
        assert images.open_picture(encoded(Image.new(mode, (2, 2)))).mode == "RGBA"
    palette = Image.new("P", (2, 2))
    assert images.open_picture(encoded(palette, transparency=0)).getpixel((0, 0))[3] == 0
    assert images.open_picture(encoded(Image.new("L", (2, 2)))).mode == "RGB"


def test_pictures_stand_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = encoded(Image.new("RGB", (9, 7)), "JPEG", exif=exif)
    assert images.open_picture(data).size == (7, 9)


def claiming(width, height):
    """A PNG whose header claims a size that its few bytes do not hold."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(body)) + head + struct.pack(">I", zlib.crc32(head))
        + struct.pack(">I", 4) + b"IDAT1234" + struct.pack(">I", zlib.crc32(b"IDAT1234"))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable"),
        (b"GIF89a" + bytes(20), "not a readable"),
        (encoded(Image.new("RGB", (4, 4)), "BMP"), "not a readable"),
        (encoded(Image.new("RGB", (64, 64)))[:60], "not a readable"),
        (claiming(8, 8), "not a readable"),
        (claiming(4001, 4000), "4001 x 4000 pixels; expected at most 16 megapixels"),
        (claiming(60_000, 60_000), "60000 x 60000 pixels|not a readable"),
        (bytes(20_000_001), "20.0 MB; expected at most 20 MB"),
    ],
)
def test_other_kinds_broken_and_huge_pictures_are_refused(data, message):
    with pytest.raises(DataError, match=message) as error:
        images.open_picture(data)
    assert "\n" not in str(error.value)


def test_huge_files_are_refused_unread(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DataError, match=r"huge\.png has 1000000.0 MB"):
        images.open_picture(path)
    with pytest.raises(DataError, match="cannot be read"):
        images.open_picture(tmp_path / "none.png")


@pytest.mark.parametrize("size", [(16, 12), (8, 6), (32, 24), (5, 31), (1, 1)])
def test_nothing_is_cut_off_by_a_plain_resize(size):
    ramp = np.broadcast_to(np.linspace(-1, 1, 12, dtype=np.float32), (1, 3, 16, 12)).copy()
    got = images.resized(ramp, *size)
    assert got.shape == (1, 3, *size)
    assert abs(got).max() <= 1
    if size[1] > 1:
        assert got[..., 0].max() < -0.75
        assert got[..., -1].min() > 0.75
    assert abs(got.mean()) < 0.02


def test_a_plain_resize_to_the_same_size_changes_nothing(straight):
    image = images.to_model(straight[None])
    np.testing.assert_array_equal(images.resized(image, 16, 12), image)


def test_paper_is_white_and_covered_as_far_as_a_picture_is_opaque(straight):
    straight[..., 3] = 255
    np.testing.assert_array_equal(images.on_paper(straight), straight[..., :3])
    straight[..., 3] = 0
    assert (images.on_paper(straight) == 255).all()
    half = np.array([[[0, 100, 255, 51]]], np.uint8)
    np.testing.assert_array_equal(images.on_paper(half), [[[204, 224, 255]]])
    rgb = straight[..., :3]
    assert images.on_paper(rgb) is rgb


def test_paper_is_what_a_model_lays_pictures_on(straight):
    model = images.on_white(images.to_model(images.premultiply(straight)[None]))
    through = images.from_model(model)[0, ..., :3].astype(int)
    assert abs(through - images.on_paper(straight)).max() <= 1


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_pictures_that_move_are_refused(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    with pytest.raises(DataError, match="the picture moves; expected a still picture"):
        images.open_picture(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    still = encoded(frames[0], kind, save_all=True)
    assert images.open_picture(still).size == (8, 8)
