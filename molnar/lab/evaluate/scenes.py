"""Prompts with an accessory, place, look, style or colour in, the share that shows it out.

A picture is recognised when the nearest of the judge's renders has the asked accessory (is in the
asked place, look, style or colour) and one of the five nearest (of looks, three) shows the asked
subject, too. Each judge is itself tested, on fresh renders that were blurred and made noisy: on
what was asked for, on the same in a drawing style that the judge has never seen (the judge of
styles has seen them all), and on pictures that are wrong in one respect (another accessory, place,
look, style or colour, none at all, another subject).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from molnar.base.looks import LOOKS, STYLES
from molnar.base.rng import generator
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.places import PLACES
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.evaluate import inlook, instyle, tinted, whereabouts, worn
from molnar.lab.evaluate.inlook import softened
from molnar.lab.evaluate.intervals import Interval, bootstrap, wilson
from molnar.lab.evaluate.proceval import plain
from molnar.lab.evaluate.scene_prompts import (
    ACCESSORY_PROMPTS,
    COLOUR_PROMPTS,
    LOOK_PROMPTS,
    NOTHING,
    PLACE_PROMPTS,
    STYLE_PROMPTS,
    VERSION,
    Seen,
    Wish,
)
from molnar.lab.evaluate.segments import judged_size
from molnar.lab.evaluate.shown import Shown
from molnar.lab.evaluate.sources import Pixels, Source
from molnar.lab.evaluate.stickers import jittered

Tell = Callable[[str, int, int], None]
#: (subject, what is asked with it or NOTHING, drawing style, chance) -> a fresh render, if any.
Paint = Callable[[str, str, str, np.random.Generator], Pixels | None]
#: (picture, what is asked with its subject) -> what becomes of it after the network, at best.
Passing = Callable[[Pixels, str], Pixels]

UNSEEN_STYLES = (
    "blob",
    "fluent-3d",
)  # of drawings that no judge but that of styles has in its gallery
_TRUE_EACH = 2  # true renders of each prompt
_FRESH_PX = 72  # of a place that tests the judge: its gallery is drawn at 64
_FRESH_LOOK_PX = 160  # of a look: at 128


@dataclass(frozen=True, slots=True)
class Kind:
    """A part of the section: its prompts, what may be asked, a judge and a painter of truth."""

    title: str
    wishes: tuple[Wish, ...]
    things: tuple[str, ...]
    judge: Callable[[Pixels], Seen]
    paint: Paint


@dataclass(frozen=True, slots=True)
class JudgeTest:
    """What a judge accepts of fresh renders (Wilson's intervals)."""

    true: Interval  # of the asked combinations, in the usual style
    unseen_style: Interval  # of the same, in a style that is not in its gallery
    wrong: Interval  # of renders that are wrong in one respect: 0 is right
    passed: Interval  # of the true ones, after the model's autoencoder and upscaler


def measure(
    source: Source,
    stickers: Stickers,
    num_prompts: int,
    seeds: Sequence[int],
    say: Tell,
    passing: Passing | None = None,
) -> tuple[dict[str, Any], dict[str, list[Shown]]]:
    """Measure accessories, places, looks, styles and colours.

    Args:
        source: what draws.
        stickers: the pack; prompts for subjects that it lacks are left out.
        num_prompts: of each list, from its beginning.
        seeds: the same for every prompt.
        say: called with progress.
        passing: sends a picture through what follows the network: the best it could do.

    Returns:
        The section as plain data (a part is None if the pack has none of its subjects), and all
        pictures, by title.
    """
    result: dict[str, Any] = {"version": VERSION}
    shown: dict[str, list[Shown]] = {}
    for kind in kinds(stickers, num_prompts, say):
        if not kind.wishes:
            result[kind.title] = None
            continue
        say(f"testing the judge of {kind.title}", 0, 1)
        tested = judge_test(kind, passing=passing)
        rows = _draw(source, kind, seeds, say)
        shown[kind.title] = [picture for _, pictures in rows for picture, _ in pictures]
        result[kind.title] = _summary(rows) | {
            "judge_true": plain(tested.true),
            "judge_unseen_style": plain(tested.unseen_style),
            "judge_wrong": plain(tested.wrong),
            "judge_passed": plain(tested.passed),
        }
    return result, shown


def kinds(stickers: Stickers, num_prompts: int, say: Tell) -> Iterator[Kind]:
    """Prepare all five kinds in order, each judge only when it is its turn."""

    def dressed(subject: str, thing: str, style: str, rng: np.random.Generator) -> Pixels | None:
        if (subject, style) not in stickers.sprites:
            return None
        ways = worn.wardrobe(stickers, subject, style, thing, Draw(rng), most=1)
        return jittered(worn.portrait(stickers, subject, style, ways[0]), rng) if ways else None

    def placed(subject: str, thing: str, style: str, rng: np.random.Generator) -> Pixels | None:
        view = whereabouts.view(stickers, subject, style, thing, Draw(rng), _FRESH_PX)
        return None if view is None else softened(view.image, rng)

    def looking(subject: str, thing: str, style: str, rng: np.random.Generator) -> Pixels | None:
        drawn = inlook.inlook(stickers, subject, style, thing, Draw(rng), _FRESH_LOOK_PX)
        return None if drawn is None else softened(drawn, rng)

    def styled(subject: str, thing: str, style: str, rng: np.random.Generator) -> Pixels | None:
        drawn = None if style in UNSEEN_STYLES else instyle.in_style(stickers, subject, thing)
        return None if drawn is None else jittered(drawn, rng)

    def coloured(subject: str, thing: str, style: str, rng: np.random.Generator) -> Pixels | None:
        drawn = tinted.in_colour(stickers, subject, style, thing, Draw(rng))
        return None if drawn is None else jittered(drawn, rng)

    lists = (ACCESSORY_PROMPTS, PLACE_PROMPTS, LOOK_PROMPTS, STYLE_PROMPTS, COLOUR_PROMPTS)
    asked = [[wish for wish in one if wish.subject in stickers.concepts] for one in lists]
    subjects = [list(dict.fromkeys(wish.subject for wish in one)) for one in asked]
    chosen = [tuple(one[:num_prompts]) for one in asked]
    say("dressing the drawings", 0, 1)
    by_dress = worn.WornJudge(stickers, subjects[0]) if chosen[0] else None
    yield Kind("accessories", chosen[0], tuple(ACCESSORIES), by_dress or _blind, dressed)
    say("drawing the places", 0, 1)
    by_place = whereabouts.PlaceJudge(stickers, subjects[1]) if chosen[1] else None
    yield Kind("places", chosen[1], PLACES, by_place or _blind, placed)
    say("drawing the looks", 0, 1)
    by_look = inlook.LookJudge(stickers, subjects[2]) if chosen[2] else None
    yield Kind("looks", chosen[2], LOOKS, by_look or _blind, looking)
    say("drawing the styles", 0, 1)
    by_style = instyle.StyleJudge(stickers, subjects[3]) if chosen[3] else None
    yield Kind("styles", chosen[3], STYLES, by_style or _blind, styled)
    say("colouring the drawings", 0, 1)
    by_tint = tinted.TintJudge(stickers, subjects[4]) if chosen[4] else None
    yield Kind("colours", chosen[4], COLOURS, by_tint or _blind, coloured)


def _blind(image: Pixels) -> Seen:
    """See nothing: the judge of an empty list."""
    return Seen(NOTHING, ())


def judge_test(kind: Kind, seed: int = 0, passing: Passing | None = None) -> JudgeTest:
    """Show a judge fresh renders of every prompt, true and wrong in one respect."""
    counts = {"true": [0, 0], "unseen": [0, 0], "wrong": [0, 0], "passed": [0, 0]}
    rng = generator(seed, 43)

    def show(what: str, wish: Wish, subject: str, thing: str, styles: Sequence[str]) -> None:
        drawn = (kind.paint(subject, thing, style, rng) for style in styles)
        image = next((one for one in drawn if one is not None), None)
        if image is not None:
            counts[what][0] += kind.judge(image).answers(wish)
            counts[what][1] += 1
            if what == "true" and passing is not None:
                counts["passed"][0] += kind.judge(passing(image, thing)).answers(wish)
                counts["passed"][1] += 1

    subjects = list(dict.fromkeys(wish.subject for wish in kind.wishes))
    for wish in kind.wishes:
        for _ in range(_TRUE_EACH):
            show("true", wish, wish.subject, wish.thing, ("noto",))
        show("unseen", wish, wish.subject, wish.thing, UNSEEN_STYLES)
        others = [name for name in subjects if name != wish.subject]
        things = [name for name in kind.things if name != wish.thing]
        # what cannot be drawn (no room for glasses there, or not to be seen) is left out
        show("wrong", wish, wish.subject, str(rng.choice(things)), ("noto",))
        show("wrong", wish, wish.subject, NOTHING, ("noto",))
        if others:
            show("wrong", wish, str(rng.choice(others)), wish.thing, ("noto",))
    return JudgeTest(*(wilson(*counts[key]) for key in ("true", "unseen", "wrong", "passed")))


_Rows = list[tuple[Wish, list[tuple[Shown, Seen]]]]


def _draw(source: Source, kind: Kind, seeds: Sequence[int], say: Tell) -> _Rows:
    """Draw every prompt with every seed, and look at the pictures."""
    rows: _Rows = []
    for done, wish in enumerate(kind.wishes):
        note = {"seen": "seen", "heldout": "held out"}[wish.split]
        pictures = []
        for number, seed in enumerate(seeds):
            image = source(wish.prompt, seed)
            seen = kind.judge(image)
            words = f"{seen.thing}, like {', '.join(dict.fromkeys(seen.subjects))}"
            right = seen.answers(wish)
            shown = Shown(wish.prompt, note, seed, judged_size(image), right, words)
            pictures.append((shown, seen))
            of = len(kind.wishes) * len(seeds)
            say(f"drawing {kind.title}", done * len(seeds) + number + 1, of)
        rows.append((wish, pictures))
    return rows


def _summary(rows: _Rows) -> dict[str, Any]:
    """Give shares of pictures, with intervals by prompt, as plain data."""

    def share(good: Callable[[Wish, Seen], bool], splits: Sequence[str]) -> list[float] | None:
        return plain(
            bootstrap(
                [
                    [float(good(wish, seen)) for _, seen in pictures]
                    for wish, pictures in rows
                    if wish.split in splits
                ]
            )
        )

    both = ("seen", "heldout")
    return {
        "recognised": share(lambda wish, seen: seen.answers(wish), both),
        "seen": share(lambda wish, seen: seen.answers(wish), ("seen",)),
        "heldout": share(lambda wish, seen: seen.answers(wish), ("heldout",)),
        "thing": share(lambda wish, seen: seen.thing == wish.thing, both),
        "subject": share(lambda wish, seen: wish.subject in seen.subjects, both),
        "num_prompts": len(rows),
        "num_pictures": sum(len(pictures) for _, pictures in rows),
        "prompts": [
            {
                "prompt": wish.prompt,
                "split": wish.split,
                "recognised": round(sum(s.right for s, _ in pictures) / len(pictures), 4),
                "nearest": [pictures[0][1].thing, *pictures[0][1].subjects],
            }
            for wish, pictures in rows
        ],
    }
