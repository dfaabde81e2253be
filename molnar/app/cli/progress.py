"""Steps in, one line on stderr that rewrites itself; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from molnar.base.types import Step

WIDTH = 24  # characters of the bar


class Progress:
    """A bar over the steps of all pictures.

    Example:
        >>> with Progress(pictures=2, quiet=True) as progress:
        ...     progress.step(Step(index=0, of=8, t=0.9, x=None, x0=None), done=0)
    """

    def __init__(self, pictures: int, quiet: bool = False) -> None:
        self.pictures = pictures
        self.shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def step(self, step: Step, done: int) -> None:
        """Show a step of the picture after `done` finished ones."""
        if not self.shown:
            return
        share = (done + (step.index + 1) / step.of) / self.pictures
        bar = "#" * round(share * WIDTH)
        of = f"picture {done + 1}/{self.pictures}, " if self.pictures > 1 else ""
        line = f"\r[{bar:.<{WIDTH}}] {of}step {step.index + 1}/{step.of}"
        sys.stderr.write(f"{line}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the bar away, so that a line can be printed."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
