"""A picture on its way through the pipeline: what it is so far, and how far it still has to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.errors import RequestError
from molnar.base.looks import told
from molnar.base.request import Request
from molnar.base.tiling import wrapped
from molnar.base.types import Parts, Plan
from molnar.bundle import Bundle
from molnar.canvas import Canvas
from molnar.latent.format import ratio_of
from molnar.starting import Start

REACH = 12  # cells that decoder and upscaler see to each side, at most
NEAR = 0.03  # of a shape: sizes are multiples of 8


@dataclass
class Drawn:
    """A picture on its way."""

    request: Request  # of it alone
    clock: Clock  # shared by those that one is chosen from
    shape: Canvas
    start: Start | None = None
    plan: Plan = ()
    latent: Any = None  # 1 C h w
    image: Any = None  # 1 4 H W in [-1, 1], as decoded
    fit: float | None = None

    @property
    def seed(self) -> int:
        """Its own seed."""
        assert self.request.seed is not None
        return self.request.seed

    def edged(
        self, apply: Callable[[Any], Any], x: Any, *, margin: int | tuple[int, int], scale: int
    ) -> Any:
        """Apply a network to it, as to a picture with borders or as to one whose edges meet."""
        if not self.request.tile:
            return apply(x)
        return wrapped(apply, x, margin=margin, scale=scale)

    def decoded(self, parts: Parts, bundle: Bundle) -> Any:
        """Decode the latent, and paint the surface of the look that is planned, if there is one.

        Returns:
            1 4 H W in [-1, 1], premultiplied.
        """
        scale = bundle.manifest.latent.downscale
        image = self.edged(parts.decode, self.latent, margin=REACH, scale=scale)
        image = np.clip(np.asarray(image, np.float32), -1, 1)
        manner = manner_of(bundle, self.plan)
        if manner is None:
            return image
        margins = margins_of(bundle, image)
        painted = self.edged(
            lambda seen: parts.finish(seen, manner), image, margin=margins, scale=1
        )
        return np.clip(np.asarray(painted, np.float32), -1, 1)


def drawable(request: Request, aspects: Sequence[str]) -> bool:
    """Tell whether a picture has one of the shapes that a model was taught."""
    wanted = request.width / request.height
    return any(abs(ratio_of(aspect) / wanted - 1) < NEAR for aspect in aspects)


def manner_of(bundle: Bundle, plan: Plan) -> NDArray[np.float32] | None:
    """Give what a bundle's finisher is told of a plan, 1 K; None: it has nothing to do."""
    return told(plan, manners_of(bundle))


def margins_of(bundle: Bundle, image: Any) -> tuple[int, int]:
    """Say how much of itself to lay around a picture whose edges meet, before it is finished.

    A finisher's texture is mirrored at the ends of its planes. It goes on across the edges of a
    picture if such an end lies in the middle.

    Args:
        bundle: Has a finisher.
        image: 1 4 H W.

    Returns:
        Pixels above and below, and to each side: no fewer than the finisher sees.
    """
    config = bundle.part("finisher").config
    turn = max(1, int(config["period"]) - 1)
    least = 2 * int(config["blocks"]) + 2  # convolutions of 3x3, at half the picture's size
    rows, columns = (2 * (least + (-side // 4 - least) % turn) for side in image.shape[2:])
    return rows, columns


def manners_of(bundle: Bundle) -> tuple[str, ...]:
    """List the looks and styles that a bundle's finisher knows; none if it has no finisher."""
    part = bundle.manifest.parts.get("finisher")
    return () if part is None else tuple(part.config["manners"])


def upscale_of(bundle: Bundle) -> int:
    """Give the factor of a bundle's upscaler; 1 if it has none."""
    part = bundle.manifest.parts.get("upscaler")
    return 1 if part is None else int(part.config.get("scale", 4))


def smaller(image: Any, request: Request) -> bool:
    """Tell whether a picture 1 4 H W must be enlarged to cover what is asked for."""
    return bool(image.shape[2] < request.height or image.shape[3] < request.width)


def last_step(steps: int, stop: int) -> int:
    """Turn a percentage of the steps into how many are taken, one at least."""
    return max(1, round(steps * stop / 100))


def check_places(only: Sequence[int], count: int) -> Sequence[int]:
    """Check which pictures of a request are wanted.

    Raises:
        RequestError: It has no such picture.
    """
    for index in only:
        if not 0 <= index < count:
            raise RequestError(f"got picture {index}; expected 0 to {count - 1} of this request")
    return only
