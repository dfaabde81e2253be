"""The questions of the exam: fixed, versioned lists of prompts with what each asks for.

ProcEval's prompts follow GenEval's six tasks (Ghosh et al. 2023, arXiv 2310.11513, table 1) in what
the world can draw. They come from a world of their own seed, so they never meet the stream of
training pictures; every second one is a combination that training never shows
(``lab/data/heldout.json``). A test pins their hash: changing them means a new VERSION.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from molnar.lab.data import concepts
from molnar.lab.data.captions import NUMBERS
from molnar.lab.data.spec import Spec, Thing
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.checker import Ask, ask_of

VERSION = 1
SEED = 7_000  # of the world the questions come from; training uses 0, the judge's test 7001
TASKS = ("single", "two", "counting", "colour", "position", "attribution")
TITLES = {
    "single": "single object",
    "two": "two objects",
    "counting": "counting",
    "colour": "colour",
    "position": "position",
    "attribution": "attribution",
}
QUICK, FULL = 20, 100  # prompts per task
Split = Literal["seen", "heldout"]
_NESTED_EVERY = 5  # of position prompts, how often "inside" instead of a side
_STRIDE = 1_000_000  # indices of the question world kept apart, task from task
_SIDES = {"left of": "to the left of", "right of": "to the right of"}

#: Emoji-type prompts, most used first: (prompt, name of the concept in the pack's index.json).
STICKER_PROMPTS: tuple[tuple[str, str], ...] = (
    ("a face with tears of joy", "face with tears of joy"),
    ("a red heart", "red heart"),
    ("fire", "fire"),
    ("a smiling face with heart-eyes", "smiling face with heart-eyes"),
    ("a party popper", "party popper"),
    ("a birthday cake", "birthday cake"),
    ("a grinning face", "grinning face"),
    ("a smiling face with sunglasses", "smiling face with sunglasses"),
    ("a crying face", "crying face"),
    ("a winking face", "winking face"),
    ("thumbs up", "thumbs up"),
    ("a skull", "skull"),
    ("a ghost", "ghost"),
    ("a robot", "robot"),
    ("a sun", "sun"),
    ("a rainbow", "rainbow"),
    ("a snowflake", "snowflake"),
    ("a dog face", "dog face"),
    ("a cat face", "cat face"),
    ("a panda", "panda"),
    ("a fox", "fox"),
    ("a cow face", "cow face"),
    ("a pig face", "pig face"),
    ("a frog", "frog"),
    ("a penguin", "penguin"),
    ("an owl", "owl"),
    ("a butterfly", "butterfly"),
    ("an octopus", "octopus"),
    ("a crab", "crab"),
    ("a unicorn", "unicorn"),
    ("a pizza", "pizza"),
    ("a hamburger", "hamburger"),
    ("an ice cream", "ice cream"),
    ("a doughnut", "doughnut"),
    ("a red apple", "red apple"),
    ("a banana", "banana"),
    ("a strawberry", "strawberry"),
    ("a watermelon", "watermelon"),
    ("a hot beverage", "hot beverage"),
    ("a rocket", "rocket"),
    ("an automobile", "automobile"),
    ("a bicycle", "bicycle"),
    ("an airplane", "airplane"),
    ("a sunflower", "sunflower"),
    ("a cactus", "cactus"),
    ("a house", "house"),
    ("a balloon", "balloon"),
    ("a guitar", "guitar"),
    ("a snowman", "snowman"),
    ("a Christmas tree", "Christmas tree"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt of ProcEval: its words, what they demand, and a drawing that answers them."""

    task: str
    split: Split
    prompt: str
    ask: Ask
    spec: Spec


@lru_cache(maxsize=8)
def questions(num_prompts: int = FULL, tasks: tuple[str, ...] = TASKS) -> tuple[Question, ...]:
    """Give the exam: ``num_prompts`` per task, alternately seen and held out.

    A shorter exam is the beginning of a longer one, task by task.

    Raises:
        ValueError: fewer than one prompt, or an unknown task.
    """
    unknown = [task for task in tasks if task not in TASKS]
    if unknown or num_prompts < 1:
        raise ValueError(
            f"got {num_prompts} prompts of {', '.join(tasks)}; "
            f"expected 1 or more of {', '.join(TASKS)}"
        )
    return tuple(question for task in tasks for question in _of_task(task, num_prompts))


def _of_task(task: str, num_prompts: int) -> list[Question]:
    worlds: dict[Split, World] = {
        "seen": World(WorldConfig(seed=SEED, split="train", transparent_p=0.0)),
        "heldout": World(WorldConfig(seed=SEED, split="heldout", transparent_p=0.0)),
    }
    chosen: list[Question] = []
    used: set[str] = set()
    index = TASKS.index(task) * _STRIDE
    while len(chosen) < num_prompts:
        split: Split = "seen" if len(chosen) % 2 == 0 else "heldout"
        nested = task == "position" and len(chosen) // 2 % _NESTED_EVERY == _NESTED_EVERY - 1
        spec = worlds[split].spec(index, "nested" if nested else task)
        index += 1
        prompt = phrase(spec)
        if prompt in used or not _fair(task, spec):
            continue
        used.add(prompt)
        chosen.append(Question(task, split, prompt, _ask(spec), spec))
    return chosen


def _fair(task: str, spec: Spec) -> bool:
    """Leave out what is not judged (sizes, rows) and what would be another task's question."""
    if spec.size_word is not None or spec.arrangement is not None:
        return False
    if task == "counting":
        return len(spec.things) > 1
    return task != "colour" or spec.background.colour != "white"


def _ask(spec: Spec) -> Ask:
    """Demand what the words say: the background only where they name it."""
    ask = ask_of(spec)
    return ask if spec.background.colour != "white" else replace(ask, background=None)


def phrase(spec: Spec) -> str:
    """Write the plainest prompt for a geometry spec: ``three red stars on a blue background``."""
    first = spec.things[0]
    if spec.kind == "counting":
        noun = concepts.plural(first.name) if len(spec.things) > 1 else first.name
        body = f"{NUMBERS[len(spec.things)]} {first.colour} {noun}"
    elif spec.relation is not None:
        subject, target = spec.things[spec.relation.subject], spec.things[spec.relation.object]
        name = spec.relation.name
        body = f"{_one(subject)} {_SIDES.get(name, name)} {_one(target)}"
    else:
        body = " and ".join(_one(thing) for thing in spec.things)
    ground = spec.background.colour
    if ground == "white":
        return body
    if ground is None:
        return f"{body} on a transparent background"
    return f"{body} on {concepts.article(ground) or 'a '}{ground} background"


def _one(thing: Thing) -> str:
    words = f"{thing.colour} {thing.name}"
    return f"{concepts.article(words) or 'a '}{words}"


def fingerprint(asked: Sequence[Question]) -> str:
    """Give a hash of the prompts and their splits: what a report quotes as "the same exam"."""
    text = "\n".join(f"{q.task}|{q.split}|{q.prompt}" for q in asked)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
