"""A style and a prompt in, the styled prompt out.

`styles.csv` (A1111's format) has a header `name,prompt,negative_prompt`. A style text with
`{prompt}` in it wraps the prompt; any other is appended to it with a comma.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from molnar.base.errors import RequestError, one_line
from molnar.base.words import hint

PLACE = "{prompt}"
MAX_BYTES = 4 * 1024 * 1024
_BUILT_IN = Path(__file__).with_name("styles.csv")


@dataclass(frozen=True, slots=True)
class Style:
    """Words to add to a prompt and to its negative prompt, under a name.

    Example:
        >>> Style("flat", "{prompt} in flat style").name
        'flat'
    """

    name: str
    prompt: str = ""
    negative: str = ""


def apply_style(style: Style, prompt: str, negative: str = "") -> tuple[str, str]:
    """Add a style to a prompt and to its negative prompt.

    Example:
        >>> apply_style(Style("neon", "a neon sign of {prompt}", "daylight"), "a fox", "blur")
        ('a neon sign of a fox', 'blur, daylight')
    """
    return _styled(style.prompt, prompt), _styled(style.negative, negative)


def read_styles(path: Path) -> dict[str, Style]:
    """Read a styles.csv; where a name stands twice, the last one counts.

    Raises:
        RequestError: The file cannot be read, or its header is another one.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RequestError(
                f"style file {one_line(path.name)} is larger than {MAX_BYTES >> 20} MB; shorten it"
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(
            f"style file {one_line(path.name)} cannot be read ({one_line(error)}); "
            "expected CSV in UTF-8, check it"
        ) from None
    if rows and not {"name", "prompt"} <= set(rows[0]):
        raise RequestError(
            f"style file {one_line(path.name)} has the header {one_line(list(rows[0]), 60)}; "
            "expected name,prompt,negative_prompt as its first line"
        )
    styles = [
        Style(row["name"].strip(), row["prompt"] or "", row.get("negative_prompt") or "")
        for row in rows
        if row["name"]
    ]
    return {style.name: style for style in styles}


@lru_cache(maxsize=1)
def built_in() -> Mapping[str, Style]:
    """Return the styles in the box: ways of drawing and looks that the shipped model was taught."""
    return read_styles(_BUILT_IN)


def named(name: str, styles: Mapping[str, Style] | None = None) -> Style:
    """Find a style by name, letter case ignored.

    Args:
        name: As the user wrote it.
        styles: Where to look; None means the built-in ones.

    Raises:
        RequestError: There is none; names the nearest.

    Example:
        >>> named("Pixel Art").prompt
        '{prompt}, pixel art'
    """
    known = built_in() if styles is None else styles
    for style in known.values():
        if style.name.casefold() == name.strip().casefold():
            return style
    raise RequestError(
        f"style {one_line(name, 40)!r} is not known{hint(name, known)}; expected one of "
        f"{', '.join(list(known)[:20]) or 'none: no styles are loaded'}"
    )


def _styled(style: str, text: str) -> str:
    if PLACE in style:
        return style.replace(PLACE, text)
    return ", ".join(part for part in (text, style) if part.strip())
