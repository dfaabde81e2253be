"""What a call asks for, and the pictures it came with, in; orders out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from molnar.app.orders import Order, ordered, typed
from molnar.app.server.openai.asking import Ask
from molnar.app.server.openai.errors import RefusedError
from molnar.app.server.openai.inputs import Kept
from molnar.app.server.openai.sizes import Size

if TYPE_CHECKING:
    from molnar.app.jobs import Store

#: What an edit with a mask, and a variation, take beside the picture: its own record says the rest.
FEW = frozenset(("seed",))
#: Fields of ours -> what the client called them, where that differs.
NAMES = {"guidance": "guidance_scale", "schedule": "scheduler"}


def made(
    ask: Ask, store: Store | None = None, frame: Mapping[str, int] | None = None
) -> list[Order]:
    """Order pictures of a text: several jobs where the prompt says {a, b}.

    Args:
        ask: What was asked for.
        store: The history.
        frame: The size that the model draws best, where the call says none.
    """
    return list(typed(ask.wishes(), store, frame))


def started(ask: Ask, picture: Kept, store: Store | None = None) -> list[Order]:
    """Order pictures that start from another one as a whole.

    Args:
        ask: What was asked for.
        picture: What they start from; it decides the size where the call does not.
        store: The history.
    """
    wishes = {**ask.wishes(), "image": picture.picture, "strength": ask.strength}
    return list(typed(wishes, store))


def redrawn(ask: Ask, picture: Kept, mask: str) -> list[Order]:
    """Order a part of a picture anew.

    Args:
        ask: What was asked for.
        picture: The picture.
        mask: The name of one that is white where it may change.
    """
    _few(ask, "an edit with a mask")
    fields = {
        "picture": picture.picture, "mask": mask, "prompt": ask.prompt, "count": ask.count,
        "seed": ask.seed,
    }  # fmt: skip
    return [ordered("edit", fields)]


def varied(ask: Ask, picture: Kept, prompt: str | None) -> list[Order]:
    """Order pictures near another one.

    Args:
        ask: What was asked for.
        picture: The picture.
        prompt: What it shows, where that is not known from the history.
    """
    _few(ask, "a variation")
    fields = {
        "picture": picture.picture, "prompt": prompt, "count": ask.count, "seed": ask.seed
    }  # fmt: skip
    return [ordered("vary", fields)]


def size_of(ask: Ask, request: Mapping[str, Any]) -> Size:
    """Give the size that the pictures of a job will have when they go out.

    Args:
        ask: What was asked for.
        request: Of the job, resolved.
    """
    if ask.size is not None:
        return ask.size
    return int(request.get("width", 512)), int(request.get("height", 512))


def _few(ask: Ask, what: str) -> None:
    """Refuse fields that would have no effect, rather than pass over them."""
    for name in ask.more:
        if name not in FEW:
            theirs = NAMES.get(name, name)
            raise RefusedError(
                f"{theirs} has no effect on {what}, which draws as the picture was drawn: "
                "leave it out",
                theirs,
            )
