"""Events and the jobs they belong to: nothing is lost to who comes late, nothing grows."""

from __future__ import annotations

import asyncio

from molnar.app.server.events import KEPT, Event, Live
from molnar.app.server.lives import REMEMBERED, Lives
from molnar.app.server.metrics import Metrics


def heard(live: Live, after: int = 0) -> list[Event]:
    async def listen() -> list[Event]:
        return [event async for event in live.follow(after)]

    return asyncio.run(listen())


def step(index: int, picture: int = 1) -> dict[str, object]:
    return {"picture": picture, "index": index, "of": 4, "preview": f"p{index}"}


def test_who_comes_late_hears_all_and_who_comes_back_the_rest() -> None:
    live = Live("k7")
    for kind in ("queued", "started", "done"):
        live.tell(kind, {})
    assert [event.kind for event in heard(live)] == ["queued", "started", "done"]
    assert [event.number for event in heard(live, after=1)] == [2, 3]
    assert heard(live, after=3) == []


def test_numbers_of_a_server_that_was_before_mean_nothing_to_this_one() -> None:
    live = Live("k7")
    live.tell("done", {})
    assert [event.number for event in heard(live, after=40)] == [1]


def test_a_listener_is_told_while_it_listens() -> None:
    async def both() -> list[str]:
        live, kinds = Live("k7"), list[str]()

        async def listen() -> None:
            kinds.extend([event.kind async for event in live.follow()])

        listening = asyncio.create_task(listen())
        for kind in ("queued", "started", "failed"):
            await asyncio.sleep(0)
            live.tell(kind, {})
        await asyncio.wait_for(listening, 5)
        return kinds

    assert asyncio.run(both()) == ["queued", "started", "failed"]


def test_what_ends_while_a_slow_listener_is_told_of_something_else_is_heard() -> None:
    """A slow connection takes its time with one event; the last ones come meanwhile."""

    async def slowly() -> list[str]:
        live, kinds = Live("k7"), list[str]()
        live.tell("queued", {})
        async for event in live.follow():
            kinds.append(event.kind)
            if event.kind == "queued":
                live.tell("picture", {})
                live.tell("done", {})
        return kinds

    assert asyncio.run(slowly()) == ["queued", "picture", "done"]


def test_only_the_newest_preview_of_a_picture_is_kept_and_events_do_not_grow() -> None:
    live = Live("k7")
    for index in range(4):
        live.tell("step", step(index))
        live.tell("step", step(index, picture=2))
    previews = [event.data["preview"] for event in live.events]
    assert previews == [None] * 6 + ["p3", "p3"]
    for _ in range(2 * KEPT):
        live.tell("step", step(0))
    assert len(live.events) == KEPT
    assert live.events[-1].number == 8 + 2 * KEPT


def test_a_job_goes_its_way_and_the_fraction_is_of_the_whole_job() -> None:
    lives, stopped = Lives(Metrics()), list[str]()
    live = lives.begin("k7", pictures=2)
    lives.queue(live)
    lives.happened(live, "started", {"pictures": 2}, stopped.append)
    lives.happened(live, "step", step(1), stopped.append)
    assert live.fraction == 0.25
    assert (lives.now().step, lives.now().steps, lives.now().preview) == (2, 4, "p1")
    lives.happened(live, "picture", {"number": 1}, stopped.append)
    assert live.fraction == 0.5
    lives.happened(live, "done", {}, stopped.append)
    lives.happened(live, "step", step(3), stopped.append)  # after the end: nothing
    assert [event.kind for event in heard(live)] == ["queued", "started", "step", "picture", "done"]
    assert lives.now().job_id is None
    assert not stopped


def test_a_job_that_begins_after_its_end_was_asked_for_is_stopped() -> None:
    lives, stopped = Lives(Metrics()), list[str]()
    live = lives.begin("k7")
    live.stopping = True
    lives.happened(live, "started", {}, stopped.append)
    assert stopped == ["k7"]


def test_places_in_the_queue() -> None:
    lives = Lives(Metrics())
    for name in ("a1", "b1", "c1"):
        lives.queue(lives.begin(name))
    assert [lives.position(name) for name in ("a1", "b1", "c1")] == [0, 1, 2]
    lives.end(lives.begin("a1"), "cancelled", {})
    assert lives.position("c1") == 1
    assert lives.now().queued == 2


def test_ended_jobs_are_forgotten_and_open_ones_never() -> None:
    lives = Lives(Metrics())
    lives.queue(lives.begin("a1"))
    for number in range(2 * REMEMBERED):
        lives.end(lives.begin(f"b{number}"), "done", {})
    assert lives.get("a1") is not None
    assert lives.get("b0") is None
    assert len([n for n in range(2 * REMEMBERED) if lives.get(f"b{n}")]) <= REMEMBERED + 1
