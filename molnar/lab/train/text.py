"""Texts in, trained text encoder out: distilled from a public one, or contrastive without it.

With a teacher, pooled vectors follow its sentence vectors one by one (cosine) and among each
other (relational). Without it, two texts with one meaning attract and the rest of the batch
repels (InfoNCE). In both, each token's last state must also tell its neighbours, so that the
states the diffusion network reads carry order and binding ("red circle left of blue square"),
which a sentence vector may forget.

Source: Park et al. 2019, arXiv 1904.05068 (relational distillation); Oord et al. 2018, arXiv
1807.03748 (InfoNCE, eq. 4).
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

from molnar.lab.train.corpus import Corpus
from molnar.lab.train.teacher import Teacher, cached
from molnar.text.embeddings import TextEncoder, TextEncoderConfig
from molnar.text.tokens import Tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTaskConfig:
    """What the objective weighs."""

    seed: int = 0
    caption_p: float = 0.4  # share of batches made of captions; the rest are short texts
    relational: float = 1.0  # weight of the relational loss
    neighbours: float = 0.3  # weight of telling the words beside each token
    temperature: float = 0.07  # of similarities, relational and contrastive
    heldout: int = 1000  # texts of each kind that are never trained on


class Student(nn.Module):
    """A text encoder and the heads that only training needs."""

    def __init__(self, encoder: TextEncoder) -> None:
        """Add a head that tells the previous, the same and the next word."""
        super().__init__()
        self.encoder = encoder
        self.neighbours = nn.Linear(encoder.config.width, 3 * encoder.config.width)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embed as the encoder does.

        Returns:
            tokens B L 2*D, pooled B P, and the told neighbours B L 3*D (previous, same, next).
        """
        tokens, pooled = self.encoder(ids, mask)
        return tokens, pooled, self.neighbours(tokens.chunk(2, dim=-1)[1])


