"""The hub with a painter instead of a worker: plain colours at once, and what is said of them."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from molnar.app.job import Job, NewPicture
from molnar.app.orders import Make, order_from
from molnar.app.server import mcp, openai
from molnar.app.server.hub import Hub
from molnar.base.config import to_json
from molnar.base.request import Picture, Request, UnknownWord

STEPS = 4
MODEL = {"name": "sticker", "defaults": {"steps": STEPS}}


def preview(seed: int) -> str:
    out = io.BytesIO()
    Image.new("RGBA", (32, 32), (seed % 256, 9, 9, 255)).save(out, "WEBP", lossless=True)
    return base64.b64encode(out.getvalue()).decode()


def painted(request: Request, index: int) -> Picture:
    """Half of it is clear where that was asked for; its red says which seed it is of."""
    assert request.seed is not None
    seed = request.seed + index
    pixels = np.zeros((request.height, request.width, 4 if request.transparent else 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = seed % 256, 200
    if request.transparent:
        pixels[: request.height // 2, :, 3] = 255
    return Picture(
        image=pixels,
        request=request.replaced(steps=STEPS, guidance=3.0, sampler="euler", schedule="simple"),
        seed=seed,
        index=index,
        model="sticker",
        unknown=[UnknownWord("foxx", ["fox"])] if "foxx" in request.prompt else [],
    )


class Painter:
    """Stands where the link to a worker does."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.orders: list[Any] = []
        self.cancelled: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.hub._heard({"kind": "ready", "model": "sticker", "hash": "0" * 64, "engine": "fake"})

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    def say(self, message: dict[str, Any]) -> None:
        if message["do"] == "cancel":
            self.cancelled.add(message["job"])
        if message["do"] in ("wake", "ask"):
            work = self.paint() if message["do"] == "wake" else self.answer(message)
            task = asyncio.get_running_loop().create_task(work)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, message: dict[str, Any]) -> None:
        self.asked.append((message["what"], message["arguments"]))
        results: dict[str, Any] = {
            "models": {"models": [MODEL]},
            "read": {"tokens": len(message["arguments"].get("prompt", "").split())},
            "describe": {"prompts": ["a plain colour"]},
        }
        told = {"number": message["number"], "result": results[message["what"]]}
        self.hub._heard({"kind": "answer", **told})

    async def paint(self) -> None:
        while (job := await self.hub.store(lambda store: store.claim())) is not None:
            await self.draw(job)

    async def draw(self, job: Job) -> None:
        order = order_from(job.extra["order"])
        self.orders.append(order)
        if isinstance(order, Make):
            requests = list(order.requests)
        else:
            prompt = getattr(order, "prompt", None) or "the same"
            seed, count = getattr(order, "seed", 0), getattr(order, "count", 1)
            requests = [Request(prompt=prompt, width=64, height=64, seed=seed, count=count)]
        first, name = requests[0], job.id
        text, extra = first.prompt, {"notes": ["a note"] if "note" in first.prompt else []}
        await self.hub.store(lambda store: store.resolved(name, to_json(first), text, extra))
        pictures = [painted(one, k) for one in requests for k in range(one.count)]
        self.hub._heard({"kind": "started", "job": name, "pictures": len(pictures)})
        if "never" in text:
            while name not in self.cancelled:
                await asyncio.sleep(0.01)
            await self.hub.store(lambda store: store.stopped(name))
            self.hub._heard({"kind": "cancelled", "job": name})
            return
        if "fails" in text:
            await self.hub.store(lambda store: store.fail(name, "memory did not suffice"))
            self.hub._heard({"kind": "failed", "job": name, "error": "memory did not suffice"})
            return
        for number, picture in enumerate(pictures, 1):
            for index in range(STEPS):
                step = {"picture": number, "index": index, "of": STEPS}
                self.hub._heard(
                    {"kind": "step", "job": name, **step, "preview": preview(picture.seed)}
                )
                await asyncio.sleep(0.02)
        new = [NewPicture.of(one) for one in pictures]
        await self.hub.store(lambda store: store.finish(name, new))
        self.hub._heard({"kind": "done", "job": name})


Told = Callable[[FastAPI, Hub, Painter], Awaitable[Any]]


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Told], Any]:
    """Run a test in a loop of its own, with an application, its hub and its painter."""

    async def run(test: Told) -> Any:
        hub = Hub(tmp_path)
        painter = Painter(hub)
        hub.link = painter  # type: ignore[assignment]
        app = FastAPI()
        app.state.hub = hub
        app.include_router(openai.router)
        mcp.install(app)
        await hub.start()
        try:
            async with mcp.lifespan(app):
                return await test(app, hub, painter)
        finally:
            await hub.stop()

    return lambda test: asyncio.run(run(test))


BASE = "http://127.0.0.1:8000"
Asked = Callable[[Any, Painter], Awaitable[Any]]


@pytest.fixture
def asked(told: Any) -> Callable[[Asked], Any]:
    """Run a test with OpenAI's client, connected to the application, and the painter."""
    import httpx2
    from openai import AsyncOpenAI

    async def run(test: Asked, app: FastAPI, painter: Any) -> Any:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as http:
            client = AsyncOpenAI(
                base_url=f"{BASE}/v1", api_key="none", http_client=http, max_retries=0
            )
            return await test(client, painter)

    return lambda test: told(lambda app, hub, painter: run(test, app, painter))
