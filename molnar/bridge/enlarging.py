"""A picture and a larger size in, what an upscaler is given out: models that only enlarge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.bridge import asking, refusing
from molnar.bridge.family import Family

# How often larger their pictures are each way. One that is not here is given a quarter, too.
SCALES = {
    "StableDiffusionUpscalePipeline": 4,
    "StableDiffusionLatentUpscalePipeline": 2,
    "IFSuperResolutionPipeline": 4,
}
SCALE = 4
CELLS = 8  # sides of what is enlarged are multiples of it


def check(request: Request, family: Family, old: tuple[int, int]) -> None:
    """Refuse to enlarge what is not to be larger, and by a model that only draws.

    Args:
        request: Resolved; it has a picture.
        family: Of the checkpoint.
        old: Height and width of its picture.

    Raises:
        RequestError: The family cannot do it; what to ask for is said.
    """
    sizes = f"{old[1]} x {old[0]} to {request.width} x {request.height}"
    if enlarges(request, family):
        if request.height <= old[0] or request.width <= old[1]:
            raise RequestError(
                f"got {sizes}, and {family.title} only enlarges; expected a larger size on "
                "both sides"
            )
        if request.strength and "LatentUpscale" in family.pipelines["upscale"]:
            raise RequestError(
                f"strength is {request.strength:g}, and {family.title} adds nothing of its own; "
                "expected 0: a plain upscale, without --creative"
            )
        return
    larger = request.height > old[0] or request.width > old[1]
    if refusing.task_of(request, family) == "image" and request.strength == 0 and larger:
        raise RequestError(
            f"{family.title} has no upscaler ({sizes}); expected --creative, or a model that "
            "upscales, or -m sticker"
        )


def enlarges(request: Request, family: Family) -> bool:
    """Tell whether a request goes to an upscaler."""
    return refusing.task_of(request, family) == "upscale"


def scale_of(family: Family) -> int:
    """Give how often larger an upscaler's pictures are each way."""
    return SCALES.get(family.pipelines["upscale"], SCALE)


def given(request: Request, family: Family) -> Request:
    """Give the request whose frame an upscaler enlarges to the size asked for, or a bit more.

    Example:
        >>> from molnar.bridge.families import family_named
        >>> request = Request(prompt="a fox", image="fox.png", height=512, width=400)
        >>> small = given(request, family_named("sd-x4-upscaler"))
        >>> small.height, small.width
        (128, 104)
    """
    scale = scale_of(family)
    unit = max(CELLS, family.multiple // scale)
    height, width = (-(-side // (scale * unit)) * unit for side in (request.height, request.width))
    return replace(request, height=height, width=width)


def loss(request: Request, family: Family, old: tuple[int, int]) -> str | None:
    """Say that a picture is made smaller before it is enlarged; None if it is not."""
    small, scale = given(request, family), scale_of(family)
    if small.height >= old[0] and small.width >= old[1]:
        return None
    return (
        f"{family.title} enlarges {scale} times: the picture is first made {small.width} x "
        f"{small.height}; --scale {scale} keeps all of it"
    )


def arguments(pipe: Any, request: Request) -> dict[str, Any]:
    """Say how much noise is laid on the picture: more, the more may be added to it.

    Strength 0 is the pipeline's own level, 1 the most that it was trained on.
    """
    kind = type(pipe)
    least = asking.default(kind, "noise_level")
    if least is None:
        return {}
    most = pipe.config.get("max_noise_level")
    if most is None:
        most = pipe.image_noising_scheduler.config.num_train_timesteps - 1
    return {"noise_level": round(least + (request.strength or 0.0) * max(0, most - least))}
