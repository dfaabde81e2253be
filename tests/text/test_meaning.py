"""Words never taught are read as names that were; what is known stays as it was typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import BundleError
from molnar.base.weights import load, read_metadata, save
from molnar.text.meaning import Meaning

# Three directions: dog, truck, ghost; "odd" is near to none.
VECTORS = np.array([[99, 5, 5], [5, 99, 0], [0, 5, 99], [70, 70, 70]], np.int8)


@pytest.fixture
def meaning() -> Meaning:
    return Meaning(
        words={"pooch": 0, "lorry": 1, "spook": 2, "odd": 3},
        vectors=VECTORS,
        names=("dog face", "truck", "octopus", "glasses", "smiling face with sunglasses"),
        plurals=("dog faces", "trucks", "octopuses", "glasses", "smiling faces with sunglasses"),
        articles=("a", "a", "an", "", "a"),
        name_vectors=np.concatenate([VECTORS[:3], -VECTORS[:2]]),
        aliases=("dog", "dogs"),
        taught=frozenset(
            {"red", "background", "beach", "circle", "transparent", "pixel", "art", "picture"}
        ),
        leading=frozenset({"a", "an", "the", "two", "three", "red", "small", "flat"}),
        alike={"a pair of": "two", "scarlet": "red", "emerald": "green"},
        kinds={"great dane": 0, "dane": 2, "hatchback": 1, "run": 2},
        key_vectors=np.concatenate([VECTORS[:3], -VECTORS[:2], VECTORS[:1]]),
        key_counts=(1, 1, 1, 1, 2),
    )


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a pooch", "a dog face"),
        ("two pooches on a beach", "two dog faces on a beach"),
        ("a flat red lorry and a circle", "a flat red truck and a circle"),
        ("three lorries, red background", "three trucks, red background"),
        ("a spook wearing a pooch", "an octopus wearing a dog face"),
        ("a pair of lorries", "two trucks"),
        ("a Scarlet circle", "a red circle"),
        ("an emerald circle", "a green circle"),
        ("An emerald circle", "A green circle"),
        ("A LORRY", "A truck"),
        ("A spook", "An octopus"),
        ("pixel art of a pooch", "pixel art of a dog face"),
        ("a pixel art pooch", "a pixel art dog face"),
        ("two red neon sign lorries", "two red neon sign trucks"),
        ("a paper cut great dane on a beach", "a paper cut dog face on a beach"),
        ("a papercut spook with a lorry, neon", "a papercut octopus with a truck, neon"),
        ("a picture of two spooks", "a picture of two octopuses"),
        ("pooches", "dog faces"),
        ("7 lorries", "7 trucks"),
        ("a Great Dane", "a dog face"),
        ("two old great danes", "two dog faces"),
        ("a red hatchback on a beach", "a red truck on a beach"),
        ("a spook hatchback", "a truck"),
        ("hatchbacks on a beach", "trucks on a beach"),
        ("a great dane running", "a dog face running"),
        ("a small spook", "a small octopus"),
        ("a shaggy red pooch", "a red dog face"),
        ("a pooch chasing a lorry", "a dog face chasing a truck"),
        ("a pooch on top of a lorry", "a dog face on top of a truck"),
        ("a pooch on the left of a lorry", "a dog face on the left of a truck"),
        ("a pooch in front of a spook", "a dog face in front of an octopus"),
        ("a dog with a pair of glasses", "a dog with glasses"),
        ("a pooch-like lorry and a circle", "a dog face and a circle"),
    ],
)
def test_what_is_near_stands_in(meaning: Meaning, typed: str, read: str) -> None:
    assert meaning.read(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "a red circle on a red background",
        "two happy dogs",  # a name stands in it
        "a dog face",
        "a smiling face with sunglasses on a red background",
        "two smiling faces with sunglasses",
        "a pixel-art circle",
        "Two Dogs and a circle on a beach",
        "a zyzzyva",  # nothing is known of it
        "",
        "a circle with a transparent background",
        "犬",
        "3",
    ],
)
def test_what_is_known_or_unheard_of_stays(meaning: Meaning, typed: str) -> None:
    assert meaning.read(typed) == typed


@pytest.fixture
def whole() -> Meaning:
    """A lion lies where a cat and a mane meet; a mane alone is a horse's, and a beach is no key."""
    words = {"kitty": 0, "mane": 1, "ribbon": 2, "horned": 3, "sad": 4}
    vectors = np.array([[90, 0, 0], [0, 90, 0], [0, 0, 90], [0, 40, 99], [20, 20, 0]], np.int8)
    names = np.array([[99, 0, 0], [0, 99, 0], [0, 0, 99], [70, 70, 0], [0, 70, 70]], np.int8)
    return Meaning(
        words=words | {"horse": 1}, vectors=vectors,
        names=("cat", "horse", "gift", "lion", "unicorn"),
        plurals=("cats", "horses", "gifts", "lions", "unicorns"), articles=("a",) * 5,
        name_vectors=names, aliases=("pony",), taught=frozenset({"beach", "horse", "pony"}),
        leading=frozenset({"a", "the", "two", "big", "red"}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a kitty", "a cat"),
        ("a mane", "a horse"),
        ("a big kitty with a mane", "a big lion"),  # neither of its parts
        ("two kitties with the mane on a beach", "two lions"),
        ("a kitty and a mane", "a cat and a horse"),  # two things
        ("a kitty, a mane", "a cat, a horse"),
        ("a kitty with a horse", "a cat with a horse"),  # a taught name is what it says
        ("a kitty in a ribbon", "a cat in a gift"),  # as near to both as to anything else
        ("a horned horse", "a unicorn"),  # unless the rest points clearly elsewhere
        ("a sad horse", "a sad horse"),
        ("a horned pony", "a horned pony"),
        ("someone hugging kitties", "cat"),
        ("a ribbon with ribbons", "a gift"),  # nothing has itself
        ("a horse with the mane", "a horse"),
        ("a ribbon on ribbons", "a gift on gifts"),  # but may be on another one
        ("two kittys on a horse", "two cats on a horse"),
    ],
)
def test_a_clause_may_tell_of_one_thing(whole: Meaning, typed: str, read: str) -> None:
    assert whole.read(typed) == read


