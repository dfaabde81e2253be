"""What a call says of a checkpoint's adapters: LoRAs and guides in, fields of a request out.

The names are those of the command line's flags, and mean the same; over the protocol a model is
named, and never by its path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from molnar.base.config import from_json
from molnar.base.errors import ConfigError, RequestError, one_line
from molnar.base.limits import json_schema
from molnar.base.request import Guide

KINDS = ("control", "ip")
MOST = 8  # guides of a call
_TEXT = {"type": "string"}
_ABOUT = {
    "control": "ControlNets of a checkpoint: each says where things are, by a finished map (edges, "
    "depth, a pose) that it was trained on.",
    "ip": "IP-Adapters of a checkpoint: each shows a picture to take after.",
}


def schemas(sent: str) -> dict[str, Any]:
    """Describe the arguments.

    Args:
        sent: In which ways a picture may be given.
    """
    limits = json_schema(Guide)["properties"]
    guide = {
        "type": "object",
        "properties": {
            "model": limits["model"] | {"description": "Its name."},
            "image": {**_TEXT, "description": f"The picture: {sent}"},
            "weight": limits["weight"],
        },
        "required": ["model", "image"],
        "additionalProperties": False,
    }
    guides = {
        kind: {"type": "array", "items": guide, "maxItems": MOST, "description": _ABOUT[kind]}
        for kind in KINDS
    }
    about = "LoRAs of a checkpoint: NAME, or NAME:0.8 with a weight."
    return {"lora": {"type": "array", "items": _TEXT, "description": about}, **guides}


async def adapted(
    fields: Mapping[str, Any], keep: Callable[[str, Any], Awaitable[str]]
) -> dict[str, Any]:
    """Put LoRAs into the prompt and guides into the request.

    Args:
        fields: Of the call, under our names.
        keep: Gives the name of a picture that came with the call.

    Raises:
        RequestError: An argument has another shape, or names a model by its path.
        DataError: A picture cannot be read.
    """
    rest = {key: value for key, value in fields.items() if key not in ("lora", *KINDS)}
    if names := _listed("lora", fields.get("lora")):
        from molnar.bridge.lora_files import named_loras

        for name in names:
            if not isinstance(name, str):
                raise RequestError(f"lora has {_shown(name)}; expected NAME or NAME:0.8")
        if rest.get("literal"):
            raise RequestError("got lora and literal, which reads no names; expected one of them")
        if isinstance(rest.get("prompt"), str):  # what else it is, is refused with the other fields
            rest["prompt"] = f"{named_loras(names)} {rest['prompt']}"
    asked = {kind: _listed(kind, fields.get(kind)) for kind in KINDS}
    if (count := sum(map(len, asked.values()))) > MOST:
        raise RequestError(f"got {count} guides; expected at most {MOST}")
    guides = [
        await _guide(kind, f"{kind}[{number}]", one, keep)
        for kind, every in asked.items()
        for number, one in enumerate(every)
    ]
    return {**rest, "guides": guides} if guides else rest


async def _guide(
    kind: str, place: str, given: Any, keep: Callable[[str, Any], Awaitable[str]]
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise RequestError(f"{place} is {_shown(given)}; expected an object: model, image, weight")
    try:
        guide = from_json(Guide, {"image": "", **given, "kind": kind}, place)
    except ConfigError as error:
        raise RequestError(str(error)) from None
    if guide.by_path:
        raise RequestError(
            f"{place}.model is {_shown(guide.model)}; expected its name: by a path the command "
            "line alone finds it"
        )
    if not guide.image:
        raise RequestError(f"{place} has no image; expected a picture such as k7.2, or base64")
    return {**given, "kind": kind, "image": await keep(f"{place}.image", guide.image)}


def _listed(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise RequestError(f"{name} is {_shown(value)}; expected a list")
    return value


def _shown(value: Any) -> str:
    return one_line(repr(value), 60)
