"""Things in places: they stand on the ground, can be seen, and the caption says where."""

import numpy as np
import pytest

from molnar.lab.data import heldout
from molnar.lab.data.captions import PLACE_WORDS, WEATHER_WORDS
from molnar.lab.data.palette import contrasts
from molnar.lab.data.places import PATTERNS, PLACES, STANDING, WEATHER, ground, paint
from molnar.lab.data.render_torch import TorchRenderer
from molnar.lab.data.settling import PATTERNED, SETTLED
from molnar.lab.data.spec import Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=6, place_p=0.5), stickers)


@pytest.fixture(scope="module")
def settled(world: World) -> list[Spec]:
    kinds = sorted(PATTERNED)
    specs = [world.spec(index, kinds[index % len(kinds)]) for index in range(600)]
    return [spec for spec in specs if spec.place is not None]


def test_places_come_in_their_share_and_only_where_they_may(world: World) -> None:
    specs = [world.spec(index) for index in range(600)]
    able = [spec for spec in specs if spec.kind in PATTERNED]
    share = sum(spec.place is not None for spec in able) / len(able)
    assert 0.35 < share < 0.55  # half, less those that could not be seen anywhere
    assert all(spec.place is None for spec in specs if spec.kind not in PATTERNED)


def test_every_place_and_pattern_is_drawn_and_shapes_lie_on_patterns_alone(
    settled: list[Spec],
) -> None:
    places = {spec.place.name for spec in settled if spec.place is not None}
    assert places == {*PLACES, *PATTERNS}
    assert {s.place.weather for s in settled if s.place is not None} == {None, *WEATHER}
    for spec in settled:
        assert spec.place is not None
        assert spec.kind in SETTLED or spec.place.name in PATTERNS
        for thing in spec.things:
            if thing.colour is not None:
                assert all(contrasts(thing.colour, other) for other in spec.place.colours)


def test_things_stand_on_the_ground_and_are_whole(settled: list[Spec], stickers: Stickers) -> None:
    stood = 0
    for spec in settled:
        if spec.place is None or spec.place.name not in STANDING:
            continue
        at = ground(spec.place)
        for thing in spec.things:
            sprite = stickers.sprites.get((thing.name, thing.style or ""))
            height = thing.size / (1.0 if sprite is None else max(1.0, sprite.aspect))
            assert at - 0.04 <= thing.y + height / 2 <= 1.0
            assert thing.y - height / 2 >= 0
            stood += 1
    assert stood > 60


def test_a_picture_is_the_place_with_the_things_in_front(world: World, settled: list[Spec]) -> None:
    for spec in settled[:24]:
        assert spec.place is not None
        drawn = world.render(spec, 96)
        bare = paint(spec.place, height=96, width=96)
        assert (drawn.image[..., 3] == 255).all()
        away = drawn.masks.max(0) == 0
        if spec.place.weather is None:
            assert np.abs(drawn.image[away] - bare[away]).max() <= 1
        else:
            assert np.abs(drawn.image[away] - bare[away]).max() > 8
        assert np.abs(drawn.image[~away].astype(float) - bare[~away]).mean() > 12


def test_the_batched_renderer_paints_the_same_places(
    stickers: Stickers, settled: list[Spec], world: World
) -> None:
    specs = settled[:12]
    images = TorchRenderer(stickers).render(specs, 64).numpy()
    for spec, image in zip(specs, images, strict=True):
        assert np.abs(image.astype(int) - world.render(spec, 64).image).mean() < 2.5


def test_captions_say_where_and_in_which_weather(world: World, settled: list[Spec]) -> None:
    for index, spec in enumerate(settled):
        assert spec.place is not None
        caption = world.caption(spec, index).lower()
        if spec.place.colours:
            first, second = spec.place.colours
            assert first in caption
            assert second in caption
        else:
            assert any(words in caption for words in PLACE_WORDS[spec.place.name])
        said = [w for words in WEATHER_WORDS.values() for w in words if caption.find(w) > 0]
        if spec.place.weather is None:
            assert not said
        else:
            assert set(said) & set(WEATHER_WORDS[spec.place.weather])
        # a place hides the plain background: nothing may be said of it
        assert "transparent" not in caption
        assert "white background" not in caption or "white" in spec.place.colours


def test_a_tenth_of_drawings_and_places_is_never_trained_on(settled: list[Spec]) -> None:
    pairs = [(f"concept {n}", name) for n in range(200) for name in PLACES]
    share = sum(heldout.place_held_out(*pair) for pair in pairs) / len(pairs)
    assert 0.08 < share < 0.12
    assert not any(heldout.reasons(spec) for spec in settled)


def test_where_no_place_is_asked_for_nothing_changes(stickers: Stickers) -> None:
    plain, busy = (World(WorldConfig(seed=9, place_p=p, look_p=p), stickers) for p in (0.0, 0.9))
    asked = [(index, kind) for index in range(12) for kind in PATTERNED]
    assert all(plain.spec(*one).place is plain.spec(*one).look is None for one in asked)
    # what is drawn before a place and a look are asked for is the same with and without them
    bare = [busy.spec(*one) for one in asked]
    same = [s for s, one in zip(bare, asked, strict=True) if s.place is None and s.look is None]
    assert all(spec in [plain.spec(*one) for one in asked] for spec in same)


def test_what_stands_covers_nothing(settled: list[Spec]) -> None:
    pairs = [spec.things for spec in settled if len(spec.things) == 2]
    assert len(pairs) > 20
    for one, two in pairs:
        assert max(abs(one.x - two.x), abs(one.y - two.y)) >= (one.size + two.size) / 2


def test_sizes_are_said_on_patterns_and_belong_to_the_place_elsewhere(
    settled: list[Spec],
) -> None:
    words = {spec.size_word for spec in settled if spec.place and spec.place.colours}
    assert words == {None, "small", "large"}
    assert {s.size_word for s in settled if s.place and not s.place.colours} == {None}
