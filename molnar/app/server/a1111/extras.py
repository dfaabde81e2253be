"""Pictures in, something about them out: upscaled, described, or what they say of themselves."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool

from molnar.app.orders import Upscale
from molnar.app.server.a1111 import names
from molnar.app.server.a1111.desk import answered, body_of, desk_of, validating
from molnar.app.server.a1111.fields import typed
from molnar.app.server.a1111.frames import CROP, STRETCH, Bytes, sized
from molnar.app.server.a1111.wishes import MOST
from molnar.app.server.uploads import Uploaded, picture_from_base64
from molnar.app.server.waiting import drawn
from molnar.base import metadata
from molnar.base.errors import RequestError, one_line
from molnar.base.parameters import with_defaults
from molnar.starting import SCHEME

INTERROGATORS = ("clip", "deepdanbooru", "deepbooru")
MOST_IMAGES = 16
_DEFAULTS: dict[str, Any] = {
    "resize_mode": 0, "upscaling_resize": 2.0, "upscaling_resize_w": 512,
    "upscaling_resize_h": 512, "upscaling_crop": True, "upscaler_1": "None", "upscaler_2": "None",
    "extras_upscaler_2_visibility": 0.0, "gfpgan_visibility": 0.0, "codeformer_visibility": 0.0,
}  # fmt: skip

router = APIRouter(prefix="/sdapi/v1")


@dataclass(frozen=True, kw_only=True)
class Larger:
    """How a picture is to be made larger.

    Example:
        >>> Larger(size=(1024, 512), how="molnar").scale((512, 256))
        2
    """

    size: tuple[int, int]  # width and height
    how: str  # one of ours
    mode: int = STRETCH
    said: str = ""  # what was asked for and is not done

    def scale(self, size: tuple[int, int]) -> int:
        """Give how many times the upscaler enlarges a picture of a width and height; 1 is not."""
        factor = max(self.size[0] / size[0], self.size[1] / size[1])
        if self.how != names.UPSCALER or factor <= 1:
            return 1
        return 2 if factor <= 2 else 4


def larger(said: Mapping[str, Any], size: tuple[int, int]) -> Larger:
    """Work out what a call asks of a picture.

    Args:
        said: The call's fields, of their types.
        size: Width and height of the picture.

    Raises:
        RequestError: It would be too large, or nothing.
    """
    upscaler = names.upscaler(said["upscaler_1"])
    ignored = [
        f"{said[key]} ignored" if key == "upscaler_2" else f"{key} ignored"
        for key in ("gfpgan_visibility", "codeformer_visibility", "upscaler_2")
        if said[key] and (key != "upscaler_2" or said["extras_upscaler_2_visibility"] > 0)
    ]
    if upscaler.asked:
        ignored.insert(0, f"instead of {upscaler.asked}")
    note = ", ".join(ignored)
    if upscaler.ours == "None":
        return Larger(size=size, how="None", said=note)
    wide, high = said["upscaling_resize_w"], said["upscaling_resize_h"]
    if said["resize_mode"] == 0:
        wide, high = (round(side * said["upscaling_resize"]) for side in size)
    elif not said["upscaling_crop"]:
        factor = max(wide / size[0], high / size[1])
        wide, high = (round(side * factor) for side in size)
    if not (1 <= wide <= MOST and 1 <= high <= MOST):
        raise RequestError(
            f"the picture would be {wide} x {high}; expected at most {MOST} a side: "
            "a smaller upscaling_resize, or a smaller picture"
        )
    mode = CROP if said["resize_mode"] == 1 else STRETCH
    return Larger(size=(wide, high), how=str(upscaler.ours), mode=mode, said=note)


@router.post("/extra-single-image")
async def extra_single_image(request: Request) -> Response:
    """Make a picture larger."""
    body = await body_of(request)
    said, image = _said(body), body.get("image") if isinstance(body, dict) else None
    if not isinstance(image, str):
        raise HTTPException(422, "image is absent; expected a picture in base64")
    data, line = await _enlarged(request, said, await picture_from_base64(image, "image"))
    return answered({"html_info": line, "image": base64.b64encode(data).decode("ascii")})


@router.post("/extra-batch-images")
async def extra_batch_images(request: Request) -> Response:
    """Make pictures larger."""
    body = await body_of(request)
    said, images = _said(body), body.get("imageList") if isinstance(body, dict) else None
    if not isinstance(images, list) or not 0 < len(images) <= MOST_IMAGES:
        raise HTTPException(422, f"imageList is no list of 1 to {MOST_IMAGES} pictures")
    sent, lines = [], []
    for index, one in enumerate(images):
        text = one.get("data") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise HTTPException(422, f"imageList[{index}] has no data; expected data and name")
        picture = await picture_from_base64(text, f"imageList[{index}]")
        data, line = await _enlarged(request, said, picture)
        sent.append(base64.b64encode(data).decode("ascii"))
        lines.append(line)
    return answered({"html_info": "".join(dict.fromkeys(lines)), "images": sent})


@router.post("/png-info")
async def png_info(request: Request) -> Response:
    """Tell what a picture says of itself."""
    body = await body_of(request)
    image = body.get("image") if isinstance(body, dict) else None
    if not isinstance(image, str):
        raise HTTPException(422, "image is absent; expected a picture in base64")
    return answered(said_by((await picture_from_base64(image, "image")).metadata))


@router.post("/interrogate")
async def interrogate(request: Request) -> Response:
    """Say in a prompt what a picture shows."""
    body = await body_of(request)
    image = body.get("image") if isinstance(body, dict) else None
    if not isinstance(image, str) or not image:
        raise HTTPException(404, "Image not found; expected a picture in base64")
    model = body.get("model") or INTERROGATORS[0]
    if model not in INTERROGATORS:
        line = f"Model {one_line(model, 40)!r} not found; expected {', '.join(INTERROGATORS)}"
        raise HTTPException(404, line)
    hub, picture = desk_of(request).hub, await picture_from_base64(image, "image")
    sha = await hub.store(lambda store: store.put_input(picture.pixels))
    found = await hub.ask("describe", picture=SCHEME + sha)
    return answered({"caption": found["prompts"][0] if found["prompts"] else ""})


def said_by(found: metadata.Metadata) -> dict[str, Any]:
    """Give the answer of `/png-info`: the text, the other chunks, and the text taken apart."""
    text = found.text.get(metadata.PARAMETERS_KEY, "")
    other = found.foreign
    if not text and other is not None:  # another tool's: in the words that clients read
        fields = {
            "Steps": other.steps, "Sampler": other.sampler, "Schedule type": other.schedule,
            "CFG scale": other.guidance, "Seed": other.seed, "Model": other.model,
            "Size": f"{other.width}x{other.height}" if other.width and other.height else None,
        }  # fmt: skip
        text = metadata.write_parameters(other.prompt or "", other.negative_prompt or "", fields)
    items = {key: one for key, one in found.text.items() if key != metadata.PARAMETERS_KEY}
    parsed = metadata.read_parameters(text)
    parameters = {
        "Prompt": parsed.prompt,
        "Negative prompt": parsed.negative_prompt,
        **(with_defaults(parsed.fields) if text else {}),
    }
    return {"info": text, "items": items, "parameters": parameters if text else {}}


def _said(body: object) -> dict[str, Any]:
    """Read the fields of a call, each of its type."""
    if not isinstance(body, dict):
        raise HTTPException(422, "the body is no object")
    with validating():
        said = {
            key: typed(key, body[key], type(default)) if body.get(key) is not None else default
            for key, default in _DEFAULTS.items()
        }
        if said["resize_mode"] not in (0, 1):
            raise RequestError(f"resize_mode is {said['resize_mode']}; expected 0 or 1")
    return said


async def _enlarged(
    request: Request, said: Mapping[str, Any], picture: Uploaded
) -> tuple[bytes, str]:
    """Make a picture larger: its file, and a line that says how."""
    hub, pixels = desk_of(request).hub, picture.pixels
    size = (pixels.shape[1], pixels.shape[0])
    wish = larger(said, size)
    scale = wish.scale(size)
    if scale > 1:
        # What the upscaler gives may have no more than MOST a side.
        fits = min(1.0, MOST / (scale * max(size)))
        small = (max(int(size[0] * fits), 1), max(int(size[1] * fits), 1))
        pixels = await run_in_threadpool(sized, pixels, small, STRETCH)
        sha = await hub.store(lambda store: store.put_input(pixels))
        [job] = await drawn(hub, request, [Upscale(picture=SCHEME + sha, scale=scale)])
        if not job.pictures:
            raise HTTPException(400, "the work was interrupted; nothing is there yet")
        png = await hub.file(job.pictures[0].reference)
        pixels = await run_in_threadpool(_pixels, png)
    text = picture.metadata.text.get(metadata.PARAMETERS_KEY, "")
    data = await run_in_threadpool(_written, pixels, wish, text)
    line = f"{wish.how}, {wish.size[0]} x {wish.size[1]}"
    return data, f"<p>Upscaler: {html.escape(', '.join(filter(None, (line, wish.said))))}</p>"


def _pixels(png: bytes) -> Bytes:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image)


def _written(pixels: Bytes, wish: Larger, text: str) -> bytes:
    if wish.how == "Nearest":
        image = Image.fromarray(sized(pixels, _cut(pixels, wish), wish.mode))
        image = image.resize(wish.size, Image.Resampling.NEAREST)
    else:
        image = Image.fromarray(sized(pixels, wish.size, wish.mode))
    return metadata.encode(image, {}, text)


def _cut(pixels: Bytes, wish: Larger) -> tuple[int, int]:
    """Give the largest part of a picture that has the shape that is wanted."""
    wide, high = pixels.shape[1], pixels.shape[0]
    if wish.mode != CROP:
        return wide, high
    factor = max(wish.size[0] / wide, wish.size[1] / high)
    return max(round(wish.size[0] / factor), 1), max(round(wish.size[1] / factor), 1)
