"""A picture and a mask of img2img in, what is drawn over out; and what was drawn, put back.

A1111 draws either the whole picture, brought to the size that was asked for, or only what is
masked: that part is cut out, drawn at the full size, and laid back into the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.app.server.a1111.fields import Asked
from molnar.base.errors import RequestError
from molnar.base.images import fit, from_model, resized
from molnar.starting import as_seen, feathered, rgba

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]  # left, top, right, bottom

STRETCH, CROP, FILL, LATENT = range(4)  # resize_mode
FILLED, ORIGINAL, NOISE, NOTHING = range(4)  # inpainting_fill
BLUR = 4  # A1111's


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a part that is drawn alone goes back to."""

    whole: Bytes  # H W 3 or 4
    light: Bools  # H W: what may change
    box: Box
    feather: int  # pixels


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is drawn over."""

    pixels: Bytes  # of the size that is drawn
    mask: Bytes | None = None  # of the same size, white where it may change; None is everywhere
    strength: float = 0.75
    feather: int = 0
    place: Place | None = None


def framed(call: Asked, pixels: Bytes, mask: Bytes | None, size: tuple[int, int]) -> Frame:
    """Prepare a picture.

    Args:
        call: What was asked.
        pixels: The picture, H W 3 or 4.
        mask: White where it may change, of any size; None for everywhere.
        size: Width and height to draw.

    Raises:
        RequestError: A mode is none of A1111's.
    """
    mode, filling = call["resize_mode"], call["inpainting_fill"]
    if mode not in range(4) or filling not in range(4):
        raise RequestError(
            f"resize_mode is {mode} and inpainting_fill is {filling}; expected 0 to 3 for both"
        )
    strength = min(max(call.get("denoising_strength", 0.75), 0.0), 1.0)
    if mask is None:
        return Frame(pixels=sized(pixels, size, mode), strength=strength)
    light = lit(mask) != bool(call["inpainting_mask_invert"])
    feather = _feather(call)
    place = None
    if call["inpaint_full_res"] and light.any():
        light = _sized_light(light, (pixels.shape[1], pixels.shape[0]), STRETCH)
        box = around(light, max(call["inpaint_full_res_padding"], 0), size)
        place = Place(whole=pixels, light=light, box=box, feather=feather)
        left, top, right, bottom = box
        pixels, light = pixels[top:bottom, left:right], light[top:bottom, left:right]
        mode = STRETCH
    pixels, light = sized(pixels, size, mode), _sized_light(light, size, mode)
    if not light.any():  # nothing may change
        return Frame(pixels=pixels, strength=0.0)
    if filling == FILLED:
        pixels = filled(pixels, light)
    elif filling in (NOISE, NOTHING):
        strength = 1.0  # nothing is left to start from
    white = np.repeat(light[..., None], 3, axis=-1).astype(np.uint8) * 255
    return Frame(pixels=pixels, mask=white, strength=strength, feather=feather, place=place)


def lit(mask: Bytes) -> Bools:
    """Say which pixels of a mask, H W 3 or 4, are meant: by its alpha if that says anything."""
    if mask.shape[-1] == 4 and (mask[..., 3] < 255).any():
        return np.asarray(mask[..., 3] > 127)
    return np.asarray(Image.fromarray(mask[..., :3]).convert("L")) > 127


def sized(pixels: Bytes, size: tuple[int, int], mode: int) -> Bytes:
    """Bring a picture to a size in one of A1111's ways.

    Args:
        pixels: H W 3 or 4.
        size: Width and height.
        mode: 0 and 3 stretch, 1 cuts off what stands over, 2 fills up with the edge's colours.
    """
    (width, height), (high, wide, channels) = size, pixels.shape
    if (wide, high) == size:
        return pixels
    if mode == CROP:
        shown = fit(as_seen(pixels), height, width)
    elif mode == FILL:
        scale = min(width / wide, height / high)
        inner_w = min(max(round(wide * scale), 1), width)
        inner_h = min(max(round(high * scale), 1), height)
        left, top = (width - inner_w) // 2, (height - inner_h) // 2
        over = ((0, 0), (0, 0), (top, height - inner_h - top), (left, width - inner_w - left))
        shown = np.pad(resized(as_seen(pixels), inner_h, inner_w), over, mode="edge")
    else:
        shown = resized(as_seen(pixels), height, width)
    found: Bytes = from_model(shown)[0][..., :channels]
    return found


def around(light: Bools, padding: int, size: tuple[int, int]) -> Box:
    """Give the box around what is masked, padded, and as near to a shape as the picture allows.

    Args:
        light: H W, somewhere true.
        padding: Pixels.
        size: Width and height whose shape it is to have.
    """
    rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    high, wide = light.shape
    left, right = max(int(columns[0]) - padding, 0), min(int(columns[-1]) + 1 + padding, wide)
    top, bottom = max(int(rows[0]) - padding, 0), min(int(rows[-1]) + 1 + padding, high)
    ratio = size[0] / size[1]
    if (right - left) < (bottom - top) * ratio:
        left, right = _grown(left, right, round((bottom - top) * ratio), wide)
    else:
        top, bottom = _grown(top, bottom, round((right - left) / ratio), high)
    return left, top, right, bottom


def filled(pixels: Bytes, light: Bools) -> Bytes:
    """Fill what is masked with the colours around it, the farther in the softer."""
    known = (~light).astype(np.float32)
    planes = as_seen(pixels)[0] * known
    soft = from_model(_spread(planes, known)[None])[0][..., : pixels.shape[-1]]
    return np.where(light[..., None], soft, pixels)


def pasted(drawn: Bytes, place: Place) -> Bytes:
    """Lay a part that was drawn alone back into its picture."""
    left, top, right, bottom = place.box
    part = sized(drawn, (right - left, bottom - top), STRETCH)
    share = feathered(place.light.astype(np.float32), place.feather)[top:bottom, left:right, None]
    old = place.whole[top:bottom, left:right]
    clear = place.whole.shape[-1] == 4 or part.shape[-1] == 4
    seen = share.transpose(2, 0, 1)[None]
    mixed = from_model(seen * as_seen(part) + (1 - seen) * as_seen(old))[0]
    whole = rgba(place.whole).copy()
    whole[top:bottom, left:right] = np.where(share > 0, mixed, whole[top:bottom, left:right])
    return whole if clear else whole[..., :3]


def _feather(call: Asked) -> int:
    blur = call["mask_blur"]
    if blur is None:
        blur = max(call["mask_blur_x"], call["mask_blur_y"])
    return int(min(max(blur, 0), 128))


def _sized_light(light: Bools, size: tuple[int, int], mode: int) -> Bools:
    grey = np.repeat(light[..., None], 3, axis=-1).astype(np.uint8) * 255
    return np.asarray(sized(grey, size, mode)[..., 0] > 127)


def _grown(start: int, end: int, wanted: int, most: int) -> tuple[int, int]:
    """Let a span grow to a length about its middle, within 0 to `most`."""
    wanted = min(max(wanted, end - start), most)
    start = min(max((start + end - wanted) // 2, 0), most - wanted)
    return start, start + wanted


def _spread(planes: Floats, weight: Floats) -> Floats:
    """Spread what is known, C H W times its weight H W, over what is not: from coarse to fine."""
    known = weight > 0
    sure = np.where(known, planes / np.maximum(weight, 1e-6), 0)
    if known.all() or max(weight.shape) == 1:
        return np.asarray(sure, np.float32)
    height, width = (-(-side // 2) for side in weight.shape)
    small = _spread(_scaled(planes, width, height), _scaled(weight[None], width, height)[0])
    soft = _scaled(small, weight.shape[1], weight.shape[0], Image.Resampling.BILINEAR)
    return np.asarray(np.where(known, sure, soft), np.float32)


def _scaled(
    planes: Floats, width: int, height: int, how: Image.Resampling = Image.Resampling.BOX
) -> Floats:
    each = [np.asarray(Image.fromarray(plane).resize((width, height), how)) for plane in planes]
    return np.stack(each)
