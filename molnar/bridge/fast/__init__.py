"""What makes a diffusers pipeline faster and smaller on a processor, one file per means.

`winograd` (fewer products for the same sums), `twins` (what both halves of guidance share, once),
`feeding` and `strips` (wide layers in pieces) and `memory` change a picture by rounding only;
`layers` keeps weights in 16 bits; `caching` is an approximation and off unless asked for;
`openvino` is another engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molnar.base.errors import RequestError

BACKENDS = ("torch", "openvino")


@dataclass(frozen=True, kw_only=True)
class How:
    """By which means a pipeline is made faster.

    Example:
        >>> How().caching
        1
    """

    winograd: bool = True  # 3x3 convolutions by minimal filtering: float32 rounding
    twins: bool = True  # what both halves of a guided step share, once: exact
    halves: bool = True  # weights kept in float16: each rounded once, to 11 bits
    memory: bool = True  # freed memory stays in the process for the next step: exact
    caching: int = 1  # the depth of the network anew at every n-th step; 1 = each: approximate
    backend: str = "torch"  # or "openvino": the denoising network and the decoder run there
    folder: Path | None = None  # where "openvino" keeps what it converted


def speed_up(pipe: Any, how: How | None = None) -> None:
    """Make a pipeline faster in place, once.

    LoRAs may come and go afterwards, but not with "openvino", which keeps the weights it converted.

    Args:
        pipe: A diffusers pipeline whose parts are torch modules. Parts that are not on the CPU
            only get `caching`: an accelerator has better means of its own.
        how: The means; none = those that change a picture by rounding only.

    Raises:
        RequestError: A value of `how` is out of range.
        MissingExtraError: `backend` is "openvino" and it is not installed.
    """
    how = how or How()
    if how.backend not in BACKENDS:
        raise RequestError(f"backend is {how.backend!r}; expected one of: {', '.join(BACKENDS)}")
    import torch

    from molnar.bridge.fast.caching import reuse
    from molnar.bridge.fast.feeding import feed_in_pieces
    from molnar.bridge.fast.layers import filter_minimally, halve
    from molnar.bridge.fast.memory import before_decoding, keep_freed, trim
    from molnar.bridge.fast.strips import decode_in_strips
    from molnar.bridge.fast.twins import share

    parts = [p for p in pipe.components.values() if isinstance(p, torch.nn.Module)]
    for part in parts:
        part.requires_grad_(False)
        if next(part.parameters(), torch.empty(0)).device.type != "cpu":
            continue
        if how.halves:
            halve(part)
        if how.winograd and how.backend == "torch":
            filter_minimally(part)
            feed_in_pieces(part)
            decode_in_strips(part)
    if how.memory:
        keep_freed()
        before_decoding(getattr(pipe, "vae", None))
        trim()
    if how.backend == "openvino":
        from molnar.bridge.fast.openvino import convert

        convert(pipe, how.folder)
        return
    network = _denoiser(pipe)
    if network is not None:
        if how.twins and next(network.parameters()).device.type == "cpu":
            share(network)
        reuse(network, how.caching)


def _denoiser(pipe: Any) -> Any:
    """The network that is called at each step."""
    return getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
