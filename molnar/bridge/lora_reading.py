"""A LoRA file -> its tensors, in names that can be matched, and what is said beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molnar.base.errors import WeightsError, one_line
from molnar.base.weights import offsets, read_metadata
from molnar.bridge import lora_deltas
from molnar.bridge.lora_files import checked
from molnar.bridge.lora_keys import Target


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: tensors by key, mapped rather than copied, and its metadata.

    Raises:
        WeightsError: It is missing, a pickle or corrupt.
    """
    from safetensors import SafetensorError, safe_open

    offsets(checked(path))  # says in one line what is wrong with a file
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{one_line(path)} cannot be read: {one_line(error)}") from None
    return tensors, read_metadata(path)


def converted(convert: Callable[..., Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under diffusers' names; nothing where its converter knows them no better.

    Args:
        convert: `lora_state_dict` of the pipeline's class.
        tensors: Of a LoRA file, by key.
    """
    try:
        out = convert(dict(tensors), return_lora_metadata=True)
    except (
        ValueError,
        KeyError,
        IndexError,
        RuntimeError,
        TypeError,
        AttributeError,
        AssertionError,
    ):
        return {}
    renamed = dict(out[0])
    alphas = out[1] if len(out) > 2 and isinstance(out[1], dict) else {}
    for key, alpha in alphas.items():
        name = key if key.endswith(".alpha") else f"{key}.alpha"
        renamed[name] = torch.as_tensor(float(alpha))
    return renamed


def kind_of(changes: Mapping[Target, lora_deltas.Parts]) -> str:
    """Name the kind of adapter that changes are of."""
    parts = {part for change in changes.values() for part in change}
    if "magnitude" in parts:
        return "DoRA"
    for start, kind in (("hada", "LoHa"), ("lokr", "LoKr"), ("diff", "full")):
        if any(part.startswith(start) for part in parts) and "down" not in parts:
            return kind
    spatial = any("down" in c and c["down"].dim() > 2 and c["down"].shape[2] > 1
                  for c in changes.values())  # fmt: skip
    return "LoCon" if spatial or "mid" in parts else "LoRA"


def scales_of(
    path: Path, metadata: Mapping[str, str], changes: Mapping[Target, lora_deltas.Parts]
) -> dict[Target, float]:
    """Return the scale of each `up @ down`, where peft wrote it beside the weights.

    Raises:
        WeightsError: What it wrote cannot be read.
    """
    settings = _settings(path, metadata)
    scales = {}
    for target, parts in changes.items():
        own = {
            key.removeprefix(f"{target.component}."): value
            for key, value in settings.items()
            if key.startswith(f"{target.component}.") or "." not in key
        }
        rank = lora_deltas.rank(parts) or own.get("r")
        if not rank or own.get("lora_alpha") is None or "alpha" in parts:
            continue
        alpha = _of_pattern(own.get("alpha_pattern") or {}, target.path, own["lora_alpha"])
        scales[target] = alpha / (rank**0.5 if own.get("use_rslora") else rank)
    return scales


def _of_pattern(patterns: Mapping[str, Any], path: str, otherwise: Any) -> float:
    from peft.utils.other import get_pattern_key

    return float(patterns.get(get_pattern_key(patterns.keys(), path), otherwise))


def _settings(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    beside = path.with_name("adapter_config.json")
    try:
        if "lora_adapter_metadata" in metadata:
            found = json.loads(metadata["lora_adapter_metadata"])
        elif path.name == "adapter_model.safetensors" and beside.is_file():
            found = json.loads(beside.read_text(encoding="utf-8"))
        else:
            return {}
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{one_line(path)} has settings that cannot be read: {one_line(error, 80)}; download "
            "it again"
        ) from None
    return found if isinstance(found, dict) else {}
