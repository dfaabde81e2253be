"""From a picture: what must stay stays to the last bit, whatever the mask and how far it fades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from molnar import starting
from molnar.base.errors import DataError, RequestError
from molnar.base.request import Request
from molnar.canvas import Canvas

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
FEATHERS = (0, 1, 2, 8, 30)


def noisy(height: int, width: int, channels: int = 4, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def asked(height: int, width: int, **changes: Any) -> Request:
    return Request(prompt="x", height=height, width=width, image="a", **changes)


def farther(mask: Any, reach: float) -> Any:
    """Tell which pixels are farther than so many from any pixel of a mask: by looking at all."""
    rows, columns = np.nonzero(mask)
    down = np.arange(mask.shape[0])[:, None, None] - rows
    across = np.arange(mask.shape[1])[None, :, None] - columns
    return (down**2 + across**2).min(axis=2) > reach**2


def encode(image: Any) -> Any:
    """Stand in for an encoder: means of blocks of 8 pixels."""
    _, c, height, width = image.shape
    return image.reshape(1, c, height // 8, 8, width // 8, 8).mean(axis=(3, 5))


masks = st.builds(
    lambda boxes, size: boxed(boxes, size),
    st.lists(st.tuples(*[st.integers(0, 40)] * 4), min_size=1, max_size=4),
    st.tuples(st.integers(9, 48), st.integers(9, 48)),
)


def boxed(boxes: list[tuple[int, int, int, int]], size: tuple[int, int]) -> Any:
    """Draw boxes, lines and single pixels."""
    mask = np.zeros(size, bool)
    for y, x, height, width in boxes:
        mask[y % size[0] :][: height % 17 + 1, x % size[1] :][:, : width % 17 + 1] = True
    return mask


@settings(deadline=None, max_examples=60)
@given(mask=masks, feather=st.sampled_from(FEATHERS))
def test_farther_than_the_feather_nothing_is_new(mask: Any, feather: int) -> None:
    white = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    part = starting.share(white, asked(*mask.shape, mask="m", feather=feather))
    assert part.dtype == np.float32
    assert (part[mask] == 1).all()
    assert (part[farther(mask, feather)] == 0).all()
    assert part.min() >= 0
    if feather < 2:
        np.testing.assert_array_equal(part, mask)


def test_a_straight_edge_fades_evenly() -> None:
    mask = np.zeros((40, 80, 3), np.uint8)
    mask[:, :40] = 255
    part = starting.share(mask, asked(40, 80, mask="m", feather=15))[20]
    assert part[39] == 1 > part[40]
    assert (np.diff(part[39:51]) < 0).all()
    assert 0.3 < part[45] < 0.7
    assert part[55:].max() == 0


@settings(deadline=None, max_examples=40)
@given(
    added=st.tuples(*[st.integers(0, 30)] * 4),
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    feather=st.sampled_from(FEATHERS),
)
def test_old_pixels_stay_where_more_is_added(
    added: tuple[int, int, int, int], size: tuple[int, int], feather: int
) -> None:
    left, top, right, bottom = added
    request = asked(size[0] + top + bottom, size[1] + left + right, outpaint=added, feather=feather)
    old = np.zeros((request.height, request.width), bool)
    old[top : top + size[0], left : left + size[1]] = True
    part = starting.share(None, request)
    assert (part[old] == 0).all()
    assert (part[farther(old, feather)] == 1).all()
    frame = starting.framed(noisy(*size), request)
    np.testing.assert_array_equal(frame[old].reshape(*size, 4), noisy(*size))
    assert frame.shape == (request.height, request.width, 4)


def test_a_mask_and_what_is_added_are_both_new() -> None:
    mask = np.zeros((16, 16, 3), np.uint8)
    mask[4:8, 4:8] = 255
    part = starting.share(mask, asked(16, 24, mask="m", outpaint=(8, 0, 0, 0), feather=0))
    expected = np.zeros((16, 24))
    expected[:, :8] = 1
    expected[4:8, 12:16] = 1
    np.testing.assert_array_equal(part, expected)


def test_only_white_that_can_be_seen_is_a_mask() -> None:
    mask = np.zeros((8, 8, 4), np.uint8)
    mask[:4] = (255, 255, 255, 255)
    mask[4:6] = (255, 255, 255, 0)
    mask[6:7] = (255, 0, 0, 255)
    part = starting.share(mask, asked(8, 8, mask="m", feather=0))
    np.testing.assert_array_equal(part.any(axis=1), [True] * 4 + [False] * 4)


@settings(deadline=None, max_examples=40)
@given(
    mask=masks,
    feather=st.sampled_from(FEATHERS),
    before=st.sampled_from([3, 4]),
    after=st.sampled_from([3, 4]),
)
def test_what_is_old_is_laid_back_to_the_last_bit(
    mask: Any, feather: int, before: int, after: int
) -> None:
    height, width = mask.shape
    white = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    old, new = noisy(height, width, before), noisy(height, width, after, seed=1)
    request = asked(height, width, mask="m", feather=feather)
    blend = starting.share(white, request)
    frame = starting.framed(starting.rgba(old), request)
    start = starting.Start(latent=np.zeros(1), fresh=None, frame=frame, blend=blend)
    got = starting.laid_back(new, start)
    assert (got.shape, got.dtype) == (new.shape, np.uint8)
    far = farther(mask, feather)
    shown = frame if after == 4 else starting.on_paper(frame)
    np.testing.assert_array_equal(got[far], shown[far])
    if before == after:
        np.testing.assert_array_equal(got[far], old[far])
    if after == 3:
        np.testing.assert_array_equal(got[mask], new[mask])
    else:  # colour that nobody sees may go, and little alpha holds little colour
        assert (got[mask][:, 3] == new[mask][:, 3]).all()
        seen = (starting.as_seen(got) - starting.as_seen(new))[0].transpose(1, 2, 0)
        assert np.abs(seen[mask]).max() <= 1.01 / 127.5


def test_a_mix_of_opaque_and_clear_takes_the_colour_of_what_is_seen() -> None:
    red, clear = np.zeros((2, 1, 1, 4), np.uint8)
    red[...] = (200, 0, 0, 255)
    half = np.full((1, 1), 0.5, np.float32)
    start = starting.Start(latent=np.zeros(1), fresh=None, frame=clear, blend=half)
    [[[r, g, b, alpha]]] = starting.laid_back(red, start).tolist()
    assert (g, b, alpha) == (0, 0, 128)
    assert abs(r - 200) <= 2  # of half a pixel's worth of colour, rounded


def test_all_of_it_new_is_left_as_it_is() -> None:
    new = noisy(8, 8)
    start = starting.Start(latent=np.zeros(1), fresh=None, frame=noisy(8, 8, seed=2), blend=None)
    assert starting.laid_back(new, start) is new


SHAPES = [((64, 64), (64, 64)), ((512, 256), (128, 128)), ((72, 128), (128, 128))]


@pytest.mark.parametrize(("frame", "shape"), SHAPES)
def test_the_model_sees_the_frame_whole_and_uncut(
    frame: tuple[int, int], shape: tuple[int, int]
) -> None:
    ramp = np.broadcast_to(np.linspace(-1, 1, frame[1], dtype=np.float32), (1, 1, *frame))
    got = starting.within(ramp, Canvas(*shape, enlargements=0, cropped=False))
    assert got.shape == (1, 1, *shape)
    scale = min(shape[0] / frame[0], shape[1] / frame[1])
    left = (shape[1] - round(frame[1] * scale)) // 2
    middle = got[0, 0, shape[0] // 2]
    assert middle[: left + 1].max() < -0.9  # the edge, drawn out
    assert middle[shape[1] - left - 1 :].min() > 0.9
    assert (np.diff(middle) >= 0).all()


def test_a_cell_is_drawn_anew_if_a_little_of_it_is() -> None:
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[9, 20:22] = 255  # two pixels of 64
    mask[40:49, 40:56] = 255
    pictures = {"a": noisy(64, 64), "m": mask}
    shape = Canvas(64, 64, enlargements=0, cropped=False)
    start = starting.begin(asked(64, 64, mask="m", feather=0), pictures, shape, encode)
    assert start is not None
    assert start.fresh is not None
    wanted = np.zeros((8, 8))
    wanted[1, 2] = 1
    wanted[5:7, 5:7] = 1
    np.testing.assert_array_equal(start.fresh[0, 0], wanted)


def test_what_a_request_starts_from() -> None:
    shape = Canvas(64, 64, enlargements=0, cropped=False)
    pictures = {"a": noisy(64, 64, 3)}
    assert starting.begin(Request(prompt="x"), {}, shape, encode) is None
    start = starting.begin(asked(64, 64), pictures, shape, encode)
    assert start is not None
    assert (start.fresh, start.blend) == (None, None)
    np.testing.assert_array_equal(start.frame[..., :3], pictures["a"])
    np.testing.assert_array_equal(start.latent, encode(starting.as_seen(pictures["a"])))


def test_no_room_for_the_old_picture_is_one_line() -> None:
    with pytest.raises(RequestError, match="outpaint adds 64 x 0 pixels and the size is 64 x 64"):
        starting.inner(asked(64, 64, outpaint=(32, 0, 32, 0)))


def test_a_picture_is_named_by_what_it_shows() -> None:
    one, other = noisy(8, 8), noisy(8, 8)
    assert starting.name_of(one) == starting.name_of(other)
    other[0, 0, 3] ^= 1
    assert starting.name_of(one) != starting.name_of(other)
    assert starting.name_of(one).startswith("sha256:")


def test_alpha_is_added_and_noticed() -> None:
    assert (starting.rgba(noisy(4, 4, 3))[..., 3] == 255).all()
    clear = starting.rgba(noisy(4, 4, 3))
    assert not starting.transparent(clear)
    assert not starting.transparent(noisy(4, 4, 3))
    clear[2, 2, 3] = 254
    assert starting.transparent(clear)


def test_files_are_a_library(tmp_path: Path) -> None:
    Image.fromarray(noisy(8, 8)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(starting.from_files(str(tmp_path / "a.png")), noisy(8, 8))
    with pytest.raises(DataError, match="cannot be read"):
        starting.from_files(str(tmp_path / "none.png"))
    with pytest.raises(RequestError, match="no picture sha256:") as error:
        starting.from_files(starting.name_of(noisy(8, 8)))
    assert "\n" not in str(error.value)
