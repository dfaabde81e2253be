"""A prompt in, its words out, each with the prompt as it is without that word.

Only what a word is made of is taken out, and the signs that weigh it: brackets, weights and
schedules around it stay, so that the rest of the prompt is read as before.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_WORDS = 32  # of a prompt that are looked at; the shipped encoder reads 30 pieces
_SPOKEN = re.compile(
    r"""
      <[^<>]*>                                    # <lora:name:1>: no words
    | (?P<word>
        [^\W\d_]+(?:['\u2019-][^\W\d_]+)*         # letters
      | (?<![^\s,])[0-9]{1,9}(?=[\s,]|\Z)         # "3 dogs", but no weight
      | [^\w\s](?:[\ufe0e\ufe0f]|\u200d[^\w\s]|[\U0001f3fb-\U0001f3ff])*  # maybe an emoji
      )
      (?P<signs>(?:\+{1,40}|-{1,40})(?=[\s,.;:!?()\[\]]|\Z))?
    """,
    re.VERBOSE,
)
_SYNTAX = ("AND", "BREAK")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place in a prompt.

    Example:
        >>> Word("fox", 2, 5).left_out("a fox, sleeping")
        'a , sleeping'
    """

    text: str
    begin: int  # characters
    end: int  # after it, the signs that weigh it included

    def left_out(self, prompt: str) -> str:
        """Give the prompt without it; empty where nothing else was said."""
        rest = f"{prompt[: self.begin].rstrip()} {prompt[self.end :].lstrip()}"
        return rest.strip() if any(map(str.isalnum, rest)) else ""

    def exchanged(self, prompt: str, other: str) -> str:
        """Give the prompt with another word in its place."""
        return f"{prompt[: self.begin]}{other}{prompt[self.begin + len(self.text) :]}"


def words_of(prompt: str, literal: bool = False, most: int = MOST_WORDS) -> tuple[Word, ...]:
    """List the words of a prompt in order, each time they occur.

    Args:
        prompt: As it was drawn, with any syntax that a request may have.
        literal: There is no syntax in it.
        most: How many at most; the later ones are left out.

    Example:
        >>> [word.text for word in words_of("a (red:1.2) fox++ AND 3 dogs")]
        ['a', 'red', 'fox', '3', 'dogs']
    """
    found = []
    for match in _SPOKEN.finditer(prompt):
        text = match["word"]
        if text is None or (not literal and text in _SYNTAX) or not _says_something(text):
            continue
        found.append(Word(text, match.start("word"), match.end()))
    return tuple(found[:most])


def _says_something(text: str) -> bool:
    return text[0].isalnum() or unicodedata.category(text[0]) == "So"
