"""LoRAs beside weights that cannot be added to: peft's layers, through diffusers' own loader."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from molnar.base.errors import WeightsError, one_line
from molnar.bridge import lora_deltas
from molnar.bridge.lora_files import Lora
from molnar.bridge.lora_keys import Target

One = tuple[Mapping[Target, lora_deltas.Parts], Mapping[Target, float], Lora]
_TAKEN = {"down", "up", "alpha", "magnitude"}


def add(pipe: Any, drawing: str, files: Sequence[One]) -> None:
    """Put peft's layers around the weights that LoRAs change.

    Args:
        pipe: A diffusers pipeline without such layers.
        drawing: The component that draws.
        files: Of each LoRA its changes, their scales, and its weights.

    Raises:
        WeightsError: The pipeline takes none, or a change is not of the form `up @ down`.
    """
    names, weights = [], []
    for number, (changes, scales, lora) in enumerate(files):
        if not hasattr(pipe, "load_lora_weights"):
            raise WeightsError(
                f"{type(pipe).__name__} takes no LoRA while its weights are quantised or "
                "elsewhere; expected weights of 16 or 32 bits: open it with --dtype float16"
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are meant
            pipe.load_lora_weights(_tensors(changes, scales, lora), adapter_name=f"molnar_{number}")
        names.append(f"molnar_{number}")
        components = {target.component for target in changes}
        weights.append(
            lora.weight
            if lora.text_weight is None
            else {c: lora.weight if c == drawing else lora.on_text for c in components}
        )
    if names:
        pipe.set_adapters(names, adapter_weights=weights)


def remove(pipe: Any) -> None:
    """Take peft's layers away; the weights within were never changed."""
    pipe.unload_lora_weights()


def _tensors(
    changes: Mapping[Target, lora_deltas.Parts], scales: Mapping[Target, float], lora: Lora
) -> dict[str, Tensor]:
    tensors = {}
    for target, parts in changes.items():
        if set(parts) - _TAKEN:
            raise WeightsError(
                f"{one_line(lora.path)} changes {target} by more than a product of two matrices; "
                "that needs weights of 16 or 32 bits: open the checkpoint with --dtype float16"
            )
        rank = len(parts["down"])
        scale = scales.get(target, float(parts["alpha"]) / rank if "alpha" in parts else 1.0)
        tensors[f"{target}.lora_A.weight"] = parts["down"]
        # Within the product, so that every rank has the scale 1 that peft assumes without alphas.
        tensors[f"{target}.lora_B.weight"] = parts["up"].float() * scale
        if "magnitude" in parts:
            tensors[f"{target}.lora_magnitude_vector"] = parts["magnitude"].flatten()
    return tensors
