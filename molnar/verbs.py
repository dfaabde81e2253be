"""A picture in, the request for the next one out: vary, edit, zoom, pan, square, upscale, again.

Each is a pure function of what a picture's record says, so that all can be repeated. A picture
without a record (any file) works too, with less: what is in it is then not known, only seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import RequestError
from molnar.base.request import Request, Variation
from molnar.base.types import Item, Plan
from molnar.plan.changes import fitted, framed, joined, within
from molnar.starting import check_mask, name_of

Bytes = NDArray[np.uint8]

SUBTLE, STRONG = 0.1, 0.27  # of a variation
FILE_SUBTLE, FILE_STRONG = 0.35, 0.75  # strength, where only pixels are known
CREATIVE = 0.3  # strength of an upscale that may add
STEP = 8  # sizes are multiples of it
LEAST, MOST = 64, 2048  # pixels, each side
PAN = 0.5  # of the side, added by one pan
SIDES = ("left", "up", "right", "down")  # in the order of `Request.outpaint`


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A picture that another one is made from.

    Example:
        >>> Parent(pixels=np.zeros((64, 96, 3), np.uint8)).size
        (64, 96)
    """

    pixels: Bytes  # H W 3, or H W 4 with straight alpha
    request: Request | None = None  # that drew it alone, if it is known
    plan: Plan = ()  # what was to be drawn in it, if it is known
    prompt: str | None = None  # what it says it shows, where that is all it says

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.pixels.shape[:2]
        return height, width


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A request, and the pictures it names."""

    request: Request
    inputs: Mapping[str, Bytes] = field(default_factory=dict)


def vary(
    parent: Parent, *, strong: bool = False, seed: int, prompt: str | None = None, count: int = 4
) -> Wish:
    """Draw pictures near another one: the same noise, moved a little towards another seed's.

    Args:
        parent: What to vary.
        strong: Change the composition, not only details.
        seed: Of the noise to go towards; picture k goes towards seed + k.
        prompt: Another text, if it is to say something else.
        count: How many.
    """
    if parent.request is None:
        return _redrawn(parent, prompt, seed, FILE_STRONG if strong else FILE_SUBTLE, count)
    step = Variation(seed=seed, strength=STRONG if strong else SUBTLE)
    steps = (*parent.request.variations, step)
    return Wish(request=_worded(parent.request, prompt).replaced(count=count, variations=steps))


def again(request: Request, *, seed: int, prompt: str | None = None) -> Wish:
    """Draw the same once more from another seed, or another text from it.

    Raises:
        RequestError: Another text for an edit: what it plans belongs into the mask.
    """
    if request.mask and prompt is not None and prompt != request.prompt:
        raise RequestError(
            "got another prompt for an edit; expected it with the picture and the mask: "
            "molnar edit PICTURE --mask ... -p ..."
        )
    return Wish(request=_worded(request, prompt).replaced(seed=seed, variations=()))


def upscale(parent: Parent, *, scale: int = 2, creative: bool = False, seed: int = 0) -> Wish:
    """Make a picture larger, by the upscaler alone or with details drawn anew.

    Raises:
        RequestError: the result would be too large.
    """
    height, width = enlarged(parent.size, scale)
    strength = CREATIVE if creative else 0.0
    request = _base(parent, None, seed)
    return _on(parent, request.replaced(height=height, width=width, strength=strength))


def edit(
    parent: Parent, mask: Bytes, *, prompt: str, seed: int, planned: Plan = (), count: int = 1
) -> Wish:
    """Draw a part of a picture anew.

    Args:
        parent: The picture.
        mask: Of its size, H W 3 or 4: white where it may change.
        prompt: What is to be there; empty = what lies behind.
        seed: Of the new part.
        planned: What the model plans for the prompt, in a square; () if it has no planner.
        count: How many.

    Raises:
        RequestError: the mask is empty, or of another size.
    """
    light = mask[..., :3].mean(axis=-1) > 127
    if mask.shape[-1] == 4:
        light &= mask[..., 3] > 127
    check_mask(mask, parent.pixels)
    if not light.any():
        raise RequestError("the mask is empty; expected white where the picture is to change")
    old, added = parent.size, _rounded(parent.size, (0, 0, 0, 0))
    height, width = old[0] + added[3], old[1] + added[2]
    plan = framed(_refilled(parent, light, planned), old, (height, width), (0, 0))
    request = _base(parent, prompt or None, seed).replaced(
        height=height, width=width, outpaint=added, mask=name_of(mask), strength=1.0,
        count=count, plan=plan,
    )  # fmt: skip
    return _on(parent, request, {name_of(mask): mask})


def extend(
    parent: Parent,
    added: Sequence[int],
    *,
    seed: int,
    prompt: str | None = None,
    count: int = 1,
) -> Wish:
    """Draw what lies around a picture, which keeps every pixel.

    Args:
        parent: The picture.
        added: Pixels left, top, right, bottom.
        seed: Of what is new.
        prompt: Another text, if what is around is to be something else.
        count: How many.

    Raises:
        RequestError: the result would be too large.
    """
    left, top, right, bottom = _rounded(parent.size, added)
    height, width = extended(parent.size, added)
    plan = framed(parent.plan, parent.size, (height, width), (top, left))
    request = _base(parent, prompt, seed).replaced(
        height=height, width=width, outpaint=(left, top, right, bottom), strength=1.0,
        plan=plan, count=count,
    )  # fmt: skip
    # A map of where things are is of the old frame; what they are like holds around it, too.
    guides = tuple(guide for guide in request.guides if guide.kind != "control")
    return _on(parent, request.replaced(guides=guides))


def zoom(parent: Parent, factor: float, *, seed: int, prompt: str | None = None) -> Wish:
    """See more on all sides: a picture `factor` times as wide, with the old one in its middle.

    Raises:
        RequestError: the factor is not above 1 and at most 4, or the result would be too large.
    """
    return extend(parent, beyond(parent.size, factor), seed=seed, prompt=prompt)


def pan(
    parent: Parent, way: str, *, seed: int, prompt: str | None = None, share: float = PAN
) -> Wish:
    """See more on one side, by a share of the picture.

    Raises:
        RequestError: there is no such side, or the result would be too large.
    """
    return extend(parent, beside(parent.size, way, share), seed=seed, prompt=prompt)


def square(parent: Parent, *, seed: int, prompt: str | None = None) -> Wish:
    """See as much more on the shorter sides as makes a picture square.

    Raises:
        RequestError: it is square.
    """
    return extend(parent, missing(parent.size), seed=seed, prompt=prompt)


def enlarged(size: tuple[int, int], scale: int) -> tuple[int, int]:
    """Give the height and width of an upscaled picture.

    Raises:
        RequestError: they are too large.
    """
    height, width = (_near(side * scale) for side in size)
    _small_enough(height, width)
    return height, width


def extended(size: tuple[int, int], added: Sequence[int]) -> tuple[int, int]:
    """Give the height and width of a picture with so much left, top, right, bottom.

    Raises:
        RequestError: they are too large.
    """
    left, top, right, bottom = _rounded(size, added)
    height, width = size[0] + top + bottom, size[1] + left + right
    _small_enough(height, width)
    return height, width


def beyond(size: tuple[int, int], factor: float) -> tuple[int, ...]:
    """Say what a zoom adds: left, top, right, bottom.

    Raises:
        RequestError: the factor is not above 1 and at most 4.
    """
    if not 1 < factor <= 4:
        raise RequestError(f"zoom is {factor}; expected above 1 and at most 4, e.g. 1.5")
    height, width = (max(STEP, round(side * (factor - 1) / 2)) for side in size)
    return width, height, width, height


def beside(size: tuple[int, int], way: str, share: float = PAN) -> tuple[int, ...]:
    """Say what a pan adds: left, top, right, bottom.

    Raises:
        RequestError: there is no such side.
    """
    if way not in SIDES:
        raise RequestError(f"pan is {way!r}; expected one of: {', '.join(SIDES)}")
    side = size[0] if way in ("up", "down") else size[1]
    return tuple(round(side * share) if name == way else 0 for name in SIDES)


def missing(size: tuple[int, int]) -> tuple[int, ...]:
    """Say what a picture lacks to be square: left, top, right, bottom.

    Raises:
        RequestError: it is square.
    """
    height, width = size
    if height == width:
        raise RequestError(f"the picture is {width} x {height}; expected one that is not square")
    across, down = max(height - width, 0), max(width - height, 0)
    return across // 2, down // 2, across - across // 2, down - down // 2


def _base(parent: Parent, prompt: str | None, seed: int) -> Request:
    """Give a request for a picture of the parent's size and kind, from it."""
    height, width = (_near(side) for side in parent.size)
    known = parent.request
    if known is None:
        said = prompt or parent.prompt or "picture"
        return Request(prompt=said, height=height, width=width, seed=seed)
    return _worded(known, prompt).replaced(
        height=height, width=width, seed=seed, variations=(), plan=(), mask="", image="",
        outpaint=(0, 0, 0, 0), tile=False, stop=100, count=1, best_of=1,
    )  # fmt: skip