def test_far_is_not_near() -> None:
    far = Meaning(
        words={"odd": 0}, vectors=np.array([[60, 80, 0]], np.int8), names=("dog",),
        plurals=("dogs",), articles=("a",), name_vectors=np.array([[20, 0, 98]], np.int8),
    )  # fmt: skip
    assert far.read("an odd") == "an odd"
    assert far.cosine("an odd", "dog") < 0.2
    assert far.cosine("a zyzzyva", "dog") is None


def test_what_goes_with_a_name_brings_it_nearer() -> None:
    alone = Meaning(
        words={"canopy": 0}, vectors=np.array([[0, 99]], np.int8), names=("umbrella", "tent"),
        plurals=("umbrellas", "tents"), articles=("an", "a"),
        name_vectors=np.array([[90, 30], [80, 40]], np.int8), leading=frozenset({"a"}),
    )  # fmt: skip
    keys = np.array([[99, 0], [0, 99], [80, 40]], np.int8)  # two of the umbrella, one of the tent
    helped = replace(alone, key_vectors=keys, key_counts=(2, 1))
    assert alone.read("a canopy") == "a tent"
    assert helped.read("a canopy") == "an umbrella"


def test_it_comes_back_from_its_file(meaning: Meaning, tmp_path: Path) -> None:
    path = tmp_path / "meaning.safetensors"
    meaning.save(path)
    again = Meaning.load(path)
    assert again.words == meaning.words
    assert again.taught == meaning.taught
    assert again.aliases == meaning.aliases
    assert again.kinds == meaning.kinds
    assert again.key_counts == meaning.key_counts
    assert again.cosine("a pooch", "truck") == meaning.cosine("a pooch", "truck")
    assert again.read("a pair of spooks") == meaning.read("a pair of spooks") == "two octopuses"


