"""An order and the command line lead to the same pictures, of the same ancestors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from molnar.app.jobs import Store
from molnar.app.orders import (
    Again,
    Blend,
    Edit,
    Make,
    Order,
    Pan,
    Sources,
    Square,
    Upscale,
    Vary,
    Zoom,
    order_from,
    task_of,
    to_json,
    typed,
)
from molnar.app.session import Drawn, Session
from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.pipeline import Pipeline
from molnar.starting import SCHEME, name_of

Run = Callable[..., Any]
SMALL = {"height": 64, "width": 64, "steps": 1}
FLAGS = ("--size", "64", "--steps", "1")


@pytest.fixture
def session(make: Run, tiny_pipeline: Pipeline) -> Iterator[Session]:
    """A history in which a1 is two red circles, seeds 5 and 6, beside the command line."""
    assert make("a red circle", "-s", "5", "-b", "2", *FLAGS).code == 0
    with Session(Store.open(), lambda: tiny_pipeline) as opened:
        yield opened


def pictures(session: Session, order: Order) -> list[NDArray[np.uint8]]:
    """Draw an order as a worker does: read from JSON, and without paths."""
    task = task_of(session, order_from(to_json(order)))
    return [event.picture.image for event in session.draw(task) if isinstance(event, Drawn)]


def same(session: Session, order: Order, make: Run, *args: str) -> None:
    """Draw an order and a command: they must agree in pictures and in what the history says."""
    ours = pictures(session, order)
    ran = make(*args)
    assert ran.code == 0, ran.err
    cli, mine = session.store.search(limit=2)
    theirs = [np.asarray(Image.open(picture.path)) for picture in cli.pictures]
    assert len(ours) == len(theirs) > 0
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    for name in ("verb", "request", "extra", "parents", "prompt"):
        assert getattr(mine, name) == getattr(cli, name), name
    assert (mine.grid is None) == (cli.grid is None)


@pytest.mark.parametrize(
    ("order", "args"),
    [
        (Vary(picture="a1.2", seed=3), ["vary", "a1.2"]),
        (
            Vary(picture="a1.1", prompt="a fox", strong=True, count=1, seed=3),
            ["vary", "a1.1", "--strong", "-b", "1", "-p", "a fox"],
        ),
        (Again(picture="a1", seed=3), ["again", "a1"]),
        (Again(picture="a1.2", prompt="a blue square", seed=3), ["again", "a1", "-p",
                                                                 "a blue square"]),
        (Upscale(picture="a1.1", creative=True, seed=3), ["upscale", "a1.1", "--creative"]),
        (
            Edit(picture="a1.1", prompt="a fox", region=(8, 8, 30, 20), count=2, feather=3, seed=3),
            ["edit", "a1.1", "--region", "8,8,30,20", "-p", "a fox", "-b", "2", "--feather", "3"],
        ),
        (Edit(picture="a1.1", mask="a1.2", seed=3), ["edit", "a1.1", "--mask", "a1.2"]),
        (Zoom(picture="a1.1", factor=1.5, seed=3), ["zoom", "a1.1", "1.5"]),
        (Pan(picture="a1.1", way="up", prompt="a fox", seed=3), ["pan", "a1.1", "up", "-p",
                                                                 "a fox"]),
        (
            Blend(pictures=("a1.1", "a1.2"), weights=(1.0, 3.0), seed=3),
            ["blend", "a1.1", "a1.2", "-w", "1", "-w", "3"],
        ),
    ],
)  # fmt: skip
def test_every_verb_draws_what_its_command_draws(
    session: Session, make: Run, order: Order, args: list[str]
) -> None:
    same(session, order, make, *args, "-s", "3")


def test_square_and_a_plain_upscale(session: Session, make: Run) -> None:
    pictures(session, Pan(picture="a1.1", way="left", seed=1))
    same(session, Square(picture="a2", seed=3), make, "square", "a2.1", "-s", "3")
    same(session, Upscale(picture="a1.1"), make, "upscale", "a1.1")


@pytest.mark.parametrize(
    ("fields", "args"),
    [
        ({"prompt": "a {red|blue|green} circle", "count": 2}, ["a {red|blue|green} circle", "-b",
                                                               "2"]),
        ({"prompt": "a fox --chaos 40 --no cats", "grid": True}, ["a fox --chaos 40 --no cats",
                                                                  "--grid"]),
        (
            {"prompt": "a fox", "image": "a1.2", "mask": "a1.1", "strength": 0.5},
            ["a fox", "-i", "a1.2", "--mask", "a1.1", "--strength", "0.5"],
        ),
        ({"image": "a1.2"}, ["-i", "a1.2"]),
        (
            {"prompt": "a fox", "image_prompt": "a1.2", "iw": 2},
            ["a fox", "--image-prompt", "a1.2", "--iw", "2"],
        ),
        ({"prompt": "a fox", "image_prompt": "a1.2", "iw": 0}, ["a fox", "--image-prompt", "a1.2",
                                                                "--iw", "0"]),
    ],
)  # fmt: skip
def test_what_is_typed_is_drawn_as_by_the_command(
    session: Session, make: Run, fields: dict[str, Any], args: list[str]
) -> None:
    [order] = typed({**SMALL, "seed": 3, **fields}, session.store)
    same(session, order, make, *args, "-s", "3", *FLAGS)


def test_an_input_is_as_good_as_a_file(session: Session, make: Run) -> None:
    pixels = np.zeros((64, 80, 3), np.uint8)
    pixels[:, 40:] = (218, 34, 40)
    Image.fromarray(pixels).save("half.png")
    name = SCHEME + session.store.put_input(pixels)
    assert name == name_of(pixels)
    pairs: list[tuple[Order, list[str]]] = [
        (Vary(picture=name, prompt="a fox", count=1, seed=3), ["vary", "half.png", "-p", "a fox",
                                                               "-b", "1"]),
        (Zoom(picture=name, factor=1.5, seed=3), ["zoom", "half.png", "1.5"]),
    ]  # fmt: skip
    for order, args in pairs:
        same(session, order, make, *args, "-s", "3")
    [made] = typed({"prompt": "a fox", "image": name, "seed": 3, "steps": 1}, session.store)
    same(session, made, make, "a fox", "-i", "half.png", "-s", "3", "--steps", "1")
    one, other = pictures(session, Blend(pictures=(name, "a1.1"), count=2, seed=1))
    assert one.shape[:2] == (64, 80)
    assert (one != other).any()
    assert session.store.search(limit=1)[0].parents[0].role == "blend"


def test_a_picture_of_any_size_and_depth_will_do(session: Session) -> None:
    grey = SCHEME + session.store.put_input(np.full((70, 100, 1), 90, np.uint8))
    [drawn] = pictures(session, Blend(pictures=(grey, "a1.1"), seed=1))
    assert drawn.shape[:2] == (72, 96)
    [drawn] = pictures(session, Edit(picture=grey, region=(0, 0, 20, 20), seed=1))
    assert drawn.shape[:2] == (72, 104)


def test_what_is_drawn_twice_is_the_same(session: Session) -> None:
    [order] = typed({"prompt": "a {red|blue} circle", **SMALL})
    first, again = (pictures(session, order) for _ in range(2))
    assert (first[0] == again[0]).all()


def test_words_find_what_is_to_change(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, str]] = []

    def where(pipeline: Pipeline, parent: Any, words: str) -> NDArray[np.uint8]:
        asked.append((parent.request.seed, words))
        mask = np.zeros((64, 64, 3), np.uint8)
        mask[:20, :20] = 255
        return mask

    monkeypatch.setattr("molnar.seeing.where.where", where)
    task = task_of(session, Edit(picture="a1.2", where="hat", seed=3))
    assert (asked, task.extra) == ([(6, "hat")], {"where": "hat"})


def test_a_worker_reads_no_files_and_trusts_nobody(session: Session) -> None:
    Image.new("RGB", (64, 64)).save("old.png")
    refused: list[tuple[Order, str]] = [
        (Upscale(picture="old.png"), "picture is 'old.png'; expected a picture of the history"),
        (Again(picture="old.png", seed=1), "expected a job such as k7"),
        (
            Make(requests=(Request(prompt="a", image="old.png"),)),
            "picture is 'old.png'; expected a picture of the history",
        ),
        (Make(requests=(Request(prompt="a"),), image_prompt="/etc/passwd"), "expected a picture"),
        (Upscale(picture=SCHEME + "0" * 64), "no picture with pixels 0000000000"),
        (Edit(picture="a1.1", region=(60, 0, 8, 8), seed=1), "x + width up to 64"),
        (Vary(picture="a1.1", seed=1, count=0), "count is 0"),
        (Square(picture="a1.1", seed=1), "expected one that is not square"),
    ]
    for order, said in refused:
        with pytest.raises(RequestError) as caught:
            task_of(session, order)
        assert said in str(caught.value)


def test_a_picture_that_several_orders_name_is_read_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64)).save("old.png")
    sources = Sources(session.store, files=True)
    wish = Request(prompt="a fox", image="old.png", seed=1, height=64, width=64)
    task_of(session, Make(requests=(wish, replace(wish, seed=2))), sources)
    Path("old.png").unlink()
    task = task_of(session, Make(requests=(replace(wish, seed=3),)), sources)
    assert task.wishes[0].request.image.startswith(SCHEME)


def test_a_job_that_was_never_begun_cannot_be_done_again(session: Session) -> None:
    job = session.store.begin("make", {}, "a fox")
    with pytest.raises(RequestError, match=f"{job.id} was never begun"):
        task_of(session, Again(picture=job.id, seed=1))
