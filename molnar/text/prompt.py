"""What the user typed in, a clean prompt out.

Invisible differences are removed here, once: Unicode forms, kinds of space, control characters.
Letter case stays, because a prompt is also shown and stored; the tokenizer lower-cases for
itself.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from molnar.base.errors import RequestError
from molnar.text.phrases import words_in

MAX_CHARACTERS = 2000
# Format characters that mean something inside emoji and some scripts; the others are noise.
_JOINERS = "\u200c\u200d"
#: What is not to be there, up to where the next thing is spoken of.
_DENIED = re.compile(
    r",?\s*\b(?:and |but )?(?:without|with no)\s+(?P<what>[^,;.:!?()\[\]{}|]+?)"
    r"(?=\s+(?:and|but|with|wearing|on|in|at|near|next|beside|under|over|above|below|behind)\b"
    r"|\s*[,;.:!?()\[\]{}|]|$)",
    re.IGNORECASE,
)
_NAMED = "face without mouth"  # a drawing that is called so


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to draw, and what to keep away from.

    Example:
        >>> Prompt.parse("  a red   circle ").text
        'a red circle'
    """

    text: str
    negative: str = ""  # empty = keep away from nothing, the unconditional text

    @classmethod
    def parse(cls, text: str, negative: str = "") -> Prompt:
        """Clean both texts and check them.

        Args:
            text: What to draw, 1 to 2,000 characters once cleaned.
            negative: What to keep away from, 0 to 2,000 characters.

        Raises:
            RequestError: A text is no text, too long, or nothing is left to draw.
        """
        cleaned = cls(clean(text, "prompt"), clean(negative, "negative prompt"))
        if not cleaned.text:
            raise RequestError("prompt is empty; expected words, say what to draw: 'a red fox'")
        return cleaned


def clean(text: str, name: str = "prompt") -> str:
    """Compose characters (NFC), make every run of white space one space, drop what cannot be seen.

    Args:
        text: As typed.
        name: What errors call it.

    Raises:
        RequestError: `text` is not a string, holds half a character, or is longer than the limit.
    """
    if not isinstance(text, str):
        raise RequestError(f"{name} is a {type(text).__name__}; expected text, quote it")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RequestError(f"{name} holds half a character; expected Unicode, send it as UTF-8")
    spaced = "".join(" " if letter.isspace() else letter for letter in text)
    seen = "".join(
        letter
        for letter in unicodedata.normalize("NFC", spaced)
        if unicodedata.category(letter) not in ("Cc", "Cf") or letter in _JOINERS
    )
    words = " ".join(seen.split())
    if len(words) > MAX_CHARACTERS:
        raise RequestError(
            f"{name} has {len(words)} characters; expected at most {MAX_CHARACTERS}, shorten it"
        )
    return words


def undenied(text: str) -> str:
    """Leave out what is said not to be there: a text that names it draws it.

    That there is no ground is something to draw: a transparent one.

    Example:
        >>> undenied("a dog without a hat on a beach"), undenied("a star without a background")
        ('a dog on a beach', 'a star without a background')
    """
    if _NAMED in text.lower():
        return text

    def kept(match: re.Match[str]) -> str:
        ground = "background" in match["what"].lower()
        return match.group() if ground else ""

    left = _DENIED.sub(kept, text).strip()
    return left if any(True for _ in words_in(left)) else text
