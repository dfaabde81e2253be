"""A picture decoded strip by strip, in memory for a few layers of one strip.

The last layers of Stable Diffusion's decoder hold 268 MB each at 512 x 512, and diffusers holds
several at once: what is normalised, what it is made of, what is enlarged, and what the block began
with. A normalisation needs only two numbers of a whole layer; with these at hand the rest goes in
strips, with a row more at each side for the convolution that follows. The sums are the same: no
seams, as tiles have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from molnar.bridge.fast.buffers import forget
from molnar.bridge.fast.memory import trim

if TYPE_CHECKING:
    from torch import Tensor, nn

STRIP = 4 << 20  # floats of a strip of one layer: 16 MB
ROWS = 4096  # pixels whose squares are summed at a time


def decode_in_strips(vae: Any) -> bool:
    """Let the decoder of an `AutoencoderKL` work in strips; False if it is built in another way.

    Args:
        vae: On the CPU, computing in float32; changed in place.
    """
    decoder: Any = getattr(vae, "decoder", None)
    if type(vae).__name__ != "AutoencoderKL" or not usual(decoder):
        return False
    whole = decoder.forward

    def forward(sample: Tensor, latent_embeds: Tensor | None = None) -> Tensor:
        if latent_embeds is not None:
            return whole(sample, latent_embeds)  # type: ignore[no-any-return]
        return decoded(decoder, sample)

    decoder.forward = forward
    return True


def usual(decoder: Any) -> bool:
    """Say whether a decoder is built as Stable Diffusion's is, block by block."""
    if type(decoder).__name__ != "Decoder":
        return False
    norms = [decoder.conv_norm_out]
    for block in decoder.up_blocks:
        if type(block).__name__ != "UpDecoderBlock2D":
            return False
        for up in block.upsamplers or ():
            if not (up.use_conv and up.interpolate and up.norm is None and up.name == "conv"):
                return False
        for resnet in block.resnets:
            parts = (resnet.time_emb_proj, resnet.upsample, resnet.downsample)
            if any(part is not None for part in parts):
                return False
            if type(resnet.nonlinearity) is not torch.nn.SiLU:
                return False
            norms += [resnet.norm1, resnet.norm2]
    return all(type(norm) is torch.nn.GroupNorm and norm.affine for norm in norms)


def decoded(decoder: Any, latent: Tensor) -> Tensor:
    """Turn a latent [B, C, H, W] into an image [B, 3, 8H, 8W], as the decoder's `forward` does."""
    x = decoder.mid_block(decoder.conv_in(latent), None)
    for block in decoder.up_blocks:
        for resnet in block.resnets:  # He et al. 2016 (arXiv 1603.05027), figure 4e
            inner = _normalised(resnet.norm1, resnet.conv1, x)
            if resnet.conv_shortcut is not None:  # now, so that nothing holds what it came from
                x = resnet.conv_shortcut(x)
            inner = _normalised(resnet.norm2, resnet.conv2, inner)
            x = inner.add_(x)
            if resnet.output_scale_factor != 1:
                x /= resnet.output_scale_factor
        for up in block.upsamplers or ():
            x = _enlarged(up.conv, x)
            forget()  # buffers of layers that the next block may not have
            trim()
    return _normalised(decoder.conv_norm_out, decoder.conv_out, x)


def _normalised(norm: nn.GroupNorm, conv: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Normalise, activate and convolve [B, C, H, W]."""
    scale, shift = affine(norm, x)

    def ready(top: int, low: int) -> Tensor:
        return F.silu(torch.addcmul(shift, x[:, :, top:low], scale), inplace=True)

    return _strips(ready, conv, x.shape[2], x.shape[1] * x.shape[3])


def _enlarged(conv: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Double rows and columns of [B, C, H, W], and convolve."""

    def ready(top: int, low: int) -> Tensor:
        some = F.interpolate(x[:, :, top // 2 : -(-low // 2)], scale_factor=2.0, mode="nearest")
        return some[:, :, top % 2 : top % 2 + low - top]

    return _strips(ready, conv, 2 * x.shape[2], 2 * x.shape[1] * x.shape[3])


def _strips(
    ready: Callable[[int, int], Tensor], conv: Callable[[Tensor], Tensor], high: int, row: int
) -> Tensor:
    """Convolve what `ready` gives of rows `top` to `low`, `row` floats each, out of `high`."""
    rows, out = max(16, STRIP // row), None
    if rows >= high:
        return conv(ready(0, high))
    for first in range(0, high, rows):
        last = min(first + rows, high)
        top, low = max(first - 1, 0), min(last + 1, high)  # a 3x3 convolution sees one row more
        some = conv(ready(top, low))[:, :, first - top : last - top]
        if out is None:
            B, C, _, W = some.shape
            out = torch.empty(B, high, W, C).permute(0, 3, 1, 2)  # channels last
        out[:, :, first:last] = some
    assert out is not None
    return out


def affine(norm: nn.GroupNorm, x: Tensor) -> tuple[Tensor, Tensor]:
    """Give what normalising is: a factor and a summand for each channel, both [B, C, 1, 1].

    Source: Wu & He 2018, "Group Normalization" (arXiv 1803.08494), equations 1 and 2.
    """
    B, C = x.shape[:2]
    factors, summands = torch.empty(B, C, 1, 1), torch.empty(B, C, 1, 1)
    for b in range(B):
        flat = x[b].permute(1, 2, 0).reshape(-1, C)  # a view, if channels are last
        each = flat.mean(0).view(norm.num_groups, -1)
        mean = each.mean(1, keepdim=True).expand_as(each).reshape(C)
        squares = torch.zeros(C)
        for some in torch.split(flat, ROWS):  # about the mean, in the processor's cache
            squares += (some - mean).square_().sum(0)
        variance = squares.view_as(each).sum(1, keepdim=True) / (each.shape[1] * len(flat))
        factor = norm.weight * (variance + norm.eps).rsqrt().expand_as(each).reshape(C)
        factors[b, :, 0, 0] = factor
        summands[b, :, 0, 0] = norm.bias - mean * factor
    return factors, summands
