"""An order in, what a session draws out: the only part of orders that needs pixels and a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar import verbs
from molnar.app.job import Parent as Ancestor
from molnar.app.jobs import Store
from molnar.app.orders.checking import WAYS, again_of, check_alone, check_region
from molnar.app.orders.costs import frame_of
from molnar.app.orders.looking import is_input, no_path, repeated
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
)
from molnar.app.orders.wording import GRID
from molnar.app.parents import found
from molnar.app.references import is_reference
from molnar.app.session import Session, Task
from molnar.base.rng import NUM_SEEDS
from molnar.starting import SCHEME, name_of
from molnar.verbs import Parent, Wish

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """A picture that an order names."""

    parent: Parent
    ancestor: Ancestor | None = None  # its place in the history, if it has one

    @functools.cached_property
    def name(self) -> str:
        """What requests call it: by what it shows."""
        return name_of(self.parent.pixels)

    def as_(self, role: str) -> list[Ancestor]:
        """Give its place in the history, as what it is to what comes from it; [] if it has none."""
        return [] if self.ancestor is None else [replace(self.ancestor, role=role)]


class Sources:
    """The pictures that orders name, each read once."""

    def __init__(self, store: Store, files: bool = False) -> None:
        """Remember where to look.

        Args:
            store: The history.
            files: Whether orders may name paths: never if they came over HTTP.
        """
        self.store = store
        self.files = files
        self._read: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        """Read a picture.

        Raises:
            RequestError: There is no such picture.
            DataError: It cannot be read.
        """
        if name not in self._read:
            self._read[name] = self._source(name)
        return self._read[name]

    def _source(self, name: str) -> Source:
        if is_input(name, "picture"):
            pixels = self.store.get_input(name.removeprefix(SCHEME))
            grey = pixels.shape[-1] == 1
            return Source(Parent(pixels=np.repeat(pixels, 3, axis=-1) if grey else pixels))
        if not self.files and not is_reference(name):
            raise no_path(name, "picture")
        one = found(name, self.store)
        return Source(one.parent, one.ancestor)


def task_of(session: Session, order: Order, sources: Sources | None = None) -> Task:
    """Turn an order into what a session draws: the same task every time, whoever asks.

    Args:
        session: Its history has the pictures; its model is loaded where a verb needs it.
        order: What is asked for.
        sources: Pictures that were read before, and whether paths count; the history alone if
            absent.

    Raises:
        RequestError: A field is out of its range, or a picture is not there.
        DataError: A picture cannot be read.
    """
    check_alone(order)
    return _MAKERS[type(order)](session, order, sources or Sources(session.store))


def _make(session: Session, order: Make, sources: Sources) -> Task:
    inputs: dict[str, Bytes] = {}
    ancestors: list[Ancestor] = []
    wishes = []
    for request in order.requests:
        names = {}
        for key, role in (("image", "init"), ("mask", "mask")):
            if not getattr(request, key):
                continue
            source = sources[getattr(request, key)]
            names[key] = source.name
            inputs[source.name] = source.parent.pixels
            ancestors += source.as_(role)
        guides = []
        for guide in request.guides:
            source = sources[guide.image]
            guides.append(replace(guide, image=source.name))
            inputs[source.name] = source.parent.pixels
            ancestors += source.as_(guide.kind)
        named = request.replaced(**names, guides=tuple(guides))
        wishes.append(Wish(request=named, inputs=inputs))
    if order.image_prompt:
        source = sources[order.image_prompt]
        ancestors += source.as_("prompt")
        wishes = [_taking_after(session, wish, source, order.iw) for wish in wishes]
    return Task(
        verb="make", wishes=wishes, ancestors=tuple(dict.fromkeys(ancestors)), grid=order.grid
    )


def _taking_after(session: Session, wish: Wish, source: Source, weight: float) -> Wish:
    """Let a picture speak beside the prompt."""
    from molnar.seeing.blend import prompted

    done = prompted(session.pipeline, wish.request, source.parent.pixels, weight)
    return Wish(request=done.request, inputs={**wish.inputs, **done.inputs})


def _vary(session: Session, order: Vary, sources: Sources) -> Task:
    source = sources[order.picture]
    wish = verbs.vary(
        source.parent,
        strong=order.strong,
        seed=order.seed,
        prompt=order.prompt,
        count=order.count,
    )
    return Task(
        verb="vary",
        wishes=[wish],
        ancestors=source.as_("vary"),
        extra={"strong": order.strong},
        grid=order.count == GRID,  # as after `--grid`
    )


def _again(session: Session, order: Again, sources: Sources) -> Task:
    every = again_of(order, session.store, sources.files)
    ancestors, grid = [], False
    if is_reference(order.picture):
        job = repeated(session.store, order.picture)
        ancestors, grid = [Ancestor(job.id, None, "again")], job.grid is not None
    seeds = moved([request.seed or 0 for request in every], order.seed)
    wishes = [
        verbs.again(request, seed=seed, prompt=order.prompt)
        for request, seed in zip(every, seeds, strict=True)
    ]
    return Task(verb="again", wishes=wishes, ancestors=ancestors, grid=grid)


def moved(seeds: Sequence[int], first: int) -> list[int]:
    """Give seeds that lie as far apart as the old ones, from another first one on."""
    return [(first + seed - seeds[0]) % NUM_SEEDS for seed in seeds]


def _upscale(session: Session, order: Upscale, sources: Sources) -> Task:
    source = sources[order.picture]
    wish = verbs.upscale(source.parent, scale=order.scale, creative=order.creative, seed=order.seed)
    extra = {"scale": order.scale, "creative": order.creative}
    return Task(verb="upscale", wishes=[wish], ancestors=source.as_("upscale"), extra=extra)


def _edit(session: Session, order: Edit, sources: Sources) -> Task:
    source = sources[order.picture]
    mask, ancestors = _mask(session, order, sources)
    planned = session.planned(order.prompt, order.seed)
    wish = verbs.edit(
        source.parent,
        mask,
        prompt=order.prompt,
        seed=order.seed,
        planned=planned,
        count=order.count,
    )
    wish = Wish(request=wish.request.replaced(feather=order.feather), inputs=wish.inputs)
    [way] = [way for way in WAYS if getattr(order, way)]
    told = ",".join(map(str, order.region)) if way == "region" else getattr(order, way)
    return Task(
        verb="edit",
        wishes=[wish],
        ancestors=source.as_("edit") + ancestors,
        extra={way: told},
    )


def _mask(session: Session, order: Edit, sources: Sources) -> tuple[Bytes, list[Ancestor]]:
    """Make the mask of an edit: H W 3 or 4, white where the picture may change; its ancestors."""
    source = sources[order.picture]
    if order.mask:
        other = sources[order.mask]
        return other.parent.pixels, other.as_("mask")
    if order.region:
        return rectangle(order.region, source.parent.size), []
    from molnar.seeing.where import where

    return where(session.pipeline, source.parent, order.where), []


def rectangle(region: Sequence[int], size: tuple[int, int]) -> Bytes:
    """Make the mask of a rectangle: H W 3, white in it.

    Args:
        region: x, y, width, height in pixels.
        size: Height and width of the picture.

    Raises:
        RequestError: It is not within the picture.
    """
    check_region(region, size)
    x, y, width, height = region
    mask = np.zeros((*size, 3), np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


def _around(session: Session, order: Zoom | Pan | Square, sources: Sources) -> Task:
    source = sources[order.picture]
    given: dict[str, Any] = {"seed": order.seed, "prompt": order.prompt}
    if isinstance(order, Zoom):
        verb, wish = "zoom", verbs.zoom(source.parent, order.factor, **given)
        extra: dict[str, Any] = {"factor": order.factor}
    elif isinstance(order, Pan):
        verb, wish = "pan", verbs.pan(source.parent, order.way, **given)
        extra = {"way": order.way}
    else:
        verb, wish, extra = "square", verbs.square(source.parent, **given), {}
    return Task(verb=verb, wishes=[wish], ancestors=source.as_(verb), extra=extra)


def _blend(session: Session, order: Blend, sources: Sources) -> Task:
    from molnar.seeing.blend import blend

    every = [sources[name] for name in order.pictures]
    wish = blend(
        session.pipeline,
        [source.parent for source in every],
        weights=order.weights or None,
        seed=order.seed,
        size=frame_of(order, every[0].parent.size),
    )
    wish = Wish(request=wish.request.replaced(count=order.count), inputs=wish.inputs)
    ancestors = [one for source in every for one in source.as_("blend")]
    extra = {"pictures": list(order.pictures), "weights": list(order.weights)}
    return Task(verb="blend", wishes=[wish], ancestors=ancestors, extra=extra)


_MAKERS: dict[type[Order], Callable[[Session, Any, Sources], Task]] = {
    Make: _make, Vary: _vary, Again: _again, Upscale: _upscale, Edit: _edit,
    Zoom: _around, Pan: _around, Square: _around, Blend: _blend,
}  # fmt: skip
