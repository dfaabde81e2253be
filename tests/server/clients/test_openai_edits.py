"""Edits and variations by the `openai` package, unchanged; a painter draws instead of a model."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image

RED = "red circle"


def png(width: int = 64, height: int = 64, clear: bool = False) -> bytes:
    pixels = np.full((height, width, 4), (10, 20, 30, 255), np.uint8)
    if clear:
        pixels[: height // 2, :, 3] = 0
    out = io.BytesIO()
    Image.fromarray(pixels if clear else pixels[..., :3]).save(out, "PNG")
    return out.getvalue()


def test_edit_with_a_mask(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        answer = await client.images.edit(
            image=("a.png", png()), mask=("m.png", png(clear=True)), prompt="a hat", n=2,
            extra_body={"seed": 5},
        )  # fmt: skip
        [order] = painter.orders
        mask = await painter.hub.store(lambda store: store.get_input(order.mask[7:]))
        return answer, order, mask

    answer, order, mask = asked(test)
    assert (order.prompt, order.count, order.seed) == ("a hat", 2, 5)
    assert (mask[:32] == 255).all()
    assert (mask[32:] == 0).all()
    assert len(answer.data) == 2


def test_edit_without_a_mask_starts_from_the_whole_picture(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        await client.images.edit(
            image=[("a.png", png(96, 64))], prompt="at night", input_fidelity="high"
        )
        with pytest.raises(openai.BadRequestError, match="one picture"):
            await client.images.edit(image=[("a.png", png()), ("b.png", png())], prompt="x")
        return painter.orders

    [order] = asked(test)
    [request] = order.requests
    assert (request.width, request.height, request.strength) == (96, 64, 0.5)
    assert request.image.startswith("sha256:")


def test_the_oldest_model_takes_clear_places_as_the_mask(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        await client.images.edit(image=png(clear=True), prompt="a hat", model="dall-e-2")
        await client.images.edit(image=png(), prompt="a hat", model="dall-e-2")
        return [type(order).__name__ for order in painter.orders]

    assert asked(test) == ["Edit", "Make"]


def test_edit_streams(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        stream = await client.images.edit(
            image=png(), prompt="at night", stream=True, partial_images=1
        )
        return [event.type async for event in stream]

    assert asked(test) == ["image_edit.partial_image", "image_edit.completed"]


def test_edit_in_json(asked: Any) -> None:
    url = "data:image/png;base64," + base64.b64encode(png()).decode()

    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        drawn = await client.images.generate(prompt=RED, size="64x64", response_format="url")
        bodies = [
            {"images": [{"image_url": url}]},
            {"images": [{"file_id": "a1.1"}]},
            {"images": [{"image_url": drawn.data[0].url}]},  # type: ignore[index]
            {"image": url},
        ]
        for body in bodies:
            await client.post("/images/edits", body={**body, "prompt": "at night"}, cast_to=object)
        for bad in ("http://elsewhere/fox.png", "file:///etc/passwd", "nonsense", ""):
            with pytest.raises(openai.APIStatusError) as caught:
                await client.post(
                    "/images/edits",
                    body={"images": [{"image_url": bad}], "prompt": "x"},
                    cast_to=object,
                )
            assert caught.value.status_code in (400, 415)
        return [order.requests[0].image for order in painter.orders[1:]]

    first, second, third, fourth = asked(test)
    assert first == fourth != second
    assert second == third == "a1.1"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variation_of_an_unknown_picture_is_described_first(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        answer = await client.images.create_variation(image=png(), n=2, size="256x256")
        return answer, painter.orders, [what for what, _ in painter.asked]

    answer, [order], asked_for = asked(test)
    assert (order.prompt, order.count) == ("a plain colour", 2)
    assert "describe" in asked_for
    data = base64.b64decode(answer.data[0].b64_json)
    assert Image.open(io.BytesIO(data)).size == (256, 256)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variation_of_a_picture_with_a_prompt_keeps_it(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        one = await client.images.generate(prompt="a fox", size="64x64")
        data = base64.b64decode(one.data[0].b64_json)  # type: ignore[index, arg-type]
        await client.images.create_variation(image=data)
        return painter.orders[-1]

    assert asked(test).prompt == "a fox"
