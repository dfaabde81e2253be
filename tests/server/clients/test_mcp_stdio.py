"""`molnar mcp` in a process of its own, spoken to by the `mcp` package's client and by hand."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "MOLNAR_HOME": str(home), "OMP_NUM_THREADS": "1"}


def pixels(uri: str) -> Image.Image:
    with Image.open(Path(uri.removeprefix("file://"))) as image:
        image.load()
    return image


def test_a_client_draws_without_a_server(tiny: Path, tmp_path: Path) -> None:
    async def test() -> Any:
        from mcp import Client
        from mcp.client.stdio import StdioServerParameters

        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "molnar", "mcp", "-m", str(tiny)],
            env=environment(tmp_path),
        )
        told = []

        async def progress(share: float, total: float | None, message: str | None) -> None:
            told.append(share)

        async with Client(server) as client:
            size = {"width": 64, "height": 64, "seed": 7}
            first = await client.call_tool(
                "generate_image",
                {"prompt": "a red circle", **size},
                progress_callback=progress,
            )
            again = await client.call_tool("generate_image", {"prompt": "a red circle", **size})
            edit = await client.call_tool(
                "edit_image", {"picture": "a1.1", "region": [0, 0, 32, 32], "prompt": "a star"}
            )
            job = await client.call_tool("get_job", {"job": "a1"})
            missing = await client.call_tool("get_job", {"job": "k7"})
            models = await client.call_tool("list_models", {})
        return told, first, again, edit, job, missing, models

    told, first, again, edit, job, missing, models = asyncio.run(test())
    assert not first.is_error, first.content
    assert len(told) >= 3
    assert told == sorted(told)
    [link] = [one for one in first.content if one.type == "resource_link"]
    assert pixels(link.uri).size == (64, 64)
    other = again.structured_content["jobs"][0]["pictures"][0]["uri"]
    assert pixels(other).tobytes() == pixels(link.uri).tobytes()  # the same seed
    assert not edit.is_error, edit.content
    assert job.structured_content["state"] == "done"
    assert missing.is_error
    assert models.structured_content["models"][0]["defaults"]["steps"] == 3


def test_nothing_but_the_protocol_is_on_stdout(tiny: Path, tmp_path: Path) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    wish = {"prompt": "a fox", "width": 64, "height": 64}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "generate_image", "arguments": wish},
        },
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "molnar", "mcp", "-m", str(tiny)],
        env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[dict[str, Any]] = []
    for line in lines:
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        if "id" in line:
            answers.append(json.loads(process.stdout.readline()))
    rest, trouble = process.communicate(timeout=30)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[0]["result"]["protocolVersion"] == "2025-06-18"
    assert answers[1]["result"]["structuredContent"]["jobs"][0]["state"] == "done"
    assert rest == ""
    assert process.returncode == 0, trouble


def test_without_a_history_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from molnar.app.cli.mcp import OwnDesk

    async def test() -> str:
        desk = OwnDesk("none", "onnx", None)
        try:
            return str(await desk.look(lambda store: store.enabled))
        except Exception as error:  # noqa: BLE001
            return str(error)
        finally:
            await asyncio.to_thread(desk.close)

    monkeypatch.setenv("MOLNAR_HISTORY", "off")
    assert "unset MOLNAR_HISTORY" in asyncio.run(test())
