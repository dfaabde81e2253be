"""A configuration dataclass <-> JSON, strictly: a wrong key or type is one helpful line.

Supported field types: bool, int, float, str, None, Literal, unions of these, nested dataclasses,
`list[T]`, `tuple[T, ...]`, `tuple[T1, T2]`, `dict[str, T]` and Any.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union

from molnar.base.errors import ConfigError, one_line
from molnar.base.words import hint

T = TypeVar("T")


def to_json(obj: Any) -> dict[str, Any]:
    """Return a dataclass instance as plain JSON values.

    Raises:
        ConfigError: If a value has no JSON form.
    """
    plain = _plain(obj, type(obj).__name__)
    assert isinstance(plain, dict)
    return plain


def from_json(cls: type[T], data: Mapping[str, Any], where: str = "") -> T:
    """Build a dataclass from JSON values.

    Args:
        cls: The dataclass.
        data: One value per field; fields with defaults may be missing.
        where: Path of `data` inside a larger document, for messages.

    Raises:
        ConfigError: If a key is unknown or missing, or a value has the wrong type.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Size:
        ...     height: int = 512
        >>> from_json(Size, {"height": 64})
        Size(height=64)
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where or cls.__name__} is {_kind(data)}; expected an object of fields")
    fields = _fields(cls)
    for key in data:
        if key not in fields:
            raise ConfigError(
                f"{_join(where, key)} is not a field of {cls.__name__}{hint(str(key), fields)}; "
                f"expected one of: {', '.join(fields)}"
            )
    for name, field in fields.items():
        if name not in data and _required(field):
            raise ConfigError(f"{_join(where, name)} is missing; {cls.__name__} needs it")
    hints = typing.get_type_hints(cls)
    values = {key: _parse(hints[key], value, _join(where, key)) for key, value in data.items()}
    return cls(**values)


def override(obj: T, assignments: Sequence[str]) -> T:
    """Return a copy of a dataclass with fields replaced by "path.to.field=value" texts.

    Values are typed by the field: JSON where it parses, else text (so `name=fox` needs no quotes).

    Raises:
        ConfigError: If an assignment has no "=", names no field, or its value has the wrong type.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Size:
        ...     height: int = 512
        >>> override(Size(), ["height=64"])
        Size(height=64)
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"got {one_line(assignment)!r}; expected name=value, e.g. lr=2e-4")
        obj = _replaced(obj, path.strip().split("."), text.strip(), "")
    return obj


def diff(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ between two configurations, by dotted path."""
    old, new = _flat(to_json(before)), _flat(to_json(after))
    keys = [*old, *(key for key in new if key not in old)]
    return {k: (old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)}


def _plain(value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name), _join(where, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item, _join(where, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ConfigError(f"{where} is {_kind(value)}, which has no JSON form; use plain values")


def _parse(hint_: Any, value: Any, where: str) -> Any:
    """Check `value` against a type hint and return it in the hint's own types."""
    origin = typing.get_origin(hint_)
    if hint_ is Any:
        return value
    if origin is Literal:
        return _literal(hint_, value, where)
    if origin in (Union, types.UnionType):
        return _union(typing.get_args(hint_), value, where)
    if dataclasses.is_dataclass(hint_) and isinstance(hint_, type):
        return from_json(hint_, value, where)
    parser = _CONTAINERS.get(origin or hint_)
    if parser is not None:
        return parser(typing.get_args(hint_), value, where)
    return _scalar(hint_, value, where)


def _scalar(hint_: Any, value: Any, where: str) -> Any:
    if hint_ is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint_ in (None, types.NoneType) and value is None:
        return None
    # bool is an int to Python, but a flag is not a count.
    matches = isinstance(hint_, type) and isinstance(value, hint_)
    if matches and (hint_ is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where} is {_kind(value)}; expected {_name(hint_)}")


def _literal(hint_: Any, value: Any, where: str) -> Any:
    choices = typing.get_args(hint_)
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return value
    near = hint(value, map(str, choices)) if isinstance(value, str) else ""
    expected = ", ".join(map(repr, choices))
    raise ConfigError(f"{where} is {_kind(value)}{near}; expected one of: {expected}")


def _union(options: Sequence[Any], value: Any, where: str) -> Any:
    # An exact match first, so that int | float keeps 1 an int.
    for option in sorted(options, key=lambda o: type(value) is not o):
        with contextlib.suppress(ConfigError):
            return _parse(option, value, where)
    structured = [o for o in options if dataclasses.is_dataclass(o)]
    if len(structured) == 1 and isinstance(value, Mapping):
        # Its own message says which field was wrong; the list of options would not.
        return _parse(structured[0], value, where)
    expected = " or ".join(_name(option) for option in options)
    raise ConfigError(f"{where} is {_kind(value)}; expected {expected}")


def _list(args: Sequence[Any], value: Any, where: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where} is {_kind(value)}; expected a list")
    item = args[0] if args else Any
    return [_parse(item, v, f"{where}[{i}]") for i, v in enumerate(value)]


def _tuple(args: Sequence[Any], value: Any, where: str) -> tuple[Any, ...]:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_list(args[:1], value, where))
    items = _list((), value, where)
    if args and len(items) != len(args):
        raise ConfigError(f"{where} has {len(items)} values; expected {len(args)}")
    return tuple(_parse(args[i] if args else Any, v, f"{where}[{i}]") for i, v in enumerate(items))


def _dict(args: Sequence[Any], value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {_kind(value)}; expected an object")
    item = args[1] if args else Any
    return {str(k): _parse(item, v, _join(where, str(k))) for k, v in value.items()}


_CONTAINERS: dict[Any, Callable[[Sequence[Any], Any, str], Any]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
}


def _replaced(obj: Any, path: Sequence[str], text: str, where: str) -> Any:
    fields = _fields(type(obj)) if dataclasses.is_dataclass(obj) else {}
    name, *rest = path
    here = _join(where, name)
    if name not in fields:
        raise ConfigError(
            f"{here} is not a field of {type(obj).__name__}{hint(name, fields)}; "
            f"expected one of: {', '.join(fields) or 'none'}"
        )
    if rest:
        value = _replaced(getattr(obj, name), rest, text, here)
    else:
        value = _typed(typing.get_type_hints(type(obj))[name], text, here)
    return dataclasses.replace(obj, **{name: value})


def _typed(hint_: Any, text: str, where: str) -> Any:
    try:
        return _parse(hint_, json.loads(text), where)
    except (ValueError, RecursionError) as error:
        # Not JSON, or JSON of another type: "fox" and "512" can both be meant as text.
        try:
            return _parse(hint_, text, where)
        except ConfigError as as_text:
            raise (error if isinstance(error, ConfigError) else as_text) from None


def _fields(cls: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(cls) if field.init}


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _flat(data: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        here = _join(where, key)
        out.update(_flat(value, here) if isinstance(value, dict) else {here: value})
    return out


def _join(where: str, key: str) -> str:
    return f"{where}.{one_line(key)}" if where else one_line(key)


def _kind(value: Any) -> str:
    return f"{one_line(repr(value), 60)} ({type(value).__name__})"


def _name(hint_: Any) -> str:
    if hint_ in (None, types.NoneType):
        return "null"
    return getattr(hint_, "__name__", None) or str(hint_)
