"""How a checkpoint is computed while it draws: as it fits, and smaller if memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.bridge.company import company_of
from molnar.bridge.fitting import LADDER, Fit, applied, fitted, ran_out, seconds, stepped_down
from molnar.bridge.options import Options

if TYPE_CHECKING:
    from molnar.bridge.recognising import Found

_LOG = logging.getLogger(__name__)
EVERY = 3  # steps from one full step to the next, with `--quality fast`
LONG = 10.0  # seconds from which on it is said how long a picture takes


@dataclass
class Computing:
    """A live pipeline, and how it is computed; all copies of a checkpoint have one.

    Example:
        >>> computing = Computing(pipe, found, Options())  # doctest: +SKIP
        >>> computing.begin()  # doctest: +SKIP
    """

    pipe: Any
    found: Found
    options: Options
    fit: Fit | None = None
    caching: Any = None  # what decides which steps are computed in full
    decoder: Any = None  # a tiny one, for previews
    drawn: object = None  # what is drawn now; what was found for another is not reused

    def begin(self) -> None:
        """Put the pipeline where it computes, and make it quick.

        Raises:
            RequestError: There is no such device, or no such backend.
        """
        import torch

        options = self.options
        if options.threads:
            torch.set_num_threads(options.threads)
        self.fit = self.fit or fitted(self.found, options)
        applied(self.pipe, self.fit)
        if self.fit.device == "cpu" and not options.exact:
            from molnar.bridge.fast import How, speed_up

            halves = self.fit.storage != self.fit.dtype
            wide = self.fit.dtype == "float32"
            speed_up(
                self.pipe, How(halves=halves, winograd=wide, twins=wide, backend=options.backend)
            )

    def prepare(self, request: Request, drawn: object) -> None:
        """Compute the next step as its request's quality wants: with `fast`, not each in full.

        Args:
            request: Of the picture.
            drawn: An object that stands for the picture: the same at each of its steps.
        """
        from molnar.bridge.fast.caching import reuse

        network = getattr(self.pipe, "unet", None) or getattr(self.pipe, "transformer", None)
        fast = request.quality == "fast" and not self.options.exact
        if fast and self.caching is None and network is not None:
            self.caching = reuse(network, EVERY)
        if self.caching is not None and self.drawn is not drawn:
            self.caching.every = EVERY if fast else 1
            self.caching.forget()
        self.drawn = drawn

    def patiently(self, draw: Callable[[], Generator[Any, None, Any]]) -> Generator[Any, None, Any]:
        """Draw; where memory runs out, give up one thing more and draw again.

        Args:
            draw: Begins to draw: a generator of steps that returns a picture.

        Raises:
            RequestError: Memory runs out, and there is nothing left to give up.
        """
        while True:
            try:
                return (yield from draw())
            except Exception as error:  # what it is is asked next
                if not ran_out(error):
                    raise
                self._step_down(error)

    def _step_down(self, error: Exception) -> None:
        lower = self.fit and stepped_down(self.fit, exact=self.options.exact)
        if lower is None:
            raise RequestError(
                "memory did not suffice, and nothing is left to give up; expected a smaller "
                "picture (--size), a smaller model, or other programs ended"
            ) from error
        _LOG.warning("memory ran out: from here on %s", LADDER[lower.given_up[-1]])
        self.fit = lower
        applied(self.pipe, lower)
        if lower.given_up[-1] == "halves":
            from molnar.bridge.fast.layers import halve

            for part in self.pipe.components.values():
                if hasattr(part, "parameters"):
                    halve(part)

    def quicken(self, network: Any) -> None:
        """Compute a network that came later, such as a ControlNet, as those of the pipeline."""
        assert self.fit is not None
        if self.fit.device != "cpu" or self.options.exact:
            return
        from molnar.bridge.fast import How, speed_up

        halves, wide = self.fit.storage != self.fit.dtype, self.fit.dtype == "float32"
        how = How(halves=halves, winograd=wide, twins=False, memory=False)
        speed_up(SimpleNamespace(components={"network": network}), how)

    def notes(self, request: Request, controls: Sequence[Path] = ()) -> list[str]:
        """Say what was given up for memory, and how long a picture takes if that is long.

        Args:
            request: Resolved.
            controls: The ControlNets that guide it.
        """
        assert self.fit is not None
        told = list(self.fit.notes)
        took = seconds(
            self.found,
            self.fit,
            steps=request.steps or self.found.steps,
            height=request.height,
            width=request.width,
            guided=(request.guidance or 1) > 1,
            company=company_of(self.found, self.options, controls),
        )
        whole = sum(took.values()) - took["step"]
        if whole > LONG:
            step = float(f"{took['step']:.2g}")
            told.append(f"about {float(f'{whole:.2g}'):.0f} s a picture, {step:g} a step")
        return told
