from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

LONG = 60.0  # seconds: what takes longer hangs
Together = Callable[..., list[Any]]


@pytest.fixture
def together() -> Together:
    """Give what runs each function in a thread of its own, and returns what they return or raise.

    No thread is left afterwards, or the test fails.
    """

    def run_all(*works: Callable[[], Any]) -> list[Any]:
        found: list[Any] = [None] * len(works)

        def run(place: int) -> None:
            try:
                found[place] = works[place]()
            except Exception as error:  # noqa: BLE001 - given back
                found[place] = error

        threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(len(works))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
            assert not thread.is_alive(), "a call was never answered"
        return found

    return run_all
