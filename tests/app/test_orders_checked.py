"""Orders that cannot be drawn are refused before they wait; what the others would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.job import NewPicture
from molnar.app.jobs import Store
from molnar.app.orders import (
    Again,
    Blend,
    Edit,
    Make,
    Order,
    Pan,
    Square,
    Upscale,
    Vary,
    Zoom,
    checked,
    cost_of,
    pictures_of,
    said,
    typed,
)
from molnar.base.config import to_json
from molnar.base.errors import DataError, RequestError
from molnar.base.request import Picture, Request
from molnar.starting import SCHEME

FOX = Request(prompt="a fox", seed=5, steps=3, height=64, width=96, guidance=2.0)
EDIT = Edit(picture="a1.2", region=(0, 0, 8, 8), seed=1)
UNKNOWN = SCHEME + "0" * 64


def kept(store: Store, request: Request, **extra: Any) -> str:
    """Put a job into the history as if it had been drawn; its id."""
    job = store.begin("make", to_json(request), request.prompt, (), extra)
    pictures = []
    for index in range(request.count):
        alone = request.single(index)
        assert alone.seed is not None
        pixels = np.full((request.height, request.width, 3), 40 * index, np.uint8)
        picture = Picture(image=pixels, request=request, seed=alone.seed, index=index)
        pictures.append(NewPicture.of(picture))
    return store.finish(job.id, pictures).id


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """A history with a job a1 of two foxes, 96 x 64."""
    with Store.open() as opened:
        assert kept(opened, replace(FOX, count=2)) == "a1"
        yield opened


@pytest.fixture
def given(store: Store) -> str:
    """An input of the history, 100 x 70, of which nothing else is known."""
    return SCHEME + store.put_input(np.full((70, 100, 3), 99, np.uint8))


def make(**fields: Any) -> Make:
    extra = {key: fields.pop(key) for key in ("image_prompt", "iw", "grid") if key in fields}
    return Make(requests=(replace(FOX, **fields),), **extra)


def test_what_can_be_drawn_is_returned_as_it_is(store: Store, given: str) -> None:
    orders: list[Order] = [
        make(), make(image="a1.1", mask="a1.2", strength=0.4), make(image=given),
        make(image_prompt="a1.1", strength=0.5), make(image_prompt=given),
        Vary(picture="a1.2", seed=1), Vary(picture=given, prompt="a fox", seed=1),
        Again(picture="a1", seed=1), Again(picture="a1.2", prompt="a dog", seed=1),
        Upscale(picture="A1.1"), Upscale(picture=given, scale=4, creative=True),
        EDIT, replace(EDIT, region=(), where="hat"), replace(EDIT, region=(), mask="a1.1"),
        Zoom(picture="a1.2", seed=1), Pan(picture=given, way="up", seed=1),
        Square(picture="a1.2", seed=1), Blend(pictures=("a1.1", given), weights=(1, 2.5), seed=1),
    ]  # fmt: skip
    for order in orders:
        assert checked(order, store) is order


def test_loras_are_refused_where_the_model_is_known_to_take_none(store: Store) -> None:
    orders: list[Order] = [
        make(prompt="a <lora:x:1>"), replace(EDIT, prompt="a <lora:x:1>"),
        Again(picture="a1", seed=1, prompt="a <lora:x:1>"),
    ]  # fmt: skip
    for order in orders:
        assert checked(order, store) is order
        with pytest.raises(RequestError, match="this model takes none"):
            checked(order, store, networks=False)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (make(steps=0), "steps is 0; expected 1 to 150"),
        (make(prompt="a (red:9) fox"), "weight 9"),
        (make(prompt="()"), "says nothing once its syntax is read"),
        (make(mask="a1.1"), "without a picture"),
        (make(strength=0.5), "without a picture"),
        (make(tile=True, image="a1.1"), "tile and a picture"),
        (make(tile=True, image_prompt="a1.1"), "tile and a picture"),
        (make(image="a1.1", image_prompt="a1.2"), "starts from a picture already"),
        (make(image="a1.3"), "a1 has 2 pictures"),
        (make(image="fox.png"), "image is 'fox.png'; expected a picture of the history"),
        (make(image="/etc/passwd"), "image is '/etc/passwd'; expected"),
        (make(image="a1.1", mask="../m.png"), "mask is '../m.png'; expected"),
        (make(image_prompt="x.png"), "image_prompt is 'x.png'; expected"),
        (make(image="sha256:12"), "expected sha256: and 64 digits"),
        (make(image=UNKNOWN), "no picture with pixels 0000000000"),
        (make(image="a1.1", outpaint=(96, 0, 0, 0)), "expected a size that counts them too"),
        (Make(requests=()), "requests has 0 members"),
        (make(image_prompt="a1.1", iw=4.0), "iw is 4.0; expected 0 to 3"),
        (Vary(picture="a1", seed=1), "say which: a1.1 and a1.2"),
        (Vary(picture="b9.1", seed=1), "no job 'b9'"),
        (Vary(picture="a1.1", seed=-1), "seed is -1"),
        (Vary(picture="a1.1", seed=1, count=65), "count is 65; expected 1 to 64"),
        (Vary(picture="a1.1", seed=1, prompt=""), "prompt is empty"),
        (Vary(picture="a1.1", seed=1, prompt="a (red:9) fox"), "weight 9"),
        (Again(picture=UNKNOWN, seed=1), "expected a job such as k7"),
        (Again(picture="z9", seed=1), "no job 'z9'"),
        (Upscale(picture="a1.1", scale=3), "scale is 3; expected a multiple of 2"),
        (replace(EDIT, region=()), "got none; expected one of mask, region, where"),
        (replace(EDIT, where="hat"), "got region and where; expected one of"),
        (replace(EDIT, region=(0, 0, 8)), "region has 3 members"),
        (replace(EDIT, region=(90, 0, 8, 8)), "x + width up to 96 and y + height up to 64"),
        (replace(EDIT, region=(0, 0, 0, 8)), "neither side 0"),
        (replace(EDIT, region=(-1, 0, 9, 8)), "region[0] is -1"),
        (replace(EDIT, feather=129), "feather is 129"),
        (Zoom(picture="a1.1", seed=1, factor=1.0), "zoom is 1.0; expected above 1"),
        (Zoom(picture="a1.1", seed=1, factor=float("nan")), "zoom is nan"),
        (Pan(picture="a1.1", seed=1, way="west"), "expected one of: left, up, right, down"),
        (Blend(pictures=("a1.1",), seed=1), "pictures has 1 members; expected 2 to 5"),
        (Blend(pictures=("a1.1", "x.png"), seed=1), "a picture is 'x.png'"),
        (Blend(pictures=("a1.1",) * 2, weights=(1.0,), seed=1), "got 1 weights for 2 pictures"),
        (Blend(pictures=("a1.1",) * 2, weights=(1.0, 0.0), seed=1), "a weight is 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(store: Store, order: Order, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        checked(order, store)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_depends_on_the_pictures(store: Store, given: str) -> None:
    kept(store, replace(FOX, height=2048, width=2048))
    square = replace(EDIT, picture="a2.1", region=(), mask="a1.1")
    refused: list[tuple[Order, str]] = [
        (Vary(picture=given, seed=1), "does not say what it shows; expected a prompt"),
        (Upscale(picture="a2.1"), "4096 x 4096; expected at most 2048 a side"),
        (Zoom(picture="a2.1", seed=1), "expected at most 2048 a side"),
        (Square(picture="a2.1", seed=1), "expected one that is not square"),
        (square, "the mask is 96 x 64 pixels and the picture 2048 x 2048"),
        (make(image="a1.1", mask=given), "the mask is 100 x 70 pixels and the picture 96 x 64"),
    ]
    for order, message in refused:
        with pytest.raises(RequestError, match=message):
            checked(order, store)
    kept(store, replace(FOX, image=given, mask=given))
    with pytest.raises(RequestError, match="got another prompt for an edit"):
        checked(Again(picture="a3", prompt="a dog", seed=1), store)


def test_files_count_only_where_they_may(store: Store, tmp_path: Path) -> None:
    path = str(tmp_path / "plain.png")
    Image.new("RGB", (64, 64)).save(path)
    for order in (make(image=path), Upscale(picture=path), Again(picture=path, seed=1)):
        with pytest.raises(RequestError, match=r"expected a (picture of the history|job such)"):
            checked(order, store)
    assert checked(make(image=path), store, files=True)
    assert checked(Upscale(picture=path), store, files=True)
    with pytest.raises(RequestError, match="does not say how it was drawn"):
        checked(Again(picture=path, seed=1), store, files=True)
    with pytest.raises(RequestError, match=r"no picture 'none\.png'"):
        checked(Upscale(picture="none.png"), store, files=True)


def test_a_file_that_is_gone_is_told_from_what_never_was(store: Store, given: str) -> None:
    store.picture("a1.1").path.unlink()
    for path in (store.database.folder / "inputs").rglob("*.png"):
        path.unlink()
    for name in ("a1.1", given):
        with pytest.raises(DataError, match="is gone"):
            checked(Upscale(picture=name), store)


def test_costs_are_pixels_times_steps(store: Store, given: str) -> None:
    one = 64 * 96 * 3  # a fox of a1
    assert cost_of(make(count=2, best_of=4)) == 8 * one
    assert cost_of(make(steps=None, quality="best")) == 64 * 96 * 24
    two = Make(requests=(FOX, replace(FOX, count=3)))
    assert (cost_of(two), pictures_of(two)) == (4 * one, 4)
    costs: list[tuple[Order, int, int]] = [
        (Vary(picture="a1.1", seed=1), 4 * one, 4),
        (Again(picture="a1.1", seed=1), 2 * one, 2),
        (Upscale(picture="a1.1"), 128 * 192, 1),
        (Upscale(picture="a1.1", scale=4, creative=True), 16 * one, 1),
        (replace(EDIT, count=3), 3 * one, 3),
        (Zoom(picture="a1.1", seed=1), 4 * one, 1),
        (Pan(picture="a1.1", way="left", seed=1), 64 * 144 * 3, 1),
        (Square(picture="a1.1", seed=1), 96 * 96 * 3, 1),
        (Blend(pictures=("a1.1", given), count=2, seed=1), 2 * one, 2),
        (Vary(picture=given, prompt="a", seed=1, count=1), 72 * 96 * 8, 1),
    ]
    for order, cost, pictures in costs:
        assert (cost_of(order, store), pictures_of(order, store)) == (cost, pictures), order
    assert cost_of(Vary(picture="a1.1", seed=1)) == 4 * 512 * 512 * 8  # as usual, unseen


def test_what_is_searched_for(store: Store, given: str) -> None:
    requests = (FOX, replace(FOX, prompt="a dog"), replace(FOX, seed=9))
    assert said(Make(requests=requests)) == "a fox | a dog"
    assert said(Vary(picture="a1.1", seed=1), store) == "a fox"
    assert said(Vary(picture="a1.1", prompt="a dog", seed=1), store) == "a dog"
    assert said(EDIT, store) == "a fox"
    assert said(replace(EDIT, prompt="a hat"), store) == "a hat"
    assert said(Again(picture="a1", seed=1), store) == "a fox"
    assert said(Again(picture="a1", prompt="a dog", seed=1), store) == "a dog"
    assert said(Blend(pictures=("a1.1", given, "a1.2"), seed=1), store) == "a fox AND a fox"
    assert said(Upscale(picture=given), store) == ""


def test_a_job_of_several_requests_counts_whole(store: Store) -> None:
    both = [FOX, replace(FOX, prompt="a dog", count=2)]
    kept(store, FOX, requests=[to_json(request) for request in both])
    order = Again(picture="a2", seed=1)
    assert (pictures_of(order, store), said(order, store)) == (3, "a fox | a dog")


def test_a_picture_to_start_from_gives_size_and_prompt(store: Store, given: str) -> None:
    [job] = typed({"image": "a1.2"}, store)
    [wish] = job.requests
    assert (wish.prompt, wish.height, wish.width, wish.image) == ("a fox", 64, 96, "a1.2")
    [job] = typed({"image": given, "prompt": "a dog", "outpaint": [8, 0, 0, 0]}, store)
    assert (job.requests[0].height, job.requests[0].width) == (72, 112)
    [job] = typed({"image": given, "prompt": "a dog", "ar": "1:1"}, store)
    assert (job.requests[0].height, job.requests[0].width) == (512, 512)
    with pytest.raises(RequestError, match="no prompt"):
        typed({"image": given}, store)
    with pytest.raises(RequestError, match=r"image is 'fox\.png'"):
        typed({"image": "fox.png"}, store)
