"""Accessories, places, looks and colours, on four animals drawn here: tested judges."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from molnar.base.looks import LOOKS, STYLES
from molnar.lab.data.concepts import COMMON
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, PALETTE
from molnar.lab.data.places import PLACES
from molnar.lab.data.spec import Accessory
from molnar.lab.data.stickers import Concept, Sprite, Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.wearing import WEARERS, fits
from molnar.lab.evaluate import exam as exam_module
from molnar.lab.evaluate import scenes, whereabouts
from molnar.lab.evaluate.exam import examine
from molnar.lab.evaluate.instyle import StyleJudge, in_style
from molnar.lab.evaluate.page import page
from molnar.lab.evaluate.report import tables
from molnar.lab.evaluate.results import Exam
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
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.tinted import TintJudge
from molnar.lab.evaluate.worn import DECOYS, WornJudge, portrait
from molnar.pipeline import load

ANIMALS = {
    "dog face": (150, 90, 40),
    "cat face": (250, 200, 60),
    "fox": (230, 90, 30),
    "robot": (110, 130, 190),
}


def quiet(what: str, done: int, of: int) -> None:
    return None


def animal(name: str, side: int = 160) -> Sprite:
    """A round head with ears of its own width, and eyes."""
    ticks = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = ticks[None, :], ticks[:, None]
    wide = 0.14 + 0.10 * list(ANIMALS).index(name)
    head = (x / 0.9) ** 2 + ((y - 0.1) / 0.8) ** 2 < 1
    ears = (abs(abs(x) - 0.6) < wide) & (y < 0) & (y > -0.9)
    eyes = (abs(x) - 0.35) ** 2 + (y - 0.1) ** 2 < 0.02
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[head | ears] = (*ANIMALS[name], 255)
    pixels[eyes] = (20, 20, 20, 255)
    rows, columns = np.nonzero(pixels[..., 3])
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return Sprite(pixels, box, ANIMALS[name])


@pytest.fixture(scope="module")
def animals() -> Stickers:
    rows = {name: Concept(name, (), {"noto": f"{name}.svg"}) for name in ANIMALS}
    sprites = {(name, "noto"): animal(name) for name in ANIMALS}
    return Stickers(folder=Path(), concepts=rows, size=160, sprites=sprites, problems=[])


def test_the_lists_are_fixed() -> None:
    lists = ACCESSORY_PROMPTS + PLACE_PROMPTS + LOOK_PROMPTS + STYLE_PROMPTS + COLOUR_PROMPTS
    text = "\n".join(f"{wish.prompt}|{wish.subject}|{wish.thing}" for wish in lists)
    assert (VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (4, "1e07518c79163204")


@pytest.mark.parametrize(
    ("asked", "things", "each", "held_out"),
    [
        (ACCESSORY_PROMPTS, tuple(ACCESSORIES), 4, 5),
        (PLACE_PROMPTS, PLACES, 3, 6),
        (LOOK_PROMPTS, LOOKS, 3, 0),
        (STYLE_PROMPTS, STYLES, 3, 0),
        (COLOUR_PROMPTS, tuple(name for name in COLOURS if name != "white"), 3, 0),
    ],
)
def test_every_round_asks_for_everything_once_and_half_is_held_out(
    asked: tuple[Wish, ...], things: tuple[str, ...], each: int, held_out: int
) -> None:
    assert len({wish.prompt for wish in asked}) == len(asked) == each * len(things)
    for first in range(0, len(asked), len(things)):
        own = asked[first : first + len(things)]
        assert sorted(wish.thing for wish in own) == sorted(things)
        assert [wish.split for wish in own].count("heldout") == held_out
    assert {wish.subject for wish in asked} <= set(COMMON)


def test_who_is_asked_to_wear_something_can_and_decoys_are_not_asked() -> None:
    for wish in ACCESSORY_PROMPTS:
        assert fits(wish.subject, "noto", wish.thing), wish.prompt
    assert len(DECOYS) == 12
    assert set(DECOYS) <= set(WEARERS)
    assert not set(DECOYS) & {wish.subject for wish in ACCESSORY_PROMPTS}


def test_a_dressed_animal_is_known_by_what_it_wears_and_by_who_it_is(animals: Stickers) -> None:
    judge = WornJudge(animals, list(ANIMALS))
    for name, thing, rgb in (
        ("dog face", "beret", (36, 152, 62)),
        ("cat face", "bow tie", (36, 82, 214)),
        ("fox", "sunglasses", (18, 18, 20)),
        ("robot", "top hat", (218, 34, 40)),
    ):
        worn = (Accessory(name=thing, colour="green", rgb=rgb),)
        seen = judge(portrait(animals, name, "noto", worn))
        assert (seen.thing, seen.subjects[0]) == (thing, name)
        assert seen.answers(Wish("", name, thing))
    assert judge(portrait(animals, "fox", "noto", ())).thing == NOTHING


def test_an_animal_in_a_colour_is_known_by_both(animals: Stickers) -> None:
    judge = TintJudge(animals, list(ANIMALS))
    for name, colour in (("dog face", "blue"), ("cat face", "purple"), ("robot", "green")):
        seen = judge(portrait(animals, name, "noto", rgb=PALETTE[colour]))
        assert (seen.thing, seen.subjects[0]) == (colour, name)
    assert judge(portrait(animals, "robot", "noto")).thing == NOTHING


def test_a_drawing_is_known_by_its_style_and_by_who_it_is(animals: Stickers) -> None:
    """Flat ones in one tone, outlines in black and white, and no other style in this pack."""
    sprites = dict(animals.sprites)
    for (name, _), sprite in animals.sprites.items():
        solid = sprite.pixels[..., 3:] > 0
        flat = np.where(solid, np.array([60, 120, 90, 255], np.uint8), 0).astype(np.uint8)
        eyes = solid & (sprite.pixels[..., :1] < 30)
        lined = np.where(eyes, np.array([255, 255, 255, 255], np.uint8), flat // [60, 120, 90, 1])
        for style, pixels in (("fluent-flat", flat), ("fluent-high-contrast", lined)):
            sprites[name, style] = Sprite(pixels.astype(np.uint8), sprite.box, (60, 120, 90))
    pack = Stickers(
        folder=Path(), concepts=animals.concepts, size=160, sprites=sprites, problems=[]
    )
    judge = StyleJudge(pack, list(ANIMALS))
    for name in ("fox", "robot"):
        for word in ("flat", "outline", NOTHING):
            drawn = in_style(pack, name, word)
            assert drawn is not None
            seen = judge(drawn)
            assert (seen.thing, seen.subjects[0]) == (word, name)
    assert in_style(pack, "fox", "3d") is None


def test_only_both_together_answer_a_prompt() -> None:
    seen = Seen("beret", ("fox", "fox", "dog face"))
    assert seen.answers(Wish("", "dog face", "beret"))
    assert not seen.answers(Wish("", "cat face", "beret"))
    assert not seen.answers(Wish("", "fox", "cap"))


@pytest.mark.long
def test_the_judges_accept_what_is_true_and_refuse_what_is_wrong(animals: Stickers) -> None:
    for kind in scenes.kinds(animals, 4, quiet):
        found = scenes.judge_test(kind, passing=lambda image, thing: image[::2, ::2])
        if kind.title == "styles":
            assert np.isnan(found.true.value), "this pack has one style"
            continue
        assert found.true.value > 0.7, kind.title
        assert 0 < found.passed.value <= found.true.value + 0.2, "halved, it is told less well"
        # of a pack with three subjects of looks, every one is among the three nearest, and of one
        # with four subjects of colours, among the five nearest of a colour
        few = kind.title in ("looks", "colours")
        assert found.wrong.value < (0.34 if few else 0.2), kind.title
        assert np.isnan(found.unseen_style.value), "this pack has one style"


def test_the_layout_of_a_place_hardly_depends_on_who_is_there(animals: Stickers) -> None:
    def gap(first: str, second: str, where: str) -> float:
        """Mean distance between layouts of two animals, same chance, one on a beach."""
        layouts = []
        for name, place in ((first, "beach"), (second, where)):
            view = whereabouts.view(animals, name, "noto", place, Draw(np.random.default_rng(3)))
            assert view is not None
            layouts.append(whereabouts.layout(view.image))
        return float(((layouts[0] - layouts[1]) ** 2).sum())

    assert 3 * gap("dog face", "robot", "beach") < gap("dog face", "dog face", "forest")


@pytest.mark.long
def test_shares_are_by_prompt_with_seen_and_held_out_apart(animals: Stickers) -> None:
    halves = {kind.title: kind for kind in scenes.kinds(animals, 2, quiet)}
    wishes = {wish.prompt: (kind, wish) for kind in halves.values() for wish in kind.wishes}

    def source(prompt: str, seed: int) -> Pixels:
        kind, wish = wishes[prompt]
        drawn = kind.paint(wish.subject, wish.thing, "noto", np.random.default_rng(7))
        assert drawn is not None or kind.title == "styles"
        return drawn if seed == 0 and drawn is not None else np.full((64, 64, 3), 255, np.uint8)

    told: list[tuple[str, int, int]] = []
    found, shown = scenes.measure(source, animals, 2, (0, 1), lambda *step: told.append(step))
    assert found["version"] == VERSION
    for title in ("accessories", "places", "looks", "colours"):
        half = found[title]
        assert 0.2 < half["recognised"][0] <= 0.5, "a white picture shows nothing"
        assert half["seen"] is not None
        assert (half["heldout"] is None) == (title in ("looks", "colours"))
        assert (half["num_prompts"], half["num_pictures"]) == (2, 4)
        assert len(shown[title]) == 4
        notes = {"seen"} if title in ("looks", "colours") else {"seen", "held out"}
        assert {picture.note for picture in shown[title]} == notes
        assert (f"drawing {title}", 4, 4) in told


def test_a_pack_without_the_asked_subjects_measures_nothing() -> None:
    empty = Stickers(folder=Path(), concepts={}, size=64, sprites={}, problems=[])

    def source(prompt: str, seed: int) -> Pixels:
        raise AssertionError("nothing is asked for")

    found, shown = scenes.measure(source, empty, 3, (0,), quiet)
    parts = ("accessories", "places", "looks", "styles", "colours")
    assert [found[title] for title in parts] == [None] * 5
    assert not shown


@pytest.mark.long
def test_the_exam_measures_it_and_shows_it(  # type: ignore[no-untyped-def]
    tiny, animals: Stickers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exam_module, "_open_stickers", lambda *_: animals)
    fields = {"steps": 1, "height": 64, "width": 64}
    exam = Exam(sections=("scenes",), num_scenes=1, num_seeds=1, fields=fields)
    report = examine(load(tiny), exam)
    assert report.to_json()["scenes"]["places"]["num_pictures"] == 1
    console = Console(width=150, file=(out := io.StringIO()))
    console.print(tables(report))
    for text in (out.getvalue(), page(report)):
        assert "the judge itself, on wrong renders" in text
    assert page(report).count("<img ") == 5, "one of each part"
