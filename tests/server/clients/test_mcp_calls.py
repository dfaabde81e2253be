"""The `mcp` package's own client over HTTP; a painter draws instead of a model."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from molnar.base import metadata

ERAS = ("legacy", "2026-07-28")
Test = Callable[[Any, Any, Any], Awaitable[Any]]


@asynccontextmanager
async def served(app: FastAPI) -> Any:
    """Serve an application on loopback while the block runs; its address."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_level="critical", lifespan="off", timeout_graceful_shutdown=0
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture(params=ERAS)
def called(told: Any, request: pytest.FixtureRequest) -> Callable[[Test], Any]:
    """Run a test with a client that is connected over HTTP."""

    async def run(test: Test, app: FastAPI, hub: Any, painter: Any) -> Any:
        from mcp import Client

        async with served(app) as url, Client(f"{url}/mcp", mode=request.param) as client:
            return await test(client, hub, painter)

    return lambda test: told(lambda app, hub, painter: run(test, app, hub, painter))


def png() -> str:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_the_tools_are_listed(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in called(test)}
    assert list(tools) == ["generate_image", "edit_image", "get_job", "list_models"]
    assert tools["generate_image"].input_schema["required"] == ["prompt"]
    assert tools["generate_image"].input_schema["properties"]["steps"]["maximum"] == 150
    assert tools["get_job"].annotations.read_only_hint


