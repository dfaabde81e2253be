"""Scenes of two drawings in, the share that repeats one training scene as a whole out.

Of every pair of names, scenes are drawn as training draws them, in places of their own. A picture
repeats one of these if it is less than a third as far from it as from the next one; distances are
those of blurred pixels, at the best of some small shifts. The test is itself tested: on training
scenes, moved, softened and made noisy, and on fresh scenes of the same drawings, which repeat none.

Source: the rule of arXiv 2505.16959 (`likeness.COPY`), on whole pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from molnar.base.images import unpremultiply
from molnar.base.likeness import COPY, on_white
from molnar.base.rng import generator
from molnar.lab.data.draw import Draw
from molnar.lab.data.placing import Look, two
from molnar.lab.data.render import render
from molnar.lab.data.spec import Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.inlook import softened
from molnar.lab.evaluate.intervals import wilson
from molnar.lab.evaluate.proceval import plain
from molnar.lab.evaluate.sources import Pixels

POOL = 24  # training scenes of each pair of names: training shows most pairs a few times, at most
SIDE = 64  # pixels, each side, of what is compared
REACH = 3  # pixels, each way, that a picture may be moved by
STREAM = 45
_BLUR = 1.5  # pixels: what a soft edge costs must not hide what is repeated
_USUAL = 0.8  # share of the style that silence means; the other scenes are in any other

Vectors = NDArray[np.float32]


class Repeats:
    """The training scenes of two names, and whether a picture repeats one of them."""

    def __init__(self, stickers: Stickers, names: Sequence[str], seed: int = 0) -> None:
        """Draw the scenes.

        Args:
            stickers: the pack that was trained on.
            names: two concepts of it.
            seed: of the scenes.
        """
        self.stickers, self.names = stickers, tuple(names)
        self.rng = generator(seed, STREAM, *map(ord, "|".join(names)))
        self.scenes = [self.scene() for _ in range(POOL)]
        self._vectors = np.stack([_vector(scene) for scene in self.scenes])
        self._squares = (self._vectors**2).sum(1)

    def scene(self) -> Pixels:
        """Draw a scene of these two as training does: uint8 SIDE SIDE 3, on white."""
        draw = Draw(self.rng)
        looks = [Look("sticker", name, style=self._style(draw, name)) for name in self.names]
        spec = Spec(kind="sticker_two", things=two(draw, looks, drawings=True))
        return on_white(unpremultiply(render(spec, SIDE, self.stickers).image))

    def __call__(self, image: Pixels) -> bool:
        """Tell whether uint8 H W 3|4, straight alpha, repeats one scene and no other."""
        flat = Image.fromarray(on_white(image)).resize((SIDE, SIDE), Image.Resampling.BOX)
        moved = np.stack([_vector(_moved(np.asarray(flat), *by)) for by in _ALL])
        away = (moved**2).sum(1)[:, None] + self._squares - 2 * moved @ self._vectors.T
        nearest, second = np.sort(np.sqrt(np.maximum(away.min(0), 0)))[:2]
        return bool(nearest < COPY * second)

    def planted(self) -> Pixels:
        """Take one of the scenes, moved by a pixel or two, softened and noisy."""
        scene = self.scenes[int(self.rng.integers(POOL))]
        down, right = (int(by) for by in self.rng.integers(-2, 3, size=2))
        return softened(_moved(scene, down, right), self.rng)

    def _style(self, draw: Draw, name: str) -> str:
        styles = self.stickers.styles_of(name)
        if "noto" in styles and draw.chance(_USUAL):
            return "noto"
        return draw.choice(styles)


_ALL = tuple(product(range(-REACH, REACH + 1), repeat=2))


def _moved(image: Pixels, down: int, right: int) -> Pixels:
    """Move a picture, on white."""
    room = max(abs(down), abs(right), 1)
    wide = np.pad(image, ((room, room), (room, room), (0, 0)), constant_values=255)
    return wide[room - down :, room - right :][:SIDE, :SIDE]


def _vector(image: Pixels) -> Vectors:
    """Blur a picture and halve it: float32, of SIDE / 2 squared colours."""
    soft = ndimage.gaussian_filter(image.astype(np.float32) / 255.0, (_BLUR, _BLUR, 0))
    return np.asarray(soft.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3)).ravel(), np.float32)


def measure(
    stickers: Stickers, scenes: Sequence[tuple[Sequence[str], Sequence[Pixels]]]
) -> dict[str, Any]:
    """Count the pictures that repeat a training scene, and test the test.

    Args:
        stickers: the pack that was trained on.
        scenes: two concepts each, and the pictures that were asked to show them.

    Returns:
        Shares with intervals (Wilson's), as plain data: of the pictures, of training scenes moved a
        little (1 is right), and of fresh scenes (0 is right).
    """
    counts = {"repeats": [0, 0], "judge_planted": [0, 0], "judge_fresh": [0, 0]}
    for names, pictures in scenes:
        judge = Repeats(stickers, names)
        for key, shown in (
            ("repeats", pictures),
            ("judge_planted", [judge.planted() for _ in pictures]),
            ("judge_fresh", [softened(judge.scene(), judge.rng) for _ in pictures]),
        ):
            counts[key][0] += sum(map(judge, shown))
            counts[key][1] += len(shown)
    return {key: plain(wilson(*found)) for key, found in counts.items()}
