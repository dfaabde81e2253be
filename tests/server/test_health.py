"""What goes wrong behind the server is said once, in one line, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from molnar.app.jobs import Store
from molnar.app.orders import Make
from molnar.app.server import hub as hubs
from molnar.app.server.app import _told
from molnar.app.server.health import HOPELESS, Health
from molnar.app.server.hub import Hub
from molnar.app.server.limits import Silent, Unkept
from molnar.app.server.link import Link
from molnar.app.server.reasons import ShortError
from molnar.app.server.sheet import Quiet, Sheet
from molnar.app.server.waiting import listening
from molnar.app.server.worker import Worker, speaker
from molnar.base.errors import DataError, NotThereError
from molnar.base.request import Request

ROOT = Path(__file__).resolve().parents[2]
needs_model = pytest.mark.skipif(
    not (ROOT / "molnar/models/sticker/bundle.json").exists(), reason="no model in this checkout"
)


class Mute:
    """A worker that says nothing."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    alive = True

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def say(self, message: dict[str, Any]) -> None:
        self.said.append(message)


def with_hub(folder: Path, test: Any) -> Any:
    async def run() -> Any:
        hub = Hub(folder)
        hub.link = Mute()  # type: ignore[assignment]
        await hub.start()
        try:
            return await asyncio.wait_for(test(hub), 20)
        finally:
            await hub.stop()

    return asyncio.run(run())


def make(prompt: str = "a fox") -> list[Any]:
    return [Make(requests=(Request(prompt=prompt, width=64, height=64, seed=1),))]


def served(tmp_path: Path, *flags: str, home: Path | None = None) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "molnar", "serve", "--port", "0", "-q", *flags]
    env = {**os.environ, "MOLNAR_HOME": str(home or tmp_path)}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stderr.splitlines()


@needs_model
def test_a_model_that_is_not_there_ends_the_server_with_one_line(tmp_path: Path) -> None:
    status, lines = served(tmp_path, "--model", "nosuchmodel")
    assert status == 2
    assert len(lines) == 1
    assert "no model 'nosuchmodel'" in lines[0]


def test_a_home_that_is_no_folder_ends_the_server_with_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    status, lines = served(tmp_path, home=home)
    assert status == 1
    assert len(lines) == 1
    assert "MOLNAR_HOME" in lines[0]


def test_a_worker_that_ends_again_and_again_has_failed_and_is_asked_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(hub: Hub) -> None:
        hub._heard({"kind": "ready", "model": "sticker"})
        [job] = await hub.submit(make())
        waits = asyncio.create_task(hub.health.failed())
        for _ in range(HOPELESS):
            assert not waits.done()
            await hub._died(-11)
            await asyncio.sleep(0)
        await waits
        with pytest.raises(Silent, match=r"3 times in a row \(signal 11\)"):
            await hub.submit(make())
        with pytest.raises(Silent, match="nothing can be drawn"):
            await hub.ask("models")
        assert (await hub.job(job.id)).state == "queued"  # what was accepted stays accepted
        hub._heard({"kind": "ready", "model": "sticker"})
        await hub.submit(make())

    with caplog.at_level(logging.ERROR):
        with_hub(tmp_path, test)
    assert [record.message for record in caplog.records] == [
        "the worker ended (signal 11); it is started again",
        "the worker ended 3 times in a row (signal 11)",
    ]


def test_trouble_that_stays_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    health.is_ready()
    for _ in range(5):
        health.say("the disk is full")
    assert [record.message for record in caplog.records] == ["the disk is full"]


def test_a_job_that_another_server_ended_or_deleted_ends_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "TEND_SECONDS", 0.02)

    def elsewhere() -> None:
        with Store.open(tmp_path) as other:
            for _ in range(2):
                job = other.claim()
                assert job is not None
                other.fail(job.id, "no memory over there")
            other.delete(job.id)

    async def test(hub: Hub) -> None:
        [one], [two] = await hub.submit(make()), await hub.submit(make("a cat"))
        waits = asyncio.create_task(hub.wait(one.id))
        await asyncio.to_thread(elsewhere)
        assert (await waits).error == "no memory over there"
        assert [event.kind async for event in hub.events(two.id)] == ["queued", "cancelled"]
        assert hub.lives.open() == []  # their places in the queue are free

    with_hub(tmp_path, test)


