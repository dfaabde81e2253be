"""Linear and convolution layers that keep their weights in 16 bits and compute in 32.

A weight in half precision takes half the memory and, on a processor that has no arithmetic for
it, is widened into a buffer just before it is used: the sums are those of float32 with weights
rounded once, to 11 significant bits. Convolutions go by `winograd` where that is faster.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from molnar.bridge.fast.buffers import buffer
from molnar.bridge.fast.winograd import convolve, laid, summed

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST = 1 << 15  # weights with fewer numbers stay as they are: they weigh nothing
LARGEST = 65504.0  # of float16
# Where F(4x4, 3x3) was measured to pay: below, moving the patches costs what the products save, and
# transforming the kernels what their few uses do.
CHANNELS = 192
TILES = 64


def halved(weight: Tensor) -> Tensor:
    """Round a float32 weight to float16, or return it as it is where that would lose it."""
    if weight.dtype != torch.float32 or weight.numel() < SMALLEST:
        return weight
    half = weight.half()
    # Asking each number whether it is finite takes ten times as long.
    return half if all(math.isfinite(end) for end in torch.aminmax(half)) else weight


def widened(weight: Tensor) -> Tensor:
    """Give a weight in float32: itself, or a copy in a buffer that the next call overwrites."""
    if weight.dtype == torch.float32:
        return weight
    wide = buffer("weight", tuple(weight.shape))
    if weight.ndim == 4:  # in the same layout
        wide = wide.as_strided(weight.shape, weight.stride())
    return wide.copy_(weight)


def arranged(weight: Tensor, *, taps: bool) -> Tensor:
    """Give a kernel [C_out, C, ...] the layout that it is computed in: `laid`, or channels last."""
    return laid(weight) if taps else weight.contiguous(memory_format=torch.channels_last)


class Linear:
    """Stands in for the `forward` of one `nn.Linear`."""

    def __init__(self, module: nn.Linear) -> None:
        self.module = module

    def __call__(self, x: Tensor) -> Tensor:
        """Map [..., D] to [..., D_out]."""
        return F.linear(x.float(), widened(self.module.weight), _wide(self.module.bias))


class Convolution:
    """Stands in for the `forward` of one `nn.Conv2d`."""

    def __init__(self, module: nn.Conv2d, *, filtered: bool) -> None:
        """Take a layer; if `filtered`, it may go by Winograd."""
        self.module = module
        self.three = (
            filtered
            and tuple(module.kernel_size) == (3, 3)
            and tuple(module.stride) == tuple(module.dilation) == (1, 1)
            and module.padding in (1, (1, 1))
            and module.padding_mode == "zeros"
            and module.groups == 1
            and min(module.in_channels, module.out_channels) >= CHANNELS
        )
        if filtered:
            module.weight.data = arranged(module.weight.data, taps=self.three)

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve [B, C, H, W]."""
        weight, bias = self.module.weight, _wide(self.module.bias)
        x = x.float()
        if self.three:
            B, _, H, W = x.shape
            many = B * -(-H // 4) * -(-W // 4) >= TILES
            return convolve(x, weight, bias) if many else summed(x, weight, bias)
        x = x.contiguous(memory_format=torch.channels_last)
        out: Tensor = self.module._conv_forward(x, widened(weight), bias)
        return out.contiguous(memory_format=torch.channels_last)


def _wide(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.float()


def halve(network: nn.Module) -> int:
    """Keep a network's weights in float16, computing in float32 as before.

    The first weight stays as it is: it is where diffusers and transformers look up the dtype in
    which the network takes its input. So do layers that the network's own class asks to be left.

    Args:
        network: Any module on the CPU; its `nn.Linear` and `nn.Conv2d` are changed in place.

    Returns:
        Bytes saved.
    """
    saved = 0
    first = next(iter(network.parameters()), None)
    left = tuple(getattr(network, "_keep_in_fp32_modules", None) or ())
    for name, module in network.named_modules():
        if not plain(module) or module.weight is first or any(part in name for part in left):
            continue
        half = halved(module.weight.data)
        saved += module.weight.nbytes - half.nbytes
        module.weight.data = half
        if half.dtype != torch.float16:
            continue
        if isinstance(module, torch.nn.Linear):
            module.forward = Linear(module)  # type: ignore[assignment,method-assign]
        elif not isinstance(module.forward, Convolution):
            convolving(module, filtered=False)
    for weight in network.parameters():
        if weight.dtype == torch.float32:  # a copy, so that nothing keeps the mapped file open
            weight.data = weight.data.clone(memory_format=torch.preserve_format)
    return saved


def filter_minimally(network: nn.Module) -> int:
    """Let the 3x3 convolutions of a network go by Winograd where that is faster.

    Args:
        network: Any module on the CPU.

    Returns:
        How many convolutions may.
    """
    count = 0
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and plain(module):
            count += convolving(module, filtered=True).three
    return count


def convolving(module: nn.Module, *, filtered: bool) -> Convolution:
    """Let a `Convolution` stand in for the `forward` of an `nn.Conv2d`."""
    assert isinstance(module, torch.nn.Conv2d)
    forward = Convolution(module, filtered=filtered)
    module.forward = forward  # type: ignore[assignment,method-assign]
    return forward


def plain(module: nn.Module) -> bool:
    """Say whether a module is a Linear or Conv2d that computes as torch wrote it, or as we did."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    if not isinstance(module, kinds) or type(module).forward not in [k.forward for k in kinds]:
        return False
    set_on_it = module.__dict__.get("forward")
    return set_on_it is None or isinstance(set_on_it, (Linear, Convolution))
