"""A server under more than it can do: fuzzed, flooded, asked by many at once."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "molnar/models/sticker/bundle.json").exists(), reason="no model in this checkout"
)
ENDS = ("done", "failed", "cancelled")


async def drawn(client: httpx.AsyncClient, order: dict[str, Any]) -> np.ndarray[Any, Any]:
    job = (await client.post("/api/jobs", json=order)).json()
    async with client.stream("GET", f"/api/jobs/{job['id']}/events") as told:
        async for _ in told.aiter_lines():
            pass
    job = (await client.get(f"/api/jobs/{job['id']}")).json()
    assert job["state"] == "done", job["error"]
    data = (await client.get(job["pictures"][0]["url"])).content
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.long
def test_pictures_drawn_at_once_are_those_drawn_alone(server: Any) -> None:
    small = {"width": 256, "height": 256}
    orders = [
        {**small, "prompt": "a red fox", "seed": 1},
        {**small, "prompt": "a blue cat and a star", "seed": 2, "steps": 5},
        {**small, "prompt": "two green circles", "seed": 3, "quality": "fast"},
        {**small, "prompt": "a dog", "seed": 4, "sampler": "euler_ancestral", "guidance": 4},
        {**small, "prompt": "a cow", "seed": 5, "transparent": True, "negative_prompt": "grass"},
        {"width": 384, "height": 256, "prompt": "a tree", "seed": 6},
    ]

    async def both() -> tuple[list[Any], list[Any]]:
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
            alone = [await drawn(client, order) for order in orders]
            return alone, await asyncio.gather(*(drawn(client, order) for order in orders))

    alone, together = asyncio.run(both())
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.served
def test_a_flood_is_answered_and_what_was_accepted_is_drawn_once(own_server: Any) -> None:
    own_server.flags = ["--queue", "32"]
    server = own_server.start().ready()
    body = {"prompt": "a fox", "width": 128, "height": 128, "quality": "fast"}

    async def flood() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
            posts = (client.post("/api/jobs", json={**body, "seed": k}) for k in range(400))
            answers, health = await asyncio.gather(asyncio.gather(*posts), client.get("/healthz"))
            assert health.status_code == 200
            return list(answers)

    answers = asyncio.run(flood())
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == 400
    assert 32 <= len(taken) <= 60
    assert len(set(taken)) == len(taken)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    until = time.monotonic() + 120
    states: dict[str, str] = {}
    while time.monotonic() < until and set(states.values()) != {"done"}:
        time.sleep(0.5)
        states = {
            name: httpx.get(f"{server.url}/api/jobs/{name}").json()["state"] for name in taken
        }
    assert set(states.values()) == {"done"}


@pytest.mark.served
def test_schemathesis_finds_nothing_in_the_api(own_server: Any, tmp_path: Path) -> None:
    own_server.flags = ["--queue", "8"]
    server = own_server.start().ready()
    found = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run"),
            *(f"{server.url}/openapi.json", "--checks", "all", "--max-examples", "20"),
            *("--continue-on-failure", "--no-color", "--request-timeout", "60"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:]
