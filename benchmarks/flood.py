"""The flood of `benchmarks/serving.py flood`: 1,000 posts in one moment onto a queue of 64."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

POSTS = 1000
PROBE = """
import http.client, statistics, sys, time
link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
seconds, end = [], time.time() + float(sys.argv[2])
while time.time() < end:
    begun = time.perf_counter()
    link.request("GET", "/healthz")
    assert link.getresponse().read() == b'{"status":"ok"}'
    seconds.append(time.perf_counter() - begun)
    time.sleep(0.005)
p99 = statistics.quantiles(seconds, n=100)[98]
print(f"/healthz p50 {1000 * statistics.median(seconds):.1f}, p99 {1000 * p99:.1f}, "
      f"most {1000 * max(seconds):.1f} ms of {len(seconds)}")
"""


async def _post(port: int, order: dict[str, Any]) -> tuple[int, bytes, bytes]:
    """Post by hand: a client library would be busier with 1,000 connections than the server is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(order).encode()
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    head_, _, content = answer.partition(b"\r\n\r\n")
    return int(head_.split(b" ", 2)[1]), head_.lower(), content


def flood(served: Any, prompts: tuple[str, ...]) -> None:
    """Post, ask for /healthz from another process all the while, and wait for what was taken."""
    served.start()
    served.ready()
    probe = subprocess.Popen(
        [sys.executable, "-c", PROBE, str(served.port), "12"], stdout=subprocess.PIPE, text=True
    )
    time.sleep(1)
    orders = [
        {"prompt": prompts[k % len(prompts)], "seed": k, "quality": "fast"} for k in range(POSTS)
    ]

    async def run() -> list[tuple[int, bytes, bytes]]:
        return list(await asyncio.gather(*(_post(served.port, order) for order in orders)))

    begun = time.perf_counter()
    answers = asyncio.run(run())
    seconds = time.perf_counter() - begun
    health = probe.communicate()[0].strip()
    taken = [json.loads(content)["id"] for status, _, content in answers if status == 202]
    refused = [head for status, head, _ in answers if status == 429]
    told = sum(b"retry-after" in head for head in refused)
    states: list[str] = []
    while not states or not {"done", "failed", "cancelled"} >= set(states):
        time.sleep(0.5)
        states = [served.get(f"/api/jobs/{job}")["state"] for job in taken]
    served.stop()
    ended = {state: states.count(state) for state in sorted(set(states))}
    print(
        f"{POSTS} posts answered in {seconds:.1f} s: 429 {len(refused)} ({told} with Retry-After)"
    )
    print(f"accepted {len(taken)}, under {len(set(taken))} ids, ended {ended}; {health}")
