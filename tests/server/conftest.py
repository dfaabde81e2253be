"""A real server on loopback: the web process and its worker, as `molnar serve` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

START_SECONDS = 60


@dataclass
class Server:
    """`molnar serve` in a process of its own, with a data folder of its own."""

    home: Path
    flags: list[str] = field(default_factory=list)
    port: int = 0
    process: subprocess.Popen[str] | None = None
    printed: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Start it, at the port that it had before if it had one, and wait until it says where."""
        command = [sys.executable, "-m", "molnar", "serve", "--port", str(self.port)]
        with (self.home / "stderr.txt").open("a") as said:
            self.process = subprocess.Popen(
                [*command, *self.flags],
                env={**os.environ, "MOLNAR_HOME": str(self.home)},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        assert self.process.stdout is not None
        self.printed = [self.process.stdout.readline() for _ in range(3)]
        if not self.printed[0].startswith("studio"):
            self._ended()
            raise AssertionError((self.home / "stderr.txt").read_text())
        self.port = int(self.printed[1].rsplit(":", 1)[1])
        return self

    def ready(self) -> Server:
        """Wait until the worker has its model."""
        until = time.monotonic() + START_SECONDS
        while httpx.get(f"{self.url}/api/status").json()["worker"] != "ready":
            assert time.monotonic() < until, "the worker did not become ready"
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """End it as Ctrl-C does; return the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        return self._ended()

    def kill(self) -> None:
        """End it as the system does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        status = self.process.wait(30)
        self.process.stdout.close()
        self.process = None
        return status


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a process that do not stop it."""
    one = Server(tmp_path_factory.mktemp("served")).start().ready()
    yield one
    assert one.stop() in (0, 130)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test, which may stop and kill it; not started."""
    one = Server(tmp_path)
    yield one
    if one.process is not None:
        one.stop()
