"""Specs -> a batch of pictures on any device: the renderer that feeds a GPU.

Shapes use the very distances of `render`; stickers are sampled from a pyramid of sprites with an
affine grid at twice the size, then averaged. Measured against `render` in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from molnar.base.errors import DataError
from molnar.lab.data import looks, places, wearing
from molnar.lab.data.render import inside
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.spec import Spec, Thing
from molnar.lab.data.stickers import Sprite, Stickers
from molnar.lab.data.tinting import main_of, tinted

_LEVELS = 4  # each half the size of the one before
_Placed = tuple[int, Thing]  # index in the batch, thing


class TorchRenderer:
    """Draws batches of specs; sprites are kept on the device.

    Example:
        >>> from molnar.lab.data.world import World
        >>> world = World()
        >>> TorchRenderer(None).render([world.spec(0), world.spec(1)], 64).shape
        torch.Size([2, 64, 64, 4])
    """

    def __init__(self, stickers: Stickers | None, device: str | torch.device = "cpu") -> None:
        """Upload the sprites (about 4 bytes per pixel, 1.33 with the pyramid)."""
        self.device = torch.device(device)
        self.stickers = stickers
        self.rows: dict[tuple[str, str], int] = {}
        self.levels: list[Tensor] = []
        if stickers is None:
            return
        self.rows = {key: row for row, key in enumerate(stickers.drawings)}
        stacked = np.stack([stickers.sprites[key].pixels for key in stickers.drawings])
        level = torch.from_numpy(stacked).to(self.device).permute(0, 3, 1, 2)
        for _ in range(_LEVELS):
            self.levels.append(level)
            level = F.avg_pool2d(level.float(), 2).round().to(torch.uint8)

    @torch.no_grad()
    def render(
        self, specs: Sequence[Spec], size: int, shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Draw specs: uint8 B H W 4, premultiplied, on the renderer's device.

        Args:
            specs: what to draw.
            size: shorter side in pixels.
            shape: height and width of specs that are `framed`; None = a square.

        Raises:
            DataError: a drawing is missing, or cannot wear what it should.
        """
        height, width = shape or (size, size)
        ground = torch.tensor(
            [(0, 0, 0, 0) if s.background.transparent else (*s.background.rgb, 255) for s in specs],
            dtype=torch.float32,
            device=self.device,
        )
        canvas = ground[:, :, None, None].expand(-1, -1, height, width).clone()
        for row, spec in enumerate(specs):
            if spec.place is not None:
                painted = places.paint(spec.place, height=height, width=width)
                canvas[row] = torch.tensor(painted, device=self.device).permute(2, 0, 1)
        for depth in range(max((len(spec.things) for spec in specs), default=0)):
            layer = [(row, s.things[depth]) for row, s in enumerate(specs) if depth < len(s.things)]
            self._shapes(canvas, [p for p in layer if p[1].kind != "sticker"], size)
            self._stickers(canvas, [p for p in layer if p[1].kind == "sticker"], size)
            for row, thing in layer:
                self._accessories(canvas[row], thing, size)
        for row, spec in enumerate(specs):
            if spec.place is not None and spec.place.weather is not None:
                drawn = places.overlay(spec.place, height=height, width=width)
                veil = torch.tensor(drawn, device=self.device).permute(2, 0, 1)
                canvas[row] = canvas[row] * (1.0 - veil[3:] / 255.0) + veil
        images = (canvas + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        for row, spec in enumerate(specs):
            if spec.look is not None:  # few, and exact only where `render` has them from
                drawn = looks.apply(spec.look, images[row].cpu().numpy())
                images[row] = torch.tensor(drawn, device=self.device)
        return images

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)[:, None, None]

    def _shapes(self, canvas: Tensor, placed: list[_Placed], size: int) -> None:
        rows_at, columns_at = (
            torch.arange(side, dtype=torch.float32, device=self.device) + 0.5
            for side in canvas.shape[2:]
        )
        for name in sorted({thing.name for _, thing in placed}):
            rows = [row for row, thing in placed if thing.name == name]
            things = [thing for _, thing in placed if thing.name == name]
            half = self._column([thing.size * size / 2.0 for thing in things])
            x = (columns_at[None, None, :] - self._column([t.x * size for t in things])) / half
            y = (rows_at[None, :, None] - self._column([t.y * size for t in things])) / half
            if name in SHAPES:
                distance = SHAPES[name](x, y)
            else:
                turn = self._column([math.radians(thing.angle) for thing in things])
                along = torch.cos(turn) * x + torch.sin(turn) * y
                across = torch.cos(turn) * y - torch.sin(turn) * x
                thickness = self._column([thing.thickness for thing in things])
                distance = MARKS[name](along, across, thickness)
            alpha = (0.5 - distance * half).clip(0.0, 1.0)[:, None]
            rgb = torch.tensor(
                [(*(thing.rgb or (0, 0, 0)), 255) for thing in things],
                dtype=torch.float32,
                device=self.device,
            )
            _over(canvas, rows, rgb[:, :, None, None] * alpha, alpha)

    def _accessories(self, canvas: Tensor, thing: Thing, size: int) -> None:
        """Lay what a sticker wears over one picture, as `render` does: few and small."""
        for accessory in thing.accessories:
            assert self.stickers is not None
            aspect = self.stickers.sprite(thing.name, thing.style or "").aspect
            worn = wearing.placed(thing, accessory, aspect)
            layer = wearing.layer(worn, size)
            rows, columns, part = inside(layer, canvas.shape[1], canvas.shape[2])
            _, _, colour, alpha = layer
            both = np.concatenate([colour, 255.0 * alpha[..., None]], axis=-1)[part]
            drawn = torch.tensor(both, device=self.device).permute(2, 0, 1)
            here = canvas[:, rows, columns]
            here.copy_(here * (1.0 - drawn[3:] / 255.0) + drawn)

    def _stickers(self, canvas: Tensor, placed: list[_Placed], size: int) -> None:
        by_level: dict[int, list[tuple[int, Thing, Sprite]]] = {}
        for row, thing in placed:
            if self.stickers is None or thing.style is None:
                raise DataError(f"the spec holds the sticker {thing.name!r}; give stickers to draw")
            sprite = self.stickers.sprite(thing.name, thing.style)
            shrink = _longest(sprite) / (thing.size * size)
            level = min(_LEVELS - 1, max(0, math.ceil(math.log2(max(shrink, 1e-6))) - 1))
            by_level.setdefault(level, []).append((row, thing, sprite))
        for level, rows in sorted(by_level.items()):
            side = self.levels[0].shape[-1]
            frame = (canvas.shape[2], canvas.shape[3])
            theta = torch.tensor(
                [_affine(thing, sprite, size, side, frame) for _, thing, sprite in rows],
                dtype=torch.float32,
                device=self.device,
            )
            picks = [self.rows[thing.name, thing.style or ""] for _, thing, _ in rows]
            sources = self.levels[level][picks].float()
            self._tint(sources, rows)
            twice = [len(rows), 4, 2 * frame[0], 2 * frame[1]]
            grid = F.affine_grid(theta, twice, align_corners=False)
            drawn = F.grid_sample(sources, grid, padding_mode="zeros", align_corners=False)
            drawn = F.avg_pool2d(drawn, 2)
            _over(canvas, [row for row, _, _ in rows], drawn, drawn[:, 3:] / 255.0)

    def _tint(self, sources: Tensor, rows: list[tuple[int, Thing, Sprite]]) -> None:
        """Colour the drawings that are asked for in another colour, as `render` does."""
        for index, (_, thing, sprite) in enumerate(rows):
            if thing.rgb is not None:
                own = sources[index].permute(1, 2, 0).cpu().numpy()
                drawn = torch.tensor(tinted(own, main_of(sprite)[0], thing.rgb))
                sources[index] = drawn.permute(2, 0, 1).to(self.device)


