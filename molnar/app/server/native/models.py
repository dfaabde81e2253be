"""Bodies of requests: our dataclasses, with their limits and help, as strict pydantic models."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from molnar.app.orders.orders import VERBS
from molnar.base.request import Request

#: A picture of the history, or one that was uploaded.
#: Letters of ids: l and o are none of them (`app/references.py`).
_LETTER = "[A-KMNP-Za-kmnp-z]"
PICTURE = rf"^({_LETTER}[1-9][0-9]{{0,8}}\.([1-9][0-9]{{0,3}}|grid)|sha256:[0-9a-f]{{64}})$"
JOB = rf"^{_LETTER}[1-9][0-9]{{0,8}}$"
#: Something to be seen: a text of blanks and control characters alone says nothing.
_NOTHING = (
    r"\x00-\x20\x7f-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ufe0e\ufe0f\ufeff\ufff0-\uffff"
)
SAYS = rf"^[^\x00]*[^{_NOTHING}][^\x00]*$"
PLAIN = r"^[^\x00]*$"
PATTERNS = {
    "prompt": SAYS, "negative_prompt": PLAIN, "picture": PICTURE, "image": PICTURE, "mask": PICTURE,
    "image_prompt": PICTURE, "where": PLAIN, "template": PLAIN, "model": PLAIN,
}  # fmt: skip
#: Fields of a request that the server decides, or that go with another verb.
NOT_ASKED = ("outpaint", "template")
MAY_BE_ABSENT = ("seed", "image", "mask", "image_prompt", "where")  # and are never empty


class Strict(BaseModel):
    """A body in which nothing is converted and nothing unknown is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid")


def body_of(
    cls: type[Any], name: str, *, without: Iterable[str] = (), more: Mapping[str, Any] | None = None
) -> type[BaseModel]:
    """Make a strict model of a dataclass whose fields carry limits (`base/limits.py`).

    A seed that is required there may be absent here: it is then drawn at random.

    Args:
        cls: The dataclass.
        name: Of the model, as it stands in the OpenAPI.
        without: Fields to leave out.
        more: Further fields, as `create_model` takes them.
    """
    hints = typing.get_type_hints(cls)
    fields: dict[str, Any] = {}
    for one in dataclasses.fields(cls):
        if one.name in without:
            continue
        kind = _kind(one, hints[one.name])
        default = one.default
        seed = one.name == "seed"
        if one.name in MAY_BE_ABSENT and (seed or default is not dataclasses.MISSING):
            kind, default = kind | None, None
        needed = default is dataclasses.MISSING
        fields[one.name] = (
            Annotated[kind, Field(description=one.metadata.get("help", ""))],
            ... if needed else _plain(default),
        )
    return create_model(name, __base__=Strict, **fields, **(more or {}))


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _kind(one: dataclasses.Field[Any], hint: Any) -> Any:
    """Turn a field's type and limits into an annotated type."""
    meta = one.metadata
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        low, high = meta.get("length", (0, 64))
        many: Any = list.__class_getitem__(_member(one, inner))
        return Annotated[many, Field(min_length=low, max_length=high)]
    options = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
    plain = next(option for option in options if option is not type(None))
    kind = _limited(one.name, plain, meta)
    return kind | None if type(None) in options else kind


def _member(one: dataclasses.Field[Any], inner: Any) -> Any:
    if isinstance(inner, type) and dataclasses.is_dataclass(inner):
        return body_of(inner, inner.__name__)
    if one.name == "pictures":
        return Annotated[str, Field(pattern=PICTURE)]
    own = {key: value for key, value in one.metadata.items() if key != "length"}
    return _limited(one.name, inner, own)


def _limited(name: str, plain: Any, meta: Mapping[str, Any]) -> Any:
    if "choices" in meta:
        return Literal.__getitem__(tuple(meta["choices"]))
    limits: dict[str, Any] = {}
    if plain in (int, float) and "minimum" in meta:
        limits = {"ge": meta["minimum"], "le": meta["maximum"]}
        if "multiple_of" in meta:
            limits["multiple_of"] = meta["multiple_of"]
    if plain is float:
        limits["allow_inf_nan"] = False
    if plain is str:
        low, high = meta.get("length", (0, 2000))
        limits = {"min_length": low, "max_length": high}
        if name in PATTERNS:
            limits["pattern"] = PATTERNS[name]
    if plain is int:  # JSON knows one kind of number: 8.0 is a whole one
        return Annotated[int, Field(**limits), BeforeValidator(_whole)]
    return Annotated[plain, Field(**limits)] if limits else plain


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_RATIO = r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$"
Make = body_of(
    Request,
    "Make",
    without=NOT_ASKED,
    more={
        "ar": (
            Annotated[str, Field(pattern=_RATIO, description="Shape, e.g. 3:2, instead of a size.")]
            | None,
            None,
        ),
        "styles": (
            Annotated[
                list[Annotated[str, Field(min_length=1, max_length=100)]],
                Field(max_length=20, description="Styles by name, e.g. flat."),
            ],
            [],
        ),
        "grid": (Annotated[bool, Field(description="Four, and one that shows all.")], False),
        "image_prompt": (
            Annotated[str, Field(pattern=PICTURE, description="A picture to take after.")] | None,
            None,
        ),
        "iw": (Annotated[float, Field(ge=0, le=3, description="Its weight.")], 1.0),
    },
)
#: For each verb on a picture, its body; the picture itself stands in the path or in `picture`.
VERB_BODIES: dict[str, type[BaseModel]] = {
    verb: body_of(cls, verb.capitalize(), without=("picture",))
    for verb, cls in VERBS.items()
    if verb not in ("make", "blend")
}
PICTURE_BODIES: dict[str, type[BaseModel]] = {
    verb: body_of(cls, f"{verb.capitalize()}Picture")
    for verb, cls in VERBS.items()
    if verb not in ("make", "again")
}


class Prompted(Strict):
    """A text."""

    prompt: Annotated[str, Field(min_length=1, max_length=2000, pattern=SAYS)]


class Pictured(Strict):
    """A picture."""

    picture: Annotated[str, Field(pattern=PICTURE)]


class Where(Pictured):
    """Words, and the picture in which what they name is looked for."""

    words: Annotated[str, Field(min_length=1, max_length=200, pattern=SAYS)]


def given(body: BaseModel) -> dict[str, Any]:
    """Return what a client said, without what it left out or said is nothing."""
    return body.model_dump(exclude_unset=True, exclude_none=True, mode="json")


def fields_of_request() -> dict[str, Any]:
    """Describe every field of a request: limits, default, help."""
    from molnar.base.limits import json_schema

    found = json_schema(Request)["properties"]
    return {name: about for name, about in found.items() if name not in NOT_ASKED}