def test_generate_shows_names_and_links_pictures(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        told: list[tuple[float, float | None]] = []

        async def progress(share: float, total: float | None, message: str | None) -> None:
            told.append((share, total))

        result = await client.call_tool(
            "generate_image",
            {"prompt": "a foxx, note", "seed": 7, "count": 2, "aspect": "3:2"},
            progress_callback=progress,
        )
        link = next(one for one in result.content if one.type == "resource_link")
        read = await client.read_resource(link.uri)
        return result, told, read.contents[0].blob

    result, told, blob = called(test)
    assert not result.is_error
    text, image, link, *_ = result.content
    assert "a1.1: 624 x 416, seed 7" in text.text
    assert "note: a note" in text.text
    assert "was not taught 'foxx'; near: fox" in text.text
    small = base64.b64decode(image.data)
    assert max(Image.open(io.BytesIO(small)).size) <= 512
    assert metadata.read(small).generated
    assert link.uri.endswith("/files/a1.1.png")
    assert metadata.read(base64.b64decode(blob)).record is not None
    [job] = result.structured_content["jobs"]
    assert (job["job"], job["state"], job["notes"]) == ("a1", "done", ["a note"])
    assert job["unknown"] == [{"word": "foxx", "nearest": ["fox"]}]
    assert [one["seed"] for one in job["pictures"]] == [7, 8]
    shares = [share for share, _ in told]
    assert len(shares) >= 2
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_edit_takes_a_reference_or_base64(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        await client.call_tool("generate_image", {"prompt": "a fox", "width": 64, "height": 64})
        asked = [
            {"picture": "a1.1", "prompt": "a hat", "region": [0, 0, 32, 32], "seed": 3},
            {"picture": png(), "prompt": "a hat", "mask": png()},
            {"picture": f"data:image/png;base64,{png()}", "where": "sky"},
        ]
        results = [await client.call_tool("edit_image", one) for one in asked]
        return results, painter.orders[1:]

    results, orders = called(test)
    assert [result.is_error for result in results] == [False] * 3
    assert (orders[0].picture, orders[0].region, orders[0].seed) == ("a1.1", (0, 0, 32, 32), 3)
    assert orders[1].picture.startswith("sha256:")
    assert orders[2].where == "sky"


def test_generate_takes_adapters_by_their_names(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        small = {"prompt": "a {red, blue} fox", "width": 64, "height": 64, "seed": 3}
        guides = {
            "control": [{"model": "canny", "image": png(), "weight": 0.8}],
            "ip": [{"model": "face", "image": png()}],
        }
        asked = {**small, **guides, "lora": ["ink:0.8", "oil"]}
        result = await client.call_tool("generate_image", asked)
        return result, painter.orders

    result, orders = called(test)
    assert not result.is_error, result.content
    requests = [order.requests[0] for order in orders]
    assert [one.prompt for one in requests] == [
        f"<lora:ink:0.8> <lora:oil:1> a {colour} fox" for colour in ("red", "blue")
    ]
    first, second = requests[0].guides
    assert (first.kind, first.model, first.weight) == ("control", "canny", 0.8)
    assert (second.kind, second.model, second.weight) == ("ip", "face", 1.0)
    assert first.image.startswith("sha256:")


WRONG = [
    ("generate_image", {}, "prompt is missing"),
    ("generate_image", {"prompt": "a fox", "sede": 7}, "did you mean 'seed'"),
    ("generate_image", {"prompt": "a fox", "steps": 151}, "expected 1 to 150"),
    ("generate_image", {"prompt": "a fox", "width": "wide"}, "width"),
    ("generate_image", {"prompt": "x" * 2001}, "2001 characters"),
    ("generate_image", {"prompt": "a fox", "count": 9}, "at most 8"),
    ("generate_image", {"prompt": "{a,b,c,d,e,f,g,h,i} fox"}, "at most 8"),
    ("generate_image", {"prompt": "it fails"}, "memory did not suffice"),
    ("generate_image", {"prompt": "a", "lora": ["../ink"]}, "expected the name of one of those"),
    ("generate_image", {"prompt": "a", "lora": ["ink:heavy"]}, "a number behind the name"),
    ("generate_image", {"prompt": "a", "lora": "ink"}, "lora is 'ink'; expected a list"),
    ("generate_image", {"prompt": "a", "lora": ["ink"], "literal": True}, "got lora and literal"),
    ("generate_image", {"prompt": ["a"], "lora": ["ink"]}, "prompt"),
    ("generate_image", {"prompt": "a", "control": [{"model": "x"}]}, "control[0] has no image"),
    (
        "generate_image",
        {"prompt": "a", "control": [{"model": "/etc/x", "image": png()}]},
        "control[0].model is '/etc/x'; expected its name",
    ),
    ("generate_image", {"prompt": "a", "ip": [{"model": "x", "image": "x.png"}]}, "ip[0].image"),
    ("generate_image", {"prompt": "a", "ip": [{"model": "x", "kind": "y", "of": 1}]}, "ip[0].of"),
    ("edit_image", {"prompt": "a hat"}, "picture is missing"),
    ("edit_image", {"picture": "a9.1", "prompt": "a hat", "where": "x"}, "a9"),
    ("edit_image", {"picture": "/etc/passwd", "where": "x"}, "PNG, JPEG or WebP"),
    ("edit_image", {"picture": "http://elsewhere/fox.png", "where": "x"}, "fetches nothing"),
    ("edit_image", {"picture": 7, "where": "x"}, "expected a picture"),
    ("get_job", {"job": "k7"}, "k7"),
    ("get_job", {"job": "done"}, "done"),
    ("get_job", {"job": ["k7"]}, "expected an id"),
]


def test_what_cannot_be_done_is_an_error_of_one_line(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        return [await client.call_tool(tool, arguments) for tool, arguments, _ in WRONG]

    for result, (_, arguments, part) in zip(called(test), WRONG, strict=True):
        assert result.is_error, arguments
        [only] = result.content
        assert part in only.text
        assert "\n" not in only.text


def test_get_job_and_list_models(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        await client.call_tool("generate_image", {"prompt": "a fox", "width": 64, "height": 64})
        job = await client.call_tool("get_job", {"job": "a1"})
        models = await client.call_tool("list_models", {})
        return job, models

    job, models = called(test)
    assert job.structured_content["state"] == "done"
    assert job.structured_content["pictures"][0]["reference"] == "a1.1"
    assert models.structured_content["models"][0]["name"] == "sticker"


def test_unknown_tools_and_resources_are_protocol_errors(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        from mcp.shared.exceptions import MCPError

        messages = []
        for call in (
            client.call_tool("draw", {}),
            client.read_resource("http://elsewhere/files/a1.1.png"),
            client.read_resource("file:///etc/passwd"),
        ):
            with pytest.raises(MCPError) as caught:
                await call
            messages.append(str(caught.value))
        return messages

    tool, *resources = called(test)
    assert "generate_image" in tool
    assert all("no picture" in one or "no job" in one for one in resources)


def test_cancelling_a_call_cancels_its_job(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        import anyio

        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "generate_image", {"prompt": "never"})
            while not painter.orders:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        await asyncio.wait_for(hub.wait("a1"), 5)
        return (await hub.job("a1")).state

    assert called(test) == "cancelled"


def test_drawn_pictures_are_not_upside_down_in_small(called: Any) -> None:
    async def test(client: Any, hub: Any, painter: Any) -> Any:
        return await client.call_tool(
            "generate_image",
            {"prompt": "a", "seed": 9, "width": 1024, "height": 512, "transparent": True},
        )

    image = next(one for one in called(test).content if one.type == "image")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.data))))
    assert pixels.shape == (256, 512, 4)
    assert pixels[10, 10, 3] == 255
    assert pixels[-10, 10, 3] == 0