class TextTask:
    """Train a text encoder (the `Task` of loop.py)."""

    name = "text"

    def __init__(
        self,
        tokenizer: Tokenizer,
        corpus: Corpus,
        *,
        cache: Path,
        teacher: Teacher | None = None,
        encoder: TextEncoderConfig | None = None,
        config: TextTaskConfig | None = None,
    ) -> None:
        """Prepare texts and, with a teacher, its vectors.

        Args:
            tokenizer: Gives the ids; fixes the encoder's vocabulary and length.
            corpus: Texts; with a teacher `short` and `captions` are used, without it `pairs`.
            cache: Folder for the teacher's vectors, embedded once.
            teacher: Texts to unit vectors, or None for the contrastive fallback.
            encoder: Sizes; vocabulary and length must be the tokenizer's.
            config: Weights of the losses.
        """
        self.config = config or TextTaskConfig()
        sizes = encoder or TextEncoderConfig(
            vocab_size=tokenizer.vocab_size, length=tokenizer.length
        )
        self.tokenizer = tokenizer
        self.objective = "distillation" if teacher else "contrastive"
        torch.manual_seed(self.config.seed)
        student = Student(TextEncoder(sizes))
        self.module: nn.Module = student
        self.encoder_config = sizes
        self._texts: list[list[str]]
        self._vectors: list[Any] = []
        if teacher is None:
            log.info("text: contrastive between paraphrases (no teacher installed)")
            self._texts = [[a for a, _ in corpus.pairs], [b for _, b in corpus.pairs]]
        else:
            log.info("text: distilling the sentence vectors of a teacher")
            self._texts = [corpus.short, corpus.captions]
            self._vectors = [
                cached(teacher, corpus.short, cache / "short.npz"),
                cached(teacher, corpus.captions, cache / "captions.npz"),
            ]
            pieces = [tokenizer.text([i]) for i in range(tokenizer.vocab_size)]
            seed_words(student.encoder, cached(teacher, pieces, cache / "pieces.npz"))
        self._tokens = [tokenizer.encode(texts) for texts in self._texts]
        shuffle = np.random.Generator(np.random.Philox(self.config.seed))
        count = len(self._texts[0])
        self._orders = [
            shuffle.permutation(count if teacher is None else len(t)) for t in self._texts
        ]
        if teacher is None:
            self._orders[1] = self._orders[0]  # row n of both lists is one pair

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Draw the batch that follows `seen` texts; a pure function of both and the seed."""
        rng = np.random.Generator(np.random.Philox(key=[self.config.seed, seen]))
        if not self._vectors:
            rows = self._draw(rng, 0, size)
            return {**self._take(0, rows, ""), **self._take(1, rows, "other_")}
        kind = int(rng.random() < self.config.caption_p)
        rows = self._draw(rng, kind, size)
        return {**self._take(kind, rows, ""), "target": torch.from_numpy(self._vectors[kind][rows])}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Give the loss of a batch and its parts."""
        tokens, pooled, told = self.module(batch["ids"], batch["mask"])
        parts = {"neighbours": neighbours_loss(tokens, told, batch["mask"])}
        total = self.config.neighbours * parts["neighbours"]
        if "target" in batch:
            target = batch["target"]
            parts["distance"] = (1 - (pooled * target).sum(-1)).mean()
            parts["relational"] = relational(pooled, target, self.config.temperature)
            total = total + parts["distance"] + self.config.relational * parts["relational"]
        else:
            other = self.module(batch["other_ids"], batch["other_mask"])[1]
            parts["contrastive"] = contrastive(pooled, other, self.config.temperature)
            total = total + parts["contrastive"]
        return total, {name: float(part.detach()) for name, part in parts.items()}

    @torch.no_grad()
    def heldout(self, module: nn.Module) -> dict[str, float]:
        """Measure texts that were never trained on.

        Returns:
            With a teacher, `cosine_short`, `cosine_caption` (mean cosine to it) and `retrieval_...`
            (share whose own teacher vector is the nearest of all held-out ones); without it,
            `retrieval_pair` of paraphrases.
        """
        result: dict[str, float] = {}
        for kind, name in enumerate(["short", "caption"] if self._vectors else ["pair"]):
            rows = self._orders[kind][self._trained(kind) :]
            pooled = _pooled(module, self._take(kind, rows, ""))
            if self._vectors:
                other = torch.from_numpy(self._vectors[kind][rows]).float()
                result[f"cosine_{name}"] = float((pooled * other).sum(-1).mean())
            else:
                other = _pooled(module, self._take(1, rows, ""))
            best = (pooled @ other.T).argmax(dim=1)
            result[f"retrieval_{name}"] = float((best == torch.arange(len(rows))).float().mean())
        return result

    def describe(self) -> dict[str, Any]:
        """Say what is trained, for model.json."""
        data = {"objective": self.objective, **dataclasses.asdict(self.config)}
        return {"kind": "text", "config": dataclasses.asdict(self.encoder_config), "data": data}

    def exported(self, module: nn.Module) -> nn.Module:
        """Give the part that pictures need: the encoder without the training head."""
        assert isinstance(module, Student)
        return module.encoder

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Write a picture of held-out figures and the nearest known texts of some words."""
        rows = np.arange(min(2000, len(self._texts[0])))
        known = _pooled(module, self._take(0, rows, ""))
        probes = self.tokenizer.encode(PROBES)
        inputs = {"ids": torch.from_numpy(probes.ids), "mask": torch.from_numpy(probes.mask)}
        near = (_pooled(module, inputs) @ known.T).topk(min(5, len(rows))).indices.tolist()
        lines = [f"{name} {value:.4f}" for name, value in self.heldout(module).items()]
        for probe, best in zip(PROBES, near, strict=True):
            lines.append(f"{probe}: {', '.join(self._texts[0][i] for i in best)}")
        page = Image.new("RGB", (1000, 30 + 16 * len(lines)), "white")
        text = "\n".join(lines).encode("ascii", "replace").decode()  # the built-in font has no more
        ImageDraw.Draw(page).multiline_text((12, 12), text, fill="black")
        page.save(path)

    def _trained(self, kind: int) -> int:
        """Count the texts of a kind that are trained on: all but `heldout`, and at least half."""
        count = len(self._texts[kind])
        return max(count - self.config.heldout, (count + 1) // 2)

    def _draw(self, rng: np.random.Generator, kind: int, size: int) -> Any:
        """Draw rows of about one length, so that little of the batch is padding."""
        rows = self._orders[kind][rng.integers(self._trained(kind), size=BUCKETS * size)]
        rows = rows[np.argsort(self._tokens[kind].mask[rows].sum(axis=1), kind="stable")]
        begin = int(rng.integers(BUCKETS)) * size
        return rows[begin : begin + size]

    def _take(self, kind: int, rows: Any, prefix: str) -> dict[str, Tensor]:
        ids, mask = self._tokens[kind].ids[rows], self._tokens[kind].mask[rows]
        used = int(
            mask.sum(axis=1).max()
        )  # columns that are padding in every row cost time for nothing
        return {
            f"{prefix}ids": torch.from_numpy(ids[:, :used].copy()),
            f"{prefix}mask": torch.from_numpy(mask[:, :used].copy()),
        }


BUCKETS = 8  # a batch holds one eighth of the lengths there are
PROBES = [
    "puppy",
    "automobile",
    "scarlet",
    "doggy",
    "sofa",
    "kitten",
    "a red circle left of a blue square",
]


def neighbours_loss(tokens: Tensor, told: Tensor, mask: Tensor) -> Tensor:
    """Give the mean distance between the told and the true first states of a token's neighbours.

    Args:
        tokens: B L 2*D, first and last states.
        told: B L 3*D, what the last states say of the previous, the same and the next first state.
        mask: bool B L, True = real token; real ones come first in each row.
    """
    before, same, after = told.chunk(3, dim=-1)
    true = tokens.chunk(2, dim=-1)[0].detach()
    pairs = (
        (before[:, 1:], true[:, :-1]),
        (same[:, 1:], true[:, 1:]),
        (after[:, :-1], true[:, 1:]),
    )
    far = sum(
        (1 - F.cosine_similarity(a, b, dim=-1) for a, b in pairs), torch.zeros_like(told[:, 1:, 0])
    )
    real = mask[:, 1:]
    return (far * real).sum() / (len(pairs) * real.sum())


def relational(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Compare who is near whom: KL divergence of the neighbour distributions in the batch.

    Args:
        student: B P, unit vectors.
        teacher: B P, unit vectors.
        temperature: Of the similarities, above 0.
    """
    itself = torch.eye(len(student), dtype=torch.bool, device=student.device)
    logits = (student @ student.T / temperature).masked_fill(itself, -1e4)
    wanted = (teacher @ teacher.T / temperature).masked_fill(itself, -1e4)
    return F.kl_div(
        logits.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="batchmean"
    )


