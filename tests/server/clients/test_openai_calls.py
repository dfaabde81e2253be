"""The `openai` package, unchanged, against the routes: a painter draws instead of a model."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import openai
import pytest
from fastapi import FastAPI
from PIL import Image

from molnar.base import metadata
from molnar.base.request import Request

BASE = "http://127.0.0.1:8000"
Test = Callable[[openai.AsyncOpenAI, Any], Awaitable[Any]]
RED = "red circle"


def opened(datum: Any) -> Image.Image:
    data = base64.b64decode(datum.b64_json)
    assert metadata.read(data).generated
    return Image.open(io.BytesIO(data))


def test_generate_gives_pictures_in_base64(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(
            prompt=RED, n=2, size="96x64", extra_body={"seed": 7}, model="gpt-image-1"
        )

    answer = asked(test)
    assert [opened(one).size for one in answer.data] == [(96, 64)] * 2
    assert [np.asarray(opened(one))[0, 0, 0] for one in answer.data] == [7, 8]  # the seeds
    assert (answer.size, answer.output_format, answer.background) == ("96x64", "png", "opaque")
    assert (answer.quality, answer.usage.input_tokens, answer.usage.output_tokens) == (
        "medium",
        2,
        0,
    )
    assert [one.revised_prompt for one in answer.data] == [None, None]
    assert [one["seed"] for one in answer.molnar["pictures"]] == [7, 8]


def test_generate_gives_addresses_for_the_old_models(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(prompt=RED, model="dall-e-3", size="64x64")

    [one] = asked(test).data
    assert one.url == f"{BASE}/files/a1.1.png"
    assert one.b64_json is None


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_formats_and_odd_sizes(asked: Any, kind: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(
            prompt=RED, output_format=kind, size="100x70", output_compression=60
        )

    answer = asked(test)
    image = opened(answer.data[0])
    assert (image.format, image.size, answer.size) == (kind.upper(), (100, 70), "100x70")
    assert answer.output_format == kind


def test_backgrounds(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(prompt=RED, background="transparent", size="64x64")

    answer = asked(test)
    assert answer.background == "transparent"
    assert opened(answer.data[0]).mode == "RGBA"


def test_a_prompt_that_is_written_out_comes_back(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(prompt="a {red, blue} fox", size="64x64")

    answer = asked(test)
    assert [one.revised_prompt for one in answer.data] == ["a red fox", "a blue fox"]


def test_words_not_taught_and_notes_are_told(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client.images.generate(prompt="a foxx, note", size="64x64")

    told = asked(test).molnar
    assert told["unknown"] == [{"word": "foxx", "nearest": ["fox"]}]
    assert told["notes"] == ["a note"]


def test_stream_gives_unfinished_pictures_and_the_finished_one(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        stream = await client.images.generate(
            prompt=RED, stream=True, partial_images=2, size="96x64", output_format="webp"
        )
        return [event async for event in stream]

    first, second, last = asked(test)
    assert [first.type, second.type] == ["image_generation.partial_image"] * 2
    assert [first.partial_image_index, second.partial_image_index] == [0, 1]
    assert last.type == "image_generation.completed"
    assert [opened(one).size for one in (first, second, last)] == [(96, 64)] * 3
    assert (last.usage.total_tokens, last.output_format, last.size) == (2, "webp", "96x64")
    assert isinstance(first, openai.types.ImageGenPartialImageEvent)
    assert isinstance(last, openai.types.ImageGenCompletedEvent)


def test_a_stream_of_several_says_which(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        stream = await client.images.generate(
            prompt=RED, n=2, stream=True, partial_images=1, size="64x64"
        )
        return [(event.type.rpartition(".")[2], event.image_index) async for event in stream]

    found = asked(test)
    assert sorted(found) == [
        ("completed", 0), ("completed", 1), ("partial_image", 0), ("partial_image", 1)
    ]  # fmt: skip


def test_beats_do_not_disturb_the_client(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molnar.app.server.beating.BEAT_SECONDS", 0.001)

    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        raw = await client.images.with_raw_response.generate(prompt=RED, stream=True, size="64x64")
        text = (await raw.http_response.aread()).decode()
        stream = await client.images.generate(prompt=RED, stream=True, size="64x64")
        return text, [event.type async for event in stream]

    text, kinds = asked(test)
    assert ": beat" in text
    assert kinds == ["image_generation.completed"]


def test_an_error_in_a_stream_is_raised(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        stream = await client.images.generate(prompt="it fails", stream=True)
        with pytest.raises(openai.APIError, match="memory did not suffice"):
            _ = [event async for event in stream]

    asked(test)


def test_models(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        listed = await client.models.list()
        one = await client.models.retrieve("sticker")
        alias = await client.models.retrieve("gpt-image-1.5")
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("sdxl")
        assert caught.value.code == "model_not_found"
        return [model.id for model in listed.data], one.owned_by, alias.id

    assert asked(test) == (["sticker"], "molnar", "gpt-image-1.5")


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"prompt": "x" * 2001}, openai.BadRequestError, "prompt"),
        ({"prompt": "a", "n": 11}, openai.BadRequestError, "n"),
        ({"prompt": "a", "size": "huge"}, openai.BadRequestError, "size"),
        ({"prompt": "a", "model": "sdxl"}, openai.NotFoundError, "model"),
        ({"prompt": "a", "extra_body": {"steps": 151}}, openai.BadRequestError, "steps"),
        ({"prompt": "a", "extra_body": {"seed": -5}}, openai.BadRequestError, "seed"),
        (
            {"prompt": "a", "extra_body": {"guidance_scale": 99}},
            openai.BadRequestError,
            "guidance_scale",
        ),
    ],
)
def test_errors_are_of_the_right_class(
    asked: Any, fields: dict[str, Any], kind: type[openai.APIStatusError], param: str
) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> None:
        with pytest.raises(kind) as caught:
            await client.images.generate(**fields)
        assert caught.value.param == param
        assert set(caught.value.body) == {"message", "type", "param", "code"}  # type: ignore[call-overload]

    asked(test)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 100_000])
def test_bodies_that_are_none(asked: Any, text: bytes) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        return await client._client.post(
            f"{BASE}/v1/images/generations", content=text,
            headers={"content-type": "application/json"},
        )  # fmt: skip

    answer = asked(test)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_same_key_gives_the_same_pictures(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        headers = {"Idempotency-Key": "once"}
        answers = [
            await client.images.generate(prompt=RED, size="64x64", extra_headers=headers)
            for _ in range(2)
        ]
        stream = await client.images.generate(
            prompt="another", size="64x64", stream=True, extra_headers={"Idempotency-Key": "two"}
        )
        _ = [event async for event in stream]
        with pytest.raises(openai.APIStatusError):
            await client.images.generate(prompt="not that", extra_headers=headers)
        return [answer.data[0].b64_json for answer in answers], len(painter.orders)  # type: ignore[index]

    (first, second), drawn = asked(test)
    assert first == second
    assert drawn == 2


def test_raw_response(asked: Any) -> None:
    async def test(client: openai.AsyncOpenAI, painter: Any) -> Any:
        raw = await client.images.with_raw_response.generate(prompt=RED, size="64x64")
        return raw.headers["content-type"], raw.parse().created

    kind, created = asked(test)
    assert kind == "application/json"
    assert created > 1_700_000_000


def test_who_stops_waiting_cancels(told: Any) -> None:
    """The connection of a caller that waits ends, and so does the job."""

    async def test(app: FastAPI, hub: Any, painter: Any) -> Any:
        gone = asyncio.Event()
        body = b'{"prompt": "never", "stream": %s}'
        states = []
        for stream in (b"false", b"true"):
            sent = [{"type": "http.request", "body": body % stream, "more_body": False}]
            gone.clear()

            async def receive(sent: Any = sent) -> Any:
                if sent:
                    return sent.pop()
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                pass

            scope = {
                "type": "http", "method": "POST", "path": "/v1/images/generations", "app": app,
                "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")],
                "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 8000),
                "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            }  # fmt: skip
            before = len(painter.orders)
            call = asyncio.create_task(app(scope, receive, send))
            while len(painter.orders) == before:
                await asyncio.sleep(0.01)
            gone.set()
            with pytest.raises(Exception) if stream == b"false" else _nothing():
                await call
            name = f"a{before + 1}"
            await asyncio.wait_for(hub.wait(name), 5)
            states.append((await hub.job(name)).state)
        return states

    assert told(test) == ["cancelled", "cancelled"]


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_all_sizes_of_openai_can_be_asked_for() -> None:
    for size in ("256x256", "512x512", "1024x1024", "1536x1024", "1024x1536", "1792x1024"):
        width, height = map(int, size.split("x"))
        Request(prompt="a", width=width, height=height).validated()
