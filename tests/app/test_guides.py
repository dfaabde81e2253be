"""Guides (ControlNet, IP-Adapter) in requests, flags and A1111's calls; no model is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar import verbs
from molnar.app.cli.wishes import guide
from molnar.app.jobs import Store
from molnar.app.orders import checked, order_from, to_json, typed
from molnar.app.server.a1111.fields import asked
from molnar.app.server.a1111.guides import units_of
from molnar.app.server.native import models
from molnar.base.config import from_json
from molnar.base.config import to_json as plain
from molnar.base.errors import RequestError
from molnar.base.request import Guide, Picture, Request, request_from
from molnar.bridge.guide_files import find_guide, folders_of

NAME = "sha256:" + "0a" * 32
EDGES = Guide(kind="control", model="canny", image=NAME, weight=0.8)
ME = Guide(kind="ip", model="face", image=NAME)


def test_a_request_keeps_its_guides_in_json_and_in_a_picture(tmp_path: Path) -> None:
    from molnar.base import metadata

    request = Request(prompt="a fox", seed=7, guides=(EDGES, ME), height=64, width=64)
    assert from_json(Request, plain(request)).guides == (EDGES, ME)
    assert request.pictures == (NAME,)
    picture = Picture(image=np.zeros((64, 64, 3), np.uint8), request=request, seed=7)
    found = metadata.read(picture.save(tmp_path / "fox.png"))
    assert request_from(found).guides == (EDGES, ME)
    assert '1: "Module: none, Model: face, Weight: 1"' in picture.parameters()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight": 2.5}, "weight is 2.5; expected 0 to 2"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"kind": "depth"}, "expected one of: control, ip"),
        ({"model": " "}, "model is empty; expected a text"),
        ({"image": ""}, "image is empty"),
    ],
)
def test_a_guide_has_limits(change: dict[str, Any], said: str) -> None:
    one = Guide(**{"kind": "control", "model": "canny", "image": NAME, **change})
    with pytest.raises(RequestError, match=said):
        Request(prompt="a fox", guides=(one,)).validated()
    with pytest.raises(RequestError, match="9 members; expected 0 to 8"):
        Request(prompt="a fox", guides=(ME,) * 9).validated()


def test_flags_name_a_model_a_picture_and_a_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "map:1").touch()
    for text, model, image, weight in [
        ("canny=edges.png", "canny", "edges.png", 1.0),
        ("canny = k7.2:0.5", "canny", "k7.2", 0.5),
        ("org/canny=a=b.png:1.5", "org/canny", "a=b.png", 1.5),
        ("nets=map:1", "~/nets", "map:1", 1.0),
        (f"canny={NAME}", "canny", NAME, 1.0),
        (r"canny=C:\maps\edges.png", "canny", r"C:\maps\edges.png", 1.0),
    ]:
        found = guide("control", text)
        assert (found.model, found.image, found.weight) == (model, image, weight), text
    for text in ("canny", "=edges.png", "canny=", "canny=edges.png:much"):
        with pytest.raises(RequestError, match="expected"):
            guide("control", text)


@pytest.mark.parametrize("model", ["/nets/canny", "~/canny", "./canny", "../canny", r"C:\canny"])
def test_over_http_a_model_has_a_name(model: str, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        sha = "sha256:" + store.put_input(np.zeros((64, 64, 3), np.uint8))
        told = {"kind": "control", "model": model, "image": sha, "weight": 1.0}
        [order] = typed({"prompt": "a fox", "guides": [told]}, store)
        with pytest.raises(RequestError, match="expected its name"):
            checked(order, store)
        checked(order, store, files=True)
        [order] = typed({"prompt": "a fox", "guides": [{**told, "model": "canny"}]}, store)
        assert checked(order_from(to_json(order)), store) == order
        [order] = typed(
            {"prompt": "a fox", "guides": [{**told, "model": "x", "image": "a"}]}, store
        )
        with pytest.raises(RequestError, match="the picture of a guide is 'a'"):
            checked(order, store)


def test_the_body_of_a_guide_is_strict() -> None:
    body: Any = models.Make
    good = {"kind": "control", "model": "canny", "image": NAME}
    assert models.given(body(prompt="a fox", guides=[good]))["guides"] == [good]
    for wrong in ({**good, "image": "edges.png"}, {**good, "kind": "x"}, {"kind": "ip"},
                  {**good, "weight": 3}, {**good, "image": None}):  # fmt: skip
        with pytest.raises(ValueError, match="guides"):
            body(prompt="a fox", guides=[wrong])


def test_what_is_drawn_around_a_picture_has_no_map() -> None:
    request = Request(prompt="a fox", seed=7, guides=(EDGES, ME), height=64, width=64)
    parent = verbs.Parent(pixels=np.zeros((64, 64, 3), np.uint8), request=request)
    assert verbs.zoom(parent, 2, seed=1).request.guides == (ME,)
    assert verbs.vary(parent, seed=1).request.guides == (EDGES, ME)


def test_names_are_looked_up_in_the_folders_alone(tmp_path: Path) -> None:
    net = tmp_path / "controlnet" / "org" / "canny"
    net.mkdir(parents=True)
    (net / "config.json").write_text('{"_class_name": "ControlNetModel"}')
    (net / "diffusion_pytorch_model.safetensors").touch()
    folders = folders_of([tmp_path / "loras"])
    for name in ("canny", "Org/Canny"):
        one = Guide(kind="control", model=name, image=NAME)
        assert find_guide(one, folders) == net
    for name in ("org", "controlnet/org/canny", "x/../canny"):
        with pytest.raises(RequestError, match="there are: canny"):
            find_guide(Guide(kind="control", model=name, image=NAME), folders)


def test_units_of_a1111() -> None:
    def read(*units: Any, kind: Any = "txt2img", **more: Any) -> tuple[Any, dict[str, Any]]:
        notes: dict[str, Any] = {}
        call = asked({"alwayson_scripts": {"ControlNet": {"args": list(units)}}, **more}, kind)
        return units_of(call, notes), notes

    one = {"image": "abc", "model": "canny [0123abcd]", "weight": "0.5", "guidance_end": 0.6,
           "control_mode": 0, "resize_mode": "Just Resize"}  # fmt: skip
    ([unit], notes) = read({"enabled": False}, one)
    assert (unit.model, unit.weight, unit.image, unit.mode) == ("canny", 0.5, "abc", 0)
    assert notes == {"ControlNet ignored": "guidance_end"}
    [unit] = read({"model": "canny"}, kind="img2img", init_images=["xyz"])[0]
    assert unit.image == "xyz"
    for wrong, said in [
        ({"image": "abc"}, "has no model"), ({"model": "canny"}, "has no image"),
        ("canny", "expected an object"), ({**one, "resize_mode": "much"}, "expected 0, 1 or 2"),
        ({**one, "weight": "much"}, "expected a number"),
    ]:  # fmt: skip
        with pytest.raises(RequestError, match=said):
            read(wrong)


def test_the_shipped_model_takes_none() -> None:
    from molnar.bundle import SHIPPED, read_manifest
    from molnar.resolving import resolved

    manifest = read_manifest(SHIPPED / "sticker" / "bundle.json")
    with pytest.raises(RequestError, match="'sticker' takes no ControlNet and no IP-Adapter"):
        resolved(Request(prompt="a fox", guides=(EDGES,)), manifest)