@pytest.mark.parametrize(
    "damage",
    [
        {"kinds": {"dane": 5}},
        {"kinds": {"dane": -1}},
        {"key_counts": ()},
        {"key_counts": (1, 1, 1, 1, 3)},
        {"key_counts": (0, 2, 1, 1, 2)},
        {"plurals": ("dogs",)},
    ],
)
def test_a_table_whose_parts_do_not_fit_is_refused(
    meaning: Meaning, tmp_path: Path, damage: dict[str, object]
) -> None:
    path = tmp_path / "meaning.safetensors"
    meaning.save(path)
    arrays = {name: np.array(value) for name, value in load(path).items()}
    told = json.loads(read_metadata(path)["meaning"])
    save(path, arrays, {"meaning": json.dumps(told | damage)})
    with pytest.raises(BundleError, match="export it again"):
        Meaning.load(path)


def test_words_that_hold_alone_come_back_from_a_file(meaning: Meaning, tmp_path: Path) -> None:
    told = replace(meaning, kinds={"marker": 1, "cart": 1}, alone=frozenset({"marker"}))
    told.save(tmp_path / "meaning.safetensors")
    back = Meaning.load(tmp_path / "meaning.safetensors")
    assert (dict(back.kinds), back.alone) == (dict(told.kinds), told.alone)


def test_a_table_without_kinds_and_keys_is_read(meaning: Meaning, tmp_path: Path) -> None:
    path = tmp_path / "meaning.safetensors"
    meaning.save(path)
    arrays = {name: np.array(value) for name, value in load(path).items() if name != "key_vectors"}
    told = json.loads(read_metadata(path)["meaning"])
    del told["kinds"], told["key_counts"]
    save(path, arrays, {"meaning": json.dumps(told)})
    assert Meaning.load(path).read("a pooch") == "a dog face"


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "meaning.safetensors"
    path.write_bytes(b"no such thing")
    with pytest.raises(BundleError, match="export it again") as caught:
        Meaning.load(path)
    assert "\n" not in str(caught.value)


def test_how_a_picture_is_to_look_is_no_thing_in_it(meaning: Meaning) -> None:
    assert meaning.read("a pooch, highly detailed, masterpiece") == (
        "a dog face, highly detailed, masterpiece"
    )
    assert meaning.read("best quality, a pooch") == "best quality, a dog face"
    assert meaning.read("a pooch, odd lorry") == "a dog face, truck"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a kitty with green eyes", "a cat"),  # what it has of itself is not drawn beside it
        ("a horse with long legs and a ribbon", "a horse and a gift"),
        ("a kitty on a zorbl", "a cat"),  # of what nothing is known nothing is drawn
        ("a kitty with a horse", "a cat with a horse"),
        ("a kitty on a beach", "a cat on a beach"),
        ("a horse with a ribbon on its head", "a horse with a gift"),
        ("with green eyes", "with green eyes"),  # where there is no thing before it
        ("a horse with a beard holding a ribbon", "a horse holding a gift"),
        ("a ribbon at the foot of a horse", "a gift at the foot of a horse"),
    ],
)
def test_what_a_thing_has_of_itself_is_no_other_thing(
    whole: Meaning, typed: str, read: str
) -> None:
    assert whole.read(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a dog face by the sea", "a dog face at the beach"),
        ("a dog face on the shore, and a circle", "a dog face at the beach, and a circle"),
        ("a circle by the sea dog face", "a circle by the sea dog face"),  # that is no place
    ],
)
def test_what_people_say_of_places_is_one_of_ours(meaning: Meaning, typed: str, read: str) -> None:
    where = {"by the sea": "at the beach", "on the shore": "at the beach"}
    told = replace(meaning, alike={**meaning.alike, **where})
    assert told.read(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("an orange", "a pizza"),
        ("an orange on a circle", "a pizza on a circle"),
        ("a circle, an orange", "a circle, a pizza"),
        ("two circles or an orange.", "two circles or a pizza."),
        ("an orange, small circle", "an orange, small circle"),
        ("an orange-red circle", "an orange-red circle"),
        ("an orange circle", "an orange circle"),  # a colour, where it can be one
        ("on an orange and red circle", "on an orange and red circle"),
    ],
)
def test_a_word_that_is_a_colour_and_a_thing(meaning: Meaning, typed: str, read: str) -> None:
    told = replace(meaning, alike={**meaning.alike, "an orange": "a pizza"})
    assert told.read(typed) == read


