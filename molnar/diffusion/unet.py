"""A noisy latent, a time and a text in, the velocity of the flow out: a convolutional U-Net.

Convolutions do the drawing; attention to the text sits on every level, attention of the picture to
itself only where the picture is small.

Source: Ronneberger et al. 2015, arXiv 1505.04597; text by cross-attention: Rombach et al. 2022,
arXiv 2112.10752, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.nn.attention import Attention
from molnar.base.nn.conv import Double, Halve, ResidualBlock, conv3, group_norm
from molnar.base.nn.time import TimeEmbedding


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Sizes of a :class:`UNet`."""

    latent_channels: int = 16  # C of the latent
    text_width: int = 512  # D of the text tokens
    pooled_width: int = 384  # D of the pooled text
    channels: tuple[int, ...] = (96, 192, 256)  # per level, from the latent's size downwards
    blocks: int = 2  # residual blocks per level and direction
    self_attention: tuple[bool, ...] = (False, True, True)  # per level
    heads: int = 4
    context: int = 192  # D of the text inside the network
    text_layers: int = 1  # attention layers over the text, trained with the network
    condition: int = 384  # D of the time and pooled text together

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.self_attention):
            raise ConfigError(
                f"channels has {len(self.channels)} levels, self_attention "
                f"{len(self.self_attention)}: "
                "give both the same length"
            )
        if any(width % self.heads for width in (*self.channels, self.context)):
            raise ConfigError(
                f"channels {self.channels} and context {self.context} must divide by "
                f"heads {self.heads}"
            )


class TextLayer(nn.Module):
    """One pre-norm transformer layer over the text tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map Float B L D with mask Bool B L to Float B L D."""
        tokens = tokens + self.attention(self.norm1(tokens), mask=mask)
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Look(nn.Module):
    """Look at the picture (optional) and at the text, then think: a transformer layer."""

    def __init__(self, channels: int, heads: int, context: int, self_attention: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels) if self_attention else None
        self.picture = Attention(channels, heads) if self_attention else None
        self.norm2 = nn.LayerNorm(channels)
        self.text = Attention(channels, heads, context=context)
        self.norm3 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )
        nn.init.zeros_(self.mlp[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map Float B C H W with text Float B L D to Float B C H W."""
        height = x.shape[2]
        h = rearrange(x, "B C H W -> B (H W) C")
        if self.picture is not None and self.norm1 is not None:
            h = h + self.picture(self.norm1(h))
        h = h + self.text(self.norm2(h), tokens, mask)
        h = h + self.mlp(self.norm3(h))
        out: Tensor = rearrange(h, "B (H W) C -> B C H W", H=height)
        return out


class Level(nn.Module):
    """Residual blocks of one size, the last followed by a look at picture and text."""

    def __init__(
        self, channels_in: list[int], channels: int, config: UNetConfig, self_attention: bool
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(c, channels, config.condition) for c in channels_in
        )
        self.look = Look(channels, config.heads, config.context, self_attention)


class UNet(nn.Module):
    """Velocity of a latent under a text.

    Example:
        >>> import torch
        >>> net = UNet(UNetConfig(channels=(64, 64), self_attention=(False, True), blocks=1))
        >>> text = torch.zeros(2, 32, 512), torch.ones(2, 32, dtype=torch.bool), torch.zeros(2, 384)
        >>> net(torch.zeros(2, 16, 8, 8), torch.rand(2), *text).shape
        torch.Size([2, 16, 8, 8])
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.time = TimeEmbedding(config.condition)
        self.pooled = nn.Linear(config.pooled_width, config.condition)
        self.text_in = nn.Linear(config.text_width, config.context)
        self.text_position = nn.Parameter(torch.zeros(64, config.context))
        self.text_layers = nn.ModuleList(
            TextLayer(config.context, config.heads) for _ in range(config.text_layers)
        )
        self.text_norm = nn.LayerNorm(config.context)

        self.enter = conv3(config.latent_channels, widths[0])
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        for level, (width, own) in enumerate(zip(widths, config.self_attention, strict=True)):
            self.down.append(Level([width] * config.blocks, width, config, own))
            if level + 1 < len(widths):
                self.shrink.append(Halve(width, widths[level + 1]))

        self.up = nn.ModuleList()
        self.grow = nn.ModuleList()
        for level in reversed(range(len(widths))):
            width = widths[level]
            self.up.append(
                Level([2 * width] * config.blocks, width, config, config.self_attention[level])
            )
            if level:
                self.grow.append(Double(width, widths[level - 1]))

        self.leave_norm = group_norm(widths[0])
        self.leave = conv3(widths[0], config.latent_channels)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def read(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Bring the text tokens Float B L E into the network's own width D."""
        text = self.text_in(tokens) + self.text_position[: tokens.shape[1]]
        for layer in self.text_layers:
            text = layer(text, mask)
        out: Tensor = self.text_norm(text)
        return out

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        """Estimate ``noise - x0``.

        Args:
            x: noisy latent, Float B C H W; H and W multiples of 2**(levels - 1).
            t: Float B in [0, 1], 0 = data, 1 = noise.
            tokens: text tokens, Float B L E.
            mask: Bool B L, True = a real token.
            pooled: text as one vector, Float B P.

        Returns:
            Velocity, Float B C H W.
        """
        condition = self.time(t) + self.pooled(pooled)
        text = self.read(tokens, mask)

        # down: draw finer features at ever smaller sizes, keeping each for the way back
        h = self.enter(x)
        kept: list[Tensor] = []
        for level, part in enumerate(self.down):
            for block in part.blocks:  # type: ignore[union-attr]
                h = block(h, condition)
                kept.append(h)
            h = part.look(h, text, mask)  # type: ignore[operator]
            if level < len(self.shrink):
                h = self.shrink[level](h)

        # up: back to the latent's size, with what was kept on the way down
        for level, part in enumerate(self.up):
            for block in part.blocks:  # type: ignore[union-attr]
                h = block(torch.cat([h, kept.pop()], dim=1), condition)
            h = part.look(h, text, mask)  # type: ignore[operator]
            if level < len(self.grow):
                h = self.grow[level](h)

        velocity: Tensor = self.leave(nn.functional.silu(self.leave_norm(h)))
        return velocity
