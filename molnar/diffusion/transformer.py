"""A noisy latent, a time and a text in, the velocity of the flow out: a diffusion transformer.

The latent's patches and the words are one sequence, and the same weights serve both: a word looks
at the picture as it looks at another word. The time and the pooled text shift, scale and gate
every block.

Source: Peebles and Xie 2022, arXiv 2212.09748; one joint stream: Chen et al. 2025, arXiv
2503.10618 (DiT-Air); QK-norm: Henry et al. 2020, arXiv 2010.04245.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.nn.attention import attend
from molnar.base.nn.mlp import SwiGLU
from molnar.base.nn.modulation import ModulationTable, SharedModulation
from molnar.base.nn.norm import RMSNorm, rms_normalise
from molnar.base.nn.rope import axial_angles, rotate
from molnar.base.nn.time import Stride, TimeEmbedding
from molnar.diffusion.patches import centres, patchify, unpatchify
from molnar.diffusion.planned import Planned


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerConfig:
    """Sizes of a `Transformer`. The default has 23 million parameters."""

    latent_channels: int = 16  # C of the latent
    text_width: int = 512  # D of the text tokens
    pooled_width: int = 384  # D of the pooled text
    patch: int = 2  # latent cells per side of a patch; 1 = 4 times the tokens, finer
    width: int = 384  # D of the sequence
    depth: int = 12  # blocks
    heads: int = 6
    hidden: int = 1024  # between the two maps of a block's MLP; 8/3 of width
    plan: int = 0  # F of a plan's map (`plan.paint.features`), 0 for a network without plans
    plan_width: int = 64  # channels into which a plan's map is read
    flow_map: bool = False  # is it told where a step ends (`diffusion.flowmap`)?

    def __post_init__(self) -> None:
        """Check that the heads share the width, and that two axes fit into a head."""
        if self.width % self.heads:
            raise ConfigError(
                f"width {self.width} is not a multiple of heads {self.heads}; change one of them"
            )
        if (self.width // self.heads) % 4:
            raise ConfigError(
                f"width {self.width} over heads {self.heads} is {self.width // self.heads}; "
                "positions on two axes need a multiple of 4"
            )
        for name in ("latent_channels", "text_width", "pooled_width", "patch", "depth", "hidden"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")


class Transformer(nn.Module):
    """Velocity of a latent under a text.

    Example:
        >>> net = Transformer(TransformerConfig(width=32, depth=1, heads=2, hidden=64))
        >>> text = torch.zeros(2, 32, 512), torch.ones(2, 32, dtype=torch.bool), torch.zeros(2, 384)
        >>> net(torch.zeros(2, 16, 8, 12), torch.rand(2), *text).shape
        torch.Size([2, 16, 8, 12])
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        values = config.latent_channels * config.patch**2

        # The biases of the two entrances tell the block's shared weights which kind a token is.
        self.patches_in = nn.Linear(values, config.width)
        self.planned = (
            Planned(config.plan, config.plan_width, config.plan_width) if config.plan else None
        )
        if config.plan:
            wide = config.plan_width * config.patch**2
            self.plans_in = nn.Linear(wide, config.width, bias=False)
        self.text_norm = RMSNorm(config.text_width)
        self.text_in = nn.Linear(config.text_width, config.width)
        self.time = TimeEmbedding(config.width)
        self.stride = Stride(config.width) if config.flow_map else None
        self.pooled_in = nn.Linear(config.pooled_width, config.width)

        self.modulation = SharedModulation(config.width, branches=2)
        self.blocks = nn.ModuleList(JointBlock(config) for _ in range(config.depth))

        self.last_modulation = SharedModulation(config.width, branches=1)
        self.last_table = ModulationTable(config.width, branches=1)
        self.patches_out = nn.Linear(config.width, values)
        nn.init.zeros_(self.patches_out.weight)
        nn.init.zeros_(self.patches_out.bias)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        tokens: Tensor,
        mask: Tensor,
        pooled: Tensor,
        plan: Tensor | None = None,
        until: Tensor | None = None,
    ) -> Tensor:
        """Estimate ``noise - x0``.

        Args:
            x: noisy latent, Float B C H W; H and W multiples of the patch.
            t: Float B in [0, 1], 0 = data, 1 = noise.
            tokens: text tokens, Float B L E.
            mask: Bool B L, True = a real token; the others change nothing.
            pooled: text as one unit vector, Float B P.
            plan: what is planned for each cell, Float B F H W; None = nothing.
            until: Float B, at most t: of a network with a flow map, give the mean velocity from
                t to there, guided; None = t itself, the velocity at x.

        Returns:
            Velocity, Float B C H W.
        """
        height, width = x.shape[2:]
        length = tokens.shape[1]

        # enter: words and patches become one sequence
        text = self.text_in(self.text_norm(tokens))
        patches = self.patches_in(patchify(x, self.config.patch))
        if self.planned is not None and plan is not None:
            patches = patches + self.plans_in(patchify(self.planned(plan), self.config.patch))
        sequence = torch.cat([text, patches], dim=1)
        angles, allowed = self.places(x, length), self.allowed(sequence, mask)
        # a unit vector has entries of about 1 / sqrt(P), and layers learn fastest from about 1
        condition = self.time(t) + self.pooled_in(pooled * pooled.shape[-1] ** 0.5)
        if self.stride is not None:
            condition = condition + self.stride.between(t, until)

        # think: every block looks at all of it
        shared = self.modulation(condition)
        for block in self.blocks:
            sequence = block(sequence, shared, angles, allowed)

        # leave: the patches alone go back to their places
        (last,) = self.last_table(self.last_modulation(condition))
        picture = last.leave(last.enter(rms_normalise(sequence[:, length:])))
        return unpatchify(self.patches_out(picture), height, width, self.config.patch)

    def places(self, x: Tensor, length: int) -> Tensor:
        """Give angles Float (L + patches) K/2: words are not turned, they carry their order."""
        head = self.config.width // self.config.heads
        rows = centres(x.shape[2], self.config.patch, x.device)
        columns = centres(x.shape[3], self.config.patch, x.device)
        angles = axial_angles(rows, columns, head)
        return torch.cat([angles.new_zeros(length, head // 2), angles])

    def allowed(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """Say which of the sequence may be looked at, Bool B (L + patches): padding may not."""
        patches = mask.new_ones(mask.shape[0], sequence.shape[1] - mask.shape[1])
        return torch.cat([mask, patches], dim=1)


class JointBlock(nn.Module):
    """Attend over words and patches together, then think on each; starts as the identity."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        head = config.width // config.heads
        self.heads = config.heads
        self.table = ModulationTable(config.width, branches=2)
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.query_norm = RMSNorm(head)
        self.key_norm = RMSNorm(head)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.mlp = SwiGLU(config.width, config.hidden)
        nn.init.xavier_uniform_(self.query_key_value.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, shared: Tensor, angles: Tensor, allowed: Tensor) -> Tensor:
        """Map Float B L D.

        Args:
            x: the sequence, Float B L D.
            shared: what `SharedModulation` says of two branches.
            angles: Float L K/2, where each token lies.
            allowed: Bool B L, which may be looked at.
        """
        attention, mlp = self.table(shared)
        x = x + attention.leave(self.look(attention.enter(rms_normalise(x)), angles, allowed))
        out: Tensor = x + mlp.leave(self.mlp(mlp.enter(rms_normalise(x))))
        return out

    def look(self, x: Tensor, angles: Tensor, allowed: Tensor) -> Tensor:
        """Mix Float B L D over what may be looked at."""
        projected = self.query_key_value(x)
        q, k, v = rearrange(projected, "B L (three N K) -> three B N L K", three=3, N=self.heads)
        q = rotate(self.query_norm(q), angles)
        k = rotate(self.key_norm(k), angles)
        mixed: Tensor = self.out(attend(q, k, v, allowed))
        return mixed
