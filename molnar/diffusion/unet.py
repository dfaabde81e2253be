"""A noisy latent, a time and a text in, the velocity of the flow out: a convolutional U-Net.

Convolutions do the drawing; where the picture is small, a transformer layer after each of them
looks at the whole picture and at the text. The largest level has none, as in SDXL: that is where
attention costs most and says least.

Source: Ronneberger et al. 2015, arXiv 1505.04597; text by cross-attention: Rombach et al. 2022,
arXiv 2112.10752, section 3.3; none on the largest level: Podell et al. 2023, arXiv 2307.01952,
section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.nn.attention import Attention
from molnar.base.nn.conv import Double, Halve, ResidualBlock, conv3, group_norm
from molnar.base.nn.place import FEATURES, places
from molnar.base.nn.time import Stride, TimeEmbedding
from molnar.diffusion.planned import Planned, Sketch


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Sizes of a :class:`UNet`."""

    latent_channels: int = 16  # C of the latent
    text_width: int = 512  # D of the text tokens
    pooled_width: int = 384  # D of the pooled text
    channels: tuple[int, ...] = (128, 224, 224)  # per level, from the latent's size downwards
    blocks: tuple[int, ...] = (2, 2, 1)  # residual blocks per level, in each direction
    attention: tuple[bool, ...] = (False, True, True)  # per level: look after each block
    heads: int = 4
    context: int = 192  # D of the text inside the network
    text_layers: int = 1  # attention layers over the text, trained with the network
    condition: int = 256  # D of the time and pooled text together
    layout: int = 64  # channels of the small picture that the text suggests, 0 for none
    plan: int = 0  # F of a plan's map (`plan.paint.features`), 0 for a network without plans
    plan_width: int = 96  # channels into which a plan's map is read
    sketch: int = 0  # channels of what a name in a plan looks like in its box, 0 for none
    sketch_width: int = 160  # numbers read of a name for it
    flow_map: bool = False  # is it told where a step ends (`diffusion.flowmap`)?

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.blocks) == len(self.attention):
            raise ConfigError(
                f"channels has {len(self.channels)} levels, blocks {len(self.blocks)}, attention "
                f"{len(self.attention)}: give all the same length"
            )
        if min(self.blocks, default=0) < 1:
            raise ConfigError(f"blocks {self.blocks}: every level needs at least 1")
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
    """Look at the whole picture and at the text, then think: a transformer layer.

    Each cell first learns where in the picture it is.
    """

    def __init__(self, channels: int, heads: int, context: int) -> None:
        super().__init__()
        self.place = nn.Linear(FEATURES, channels, bias=False)
        nn.init.zeros_(self.place.weight)
        self.norm1 = nn.LayerNorm(channels)
        self.picture = Attention(channels, heads)
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
        h = rearrange(x, "B C H W -> B (H W) C") + self.place(places(x))
        h = h + self.picture(self.norm1(h))
        h = h + self.text(self.norm2(h), tokens, mask)
        h = h + self.mlp(self.norm3(h))
        out: Tensor = rearrange(h, "B (H W) C -> B C H W", H=height)
        return out


class Block(nn.Module):
    """A residual block and, where the picture is small, a look at picture and text."""

    def __init__(self, channels_in: int, channels: int, config: UNetConfig, looks: bool) -> None:
        super().__init__()
        self.residual = ResidualBlock(channels_in, channels, config.condition)
        self.look = Look(channels, config.heads, config.context) if looks else None

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map Float B C H W to Float B C' H W."""
        h: Tensor = self.residual(x, condition)
        return h if self.look is None else self.look(h, tokens, mask)


class Layout(nn.Module):
    """What a text looks like before anything is known of the picture: one small map from words.

    Attention gives every cell the same words; this gives every cell its own reading of them, as the
    first layer of a generator does (Radford et al. 2015, arXiv 1511.06434, section 3).
    """

    SIDE = 8  # cells, of the square that is stretched over the picture

    def __init__(self, context: int, width: int, channels: int) -> None:
        super().__init__()
        self.width = width
        self.to_cells = nn.Linear(context, width * self.SIDE**2)
        self.leave = nn.Conv2d(width, channels, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, gist: Tensor, like: Tensor) -> Tensor:
        """Map a text Float B D to Float B C H W, H and W as those of `like`."""
        small = self.to_cells(gist).view(-1, self.width, self.SIDE, self.SIDE)
        sized = F.interpolate(small.float(), size=like.shape[2:], mode="bilinear")
        out: Tensor = self.leave(F.silu(sized))
        return out


