"""What an exam asks, and what comes of it: plain data beside the pictures that were judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molnar.lab.evaluate import alpha, copies
from molnar.lab.evaluate.proceval import Scores, Trial
from molnar.lab.evaluate.prompts import STICKER_PROMPTS, TASKS
from molnar.lab.evaluate.scene_prompts import ACCESSORY_PROMPTS
from molnar.lab.evaluate.shown import Shown
from molnar.lab.evaluate.stickers import Sighting

SECTIONS = (
    *("proceval", "stickers", "fidelity"),
    *("vocabulary", "paraphrases", "scenes", "copies", "alpha"),
)
USUAL = SECTIONS[:3]  # paraphrases take as long as all the others
NEED_GALLERY = {"stickers", "vocabulary", "paraphrases", "copies"}  # every drawing, described
NEED_PACK = NEED_GALLERY | {"scenes"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Exam:
    """What to measure, and how much of it."""

    num_prompts: int = 50  # per task of ProcEval
    tasks: tuple[str, ...] = TASKS  # of ProcEval
    num_seeds: int = 4  # pictures of each prompt: seeds 0, 1, 2, ...
    num_stickers: int = len(STICKER_PROMPTS)  # of the sticker prompts, most used first
    num_vocabulary: int = 100  # concepts of the pack, drawn by lot
    num_paraphrases: int = 1_000  # of the test set, from its beginning; it has fewer
    num_scenes: int = len(ACCESSORY_PROMPTS)  # of each list of scenes, from its beginning
    num_copies: int = copies.NUM_PROMPTS  # scenes in which copies are looked for
    num_alpha: int = len(alpha.ASKED)  # of the prompts for transparent backgrounds, likewise
    num_drawings: int = 64  # pictures for fidelity
    sections: tuple[str, ...] = USUAL
    stickers: Path | None = None  # folder of the sticker pack
    pictures: Path | None = None  # folder where pictures are kept, to go on later
    fields: dict[str, Any] = field(default_factory=dict)  # of the request, e.g. steps


@dataclass(slots=True)
class Report:
    """All that was measured; the pictures, in the last three fields, are not in the JSON."""

    model: dict[str, Any]
    exam: dict[str, Any]
    proceval: Scores | None = None
    controls: dict[str, Scores] = field(default_factory=dict)
    stickers: dict[str, Any] | None = None
    vocabulary: dict[str, Any] | None = None  # as `stickers`, of any concepts of the pack
    paraphrases: dict[str, Any] | None = None
    scenes: dict[str, Any] | None = None
    copies: dict[str, Any] | None = None
    alpha: dict[str, Any] | None = None
    fidelity: dict[str, Any] | None = None
    diversity: dict[str, float] | None = None
    cost: dict[str, Any] | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    command: str = ""
    trials: list[Trial] = field(default_factory=list)
    sightings: dict[str, Sequence[Sighting]] = field(default_factory=dict)  # by section
    shown: dict[str, Sequence[Shown]] = field(
        default_factory=dict
    )  # of the other sections, by title

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain data; sections that were not measured are null."""
        return {
            "format": 1,
            "command": self.command,
            "model": self.model,
            "exam": self.exam,
            "proceval": self.proceval.to_json() if self.proceval else None,
            "controls": {name: scores.to_json() for name, scores in self.controls.items()},
            "stickers": self.stickers,
            "vocabulary": self.vocabulary,
            "paraphrases": self.paraphrases,
            "scenes": self.scenes,
            "copies": self.copies,
            "alpha": self.alpha,
            "fidelity": self.fidelity,
            "diversity": self.diversity,
            "cost": self.cost,
            "skipped": self.skipped,
        }