def test_a_job_begun_by_the_command_line_is_followed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "TEND_SECONDS", 0.02)

    async def test(hub: Hub) -> None:
        with Store.open(tmp_path) as other:
            job = other.begin("make", {}, "a fox")
            heard = asyncio.create_task(anext(hub.events(job.id)))  # type: ignore[arg-type]
            await asyncio.sleep(0.1)
            assert not heard.done()
            other.fail(job.id, "stopped")
        assert (await heard).kind == "failed"

    with_hub(tmp_path, test)


def test_who_leaves_cancels_only_what_nobody_else_waits_for(tmp_path: Path) -> None:
    async def test(hub: Hub) -> None:
        jobs = await hub.submit(make(), "key")
        with listening(hub, jobs):
            with pytest.raises(ConnectionError), listening(hub, jobs):
                raise ConnectionError
            await asyncio.sleep(0.1)
            assert (await hub.job(jobs[0].id)).state == "queued"
        with pytest.raises(ConnectionError), listening(hub, jobs):
            raise ConnectionError
        await hub.wait(jobs[0].id)
        assert (await hub.job(jobs[0].id)).state == "cancelled"
        [again] = await hub.submit(make(), "key")  # it has not got its picture yet
        assert again.id != jobs[0].id
        assert (await hub.submit(make(), "key"))[0].id == again.id

    with_hub(tmp_path, test)


def test_trouble_with_the_history_is_no_fault_of_who_asks(tmp_path: Path) -> None:
    def full(_: Store) -> None:
        raise DataError("the disk is full; make room")

    async def test(hub: Hub) -> None:
        with pytest.raises(Unkept, match="make room") as raised:
            await hub.store(full)
        for path in ("/api/jobs", "/sdapi/v1/txt2img", "/v1/images/generations"):
            assert _told(path, raised.value) == (503, "the disk is full; make room", None)

    with_hub(tmp_path, test)


def test_memory_that_does_not_suffice_is_said_with_a_hint() -> None:
    class Small:
        library = None

        def apart(self, _: Any) -> Small:
            return self

        def draw(self, *_: Any) -> Any:
            raise MemoryError
            yield

    from contextlib import nullcontext

    shared: Any = SimpleNamespace(drawing=nullcontext)
    sheet = Sheet(Small(), shared, threading.Semaphore(1), 1, Quiet())  # type: ignore[arg-type]
    with pytest.raises(ShortError, match="fewer or smaller"):
        list(sheet.draw([(Request(prompt="a fox"), 0)]))


def test_to_cancel_what_was_deleted_meanwhile_does_not_end_the_worker() -> None:
    class Empty:
        def job(self, name: str) -> Any:
            raise NotThereError(f"no job {name!r}")

    said: list[Any] = []
    worker = Worker(Empty(), None, said.append, slots=1, most_memory=0)  # type: ignore[arg-type]
    worker._cancel("k7")
    assert said == []


def test_half_a_character_passes_between_the_processes(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        speaker(out)({"kind": "answer", "error": "\ud800"})
    assert "\\ud800" in (tmp_path / "out").read_text()
    sent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    link = Link([], lambda _: None, lambda _: asyncio.sleep(0))
    link._process = SimpleNamespace(stdin=SimpleNamespace(write=sent.put), returncode=None)  # type: ignore[assignment]
    link.say({"do": "ask", "what": "\ud800"})
    assert b"\\ud800" in sent.get_nowait()


def test_a_message_that_cannot_be_taken_does_not_end_the_listening() -> None:
    async def run() -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            heard.append(message)
            raise KeyError("picture")

        lines = asyncio.StreamReader()
        lines.feed_data(b'{"kind": "step"}\nno json\n{"kind": "ready"}\n')
        lines.feed_eof()
        await Link([], take, lambda _: asyncio.sleep(0))._listen(SimpleNamespace(stdout=lines))  # type: ignore[arg-type]
        return heard

    assert asyncio.run(run()) == [{"kind": "step"}, {"kind": "ready"}]
