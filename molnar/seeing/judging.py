"""A pipeline asked about pictures that it did not draw: how well texts and plans explain them.

Two judges, both the model's own. Its CLIP gives a cosine of a picture and a text. Its diffusion
network, told a plan, estimates a picture from a noisy one: the plan that lets it come nearest is
the plan of the picture.

Source: Li et al. 2023, arXiv 2303.16203, section 3.2 (a diffusion model as a classifier), with the
plan in the text's place and the error counted where the thing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import numbers
from molnar.base.drawings import Drawings
from molnar.base.errors import RequestError
from molnar.base.images import resized, squeeze
from molnar.base.request import Request
from molnar.base.rng import generator
from molnar.base.types import Plan, TextEmbedding
from molnar.canvas import canvas
from molnar.choosing import sight
from molnar.diffusion.flow import add_noise, x0_from_velocity
from molnar.pipeline import Pipeline
from molnar.plan.paint import paint
from molnar.starting import as_seen, rgba

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

TIMES = (0.95,)  # at which plans are told apart: nearly all of the picture is still to be guessed
LOOKING = 5  # stream of the noise that pictures are looked at through
AT_ONCE = 16  # plans that the network is told at a time
REMEMBERED = 800  # texts, 64 KB each


class Judge:
    """What a pipeline thinks of pictures; texts are embedded once."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Look through a pipeline.

        Raises:
            RequestError: it has no planner.
        """
        if pipeline.names is None:
            raise RequestError(
                f"model {pipeline.bundle.manifest.name!r} has no planner, so it cannot tell what "
                "is where; choose another with -m"
            )
        self.names: Mapping[str, Floats] = pipeline.names
        # Not the pipeline itself: it is the key under which a judge is remembered.
        self._parts, self._bundle = pipeline.parts, pipeline.bundle
        self._tokenizer = pipeline.tokenizer
        self._texts: dict[str, TextEmbedding] = {}
        self._drawings: Drawings | None = None
        manifest = pipeline.bundle.manifest
        default = manifest.defaults
        #: A request of the size that the model draws at best.
        self.frame = Request(prompt="a picture", height=default.height, width=default.width)
        shape = canvas(self.frame, manifest)
        self.size = shape.height, shape.width  # of what the network draws, pixels

    @property
    def rates(self) -> bool:
        """Whether it has a CLIP."""
        return "clip" in self._bundle.manifest.parts

    def texts(self, texts: Sequence[str]) -> TextEmbedding:
        """Embed texts, those that were not embedded before."""
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if len(self._texts) + len(new) > REMEMBERED:
            self._texts.clear()
            new = list(dict.fromkeys(texts))
        for begin in range(0, len(new), AT_ONCE):
            some = new[begin : begin + AT_ONCE]
            each = self._parts.embed(self._tokenizer.encode(some))
            for row, text in enumerate(some):
                here = slice(row, row + 1)
                self._texts[text] = TextEmbedding(
                    numbers(each.tokens[here]), numbers(each.pooled[here]), each.mask[here]
                )
        return joined([self._texts[text] for text in texts])

    def rate(self, pixels: Bytes, texts: Sequence[str]) -> Floats:
        """Give the cosines of one picture, uint8 H W 3 or 4, and of N texts."""
        seen = squeeze(as_seen(pixels), sight(self._bundle))
        return np.asarray(self._parts.rate(seen, self.texts(texts)), np.float32)

    def alike(self, pixels: Bytes, count: int) -> list[str]:
        """Name what the picture of one thing looks most like, of the drawings it learned from."""
        file = self._bundle.manifest.sources
        if file is None:
            return []
        if self._drawings is None:
            self._drawings = Drawings.load(self._bundle.path(file))
        found, _ = self._drawings.nearest(pixels, 3 * count)
        names = dict.fromkeys(match.name for match in found if match.name in self.names)
        return list(names)[:count]

    def latent(self, pixels: Bytes) -> Floats:
        """Bring a picture to the size that the network draws, and encode it: 1 C h w."""
        return np.asarray(self._parts.encode(resized(as_seen(pixels), *self.size)), np.float32)

    def estimates(
        self, latent: Floats, said: Sequence[tuple[str, Plan]], t: float, seed: int = 0
    ) -> Floats:
        """Estimate a picture from a noisy one, told this or that.

        Args:
            latent: 1 C h w, of the picture.
            said: N texts and plans.
            t: How noisy, 0 to 1.
            seed: Of the noise, which is the same for all.

        Returns:
            N C h w.
        """
        noise = generator(seed, LOOKING).standard_normal(latent.shape).astype(np.float32)
        time = np.full(1, t, np.float32)
        x = add_noise(latent, noise, time)
        cells = latent.shape[2], latent.shape[3]
        found = []
        for begin in range(0, len(said), AT_ONCE):
            some = said[begin : begin + AT_ONCE]
            each = [self._told(text, plan, cells) for text, plan in some]
            rows, times = np.repeat(x, len(some), 0), np.repeat(time, len(some))
            velocity = numbers(self._parts.velocity(rows, times, joined(each)))
            found.append(x0_from_velocity(rows, velocity, times))
        return np.concatenate(found).astype(np.float32)

    def errors(
        self, latent: Floats, said: Sequence[tuple[str, Plan]], where: Floats | None = None
    ) -> NDArray[np.float64]:
        """Say how far estimates are from the picture, told this or that: mean squares, N.

        Args:
            latent: 1 C h w, of the picture.
            said: N texts and plans.
            where: h w, what counts and how much; all alike if absent.
        """
        weight = np.ones(latent.shape[2:], np.float32) if where is None else where
        total = np.zeros(len(said))
        for t in TIMES:
            gaps = ((self.estimates(latent, said, t) - latent) ** 2).mean(axis=1)
            total += (gaps * weight).sum((1, 2)) / weight.sum()
        return total / len(TIMES)

    def _told(self, text: str, plan: Plan, cells: tuple[int, int]) -> TextEmbedding:
        said = self.texts([text])
        painted = paint(plan, self.names, cells, said.pooled.shape[-1])
        return replace(said, plan=painted[None])


_JUDGES: WeakKeyDictionary[Pipeline, Judge] = WeakKeyDictionary()


def judge_of(pipeline: Pipeline) -> Judge:
    """Give the judge of a pipeline, made once.

    Raises:
        RequestError: the pipeline has no planner.
    """
    if pipeline not in _JUDGES:
        _JUDGES[pipeline] = Judge(pipeline)
    return _JUDGES[pipeline]


def joined(texts: Sequence[TextEmbedding]) -> TextEmbedding:
    """Put embeddings of one batch each into one."""
    plans = [text.plan for text in texts if text.plan is not None]
    return TextEmbedding(
        np.concatenate([numbers(text.tokens) for text in texts]),
        np.concatenate([numbers(text.pooled) for text in texts]),
        np.concatenate([numbers(text.mask) for text in texts]),
        np.concatenate(plans) if len(plans) == len(texts) else None,
    )


def squared(pixels: Bytes) -> Bytes:
    """Make a picture square by drawing its edges out, evenly: uint8 S S 4."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    down, across = side - height, side - width
    over = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(rgba(pixels), over, mode="edge")
