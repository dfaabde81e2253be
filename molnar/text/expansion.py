"""What the user typed in, the texts of the pictures it asks for out; before a `Request` is made.

::

    comments -> permutations -> wildcards and variants -> --flags -> styles -> prompt
                all of them     one, by the seed

What stays in the prompt (`<lora:..>`, AND, schedules, attention, BREAK) is read while a picture is
drawn: `grammar.py`. The command line, the server and Python call the same `expand`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from molnar.base.errors import RequestError
from molnar.base.rng import NUM_SEEDS
from molnar.text.braces import checked, unescaped
from molnar.text.comments import uncommented
from molnar.text.permutations import MAX_JOBS, permutations
from molnar.text.prompt import MAX_CHARACTERS
from molnar.text.styles import Style, apply_style
from molnar.text.trailing import Flags, trailing_flags
from molnar.text.variants import NEGATIVE_STREAM, PROMPT_STREAM, draw
from molnar.text.wildcards import Wildcards

_SEED = re.compile(r"(?<=\s)(?:--|[\u2013\u2014])seed[\s=]\s*([0-9]{1,10})(?=\s|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Job:
    """One combination of a prompt, from which each picture draws its own text."""

    text: str  # without comments and permutations
    negative: str
    original: str
    seed: int
    styles: tuple[Style, ...]
    wildcards: Wildcards

    def draw(self, seed: int) -> Expanded:
        """Return the texts of the picture with this seed."""
        drawn = draw(self.text, seed, self.wildcards, PROMPT_STREAM)
        negative = _tidy(draw(self.negative, seed, self.wildcards, NEGATIVE_STREAM), self.negative)
        prompt, flags = trailing_flags(_tidy(drawn, self.text))
        if flags.seed not in (None, self.seed):
            raise RequestError("--seed is drawn at random; expected a number, it decides the draws")
        negative = ", ".join(filter(None, (negative, *(flags.no or ()))))
        for style in self.styles:
            prompt, negative = apply_style(style, prompt, negative)
        same = drawn == unescaped(uncommented(self.original))
        return Expanded(
            prompt=_short(prompt, "prompt"),
            negative_prompt=_short(negative, "negative prompt"),
            template=None if same else self.original,
            flags=flags,
            seed=seed,
            job=self,
        )


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """The texts of one picture and what was asked for beside them.

    Example:
        >>> expand("a {red|blue} fox", seed=1)[0].prompt
        'a red fox'
    """

    prompt: str
    negative_prompt: str = ""
    template: str | None = None  # as typed, if something in it was combined or drawn
    flags: Flags = field(default_factory=Flags)
    seed: int = 0  # what the text was drawn with: the picture's seed
    job: Job | None = field(default=None, repr=False, compare=False)

    def picture(self, index: int) -> Expanded:
        """Return picture `index` of the same job: its text is drawn with seed + index.

        It equals the single picture of that seed, as everywhere (`base/rng.py`).

        Example:
            >>> job = expand("a {red|blue} fox", seed=4)[0]
            >>> [job.picture(k).prompt for k in range(3)]
            ['a red fox', 'a blue fox', 'a red fox']
        """
        seed = (self.seed + index) % NUM_SEEDS
        return dataclasses.replace(self, seed=seed) if self.job is None else self.job.draw(seed)


def expand(
    text: str,
    *,
    negative: str = "",
    seed: int,
    wildcards: Wildcards | Sequence[Path] = (),
    styles: Sequence[Style] = (),
    max_jobs: int = MAX_JOBS,
    literal: bool = False,
) -> list[Expanded]:
    """Write out what a prompt asks for: one entry for each combination of its permutations.

    Variants are drawn for picture 0; `Expanded.picture(k)` draws those of picture k. A `--seed` in
    the text takes the place of `seed`, so that the same text gives the same again: the seed to use
    is the one in `Expanded.seed`.

    Args:
        text: What to draw, as typed.
        negative: What to keep out; comments and variants in it count, permutations do not.
        seed: Of picture 0, 0 to 2**32 - 1.
        wildcards: Folders with wildcard files.
        styles: To apply in this order.
        max_jobs: How many combinations are allowed.
        literal: Take both texts as they are. The same must then be told to `grammar.parse`.

    Raises:
        RequestError: Something in the text cannot be done; the message says what to do.

    Example:
        >>> [job.prompt for job in expand("a {red, blue} {fox|fox} --ar 3:2  # draft", seed=7)]
        ['a red fox', 'a blue fox']
    """
    for name, given in (("prompt", text), ("negative prompt", negative)):
        if not isinstance(given, str):
            raise RequestError(f"{name} is a {type(given).__name__}; expected text, quote it")
    if literal:
        prompt, negative = _short(text, "prompt"), _short(negative, "negative prompt")
        return [Expanded(prompt=prompt, negative_prompt=negative, seed=seed)]
    known = wildcards if isinstance(wildcards, Wildcards) else Wildcards(wildcards)
    kept = checked(uncommented(negative))
    jobs = []
    for one in permutations(uncommented(text), max_jobs):
        written = _SEED.findall(one)
        own = int(written[-1]) if written else seed
        jobs.append(Job(one, kept, text, own, tuple(styles), known).draw(own))
    return jobs


def _tidy(drawn: str, template: str) -> str:
    """Close the gaps that empty options leave; a text without any stays as it is."""
    return drawn if drawn == template else re.sub(r"[ \t]{2,}", " ", drawn).strip()


def _short(text: str, name: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise RequestError(
            f"{name} has {len(text)} characters once expanded; "
            f"expected at most {MAX_CHARACTERS}, shorten it"
        )
    return text
