"""Pictures of the history in, the answer of txt2img and img2img out."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from PIL import Image

from molnar.app.server.a1111.fields import Asked
from molnar.app.server.a1111.frames import Place, pasted
from molnar.app.server.a1111.wishes import Wanted
from molnar.base import metadata
from molnar.base.parameters import SAMPLER_LABELS, SCHEDULE_LABELS
from molnar.base.request import Request
from molnar.base.rng import batch_seeds
from molnar.base.version import VERSION


@dataclass(frozen=True)
class Finished:
    """A finished picture, as it is sent."""

    data: bytes  # of a PNG, JPEG or WebP file
    text: str  # its `parameters`
    record: Mapping[str, Any]
    width: int
    height: int


def finished(
    png: bytes, record: Mapping[str, Any], suffix: str = ".png", place: Place | None = None
) -> Finished:
    """Make of a picture of the history the file that is sent.

    Args:
        png: Its file.
        record: What the history knows of it.
        suffix: Of the file that is wanted: ".png", ".jpg" or ".webp".
        place: Where it belongs, if it is a part of a larger picture.
    """
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        text = str(image.info.get(metadata.PARAMETERS_KEY, ""))
        if suffix == ".png" and place is None:
            return Finished(png, text, record, image.width, image.height)
        pixels = np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB"))
    own = record
    if place is not None:
        # Our own record is of the part alone: whoever checked the whole by it would find it false.
        pixels, own = pasted(pixels, place), {}
    data = metadata.encode(Image.fromarray(pixels), own, text, suffix)
    return Finished(data, text, record, pixels.shape[1], pixels.shape[0])


def answer(call: Asked, wanted: Wanted, pictures: Sequence[Finished]) -> dict[str, Any]:
    """Give what txt2img and img2img answer.

    Args:
        call: What was asked.
        wanted: What that was taken to mean.
        pictures: In order; fewer than asked for if the work was interrupted.
    """
    images = [base64.b64encode(one.data).decode("ascii") for one in pictures]
    return {
        "images": images if call["send_images"] else [],
        "parameters": call.echo(),
        "info": json.dumps(info(call, wanted, pictures), ensure_ascii=False),
    }


def info(call: Asked, wanted: Wanted, pictures: Sequence[Finished]) -> dict[str, Any]:
    """Give what A1111 says of the pictures it made, with all of its keys."""
    requests = [_request_of(one, wanted.request) for one in pictures]
    first = requests[0] if requests else _open(wanted.request)
    seeds = [int(one.record.get("seed", 0)) for one in pictures]
    subseeds = batch_seeds(wanted.subseed, max(len(pictures), 1))
    record = pictures[0].record if pictures else {}
    sampler, schedule = str(first["sampler"] or ""), str(first["schedule"] or "")
    notes = {
        "Schedule type": SCHEDULE_LABELS.get(schedule, schedule),
        "Words not known": ", ".join(_unknown(pictures)),
        **wanted.notes,
    }
    size = (pictures[0].width, pictures[0].height) if pictures else None
    return {
        "prompt": first["prompt"],
        "all_prompts": [request["prompt"] for request in requests],
        "negative_prompt": first["negative_prompt"],
        "all_negative_prompts": [request["negative_prompt"] for request in requests],
        "seed": seeds[0] if seeds else wanted.request.seed,
        "all_seeds": seeds,
        "subseed": wanted.subseed,
        "all_subseeds": subseeds[: len(pictures)],
        "subseed_strength": call["subseed_strength"],
        "width": size[0] if size else first["width"],
        "height": size[1] if size else first["height"],
        "sampler_name": SAMPLER_LABELS.get(sampler, sampler),
        "cfg_scale": first["guidance"],
        "steps": first["steps"],
        "batch_size": call["batch_size"],
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": record.get("model", ""),
        "sd_model_hash": str(record.get("model_hash", ""))[:10],
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": first["strength"] if first["image"] else call["denoising_strength"],
        "extra_generation_params": {key: value for key, value in notes.items() if value != ""},
        "index_of_first_image": 0,
        "infotexts": [one.text for one in pictures],
        "styles": list(wanted.styles),
        "job_timestamp": datetime.now().strftime("%Y%m%d%H%M%S"),
        "clip_skip": 1,
        "is_using_inpainting_conditioning": False,
        "version": f"molnar {VERSION}",
    }


def _request_of(picture: Finished, asked: Request) -> Mapping[str, Any]:
    found = picture.record.get("request")
    return found if isinstance(found, dict) else _open(asked)


def _open(request: Request) -> dict[str, Any]:
    names = (
        "prompt", "negative_prompt", "width", "height", "steps", "guidance", "sampler", "schedule",
        "strength", "image",
    )  # fmt: skip
    return {name: getattr(request, name) for name in names}


def _unknown(pictures: Sequence[Finished]) -> list[str]:
    """List the words that the model was not taught, each once."""
    words = [
        str(word["word"])
        for one in pictures
        for word in one.record.get("unknown", ())
        if isinstance(word, dict) and "word" in word
    ]
    return list(dict.fromkeys(words))[:20]
