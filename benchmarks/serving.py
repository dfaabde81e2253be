"""What `molnar serve` costs and stands: start, latency, throughput, flood, kills, a long run.

    python benchmarks/serving.py start        # seconds to the three addresses, median of 10
    python benchmarks/serving.py latency      # first preview, finished picture, against Python
    python benchmarks/serving.py studio       # from Enter to preview and picture, in Chromium
    python benchmarks/serving.py throughput   # 8 clients at once against one after the other
    python benchmarks/serving.py flood        # 1,000 posts at once onto a queue of 64
    python benchmarks/serving.py kill         # kill -9 of web process and worker, 100 times
    python benchmarks/serving.py soak         # mixed load for 30 minutes; --minutes N

Everything is on 127.0.0.1, in a data folder of its own. Needs molnar[dev].
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

PROMPTS = (
    "a red fox",
    "two blue circles",
    "a cat wearing a hat",
    "a green square left of a yellow star",
    "an apple on a table",
    "a dog on a beach",
    "a rocket in a night sky",
    "three red triangles",
)
ENDS = ("done", "failed", "cancelled")


class Served:
    """A server of our own for a while."""

    def __init__(self, *flags: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="molnar-bench-"))
        self.flags = flags
        self.port = 0
        # One for all calls, as clients have: to make one takes 30 ms, for certificates.
        self.client = httpx.Client(timeout=60)

    def start(self) -> float:
        """Start it; return the seconds until its addresses stood there."""
        begun = time.perf_counter()
        command = [sys.executable, "-m", "molnar", "serve", "--port", str(self.port), *self.flags]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "MOLNAR_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=(self.home / "stderr.txt").open("a"),
            text=True,
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(3)]
        seconds = time.perf_counter() - begun
        self.port = int(lines[1].rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return seconds

    def ready(self) -> float:
        """Wait until the worker has its model; return the seconds that took."""
        begun = time.perf_counter()
        while self.get("/api/status")["worker"] not in ("ready", "drawing"):
            time.sleep(0.02)
        return time.perf_counter() - begun

    def get(self, path: str) -> Any:
        """Ask for JSON."""
        return self.client.get(self.url + path).json()

    def make(self, **fields: Any) -> dict[str, Any]:
        """Ask for a job."""
        return dict(self.client.post(f"{self.url}/api/jobs", json=fields).json())

    def stop(self) -> None:
        """End it in an orderly way."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def workers(self) -> list[int]:
        """Give the process numbers of its workers."""
        try:
            path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            return [int(pid) for pid in path.read_text().split()]
        except OSError:
            return []


def start(options: argparse.Namespace) -> None:
    """Measure how long it takes to start."""
    seconds, ready = [], []
    for _ in range(options.rounds):
        served = Served()
        seconds.append(served.start())
        ready.append(seconds[-1] + served.ready())
        served.stop()
    print(f"addresses printed: {_spread(seconds)}; model ready: {_spread(ready)}")


def latency(options: argparse.Namespace) -> None:
    """Measure the first preview and the finished picture, beside the Python API."""
    from molnar import Request, load

    served = Served()
    served.start()
    served.ready()
    pipeline = load()
    pipeline(Request(prompt="a red fox", seed=1))
    served.make(prompt="a red fox", seed=1)
    time.sleep(3)
    first, whole, python = [], [], []
    for number in range(options.rounds):
        prompt, seed = PROMPTS[number % len(PROMPTS)], 100 + number
        begun = time.perf_counter()
        [picture] = pipeline(Request(prompt=prompt, seed=seed))
        picture.encoded()
        python.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        job = served.make(prompt=prompt, seed=seed)
        kinds: dict[str, float] = {}
        with served.client.stream("GET", f"{served.url}/api/jobs/{job['id']}/events") as told:
            for line in told.iter_lines():
                if line.startswith("event: "):
                    kinds.setdefault(line[7:], time.perf_counter() - begun)
        first.append(kinds["step"])
        whole.append(kinds["done"])
    served.stop()
    ratio = statistics.median(whole) / statistics.median(python)
    print(f"first preview {_spread(first)}; picture {_spread(whole)}; Python {_spread(python)}")
    print(f"picture over the server / in Python: {ratio:.2f}")


def throughput(options: argparse.Namespace) -> None:
    """Draw 8 pictures one after the other and at once, in turn; compare all pictures."""
    served = Served()
    served.start()
    served.ready()
    alone, together, unequal = [], [], 0
    for number in range(options.rounds + 1):  # the first round warms up
        orders = [
            {"prompt": prompt, "seed": 10 * number + k, "quality": options.quality}
            for k, prompt in enumerate(PROMPTS)
        ]
        begun = time.perf_counter()
        one = [_drawn(served, order) for order in orders]
        between = time.perf_counter()
        many = asyncio.run(_at_once(served, orders))
        ended = time.perf_counter()
        unequal += sum(a != b for a, b in zip(one, many, strict=True))
        if number:
            alone.append(between - begun)
            together.append(ended - between)
    served.stop()
    ratio = statistics.median(alone) / statistics.median(together)
    print(f"{options.quality}: one after the other {_spread(alone)}, at once {_spread(together)}")
    print(
        f"ratio {ratio:.2f}; pictures unequal to their twin: {unequal} of {8 * options.rounds + 8}"
    )


