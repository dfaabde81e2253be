"""An order in, how much it asks for out: pictures, work, and what is searched for.

A picture costs its pixels times its steps. What an order leaves open (the size of a picture that it
starts from, its steps) is looked up in the history where one is given, else taken as usual.
"""

from __future__ import annotations

from molnar import verbs
from molnar.app.jobs import Store
from molnar.app.orders.looking import Seen, look, repeated, requests_of
from molnar.app.orders.orders import Again, Blend, Edit, Make, Order, Pan, Square, Upscale, Zoom
from molnar.base.request import Request

#: Steps of the shipped model at each quality, where a request leaves them open.
USUAL_STEPS = {"fast": 4, "normal": 8, "best": 24}
_USUAL = Request(prompt="any")


def pictures_of(order: Order, store: Store | None = None) -> int:
    """Count the pictures that an order asks for.

    Args:
        order: What is asked for.
        store: The history, which knows how many a job has that is done again.

    Example:
        >>> pictures_of(Make(requests=(Request(prompt="a fox", count=3),)))
        3
    """
    return sum(request.count for request in _like(order, store))


def cost_of(order: Order, store: Store | None = None) -> int:
    """Measure the work that an order asks for: width x height x steps x count x best_of, summed.

    Args:
        order: What is asked for.
        store: The history, which knows how large the pictures are that an order names.

    Example:
        >>> cost_of(Make(requests=(Request(prompt="a fox", height=64, width=64, steps=2),)))
        8192
    """
    return sum(
        request.width * request.height * usual_steps(request) * request.count * request.best_of
        for request in _like(order, store)
    )


def said(order: Order, store: Store | None = None) -> str:
    """Give the prompt of an order, as it is searched for; empty where it has none of its own.

    Args:
        order: What is asked for.
        store: The history, which knows what pictures show that an order names.

    Example:
        >>> said(Make(requests=(Request(prompt="a fox"), Request(prompt="a dog"))))
        'a fox | a dog'
    """
    if isinstance(order, Make | Again):
        prompts = [request.prompt for request in _like(order, store)]
    elif isinstance(order, Blend):
        prompts = [_seen(name, store).prompt or "" for name in order.pictures]
        return " AND ".join(filter(None, prompts))
    else:
        prompts = [getattr(order, "prompt", None) or _seen(order.picture, store).prompt or ""]
    return " | ".join(dict.fromkeys(prompts))


def frame_of(order: Order, size: tuple[int, int]) -> tuple[int, int]:
    """Give the height and width of what is drawn from a picture.

    Args:
        order: Of a verb that draws from pictures.
        size: Height and width of the (first) picture.

    Raises:
        RequestError: It would be too large or too small, or the order does not fit the picture.
    """
    if isinstance(order, Upscale):
        return verbs.enlarged(size, order.scale)
    if isinstance(order, Zoom):
        return verbs.extended(size, verbs.beyond(size, order.factor))
    if isinstance(order, Pan):
        return verbs.extended(size, verbs.beside(size, order.way))
    if isinstance(order, Square):
        return verbs.extended(size, verbs.missing(size))
    if isinstance(order, Edit):
        return verbs.extended(size, (0, 0, 0, 0))
    return verbs.enlarged(size, 1)


def usual_steps(request: Request) -> int:
    """Give the steps of a request, or what they usually are."""
    return USUAL_STEPS.get(request.quality, 8) if request.steps is None else request.steps


def _like(order: Order, store: Store | None) -> list[Request]:
    """Give requests that cost as much as what an order leads to, and as many."""
    if isinstance(order, Make):
        return list(order.requests)
    if isinstance(order, Again):
        known = [_USUAL]
        if store is not None:
            known = requests_of(repeated(store, order.picture))
        prompt = order.prompt
        return known if prompt is None else [one.replaced(prompt=prompt) for one in known]
    first = order.pictures[0] if isinstance(order, Blend) else order.picture
    seen = _seen(first, store)
    height, width = frame_of(order, seen.size)
    base = _USUAL if seen.request is None else seen.request
    changes = {"height": height, "width": width, "count": getattr(order, "count", 1), "best_of": 1}
    if isinstance(order, Upscale) and not order.creative:
        changes["steps"] = 1
    return [base.replaced(**changes)]


def _seen(name: str, store: Store | None) -> Seen:
    """Look a picture up, or take it for a usual one."""
    if store is not None:
        return look(store, name)
    return Seen(size=(_USUAL.height, _USUAL.width))
