"""A text in, its plan out, one number after the other: a small decoder transformer.

What lies behind comes first (name, colour), then every thing (name, colour, x, y, width, height),
looks and styles as if they were things around all of it, then the end. Names are read and chosen by
their sentence vectors, places and sizes are rounded to bins, so the plan is a short text in a
language of its own.

Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.1 (the decoder); Chen et al. 2022,
arXiv 2109.10852, section 2.1 (boxes as rounded numbers in a sequence).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.nn.attention import Attention, HeadNorm
from molnar.plan.items import COLOURS
from molnar.plan.writing import BINS, FIELDS, LENGTH, field_of, item_of


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannerConfig:
    """Sizes of a :class:`Planner`."""

    names: tuple[str, ...] = ()  # what a plan can hold, N of them
    text_width: int = 512  # E of the text tokens
    name_width: int = 384  # P of a name's sentence vector
    width: int = 192  # D
    layers: int = 3
    heads: int = 4
    reach: int = 2  # words on each side that are read together with a word

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} must divide by heads {self.heads}")
        if self.reach < 0:
            raise ConfigError(f"reach is {self.reach}; it must be at least 0")
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list


class Before(nn.Module):
    """Attention of each number to itself and to those before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm, self.key_norm = HeadNorm(width // heads), HeadNorm(width // heads)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map Float B S D to Float B S D."""
        q, k, v = rearrange(self.qkv(x), "B S (three N K) -> three B N S K", three=3, N=self.heads)
        here = torch.arange(x.shape[1], device=x.device)
        seen = here[:, None] >= here[None, :]
        q, k = self.query_norm(q), self.key_norm(k)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        out: Tensor = self.out(rearrange(mixed, "B N S K -> B S (N K)"))
        return out


class Layer(nn.Module):
    """Look back at the plan, look at the text, think."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.before = nn.LayerNorm(width), Before(width, heads)
        self.norm2, self.text = nn.LayerNorm(width), Attention(width, heads, context=width)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Map Float B S D, with text Float B L D and its mask Bool B L, to Float B S D."""
        x = x + self.before(self.norm1(x))
        x = x + self.text(self.norm2(x), text, mask)
        out: Tensor = x + self.mlp(self.norm3(x))
        return out


class Planner(nn.Module):
    """The next number of a plan, given the text and the numbers so far.

    Example:
        >>> planner = Planner(PlannerConfig(names=("background", "circle"), width=16, layers=1))
        >>> text = torch.zeros(1, 4, 512), torch.ones(1, 4, dtype=torch.bool)
        >>> [tuple(x.shape) for x in planner(torch.zeros(1, 3, dtype=torch.int64), *text)]
        [(1, 3), (1, 13), (1, 64)]
    """

    vectors: Tensor
    fields: Tensor
    items: Tensor

    def __init__(self, config: PlannerConfig) -> None:
        """Make a planner with fresh weights; `vectors` N P is to be filled with the names'."""
        super().__init__()
        self.config = config
        count, width = len(config.names), config.width
        self.register_buffer("vectors", torch.zeros(count, config.name_width))
        self.register_buffer(
            "fields", torch.tensor([field_of(s) for s in range(LENGTH)]), persistent=False
        )
        self.register_buffer(
            "items", torch.tensor([item_of(s) for s in range(LENGTH)]), persistent=False
        )
        # A word with its neighbours: "circle" knows at once that "red" stands before it.
        self.text_in = nn.Conv1d(config.text_width, width, 2 * config.reach + 1, padding="same")
        self.text_norm = nn.LayerNorm(width)
        self.name_in = nn.Linear(config.name_width, width, bias=False)
        self.name_own = nn.Embedding(count, width)
        self.colour_in = nn.Embedding(len(COLOURS) + 1, width)
        self.bin_in = nn.Embedding(BINS, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.field_in = nn.Embedding(FIELDS, width)
        self.item_in = nn.Embedding(item_of(LENGTH - 1) + 1, width)
        self.layers = nn.ModuleList(Layer(width, config.heads) for _ in range(config.layers))
        self.norm_out = nn.LayerNorm(width)
        self.to_vector = nn.Linear(width, config.name_width, bias=False)
        self.to_name = nn.Linear(width, count + 1)  # the last one is the end of the plan
        self.to_colour = nn.Linear(width, len(COLOURS) + 1)  # the last one is none
        self.to_bin = nn.Linear(width, BINS)
        for table in (self.name_own, self.colour_in, self.bin_in, self.field_in, self.item_in):
            nn.init.normal_(table.weight, std=0.5)

    def read(self, written: Tensor) -> Tensor:
        """Embed int64 B S (a 0 to begin with, then the numbers so far) as Float B S D."""
        steps = written.shape[1]
        own = self.name_in(self.vectors * self.vectors.shape[1] ** 0.5) + self.name_own.weight
        names = own[written.clamp(max=len(own) - 1)]
        colours = self.colour_in(written.clamp(max=len(COLOURS)))
        bins = self.bin_in(written.clamp(max=BINS - 1))
        field = F.pad(self.fields, (1, 0), value=-1)[:steps, None]  # of the number before
        values = torch.where(field == 0, names, torch.where(field == 1, colours, bins))
        values = torch.where(field < 0, self.start, values)
        told: Tensor = self.field_in(self.fields[:steps]) + self.item_in(self.items[:steps])
        return values + told

    def think(self, written: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Read text and plan so far.

        Args:
            written: int64 B S.
            tokens: text tokens, Float B L E.
            mask: Bool B L, True = a real token.

        Returns:
            What is thought at each number, Float B S D.
        """
        words = tokens * mask.unsqueeze(-1)
        near = self.text_in(words.transpose(1, 2)).transpose(1, 2)
        text = self.text_norm(near)
        x = self.read(written)
        for layer in self.layers:
            x = layer(x, text, mask)
        out: Tensor = self.norm_out(x)
        return out

    def rate(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rate what may follow each number, from what is thought there, Float B S D.

        Returns:
            Logits of names B S N+1, of colours B S 13 and of bins B S BINS.
        """
        return self.rate_names(x), self.to_colour(x), self.to_bin(x)

    def rate_names(self, x: Tensor) -> Tensor:
        """Turn Float ... D into logits of names, Float ... N+1."""
        near = self.to_vector(x) @ self.vectors.T
        logits: Tensor = self.to_name(x) + F.pad(near, (0, 1))
        return logits

    def forward(
        self, written: Tensor, tokens: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rate what may follow the last number: `think`, then `rate`, without S."""
        names, colours, bins = self.rate(self.think(written, tokens, mask)[:, -1:])
        return names[:, 0], colours[:, 0], bins[:, 0]
