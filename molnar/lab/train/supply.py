"""A recipe, a sticker pack, a data path -> the pictures and texts that every part learns from."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molnar.base.images import to_model
from molnar.lab.data import concepts, plans
from molnar.lab.data.folder import Pictures, open_data
from molnar.lab.data.render_torch import TorchRenderer
from molnar.lab.data.spec import Problem, Rendered, Sample, Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import VERSION, World, WorldConfig
from molnar.lab.train.recipe import Drawings, Recipe
from molnar.lab.train.settings import plain
from molnar.lab.train.source import Drawn, Shape


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a user has: their own pictures, or a sticker pack for the world, or neither."""

    pictures: Path | None = None
    stickers: Path | None = None


@dataclass(frozen=True)
class WorldMaker:
    """What another process needs to build the same world."""

    config: WorldConfig
    drawings: Drawings
    stickers: Path | None

    def __call__(self) -> World:
        """Build the world, reading the sprites from their cache."""
        if self.stickers is None:
            return World(self.config)
        opened = Stickers.open(
            self.stickers,
            styles=self.drawings.styles,
            concepts=concepts.CHOICES[self.drawings.concepts],
            size=self.drawings.sprite_px,
        )
        return World(self.config, opened)


class Supply:
    """Pictures and texts of one recipe. Opened once, shared by all parts of a chain."""

    def __init__(self, recipe: Recipe, data: Data) -> None:
        self.recipe, self.data = recipe, data
        self.files: Pictures | None = None
        self.large: Pictures | None = None  # the same files at the upscaler's size
        self.world: World | None = None
        self.maker = WorldMaker(recipe.world, recipe.drawings, data.stickers)
        if data.pictures is not None:
            self.files = open_data(data.pictures, size=recipe.world.size)
        else:
            self.world = self.maker()

    def of_world(self, world: WorldConfig) -> Supply:
        """Give the same drawings, composed by another world; not for pictures from files."""
        return Supply(replace(self.recipe, world=world), self.data)

    def identity(self) -> dict[str, Any]:
        """Say what decides the pictures: part of the config of every run."""
        if self.files is not None:
            return {"pictures": str(self.data.pictures), "size": self.recipe.world.size}
        chosen = {
            "concepts": self.recipe.drawings.concepts,
            "styles": self.recipe.drawings.styles,
            "sprite_px": self.recipe.drawings.sprite_px,
        }
        return {
            "world": {**plain(self.recipe.world), "version": VERSION},
            "drawings": plain(chosen) if self.data.stickers is not None else None,
        }

    @property
    def samples(self) -> Pictures | World:
        """Captioned pictures one by one."""
        found = self.files if self.files is not None else self.world
        assert found is not None
        return found

    @property
    def problems(self) -> list[Problem]:
        """Files that could not be used, so far."""
        if self.files is not None:
            found = [*self.files.problems, *(self.large.problems if self.large else [])]
            return list(dict.fromkeys(found))
        assert self.world is not None
        return self.world.stickers.problems if self.world.stickers is not None else []

    def source(self, device: torch.device, *, on_device: bool) -> Any:
        """Give the fastest stream of pictures that the recipe asks for (a `Source`).

        Args:
            device: Where training computes.
            on_device: Compose pictures there, if the recipe wants it; False = always on the CPU.
        """
        drawings = self.recipe.drawings
        if self.world is None or not (drawings.workers or drawings.on_device):
            return self.samples
        crew = Crew(self.world, self.maker, drawings.workers)
        if on_device and drawings.on_device:
            return DeviceSource(self.world, crew, device)
        return CrewSource(self.world, crew)

    def pairs(self) -> Any:
        """Give a world that the upscaler can draw large and small: ours, or a view of the files."""
        if self.files is None:
            return self.world
        assert self.data.pictures is not None
        self.large = open_data(self.data.pictures, size=self.recipe.upscaler.data.size)
        return FileWorld(self.large)

    def caption(self) -> Callable[[Spec, int], str] | None:
        """Give what describes a changed spec; None for pictures from files."""
        return None if self.world is None else self.world.caption

    def names(self) -> tuple[str, ...]:
        """List every name that a plan can hold; none for pictures from files."""
        return () if self.world is None else plans.names(self.world.stickers)

    def drawn(self) -> list[str]:
        """List the names of the drawings that pictures are made of."""
        stickers = None if self.world is None else self.world.stickers
        return [] if stickers is None else list(stickers.concepts)

    def captions(self, number: int) -> list[str]:
        """List captions: the files' own, or what the world would write under its first pictures."""
        if self.files is not None:
            return [row.caption for row in self.files.rows[:number]]
        assert self.world is not None
        return [self.world.text(index) for index in range(number)]