def test_a_thing_stays_what_it_is_whatever_it_does(meaning: Meaning) -> None:
    """Who casts a spell is not the wand that both words are near to."""
    words = {**meaning.words, "sorcerer": 3, "spooking": 2}
    told = replace(meaning, words=words, kinds={"sorcerer": 0, "odd spook": 1})
    assert told.read("a sorcerer spooking") == "a dog face spooking"
    assert told.read("an odd spook") == "a truck"
    unsaid = replace(told, kinds={})
    assert unsaid.read("a sorcerer spooking") == unsaid.read("an odd spook") == "an octopus"


def test_what_a_thing_does_does_not_make_it_another(meaning: Meaning) -> None:
    words = {**meaning.words, "barking": 4, "hauling": 5}
    # one deed lies between two things, another is all of what is said of a third one
    vectors = np.concatenate([VECTORS, np.array([[0, 40, 99], [0, 99, 0]], np.int8)])
    told = replace(meaning, words=words, vectors=vectors)
    assert told.read("a pooch barking") == "a dog face"
    assert told.read("someone hauling") == "truck"
    assert told.read("an odd hauling") == "a truck", "nearer with it than without"


def test_who_does_something_is_said_whatever_it_is_done_to(whole: Meaning) -> None:
    assert whole.read("a horse horned") == "a unicorn"
    assert whole.read("a horse growing horned") == "a horse growing horned"


def test_what_somebody_has_in_hand_or_mouth_is_another_thing(meaning: Meaning) -> None:
    assert meaning.read("a pooch eating octopuses") == "a dog face eating octopuses"
    told = replace(meaning, kinds=dict(meaning.kinds) | {"lorry": 1})
    assert told.read("a pooch eating lorries") == "a dog face eating trucks"
    assert told.read("a pooch eating slowly") == "a dog face"
    assert told.read("an octopus for eating lorries") == "an octopus for eating lorries"
    assert meaning.read("a pooch chasing octopuses") == "a dog face chasing octopuses"
    assert meaning.read("a pooch eating together") == "a dog face"


def test_a_deed_that_is_listed_with_who_does_it_is_read_with_it(meaning: Meaning) -> None:
    told = replace(meaning, kinds={"odd pooch": 0, "odd pooch hauling": 1})
    assert told.read("an odd pooch hauling") == "a truck"
    assert told.read("an odd pooch running") == "a dog face running"


def test_some_words_stand_for_a_name_only_where_nothing_else_is_said(meaning: Meaning) -> None:
    told = replace(meaning, kinds={"marker": 1, "cart": 1}, alone=frozenset({"marker"}))
    assert told.read("a marker") == told.read("a cart") == "a truck"
    assert told.read("two small red markers") == "two small red trucks"
    assert told.read("an old marker") == "a truck", "how nice it is says nothing of what it is"
    assert told.read("a spook cart") == "a truck"
    assert told.read("a spook marker") == "an octopus", "what is nearest, as if it were not listed"


def test_words_that_hold_a_name_are_read_as_a_whole(meaning: Meaning) -> None:
    told = replace(meaning, alike={"glasses case": "box", "octopus": "squid", "face": "head"})
    assert told.read("a glasses case and glasses") == "a box and glasses"
    assert told.read("an octopus") == "an octopus", "a name stays"
    assert told.read("a dog face") == "a dog face", "and what is a part of it"
