"""A request in, the arguments of a pipeline's call out: words, sizes, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.images import on_paper
from molnar.base.request import Request
from molnar.bridge import asking, enlarging, refusing
from molnar.bridge.adapting import Worn
from molnar.bridge.family import Family
from molnar.bridge.weighing import embeddings, is_plain
from molnar.starting import Start, framed, rgba, share
from molnar.text.grammar import Term

Pixels = NDArray[np.uint8]
NO_LATENT = np.zeros((1, 1, 1, 1), np.float32)  # pipelines encode pictures themselves
WHITE = 255
TRAINED = (32, 64, 128)  # cells a side of a latent, in the tables of PixArt and SANA


def said(
    pipe: Any, family: Family, request: Request, start: Start | None, worn: Worn
) -> dict[str, Any]:
    """Say to a pipeline's call what a request says.

    Args:
        pipe: Of the request's task.
        family: Of the checkpoint.
        request: Resolved.
        start: The picture that it starts from.
        worn: Its texts, without the names of adapters.
    """
    kind = type(pipe)
    wanted: dict[str, Any] = {
        "height": request.height,
        "width": request.width,
        "max_area": request.height * request.width,  # Kontext makes every picture as large as this
        "output_type": "pil",
    }
    steps = next((name for name in asking.STEPS if asking.takes(kind, name)), None)
    guide = asking.guidance_name(kind, distilled=not family.negative)
    wanted |= {
        name: value for name, value in ((steps, request.steps), (guide, request.guidance)) if name
    }
    if asking.takes(kind, "use_resolution_binning"):
        wanted["use_resolution_binning"] = _binned(pipe)
    if start is not None:
        wanted |= {"image": Image.fromarray(on_paper(start.frame)), "strength": request.strength}
    if enlarging.enlarges(request, family):
        wanted |= enlarging.arguments(pipe, request)
    if start is not None and start.blend is not None:
        wanted["mask_image"] = Image.fromarray((start.blend > 0).astype(np.uint8) * WHITE)
    return asking.arguments(kind, wanted | _words(pipe, family, request, worn))


def _binned(pipe: Any) -> bool:
    """Tell whether a pipeline knows the shapes its model was trained on, to draw at the nearest."""
    size = getattr(getattr(pipe, "transformer", None), "config", {}).get("sample_size")
    return size in TRAINED


def begun(request: Request, family: Family, inputs: Mapping[str, Pixels]) -> Start | None:
    """Lay the picture that a request starts from at its place, and say which pixels are new."""
    if not request.image:
        return None
    blend = None
    task = refusing.task_of(request, family)
    if task == "inpaint":
        blend = share(inputs[request.mask] if request.mask else None, request)
    shown = enlarging.given(request, family) if task == "upscale" else request
    frame = framed(rgba(inputs[request.image]), shown)
    return Start(latent=NO_LATENT, fresh=None, frame=frame, blend=blend)


def _words(pipe: Any, family: Family, request: Request, worn: Worn) -> dict[str, Any]:
    """Say what to draw and what not: as words, or as embeddings where words do not suffice."""
    term = refusing.read(worn.prompt, request, family)
    negative = refusing.read(worn.negative, request, family) if worn.negative else None
    told = [one for one in (term, negative) if one is not None]
    if not refusing.weighs(family) or all(is_plain(pipe, one) for one in told):
        return {"prompt": term.plain, "negative_prompt": negative and negative.plain}
    guided = (request.guidance or 1) > 1
    return embeddings(pipe, term, (negative or Term("")) if guided else None)
