"""A picture in, in which look it is drawn and of what out: the nearest of many drawn renders.

The world's own renderer draws every asked subject in every look, and plain. Two comparisons follow.
*How*: colours (means, spread, lightness and chroma in steps) and texture (how strong edges are at
three scales, and how they repeat: pixels, tiles, dots and plan paper have periods of their own), in
units of their spread over all renders. *What*: windows all over the picture are compared, as
stickers are, with how each subject is drawn in the look that was found. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from molnar.base.looks import LOOKS
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, lab, stands_out, variants
from molnar.lab.data.placing import anywhere
from molnar.lab.data.render import render
from molnar.lab.data.spec import GROUNDLESS, Background, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.scene_prompts import NOTHING, Seen
from molnar.lab.evaluate.segments import on_white
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import describe_by_rule
from molnar.lab.evaluate.whereabouts import MARGIN, alike, cut

Vectors = NDArray[np.float32]

#: Of the renders of a subject in a look: the style, and whether it is as soft as a model's.
STYLES = (("noto", False), ("noto", True), ("fluent-flat", True))
LOOK_PX = 128  # side of a picture that is described: what the model draws before the upscaler
MOST = 3  # subjects that a picture may be of: lines and tiles of many are alike
_SHADES = np.linspace(0, 100, 9)  # edges of steps of lightness, CIELAB
_CHROMAS = np.array([0, 8, 20, 35, 55, 80, 200])
_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 16)  # pixels, over which edges may repeat


class LookJudge:
    """Judges pictures of one subject in a look."""

    def __init__(self, stickers: Stickers, subjects: Sequence[str]) -> None:
        """Draw and describe the gallery.

        Args:
            stickers: the pack.
            subjects: concepts that may be asked for, in the pack or not.
        """
        rng = np.random.default_rng(0)
        keys = [
            (look, subject, softened(drawn, rng) if soft else drawn)
            for look in (*LOOKS, NOTHING)
            for subject in dict.fromkeys(subjects)
            for style, soft in STYLES
            if (drawn := inlook(stickers, subject, style, look, Draw(rng))) is not None
        ]
        self.looks = [look for look, _, _ in keys]
        self.names = [name for _, name, _ in keys]
        manners = np.stack([manner(drawn) for _, _, drawn in keys])
        self._mean, self._spread = manners.mean(0), manners.std(0) + 1e-3
        self._manners = (manners - self._mean) / self._spread
        self._subjects = describe_by_rule([_object(drawn) for _, _, drawn in keys])

    def __call__(self, image: Pixels) -> Seen:
        """Look at uint8 H W 3|4, straight alpha."""
        own = (manner(image) - self._mean) / self._spread
        look = self.looks[int(((self._manners - own) ** 2).sum(1).argmin())]
        here = np.array([name == look for name in self.looks])
        return Seen(look, alike(image, np.array(self.names)[here], self._subjects[here], MOST))


def inlook(
    stickers: Stickers, subject: str, style: str, look: str, draw: Draw, px: int = LOOK_PX
) -> Pixels | None:
    """Draw a subject in a look, as the world would: uint8 px px 3; None: there is no such drawing.

    Args:
        stickers: the pack.
        subject: concept.
        style: of its drawing.
        look: one of `looks.LOOKS`, or NOTHING.
        draw: decides size, place and ground.
        px: side of the render.
    """
    sprite = stickers.sprites.get((subject, style))
    if sprite is None:
        return None
    size = draw.uniform(0.60, 0.86)
    x, y = anywhere(draw, size, centred=0.6)
    colour = "white" if look in GROUNDLESS or draw.chance(0.7) else draw.choice(COLOURS)
    if not stands_out(sprite.rgb, colour):
        colour = "white"
    ground = Background(colour=colour, rgb=draw.choice(variants(colour)))
    thing = Thing(kind="sticker", name=subject, style=style, x=x, y=y, size=size)
    named = None if look == NOTHING else look
    spec = Spec(kind="sticker", things=(thing,), background=ground, look=named)
    return np.ascontiguousarray(on_white(render(spec, px, stickers).image))


def softened(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Blur a picture a little and add noise, as a model's is: uint8 H W 3."""
    soft = ndimage.gaussian_filter(image.astype(np.float32), (0.6, 0.6, 0))
    return np.asarray(np.clip(soft + rng.normal(0, 3, soft.shape), 0, 255).round(), np.uint8)


def manner(image: Pixels) -> Vectors:
    """Describe how a picture is drawn: float32 K, colours and then texture.

    Args:
        image: uint8 H W 3|4, straight alpha; another shape than a square is taken as if it were.
    """
    small = Image.fromarray(on_white(image)).resize((LOOK_PX, LOOK_PX), Image.Resampling.BOX)
    colours = lab(np.asarray(small)).astype(np.float32)
    light, chroma = colours[..., 0], np.hypot(colours[..., 1], colours[..., 2])
    rim = np.concatenate([colours[:4].reshape(-1, 3), colours[-4:].reshape(-1, 3)])
    shades = np.histogram(light, _SHADES)[0] / light.size
    chromas = np.histogram(chroma, _CHROMAS)[0] / chroma.size
    parts = [colours.mean((0, 1)), colours.std((0, 1)), rim.mean(0), 50 * shades, 50 * chromas]
    return np.concatenate([*parts, _texture(light)]).astype(np.float32)


def _texture(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say how strong and how sharp edges are, and after how many pixels they come again."""
    down, across = np.diff(light, axis=0), np.diff(light, axis=1)
    found = []
    for step in (1, 2, 4):
        cells = light[: LOOK_PX // step * step].reshape(LOOK_PX // step, step, -1).mean(1)
        found.append(abs(np.diff(cells, axis=0)).mean())
    steep = np.concatenate([abs(down).ravel(), abs(across).ravel()])
    found += [np.log1p(100 * (steep > least).mean()) for least in (1.0, 4.0, 12.0, 30.0)]
    for edges in (abs(down), abs(across).T):
        each = edges - edges.mean()
        power = (each**2).mean() + 1e-3
        found += [(each[lag:] * each[:-lag]).mean() / power for lag in _LAGS]
    return np.asarray(found, np.float32)


def _object(image: Pixels) -> Pixels:
    """Cut out what differs from the ground: uint8 32 32 3."""
    ground = np.median(image[:3].reshape(-1, 3), axis=0)
    rows, columns = np.nonzero(abs(image.astype(int) - ground).max(2) > 40)
    box = (0, 0, image.shape[1], image.shape[0])
    if len(rows):
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    side = max(box[2] - box[0], box[3] - box[1]) * MARGIN
    left, top = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    return cut(Image.fromarray(image), (left, top, side))
