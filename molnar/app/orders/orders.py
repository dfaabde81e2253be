"""What can be asked for, as plain data: one class per verb, and its JSON.

An order names pictures instead of holding them: `k7.2` of the history, or `sha256:...` of one that
was put into it. So it fits into a row of the history, and from one process to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molnar.base import config
from molnar.base.errors import ConfigError, RequestError, one_line
from molnar.base.limits import asked, required
from molnar.base.request import Request
from molnar.base.rng import NUM_SEEDS
from molnar.base.words import hint

FEWEST, MOST = 2, 5  # pictures of a blend
SIDES = ("left", "up", "right", "down")  # as in `verbs`, which orders can be read without
_PICTURE = "A picture: k7.2 of the history, or the sha256:... of an upload."


def _another() -> Any:
    return asked(None, "Another text, if it is to show something else.", length=(1, 2000))


def _count(default: int) -> Any:
    return asked(default, "How many pictures.", minimum=1, maximum=64)


def _seed() -> Any:
    return required("Same seed, same picture.", minimum=0, maximum=NUM_SEEDS - 1)


def _picture() -> Any:
    return required(_PICTURE)


@dataclass(frozen=True, kw_only=True)
class Make:
    """Pictures of a text: one job, of which each request may be several.

    Example:
        >>> order_from(to_json(Make(requests=(Request(prompt="a fox", seed=7),)))).requests[0].seed
        7
    """

    requests: tuple[Request, ...] = required("What is drawn, in this order.", length=(1, 4096))
    grid: bool = asked(False, "Show all of them in one picture, too.")
    image_prompt: str = asked("", "A picture to take after: k7.2, or sha256:...")
    iw: float = asked(1.0, "Weight of the image prompt.", minimum=0, maximum=3)


@dataclass(frozen=True, kw_only=True)
class Vary:
    """Pictures near another one."""

    picture: str = _picture()
    strong: bool = asked(False, "Change the composition, too.")
    prompt: str | None = _another()
    seed: int = _seed()
    count: int = _count(4)


@dataclass(frozen=True, kw_only=True)
class Again:
    """A job once more, from other seeds: the one that `picture` is, or belongs to."""

    picture: str = required("A job k7, or one of its pictures.")
    prompt: str | None = _another()
    seed: int = _seed()


@dataclass(frozen=True, kw_only=True)
class Upscale:
    """A picture, larger."""

    picture: str = _picture()
    scale: int = asked(2, "How many times as wide.", minimum=2, maximum=4, multiple_of=2)
    creative: bool = asked(False, "Draw details anew.")
    seed: int = asked(0, "Of what is drawn, if anything is.", minimum=0, maximum=NUM_SEEDS - 1)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A part of a picture drawn anew: exactly one of mask, region, where says which."""

    picture: str = _picture()
    prompt: str = asked("", "What is to be there; what lies behind, if empty.", length=(0, 2000))
    mask: str = asked("", "A picture that is white where it may change.")
    region: tuple[int, ...] = asked(
        (), "A rectangle in pixels: x, y, width, height.", minimum=0, maximum=65535, length=(0, 4)
    )
    where: str = asked("", "What is to change, in words: 'hat'.", length=(0, 200))
    count: int = _count(1)
    feather: int = asked(8, "Pixels to fade over.", minimum=0, maximum=128)
    seed: int = _seed()


@dataclass(frozen=True, kw_only=True)
class Zoom:
    """A picture with more on all sides."""

    picture: str = _picture()
    factor: float = asked(2.0, "How many times as wide, above 1.", minimum=1, maximum=4)
    prompt: str | None = _another()
    seed: int = _seed()


@dataclass(frozen=True, kw_only=True)
class Pan:
    """A picture with more on one side."""

    picture: str = _picture()
    way: str = required("Which side.", choices=SIDES)
    prompt: str | None = _another()
    seed: int = _seed()


@dataclass(frozen=True, kw_only=True)
class Square:
    """A picture with as much more as makes it square."""

    picture: str = _picture()
    prompt: str | None = _another()
    seed: int = _seed()


@dataclass(frozen=True, kw_only=True)
class Blend:
    """One picture of several."""

    pictures: tuple[str, ...] = required(_PICTURE, length=(FEWEST, MOST))
    weights: tuple[float, ...] = asked(
        (), "How much each counts; all alike if empty.", minimum=0, maximum=1000, length=(0, MOST)
    )
    count: int = _count(1)
    seed: int = _seed()


Order = Make | Vary | Again | Upscale | Edit | Zoom | Pan | Square | Blend
VERBS: dict[str, type[Order]] = {
    "make": Make, "vary": Vary, "again": Again, "upscale": Upscale, "edit": Edit, "zoom": Zoom,
    "pan": Pan, "square": Square, "blend": Blend,
}  # fmt: skip


def verb_of(order: Order) -> str:
    """Name the verb of an order.

    Example:
        >>> verb_of(Square(picture="k7.2", seed=1))
        'square'
    """
    return next(verb for verb, kind in VERBS.items() if type(order) is kind)


def to_json(order: Order) -> dict[str, Any]:
    """Return an order as plain JSON values, with its verb.

    Example:
        >>> to_json(Square(picture="k7.2", seed=1))
        {'verb': 'square', 'picture': 'k7.2', 'prompt': None, 'seed': 1}
    """
    return {"verb": verb_of(order), **config.to_json(order)}


def order_from(data: Mapping[str, Any]) -> Order:
    """Read what `to_json` wrote. Types are checked here, ranges by `checked`.

    Raises:
        RequestError: It is no order: an unknown verb, or a field that is unknown, missing or of
            the wrong type.
    """
    if not isinstance(data, Mapping):
        raise RequestError(f"got {one_line(repr(data), 60)}; expected an object with a verb")
    fields = {str(key): value for key, value in data.items()}
    kind = kind_of(fields.pop("verb", None))
    try:
        return config.from_json(kind, fields)
    except ConfigError as error:
        raise RequestError(str(error)) from None


def kind_of(verb: object) -> type[Order]:
    """Give the class of a verb.

    Raises:
        RequestError: There is no such verb.
    """
    if not isinstance(verb, str) or verb not in VERBS:
        near = hint(verb, VERBS) if isinstance(verb, str) else ""
        raise RequestError(
            f"verb is {one_line(repr(verb), 40)}{near}; expected one of: {', '.join(VERBS)}"
        )
    return VERBS[verb]