def _over(canvas: Tensor, rows: list[int], colour: Tensor, alpha: Tensor) -> None:
    """Lay premultiplied colour (N 4 H W, 0..255) over rows of the canvas."""
    canvas[rows] = canvas[rows] * (1.0 - alpha) + colour


def _longest(sprite: Sprite) -> int:
    left, top, right, bottom = sprite.box
    return max(right - left, bottom - top)


def _affine(
    thing: Thing, sprite: Sprite, size: int, side: int, canvas: tuple[int, int]
) -> list[list[float]]:
    """Map the canvas, in [-1, 1], to the sprite, in [-1, 1], snapped to pixels as Pillow does."""
    left, top, right, bottom = sprite.box
    width, height = right - left, bottom - top
    turn = math.radians(thing.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    outer_w, outer_h = width, height
    if thing.angle:
        outer_w = _turned(width, width * abs(cos) + height * abs(sin))
        outer_h = _turned(height, height * abs(cos) + width * abs(sin))
    ratio = thing.size * size / max(width, height)
    pasted_w, pasted_h = max(1, round(outer_w * ratio)), max(1, round(outer_h * ratio))
    middle_x = round(thing.x * size - pasted_w / 2.0) + pasted_w / 2.0
    middle_y = round(thing.y * size - pasted_h / 2.0) + pasted_h / 2.0
    scale_x, scale_y = outer_w / pasted_w, outer_h / pasted_h
    mirror = -1.0 if thing.flip else 1.0
    # pixel on the canvas -> offset from the thing's centre -> turned back -> pixel of the sprite
    a, b = mirror * cos * scale_x, mirror * sin * scale_y
    c, d = -sin * scale_x, cos * scale_y
    source_x, source_y = (left + right) / 2.0, (top + bottom) / 2.0
    down, across = canvas[0] / 2.0, canvas[1] / 2.0
    offset_x = a * (across - middle_x) + b * (down - middle_y) + source_x
    offset_y = c * (across - middle_x) + d * (down - middle_y) + source_y
    norm = side / 2.0
    return [
        [a * across / norm, b * down / norm, offset_x / norm - 1.0],
        [c * across / norm, d * down / norm, offset_y / norm - 1.0],
    ]


def _turned(side: int, extent: float) -> int:
    """Give the whole pixels that Pillow makes room for when it turns and expands."""
    return math.ceil((side + extent) / 2.0) - math.floor((side - extent) / 2.0)
