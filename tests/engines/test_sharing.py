from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import ConfigError, RequestError
from molnar.base.request import Picture, Request, Variation
from molnar.base.types import Step, TextEmbedding
from molnar.bundle import Bundle
from molnar.engines import open_parts
from molnar.engines.sharing import Shared, available, kind_of
from molnar.pipeline import Pipeline
from molnar.starting import from_files, name_of

LONG = 60.0  # seconds: what takes longer hangs
Pixels = np.ndarray[Any, Any]
Together = Callable[..., list[Any]]


def scene(rows: int, columns: int) -> Pixels:
    ramp = np.arange(rows * columns * 3).reshape(rows, columns, 3)
    return (ramp % 251).astype(np.uint8)


def hole(rows: int, columns: int) -> Pixels:
    mask = np.zeros((rows, columns, 3), np.uint8)
    mask[: rows // 2, : columns // 2] = 255
    return mask


PICTURES = {name_of(p): p for p in (scene(128, 128), hole(128, 128), scene(96, 160))}
SQUARE, MASK, WIDE = PICTURES


def asked(prompt: str, **changes: Any) -> Request:
    return Request(prompt=prompt, height=128, width=128).replaced(**changes)


# Steps, samplers, guidance, sizes, shapes, starts: next to no two that are alike.
MIX = (
    asked("a red circle", seed=1),
    asked("a blue square", seed=2, guidance=1.0),
    asked("a fox", seed=3, steps=5, sampler="euler_ancestral"),
    asked("two green stars", seed=4, steps=2, sampler="heun", guidance=5.0),
    asked("a red square", seed=5, height=120, width=200, negative_prompt="a fox"),
    asked("a beach", seed=6, height=520, width=320, steps=2),
    asked("a fox, transparent background", seed=7, steps=4, sampler="dpmpp_2m_sde"),
    asked("a (red:1.5) circle", seed=8),
    asked("a blue circle", seed=9, image=SQUARE, strength=0.6),
    asked("a star", seed=10, image=SQUARE, mask=MASK, steps=2),
    asked("a star", seed=11, image=WIDE, height=96, width=160, strength=0.5),
    asked("a green fox", seed=12, tile=True, steps=4),
    asked("a green star", seed=13, best_of=2, guidance=1.0, steps=2),
    asked("a square", seed=14, count=2, variations=(Variation(seed=3, strength=0.2),)),
)


@pytest.fixture(scope="module")
def alone(tiny: Path) -> Pipeline:
    bundle = Bundle.load(tiny)
    return Pipeline(bundle, open_parts(bundle, threads=2), library=PICTURES.__getitem__)


@pytest.fixture(scope="module")
def expected(alone: Pipeline) -> list[list[Pixels]]:
    return [[picture.image for picture in alone(request)] for request in MIX]


@pytest.fixture
def shared(tiny: Path) -> Shared:
    return Shared(Bundle.load(tiny), threads=2)


@pytest.fixture
def pipeline(alone: Pipeline, shared: Shared) -> Pipeline:
    return Pipeline(alone.bundle, shared, library=PICTURES.__getitem__)


def drawing(
    pipeline: Pipeline, shared: Shared, request: Request, gate: threading.Barrier | None = None
) -> Callable[[], list[Pixels]]:
    def work() -> list[Pixels]:
        apart = pipeline.apart(PICTURES.__getitem__)
        with shared.drawing():
            if gate:
                gate.wait(LONG)
            return [picture.image for picture in apart(request)]

    return work


def same(found: Any, expected: list[Pixels]) -> bool:
    assert isinstance(found, list), found
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


class Watched:
    """Parts that pass on what they are asked, and remember the rows of each velocity."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts
        self.rows: list[int] = []

    def velocity(self, x: Any, t: Any, text: TextEmbedding) -> Any:
        self.rows.append(len(x))
        return self.parts.velocity(x, t, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parts, name)


def watched(shared: Shared, kind: type[Watched] = Watched) -> Watched:
    watch = kind(shared._narrow)
    shared._narrow = watch  # type: ignore[assignment]
    return watch


@pytest.mark.parametrize("large", [500_000, pytest.param(0, marks=pytest.mark.long)])
def test_every_mix_of_pictures_is_the_pictures_alone(
    pipeline: Pipeline,
    shared: Shared,
    expected: list[list[Pixels]],
    together: Together,
    monkeypatch: pytest.MonkeyPatch,
    large: int,  # numbers of an image that is enlarged by itself
) -> None:
    monkeypatch.setattr("molnar.engines.sharing.LARGE", large)
    watch = watched(shared)
    works = [drawing(pipeline, shared, request) for request in MIX]
    for found in (together(*works), together(*works[::-1])[::-1]):  # the second time all is proven
        assert [same(one, two) for one, two in zip(found, expected, strict=True)] == [True] * 14
    assert 2 < max(watch.rows) <= 16
    assert shared.active == 0


def test_a_picture_alone_has_all_cores(
    pipeline: Pipeline, shared: Shared, expected: list[list[Pixels]]
) -> None:
    watch = watched(shared)
    assert same(drawing(pipeline, shared, MIX[0])(), expected[0])
    assert watch.rows == []


def test_pictures_join_and_leave_at_any_step(
    pipeline: Pipeline, shared: Shared, expected: list[list[Pixels]], together: Together
) -> None:
    begun, closed = threading.Event(), threading.Event()

    def first() -> list[Pixels]:
        apart, found = pipeline.apart(PICTURES.__getitem__), []
        with shared.drawing():
            for event in apart.draw(MIX[2]):
                if isinstance(event, Step):
                    begun.set()
                    if event.index == 1:
                        assert closed.wait(LONG)  # two others have come, and one has gone
                else:
                    found.append(event.image)
        return found

    def cancelled() -> None:
        assert begun.wait(LONG)
        with shared.drawing():
            events = pipeline.apart(PICTURES.__getitem__).draw(MIX[0])
            next(events)
            events.close()  # type: ignore[attr-defined]
        closed.set()

    def late() -> Any:
        assert begun.wait(LONG)
        return drawing(pipeline, shared, MIX[3])()

    found = together(first, cancelled, late)
    assert same(found[0], expected[2])
    assert found[1] is None
    assert same(found[2], expected[3])
    assert shared.active == 0
    assert same(drawing(pipeline, shared, MIX[0])(), expected[0])


def test_one_that_fails_takes_nobody_with_it(
    pipeline: Pipeline, shared: Shared, expected: list[list[Pixels]], together: Together
) -> None:
    def breaks(*_: object) -> Any:
        raise MemoryError("no room for a picture")

    def broken() -> Any:
        apart = pipeline.apart(from_files)
        apart._decode = breaks  # type: ignore[method-assign]
        with shared.drawing():
            return apart(MIX[0])

    bad = drawing(pipeline, shared, MIX[0].replaced(steps=0))
    good = [drawing(pipeline, shared, MIX[k]) for k in (0, 2, 3)]
    found = together(good[0], bad, good[1], broken, good[2])
    assert isinstance(found[1], RequestError)
    assert isinstance(found[3], MemoryError)
    assert [same(found[k], expected[n]) for k, n in ((0, 0), (2, 2), (4, 3))] == [True] * 3
    assert shared.active == 0


class Narrow(Watched):
    """Has no memory for more than one picture."""

    def velocity(self, x: Any, t: Any, text: TextEmbedding) -> Any:
        if len(x) > 2:
            self.rows.append(len(x))
            raise MemoryError(f"no room for {len(x)}")
        return self.parts.velocity(x, t, text)


class Careless(Watched):
    """Computes a batch in another order than its rows alone, or a row unlike all cores do."""

    def velocity(self, x: Any, t: Any, text: TextEmbedding) -> Any:
        self.rows.append(len(x))
        return np.asarray(self.parts.velocity(x, t, text)) * np.float32(1 + 1e-6 * (len(x) - 2))

    def decode(self, latent: Any) -> Any:
        return self.parts.decode(latent) * np.float32(1.001)


@pytest.mark.parametrize("kind", [Narrow, Careless])
def test_what_cannot_be_computed_together_is_not(
    kind: type[Watched],
    pipeline: Pipeline,
    shared: Shared,
    expected: list[list[Pixels]],
    together: Together,
) -> None:
    watch = watched(shared, kind)
    shared._lanes._patience = LONG  # on a busy machine, too, they meet
    some, gate = [0, 1, 4, 0, 3, 0], threading.Barrier(6)
    found = together(*(drawing(pipeline, shared, MIX[k], gate) for k in some))
    assert all(same(one, expected[k]) for one, k in zip(found, some, strict=True))
    assert max(watch.rows) > 2  # it was tried


def velocities(
    shared: Shared, count: int, width: int, together: Together
) -> tuple[list[Any], list[Any]]:
    """Ask for velocities of `count` pictures at once; give the questions and the answers."""
    numbers = partial(np.random.default_rng(0).standard_normal, dtype=np.float32)
    questions = [
        (
            numbers((2, 4, 16, width)),
            np.full(2, 0.1 * k, np.float32),
            TextEmbedding(numbers((2, 32, 32)), numbers((2, 16)), np.ones((2, 32), bool)),
        )
        for k in range(1, count + 1)
    ]
    gate = threading.Barrier(count)

    def work(question: Any) -> Any:
        with shared.drawing():
            gate.wait(LONG)
            return shared.velocity(*question)

    return questions, together(*(lambda q=q: work(q) for q in questions))  # type: ignore[misc]


@pytest.mark.parametrize("rows", [2, 6, 16])
def test_batches_have_so_many_rows_at_most(tiny: Path, rows: int, together: Together) -> None:
    shared = Shared(Bundle.load(tiny), threads=2, rows=rows)
    watch = watched(shared)
    questions, found = velocities(shared, 7, 16, together)
    for question, one in zip(questions, found, strict=True):
        assert np.array_equal(one, shared._wide.velocity(*question))
    assert max(watch.rows) <= rows


def test_a_wrong_question_is_answered_to_who_asked(shared: Shared, together: Together) -> None:
    class Picky(Watched):
        def velocity(self, x: Any, t: Any, text: TextEmbedding) -> Any:
            if (t == np.float32(0.1) * 2).any():
                raise ValueError("not at 0.2")
            return self.parts.velocity(x, t, text)

    shared._wide = Picky(shared._wide)  # type: ignore[assignment]
    watched(shared, Picky)
    questions, found = velocities(shared, 4, 12, together)
    assert isinstance(found[1], ValueError)
    for k in (0, 2, 3):
        assert np.array_equal(found[k], shared._wide.velocity(*questions[k]))


def test_only_what_fits_is_put_together() -> None:
    def kind(rows: int, columns: int, length: int, **plan: Any) -> Any:
        text = TextEmbedding(
            np.zeros((rows, length, 8)), np.zeros((rows, 4)), np.ones((rows, length)), **plan
        )
        return kind_of(np.zeros((rows, 4, 8, columns)), np.zeros(rows), text)

    assert kind(2, 8, 32) == kind(5, 8, 32)
    assert kind(2, 8, 32, plan=np.zeros((2, 3, 8, 8))) != kind(2, 8, 32)
    assert len({kind(2, 8, 32), kind(2, 12, 32), kind(2, 8, 16)}) == 3
    assert kind(1, 8, 32) is None
    assert kind(2, 8, 32, plan=np.zeros((1, 3, 8, 8))) is None


def test_one_core_works_too(alone: Pipeline, together: Together) -> None:
    shared = Shared(alone.bundle, threads=1)
    assert shared.cores == 1
    some = [drawing(Pipeline(alone.bundle, shared), shared, MIX[0]) for _ in range(3)]
    [expected] = alone(MIX[0])
    assert all(same(found, [expected.image]) for found in together(*some))


def test_torch_computes_one_call_after_the_other(alone: Pipeline, together: Together) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        shared = Shared(alone.bundle, "torch", threads=1)
        assert shared.cores == 1
        pipeline, request = Pipeline(alone.bundle, shared), MIX[0].replaced(steps=1)
        [expected] = pipeline(request)
        for found in together(*[drawing(pipeline, shared, request)] * 2):
            assert same(found, [expected.image])
    finally:
        torch.set_num_threads(before)


def test_cores_are_those_of_the_process(tiny: Path) -> None:
    assert Shared(Bundle.load(tiny)).cores == available() >= 1
    with pytest.raises(ConfigError, match="threads=0"):
        Shared(Bundle.load(tiny), threads=0)


def test_pictures_of_one_request_are_drawn_apart(
    pipeline: Pipeline, shared: Shared, alone: Pipeline, together: Together
) -> None:
    request = asked("a red star", seed=2**32 - 1, count=3, steps=2)

    def work(index: int) -> Picture:
        with shared.drawing():
            *_, picture = pipeline.apart(from_files).draw(request, only=[index])
        assert isinstance(picture, Picture)
        return picture

    found = together(*(lambda k=k: work(k) for k in range(3)))  # type: ignore[misc]
    for one, other in zip(found, alone(request), strict=True):
        records = [{**picture.record(), "seconds": {}} for picture in (one, other)]
        assert records[0] == records[1]
