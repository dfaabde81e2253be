"""A server from its settings: bind, say where it is, serve until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from molnar.app.jobs import OFF, SWITCH
from molnar.app.jobs_schema import Database, data_folder
from molnar.app.server.app import create_app, guarded
from molnar.app.server.guard import policy_for
from molnar.app.server.health import Health
from molnar.app.server.hub import Hub
from molnar.app.server.limits import Limits
from molnar.base.config import to_json
from molnar.base.errors import ConfigError, one_line
from molnar.bridge.options import Options
from molnar.drawers import native_size

BACKLOG = 2048  # connections that the system holds for us
KEEP_ALIVE = 30  # seconds
MORE_PORTS = 20  # tried after the usual one


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `molnar serve` was told."""

    host: str = "127.0.0.1"
    port: int = 7860
    any_port: bool = True  # take the next free one where that is taken
    token: str | None = None
    hosts: Sequence[str] = ()  # further names by which it may be called
    origins: Sequence[str] = ()  # pages elsewhere that may call it
    model: str = "sticker"
    search: Sequence[Path] = ()
    engine: str = "onnx"
    threads: int | None = None
    options: Options = field(default_factory=Options)  # of a checkpoint
    slots: int = 8
    most_memory: int = 3 * 2**30  # bytes of the worker, then it is started anew when idle
    keep: bool = True  # in the history of the user
    limits: Limits = field(default_factory=Limits)


def run(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        settings: What to serve, where.
        ready: Called with the base address once connections are taken.

    Raises:
        ConfigError: The address cannot be had, or the worker cannot start.
        DataError: The history cannot be opened.
    """
    listening = bound(settings)
    port = listening.getsockname()[1]
    address = f"http://{named(settings.host)}:{port}"
    # The queue is in the history: without one there is one for as long as the server lives.
    keep = settings.keep and os.environ.pop(SWITCH, "").lower() not in OFF
    folder = data_folder() if keep else Path(tempfile.mkdtemp(prefix="molnar-"))
    try:
        policy = policy_for(
            settings.host, port, settings.token, allow_hosts=settings.hosts,
            allow_origins=settings.origins,
        )  # fmt: skip
        Database(folder).close()  # what is wrong with it is said before anything is started
        hub = Hub(folder, worker_arguments(settings), settings.limits)
        # Until the worker says so itself: what is asked for before waits for it.
        hub.about = {"frame": native_size(settings.model, settings.search)}
        app = guarded(create_app(hub, policy))
        asyncio.run(_serve(app, listening, lambda: ready(address), hub.health))
    finally:
        listening.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def bound(settings: Settings) -> socket.socket:
    """Take an address, before anything else is done.

    Raises:
        ConfigError: It is taken, or none of ours.
    """
    last = settings.port + (MORE_PORTS if settings.any_port and settings.port else 0)
    for port in range(settings.port, last + 1):
        try:
            # With its protocol named, answers leave at once instead of being gathered for 40 ms.
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((settings.host, port))
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            if port == last:
                raise ConfigError(
                    f"cannot listen at {settings.host}:{settings.port} "
                    f"({one_line(error.strerror or error)}); "
                    "stop what listens there, or choose another --port (0 = any)"
                ) from None
        else:
            return listening
    raise AssertionError("unreachable")


def named(host: str) -> str:
    """Give a host as it stands in an address that can be opened from here."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def worker_arguments(settings: Settings) -> list[str]:
    """Write the command line of the worker."""
    flags = ["--model", settings.model, "--engine", settings.engine]
    flags += ["--slots", str(settings.slots), "--most-memory", str(settings.most_memory)]
    if settings.options != Options(threads=settings.threads):
        flags += ["--options", json.dumps(to_json(settings.options))]
    if settings.threads is not None:
        flags += ["--threads", str(settings.threads)]
    for folder in settings.search:
        flags += ["--search", str(folder)]
    return flags


class Server(uvicorn.Server):
    """Uvicorn, which tells when it is ready, and ends where there is no worker to wait for."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], health: Health) -> None:
        super().__init__(config)
        self._ready = ready
        self._health = health

    async def startup(self, sockets: Any = None) -> None:
        """Begin to take connections, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Say, some times a second, whether to end: a model that is not there stays away."""
        return await super().on_tick(counter) or self._health.hopeless


async def _serve(
    app: Any, listening: socket.socket, ready: Callable[[], None], health: Health
) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=2,  # an event stream has no end of its own
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=64 * 2**10,
        ws="none",
    )
    server = Server(config, ready, health)
    with contextlib.suppress(NotImplementedError):  # no such thing on Windows
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: setattr(server, "should_exit", True))
    await server.serve(sockets=[listening])
    if not server.started:
        raise ConfigError("the server did not start; its trouble is said above")
    if health.hopeless:
        raise ConfigError(health.trouble)
