"""A picture's seed in, every random number that diffusers asks for out, whatever the device.

diffusers draws noise with `torch.randn`, wherever it needs some: a start, a picture to begin with,
a step of a stochastic sampler. While one of these runs, such calls are answered from the picture's
own streams (`base/rng.py`), float32 and on the CPU, whatever the model computes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from molnar.base.errors import MissingExtraError
from molnar.base.request import Variation
from molnar.base.rng import PictureRng, noise, varied

try:
    import torch
    from torch.overrides import TorchFunctionMode
except ImportError as error:
    raise MissingExtraError("torch", "hub") from error

OTHER = 2**20  # number of the noise that seeds a generator, far from those that are starts


class PictureNoise:
    """Where one picture's random numbers come from.

    The first noise of a picture is `noise(seed, 0, shape)` as for our own model, the next one
    `noise(seed, 1, shape)`; what samplers add comes from `PictureRng`.

    Example:
        >>> draws = PictureNoise(7)
        >>> first = draws.starting(torch.randn)(1, 4, 8, 8)
        >>> bool((first[0].numpy() == noise(7, 0, (4, 8, 8))).all())
        True
    """

    def __init__(self, seed: int, variations: Sequence[Variation] = ()) -> None:
        """Remember whose numbers these are.

        Args:
            seed: Of the picture, 0 to 2**32 - 1.
            variations: Steps from its noise towards that of other seeds.
        """
        self.seed, self.variations = seed, tuple(variations)
        self.drawn = 0  # starts so far
        self.rng = PictureRng([seed])
        # For what is not normal noise (choices of image tokens), and for what draws out of sight.
        bits = noise(seed, OTHER, (2,)).view(np.uint32)
        self.generator = torch.Generator("cpu").manual_seed(int(bits[0]) << 31 | int(bits[1]))

    def starting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call` with its normal noise drawn as a start."""
        return self._within(call, self._start)

    def sampling(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call` with its normal noise drawn as what a sampler adds."""
        return self._within(call, lambda shape: self.rng.normal(shape)[0])

    def _within(self, call: Callable[..., Any], draw: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)  # its signature is asked for: does it take a generator?
        def told(*args: Any, **kwargs: Any) -> Any:
            with _Answered(draw):
                return call(*args, **kwargs)

        return told

    def _start(self, shape: tuple[int, ...]) -> Any:
        number, self.drawn = self.drawn, self.drawn + 1
        steps = tuple((one.seed, one.strength) for one in self.variations)
        return varied(self.seed, shape, steps, number)


class _Answered(TorchFunctionMode):
    """Answers `torch.randn` and `torch.randn_like` of this thread."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        super().__init__()
        self.draw = draw

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is torch.randn:
            shape = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
            return self._filled(tuple(shape or kwargs["size"]), kwargs)
        if function is torch.randn_like:
            like = {"dtype": args[0].dtype, "device": args[0].device}
            return self._filled(tuple(args[0].shape), like | kwargs)
        return function(*args, **kwargs)

    def _filled(self, shape: tuple[int, ...], kwargs: dict[str, Any]) -> Any:
        # One picture at a time: where several rows are asked for, each begins as that one.
        one = torch.from_numpy(np.ascontiguousarray(self.draw(shape[1:])))
        rows = one[None].expand(shape)
        return rows.to(kwargs.get("device"), kwargs.get("dtype") or torch.float32).contiguous()
