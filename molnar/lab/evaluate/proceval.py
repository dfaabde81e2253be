"""Pictures in, ProcEval's scores out: six tasks, seen and held out apart, with intervals.

After GenEval (Ghosh et al. 2023, arXiv 2310.11513): the score of a task is the share of pictures
judged correct, the overall score the mean of the six tasks. Its figures are not comparable with
GenEval's: our prompts are drawable by rule and our judge is a program that is itself tested
(``selftest``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from molnar.lab.evaluate.checker import Verdict, judge
from molnar.lab.evaluate.intervals import Interval, bootstrap, mean_of, wilson
from molnar.lab.evaluate.prompts import TASKS, Question
from molnar.lab.evaluate.segments import judged_size
from molnar.lab.evaluate.sources import Pixels, Source

Progress = Callable[[int, int], None]  # pictures done, pictures in all


@dataclass(frozen=True, slots=True)
class Trial:
    """One picture of one prompt, as it was judged (128 px)."""

    question: Question
    seed: int
    image: Pixels
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Scores:
    """Results of one source.

    ``seen`` and ``heldout`` are overall scores of that half of the prompts.
    Intervals are 95 %, by bootstrap over prompts; ``pictures`` is Wilson's over single pictures,
    for comparison.
    """

    overall: Interval
    seen: Interval
    heldout: Interval
    tasks: dict[str, Interval]
    tasks_seen: dict[str, Interval]
    tasks_heldout: dict[str, Interval]
    pictures: Interval
    atoms: float
    num_prompts: int
    num_pictures: int

    def to_json(self) -> dict[str, Any]:
        """Give plain data; an interval is [value, low, high], null where nothing was measured."""
        tables = {name: getattr(self, name) for name in ("tasks", "tasks_seen", "tasks_heldout")}
        single = {name: getattr(self, name) for name in ("overall", "seen", "heldout", "pictures")}
        return {
            **{name: plain(value) for name, value in single.items()},
            **{
                name: {task: plain(v) for task, v in table.items()}
                for name, table in tables.items()
            },
            "atoms": round(self.atoms, 4),
            "num_prompts": self.num_prompts,
            "num_pictures": self.num_pictures,
        }


def plain(interval: Interval) -> list[float] | None:
    """Give [value, low, high] to four digits, or None where nothing was measured."""
    if interval.value != interval.value:
        return None
    return [round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)]


def run(
    source: Source,
    questions: Sequence[Question],
    seeds: Iterable[int] = range(4),
    progress: Progress | None = None,
) -> list[Trial]:
    """Draw every prompt with every seed and judge the pictures.

    Args:
        source: what draws.
        questions: the exam.
        seeds: the same for every prompt: 0, 1, 2, ... and never chosen.
        progress: called after each picture.
    """
    wanted = [(question, seed) for question in questions for seed in seeds]
    trials = []
    for done, (question, seed) in enumerate(wanted, 1):
        image = source(question.prompt, seed)
        trials.append(Trial(question, seed, judged_size(image), judge(image, question.ask)))
        if progress is not None:
            progress(done, len(wanted))
    return trials


def score(trials: Sequence[Trial]) -> Scores:
    """Sum up trials.

    Raises:
        ValueError: there are none.
    """
    if not trials:
        raise ValueError("got no trials, expected at least one picture to score")
    halves = {
        half: [trial for trial in trials if half in ("all", trial.question.split)]
        for half in ("all", "seen", "heldout")
    }
    by_task = {half: _by_task(kept) for half, kept in halves.items()}
    tables = {half: {t: bootstrap(g) for t, g in found.items()} for half, found in by_task.items()}
    overall = {half: mean_of(list(found.values())) for half, found in by_task.items()}
    correct = sum(trial.verdict.correct for trial in trials)
    return Scores(
        overall=overall["all"],
        seen=overall["seen"],
        heldout=overall["heldout"],
        tasks=tables["all"],
        tasks_seen=tables["seen"],
        tasks_heldout=tables["heldout"],
        pictures=wilson(correct, len(trials)),
        atoms=sum(trial.verdict.atom_score for trial in trials) / len(trials),
        num_prompts=len({(trial.question.task, trial.question.prompt) for trial in trials}),
        num_pictures=len(trials),
    )


def _by_task(trials: Sequence[Trial]) -> dict[str, list[list[float]]]:
    """Group verdicts by task and prompt; tasks without trials are absent, never zero."""
    groups: dict[tuple[str, str], list[float]] = {}
    for trial in trials:
        key = (trial.question.task, trial.question.prompt)
        groups.setdefault(key, []).append(float(trial.verdict.correct))
    return {
        task: [scores for (kind, _), scores in groups.items() if kind == task]
        for task in TASKS
        if any(kind == task for kind, _ in groups)
    }
