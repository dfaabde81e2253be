"""Prompt and settings <-> the `parameters` text that AUTOMATIC1111 and its kin write and read.

::

    a prompt, (weighted:1.3), which may span lines
    Negative prompt: what to keep out
    Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 7, Size: 512x768

Source: A1111 `modules/infotext_utils.py`, `modules/sd_schedulers.py` (grammar and names only).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SAMPLER_LABELS = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "ddim": "DDIM",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
}
SCHEDULE_LABELS = {
    "simple": "Simple",
    "karras": "Karras",
    "exponential": "Exponential",
    "beta": "Beta",
    "sgm_uniform": "SGM Uniform",
}

# What A1111 takes a missing field to mean.
_DEFAULTS = {
    "Clip skip": "1",
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Hires resize-1": "0",
    "Hires resize-2": "0",
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": "32",
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
}
# Schedules that older versions wrote behind the sampler's name; the longest come first, so that
# "Polyexponential" is not read as "Exponential". The last line is stable-diffusion.cpp's.
_SCHEDULES = (
    "align your steps", "align_your_steps", "polyexponential", "exponential", "sgm uniform",
    "sgm_uniform", "sgmuniform", "kl optimal", "kl_optimal", "ddim_uniform", "trailing", "uniform",
    "karras", "simple", "normal", "turbo", "ddim", "beta", "ays",
    "smoothstep", "discrete", "gits",
)  # fmt: skip

_NEGATIVE = "Negative prompt:"
# A1111's own pattern, with an end to the length of a key: without one, a long line of words takes
# the square of its length to refuse.
_KEY = r"(\w[\w \-/]{1,59}):\s{0,9}"
_PARAMETER = re.compile(_KEY + r'("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_RAW_JSON = re.compile(_KEY + r"(?=[{\[])")
_SIZE = re.compile(r"^(\d{1,9})x(\d{1,9})$")
_LONGEST_LINE = 100_000  # characters of settings; anything longer is no settings line
_MOST_RAW = 32  # values that are bare JSON


@dataclass(frozen=True)
class Parameters:
    """The A1111 text, taken apart; every value is text, sizes are split into "-1" and "-2".

    Example:
        >>> text = "a fox" + chr(10) + "Steps: 20, Seed: 7, Size: 512x768"
        >>> read_parameters(text).fields["Size-2"]
        '768'
    """

    prompt: str
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def write_parameters(prompt: str, negative_prompt: str, fields: Mapping[str, object]) -> str:
    """Return the A1111 `parameters` text; fields that are None are left out."""
    lines = [prompt]
    if negative_prompt:
        lines.append(f"{_NEGATIVE} {negative_prompt}")
    pairs = ((key, value) for key, value in fields.items() if value is not None)
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in pairs))
    return "\n".join(lines).strip()


def read_parameters(text: str) -> Parameters:
    """Take an A1111 `parameters` text apart; never fails, whatever the text is."""
    every = text.strip().split("\n")
    *lines, last = every
    found: list[tuple[str, str]] = []
    whole: dict[str, str] = {}
    if len(last) <= _LONGEST_LINE:
        last, whole = _cut_raw_json(last)
        found = _PARAMETER.findall(last)
    if len(found) + len(whole) < 3:  # A1111's own rule: fewer is not a line of settings
        lines, found, whole = every, [], {}
    prompt, negative = _split_prompt(lines)
    fields: dict[str, str] = {}
    for key, quoted in found:
        value = _unquoted(quoted.strip())
        size = _SIZE.match(value)
        if size:
            fields[f"{key}-1"], fields[f"{key}-2"] = size.groups()
        elif value:
            fields[key] = value
    return Parameters(prompt, negative, {**fields, **whole})


def with_defaults(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields, and for those that are missing what A1111 takes that to mean.

    Example:
        >>> with_defaults({"Clip skip": "2"})["Clip skip"], with_defaults({})["Schedule type"]
        ('2', 'Automatic')
    """
    return {**_DEFAULTS, **fields}


def sampler_and_schedule(label: str) -> tuple[str, str | None]:
    """Split a sampler's name of before A1111 1.9, where the schedule is its last word.

    Returns:
        The sampler, and the schedule as it stands there, None if there is none.

    Example:
        >>> sampler_and_schedule("DPM++ 2M SDE Karras"), sampler_and_schedule("DDIM")
        (('DPM++ 2M SDE', 'Karras'), ('DDIM', None))
    """
    low = label.lower()
    for schedule in _SCHEDULES:
        head = label[: -len(schedule)].rstrip()
        if low.endswith(f" {schedule}") and head:
            return head, label[-len(schedule) :]
    return label, None


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,\n:]", text) else text


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def _split_prompt(lines: list[str]) -> tuple[str, str]:
    prompt: list[str] = []
    negative: list[str] = []
    current = prompt
    for line in (line.strip() for line in lines):
        if line.startswith(_NEGATIVE):
            current = negative
            current.append(line[len(_NEGATIVE) :].strip())
        else:
            current.append(line)
    return "\n".join(prompt), "\n".join(negative)


def _cut_raw_json(line: str) -> tuple[str, dict[str, str]]:
    """Take values that are bare JSON (Civitai's) out of a line: they would break the grammar."""
    cut: dict[str, str] = {}
    place = 0
    for _ in range(_MOST_RAW):
        found = _RAW_JSON.search(line, place)
        if not found:
            break
        try:
            _, end = json.JSONDecoder().raw_decode(line, found.end())
        except (ValueError, RecursionError):
            place = found.end()
            continue
        cut[found.group(1)] = line[found.end() : end]
        line = line[: found.start()] + line[end:].lstrip(" ,")
        place = found.start()
    return line, cut
