"""`a fox --ar 3:2 --no grass` in, the text and its parameters out: Midjourney's flags.

Only what molnar can do is read; what it cannot is refused by name, not dropped in silence.

Source: Midjourney documentation, "Parameter List".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from molnar.base.errors import RequestError, one_line
from molnar.base.rng import NUM_SEEDS
from molnar.base.words import hint

_MAX_SIDE = 10_000  # of a ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class Flags:
    """What was asked for after the text; None where nothing was.

    Example:
        >>> Flags(ar=(3, 2)).seed is None
        True
    """

    ar: tuple[int, int] | None = None  # width to height
    seed: int | None = None
    chaos: int | None = None  # 0 to 100: how unlike each other the pictures of a batch are
    no: tuple[str, ...] | None = None  # what to keep out
    tile: bool | None = None  # True: edges meet
    iw: float | None = None  # 0 to 3: weight of a picture to start from
    stop: int | None = None  # 10 to 100: percent of the steps after which to stop
    repeat: int | None = None  # 2 to 40: how often to run the job
    stylize: int | None = None  # 0 to 1000
    quality: float | None = None  # 0.25, 0.5, 1, 2 or 4: time against care
    raw: bool | None = None  # True: without a default style


def trailing_flags(text: str) -> tuple[str, Flags]:
    """Cut the parameters off the end of a prompt.

    Args:
        text: A prompt; a parameter begins with `--` (or a dash that was autocorrected from it)
            after a space.

    Returns:
        The text before the first parameter, and the parameters.

    Raises:
        RequestError: A parameter that is not known, that molnar has nothing for, that comes twice
            or has a value out of range; or words after one.

    Example:
        >>> trailing_flags("a fox --ar 3:2 --no grass, trees")[1].no
        ('grass', 'trees')
    """
    marks = list(_marks(text))
    if not marks:
        return text, Flags()
    found: dict[str, Any] = {}
    ends = [match.start() for match in marks[1:]] + [len(text)]
    for match, end in zip(marks, ends, strict=True):
        written = match["name"] or match["short"]
        field = _field(written)
        value = _value(written, field, text[match.end() : end].strip())
        field = "raw" if field == "style" else field
        if field == "no":
            found["no"] = (*found.get("no", ()), *value)
        elif field in found:
            raise RequestError(f"--{written} is there twice; expected it once, leave one out")
        else:
            found[field] = value
    return text[: marks[0].start()].rstrip(), Flags(**found)


_MARK = re.compile(
    r"(?:(?<=\s)|^)(?:(?P<dash>--|[\u2013\u2014])(?P<name>[A-Za-z]\w*)|-(?P<short>r)(?=\s+\d))=?"
)


def _marks(text: str) -> Iterator[re.Match[str]]:
    """Yield where parameters begin; a long dash begins one only before a name that is known."""
    for match in _MARK.finditer(text):
        name = (match["name"] or match["short"]).lower()
        if match["dash"] in (None, "--") or name in _FIELDS or name in _REFUSED:
            yield match


def _field(written: str) -> str:
    name = written.lower()
    if name in _REFUSED:
        raise RequestError(f"--{name} {_REFUSED[name]}: leave it out")
    if name not in _FIELDS:
        raise RequestError(
            f"--{one_line(written, 40)} is not a parameter{hint(name, _FIELDS)}; "
            f"expected one of {', '.join(f'--{known}' for known in _LONG)}"
        )
    return _FIELDS[name]


def _value(written: str, field: str, text: str) -> Any:
    """Read the text up to the next parameter."""
    if field == "no":
        words = tuple(word.strip() for word in text.split(",") if word.strip())
        if not words:
            raise RequestError("--no is alone; expected what to keep out: --no grass, trees")
        return words
    first, rest = ("", text) if field in _SWITCHES else (*text.split(None, 1), "", "")[:2]
    if field not in _SWITCHES and not first:
        raise RequestError(f"--{written} has no value; expected {_EXPECTED[field]} after it")
    if rest.strip():
        raise RequestError(
            f"{one_line(rest.strip(), 40)!r} stands after --{written}; "
            "parameters go at the end, move the words before them"
        )
    try:
        return True if field in _SWITCHES else _READERS[field](first)
    except ValueError:
        raise RequestError(
            f"--{written} is {one_line(first, 40)!r}; expected {_EXPECTED[field]}"
        ) from None


def _ratio(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5}):([0-9]{1,5})", text)
    if match is None:
        raise ValueError
    width, height = int(match[1]), int(match[2])
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError
    return width, height


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def _number(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{0,6})?|\.[0-9]{1,6}", text):
        raise ValueError
    return float(text)


def _weight(text: str) -> float:
    if _number(text) > 3:
        raise ValueError
    return _number(text)


def _quality(text: str) -> float:
    if _number(text) not in (0.25, 0.5, 1, 2, 4):
        raise ValueError
    return _number(text)


def _style(text: str) -> bool:
    if text.lower() != "raw":
        raise ValueError
    return True


_READERS: dict[str, Callable[[str], Any]] = {
    "ar": _ratio,
    "seed": _whole(0, NUM_SEEDS - 1),
    "chaos": _whole(0, 100),
    "iw": _weight,
    "stop": _whole(10, 100),
    "repeat": _whole(2, 40),
    "stylize": _whole(0, 1000),
    "quality": _quality,
    "style": _style,
}
_EXPECTED = {
    "ar": "width:height, such as 3:2",
    "seed": f"0 to {NUM_SEEDS - 1}",
    "chaos": "0 to 100",
    "iw": "0 to 3",
    "stop": "10 to 100",
    "repeat": "2 to 40",
    "stylize": "0 to 1000",
    "quality": ".25, .5, 1, 2 or 4",
    "style": "raw; other styles are chosen by name, not in the prompt",
}
_SWITCHES = {"tile", "raw"}
_LONG = (*_READERS, "no", "tile", "raw")
_FIELDS = {
    **{name: name for name in _LONG},
    **dict(aspect="ar", c="chaos", r="repeat", s="stylize", q="quality"),
}
_REFUSED = {
    **dict.fromkeys(("sref", "sw", "sv"), "is Midjourney's style reference; this model has none"),
    **dict.fromkeys(("cref", "cw"), "is Midjourney's character reference; this model has none"),
    **dict.fromkeys(("oref", "ow"), "is Midjourney's omni reference; this model has none"),
    **dict.fromkeys(("weird", "w"), "makes Midjourney's pictures stranger; this model cannot"),
    "exp": "is Midjourney's experimental look; this model has none",
    "draft": "is Midjourney's draft mode; this has quality 'fast' instead",
    **dict.fromkeys(("p", "profile"), "is your Midjourney taste; this model has none of you"),
    **dict.fromkeys(("v", "version"), "is a version of Midjourney; this is another model"),
    "niji": "is a model of Midjourney; this is another one",
    **dict.fromkeys(("video", "motion", "loop"), "makes films; this draws pictures"),
    **dict.fromkeys(
        ("fast", "relax", "turbo"), "is a queue of Midjourney; this runs on your machine"
    ),
}
