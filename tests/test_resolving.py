"""What a model recommends fills what a request leaves open; what says nothing is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.bundle import Bundle, Manifest, Quality
from molnar.resolving import HEEDED, STRAIGHT, STRENGTH, by_flow_map, resolved, strength_of

NAME = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return Bundle.load(tiny).manifest


def asked(**changes: object) -> Request:
    return replace(Request(prompt="a red circle"), **changes)  # type: ignore[arg-type]


def test_nothing_stays_open_and_what_is_given_stays(manifest: Manifest) -> None:
    full = resolved(asked(), manifest)
    assert None not in vars(full).values()
    assert (full.steps, full.guidance, full.strength) == (3, 2.0, 1.0)
    given = asked(steps=7, guidance=1.0, seed=0, sampler="heun", schedule="beta", strength=1.0)
    assert resolved(given, manifest) == given
    assert resolved(full, manifest) == full


def test_how_much_of_a_picture_may_change() -> None:
    assert strength_of(asked()) == 1
    assert strength_of(asked(image=NAME)) == STRENGTH
    assert strength_of(asked(image=NAME, mask=NAME)) == 1
    assert strength_of(asked(image=NAME, outpaint=(0, 8, 0, 0))) == 1
    assert strength_of(asked(image=NAME, strength=0.0)) == 0


def test_a_negative_prompt_is_heeded_unless_guidance_is_given(manifest: Manifest) -> None:
    quiet = replace(manifest, defaults=replace(manifest.defaults, guidance=1.0))
    assert resolved(asked(), quiet).guidance == 1
    assert resolved(asked(negative_prompt="blue"), quiet).guidance == HEEDED
    assert resolved(asked(negative_prompt="blue", guidance=1.0), quiet).guidance == 1
    loud = replace(manifest, defaults=replace(manifest.defaults, guidance=6.0))
    assert resolved(asked(negative_prompt="blue"), loud).guidance == 6


def test_a_quality_has_its_own_settings(manifest: Manifest) -> None:
    both = replace(manifest, qualities={"best": Quality(steps=9)})
    assert resolved(asked(quality="best"), both).steps == 9
    assert resolved(asked(quality="best", steps=2), both).steps == 2
    with pytest.raises(RequestError, match="has no quality 'fast'; it has: normal, best"):
        resolved(asked(quality="fast"), both)


def test_a_few_steps_are_drawn_by_the_flow_map_only_as_it_was_taught(manifest: Manifest) -> None:
    few = replace(manifest, qualities={"fast": Quality(steps=4, guidance=1.0, flow_map=(4, 8))})
    full = resolved(asked(quality="fast"), few)
    assert (full.steps, full.guidance, full.sampler) == (4, 1.0, STRAIGHT)
    assert by_flow_map(full, few)
    assert by_flow_map(resolved(asked(quality="fast", steps=8), few), few)
    assert resolved(full, few) == full, "a record draws the same again"
    for change in ({"steps": 5}, {"guidance": 2.0}, {"sampler": "heun"}, {"schedule": "karras"},
                   {"negative_prompt": "blue"}, {"quality": "normal"}):  # fmt: skip
        other = resolved(asked(**{"quality": "fast", **change}), few)
        assert not by_flow_map(other, few), change
        assert "sampler" in change or other.sampler == few.defaults.sampler, change
    assert not by_flow_map(full, manifest), "a model without one"
    from_picture = asked(quality="fast", image=NAME)
    assert by_flow_map(resolved(replace(from_picture, strength=0.5), few), few)
    assert not by_flow_map(resolved(replace(from_picture, strength=0.2), few), few), "not taught"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mask": NAME}, "a mask or an outpaint without a picture"),
        ({"outpaint": (8, 0, 0, 0)}, "a mask or an outpaint without a picture"),
        ({"strength": 0.5}, "strength is 0.5 without a picture"),
        ({"strength": 0.0}, "strength is 0.0 without a picture"),
        ({"tile": True, "image": NAME}, "tile and a picture"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_what_says_nothing_is_refused(
    manifest: Manifest, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(RequestError, match=said) as error:
        resolved(asked(**changes), manifest)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("part", "changes"), [("clip", {"best_of": 2}), ("encoder", {"image": NAME})]
)
def test_a_part_that_is_not_there_is_named(
    manifest: Manifest, part: str, changes: dict[str, object]
) -> None:
    resolved(asked(**changes), manifest)
    parts = {name: one for name, one in manifest.parts.items() if name != part}
    with pytest.raises(RequestError, match=f"has no {'CLIP' if part == 'clip' else part}"):
        resolved(asked(**changes), replace(manifest, parts=parts))
