"""What one points at: a picture of the history or a file, with all that is known of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molnar.app.job import Parent as Ancestor
from molnar.app.jobs import NewPicture, Store
from molnar.app.parents import find, found, plan_of, read
from molnar.base import metadata
from molnar.base.errors import DataError, RequestError
from molnar.base.request import Picture, Request, Variation
from molnar.base.types import Item

PLAN = (Item(name="background", colour="blue", behind=True), Item(name="fox", x=0.3, width=0.2))
CHAIN = (Variation(seed=3, strength=0.5),)


@pytest.fixture
def picture() -> Picture:
    return Picture(
        image=np.random.default_rng(0).integers(0, 256, (64, 72, 4), np.uint8),
        request=Request(prompt="a fox", height=64, width=72, seed=4, steps=2, count=3),
        seed=6, index=2, variations=CHAIN, plan=PLAN, model="tiny",
    )  # fmt: skip


def test_a_file_of_ours_tells_all(picture: Picture, tmp_path: Path) -> None:
    parent = find(str(picture.save(tmp_path / "x.png")))
    np.testing.assert_array_equal(parent.pixels, picture.image)
    assert parent.size == (64, 72)
    assert parent.plan == PLAN
    assert parent.request == picture.request.replaced(seed=6, variations=CHAIN, count=1)


def test_any_other_file_is_its_pixels(tmp_path: Path, picture: Picture) -> None:
    image = picture.to_pil().convert("RGB")
    image.save(tmp_path / "x.png")
    image.save(tmp_path / "x.jpg")
    (tmp_path / "y.png").write_bytes(metadata.encode(image, {"note": "no request"}, ""))
    broken = {"request": {"prompt": "x", "new": 1}, "seed": 1}
    (tmp_path / "z.png").write_bytes(metadata.encode(image, broken, ""))
    for name in ("x.png", "x.jpg", "y.png", "z.png"):
        parent = read(tmp_path / name)
        assert parent.size == (64, 72)
        assert (parent.request, parent.plan) == (None, ())


def test_a_picture_of_the_history_has_its_place_there(home: Path, picture: Picture) -> None:
    with Store.open() as store:
        store.begin("make", {}, "a fox")
        store.finish("a1", [NewPicture.of(picture), NewPicture.of(picture)])
        store.begin("make", {}, "a fox")
        store.finish("a2", [NewPicture.of(picture)])
        one = found("A1.2", store, "vary")
        assert one.ancestor == Ancestor("a1", 2, "vary")
        assert one.parent.plan == PLAN
        assert one.path.is_file()
        assert found("a2", store).ancestor == Ancestor("a2", 1, "init")
        for text, said in [
            ("a1", "a1 has 2 pictures"),
            ("a1.3", "not a picture 3; expected a1.1 and a1.2"),
            ("k7", "no job 'k7'"),
        ]:
            with pytest.raises(RequestError, match=said) as error:
                found(text, store)
            assert "\n" not in str(error.value)
    assert find("a2.1").size == (64, 72)


def test_what_is_there_neither_as_a_job_nor_as_a_file_is_one_line(
    home: Path, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=r"no picture 'none\.png'; expected a file, or"):
        find("none.png")
    with pytest.raises(RequestError, match="no picture"):
        find(str(tmp_path))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="not a readable"):
        find(str(tmp_path / "text.png"))
    frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "blue")]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"moving\.webp moves; expected a still picture"):
        find(str(tmp_path / "moving.webp"))


@pytest.mark.parametrize("plan", [7, None, [7], [{"name": "x", "z": 1}], [{"x": 1}]])
def test_a_plan_that_is_none_is_no_plan(plan: object) -> None:
    assert plan_of({"plan": plan}) == ()
    assert plan_of({}) == ()
    json.dumps(plan)
