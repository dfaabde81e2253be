"""Pictures from pictures, drawn by the tiny model: what stays, what repeats, where edges meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar import verbs
from molnar.base import metadata
from molnar.base.clock import Clock
from molnar.base.errors import DataError, RequestError
from molnar.base.images import premultiply
from molnar.base.request import Picture, Request, Variation, request_from
from molnar.canvas import canvas
from molnar.drawn import Drawn, last_step
from molnar.pipeline import Pipeline, load
from molnar.starting import REMEMBERED, as_seen, name_of, rgba, share
from molnar.verbs import Parent, Wish


@pytest.fixture(scope="module")
def opened(tiny: Path) -> Pipeline:
    return load(tiny, threads=1)


@pytest.fixture
def pipeline(opened: Pipeline) -> Iterator[Pipeline]:
    """The tiny model, with nothing left in it by the test before."""
    yield opened
    opened.library = Pipeline(opened.bundle, opened.parts).library
    opened._seen.clear()


def asked(**changes: Any) -> Request:
    usual = Request(prompt="a red circle", height=64, width=64, steps=2, seed=5, guidance=2.0)
    return replace(usual, **changes)


def scene(height: int = 64, width: int = 64, channels: int = 3) -> Any:
    """Something smooth, so that what is new differs from what is old."""
    down, across = np.mgrid[0:height, 0:width]
    planes = [down * 2, across * 2, 255 - down, 60 + across]
    return np.stack([plane % 256 for plane in planes[:channels]], axis=-1).astype(np.uint8)


def draw(pipeline: Pipeline, wish: Wish) -> Picture:
    pipeline.library = lambda name: wish.inputs[name]
    [picture] = pipeline(wish.request)
    return picture


def kept(picture: Picture, old: Any, top: int = 0, left: int = 0) -> None:
    """Check that an old picture stands in a new one, pixel by pixel."""
    height, width = old.shape[:2]
    part = picture.image[top : top + height, left : left + width]
    np.testing.assert_array_equal(part, old if part.shape == old.shape else rgba(old))


# ---------------------------------------------------------------- edit


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("feather", [0, 8, 30])
def test_an_edit_changes_nothing_outside_its_mask(
    pipeline: Pipeline, channels: int, feather: int
) -> None:
    mask = np.zeros((72, 88, 3), np.uint8)
    mask[10:20, 20:30] = mask[24:50, 25] = 255
    old = scene(72, 88, channels)
    wish = verbs.edit(Parent(pixels=old), mask, prompt="a fox", seed=3)
    request = wish.request.replaced(steps=1, feather=feather)
    picture = draw(pipeline, replace(wish, request=request))
    assert picture.image.shape == old.shape
    rows, columns = np.nonzero(mask[..., 0])
    down, across = np.mgrid[0:72, 0:88]
    away = ((down[..., None] - rows) ** 2 + (across[..., None] - columns) ** 2).min(-1)
    far = away > feather**2
    assert np.abs(picture.image.astype(int) - old)[far].max() == 0
    assert (picture.image[mask[..., 0] > 0] != old[mask[..., 0] > 0]).any()


def test_an_edit_of_a_file_of_any_size_keeps_it_all(pipeline: Pipeline) -> None:
    old, mask = scene(65, 77), np.zeros((65, 77, 3), np.uint8)
    mask[30:40, 30:40] = 255
    wish = verbs.edit(Parent(pixels=old), mask, prompt="a fox", seed=3)
    picture = draw(pipeline, replace(wish, request=wish.request.replaced(steps=1, feather=0)))
    assert picture.image.shape == (72, 80, 3)
    same = (picture.image[:65, :77] == old).all(axis=-1)
    assert same[mask[..., 0] == 0].all()
    assert not same[mask[..., 0] > 0].all()


def test_a_mask_of_another_size_is_refused_before_anything_is_drawn(pipeline: Pipeline) -> None:
    pictures = {"a": scene(), "m": scene(64, 72)}
    pipeline.library = pictures.__getitem__
    with pytest.raises(RequestError, match="the mask is 72 x 64 pixels and the picture 64 x 64"):
        pipeline.resolve(asked(image="a", mask="m"))


# ---------------------------------------------------------------- zoom, pan, square


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (70, 101)])
def test_zooming_twice_keeps_the_first_picture(
    pipeline: Pipeline, size: tuple[int, int], channels: int
) -> None:
    old = scene(*size, channels)
    parent, top, left = Parent(pixels=old), 0, 0
    for verb in (
        lambda p: verbs.zoom(p, 1.5, seed=1),
        lambda p: verbs.pan(p, "left", seed=2),
        lambda p: verbs.square(p, seed=3) if p.size[0] != p.size[1] else None,
    ):
        wish = verb(parent)
        if wish is None:
            continue
        picture = draw(pipeline, replace(wish, request=wish.request.replaced(steps=1)))
        left, top = left + wish.request.outpaint[0], top + wish.request.outpaint[1]
        kept(picture, old, top, left)
        assert picture.image.shape[0] % 8 == picture.image.shape[1] % 8 == 0
        parent = Parent(pixels=picture.image, request=picture.request.single(0), plan=picture.plan)


def test_nothing_may_change_and_something_is_added(pipeline: Pipeline) -> None:
    wish = verbs.extend(Parent(pixels=scene()), (64, 0, 0, 0), seed=1)
    still = wish.request.replaced(strength=0.0, feather=0)
    picture = draw(pipeline, replace(wish, request=still))
    kept(picture, scene(), 0, 64)
    edge = np.broadcast_to(scene()[:, :1], (64, 64, 3))  # drawn out, as nothing is drawn
    assert np.abs(picture.image[:, :64].astype(int) - edge).max() <= 1


# ---------------------------------------------------------------- img2img, upscale


def test_no_strength_leaves_a_picture_alone(pipeline: Pipeline) -> None:
    for channels in (3, 4):
        old = scene(64, 72, channels)
        pipeline.library = lambda name, old=old: old
        [picture] = pipeline(asked(image="a", height=64, width=72, strength=0.0))
        np.testing.assert_array_equal(picture.image, old)


def test_little_strength_stays_near_and_full_strength_does_not(pipeline: Pipeline) -> None:
    """Near what the codec makes of a picture, which in the tiny model is not much."""
    pipeline.library = lambda name: scene(128, 128)
    wish = asked(image="a", height=128, width=128)

    def latent(strength: float) -> Any:
        *_, last = pipeline.steps(wish.replaced(strength=strength))
        return last.x

    first = np.asarray(pipeline.parts.encode(as_seen(scene(128, 128))))
    gaps = [np.abs(latent(strength) - first).mean() for strength in (0.01, 0.1, 0.5, 1.0)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.1 * gaps[-1]


def test_full_strength_starts_from_noise_alone(pipeline: Pipeline) -> None:
    pipeline.library = lambda name: scene()
    [drawn], [alone] = pipeline(asked(image="a", strength=1.0)), pipeline(asked())
    np.testing.assert_array_equal(drawn.image, alone.image)


def test_a_picture_to_start_from_is_fitted_to_the_size(pipeline: Pipeline) -> None:
    pipeline.library = lambda name: scene(96, 200)
    [picture] = pipeline(asked(image="a", height=64, width=64, steps=1))
    assert picture.image.shape == (64, 64, 3)


@pytest.mark.parametrize("creative", [False, True])
def test_upscaling_is_larger_and_of_the_same(pipeline: Pipeline, creative: bool) -> None:
    old = scene(64, 72)
    wish = verbs.upscale(Parent(pixels=old), creative=creative)
    picture = draw(pipeline, replace(wish, request=wish.request.replaced(steps=1)))
    assert picture.image.shape == (128, 144, 3)
    again = draw(pipeline, replace(wish, request=picture.request))
    np.testing.assert_array_equal(picture.image, again.image)
    steps = list(pipeline.steps(picture.request))
    assert bool(steps) == creative


def test_what_can_be_seen_through_stays_so(pipeline: Pipeline) -> None:
    clear = scene(channels=4)
    wishes = [
        verbs.upscale(Parent(pixels=clear)),
        verbs.zoom(Parent(pixels=clear), 1.5, seed=1),
        verbs.vary(Parent(pixels=clear), seed=1, prompt="a fox", count=1),
    ]
    for wish in wishes:
        picture = draw(pipeline, replace(wish, request=wish.request.replaced(steps=1)))
        assert picture.image.shape[-1] == 4
        assert picture.request.transparent
    opaque = rgba(scene())
    pipeline.library = lambda name: opaque
    [picture] = pipeline(asked(image="a", steps=1))
    assert picture.image.shape[-1] == 3
    assert (premultiply(opaque) == opaque).all()


def test_a_picture_names_what_it_started_from(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Picture(image=scene(), request=asked(), seed=0).save(path)
    [picture] = pipeline(asked(image=str(path), steps=1))
    assert picture.request.image == name_of(scene())
    assert [name_of(one) for one in picture.inputs.values()] == list(picture.inputs)
    # a file that was changed meanwhile is read again
    Picture(image=scene()[::-1], request=asked(), seed=0).save(path, force=True)
    [other] = pipeline(asked(image=str(path), steps=1))
    assert other.request.image == name_of(scene()[::-1])
    with pytest.raises(DataError, match="cannot be read"):
        pipeline(asked(image=str(tmp_path / "none.png")))


def test_many_pictures_are_remembered_but_not_for_ever(pipeline: Pipeline) -> None:
    pictures = [scene(64 + k, 64) for k in range(REMEMBERED + 3)]
    asked_for: list[str] = []

    def library(name: str) -> Any:
        asked_for.append(name)
        return pictures[int(name)]

    pipeline.library = library
    for number in range(REMEMBERED):
        pipeline.resolve(asked(image=str(number)))
    # the oldest, and one more, at once: the one must not push out the other
    first = name_of(pictures[0])
    pictures[-1] = np.zeros((64, 64, 3), np.uint8)
    full = pipeline.resolve(asked(image=first, mask=str(REMEMBERED + 2)))
    assert full.image == first
    assert len(asked_for) == REMEMBERED + 1


# ---------------------------------------------------------------- variations


def test_a_variation_of_no_strength_is_the_picture(pipeline: Pipeline) -> None:
    [plain] = pipeline(asked())
    none = Variation(seed=9, strength=0.0)
    [still] = pipeline(asked(variations=(none, none)))
    np.testing.assert_array_equal(plain.image, still.image)


def test_a_chain_of_variations_repeats_from_its_files(pipeline: Pipeline, tmp_path: Path) -> None:
    request = asked(steps=1)
    for number, strong in enumerate((False, True)):
        wish = verbs.vary(
            Parent(pixels=scene(), request=request), strong=strong, seed=20 * number, count=3
        )
        many = pipeline(wish.request)
        assert len({picture.image.tobytes() for picture in many}) == 3
        assert {picture.seed for picture in many} == {5}
        for index, picture in enumerate(many):
            alone = request_from(metadata.read(picture.save(tmp_path / f"{number}-{index}.png")))
            assert alone == pipeline.resolve(wish.request).single(index)
        [again] = pipeline(alone)
        np.testing.assert_array_equal(again.image, many[-1].image)
        request = alone
    assert len(request.variations) == 2


def test_the_best_variation_repeats_alone(pipeline: Pipeline) -> None:
    wish = asked(steps=1, best_of=3, variations=(Variation(seed=1, strength=0.5),))
    [best] = pipeline(wish)
    assert best.variations[0].seed in (1, 2, 3)
    [again] = pipeline(best.request.replaced(variations=best.variations, best_of=1))
    np.testing.assert_array_equal(again.image, best.image)


# ---------------------------------------------------------------- tile, stop


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_a_tile_is_finished_like_a_picture_that_goes_on(pipeline: Pipeline, sampler: str) -> None:
    """Decoder and upscaler see across the edge: a turned latent gives a turned picture."""
    request = pipeline.resolve(asked(tile=True, height=512, width=512, sampler=sampler))
    [picture] = pipeline(request)
    *_, last = pipeline.steps(request)
    turned = Drawn(request, Clock(), canvas(request, pipeline.bundle.manifest))
    turned.latent = np.roll(last.x, (5, 3), (2, 3))
    pipeline._decode(turned, None)
    image = pipeline._finish(turned)
    expected = np.roll(picture.image, (5 * 32, 3 * 32), (0, 1))
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_tiles_differ_from_pictures_and_are_no_edits(pipeline: Pipeline) -> None:
    [tile], [plain] = pipeline(asked(tile=True)), pipeline(asked())
    assert (tile.image != plain.image).any()
    pipeline.library = lambda name: scene()
    with pytest.raises(RequestError, match="tile and a picture"):
        pipeline(asked(tile=True, image="a"))


def test_stopping_early_is_the_estimate_of_that_step(pipeline: Pipeline) -> None:
    assert [last_step(8, stop) for stop in (10, 50, 99, 100)] == [1, 4, 8, 8]
    assert [last_step(1, stop) for stop in (10, 100)] == [1, 1]
    full = list(pipeline.steps(asked(steps=4)))
    half = list(pipeline.steps(asked(steps=4, stop=50)))
    assert [(step.index, step.of) for step in half] == [(0, 2), (1, 2)]
    np.testing.assert_array_equal(half[-1].x0, full[1].x0)
    [stopped], [plain] = pipeline(asked(steps=4, stop=50)), pipeline(asked(steps=4))
    assert (stopped.image != plain.image).any()
    [all_of_it] = pipeline(asked(steps=4, stop=100))
    np.testing.assert_array_equal(all_of_it.image, plain.image)


def test_what_fades_is_between_old_and_new(pipeline: Pipeline) -> None:
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    wish = verbs.edit(Parent(pixels=scene()), mask, prompt="a fox", seed=3)
    request = wish.request.replaced(steps=1, feather=24)
    picture = draw(pipeline, replace(wish, request=request))
    part = share(mask, picture.request)
    assert ((part > 0) & (part < 1)).any()
    still = part == 0
    np.testing.assert_array_equal(picture.image[still], scene()[still])