def _drawn(served: Served, order: dict[str, Any]) -> str:
    """Draw one picture through the A1111 dialect's wait; return the hash of its pixels."""
    job = served.make(**order)
    while job["state"] not in ENDS:
        with served.client.stream("GET", f"{served.url}/api/jobs/{job['id']}/events") as told:
            for _ in told.iter_lines():
                pass
        job = served.get(f"/api/jobs/{job['id']}")
    return _pixels(served, job)


def _pixels(served: Served, job: dict[str, Any]) -> str:
    import io

    from PIL import Image

    from molnar.base.request import pixels_sha256

    data = served.client.get(served.url + job["pictures"][0]["url"]).content
    import numpy as np

    return pixels_sha256(np.asarray(Image.open(io.BytesIO(data))))


async def _at_once(served: Served, orders: list[dict[str, Any]]) -> list[str]:
    async with httpx.AsyncClient(timeout=120) as client:

        async def one(order: dict[str, Any]) -> dict[str, Any]:
            job = (await client.post(f"{served.url}/api/jobs", json=order)).json()
            async with client.stream("GET", f"{served.url}/api/jobs/{job['id']}/events") as told:
                async for _ in told.aiter_lines():
                    pass
            return dict((await client.get(f"{served.url}/api/jobs/{job['id']}")).json())

        jobs = await asyncio.gather(*map(one, orders))
    return [_pixels(served, job) for job in jobs]


def kill(options: argparse.Namespace) -> None:
    """Kill web process or worker at random moments under load; look for what was lost."""
    served = Served()
    served.start()
    served.ready()
    rng, accepted, refused, back = random.Random(0), [], [], []
    for number in range(options.rounds):
        for _ in range(rng.randrange(1, 4)):
            order = {"prompt": rng.choice(PROMPTS), "seed": rng.randrange(2**31), "quality": "fast"}
            taken = served.make(**order)
            if "id" in taken:
                accepted.append(taken["id"])
            else:  # no place, or no worker at this moment: it was not accepted
                refused.append(taken["error"]["message"])
        time.sleep(rng.uniform(0, 0.6))
        begun = time.perf_counter()
        if number % 2:
            for pid in served.workers():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            served.ready()
        else:
            served.process.kill()
            served.process.wait()
            served.start()
            served.ready()
        back.append(time.perf_counter() - begun)
        _no_half_picture(served)
    while True:
        jobs = [served.get(f"/api/jobs/{job}") for job in accepted]
        if all(job["state"] in ENDS for job in jobs):
            break
        time.sleep(0.5)
    served.stop()
    states = [job["state"] for job in jobs]
    with sqlite3.connect(served.home / "history.sqlite3") as database:
        intact = database.execute("PRAGMA integrity_check").fetchone()[0]
    ended = {state: states.count(state) for state in sorted(set(states))}
    print(f"{options.rounds} kills; database {intact}; back in {_spread(back)}")
    print(f"accepted {len(accepted)}, ended {ended}")
    print(f"refused {len(refused)}: {sorted(set(refused)) or ''}")
    reasons = {job["error"] for job in jobs if job["state"] == "failed"}
    print(f"why jobs failed: {reasons or 'none did'}")


def _no_half_picture(served: Served) -> None:
    """Read every picture that the server shows now."""
    import io

    from PIL import Image

    for job in served.get("/api/jobs?limit=3")["jobs"]:
        for picture in job["pictures"]:
            data = served.client.get(served.url + picture["url"]).content
            Image.open(io.BytesIO(data)).load()


def _spread(seconds: list[float]) -> str:
    middle = statistics.median(seconds)
    return f"{middle:.2f} s median of {len(seconds)} ({min(seconds):.2f} to {max(seconds):.2f})"


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], int]] = {
    "start": (start, 10),
    "latency": (latency, 16),
    "throughput": (throughput, 5),
    "kill": (kill, 100),
}


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*COMMANDS, "flood", "soak", "studio"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quality", default="normal")
    options = parser.parse_args()
    if options.what == "flood":
        from flood import flood

        flood(Served("--queue", "64"), PROMPTS)
        return
    if options.what == "soak":
        from soak import soak

        soak(Served, PROMPTS, options.minutes)
        return
    if options.what == "studio":
        from studio import studio

        studio(Served(), PROMPTS, options.rounds or 10)
        return
    command, rounds = COMMANDS[options.what]
    options.rounds = options.rounds or rounds
    command(options)


if __name__ == "__main__":
    main()
