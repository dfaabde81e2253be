"""What is asked for, before it is drawn: read, checked and counted without a model.

`orders.py` has the orders themselves, `reading.py` makes them of what was typed (`wording.py`),
`checking.py` refuses what cannot be drawn, `costs.py` says what it would cost, and `tasks.py`, the
only part that needs a model, makes of an order what a session draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molnar.app.orders.checking import checked
    from molnar.app.orders.costs import cost_of, pictures_of, said
    from molnar.app.orders.orders import (
        Again,
        Blend,
        Edit,
        Make,
        Order,
        Pan,
        Square,
        Upscale,
        Vary,
        Zoom,
        order_from,
        to_json,
        verb_of,
    )
    from molnar.app.orders.reading import ordered, typed
    from molnar.app.orders.tasks import Sources, task_of

__all__ = [
    "Again",
    "Blend",
    "Edit",
    "Make",
    "Order",
    "Pan",
    "Sources",
    "Square",
    "Upscale",
    "Vary",
    "Zoom",
    "checked",
    "cost_of",
    "order_from",
    "ordered",
    "pictures_of",
    "said",
    "task_of",
    "to_json",
    "typed",
    "verb_of",
]

_ELSEWHERE = {
    "checked": "checking", "cost_of": "costs", "pictures_of": "costs", "said": "costs",
    "ordered": "reading", "typed": "reading", "Sources": "tasks", "task_of": "tasks",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a name on first use: a wrong flag is answered before history and pictures are."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'orders')}"), name)