class FileWorld:
    """Files seen as a world: the spec of a picture is its number."""

    def __init__(self, files: Pictures) -> None:
        self.files = files

    def spec(self, index: int) -> Any:
        """Give the number of a picture."""
        return index

    def render(self, spec: Any, size: int) -> Rendered:
        """Give the picture; `size` is the one the files were opened with."""
        assert size == self.files.size
        return Rendered(self.files.sample(int(spec)).image, np.zeros((0, size, size), np.uint8))


# Each worker process builds its own world once; everything else it is told by number.
_worker_world: World | None = None


def _start_worker(maker: WorldMaker) -> None:
    global _worker_world
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the loop, which then stops us
    torch.set_num_threads(1)
    _worker_world = maker()


def _specs(numbers: tuple[int, int], shape: Shape | None) -> list[tuple[Spec, str]]:
    assert _worker_world is not None
    return _described(_worker_world, range(*numbers), shape)


def _described(world: World, numbers: range, shape: Shape | None) -> list[tuple[Spec, str]]:
    """Draw up specs, in their frame, with captions that say what is to be seen there."""
    specs = [(index, world.spec(index)) for index in numbers]
    if shape is not None:
        specs = [(index, world.framed(spec, shape)) for index, spec in specs]
    return [(spec, world.caption(spec, index)) for index, spec in specs]


def _samples(numbers: tuple[int, int], shape: Shape | None) -> list[Sample]:
    assert _worker_world is not None
    drawn = [_worker_world.sample(i, shape=shape) for i in range(*numbers)]
    return [replace(sample, spec=None, masks=None) for sample in drawn]  # large, and not asked for


class Crew:
    """Processes that draw specs and pictures by number; without any, the calling thread does."""

    def __init__(self, world: World, maker: WorldMaker, workers: int) -> None:
        self.world, self.workers = world, workers
        self.pool: ProcessPoolExecutor | None = None
        if workers:
            self.pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=(maker,),
            )

    def specs(self, first: int, size: int, shape: Shape | None) -> list[tuple[Spec, str]]:
        """Draw specs first ... first + size - 1 with their captions."""
        if self.pool is None:
            return _described(self.world, range(first, first + size), shape)
        parts = self.pool.map(_specs, self._shares(first, size), repeat(shape))
        return [pair for part in parts for pair in part]

    def samples(self, first: int, size: int, shape: Shape | None) -> list[Sample]:
        """Draw pictures with their captions and plans."""
        if self.pool is None:
            return [self.world.sample(index, shape=shape) for index in range(first, first + size)]
        parts = self.pool.map(_samples, self._shares(first, size), repeat(shape))
        return [sample for part in parts for sample in part]

    def _shares(self, first: int, size: int) -> list[tuple[int, int]]:
        step = max(1, -(-size // (2 * self.workers)))
        end = first + size
        return [(start, min(start + step, end)) for start in range(first, end, step)]


class CrewSource:
    """Whole batches drawn by a crew on the CPU."""

    def __init__(self, world: World, crew: Crew) -> None:
        self.world, self.crew = world, crew

    def sample(self, index: int, shape: Shape | None = None) -> Sample:
        """Give one picture."""
        return self.world.sample(index, shape=shape)

    def pictures(self, first: int, size: int, shape: Shape | None = None) -> Drawn:
        """Draw a batch."""
        drawn = self.crew.samples(first, size, shape)
        images = torch.from_numpy(to_model(np.stack([sample.image for sample in drawn])))
        return Drawn(images, [one.caption for one in drawn], [one.plan for one in drawn])


class DeviceSource(CrewSource):
    """Whole batches composed where training computes; only specs are made on the CPU."""

    def __init__(self, world: World, crew: Crew, device: torch.device) -> None:
        super().__init__(world, crew)
        self.renderer = TorchRenderer(world.stickers, device)

    def pictures(self, first: int, size: int, shape: Shape | None = None) -> Drawn:
        """Draw a batch, on the device."""
        drawn = self.crew.specs(first, size, shape)
        side = self.world.config.size if shape is None else min(shape)
        image = self.renderer.render([spec for spec, _ in drawn], side, shape)
        scaled = image.permute(0, 3, 1, 2).float() * (2.0 / 255.0) - 1.0
        planned = [plans.plan_of(spec, self.world.stickers, shape) for spec, _ in drawn]
        return Drawn(scaled.contiguous(), [caption for _, caption in drawn], planned)