def _worded(request: Request, prompt: str | None) -> Request:
    """Give a request another text, without what was decided or drawn for the old one."""
    if prompt is None or prompt == request.prompt:
        return request
    return request.replaced(prompt=prompt, plan=(), template="")


def _on(parent: Parent, request: Request, more: Mapping[str, Bytes] | None = None) -> Wish:
    name = name_of(parent.pixels)
    named = request.replaced(image=name)
    return Wish(request=named, inputs={name: parent.pixels, **(more or {})})


def _redrawn(parent: Parent, prompt: str | None, seed: int, strength: float, count: int) -> Wish:
    """Start from the pixels of a picture of which nothing else is known."""
    if prompt is None and parent.prompt is None:
        raise RequestError(
            "the picture does not say what it shows; expected a prompt: -p 'a red fox'"
        )
    request = _base(parent, prompt, seed).replaced(strength=strength, count=count)
    return _on(parent, request)


def _refilled(parent: Parent, mask: NDArray[np.bool_], planned: Plan) -> Plan:
    """Plan an edited picture: what stays, and in the mask what is asked for.

    A prompt may speak of the whole picture: what it names that is there already, outside the mask,
    is not planned twice. How all of it is drawn is the parent's.
    """
    stays = tuple(item for item in parent.plan if not within(item, mask))
    there = [item.name for item in stays if not item.behind]
    new = [item for item in planned if not item.behind and item.name not in there]
    side = min(mask.shape)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    box = (left / side, top / side, (right - left) / side, (bottom - top) / side)
    if not any(item.behind for item in stays):
        grounds: list[Item] = [item for item in planned if item.behind]
        whole = [
            replace(
                item, x=mask.shape[1] / side / 2, y=mask.shape[0] / side / 2,
                width=mask.shape[1] / side, height=mask.shape[0] / side,
            )
            for item in grounds
        ]  # fmt: skip
        stays = (*whole, *stays)
    return joined(stays, fitted(new, box))


def _near(pixels: int) -> int:
    """Round to a size that can be asked for."""
    return round(pixels / STEP) * STEP


def _rounded(size: tuple[int, int], added: Sequence[int]) -> tuple[int, int, int, int]:
    """Round what is added so that the whole has a size that can be asked for."""
    left, top, right, bottom = added
    height, width = size
    # The remainder goes where something is added anyway; a side that stays must fit by itself.
    across, down = -(width + left + right) % STEP, -(height + top + bottom) % STEP
    left, right = (left, right + across) if right or not left else (left + across, right)
    top, bottom = (top, bottom + down) if bottom or not top else (top + down, bottom)
    return left, top, right, bottom


def _small_enough(height: int, width: int) -> None:
    if min(height, width) < LEAST:
        raise RequestError(
            f"the picture would be {width} x {height}; expected at least {LEAST} a side: "
            "start from a larger one"
        )
    if max(height, width) > MOST:
        raise RequestError(
            f"the picture would be {width} x {height}; expected at most {MOST} a side: "
            "start from a smaller one"
        )
