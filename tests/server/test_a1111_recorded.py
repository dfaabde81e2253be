"""What other people's programs send to A1111, call by call, and what they read from the answers.

`recorded/*.json` says for each call: its body (`$image` is a picture, `$name.0.title` something of
an earlier answer kept as `name`), what the program `reads` of the answer, what must `equal`
something or be absent (`lacks`), and what must be a `png`.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from molnar.base import metadata

# What speaks OpenAI's dialect is recorded beside it, and replayed in `clients/`.
RECORDED = [
    path
    for path in sorted((Path(__file__).parent / "recorded").glob("*.json"))
    if path.stem != "openai_clients"
]
SIDE = 96


def encoded(pixels: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


def picture() -> str:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return encoded(np.stack([rows * 2, columns * 2, rows + columns], axis=-1).astype(np.uint8))


def mask() -> str:
    plane = np.zeros((SIDE, SIDE, 3), np.uint8)
    plane[16:56, 24:64] = 255
    return encoded(plane)


def at(value: Any, place: str) -> Any:
    """Follow a path such as `state.job_count`; fails where the program would."""
    for part in filter(None, place.split(".")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def filled(body: Any, kept: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {key: filled(value, kept) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, kept) for value in body]
    if isinstance(body, str) and body.startswith("$"):
        name, _, place = body[1:].partition(".")
        return at(kept[name], place)
    return body


def check(call: dict[str, Any], answer: httpx.Response) -> Any:
    assert answer.status_code == 200, f"{call['path']}: {answer.text[:300]}"
    said = answer.json()
    for place in call.get("reads", []):
        at(said, place)
    for place, value in call.get("equals", {}).items():
        assert at(said, place) == value
    for key in call.get("lacks", []):
        assert key not in said
    for place in call.get("info", []):
        at(json.loads(said["info"]), place)
    for place in call.get("png", []):
        data = base64.b64decode(at(said, place), validate=True)
        found = metadata.read(data)
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "PNG"
            assert list(image.size) == call.get("size", {}).get(place, list(image.size))
        assert "images" not in said or found.text["parameters"]
    if "text" in call:
        assert answer.text == call["text"]
    return said


def calls(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    for call in recorded["calls"]:
        yield call, recorded["headers"]


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
def test_a_program_finds_what_it_looks_for(path: Path, server: Any) -> None:
    kept: dict[str, Any] = {"image": picture(), "mask": mask()}
    with httpx.Client(base_url=server.url, timeout=120) as client:
        for call, headers in calls(path):
            body = {"json": filled(call["body"], kept)} if "body" in call else {}
            answer = client.request(call["method"], call["path"], headers=headers, **body)
            said = check(call, answer)
            if "keep" in call:
                kept[call["keep"]] = said
