"""The long run of `benchmarks/serving.py soak`: mixed load, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

WARM_MINUTES = 5.0
SAMPLE_SECONDS = 5.0


def memory(pid: int) -> float:
    """Megabytes that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def handles(pid: int) -> tuple[int, int]:
    """Open files, and sockets among them."""
    names = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(str(path.readlink()))
        except OSError:
            continue
    return len(names), sum(name.startswith("socket:") for name in names)


async def _client(url: str, prompts: tuple[str, ...], until: float, seed: int) -> dict[str, int]:
    """One client: jobs, verbs, both dialects, listeners that leave, things that do not exist."""
    rng = random.Random(seed)
    counts: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        while time.monotonic() < until:
            what = rng.choice(("job", "leave", "a1111", "openai", "list", "read", "wrong", "verb"))
            order = {"prompt": rng.choice(prompts), "seed": rng.randrange(2**31)}
            answer = await _act(client, what, {**order, "quality": "fast"})
            kind = f"{what} {answer.status_code}"
            counts[kind] = counts.get(kind, 0) + 1
            await asyncio.sleep(rng.uniform(0, 0.5))
    return counts


async def _act(client: httpx.AsyncClient, what: str, order: dict[str, Any]) -> httpx.Response:
    if what == "a1111":
        return await client.post("/sdapi/v1/txt2img", json={"prompt": order["prompt"], "steps": 4})
    if what == "openai":
        body = {"prompt": order["prompt"], "size": "256x256", "quality": "low"}
        return await client.post("/v1/images/generations", json=body)
    if what == "list":
        return await client.get("/api/jobs", params={"search": order["prompt"].split()[-1]})
    if what == "read":
        return await client.post("/api/read", json={"prompt": order["prompt"] + " flurble"})
    if what == "wrong":
        return await client.post("/api/jobs", json={**order, "steps": 0})
    answer = await client.post("/api/jobs", json=order)
    if answer.status_code != 202:
        return answer
    job = answer.json()["id"]
    async with client.stream("GET", f"/api/jobs/{job}/events") as told:
        async for _ in told.aiter_lines():
            if what == "leave":
                return answer
    if what == "verb":
        return await client.post(f"/api/jobs/{job}/1/vary", json={"count": 1})
    return answer


def soak(served_class: Any, prompts: tuple[str, ...], minutes: float) -> None:
    """Serve three clients for a while; print slopes of memory, files and sockets."""
    served = served_class()
    served.start()
    served.ready()
    until = time.monotonic() + 60 * minutes
    samples: list[tuple[float, ...]] = []

    async def watch() -> None:
        while time.monotonic() < until:
            await asyncio.sleep(SAMPLE_SECONDS)
            web, [worker] = served.process.pid, served.workers()
            files, sockets = handles(web)
            row = (time.monotonic(), memory(web), memory(worker), files, sockets)
            samples.append((*row, handles(worker)[0]))

    async def run() -> list[dict[str, int]]:
        clients = [_client(served.url, prompts, until, seed) for seed in range(3)]
        *counts, _ = await asyncio.gather(*clients, watch())
        return counts

    counts = asyncio.run(run())
    served.stop()
    table = np.array(samples)
    warm = table[table[:, 0] > table[0, 0] + 60 * min(WARM_MINUTES, minutes / 3)]
    names = ("web MB", "worker MB", "web files", "web sockets", "worker files")
    for column, name in enumerate(names, 1):
        slope = float(np.polyfit(warm[:, 0] / 60, warm[:, column], 1)[0])
        print(f"{name}: {warm[0, column]:.0f} to {warm[-1, column]:.0f}, {slope:+.3f} a minute")
    total: dict[str, int] = {}
    for one in counts:
        for kind, number in one.items():
            total[kind] = total.get(kind, 0) + number
    print(dict(sorted(total.items())))
