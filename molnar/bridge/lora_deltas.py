"""The parts of one change and the weight it is for -> what to add to that weight.

Computed in float32 whatever the file and the network are stored in, and rounded once.

Sources: LoRA: Hu et al. 2021, arXiv 2106.09685, section 4.1; DoRA: Liu et al. 2024, arXiv
2402.09353, equation 5; LoHa and the Tucker form for convolutions: Hyeon-Woo et al. 2021, arXiv
2108.06098, propositions 1 and 2; LoKr: Yeh et al. 2023, arXiv 2309.14859, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Parts = Mapping[str, Tensor]


def fits(parts: Parts, weight: Tensor, bias: Tensor | None) -> bool | None:
    """Tell whether a change is whole and of the shape of a weight, without computing it.

    Returns:
        None if parts of it are missing, otherwise whether the shapes fit.
    """
    shape = _shape(parts)
    moved = parts.get("diff_b", parts.get("bias"))
    if shape is not None and moved is not None and (bias is None or bias.shape != moved.shape):
        return False
    if shape is None:
        only_bias = "diff_b" in parts and not set(parts) - {"diff_b", "alpha"}
        return (bias is not None and bias.shape == parts["diff_b"].shape) if only_bias else None
    rows, numbers = shape
    if rows != weight.shape[0] or numbers != weight.numel():
        return False
    down = parts.get("down")
    if down is not None and "mid" not in parts and down.shape[1] != weight.shape[1]:
        return False
    magnitude = parts.get("magnitude")
    return magnitude is None or magnitude.numel() in (weight.shape[0], weight.shape[1])


def _shape(parts: Parts) -> tuple[int, int] | None:
    """Rows and numbers of the change; None if it is not whole."""
    try:
        if "diff" in parts:
            return len(parts["diff"]), parts["diff"].numel()
        if "down" in parts:
            return _low_rank_shape(parts)
        if any(part.startswith("hada_") for part in parts):
            return _hadamard_shape(parts)
        if any(part.startswith("lokr_") for part in parts):
            (a, b, *_), (c, d, *rest) = (_factor_shape(parts, number) for number in "12")
            return a * c, a * b * c * d * math.prod(rest)
    except (KeyError, IndexError, ValueError):
        pass
    return None


def _low_rank_shape(parts: Parts) -> tuple[int, int] | None:
    down, up, mid = parts["down"], parts["up"], parts.get("mid")
    inner = (down.shape[0], up.shape[1]) if mid is None else (mid.shape[0], up.shape[1])
    if down.dim() < 2 or inner[0] != inner[1] or (mid is not None and len(down) != mid.shape[1]):
        return None
    kernel = math.prod(down.shape[2:]) * (1 if mid is None else math.prod(mid.shape[2:]))
    return len(up), len(up) * math.prod(up.shape[2:]) * down.shape[1] * kernel


def _hadamard_shape(parts: Parts) -> tuple[int, int] | None:
    first, second, core = parts["hada_w1_a"], parts["hada_w1_b"], parts.get("hada_t1")
    parts["hada_w2_a"], parts["hada_w2_b"]  # there, or it is not whole
    if core is None:
        return len(first), len(first) * second[0].numel()
    return first.shape[1], first.shape[1] * second.shape[1] * math.prod(core.shape[2:])


def _factor_shape(parts: Parts, number: str) -> tuple[int, ...]:
    name = f"lokr_w{number}"
    if name in parts:
        return tuple(parts[name].shape)
    first, second = parts[f"{name}_a"], parts[f"{name}_b"]
    core = parts.get(f"lokr_t{number}")
    if core is None:
        return (len(first), *second.shape[1:])
    return (first.shape[1], second.shape[1], *core.shape[2:])


@torch.no_grad()
def delta(parts: Parts, weight: Tensor, strength: float, scale: float | None = None) -> Tensor:
    """Return what to add to a weight, float32, of its shape.

    With a magnitude (DoRA) the strength acts within the norm, as in peft: W becomes
    `m (W + s B A) / |W + s B A|`; at strength 0 it stays W.

    Args:
        parts: Of the change; `fits(parts, weight, ...)` is true.
        weight: As it was before any change.
        strength: 0 is off, 1 as trained.
        scale: Of `up @ down`; alpha / rank as the parts say, if absent.
    """
    if strength == 0:
        return torch.zeros_like(weight, dtype=torch.float32)
    change = _product({name: part.to(weight.device).float() for name, part in parts.items()})
    change = change.reshape(weight.shape) * (strength * (_scale(parts) if scale is None else scale))
    if "magnitude" not in parts:
        return change
    base = weight.float()
    changed = base + change
    magnitude = parts["magnitude"].to(weight.device).float()
    # One number for each row, as in the paper's code, unless its shape says for each column. peft
    # writes a convolution's rows as 1 x rows x 1 x 1, which reads as columns where it is square.
    columns = magnitude.dim() > 1 and magnitude.shape[:2] == (1, weight.shape[1])
    columns = columns and not (weight.dim() > 2 and weight.shape[0] == weight.shape[1])
    axis = 1 if columns else 0
    others = tuple(n for n in range(weight.dim()) if n != axis)
    norm = changed.pow(2).sum(dim=others, keepdim=True).sqrt()
    shape = [1] * weight.dim()
    shape[axis] = -1
    return changed * (magnitude.reshape(shape) / norm) - base


def changed(
    parts: Parts, weight: Tensor, strength: float, scale: float | None = None
) -> dict[str, Tensor]:
    """Return what to add to the "weight" and the "bias" of a module, whichever it changes.

    Args:
        parts: Of the change.
        weight: As it was before any change.
        strength: As for `delta`.
        scale: As for `delta`.
    """
    more = {}
    if set(parts) - {"diff_b", "alpha"}:
        more["weight"] = delta(parts, weight, strength, scale)
    of = _scale(parts) if scale is None else scale
    for name, factor in (("diff_b", 1.0), ("bias", of)):
        if name in parts:
            more["bias"] = parts[name].to(weight.device).float() * (strength * factor)
    return more


def rank(parts: Parts) -> int | None:
    """Return the rank of a change; None if it has none."""
    for name in ("down", "hada_w1_b", "lokr_w1_b", "lokr_w2_b"):
        if name in parts:
            return len(parts[name])
    return None


def _scale(parts: Parts) -> float:
    of = rank(parts)
    return float(parts["alpha"]) / of if "alpha" in parts and of else 1.0


def _product(parts: Parts) -> Tensor:
    if "diff" in parts:
        return parts["diff"]
    if "down" in parts:
        down, up = parts["down"], parts["up"]
        if "mid" in parts:
            return _tucker(parts["mid"], up.flatten(1).T, down.flatten(1))
        return up.flatten(1) @ down.flatten(1)
    if "hada_w1_a" in parts:
        one, two = (_pair(parts, f"hada_w{n}", f"hada_t{n}") for n in "12")
        return one * two
    one, two = (
        parts[f"lokr_w{n}"] if f"lokr_w{n}" in parts else _pair(parts, f"lokr_w{n}", f"lokr_t{n}")
        for n in "12"
    )
    one = one.reshape(*one.shape, *(1,) * (two.dim() - one.dim()))
    return torch.kron(one, two)


def _pair(parts: Parts, name: str, core: str) -> Tensor:
    first, second = parts[f"{name}_a"], parts[f"{name}_b"]
    if core in parts:
        return _tucker(parts[core], first, second)
    return first @ second.flatten(1) if second.dim() <= 2 else torch.tensordot(first, second, 1)


def _tucker(core: Tensor, out: Tensor, into: Tensor) -> Tensor:
    """A kernel from its core: a b k l, out: a rows, into: b columns."""
    return torch.einsum("abkl,ao,bi->oikl", core, out, into)
