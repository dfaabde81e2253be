"""Index -> (picture, caption, masks): an endless, exact, reproducible data set.

The spec is drawn first, then rendered and described, so a caption never says what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from molnar.base.errors import ConfigError, DataError
from molnar.base.rng import generator
from molnar.lab.data.captions import Lexicon, describe
from molnar.lab.data.draw import Draw
from molnar.lab.data.heldout import is_held_out
from molnar.lab.data.placing import framed
from molnar.lab.data.plans import plan_of
from molnar.lab.data.render import render
from molnar.lab.data.sampling import SpecSampler
from molnar.lab.data.spec import GEOMETRY_KINDS, KINDS, STICKER_KINDS, Rendered, Sample, Spec
from molnar.lab.data.stickers import Stickers
from molnar.plan.items import Plan

VERSION = 3  # raised whenever picture n, or its caption, is another one than before
LEAST_LOOK_PX = 32  # shorter side that `looks.apply` takes
_SPEC, _CAPTION = 0, 1  # streams of randomness of one index
_TRIES = 24  # of one kind, before another kind is drawn


def _geometry_weights() -> dict[str, float]:
    return {
        "single": 0.14, "two": 0.14, "counting": 0.22, "colour": 0.10,
        "position": 0.20, "attribution": 0.12, "nested": 0.05, "homage": 0.03, "many": 0.04,
    }  # fmt: skip


def _sticker_weights() -> dict[str, float]:
    return {
        "sticker": 0.66, "sticker_two": 0.11, "sticker_position": 0.11,
        "sticker_count": 0.09, "sticker_nested": 0.03, "sticker_many": 0.08,
        "sticker_wearing": 0.10, "sticker_touching": 0.08,
    }  # fmt: skip


def _style_weights() -> dict[str, float]:
    return {
        "noto": 0.5, "fluent-flat": 0.15, "twemoji": 0.15, "fluent-3d": 0.1,
        "blob": 0.04, "fluent-color": 0.04, "fluent-high-contrast": 0.02,
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldConfig:
    """What the world draws, and how often."""

    seed: int = 0  # another seed, another world
    size: int = 128  # side of `sample` pictures, pixels
    split: Literal["train", "heldout"] = "train"  # never, or only, held-out combinations
    geometry_p: float = 0.45  # share of geometry; the rest is stickers (1 when there are none)
    transparent_p: float = 0.12  # share of transparent backgrounds
    coloured_p: float = 0.38  # share of plain backgrounds in a colour; the rest is white
    short_p: float = 0.35  # share of short captions
    place_p: float = 0.0  # share of places and patterns, of the kinds that can be in one
    look_p: float = 0.0  # share of looks (pixel art, neon, ...), of the kinds that can have one
    tint_p: float = 0.0  # share of drawings whose colour is said, mostly another than theirs
    common_p: float = 0.0  # share of drawings picked among everyday ones; the rest, among all
    geometry: dict[str, float] = field(default_factory=_geometry_weights)  # weight of each kind
    sticker: dict[str, float] = field(default_factory=_sticker_weights)  # weight of each kind
    styles: dict[str, float] = field(default_factory=_style_weights)  # weight of each style

    def __post_init__(self) -> None:
        """Check what one field cannot say alone."""
        unknown = [key for key in (*self.geometry, *self.sticker) if key not in KINDS]
        if unknown:
            raise ConfigError(f"unknown kind {unknown[0]!r}; expected one of {', '.join(KINDS)}")
        if self.look_p and self.size < LEAST_LOOK_PX:
            raise ConfigError(f"size {self.size} with looks; they need {LEAST_LOOK_PX} px or more")
        if self.transparent_p + self.coloured_p > 1.0:
            raise ConfigError(
                f"transparent_p {self.transparent_p} + coloured_p {self.coloured_p} exceeds 1"
            )


class World:
    """Captioned pictures by index.

    Example:
        >>> world = World(WorldConfig(seed=0, size=64))
        >>> sample = world.sample(7)
        >>> sample.image.shape, sample.caption == world.sample(7).caption
        ((64, 64, 4), True)
    """

    def __init__(self, config: WorldConfig | None = None, stickers: Stickers | None = None) -> None:
        """Prepare a world; without stickers it is geometry alone."""
        self.config = config or WorldConfig()
        self.stickers = stickers
        self._lexicon = Lexicon(stickers.concepts if stickers is not None else {})
        self._sampler = SpecSampler(self.config, stickers)
        share = self.config.geometry_p if stickers is not None else 1.0
        geometry, sticker = self.config.geometry, self.config.sticker
        weights = {k: share * w / sum(geometry.values()) for k, w in geometry.items()}
        if stickers is not None:
            able = {k: w for k, w in sticker.items() if self._sampler.can(k)}
            total = sum(able.values())
            if share < 1.0 and not total:
                raise ConfigError("no kind of sticker scene is left to draw; give one a weight")
            total = total or 1.0
            weights |= {k: (1.0 - share) * w / total for k, w in able.items()}
        self._kinds, self._weights = tuple(weights), tuple(weights.values())

    def spec(self, index: int, kind: str | None = None) -> Spec:
        """Draw the spec of an index: a pure function of (config, index, kind).

        Args:
            index: 0 or more.
            kind: one of `spec.KINDS`; None = drawn by weight.

        Raises:
            DataError: nothing suits the split, or a sticker is asked of a world without any.
        """
        if kind in STICKER_KINDS and self.stickers is None:
            raise DataError(f"kind {kind!r} needs stickers; open the world with some")
        if kind is not None and kind not in KINDS:
            raise DataError(f"unknown kind {kind!r}; expected one of {', '.join(KINDS)}")
        if kind is not None and not self._sampler.can(kind):
            raise DataError(f"none of these drawings can wear anything; {kind!r} needs faces")
        rng = generator(self.config.seed, index, _SPEC)
        draw = Draw(rng)
        wanted = self.config.split == "heldout"
        for _ in range(64):
            current = kind or draw.weighted(self._kinds, self._weights)
            for _ in range(_TRIES):
                spec = self._sampler.draw(rng, current)
                if is_held_out(spec) == wanted:
                    return spec
        raise DataError(f"nothing of kind {kind or 'any'} is in split {self.config.split!r}")

    def caption(self, spec: Spec, index: int) -> str:
        """Describe a spec; the wording is a pure function of (config, index)."""
        rng = generator(self.config.seed, index, _CAPTION)
        return describe(spec, rng, self._lexicon, self.config.short_p)

    def render(self, spec: Spec, size: int | None = None) -> Rendered:
        """Draw a spec at any size (default: the config's)."""
        return render(spec, size or self.config.size, self.stickers)

    def framed(self, spec: Spec, shape: tuple[int, int]) -> Spec:
        """Spread a spec over a frame of (height, width) pixels; see `placing.framed`."""
        heights = [1.0] * len(spec.things)
        for index, thing in enumerate(spec.things):
            if self.stickers is not None and thing.style is not None:
                heights[index] = self.stickers.sprite(thing.name, thing.style).height
        return framed(spec, *shape, heights)

    def sample(
        self, index: int, kind: str | None = None, shape: tuple[int, int] | None = None
    ) -> Sample:
        """Draw, render and describe one index; `shape` is height and width, None = the config's."""
        spec = self.spec(index, kind)
        if shape is None:
            rendered = self.render(spec)
        else:
            spec = self.framed(spec, shape)
            rendered = render(spec, min(shape), self.stickers, shape)
        plan = plan_of(spec, self.stickers, shape)
        return Sample(rendered.image, self.caption(spec, index), spec, rendered.masks, plan)

    def described(self, index: int) -> tuple[str, Plan]:
        """Give the caption and the plan of an index without rendering it."""
        spec = self.spec(index)
        return self.caption(spec, index), plan_of(spec, self.stickers)

    def text(self, index: int) -> str:
        """Give the caption of an index without rendering it."""
        return self.caption(self.spec(index), index)


__all__ = ["GEOMETRY_KINDS", "KINDS", "STICKER_KINDS", "World", "WorldConfig"]
