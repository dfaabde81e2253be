"""One judged picture of a section, as a report's page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from molnar.lab.evaluate.sources import Pixels


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture (uint8, longest side 128), whether it is right, and what the judge says of it."""

    prompt: str
    note: str  # of the prompt: "seen" or "held out"
    seed: int
    image: Pixels
    right: bool
    words: str
