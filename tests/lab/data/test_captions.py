"""Captions say what the spec says: parsed back and compared."""

import re

import pytest

from molnar.base.looks import LOOK_WORDS, LOOKS
from molnar.lab.data import concepts
from molnar.lab.data.captions import NUMBERS, STYLE_WORDS
from molnar.lab.data.manner import MANNERS, MOODS, MOVES
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import COLOURLESS, GROUNDLESS, Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig

GROUND = re.compile(r"(\w+) background|\bon (\w+)\.?$")
PLURALS = {concepts.plural(name): name for name in SHAPES}


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=11), stickers)


def words(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text.lower())


def split_ground(caption: str) -> tuple[str, str | None]:
    match = GROUND.search(caption.lower())
    if match is None:
        return caption, None
    return caption.lower().replace(match.group(0), ""), match.group(1) or match.group(2)


@pytest.mark.parametrize("kind", ["single", "colour", "counting", "two", "sticker", "nested"])
def test_the_background_is_said_unless_it_is_white(world: World, kind: str) -> None:
    silent = 0
    for index in range(60):
        spec = world.spec(index, kind)
        _, said = split_ground(world.caption(spec, index))
        actual = spec.background.colour or "transparent"
        if said is None:
            silent += 1
            assert actual == "white"
        else:
            assert said == actual
    assert silent or kind == "colour"


def test_counts_and_names_parse_back(world: World) -> None:
    for index in range(120):
        spec = world.spec(index, "counting")
        body, _ = split_ground(world.caption(spec, index))
        found = words(body)
        count = len(spec.things)
        numbers = [int(w) if w.isdigit() else NUMBERS.index(w) for w in found
                   if w.isdigit() or w in NUMBERS]  # fmt: skip
        assert numbers == ([count] if numbers else [])
        assert numbers or count == 1
        named = [w for w in found if w in PLURALS or w in SHAPES]
        expected = spec.things[0].name if count == 1 else concepts.plural(spec.things[0].name)
        assert named == [expected]
        assert [w for w in found if w in COLOURS] == [spec.things[0].colour]


AFTER = re.compile(
    rf"\b(\w+) (?:that is|which is|painted|in|coloured|colored) ({'|'.join(COLOURS)})\b"
    rf"(?! (?:{'|'.join(SHAPES)}))"  # a ring in black square: of the square
)


def before(body: str) -> str:
    """Put colours that are said after their things before them."""
    return AFTER.sub(r"\2 \1", body.lower())


def pairs_of(body: str) -> list[tuple[str, str]]:
    """List colours and shapes, as often as a caption says: two red circles are two."""
    found = ["", *words(before(body))]
    pairs = []
    for number, colour, noun in zip(found, found[1:], found[2:], strict=False):
        shape = PLURALS.get(noun, noun)
        if colour in COLOURS and shape in SHAPES:
            spelt = NUMBERS.index(number) if number in NUMBERS else 1
            said = int(number) if number.isdigit() else spelt
            assert (said > 1) == (noun in PLURALS), body
            pairs += [(colour, shape)] * said
    return pairs


@pytest.mark.parametrize("kind", ["single", "attribution", "nested", "many"])
def test_each_colour_stands_before_its_own_shape(world: World, kind: str) -> None:
    for index in range(80):
        spec = world.spec(index, kind)
        body, _ = split_ground(world.caption(spec, index))
        expected = sorted((thing.colour, thing.name) for thing in spec.things)
        assert sorted(pairs_of(body)) == expected


RELATIONS = {
    "left of": "left of", "on the left of": "left of", "right of": "right of",
    "above": "above", "over": "above", "below": "below", "under": "below", "beneath": "below",
}  # fmt: skip


def relation_said(body: str, spec: Spec) -> tuple[str, str, str] | None:
    """Parse "A <relation> B" into names, when the caption is of that form."""
    for phrase, name in RELATIONS.items():
        left, found, right = body.partition(f" {phrase} ")
        if found:
            first = next(w for w in reversed(words(left)) if w in SHAPES)
            return first, name, next(w for w in words(right) if w in SHAPES)
    return None


def test_relations_parse_back(world: World) -> None:
    parsed = halves = 0
    for index in range(120):
        spec = world.spec(index, "position")
        assert spec.relation is not None
        body, _ = split_ground(world.caption(spec, index))
        said = relation_said(body.lower(), spec)
        subject, object_ = spec.things[spec.relation.subject], spec.things[spec.relation.object]
        if said is not None:
            parsed += 1
            assert said == (subject.name, spec.relation.name, object_.name)
            continue
        halves += 1
        match = re.search(r"(\w+) (?:on|at) the (left|right|top|bottom)", body.lower())
        assert match is not None
        assert match.group(1) == subject.name
        place = {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}
        assert place[match.group(2)] == spec.relation.name
    assert parsed > 70
    assert halves > 5


