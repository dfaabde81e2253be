"""The tools: their schemas, and a call's arguments in, orders out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molnar.app.orders import Order, ordered, typed
from molnar.app.orders.orders import VERBS
from molnar.app.references import is_reference
from molnar.app.server.agents.adapting import adapted, schemas
from molnar.app.server.agents.desk import Desk
from molnar.app.server.uploads import picture_from_base64
from molnar.base.errors import RequestError, one_line
from molnar.base.limits import json_schema
from molnar.base.request import Request
from molnar.base.words import hint
from molnar.starting import SCHEME

Schema = dict[str, Any]
MOST = 8  # pictures of a call
_ASKED = (
    "prompt", "negative_prompt", "width", "height", "count", "seed", "steps", "guidance",
    "quality", "transparent", "tile", "best_of", "chaos", "literal",
)  # fmt: skip
_FIELDS: Mapping[str, Schema] = json_schema(Request)["properties"]
_EDIT: Mapping[str, Schema] = json_schema(VERBS["edit"])["properties"]
_ASPECT = {"type": "string", "description": "Shape instead of a size, e.g. '3:2'."}
_STYLES = {
    "type": "array", "items": {"type": "string"},
    "description": "Styles by name, e.g. 'flat', 'watercolour'.",
}  # fmt: skip
_SENT = "a reference such as 'k7.2' of an earlier result, or base64 of a PNG, JPEG or WebP."
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_PICTURE = {
    "type": "object",
    "properties": {
        "reference": {**_TEXT, "description": "Its name, for edit_image."},
        "seed": {"type": ["integer", "null"]}, "width": _NUMBER, "height": _NUMBER,
        "uri": {**_TEXT, "description": "Where its file is."},
    },
    "required": ["reference", "seed", "width", "height", "uri"],
}  # fmt: skip
_JOB: Schema = {
    "type": "object",
    "properties": {
        "job": _TEXT, "verb": _TEXT, "prompt": _TEXT, "model": _TEXT,
        "state": {"type": "string", "enum": ["queued", "running", "done", "failed", "cancelled"]},
        "error": {"type": ["string", "null"]},
        "pictures": {"type": "array", "items": _PICTURE},
        "notes": {"type": "array", "items": _TEXT},
        "unknown": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["job", "state", "pictures", "notes", "unknown"],
}  # fmt: skip
_JOBS: Schema = {
    "type": "object",
    "properties": {"jobs": {"type": "array", "items": _JOB}},
    "required": ["jobs"],
}


def _object(properties: Mapping[str, Schema], *needed: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(needed),
        "additionalProperties": False,
    }


_COUNT = {**_FIELDS["count"], "maximum": MOST}
GENERATE, EDIT, JOB, MODELS = "generate_image", "edit_image", "get_job", "list_models"
#: Name -> title, description, input, output, and whether it only reads.
TOOLS: Mapping[str, tuple[str, str, Schema, Schema, bool]] = {
    GENERATE: (
        "Draw a picture",
        "Draw pictures from a prompt, on the user's own machine. The answer shows them small, says "
        "where the files are, and lists words that the model was not taught with near ones that it "
        "was: use those instead. The same seed gives the same picture.",
        _object(
            {
                **{name: _FIELDS[name] for name in _ASKED},
                "count": _COUNT,
                "aspect": _ASPECT,
                "styles": _STYLES,
                **schemas(_SENT),
            },
            "prompt",
        ),
        _JOBS,
        False,
    ),
    EDIT: (
        "Edit a part of a picture",
        "Draw a part of a picture anew; the rest stays as it is. Say which part by exactly one of "
        "where (words), region (pixels) and mask (a picture).",
        _object(
            {
                "picture": {**_TEXT, "description": f"What to edit: {_SENT}"},
                "prompt": _EDIT["prompt"],
                "where": _EDIT["where"],
                "region": _EDIT["region"] | {"minItems": 4},
                "mask": {**_TEXT, "description": f"White where it may change: {_SENT}"},
                "count": _COUNT | {"default": 1},
                "feather": _EDIT["feather"],
                "seed": _FIELDS["seed"],
            },
            "picture",
        ),
        _JOBS,
        False,
    ),
    JOB: (
        "Look a job up",
        "Tell how a job stands, and show its pictures if it is done.",
        _object({"job": {**_TEXT, "description": "Its id, e.g. 'k7'."}}, "job"),
        _JOB,
        True,
    ),
    MODELS: (
        "List the models",
        "Tell which models draw here, with their usual settings.",
        _object({}),
        {
            "type": "object",
            "properties": {"models": {"type": "array", "items": {"type": "object"}}},
            "required": ["models"],
        },
        True,
    ),
}


def known(name: str, arguments: Mapping[str, Any]) -> None:
    """Check that a tool has the arguments it is called with, and is called with those it needs.

    Raises:
        RequestError: It has not, or is not.
    """
    schema = TOOLS[name][2]
    properties = schema["properties"]
    for key in arguments:
        if key not in properties:
            raise RequestError(
                f"{one_line(key, 60)} is not an argument of {name}{hint(key, properties)}; "
                f"expected {', '.join(properties) or 'none'}"
            )
    for key in schema["required"]:
        if arguments.get(key) in (None, ""):
            raise RequestError(f"{key} is missing; {name} needs it")


async def generated(desk: Desk, arguments: Mapping[str, Any]) -> list[Order]:
    """Turn a call of generate_image into orders.

    Raises:
        RequestError: An argument is out of its range, or the prompt cannot be written out.
        DataError: A picture cannot be read.
    """
    fields = dict(arguments)
    if "aspect" in fields:
        fields["ar"] = fields.pop("aspect")
    _few(fields.get("count"))

    async def keep(name: str, value: Any) -> str:
        return await _picture(desk, name, value)

    fields = await adapted(fields, keep)
    frame = await desk.frame()
    orders: list[Order] = list(await desk.look(lambda store: typed(fields, store, frame)))
    _few(sum(request.count for order in typed_only(orders) for request in order.requests))
    return orders


def typed_only(orders: list[Order]) -> list[Any]:
    """Give the orders that have requests."""
    return [order for order in orders if hasattr(order, "requests")]


async def edited(desk: Desk, arguments: Mapping[str, Any]) -> list[Order]:
    """Turn a call of edit_image into an order; pictures that came along are kept.

    Raises:
        RequestError: An argument is out of its range, or a picture is none.
        DataError: A picture cannot be read.
    """
    fields = dict(arguments)
    _few(fields.get("count"))
    for name in ("picture", "mask"):
        if fields.get(name):
            fields[name] = await _picture(desk, name, fields[name])
    return [ordered("edit", fields)]


async def _picture(desk: Desk, name: str, value: Any) -> str:
    """Keep a picture that came as base64; a reference is one already."""
    if isinstance(value, str) and is_reference(value):
        return value
    if not isinstance(value, str):
        raise RequestError(
            f"{name} is {one_line(repr(value), 60)}; expected a picture such as k7.2, or base64"
        )
    sent = await picture_from_base64(value, name)
    return SCHEME + await desk.look(lambda store: store.put_input(sent.pixels))


def _few(count: Any) -> None:
    if type(count) is int and count > MOST:
        raise RequestError(f"got {count} pictures in one call; expected at most {MOST}")