class UNet(nn.Module):
    """Velocity of a latent under a text.

    Example:
        >>> import torch
        >>> net = UNet(UNetConfig(channels=(64, 64), blocks=(1, 1), attention=(False, True)))
        >>> text = torch.zeros(2, 32, 512), torch.ones(2, 32, dtype=torch.bool), torch.zeros(2, 384)
        >>> net(torch.zeros(2, 16, 8, 8), torch.rand(2), *text).shape
        torch.Size([2, 16, 8, 8])
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.time = TimeEmbedding(config.condition)
        self.stride = Stride(config.condition) if config.flow_map else None
        self.pooled = nn.Linear(config.pooled_width, config.condition)
        self.text_in = nn.Linear(config.text_width, config.context)
        self.text_position = nn.Parameter(torch.zeros(64, config.context))
        self.text_layers = nn.ModuleList(
            TextLayer(config.context, config.heads) for _ in range(config.text_layers)
        )
        self.text_norm = nn.LayerNorm(config.context)
        self.told = nn.Linear(config.context, config.condition)
        for parameter in self.told.parameters():
            nn.init.zeros_(parameter)

        self.enter = conv3(config.latent_channels, widths[0])
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, (width, blocks, looks) in enumerate(
            zip(widths, config.blocks, config.attention, strict=True)
        ):
            self.down.append(
                nn.ModuleList(Block(width, width, config, looks) for _ in range(blocks))
            )
            self.up.insert(
                0, nn.ModuleList(Block(2 * width, width, config, looks) for _ in range(blocks))
            )
            if level + 1 < len(widths):
                self.shrink.append(Halve(width, widths[level + 1]))
                self.grow.insert(0, Double(widths[level + 1], width))

        wide = widths[min(1, len(widths) - 1)]
        self.layout = Layout(config.context, config.layout, wide) if config.layout else None
        self.planned = Planned(config.plan, config.plan_width, widths[0]) if config.plan else None
        self.sketch = (
            Sketch(config.plan, config.sketch_width, config.sketch, widths[0])
            if config.plan and config.sketch
            else None
        )
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
            x: noisy latent, Float B C H W; H and W multiples of 2**(levels - 1).
            t: Float B in [0, 1], 0 = data, 1 = noise.
            tokens: text tokens, Float B L E.
            mask: Bool B L, True = a real token.
            pooled: text as one unit vector, Float B P.
            plan: what is planned for each cell, Float B F H W; None = nothing.
            until: Float B, at most t: of a network with a flow map, give the mean velocity from
                t to there, guided; None = t itself, the velocity at x.

        Returns:
            Velocity, Float B C H W.
        """
        # a unit vector has entries of about 1 / sqrt(P), and layers learn fastest from about 1
        condition = self.time(t) + self.pooled(pooled * pooled.shape[-1] ** 0.5)
        if self.stride is not None:
            condition = condition + self.stride.between(t, until)
        text = self.read(tokens, mask)
        # what all words say together, in the network's own reading of them
        real = mask[:, :, None].to(text.dtype)
        gist = (text * real).sum(1) / real.sum(1)
        condition = condition + self.told(gist)

        # down: draw finer features at ever smaller sizes, keeping each for the way back
        h = self.enter(x)
        if self.planned is not None and plan is not None:
            h = h + self.planned(plan)
            h = h if self.sketch is None else h + self.sketch(plan)
        kept: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, condition, text, mask)
                kept.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
            if level == 0 and self.layout is not None:
                h = h + self.layout(gist, h)

        # up: back to the latent's size, with what was kept on the way down
        for level, blocks in enumerate(self.up):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(torch.cat([h, kept.pop()], dim=1), condition, text, mask)
            if level < len(self.grow):
                h = self.grow[level](h)

        velocity: Tensor = self.leave(F.silu(self.leave_norm(h)))
        return velocity
