"""Limits written in the fields of a dataclass -> checks with one-line errors, and a JSON schema.

A field's metadata may hold `help`, `minimum`, `maximum`, `multiple_of`, `length` (least and most
characters, or members of a tuple) and `choices`; the field's type says the rest.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from molnar.base.errors import RequestError, one_line
from molnar.base.words import hint


def asked(default: Any, help: str, **limits: Any) -> Any:
    """Return a field with a default, a help text and limits."""
    return field(default=default, metadata={"help": help, **limits})


def required(help: str, **limits: Any) -> Any:
    """Return a field without a default, with a help text and limits."""
    return field(metadata={"help": help, **limits})


def check_fields(obj: Any) -> None:
    """Check every field of a dataclass instance against its type and limits.

    Raises:
        RequestError: What was got, what was expected, what to do; one line.
    """
    hints = typing.get_type_hints(type(obj))
    for one in dataclasses.fields(obj):
        _check(one.name, getattr(obj, one.name), hints[one.name], one.metadata)


def fits(cls: type[Any], name: str, value: Any) -> bool:
    """Say whether a value may stand in the field `name` of a dataclass."""
    one = next(f for f in dataclasses.fields(cls) if f.name == name)
    try:
        _check(name, value, typing.get_type_hints(cls)[name], one.metadata)
    except RequestError:
        return False
    return True


def json_schema(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON schema of a dataclass whose fields carry help and limits."""
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    required = [f.name for f in fields if f.default is dataclasses.MISSING]
    return {
        "title": cls.__name__,
        "type": "object",
        "properties": {f.name: _property(f, hints[f.name]) for f in fields},
        "required": required,
        "additionalProperties": False,
    }


def _check(name: str, value: Any, hint_: Any, limits: Mapping[str, Any]) -> None:
    options = typing.get_args(hint_) or (hint_,)
    if value is None and type(None) in options:
        return
    if typing.get_origin(hint_) is tuple:
        _check_tuple(name, value, options[0], limits)
        return
    expected = next(option for option in options if option is not type(None))
    if expected is float and type(value) is int:
        value = float(value)
    if type(value) is not expected:
        raise RequestError(
            f"{name} is {one_line(repr(value), 60)}; expected {_TYPE_NAMES[expected]}"
        )
    if isinstance(value, str):
        _check_text(name, value, limits)
    elif "minimum" in limits:
        _check_number(name, value, limits)


def _check_tuple(name: str, value: Any, kind: Any, limits: Mapping[str, Any]) -> None:
    """Check a tuple of one kind: numbers and texts by the field's limits, dataclasses by theirs."""
    if not isinstance(value, tuple):
        raise RequestError(f"{name} is {one_line(repr(value), 60)}; expected a tuple")
    low, high = limits.get("length", (0, len(value)))
    if not low <= len(value) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise RequestError(f"{name} has {len(value)} members; expected {wanted}")
    own = {key: limit for key, limit in limits.items() if key != "length"}
    for index, member in enumerate(value):
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if type(member) is not kind:
                got = one_line(repr(member), 60)
                raise RequestError(f"{name}[{index}] is {got}; expected {kind.__name__}")
            check_fields(member)
        else:
            _check(f"{name}[{index}]", member, kind, own)


_TYPE_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_JSON_NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _check_text(name: str, value: str, limits: Mapping[str, Any]) -> None:
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        raise RequestError(
            f"{name} is {one_line(value, 60)!r}{hint(value, choices)}; "
            f"expected one of: {', '.join(choices)}"
        )
    low, high = limits.get("length", (0, None))
    if len(value.strip()) < low:
        wanted = "say what to draw, e.g. 'a red fox'" if name == "prompt" else "expected a text"
        raise RequestError(f"{name} is empty; {wanted}")
    if high is not None and len(value) > high:
        raise RequestError(
            f"{name} has {len(value)} characters; expected at most {high}: shorten it"
        )
    # Neither can stand in UTF-8 text or in a PNG's text chunk.
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise RequestError(f"{name} holds a NUL or half a character; remove what cannot be shown")


def _check_number(name: str, value: float, limits: Mapping[str, Any]) -> None:
    low, high, multiple = limits["minimum"], limits["maximum"], limits.get("multiple_of")
    if not low <= value <= high:  # also refuses NaN
        raise RequestError(f"{name} is {value}; expected {low} to {high}")
    if multiple and value % multiple:
        near = round(value / multiple) * multiple
        raise RequestError(f"{name} is {value}; expected a multiple of {multiple}: try {near}")


def _property(one: dataclasses.Field[Any], hint_: Any) -> dict[str, Any]:
    if typing.get_origin(hint_) is tuple:
        return _array(one, typing.get_args(hint_)[0])
    kinds = [_JSON_NAMES[option] for option in typing.get_args(hint_) or (hint_,)]
    out: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    out["description"] = one.metadata.get("help", "")
    if one.default is not dataclasses.MISSING:
        out["default"] = one.default
    names = {"minimum": "minimum", "maximum": "maximum", "multiple_of": "multipleOf"}
    out |= {names[key]: value for key, value in one.metadata.items() if key in names}
    if "length" in one.metadata:
        out["minLength"], out["maxLength"] = one.metadata["length"]
    if "choices" in one.metadata:
        out["enum"] = [*one.metadata["choices"], *([None] if "null" in kinds else [])]
    return out


def _array(one: dataclasses.Field[Any], kind: Any) -> dict[str, Any]:
    """Describe a field that is a tuple of one kind."""
    out: dict[str, Any] = {"type": "array", "description": one.metadata.get("help", "")}
    if one.default is not dataclasses.MISSING:
        out["default"] = list(one.default)  # type: ignore[call-overload]
    if dataclasses.is_dataclass(kind):
        out["items"] = json_schema(kind)  # type: ignore[arg-type]
    else:
        out["items"] = {"type": _JSON_NAMES[kind]}
        names = {"minimum": "minimum", "maximum": "maximum"}
        out["items"] |= {names[k]: v for k, v in one.metadata.items() if k in names}
    if "length" in one.metadata:
        out["minItems"], out["maxItems"] = one.metadata["length"]
    return out
