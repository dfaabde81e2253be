"""A network read from disk straight into 16 bits, one tensor at a time.

Loading in float32 and halving afterwards holds the file's pages, the whole and the half at once.
Here a network is made without memory of its own, and each tensor goes through one small buffer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from molnar.base.errors import CheckpointError, one_line
from molnar.bridge.fast.layers import halve, halved, plain
from molnar.bridge.headers import read_header, read_json

if TYPE_CHECKING:
    from torch import Tensor, nn

KINDS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


def tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Read a .safetensors file, checked, tensor by tensor, without mapping it.

    Args:
        path: The file.

    Yields:
        Name and tensor in the file's dtype; the tensor is overwritten by the next.

    Raises:
        CheckpointError: It is damaged, or holds numbers of another kind than floats.
    """
    import json

    read_header(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        largest = max(
            (e["data_offsets"][1] - e["data_offsets"][0] for e in header.values()), default=0
        )
        room = torch.empty(max(largest, 1), dtype=torch.uint8)
        view = memoryview(room.numpy())  # type: ignore[arg-type]
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            kind = KINDS.get(entry["dtype"])
            if kind is None:
                raise CheckpointError(
                    f"{one_line(path)}: {name} is {entry['dtype']}; expected {', '.join(KINDS)}"
                )
            start, end = entry["data_offsets"]
            file.seek(8 + length + start)
            if file.readinto(view[: end - start]) != end - start:
                raise CheckpointError(f"{one_line(path)}: ends early; fetch it again")
            shape = entry["shape"]
            assert math.prod(shape) * kind.itemsize == end - start
            yield name, room[: end - start].view(kind).view(shape)


def read(kind: Any, folder: Path) -> nn.Module:
    """Make a diffusers network from its folder with its large weights in float16.

    Args:
        kind: Its class, e.g. `diffusers.UNet2DConditionModel`.
        folder: With config.json and one .safetensors file, or several and their index.

    Returns:
        The network, computing in float32 (see `layers`), in evaluation mode.

    Raises:
        CheckpointError: A file is damaged, or a tensor is missing or of another shape.
    """
    from accelerate import init_empty_weights  # type: ignore[import-untyped]

    with init_empty_weights(include_buffers=False):
        network = kind.from_config(kind.load_config(str(folder)))
    owners = {name: module for name, module in network.named_modules() if plain(module)}
    left = tuple(getattr(network, "_keep_in_fp32_modules", None) or ())
    missing = {name: p.shape for name, p in network.named_parameters(remove_duplicate=False)}
    first = next(iter(missing), "")
    for path in _files(folder):
        for name, tensor in tensors(path):
            if name not in missing:
                continue
            if tensor.shape != missing.pop(name):
                raise CheckpointError(f"{one_line(path)}: {name} has shape {list(tensor.shape)}")
            owner, _, last = name.rpartition(".")
            may = owner in owners and last == "weight" and name != first
            may = may and not any(part in name for part in left)
            wide = tensor.float() if tensor.dtype != torch.float32 else tensor
            half = halved(wide) if may else wide
            kept = half.clone() if half.data_ptr() == tensor.data_ptr() else half
            module = network.get_submodule(owner)
            module.register_parameter(last, torch.nn.Parameter(kept, requires_grad=False))
    if missing:
        raise CheckpointError(
            f"{one_line(folder)}: {next(iter(missing))} is missing; expected a complete checkpoint"
        )
    halve(network)
    made: nn.Module = network.eval()
    return made


def _files(folder: Path) -> list[Path]:
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        read_header(indexes[0])
        return [folder / n for n in sorted(set(read_json(indexes[0])["weight_map"].values()))]
    whole = [f for f in sorted(folder.glob("*.safetensors")) if ".fp16." not in f.name]
    if not whole:
        raise CheckpointError(f"{one_line(folder)}: no .safetensors file; expected one")
    return whole[:1]