def contrastive(one: Tensor, two: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions between matching rows of B P unit vectors."""
    logits = one @ two.T / temperature
    labels = torch.arange(len(one), device=one.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


@torch.no_grad()
def seed_words(encoder: TextEncoder, vectors: Any) -> None:
    """Start word embeddings at the principal components of the teacher's vector for each piece.

    The pooled layer starts as the way back, so that an untrained encoder is already a mean of word
    vectors; distillation then learns order and grammar instead of the dictionary.

    Args:
        encoder: Changed in place.
        vectors: float32 vocab_size x pooled, unit length.
    """
    table = torch.from_numpy(np.asarray(vectors, np.float32))
    width = min(encoder.config.width, table.shape[1])
    centred = table - table.mean(dim=0)
    _, values, axes = torch.linalg.svd(centred, full_matrices=False)
    axes = axes[:width]
    scale = len(table) ** 0.5 / float(values[:width].square().sum().sqrt()) * width**0.5
    encoder.words.weight.zero_()
    encoder.words.weight[:, :width] = centred @ axes.T * scale
    encoder.pool.weight.zero_()
    encoder.pool.weight[:, :width] = axes.T / scale
    encoder.pool.bias.copy_(table.mean(dim=0))


@torch.no_grad()
def _pooled(module: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Embed many texts in slices, wherever the module is: N P on the CPU."""
    where = next(module.parameters()).device
    slices = []
    for begin in range(0, len(batch["ids"]), 256):
        ids, mask = (batch[key][begin : begin + 256].to(where) for key in ("ids", "mask"))
        slices.append(module(ids, mask)[1].cpu())
    return torch.cat(slices)
