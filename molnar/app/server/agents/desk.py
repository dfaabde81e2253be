"""Whoever draws for an agent: the server, or this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from molnar.app.job import Job, StoredPicture
from molnar.app.jobs import Store
from molnar.app.orders import Order

T = TypeVar("T")
Tell = Callable[[float, str], Awaitable[None]]
"""How far the work is, from 0 to 1, and what is being done."""


class Desk(Protocol):
    """Takes orders and has the history."""

    async def draw(self, orders: Sequence[Order], tell: Tell) -> list[Job]:
        """Draw, one job for each order; being cancelled stops the work.

        Raises:
            MolnarError: It cannot be drawn.
        """

    async def look(self, call: Callable[[Store], T]) -> T:
        """Run something with the history, in a thread that has it open."""

    async def models(self) -> list[dict[str, Any]]:
        """Describe the models that draw here."""

    async def frame(self) -> dict[str, int]:
        """Give the height and width that the model draws best; nothing where any will do."""

    def place(self, picture: StoredPicture) -> str:
        """Say where a picture's file is: an address, or a path as file:///..."""
