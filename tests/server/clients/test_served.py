"""The real thing: `molnar serve` with the shipped model, and clients as people have them."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

MODEL = Path(__file__).parents[3] / "molnar" / "models" / "sticker" / "bundle.json"
pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="needs the shipped model")
SIZE: Any = "128x128"


@pytest.fixture
def client(server: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def pixels(datum: Any) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(base64.b64decode(datum.b64_json))) as image:
        return np.asarray(image.convert("RGB"))


def masking() -> bytes:
    mask, out = Image.new("RGBA", (128, 128), "black"), io.BytesIO()
    mask.paste((0, 0, 0, 0), (0, 0, 64, 64))
    mask.save(out, "PNG")
    return out.getvalue()


@pytest.mark.long
def test_generate_edit_and_vary(client: openai.OpenAI, server: Any) -> None:
    seed = {"seed": 7, "steps": 4}
    first, again = (
        client.images.generate(prompt="a red fox", size=SIZE, extra_body=seed) for _ in range(2)
    )
    assert first.data is not None
    assert again.data is not None
    assert (pixels(first.data[0]) == pixels(again.data[0])).all()
    assert first.usage is not None
    assert first.usage.input_tokens > 0
    png = base64.b64decode(first.data[0].b64_json or "")
    edited = client.images.edit(
        image=("fox.png", png), mask=("mask.png", masking()), prompt="a blue star"
    )
    assert edited.data is not None
    assert (pixels(edited.data[0])[80:] == pixels(first.data[0])[80:]).all()  # what stays, stays
    with pytest.warns(DeprecationWarning):
        varied = client.images.create_variation(image=png, n=2)
    assert varied.data is not None
    assert len(varied.data) == 2


def test_addresses_lead_to_pictures(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt="a fox", model="dall-e-3", size=SIZE, extra_body={"steps": 2}
    )
    assert answer.data is not None
    found = httpx.get(answer.data[0].url or "")
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")


def test_a_stream_shows_how_it_becomes(client: openai.OpenAI) -> None:
    # As at OpenAI, a picture that is finished at once shows fewer: so this one takes many steps.
    stream = client.images.generate(
        prompt="a fox", size=SIZE, stream=True, partial_images=2, extra_body={"steps": 60}
    )
    events = list(stream)
    assert events[-1].type == "image_generation.completed"
    assert [event.type for event in events[:-1]] == ["image_generation.partial_image"] * 2


def test_errors_and_headers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="a fox", n=11)
    assert caught.value.request_id
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("sdxl")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-5", messages=[])
    raw = client.models.with_raw_response.list()
    assert raw.parse().data[0].id == "sticker"
    assert raw.headers["x-request-id"]


def test_many_at_once_without_blocking(server: Any) -> None:
    async def test() -> int:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            answers = await asyncio.gather(
                *(
                    client.images.generate(prompt=text, size=SIZE, extra_body={"steps": 2})
                    for text in ("a fox", "a dog", "a star")
                )
            )
        return sum(len(answer.data or ()) for answer in answers)

    assert asyncio.run(test()) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_who_goes_away_cancels(server: Any, stream: bool) -> None:
    body = {"prompt": "a dog", "n": 2, "steps": 150, "stream": stream}
    with pytest.raises(httpx.ReadTimeout), httpx.stream(
        "POST", f"{server.url}/v1/images/generations", json=body, timeout=1.0
    ) as answer:  # fmt: skip
        for _ in answer.iter_bytes():
            pass
    until = time.monotonic() + 10
    while True:
        job = httpx.get(f"{server.url}/api/jobs?limit=1").json()["jobs"][0]
        if job["state"] == "cancelled":
            break
        assert time.monotonic() < until, job["state"]
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_an_agent_draws_and_edits(server: Any, mode: Any) -> None:
    async def test() -> Any:
        from mcp import Client

        async with Client(f"{server.url}/mcp", mode=mode) as client:
            size = {"width": 128, "height": 128, "steps": 2}
            drawn = await client.call_tool("generate_image", {"prompt": "a red fox", **size})
            name = drawn.structured_content["jobs"][0]["pictures"][0]["reference"]
            edited = await client.call_tool(
                "edit_image", {"picture": name, "region": [0, 0, 64, 64], "prompt": "a star"}
            )
            return drawn, edited

    drawn, edited = asyncio.run(test())
    assert not drawn.is_error, drawn.content
    assert not edited.is_error, edited.content
    uri = edited.structured_content["jobs"][0]["pictures"][0]["uri"]
    assert httpx.get(uri).status_code == 200


def test_agents_cost_nothing_until_one_knocks() -> None:
    import subprocess
    import sys

    code = (
        "import sys, molnar.app.server.app; "
        "print([name for name in ('mcp', 'onnxruntime', 'molnar.pipeline') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
