"""The drawings that a model learned from, small enough to ship: what each is, and how it looks.

A drawing is not in it, only its name, style and a short vector: the descriptor of `likeness.py` on
its principal axes, in int8. `molnar data sources` writes the file, `molnar explain --sources` reads
it.

Source: Pearson 1901, "On lines and planes of closest fit to systems of points in space".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molnar.base import weights
from molnar.base.config import from_json, to_json
from molnar.base.errors import ConfigError, WeightsError
from molnar.base.likeness import (
    VERSION,
    Pixels,
    Vectors,
    copy_ratio,
    describe_by_rule,
    looks,
    on_white_ground,
)
from molnar.base.quantise import packed, unpacked

#: Numbers per drawing. Of 60 drawings, moved and blurred, 0.82 find their own name among the
#: shipped 10,116 with 96 numbers, as with 192, and 0.78 with 64. The nearest drawing is that of the
#: whole descriptor for 0.63 of these and of 60 put together from halves of two (0.80 with 192).
LENGTH = 96
FILE = "sources.safetensors"  # its name in a workspace and in a bundle
_NOTES = "sources"  # key of the metadata that holds the names


@dataclass(frozen=True)
class Origin:
    """Where the drawings of a style come from."""

    project: str  # and its author
    licence: str  # SPDX names; " / " between those of one project
    urls: tuple[str, ...]  # the text of each licence, in the same order


@dataclass(frozen=True)
class Match:
    """A drawing and how alike a picture looks: 0 not at all, 1 the same to the descriptor."""

    name: str
    style: str
    likeness: float
    origin: Origin


@dataclass(frozen=True)
class _Notes:
    """What the file says in words."""

    descriptor: int  # version of the vectors
    drawings: tuple[tuple[str, str], ...]
    origins: dict[str, Origin]


class Drawings:
    """Drawings by (name, style), with their origins and short vectors.

    Example:
        >>> Drawings.load("no-such-file.safetensors")
        Traceback (most recent call last):
            ...
        molnar.base.errors.WeightsError: ...
    """

    def __init__(
        self,
        keys: Sequence[tuple[str, str]],
        origins: Mapping[str, Origin],
        tensors: Mapping[str, Vectors],
    ) -> None:
        """Hold what `of` or `load` has made.

        Args:
            keys: N names and styles.
            origins: by style.
            tensors: float32: "vectors" K N, the short vectors; "axes" K D; "mean" D.

        Raises:
            ValueError: a style has no origin, or the sizes do not fit each other.
        """
        unknown = sorted({style for _, style in keys} - set(origins))
        if unknown:
            raise ValueError(f"style {unknown[0]!r} has no origin; expected one for every style")
        count, length = len(keys), len(tensors["axes"])
        wide = (length, len(tensors["mean"]))
        if count < 2 or tensors["vectors"].shape != (length, count):
            raise ValueError(
                f"got {count} names and vectors {tensors['vectors'].shape}, "
                f"expected at least 2 and ({length}, {count})"
            )
        if tensors["axes"].shape != wide:
            raise ValueError(f"got axes {tensors['axes'].shape}, expected {wide}")
        self.keys = tuple(keys)
        self.origins = dict(origins)
        self._tensors = dict(tensors)

    @classmethod
    def of(
        cls,
        keys: Sequence[tuple[str, str]],
        vectors: Vectors,
        origins: Mapping[str, Origin],
        length: int = LENGTH,
    ) -> Drawings:
        """Shorten the descriptors of drawings.

        Args:
            keys: N names and styles, N at least 2.
            vectors: float32 N D, from `describe_by_rule`.
            origins: by style; those of other styles are left out.
            length: Numbers to keep of each vector; fewer where fewer tell all.

        Raises:
            ValueError: a style has no origin, or the sizes do not fit each other.
        """
        wide = vectors.astype(np.float64)
        mean = wide.mean(0)
        # Axes from the products of the shorter side; of N vectors, only N - 1 axes hold anything.
        few = len(wide) < wide.shape[1]
        spread = wide - mean
        size, turn = np.linalg.eigh(spread @ spread.T if few else spread.T @ spread)
        kept = max(1, min(length, int((size > 1e-9 * size[-1]).sum())))
        axes = turn[:, ::-1][:, :kept].T
        axes = axes @ spread if few else axes
        axes /= np.linalg.norm(axes, axis=1, keepdims=True) + 1e-12
        tensors = {"mean": mean, "axes": axes, "vectors": axes @ (wide - mean).T}
        used = {style for _, style in keys}
        return cls(
            keys,
            {style: origin for style, origin in origins.items() if style in used},
            {name: array.astype(np.float32) for name, array in tensors.items()},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Drawings:
        """Read a file that `save` wrote.

        Raises:
            WeightsError: It is missing, damaged, or of another version of the descriptor.
        """
        tensors = weights.load(path)
        text = weights.read_metadata(path).get(_NOTES, "")
        try:
            notes = from_json(_Notes, json.loads(text))
            if notes.descriptor != VERSION:
                raise WeightsError(
                    f"{path}: vectors of version {notes.descriptor}, expected {VERSION}; "
                    "use the molnar that made it, or make it again with `molnar data sources`"
                )
            return cls(notes.drawings, notes.origins, unpacked(tensors))
        except (ConfigError, ValueError, KeyError) as error:
            raise WeightsError(
                f"{path}: not a list of drawings ({error}); make it with `molnar data sources`"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write names, origins and vectors to one safetensors file, replacing an older one."""
        notes = to_json(_Notes(VERSION, self.keys, self.origins))
        text = json.dumps(notes, separators=(",", ":"), ensure_ascii=False)
        weights.save(path, packed(self._tensors, ("vectors", "axes")), {_NOTES: text})

    def __len__(self) -> int:
        """Count the drawings."""
        return len(self.keys)

    def nearest(self, image: Pixels, num: int = 5) -> tuple[tuple[Match, ...], float]:
        """Find the drawings that a picture looks most like, also with its even ground made white.

        Args:
            image: uint8 H W 3, or H W 4 with straight alpha, which is laid on white.
            num: How many drawings, at least 1.

        Returns:
            The drawings, most alike first, and the ratio of the distances to the first two (0..1):
            below `likeness.COPY` the picture repeats the first.
        """
        white = on_white_ground(image)
        cut = looks(image) + (looks(white) if white is not None else [])
        views = (describe_by_rule(cut) - self._tensors["mean"]) @ self._tensors["axes"].T
        drawn = self._tensors["vectors"].T
        gaps = np.stack([np.linalg.norm(drawn - view, axis=1) for view in views]).min(0)
        order = np.argsort(gaps, kind="stable")
        best = tuple(self._match(int(k), float(gaps[k])) for k in order[:num])
        return best, copy_ratio(float(gaps[order[0]]), float(gaps[order[1]]))

    def _match(self, index: int, gap: float) -> Match:
        """Name a drawing; the distance of two unit vectors becomes their cosine, at least 0."""
        name, style = self.keys[index]
        return Match(name, style, max(0.0, 1 - gap * gap / 2), self.origins[style])
