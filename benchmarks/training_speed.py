"""A U-Net's training step beside bare matrix products of the same shapes: the share that is used.

    python benchmarks/training_speed.py [--batch 32] [--size 16] [--precision bf16] [--compile]

Every matrix product and convolution of one step (forward and backward) is listed with its shape;
a convolution counts as the matrix product of its unfolded input. Each shape is then timed alone,
as one `torch.mm` in fp32 and in bf16. `ratio` is the time of all those bare products over the time
of the step: 1.00 is a step that does nothing else. A direct convolution may beat its unfolded
product, so the ratio can pass 1.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from molnar.diffusion.unet import UNet, UNetConfig
from molnar.lab.train.process import attention_for, keep_freed_memory, multiplies_bf16

Shape = tuple[int, int, int]  # rows, inner, columns of one matrix product
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
aten = torch.ops.aten


class Products(TorchDispatchMode):
    """Count the matrix products of whatever runs under it, by shape."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: Counter[Shape] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and note its shape."""
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet is aten.mm:
            self.note(args[0], args[1])
        elif packet is aten.addmm:
            self.note(args[1], args[2])
        elif packet is aten.bmm:
            self.note(args[0][0], args[1][0], times=args[0].shape[0])
        elif packet is aten.convolution:
            self.shapes[unfolded(out, args[1])] += 1
        elif packet is aten.convolution_backward:
            rows, inner, columns = unfolded(args[0], args[2])
            to_input, to_weight = args[-1][:2]
            self.shapes[rows, columns, inner] += int(to_input)
            self.shapes[inner, rows, columns] += int(to_weight)
        return out

    def note(self, left: Tensor, right: Tensor, times: int = 1) -> None:
        """Add `times` products of two matrices."""
        self.shapes[left.shape[0], left.shape[1], right.shape[1]] += times


def unfolded(out: Tensor, weight: Tensor) -> Shape:
    """Return the matrix product that a convolution B C H W -> `out` amounts to."""
    return out.shape[0] * out.shape[2] * out.shape[3], weight[0].numel(), weight.shape[0]


def batch_of(config: UNetConfig, batch: int, size: int, device: str) -> list[Tensor]:
    """Return random inputs of the network and a random target velocity."""
    mask = torch.ones(batch, 32, dtype=torch.bool, device=device)
    latent = (batch, config.latent_channels, size, size)
    return [
        torch.randn(latent, device=device),
        torch.rand(batch, device=device),
        torch.randn(batch, 32, config.text_width, device=device),
        mask,
        torch.randn(batch, config.pooled_width, device=device),
        torch.randn(latent, device=device),
    ]


def backward(net: Any, inputs: list[Tensor], dtype: torch.dtype) -> None:
    """Run forward, loss and backward once."""
    *arguments, target = inputs
    device = target.device.type
    if dtype is torch.float32 or device == "meta":
        estimate = net(*arguments)
    else:
        with torch.autocast(device, dtype):
            estimate = net(*arguments)
    torch.nn.functional.mse_loss(estimate.float(), target).backward()


def count(config: UNetConfig, batch: int, size: int) -> tuple[int, Counter[Shape]]:
    """Return the floating-point operations of a step and its products, computing nothing."""
    with torch.device("meta"):
        net = UNet(config)
    inputs = batch_of(config, batch, size, "meta")
    with FlopCounterMode(display=False) as flops:
        backward(net, inputs, torch.float32)
    with Products() as products:
        backward(net, inputs, torch.float32)
    return flops.get_total_flops(), +products.shapes


def seconds(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the median duration of `work`, after one unmeasured call."""
    durations = []
    for index in range(repeats + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if index:
            durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def bare(shapes: Counter[Shape], dtype: torch.dtype, device: str) -> float:
    """Return the seconds that the products of one step take as bare `torch.mm` calls."""
    total = 0.0
    for (rows, inner, columns), times in shapes.items():
        left = torch.randn(rows, inner, device=device).to(dtype)
        right = torch.randn(inner, columns, device=device).to(dtype)
        out = torch.empty(rows, columns, dtype=dtype, device=device)
        total += times * seconds(lambda a=left, b=right, c=out: torch.mm(a, b, out=c), device, 3)
    return total


def step(config: UNetConfig, options: argparse.Namespace) -> float:
    """Return the seconds of one whole training step, optimiser included."""
    net = UNet(config).to(options.device)
    if options.channels_last:
        net = net.to(memory_format=torch.channels_last)
    runner = torch.compile(net) if options.compile else net
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    inputs = batch_of(config, options.batch, options.size, options.device)

    def once() -> None:
        optimizer.zero_grad()
        with attention_for(torch.device(options.device)):
            backward(runner, inputs, DTYPES[options.precision])
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    return seconds(once, options.device, options.repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=16, help="rows and columns of the latent")
    parser.add_argument("--precision", choices=list(DTYPES), help="of the step")
    parser.add_argument("--config", type=Path, help="model.json of a trained U-Net")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bare", nargs="*", choices=list(DTYPES), default=list(DTYPES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    keep_freed_memory()  # as training does
    if options.precision is None:  # as training with precision="auto" does
        fast = multiplies_bf16(torch.device(options.device))
        options.precision = "bf16" if fast else "fp32"

    fields = json.loads(options.config.read_text())["config"] if options.config else {}
    config = UNetConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    flops, shapes = count(config, options.batch, options.size)
    parameters = sum(p.numel() for p in UNet(config).parameters())
    took = step(config, options)

    name = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    print(f"{options.device} {name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"U-Net of {parameters / 1e6:.1f} M parameters, {sum(shapes.values())} products per step")
    print(
        f"step {options.precision} {1e3 * took:.1f} ms, {options.batch / took:.1f} pictures/s, "
        f"{flops / took / 1e9:.0f} GFLOP/s ({flops / 1e9:.0f} GFLOP per step)"
    )
    for name in options.bare:
        alone = bare(shapes, DTYPES[name], options.device)
        print(
            f"bare {name} {1e3 * alone:.1f} ms, {flops / alone / 1e9:.0f} GFLOP/s, "
            f"ratio {alone / took:.2f}"
        )


if __name__ == "__main__":
    main()
