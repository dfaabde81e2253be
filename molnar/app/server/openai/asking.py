"""The fields of a call in, what is asked for out: checked, and in our words.

JSON has types and a form has only text, so each field is read in either way. What nobody here
knows is left alone, as OpenAI's own clients expect of a server that is older than they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from molnar.app.server.openai.errors import RefusedError
from molnar.app.server.openai.sizes import Size, drawable, size_of
from molnar.base.errors import one_line
from molnar.base.words import hint

Fields = Mapping[str, Any]

LONGEST = 2000  # characters of a prompt
MOST = 10  # pictures of a call
MOST_PARTIALS = 3  # unfinished pictures, of each
QUALITIES = {
    "low": "fast", "standard": "normal", "medium": "normal", "auto": "normal",
    "high": "best", "hd": "best", "xhigh": "best", "max": "best",
}  # fmt: skip
THEIR_QUALITY = {"fast": "low", "normal": "medium", "best": "high"}
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "jpg": ".jpg", "webp": ".webp"}
FORMATS = {".png": "png", ".jpg": "jpeg", ".webp": "webp"}
BACKGROUNDS = ("auto", "transparent", "opaque")
ANSWERS = ("url", "b64_json")
ADDRESSED = "dall-e"  # models of such names answer with addresses, unless told otherwise
#: Fields beyond OpenAI's, at the top level: theirs -> ours, and how they are read.
NUMBERS = {"guidance_scale": "guidance", "guidance": "guidance", "strength": "strength"}
WHOLES = ("steps", "seed", "best_of")
TEXTS = ("negative_prompt",)
SWITCHES = ("transparent", "tile", "literal")
#: What clients of other servers call adapters of a checkpoint, and where they are asked for here.
_IN_PROMPT = "in the prompt, as <lora:NAME:0.8>, which a checkpoint takes"
_ELSEWHERE = "at /api/jobs as guides, or in A1111's dialect as alwayson_scripts.controlnet"
ADAPTERS = {
    **dict.fromkeys(("lora", "loras", "image_loras", "lora_weights"), _IN_PROMPT),
    **dict.fromkeys(
        ("guides", "control", "controls", "controlnet", "controlnets", "control_image",
         "control_images", "ip", "ip_adapter", "ip_adapters", "ip_adapter_image"),
        _ELSEWHERE,
    ),
}  # fmt: skip
FIDELITY = {"low": 0.75, "high": 0.5}  # strength of an edit without a mask


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a call asks for.

    Example:
        >>> ask_of({"prompt": "a fox", "n": "2", "quality": "hd"}).wishes()["count"]
        2
    """

    prompt: str
    model: str | None = None  # as named by the client
    count: int = 1
    size: Size | None = None  # None: ours to choose
    quality: str = "normal"
    answer: str = "b64_json"
    background: str = "auto"
    suffix: str = ".png"
    compression: int | None = None
    stream: bool = False
    partials: int = 0
    strength: float = FIDELITY["low"]
    more: Fields = field(default_factory=dict)  # extension fields, under our names

    def wishes(self) -> dict[str, Any]:
        """Return the fields of a request that this asks for; the others are left to the model."""
        found: dict[str, Any] = {
            "prompt": self.prompt, "count": self.count, "quality": self.quality, **self.more
        }  # fmt: skip
        if self.background != "auto":
            found["transparent"] = self.background == "transparent"
        if self.size is not None:
            found["width"], found["height"] = drawable(self.size)
        return found

    @property
    def seed(self) -> int | None:
        """The seed that was asked for."""
        return self.more.get("seed")


def ask_of(fields: Fields, prompted: bool = True) -> Ask:
    """Read the fields of a call.

    Args:
        fields: By the client's names; a value of None or "" counts as absent.
        prompted: A prompt must be there.

    Raises:
        RefusedError: A field is out of its range, or asks for what cannot be done here.
    """
    given = {key: value for key, value in fields.items() if value not in (None, "")}
    suffix = SUFFIXES[chosen(given, "output_format", SUFFIXES, "png")]
    background = chosen(given, "background", BACKGROUNDS, "auto")
    if background == "transparent" and suffix == ".jpg":
        raise RefusedError(
            "background is transparent and output_format jpeg, which has no transparency; "
            "expected output_format png or webp with it",
            "background",
        )
    model = text(given, "model")
    url = (model or "").startswith(ADDRESSED)
    fidelity = chosen(given, "input_fidelity", FIDELITY, "low")
    more = _more(given)
    return Ask(
        prompt=_prompt(given, prompted),
        model=model,
        count=whole(given, "n", 1, MOST) or 1,
        size=size_of(text(given, "size")),
        quality=QUALITIES[chosen(given, "quality", QUALITIES, "auto")],
        answer=chosen(given, "response_format", ANSWERS, "url" if url else "b64_json"),
        background=background,
        suffix=suffix,
        compression=whole(given, "output_compression", 0, 100),
        stream=switch(given, "stream"),
        partials=whole(given, "partial_images", 0, MOST_PARTIALS) or 0,
        strength=more.pop("strength", FIDELITY[fidelity]),
        more=more,
    )