def test_size_words_are_always_said(world: World) -> None:
    small, large = {"small", "tiny", "little"}, {"large", "big"}
    for index in range(80):
        spec = world.spec(index, "single")
        said = set(words(world.caption(spec, index)))
        assert bool(said & small) == (spec.size_word == "small")
        assert bool(said & large) == (spec.size_word == "large")


def test_styles_are_said_unless_default(world: World) -> None:
    for index in range(80):
        spec = world.spec(index, "sticker")
        style = spec.things[0].style
        assert style is not None
        if style != "noto":
            assert STYLE_WORDS[style] in words(world.caption(spec, index))


def test_stickers_are_called_by_one_of_their_names(world: World) -> None:
    called = set()
    for index in range(200):
        spec = world.spec(index, "sticker_two")
        caption = world.caption(spec, index)
        for thing in spec.things:
            names = [n for n in concepts.names_of(thing.name) if re.search(rf"\b{n}\b", caption)]
            assert names or caption[0].isupper()
            called |= set(names)
    assert {"rocket", "dog face", "dog", "puppy"} <= called


def test_wording_varies_and_short_p_shortens(stickers: Stickers) -> None:
    short = World(WorldConfig(short_p=1.0), stickers)
    long = World(WorldConfig(short_p=0.0), stickers)
    spec = short.spec(3, "position")
    shorts = {short.caption(spec, index) for index in range(80)}
    longs = [long.caption(spec, index) for index in range(80)]
    assert len(shorts) > 8
    assert sum(map(len, shorts)) / len(shorts) < sum(map(len, longs)) / len(longs)


def test_many_things_are_all_listed_in_any_order(world: World) -> None:
    counts, in_order, several, alike = set(), 0, 0, 0
    for index in range(80):
        spec = world.spec(index, "many")
        said = pairs_of(split_ground(world.caption(spec, index))[0])
        drawn = [(thing.colour, thing.name) for thing in spec.things]
        assert sorted(said) == sorted(drawn)
        counts.add(len(drawn))
        alike += len(set(drawn)) < len(drawn)
        if len(set(drawn)) > 2:  # of two, half are in order
            several += 1
            in_order += said == drawn
    assert counts == {3, 4, 5, 6}
    # half of what is drawn, less what is held out: more pairs, more of them
    assert several > 20 and in_order < several / 3
    assert 20 < alike < 60, "about half have several of one thing"


def test_a_look_is_always_said_and_what_it_hides_never(stickers: Stickers) -> None:
    looked = World(WorldConfig(seed=12, look_p=1.0), stickers)
    seen = set()
    for index in range(300):
        spec = looked.spec(index, "two" if index % 2 else "sticker")
        if spec.look is None:
            continue
        seen.add(spec.look)
        caption = looked.caption(spec, index).lower()
        assert any(word in caption for word in LOOK_WORDS[spec.look])
        assert not re.search(rf"neon ({'|'.join(COLOURS)})\b", caption), "a bright colour"
        if spec.look in COLOURLESS:
            assert not set(words(caption.replace("blue plan", ""))) & set(COLOURS)
        if spec.look in GROUNDLESS:
            assert ("background" in caption) <= spec.background.transparent
        elif not spec.background.transparent and spec.background.colour != "white":
            assert str(spec.background.colour) in caption
    assert seen == set(LOOKS)


def test_homage_says_colour_shape_and_disorder(world: World) -> None:
    for index in range(100):
        spec = world.spec(index, "homage")
        assert spec.homage is not None
        caption = world.caption(spec, index).lower()
        assert str(spec.things[0].colour) in caption
        assert ("disordered" in caption) == (spec.homage.disorder > 0)
        if spec.homage.name == "grid" and re.search(r"\d", caption):
            assert f"{spec.homage.rows}" in caption
            assert len(spec.things) == spec.homage.rows * spec.homage.columns


def test_some_captions_say_what_no_drawing_shows(stickers: Stickers) -> None:
    world = World(WorldConfig(seed=2, short_p=0.5, geometry_p=0.0), stickers)
    captions = [world.text(index).lower() for index in range(1500)]
    ends = [text.rstrip(".").rpartition(", ")[2] for text in captions]
    assert 0.03 < sum(end in MANNERS for end in ends) / len(captions) < 0.12
    said = " ".join(captions)
    assert sum(f" {move} " in f"{said} " for move in MOVES) > 15
    assert sum(mood in said for mood in MOODS) > 10
    plain = World(WorldConfig(seed=2, geometry_p=1.0), stickers)
    shapes = " ".join(plain.text(index).lower() for index in range(300))
    assert not any(f", {manner}" in shapes for manner in MANNERS)
