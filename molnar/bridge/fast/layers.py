"""Linear and convolution layers that keep their weights in 16 bits and compute in 32.

A weight in half precision takes half the memory and, on a processor that has no arithmetic for
it, is widened into a buffer just before it is used: the sums are those of float32 with weights
rounded once, to 11 significant bits. Convolutions go by `winograd` where that is faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from molnar.bridge.fast.buffers import buffer
from molnar.bridge.fast.winograd import convolve, transformed

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST = 1 << 15  # weights with fewer numbers stay as they are: they weigh nothing
LARGEST = 65504.0  # of float16
# Where F(4x4, 3x3) was measured to pay: below, moving the patches costs what the products save.
CHANNELS = 192
TILES = 16
PIECE = 24 << 20  # numbers of kernels that are transformed at a time, where none are kept


class Budget:
    """Bytes that transformed kernels may take; what does not fit is transformed at each call."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> bool:
        """Say whether `size` bytes are free, and take them."""
        if size > self.left:
            return False
        self.left -= size
        return True


def halved(weight: Tensor) -> Tensor:
    """Round a float32 weight to float16, or return it as it is where that would lose it."""
    if weight.dtype != torch.float32 or weight.numel() < SMALLEST:
        return weight
    half = weight.half()
    return half if bool(torch.isfinite(half).all()) else weight


def widened(weight: Tensor) -> Tensor:
    """Give a weight in float32: itself, or a copy in a buffer that the next call overwrites."""
    if weight.dtype == torch.float32:
        return weight
    wide = buffer("weight", tuple(weight.shape)).as_strided(weight.shape, weight.stride())
    return wide.copy_(weight)


class Linear:
    """Stands in for the `forward` of one `nn.Linear`."""

    def __init__(self, module: nn.Linear) -> None:
        self.module = module

    def __call__(self, x: Tensor) -> Tensor:
        """Map [..., D] to [..., D_out]."""
        return F.linear(x.float(), widened(self.module.weight), _wide(self.module.bias))


class Convolution:
    """Stands in for the `forward` of one `nn.Conv2d`."""

    def __init__(self, module: nn.Conv2d, budget: Budget | None) -> None:
        """Take a layer, and what kernels may weigh (none: no Winograd)."""
        self.module = module
        self.budget = budget
        self.kernels: Tensor | None = None
        self.of: tuple[int, int] | None = None
        self.held: Tensor | None = None  # so that no other weight comes to lie at its address
        self.three = (
            budget is not None
            and tuple(module.kernel_size) == (3, 3)
            and tuple(module.stride) == tuple(module.dilation) == (1, 1)
            and module.padding in (1, (1, 1))
            and module.padding_mode == "zeros"
            and module.groups == 1
            and min(module.in_channels, module.out_channels) >= CHANNELS
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve [B, C, H, W]."""
        weight, bias = self.module.weight, _wide(self.module.bias)
        x = x.float()
        B, _, H, W = x.shape
        if self.three and B * -(-H // 4) * -(-W // 4) >= TILES:
            return self._filtered(x, weight, bias)
        # Kernels in the layout that `transformed` reads fastest; the others are channels last.
        layout = torch.contiguous_format if self.three else torch.channels_last
        x = x.contiguous(memory_format=layout)
        out: Tensor = self.module._conv_forward(x, widened(weight), bias)
        return out.contiguous(memory_format=torch.channels_last)

    def _filtered(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernels = self._kept(weight)
        if kernels is not None:
            return convolve(x, kernels, bias)
        C_out, C = weight.shape[:2]
        many = max(1, min(C_out, PIECE // (36 * C)))
        pieces = []
        for start in range(0, C_out, many):
            part = slice(start, start + many)
            room = buffer("kernels", (36, len(weight[part]), C))
            kernels = transformed(widened(weight[part]), 4, room)
            pieces.append(convolve(x, kernels, None if bias is None else bias[part]))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)

    def _kept(self, weight: Tensor) -> Tensor | None:
        """Kernels transformed once, if there is memory to keep them, and anew for a new weight."""
        of = (weight.data_ptr(), 0 if weight.is_inference() else weight._version)
        if self.kernels is not None and self.of == of:
            return self.kernels
        if self.kernels is None:
            size = 36 * weight.shape[0] * weight.shape[1] * 4
            if self.budget is None or not self.budget.take(size):
                return None
            self.kernels = torch.empty(36, *weight.shape[:2])
        transformed(widened(weight), 4, self.kernels)
        self.of, self.held = of, weight.detach()
        return self.kernels


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
            _convolving(module, None)
    for weight in network.parameters():
        if weight.dtype == torch.float32:  # a copy, so that nothing keeps the mapped file open
            weight.data = weight.data.clone(memory_format=torch.preserve_format)
    return saved


def filter_minimally(network: nn.Module, budget: Budget) -> int:
    """Let the 3x3 convolutions of a network go by Winograd where that is faster.

    Args:
        network: Any module on the CPU.
        budget: Memory for kernels transformed once.

    Returns:
        How many convolutions may.
    """
    count = 0
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and plain(module):
            count += _convolving(module, budget).three
    return count


def plain(module: nn.Module) -> bool:
    """Say whether a module is a Linear or Conv2d that computes as torch wrote it, or as we did."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    if not isinstance(module, kinds) or type(module).forward not in [k.forward for k in kinds]:
        return False
    set_on_it = module.__dict__.get("forward")
    return set_on_it is None or isinstance(set_on_it, (Linear, Convolution))


def _convolving(module: nn.Module, budget: Budget | None) -> Convolution:
    assert isinstance(module, torch.nn.Conv2d)
    forward = Convolution(module, budget)
    if not forward.three:
        module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    module.forward = forward  # type: ignore[assignment,method-assign]
    return forward
