"""The guides of a request: their models found and opened, and put to work while it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import RequestError, one_line
from molnar.base.images import on_paper
from molnar.base.request import Guide, Request
from molnar.bridge import asking, refusing
from molnar.bridge.computing import Computing
from molnar.bridge.family import Family
from molnar.bridge.guide_files import find_guide, folders_of
from molnar.bridge.guides import Control, Guided, control_of, controlled, with_control
from molnar.bridge.ip_adapters import IPAdapters

Pixels = NDArray[np.uint8]
LENT = ("image_encoder", "feature_extractor")  # what looks at the picture of an IP-Adapter
LISTED = 3  # keys in a note
UNEVEN = 0.02  # from which on a map is said to be stretched


@dataclass(frozen=True)
class Led:
    """A guide, and where its model lies."""

    guide: Guide
    path: Path


class Guiding:
    """The ControlNets and IP-Adapters of one checkpoint, changed from request to request.

    Args:
        computing: Of the checkpoint; its networks are changed in place.
        family: Of it.
        adapters: Folders of LoRAs; those of guides lie beside them.
    """

    def __init__(self, computing: Computing, family: Family, adapters: Sequence[Path] = ()) -> None:
        self.computing, self.family = computing, family
        self.folders = folders_of(adapters)
        self._nets: dict[Path, Control] = {}
        self._adapters: IPAdapters | None = None

    def read(self, request: Request) -> tuple[Led, ...]:
        """Find the models of the guides that count; a weight of 0 is off.

        Raises:
            RequestError: There is no such model.
            WeightsError: It is a pickle.
        """
        found = [Led(guide, find_guide(guide, self.folders)) for guide in request.guides]
        return tuple(led for led in found if led.guide.weight > 0)

    def check(self, request: Request, pipe: Any, refined: bool) -> None:
        """Refuse guides that cannot be, before anything is loaded.

        Args:
            request: What is to be drawn.
            pipe: Of its task.
            refined: Whether another checkpoint goes on after this one.

        Raises:
            RequestError: The family has none, or they cannot go with what else is asked for.
        """
        kinds = {led.guide.kind for led in self.read(request)}
        if kinds and self.computing.options.backend != "torch":
            raise RequestError(
                "got a guide, and the converted network takes none; expected none, or "
                "--backend torch"
            )
        if "ip" in kinds and not (asking.takes(type(pipe), "ip_adapter_image") and _has_unet(pipe)):
            raise RequestError(
                f"{self.family.title} takes no IP-Adapter here; expected none, or Stable Diffusion "
                "1 or XL"
            )
        if "control" in kinds:
            self._check_control(request, pipe, refined)

    def _check_control(self, request: Request, pipe: Any, refined: bool) -> None:
        title, kind = self.family.title, controlled(type(pipe).__name__)
        if kind is None:
            tasks = [task for task, name in self.family.pipelines.items() if controlled(name)]
            task = refusing.task_of(request, self.family)
            raise RequestError(
                f"{title} takes no ControlNet for its task {task!r}; it does for: "
                f"{', '.join(tasks)}"
                if tasks
                else f"{title} takes no ControlNet here; expected none, or Stable Diffusion 1, 2, "
                "XL, 3 or Flux"
            )
        if refined and not asking.takes(kind, "denoising_end"):
            raise RequestError(
                "got a ControlNet and a refiner, to which its pipeline hands nothing on; expected "
                "one or the other"
            )
        if request.quality == "fast" and not _has_unet(pipe):
            raise RequestError(
                f"got a ControlNet and quality fast, which reuses what {title} found without it; "
                "expected one or the other"
            )

    def wear(self, guides: Sequence[Led]) -> None:
        """Put on the IP-Adapters of a request, and no others; quick where they are on already."""
        shown = [led for led in guides if led.guide.kind == "ip"]
        if self._adapters is None and shown:
            self._adapters = IPAdapters(self.computing.pipe, self._device)
        if self._adapters is not None:
            paths, weights = [led.path for led in shown], [led.guide.weight for led in shown]
            self._adapters.use(paths, weights)

    def lead(self, pipe: Any, guides: Sequence[Led], inputs: Mapping[str, Pixels]) -> Guided:
        """Give the pipeline that guides lead, and what its call takes for them.

        Args:
            pipe: Of the request's task; IP-Adapters are on.
            guides: Of the request.
            inputs: The pictures it names.

        Raises:
            WeightsError: A ControlNet is corrupt, or for another family.
        """
        arguments: dict[str, Any] = {}
        own = self.computing.pipe
        for name in LENT:
            if pipe is not own and hasattr(own, name) and hasattr(pipe, name):
                setattr(pipe, name, getattr(own, name))
        maps = [led for led in guides if led.guide.kind == "control"]
        shown = [_image(inputs[led.guide.image]) for led in guides if led.guide.kind == "ip"]
        if maps:
            nets = [one.net for one in self._opened(maps, pipe)]
            images = [_image(inputs[led.guide.image]) for led in maps]
            guided = with_control(pipe, nets, images, [led.guide.weight for led in maps])
            pipe, arguments = guided.pipe, dict(guided.arguments)
        if shown:
            arguments["ip_adapter_image"] = shown
        return Guided(pipe, arguments)

    def notes(self, request: Request, pipe: Any, inputs: Mapping[str, Pixels]) -> list[str]:
        """Say what guides will not do as asked; one line each.

        Args:
            request: Resolved.
            pipe: Of its task.
            inputs: The pictures it names.
        """
        told = [
            f"{guide.name} has the weight 0: it is off"
            for guide in request.guides
            if guide.weight == 0
        ]
        maps = [led for led in self.read(request) if led.guide.kind == "control"]
        for led, one in zip(maps, self._opened(maps, pipe), strict=True):
            high, wide = inputs[led.guide.image].shape[:2]
            if abs(wide * request.height / (high * request.width) - 1) > UNEVEN:
                told.append(
                    f"the picture for {led.guide.name} is {wide} x {high} and is stretched to "
                    f"{request.width} x {request.height}"
                )
            if one.unmatched:
                some = ", ".join(one_line(key, 60) for key in one.unmatched[:LISTED])
                told.append(
                    f"{led.guide.name}: {len(one.unmatched)} of its keys fit nothing here, "
                    f"{some} first"
                )
        if maps and request.quality == "fast" and not self.computing.options.exact:
            told.append("with a ControlNet every step is computed in full, quality fast or not")
        return told

    @property
    def _device(self) -> str | None:
        fit = self.computing.fit
        return None if fit is None else fit.device

    def _opened(self, maps: Sequence[Led], pipe: Any) -> list[Control]:
        """Open ControlNets, and keep those of one request: each is a third of a checkpoint."""
        wanted = {led.path for led in maps}
        self._nets = {path: net for path, net in self._nets.items() if path in wanted}
        for path in wanted - self._nets.keys():
            self._nets[path] = control_of(path, pipe, self._device)
            self.computing.quicken(self._nets[path].net)
        return [self._nets[led.path] for led in maps]


def _has_unet(pipe: Any) -> bool:
    return getattr(pipe, "unet", None) is not None


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(on_paper(pixels)))
