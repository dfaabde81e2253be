"""Steps that reuse what an earlier step found in a network's depth: an approximation.

DeepCache (Ma, Fang & Wang 2023, arXiv 2312.00858), section 3: from one step to the next the deep
features of a UNet hardly change, so that in between full steps only its outermost branch is
computed: the first residual block and attention on the way down, the last on the way up. For
transformers: diffusers' own first-block cache, which reuses the rest of the network while the
first block's output changes little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from molnar.base.errors import RequestError

MOST = 10  # steps from one full step to the next
CHANGE = 0.08  # of a transformer's first block, that still counts as little


class Depth:
    """When a UNet's depth is computed anew; one for all modules of one network."""

    def __init__(self, forward: Callable[..., Any], every: int) -> None:
        self.forward = forward
        self.every = every
        self.since = 0  # steps since the last full one
        self.last: float | None = None  # its time, which falls from step to step
        self.shape: tuple[int, ...] = ()
        self.reusing = False
        self.kept: list[Reused] = []

    def __call__(self, sample: Any, timestep: Any, *args: Any, **named: Any) -> Any:
        """Compute one step, in full if it is the first of a picture or its turn has come."""
        now, shape = float(timestep.max() if hasattr(timestep, "max") else timestep), sample.shape
        new = self.last is None or now > self.last or shape != self.shape
        # A ControlNet or adapter adds to the depth: what was found without it is another picture's.
        guided = any("residual" in name and v is not None for name, v in named.items())
        self.since = 0 if new or guided else (self.since + 1) % self.every
        self.reusing = self.since > 0
        self.last, self.shape = now, shape
        try:
            return self.forward(sample, timestep, *args, **named)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Make the next step a full one and give the kept features back."""
        self.last = None
        for reused in self.kept:
            reused.found = None


class Reused:
    """Stands in for the `forward` of a module in the depth."""

    def __init__(self, forward: Callable[..., Any], depth: Depth) -> None:
        self.forward = forward
        self.depth = depth
        self.found: Any = None
        self.calls = 0  # that were computed

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Compute, or give what was found last."""
        if self.depth.reusing and self.found is not None:
            return self.found
        self.calls += 1
        self.found = self.forward(*args, **named)
        return self.found


def reuse(network: Any, every: int) -> Depth | None:
    """Let a network compute its depth at one step in `every` only.

    Args:
        network: A diffusers UNet with text conditions, or a transformer that knows diffusers'
            caches. Changed in place; any other is left as it is.
        every: 1 to 10; 1 = at each step, and nothing is changed.

    Returns:
        What decides, for a UNet; none otherwise.

    Raises:
        RequestError: `every` is out of range.
    """
    if not 1 <= every <= MOST:
        raise RequestError(f"caching is {every}; expected 1 (off) to {MOST} steps")
    if every == 1:
        return None
    ups, downs = getattr(network, "up_blocks", None), getattr(network, "down_blocks", None)
    if not ups or not downs or not hasattr(network, "conv_in"):
        if hasattr(network, "enable_cache") and not network.is_cache_enabled:
            from diffusers import FirstBlockCacheConfig

            network.enable_cache(FirstBlockCacheConfig(threshold=CHANGE))
        return None
    depth = Depth(network.forward, every)
    for module in _deep(network, downs, ups):
        reused = Reused(module.forward, depth)
        module.forward = reused
        depth.kept.append(reused)
    network.forward = depth
    return depth


def _deep(network: Any, downs: Any, ups: Any) -> list[Any]:
    """Everything but the outermost branch."""
    first, last = downs[0], ups[-1]
    chosen = [*first.resnets[1:], *(getattr(first, "attentions", None) or [])[1:]]
    chosen += [*(first.downsamplers or []), *downs[1:]]
    chosen += [network.mid_block] if network.mid_block is not None else []
    chosen += [*ups[:-1], *last.resnets[:-1], *(getattr(last, "attentions", None) or [])[:-1]]
    return chosen
