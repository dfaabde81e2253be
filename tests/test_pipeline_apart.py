from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import RequestError
from molnar.base.request import Picture, Request, Variation
from molnar.base.types import Step
from molnar.bundle import Bundle, save
from molnar.pipeline import Pipeline, load
from molnar.starting import from_files, name_of
from molnar.text.meaning import Meaning


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Pipeline:
    return load(tiny, threads=1)


def small(**changes: Any) -> Request:
    return Request(prompt="a red circle", height=128, width=128, seed=5, steps=2).replaced(
        **changes
    )


def told(picture: Picture) -> dict[str, Any]:
    return {key: value for key, value in picture.record().items() if key != "seconds"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": 2**32 - 2, "sampler": "euler_ancestral"},
        {"variations": (Variation(seed=8, strength=0.3),)},
        {"best_of": 2, "guidance": 1.0},
    ],
)
def test_some_of_a_request_are_as_among_all(pipeline: Pipeline, changes: dict[str, Any]) -> None:
    request = small(count=3, **changes)
    whole = pipeline(request)
    for only in ([0], [2], [2, 0]):
        found = [event for event in pipeline.draw(request, only) if isinstance(event, Picture)]
        assert [told(one) for one in found] == [told(whole[k]) for k in only]


def test_nothing_is_drawn_for_none(pipeline: Pipeline) -> None:
    assert list(pipeline.draw(small(), [])) == []
    kinds = [type(event) for event in pipeline.draw(small(count=3), [1])]
    assert kinds == [Step, Step, Picture]


@pytest.mark.parametrize("only", [[3], [-1], [0, 7]])
def test_a_picture_that_is_not_asked_for_is_refused(pipeline: Pipeline, only: list[int]) -> None:
    with pytest.raises(RequestError, match=f"got picture {only[-1]}; expected 0 to 2"):
        next(pipeline.draw(small(count=3), only))


def test_each_pipeline_finds_its_own_pictures(pipeline: Pipeline) -> None:
    black, white = (np.full((128, 128, 3), grey, np.uint8) for grey in (0, 255))
    one = pipeline.apart(lambda name: black)
    other = pipeline.apart(lambda name: white)
    request = small(image="start", strength=0.5)
    assert one.resolve(request).image == name_of(black)
    assert other.resolve(request).image == name_of(white)
    assert pipeline.library is from_files
    assert not pipeline._seen
    assert pipeline.parts is one.parts is other.parts
    assert pipeline.lexicon is one.lexicon


def test_the_table_of_meanings_is_read_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.array([[100, 0], [0, 100]], np.int8)
    meaning = Meaning(
        words={"pooch": 0, "kiwi": 1}, vectors=vectors, names=("fox", "star"),
        plurals=("foxes", "stars"), articles=("a", "a"), name_vectors=vectors,
    )  # fmt: skip
    bundle = Bundle.load(tiny)
    for path in tiny.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    meaning.save(tmp_path / "meaning.safetensors")
    manifest = replace(bundle.manifest, meaning="meaning.safetensors")
    base = load(save(tmp_path, manifest).folder, threads=1)
    reads: list[object] = []
    read = Meaning.load
    monkeypatch.setattr(Meaning, "load", lambda path: reads.append(path) or read(path))
    apart = [base.apart(from_files) for _ in range(3)]
    assert [one.read("a pooch") for one in (*apart, base)] == ["fox"] * 4
    assert len(reads) == 1


def test_many_threads_read_and_draw_as_one_does(pipeline: Pipeline) -> None:
    prompts = ["a red circle", "two (green:1.2) stars", "a fox BREAK a beach", "[a fox:a star:0.5]"]
    requests = [small(prompt=prompt, seed=k) for k, prompt in enumerate(prompts)]
    expected = [pipeline(request)[0].image for request in requests]
    wrong: list[str] = []

    def work(apart: Pipeline) -> None:
        for request, image in zip(requests, expected, strict=True):
            if not np.array_equal(apart(request)[0].image, image):
                wrong.append(request.prompt)

    threads = [threading.Thread(target=work, args=(pipeline.apart(from_files),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
