"""A network read from disk straight into 16 bits, one tensor at a time.

Loading in float32 and halving afterwards holds the file's pages, the whole and the half at once.
Here the file is mapped, each tensor is rounded from where it lies, and its pages are given back.
That needs nothing but torch, so that it can be done while larger libraries are still being
imported; which module a tensor belongs to is only asked afterwards.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from molnar.base.errors import CheckpointError, one_line
from molnar.bridge.fast.layers import CHANNELS, arranged, halve, halved, plain
from molnar.bridge.headers import read_header, read_json

if TYPE_CHECKING:
    from torch import Tensor, nn

KINDS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


def tensors(path: Path, only: str = "") -> Iterator[tuple[str, Tensor]]:
    """Read a .safetensors file, checked, tensor by tensor.

    Args:
        path: The file.
        only: The name of one tensor; "" = all.

    Yields:
        Name and tensor in the file's dtype; its memory is given back when the next is asked for.

    Raises:
        CheckpointError: It is damaged, or holds numbers of another kind than floats.
    """
    read_header(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        # Private and writable, because torch warns of memory that it must not write to.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    header.pop("__metadata__", None)
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        if only not in ("", name):
            continue
        kind = KINDS.get(entry["dtype"])
        if kind is None:
            raise CheckpointError(
                f"{one_line(path)}: {name} is {entry['dtype']}; expected {', '.join(KINDS)}"
            )
        start, end = (8 + length + at for at in entry["data_offsets"])
        if start == end:
            yield name, torch.empty(entry["shape"], dtype=kind)
            continue
        aligned = start % kind.itemsize == 0
        source = mapped if aligned else bytearray(mapped[start:end])
        count, offset = math.prod(entry["shape"]), start if aligned else 0
        flat = torch.frombuffer(source, dtype=kind, count=count, offset=offset)
        yield name, flat.view(entry["shape"])
        del flat
        _give_back(mapped, start, end)


def _give_back(mapped: mmap.mmap, start: int, end: int) -> None:
    """Let the system have the whole pages of a range again; they are read anew if ever needed."""
    if hasattr(mmap, "MADV_DONTNEED"):
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        whole = (end - first) // mmap.PAGESIZE * mmap.PAGESIZE
        if whole > 0:
            mapped.madvise(mmap.MADV_DONTNEED, first, whole)


def weights(folder: Path) -> dict[str, Tensor]:
    """Read what a network's folder holds, matrices and kernels in float16, the rest in float32.

    Args:
        folder: With one .safetensors file, or several and their index.

    Raises:
        CheckpointError: A file is damaged, or there is none.
    """
    found = {}
    for path in _files(folder):
        for name, tensor in tensors(path):
            wide = tensor.float() if tensor.dtype != torch.float32 else tensor
            may = name.endswith(".weight") and tensor.ndim > 1
            kept = _laid(halved(wide)) if may else wide
            found[name] = kept.clone() if kept.data_ptr() == tensor.data_ptr() else kept
    return found


def _laid(weight: Tensor) -> Tensor:
    """Give a kernel the layout that it will be computed in; anything else as it is."""
    if weight.ndim != 4 or weight.dtype != torch.float16:
        return weight
    three = tuple(weight.shape[2:]) == (3, 3)  # nearly all of them are of stride 1
    return arranged(weight, taps=three and min(weight.shape[:2]) >= CHANNELS)


def read(kind: Any, folder: Path, found: dict[str, Tensor] | None = None) -> nn.Module:
    """Make a diffusers network from its folder with its large weights in float16.

    Args:
        kind: Its class, e.g. `diffusers.UNet2DConditionModel`.
        folder: With config.json and its weights.
        found: What `weights` has read of the folder; emptied. None = it is read now.

    Returns:
        The network, computing in float32 (see `layers`), in evaluation mode.

    Raises:
        CheckpointError: A file is damaged, or a tensor is missing or of another shape.
    """
    from accelerate import init_empty_weights  # type: ignore[import-untyped]

    found = weights(folder) if found is None else found
    with init_empty_weights(include_buffers=False):
        network = kind.from_config(kind.load_config(str(folder)))
    owners = {name for name, module in network.named_modules() if plain(module)}
    left = tuple(getattr(network, "_keep_in_fp32_modules", None) or ())
    wanted = dict(network.named_parameters(remove_duplicate=False))
    first = next(iter(wanted), "")
    for name, empty in wanted.items():
        if name not in found:
            raise CheckpointError(
                f"{one_line(folder)}: {name} is missing; expected a complete checkpoint"
            )
        tensor = found.pop(name)
        if tensor.shape != empty.shape:
            raise CheckpointError(f"{one_line(folder)}: {name} has shape {list(tensor.shape)}")
        owner, _, last = name.rpartition(".")
        may = owner in owners and name != first and not any(part in name for part in left)
        if tensor.dtype == torch.float16 and not may:
            tensor = _whole(folder, name)
        module = network.get_submodule(owner)
        module.register_parameter(last, torch.nn.Parameter(tensor, requires_grad=False))
    for name, buffer in network.named_buffers():
        if name in found:
            buffer.copy_(_whole(folder, name))
    halve(network)
    made: nn.Module = network.eval()
    return made


def _whole(folder: Path, name: str) -> Tensor:
    """Read one tensor again, in float32."""
    for path in _files(folder):
        for _, tensor in tensors(path, only=name):
            return tensor.float().clone()
    raise CheckpointError(f"{one_line(folder)}: {name} is missing; expected a complete checkpoint")


def _files(folder: Path) -> list[Path]:
    """List the .safetensors files that hold a network: as its index says, or the one there is.

    Raises:
        CheckpointError: There is none.
    """
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        read_header(indexes[0])
        return [folder / n for n in sorted(set(read_json(indexes[0])["weight_map"].values()))]
    whole = [f for f in sorted(folder.glob("*.safetensors")) if ".fp16." not in f.name]
    if not whole:
        raise CheckpointError(f"{one_line(folder)}: no .safetensors file; expected one")
    return whole[:1]
