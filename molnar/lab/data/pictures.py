"""Encoded pictures with captions -> samples of one size, broken ones listed and passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import DataError, one_line
from molnar.base.images import checked, open_picture
from molnar.lab.data.spec import Problem, Sample

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_MAX_CAPTION = 10_000  # characters


class Dataset(Protocol):
    """Captioned pictures by index; the world and files alike."""

    def sample(self, index: int) -> Sample:
        """Give one example."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One captioned picture, not yet read."""

    name: str
    caption: str
    read: Callable[[], bytes]


class Pictures:
    """Captioned pictures read from files, as squares of one size."""

    def __init__(self, rows: list[Row], problems: list[Problem], size: int = 128) -> None:
        """Keep the rows that can be used; see `open_data`."""
        self.size = size
        self.problems = problems
        self.rows = [row for row in rows if self._usable(row)]
        self._broken: set[int] = set()

    def __len__(self) -> int:
        """Count the pictures that can be used."""
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """Give a picture, cropped to its middle square, and its caption.

        Args:
            index: any number from 0; counts round and round.

        Raises:
            DataError: not one picture can be used. A picture that turns out to be broken is listed
                in `problems`, and the next one takes its place.
        """
        for offset in range(len(self.rows)):
            at = (index + offset) % len(self.rows)
            row = self.rows[at]
            if at in self._broken:
                continue
            try:
                return Sample(square(open_picture(row.read()), self.size), row.caption)
            except (DataError, OSError) as error:
                self._broken.add(at)
                self.problems.append(Problem(row.name, one_line(error)))
        raise DataError(f"none of {len(self.rows)} pictures can be used; see the list of problems")

    def _usable(self, row: Row) -> bool:
        reason = None
        if not row.caption.strip():
            reason = "the caption is empty"
        elif len(row.caption) > _MAX_CAPTION:
            reason = f"the caption has {len(row.caption)} characters; expected at most 10,000"
        else:
            try:
                checked(one_line(row.name), row.read())
            except (DataError, OSError) as error:
                reason = one_line(error)
        if reason is not None:
            self.problems.append(Problem(row.name, reason))
        return reason is None


def square(image: Image.Image, size: int) -> NDArray[Any]:
    """Crop the middle square and resize it: uint8 size size 4, premultiplied."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    # Resizing premultiplied keeps the hidden colour of transparent pixels out of the edges.
    wide = image.convert("RGBA").convert("RGBa")
    pixels = np.array(wide.resize((size, size), Image.Resampling.LANCZOS, box=box))
    np.minimum(pixels[..., :3], pixels[..., 3:], out=pixels[..., :3])
    return pixels
