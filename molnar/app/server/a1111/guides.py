"""Units of A1111's ControlNet extension in, guides out; and the calls that list what there is.

No maps are made here: a unit's picture is the finished map, its `module` "none". What a unit asks
for beyond picture, model and weight is said to be left out.

Source: sd-webui-controlnet, its wiki page "API" (names and defaults only).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from molnar.app.server.a1111.desk import Desk, answered, desk_of
from molnar.app.server.a1111.fields import Asked, typed
from molnar.app.server.a1111.frames import CROP, FILL, STRETCH, sized
from molnar.app.server.a1111.wishes import CONTROLNET
from molnar.app.server.uploads import picture_from_base64
from molnar.base.errors import RequestError, one_line
from molnar.base.request import Guide
from molnar.bridge.guide_files import folders_of, guides_in

API = "/controlnet"
MOST = 8  # units of a call
MODES: Mapping[str, int] = {
    "just resize": STRETCH, "scale to fit (inner fit)": CROP, "inner fit": CROP,
    "crop and resize": CROP, "envelope (outer fit)": FILL, "outer fit": FILL,
    "resize and fill": FILL, "0": STRETCH, "1": CROP, "2": FILL,
}  # fmt: skip
#: What is left out, and the values that ask for nothing.
_LEFT_OUT: Mapping[str, tuple[object, ...]] = {
    "mask": (None, ""), "mask_image": (None, ""), "guidance_start": (None, 0, 0.0),
    "guidance_end": (None, 1, 1.0), "control_mode": (None, 0, "0", "Balanced"),
}  # fmt: skip
_IP_MODULES = "ip-adapter"  # how the names of those begin that only read the picture

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One picture that guides, as a call has it."""

    place: str  # in the call, for messages
    model: str
    module: str
    image: str  # base64
    weight: float
    mode: int  # in which way the picture is brought to the size


def units_of(call: Asked, notes: dict[str, Any]) -> list[Unit]:
    """Read the units of a call that are enabled.

    Args:
        call: What was asked.
        notes: What is left out is added to them.

    Raises:
        RequestError: A unit has no picture or no model, or there are too many.
    """
    scripts = call["alwayson_scripts"]
    name = next((one for one in scripts if str(one).casefold() == CONTROLNET), None)
    asked = scripts[name] if name is not None else {}
    every = asked.get("args", []) if isinstance(asked, Mapping) else asked
    if not isinstance(every, list):
        raise RequestError(f"{CONTROLNET}.args is {one_line(repr(every), 40)}; expected a list")
    found, left = [], []
    for number, one in enumerate(every):
        place = f"{CONTROLNET}.args[{number}]"
        if not isinstance(one, Mapping):
            raise RequestError(f"{place} is {one_line(repr(one), 40)}; expected an object")
        if not typed(f"{place}.enabled", one.get("enabled", True), bool):
            continue
        found.append(_unit(place, one, call))
        left += [key for key, usual in _LEFT_OUT.items() if one.get(key) not in usual]
    if len(found) > MOST:
        raise RequestError(f"{CONTROLNET}.args has {len(found)} units; expected at most {MOST}")
    if left:
        notes["ControlNet ignored"] = ", ".join(dict.fromkeys(left))
    return found


def _unit(place: str, given: Mapping[str, Any], call: Asked) -> Unit:
    model = re.sub(r"\s*\[[0-9a-f]{4,64}\]\s*$", "", str(given.get("model") or "")).strip()
    if model.casefold() in ("", "none"):
        raise RequestError(f"{place} has no model; expected one of {API}/model_list")
    mode = MODES.get(str(given.get("resize_mode", CROP)).casefold())
    if mode is None:
        raise RequestError(
            f"{place}.resize_mode is {one_line(given['resize_mode'], 40)!r}; expected 0, 1 or 2"
        )
    weight = given.get("weight", 1.0)
    return Unit(
        place=place,
        model=model,
        module=str(given.get("module") or "none"),
        image=_image(place, given, call),
        weight=float(typed(f"{place}.weight", weight, float)),
        mode=mode,
    )


def _image(place: str, given: Mapping[str, Any], call: Asked) -> str:
    image = given.get("image") or given.get("input_image")
    if isinstance(image, Mapping):
        image = image.get("image")
    if not image and call.get("init_images"):  # as the extension does
        image = call["init_images"][0]
    if not isinstance(image, str) or not image:
        raise RequestError(f"{place} has no image; expected the finished map in base64")
    return image


async def guides_of(desk: Desk, units: Sequence[Unit], size: tuple[int, int]) -> tuple[Guide, ...]:
    """Keep the pictures of units, and name what they ask for.

    Args:
        desk: Of the server.
        units: What was asked.
        size: Width and height of what is drawn.

    Raises:
        RequestError: A unit asks for a map to be made, or for a model by its path.
        UploadError: Its picture is none.
    """
    shown = {name.casefold() for name in await _known(desk, "ip")} if units else set()
    guides = []
    for unit in units:
        kind = "ip" if unit.model.casefold() in shown else "control"
        own = kind == "ip" and unit.module.casefold().startswith(_IP_MODULES)
        if unit.module.casefold() != "none" and not own:
            raise RequestError(
                f"{unit.place}.module is {one_line(unit.module, 40)!r}; expected 'none': this "
                "server makes no maps, send the finished one"
            )
        pixels = (await picture_from_base64(unit.image, f"{unit.place}.image")).pixels
        if kind == "control":
            pixels = await run_in_threadpool(sized, pixels, size, unit.mode)
        image = await desk.kept(pixels)
        guides.append(Guide(kind=kind, model=unit.model, image=image, weight=unit.weight))
    return tuple(guides)


@router.get(f"{API}/model_list")
async def model_list(request: Request) -> Response:
    """List ControlNets and IP-Adapters by name."""
    desk = desk_of(request)
    names = [*await _known(desk, "control"), *await _known(desk, "ip")]
    return answered({"model_list": names})


@router.get(f"{API}/module_list")
async def module_list() -> Response:
    """List what makes maps: nothing does."""
    return answered({"module_list": ["none"], "module_detail": {}})


@router.get(f"{API}/version")
async def version() -> Response:
    """Say which version of the extension's calls these are."""
    return answered({"version": 3})


async def _known(desk: Desk, kind: str) -> list[str]:
    """Name what lies in the folders of adapters; a model of ours takes none of it."""
    folders = folders_of(await desk.adapters())
    return sorted(await run_in_threadpool(guides_in, folders, kind))
