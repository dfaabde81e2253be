"""Captioned pictures and a frozen text encoder -> a trained CLIP.

A batch is all pictures against all captions, and against captions made wrong in one attribute on
purpose. Captions collide in a small world, so a pair counts as matching where the captions or the
meanings of the specs are equal.

Source: Zhai et al. 2023, arXiv 2303.15343; wrong captions: Yuksekgonul et al. 2023, arXiv
2210.01936.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, to_model, unpremultiply
from molnar.base.rng import generator
from molnar.clip.model import CLIP, CLIPConfig
from molnar.clip.objective import pair_loss, retrieved
from molnar.clip.vision import shrink
from molnar.lab.data.heldout import is_held_out
from molnar.lab.data.spec import Sample, Spec
from molnar.lab.data.swaps import meaning, swapped
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

Embed = Callable[[Sequence[str]], Tensor]  # M texts -> their sentence vectors, Float M P

# Streams of random numbers, so that one draw more in one place moves nothing elsewhere.
STREAM_CHOICE, STREAM_WRONG = 1, 2
# Pictures of the sample sheet: far beyond any number of images seen in training.
SHEET_FIRST = 2_000_000_000
SHEET_PICTURES = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipData:
    """How batches are made."""

    seed: int = 0
    wrong: int = 1  # captions made wrong, per picture whose spec is known

    def __post_init__(self) -> None:
        """Check the range."""
        if self.wrong < 0:
            raise ConfigError(f"wrong is {self.wrong}; it must be at least 0")


class Samples(Protocol):
    """Where captioned pictures come from: a world, a folder, shards."""

    def sample(self, index: int) -> Sample:
        """Give sample `index`."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A caption, and what it means if that is known."""

    caption: str
    meaning: Hashable


class ClipTask:
    """Teach a CLIP: the `Task` that `loop.train` runs for the part "clip".

    Args:
        samples: endless (no length: sample k is picture k) or finite (drawn with replacement).
        embed: the frozen text tower, e.g. `reader(tokenizer, encoder)`.
        config: sizes.
        data: how batches are made.
        caption: describes a changed spec, e.g. `World.caption`; None = no wrong captions.
    """

    name = "clip"

    def __init__(
        self,
        samples: Samples,
        embed: Embed,
        config: CLIPConfig | None = None,
        data: ClipData | None = None,
        caption: Callable[[Spec, int], str] | None = None,
    ) -> None:
        self.samples = samples
        self.embed = embed
        self.config = config or CLIPConfig()
        self.data = data or ClipData()
        self.caption = caption
        torch.manual_seed(self.data.seed)
        self.module: nn.Module = CLIP(self.config)

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        return {"kind": self.name, "config": self.config, "data": self.data}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Take pictures number seen ... seen + size - 1 and their captions, right and wrong.

        Returns:
            image Float B 4 h w in [-1, 1], pooled Float M P with M >= B (the first B belong to
            the pictures), positives Bool B M.
        """
        numbers = range(seen, seen + size)
        samples = [self.samples.sample(self._index(number)) for number in numbers]
        right = [_text(sample) for sample in samples]
        wrong = [
            text
            for number, sample in zip(numbers, samples, strict=True)
            for text in self._wrong(number, sample)
        ]
        texts = right + wrong
        return {
            "image": torch.stack([self._image(sample) for sample in samples]),
            "pooled": self.embed([text.caption for text in texts]),
            "positives": torch.tensor([[_match(own, text) for text in texts] for own in right]),
        }

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare all pictures with all texts; `retrieved` is the share that find a right one."""
        logits = self.module(batch["image"], batch["pooled"])
        share = retrieved(logits.detach(), batch["positives"])
        return pair_loss(logits, batch["positives"]), {"retrieved": share}

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save pictures, each above the caption that fits it best, marked = (right) or x."""
        samples = [self.samples.sample(self._index(SHEET_FIRST + k)) for k in range(SHEET_PICTURES)]
        device = next(module.parameters()).device
        images = torch.stack([self._image(sample) for sample in samples])
        pooled = self.embed([sample.caption for sample in samples])
        with torch.no_grad():
            best = module(images.to(device), pooled.to(device)).argmax(dim=1).tolist()
        captions = [
            ("= " if _match(_text(sample), _text(samples[k])) else "x ") + samples[k].caption
            for sample, k in zip(samples, best, strict=True)
        ]
        cells = [unpremultiply(sample.image) for sample in samples]
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(cells, captions, columns=4, cell=192).save(path)

    def _index(self, number: int) -> int:
        if isinstance(self.samples, Sized):
            return int(generator(self.data.seed, STREAM_CHOICE, number).integers(len(self.samples)))
        return number

    def _image(self, sample: Sample) -> Tensor:
        """Bring a sample's picture to the size that the network sees: Float 4 h w."""
        image = torch.from_numpy(to_model(sample.image[None]))
        return shrink(image, self.config.vision.image_size)[0]

    def _wrong(self, number: int, sample: Sample) -> list[Text]:
        """Describe what `sample` might have been, had one attribute been another."""
        if self.caption is None or sample.spec is None:
            return []
        draw = generator(self.data.seed, STREAM_WRONG, number)
        changed = [swapped(sample.spec, draw) for _ in range(self.data.wrong)]
        texts = [
            Text(self.caption(spec, number), meaning(spec))
            for spec in changed
            # What is held out must not be learned either, not even as being wrong.
            if spec is not None and is_held_out(spec) == is_held_out(sample.spec)
        ]
        # A change that the caption does not speak of has not made it wrong.
        return [text for text in texts if text.caption != self.caption(sample.spec, number)]


def reader(tokenizer: Tokenizer, encoder: TextEncoder) -> Embed:
    """Make the frozen text tower: M texts -> sentence vectors Float M P, on the CPU."""
    encoder.eval().requires_grad_(False)

    def embed(texts: Sequence[str]) -> Tensor:
        device = next(encoder.parameters()).device
        tokens = tokenizer.encode(list(texts))
        ids, mask = (
            torch.from_numpy(np.asarray(part)).to(device) for part in (tokens.ids, tokens.mask)
        )
        with torch.no_grad():
            pooled: Tensor = encoder(ids, mask)[1]
        return pooled.cpu()

    return embed


def _text(sample: Sample) -> Text:
    return Text(sample.caption, None if sample.spec is None else meaning(sample.spec))


def _match(own: Text, other: Text) -> bool:
    """Whether the other's text describes the picture of `own`."""
    same_meaning = own.meaning is not None and own.meaning == other.meaning
    return same_meaning or own.caption == other.caption