def _prompt(given: Fields, needed: bool) -> str:
    prompt = text(given, "prompt") or ""
    if needed and not prompt.strip():
        raise RefusedError("prompt is missing; say what to draw, e.g. 'a red fox'", "prompt")
    if len(prompt) > LONGEST:
        raise RefusedError(
            f"prompt has {len(prompt)} characters; expected at most {LONGEST}: shorten it", "prompt"
        )
    return prompt


def _more(given: Fields) -> dict[str, Any]:
    """Read the fields that OpenAI does not have."""
    for name, where in ADAPTERS.items():
        if given.get(name):
            raise RefusedError(
                f"{name} is {one_line(given[name], 60)}; expected none here: it is asked for "
                f"{where}",
                name,
            )
    found: dict[str, Any] = {}
    for name, ours in NUMBERS.items():
        if name in given:
            found[ours] = number(given, name)
    found |= {name: whole(given, name) for name in WHOLES if name in given}
    found |= {name: text(given, name) for name in TEXTS if name in given}
    found |= {name: switch(given, name) for name in SWITCHES if name in given}
    if found.get("seed") == -1:  # what A1111's clients call a random one
        del found["seed"]
    return found | _ways(text(given, "sampler"), text(given, "scheduler"))


def _ways(sampler: str | None, scheduler: str | None) -> dict[str, Any]:
    """Read a sampler and a schedule by the names that any tool has for them."""
    if not sampler and not scheduler:
        return {}
    from molnar.base.metadata import SAMPLER_LABELS, SCHEDULE_LABELS
    from molnar.base.wishes import our_names

    ours = dict(zip(("sampler", "schedule"), our_names(sampler, scheduler), strict=True))
    if sampler and ours["sampler"] is None:
        raise _unknown("sampler", sampler, SAMPLER_LABELS)
    if scheduler and ours["schedule"] is None:
        raise _unknown("scheduler", scheduler, SCHEDULE_LABELS)
    return {name: value for name, value in ours.items() if value is not None}


def _unknown(name: str, got: str, known: Mapping[str, Any]) -> RefusedError:
    return RefusedError(
        f"{name} is {one_line(got, 60)!r}{hint(got, known)}; expected one of: {', '.join(known)}",
        name,
    )


def text(given: Fields, name: str) -> str | None:
    """Read a field of text; None if it is absent.

    Raises:
        RefusedError: It is something else.
    """
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise RefusedError(f"{name} is {one_line(repr(value), 60)}; expected text", name)
    return value


def chosen(given: Fields, name: str, known: Any, default: str) -> str:
    """Read a field that is one of several words.

    Raises:
        RefusedError: It is another one.

    Example:
        >>> chosen({"quality": "HD"}, "quality", QUALITIES, "auto")
        'hd'
    """
    value = (text(given, name) or default).strip().lower()
    if value not in known:
        raise _unknown(name, value, dict.fromkeys(known))
    return value


def whole(
    given: Fields, name: str, least: int | None = None, most: int | None = None
) -> int | None:
    """Read a whole number; None if it is absent.

    Raises:
        RefusedError: It is none, or out of its range.

    Example:
        >>> whole({"n": "3"}, "n", 1, 10)
        3
    """
    value = number(given, name)
    if value is None:
        return None
    if value != int(value):
        raise RefusedError(f"{name} is {value}; expected a whole number", name)
    if (least is not None and value < least) or (most is not None and value > most):
        raise RefusedError(f"{name} is {int(value)}; expected {least} to {most}", name)
    return int(value)


def number(given: Fields, name: str) -> float | None:
    """Read a number; None if it is absent.

    Raises:
        RefusedError: It is none.
    """
    value = given.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        found = float(value)
        if not abs(found) < 2**53:  # also refuses NaN
            raise ValueError
    except (ValueError, OverflowError):
        raise RefusedError(
            f"{name} is {one_line(repr(value), 60)}; expected a number", name
        ) from None
    return found


def switch(given: Fields, name: str) -> bool:
    """Read a field that is true or false; false if it is absent.

    Raises:
        RefusedError: It is neither.
    """
    value = given.get(name, False)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise RefusedError(f"{name} is {one_line(repr(value), 60)}; expected true or false", name)
