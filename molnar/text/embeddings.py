"""Token ids in, embeddings out: a small pre-norm transformer.

`tokens` joins the first hidden state (which word is it, and where) with the last one (what it
means in this sentence): the first keeps identity sharp, the second carries order and binding
("red circle left of blue square"). `pooled` is one unit vector for the whole text, trained
towards a public sentence encoder.

Source: Vaswani et al. 2017, arXiv 1706.03762; pre-norm: Xiong et al. 2020, arXiv 2002.04745.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from molnar.base.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEncoderConfig:
    """Sizes of a text encoder."""

    vocab_size: int  # ids of the tokenizer it was trained with
    length: int = 32  # most tokens per text, markers included
    width: int = 256  # of a hidden state; `tokens` are twice as wide
    layers: int = 4
    heads: int = 4
    mlp_ratio: int = 4  # hidden width of the MLP over `width`
    pooled: int = 384  # width of the sentence vector; the teacher's

    def __post_init__(self) -> None:
        """Check that the heads share the width evenly."""
        if self.width % self.heads:
            raise ConfigError(
                f"got width={self.width} heads={self.heads}; expected a multiple of heads"
            )


class TextEncoder(nn.Module):
    """Embed token ids.

    Example:
        >>> encoder = TextEncoder(TextEncoderConfig(vocab_size=99, length=8, width=16, layers=1))
        >>> ids = torch.tensor([[1, 7, 2, 0]])
        >>> [tuple(x.shape) for x in encoder(ids, ids != 0)]
        [(1, 4, 32), (1, 384)]
    """

    def __init__(self, config: TextEncoderConfig) -> None:
        """Make an encoder with fresh weights."""
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.width)
        self.positions = nn.Parameter(torch.randn(config.length, config.width) * 0.2)
        self.norm_in = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm_out = nn.LayerNorm(config.width)
        self.score = nn.Linear(config.width, 1)
        self.pool = nn.Linear(config.width, config.pooled)
        nn.init.zeros_(self.score.weight)  # starts as a plain mean over the real tokens

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embed ids.

        Args:
            ids: int64 B L, L at most `config.length`.
            mask: bool B L, True = real token; at least one per row.

        Returns:
            tokens float32 B L 2*width (zero where padded), pooled float32 B pooled (unit length).
        """
        first = self.norm_in(self.words(ids) + self.positions[: ids.shape[1]])
        hidden = first
        for block in self.blocks:
            hidden = block(hidden, mask)
        last = self.norm_out(hidden)
        score = self.score(last).squeeze(-1).masked_fill(~mask, float("-inf"))
        summary = (score.softmax(dim=-1).unsqueeze(-1) * last).sum(dim=1)
        pooled = F.normalize(self.pool(summary), dim=-1)
        return torch.cat([first, last], dim=-1) * mask.unsqueeze(-1), pooled


class Block(nn.Module):
    """Mix tokens by masked attention, then each token by itself."""

    def __init__(self, config: TextEncoderConfig) -> None:
        """Make a block whose residual branches start small."""
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, config.mlp_ratio * width)
        self.down = nn.Linear(config.mlp_ratio * width, width)
        for last in (self.out, self.down):
            nn.init.normal_(last.weight, std=0.02 / (2 * config.layers) ** 0.5)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map hidden states B L D and mask bool B L to hidden states B L D."""
        q, k, v = rearrange(
            self.qkv(self.norm_attention(x)),
            "b l (three n k) -> three b n l k",
            three=3,
            n=self.heads,
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.out(rearrange(mixed, "b n l k -> b l (n k)"))
        out: Tensor = x + self.down(F.gelu(self.up(self.norm_mlp(x))))
        return out
