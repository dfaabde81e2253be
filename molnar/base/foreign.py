"""What a picture of another tool says about how it was made, in our words (`Foreign`).

Values come from strangers' files: each is taken only if it has the type and the size it should,
and what has no name of ours is kept as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# How a tool calls itself.
TOOLS = {
    "molnar": "molnar",
    "a1111": "AUTOMATIC1111",
    "forge": "Forge",
    "comfyui": "ComfyUI",
    "invokeai": "InvokeAI",
    "fooocus": "Fooocus",
    "swarmui": "SwarmUI",
    "novelai": "NovelAI",
    "drawthings": "Draw Things",
    "sdcpp": "stable-diffusion.cpp",
    "easydiffusion": "Easy Diffusion",
    "none": "not recorded",
}

_MOST_CHARACTERS = 100_000  # of one text
_MOST_REST, _MOST_LORAS = 200, 100
MOST_JSON = 2_000_000  # characters; as objects they take up to 25 times as many bytes
_MOST_SAID = 4_000  # characters of a value that has no name of ours


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """How another tool says it made a picture; None where it does not say.

    Example:
        >>> Foreign(tool="comfyui", prompt="a fox", seed=7).steps is None
        True
    """

    tool: str  # a key of TOOLS
    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None  # up to 2**64 - 1
    steps: int | None = None
    sampler: str | None = None  # as the tool calls it
    schedule: str | None = None  # as the tool calls it
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    denoise: float | None = None  # in [0, 1]; 1 draws from nothing
    loras: tuple[tuple[str, float | None], ...] = ()  # name and weight
    rest: Mapping[str, str] = field(default_factory=dict)  # everything else, as text


def text_of(value: object) -> str | None:
    """Return a text of bearable length, None if it is anything else."""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        return None
    return _writable(value)


def _writable(text: str) -> str:
    """Half a character, as JSON can hold it, cannot be written anywhere: a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def name_of(value: object) -> str | None:
    """Return a name on one line, or the name inside an object that describes a model.

    Example:
        >>> name_of({"name": "sdxl", "base": "xl"}), name_of(" None "), name_of(7)
        ('sdxl', None, None)
    """
    if isinstance(value, Mapping):
        keys = ("model_name", "name", "file", "lora_name")
        value = next((value[key] for key in keys if value.get(key)), None)
    text = (text_of(value) or "").strip()
    return text if text and len(text) <= 500 and text.lower() not in _NO_NAME else None


_NO_NAME = ("none", "undefined", "null")


def whole(value: object) -> int | None:
    """Return a whole number in [0, 2**64), from a number or its digits.

    Example:
        >>> whole("7"), whole(7.0), whole(True), whole(-1), whole("9" * 5000), whole(float("nan"))
        (7, 7, None, None, None, None)
    """
    if isinstance(value, str):
        digits = value.strip()
        if len(digits) > 24 or not (digits.isascii() and digits.removesuffix(".0").isdigit()):
            return None
        value = int(digits.removesuffix(".0"))
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        return None
    return value


def real(value: object) -> float | None:
    """Return a finite number below a million in size, from a number or its digits.

    Example:
        >>> real("6.5"), real(7), real("nan"), real("1e999"), real(None)
        (6.5, 7.0, None, None, None)
    """
    if isinstance(value, str) and len(value) > 40:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e6 else None


def loras_of(value: object) -> tuple[tuple[str, float | None], ...]:
    """Return names and weights from a list of pairs, or of objects that describe a LoRA.

    Example:
        >>> loras_of([["ink", 0.7, "8a3f"], {"model": {"name": "oil"}, "weight": 1}, 3])
        (('ink', 0.7), ('oil', 1.0))
    """
    found = []
    for each in value[:_MOST_LORAS] if isinstance(value, list) else ():
        name, weight = None, None
        if isinstance(each, list) and each:
            name, weight = name_of(each[0]), real(each[1]) if len(each) > 1 else None
        elif isinstance(each, Mapping):
            inner = next((each[k] for k in ("model", "lora") if each.get(k)), each)
            strength = (each.get(k) for k in ("weight", "multiplier", "strength"))
            name = name_of(inner)
            weight = next((real(s) for s in strength if real(s) is not None), None)
        if name:
            found.append((name, weight))
    return tuple(found)


_AS: dict[str, Callable[[object], Any]] = {
    "prompt": text_of,
    "negative_prompt": text_of,
    "seed": whole,
    "steps": whole,
    "sampler": name_of,
    "schedule": name_of,
    "guidance": real,
    "width": whole,
    "height": whole,
    "model": name_of,
    "denoise": real,
    "loras": loras_of,
}


def gathered(
    tool: str, said: Mapping[str, Any], names: Mapping[str, Sequence[str]], **known: Any
) -> Foreign:
    """Return what a tool said under its own names; what is left over goes to `rest`.

    Args:
        tool: A key of TOOLS.
        said: What the file says.
        names: For each of our fields, the tool's names for it; the first that holds one counts.
        known: Fields that were found in another way; these come first.
    """
    found = {key: value for key, value in known.items() if value not in (None, ())}
    used: set[str] = set()
    for ours, theirs in names.items():
        for name in theirs:
            value = _AS[ours](said.get(name))
            if value not in (None, ()):
                found.setdefault(ours, value)
                used.add(name)
                break
    rest: dict[str, str] = {}
    for key, value in said.items():
        if key not in used and len(rest) < _MOST_REST:
            text = said_as_text(value)
            if text:
                rest[_writable(str(key)[:100])] = text
    return Foreign(tool=tool, **{**found, "rest": {**rest, **found.get("rest", {})}})


def said_as_text(value: object) -> str:
    """Return any value of a file as a text of bearable length, empty if it says nothing."""
    if value is None or value in ("", [], {}):
        return ""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""
    text = _writable(text)
    return text if len(text) <= _MOST_SAID else text[:_MOST_SAID] + "..."


def json_object(text: str | None) -> dict[str, Any]:
    """Return the JSON object in a text, empty if there is none.

    Example:
        >>> json_object('{"seed": 7}'), json_object("[1]"), json_object("{"), json_object(None)
        ({'seed': 7}, {}, {}, {})
    """
    if not text or len(text) > MOST_JSON or text.lstrip()[:1] != "{":
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
