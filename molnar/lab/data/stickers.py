"""A folder of drawings in archives -> premultiplied sprites, by concept and style.

The archives are read in place. Sprites are cached in one file per (archives, size, selection), so
that only the first opening pays for the rasterising.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.concepts import SHADOWED
from molnar.lab.data.spec import Problem

#: Drawing styles of the pack, in the order of its README.
STYLES = (
    "noto", "blob", "twemoji", "fluent-color", "fluent-flat", "fluent-high-contrast", "fluent-3d",
)  # fmt: skip
_CACHE_FORMAT = 1
_SKIPPED_WORDS = ("skin tone",)


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of the index."""

    name: str
    keywords: tuple[str, ...]
    styles: dict[str, str]  # style -> path inside the archive


@dataclass(frozen=True, slots=True)
class Sprite:
    """One drawing, rasterised."""

    pixels: NDArray[Any]  # uint8 S S 4, premultiplied
    box: tuple[int, int, int, int]  # left, top, right, bottom of what is not empty, in pixels
    rgb: tuple[int, int, int]  # mean colour of what is not empty, 0..255

    @property
    def aspect(self) -> float:
        """Width over height of the box."""
        left, top, right, bottom = self.box
        return (right - left) / (bottom - top)

    @property
    def height(self) -> float:
        """Height of the box in units of its longer side, at most 1."""
        return 1.0 / max(1.0, self.aspect)


class Stickers:
    """Drawings by (concept, style).

    Example:
        >>> Stickers.open("no/such/folder")
        Traceback (most recent call last):
            ...
        molnar.base.errors.DataError: ...
    """

    def __init__(
        self,
        *,
        folder: Path,
        concepts: dict[str, Concept],
        size: int,
        sprites: dict[tuple[str, str], Sprite],
        problems: list[Problem],
    ) -> None:
        """Hold what `open` has read."""
        self.folder = folder
        self.concepts = concepts
        self.size = size
        self.sprites = sprites
        self.problems = problems
        self.drawings: tuple[tuple[str, str], ...] = tuple(sorted(sprites))
        self._files: dict[str, dict[str, bytes]] = {}
        self._large: dict[tuple[str, str, int], NDArray[Any]] = {}

    @classmethod
    def open(
        cls,
        folder: str | Path,
        styles: Iterable[str] | None = None,
        concepts: Iterable[str] | str | None = None,
        size: int = 160,
        cache_dir: str | Path | None = None,
    ) -> Stickers:
        """Read a sticker pack.

        Args:
            folder: holds index.json and the archives.
            styles: styles wanted; None = all that have an archive.
            concepts: names as in index.json; None or "ALL" = all without skin tones and flags;
                "DISTINCT" = of these, none named as others are called (`concepts.SHADOWED`).
            size: side of the sprites in pixels, 16..1024.
            cache_dir: where sprites are kept; None = the user's cache folder.

        Raises:
            DataError: the folder or its index is missing or unreadable, a name is unknown, or
                nothing at all could be drawn. Single bad drawings go to `problems` instead.
        """
        root = Path(folder)
        rows = _read_index(root)
        chosen = _choose(rows, concepts)
        archives = _archives(root, styles)
        cache = _cache_path(root, archives, size, chosen, cache_dir)
        loaded = _read_cache(cache)
        if loaded is None:
            loaded = _rasterise_all(archives, chosen, size)
            _write_cache(cache, *loaded)
        pixels, keys, problems = loaded
        if not keys:
            raise DataError(f"{root}: no drawing could be used of {len(chosen)} concepts")
        sprites = {key: _sprite(image) for key, image in zip(keys, pixels, strict=True)}
        drawn = {name for name, _ in sprites}
        return cls(
            folder=root,
            concepts={name: row for name, row in chosen.items() if name in drawn},
            size=size,
            sprites=sprites,
            problems=problems,
        )

    def __len__(self) -> int:
        """Count the drawings."""
        return len(self.drawings)

    def styles_of(self, name: str) -> tuple[str, ...]:
        """List the styles in which a concept is drawn."""
        return tuple(style for style in STYLES if (name, style) in self.sprites)

    def sprite(self, name: str, style: str) -> Sprite:
        """Give the cached drawing of a concept.

        Raises:
            DataError: there is no such drawing.
        """
        found = self.sprites.get((name, style))
        if found is None:
            has = ", ".join(self.styles_of(name)) or "none"
            raise DataError(f"no drawing of {name!r} in style {style!r}; its styles: {has}")
        return found

    def raster(self, name: str, style: str, size: int) -> NDArray[Any]:
        """Draw a concept anew at any size: uint8 size size 4, premultiplied.

        The last few hundred are kept in memory, for exact pairs of two sizes.
        """
        self.sprite(name, style)
        key = (name, style, size)
        if key not in self._large:
            if len(self._large) >= 256:
                self._large.pop(next(iter(self._large)))
            member = self.concepts[name].styles[style]
            self._large[key] = rasterise(self._members(style)[member], member, size)
        return self._large[key]

    def _members(self, style: str) -> dict[str, bytes]:
        """Read the drawings of a style once: an archive can only be read from its beginning."""
        if style not in self._files:
            wanted = {row.styles[style] for row in self.concepts.values() if style in row.styles}
            self._files[style] = dict(_read_members(_archives(self.folder, [style])[style], wanted))
        return self._files[style]


def rasterise(data: bytes, name: str, size: int) -> NDArray[Any]:
    """Draw an SVG or a picture centred in a square: uint8 size size 4, premultiplied.

    Raises:
        ValueError, OSError: the drawing is malformed.
    """
    if name.endswith(".svg"):
        import resvg_py

        png = resvg_py.svg_to_bytes(
            svg_string=data.decode("utf-8"), width=size, height=size, skip_system_fonts=True
        )
        data = bytes(png)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGBA").convert("RGBa")
    ratio = size / max(image.size)
    if ratio != 1.0:
        width, height = (max(1, round(side * ratio)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    canvas = np.zeros((size, size, 4), dtype=np.uint8)
    top, left = (size - image.height) // 2, (size - image.width) // 2
    canvas[top : top + image.height, left : left + image.width] = np.asarray(image)
    # Lanczos may overshoot; premultiplied colour never exceeds alpha
    np.minimum(canvas[..., :3], canvas[..., 3:], out=canvas[..., :3])
    if canvas[..., 3].max() < 128:
        raise ValueError("the drawing is empty")
    return canvas


def _sprite(pixels: NDArray[Any]) -> Sprite:
    alpha = pixels[..., 3]
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 8), np.flatnonzero(alpha.max(axis=0) > 8)
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    mean = pixels[..., :3].sum(axis=(0, 1), dtype=np.float64) / alpha.sum(dtype=np.float64) * 255
    red, green, blue = (min(255, round(float(value))) for value in mean)
    return Sprite(pixels, box, (red, green, blue))


def _read_index(root: Path) -> list[Concept]:
    path = root / "index.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            Concept(str(row["name"]), tuple(map(str, row["keywords"])), dict(row["styles"]))
            for row in rows
        ]
    except FileNotFoundError:
        raise DataError(f"no sticker pack at {root}: expected {path} beside its archives") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a sticker index: {error!r}") from error


def _choose(rows: list[Concept], wanted: Iterable[str] | str | None) -> dict[str, Concept]:
    by_name = {row.name: row for row in rows}
    if wanted in (None, "ALL", "DISTINCT"):
        kept = (name for name in by_name if wanted != "DISTINCT" or name not in SHADOWED)
        plain = (name for name in kept if not name.startswith("flag: "))
        return {n: by_name[n] for n in plain if not any(word in n for word in _SKIPPED_WORDS)}
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise DataError(f"concepts not in index.json: {', '.join(unknown[:5])}")
    return {name: by_name[name] for name in names}


def _archives(root: Path, styles: Iterable[str] | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for style in STYLES if styles is None else styles:
        for ending in (".tar.xz", ".tar"):
            path = root / f"{style}{ending}"
            if path.is_file():
                found[style] = path
                break
        else:
            if styles is not None:
                raise DataError(f"{root}: no archive {style}.tar.xz or {style}.tar")
    if not found:
        raise DataError(f"{root}: none of the archives {', '.join(STYLES)} is there")
    return found


def _read_members(archive: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name in wanted and member.isfile():
                handle = tar.extractfile(member)
                if handle is not None:
                    yield member.name, handle.read()


_Loaded = tuple[NDArray[Any], list[tuple[str, str]], list[Problem]]


def _rasterise_all(archives: dict[str, Path], chosen: dict[str, Concept], size: int) -> _Loaded:
    pictures: list[NDArray[Any]] = []
    keys: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for style, archive in archives.items():
        names = {row.styles[style]: name for name, row in chosen.items() if style in row.styles}
        try:
            members = dict(_read_members(archive, set(names)))
        except (tarfile.TarError, lzma.LZMAError, OSError, EOFError) as error:
            problems.append(Problem(str(archive), f"broken archive: {error}"))
            continue
        problems += [Problem(p, "not in its archive") for p in sorted(set(names) - set(members))]
        ordered = sorted(members)
        with ThreadPoolExecutor() as pool:
            drawn = pool.map(lambda path: _attempt(members[path], path, size), ordered)  # noqa: B023
            for path, result in zip(ordered, drawn, strict=True):
                if isinstance(result, Problem):
                    problems.append(result)
                else:
                    pictures.append(result)
                    keys.append((names[path], style))
    stacked = np.stack(pictures) if pictures else np.zeros((0, size, size, 4), np.uint8)
    return stacked, keys, problems


def _attempt(data: bytes, path: str, size: int) -> NDArray[Any] | Problem:
    try:
        return rasterise(data, path, size)
    except (ValueError, OSError, Image.DecompressionBombError, Warning) as error:
        return Problem(path, f"malformed drawing: {error}")


def _cache_path(
    root: Path,
    archives: dict[str, Path],
    size: int,
    chosen: dict[str, Concept],
    cache_dir: str | Path | None,
) -> Path:
    digest = hashlib.sha256(f"{_CACHE_FORMAT} {size}".encode())
    for path in [root / "index.json", *archives.values()]:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    digest.update("\n".join(chosen).encode())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = Path(cache_dir) if cache_dir is not None else Path(home) / "molnar" / "stickers"
    return base / f"{digest.hexdigest()[:32]}.npz"


def _read_cache(path: Path) -> _Loaded | None:
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            notes = json.loads(bytes(stored["notes"]))
            keys = [(str(name), str(style)) for name, style in notes["keys"]]
            return stored["pixels"], keys, [Problem(*row) for row in notes["problems"]]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # absent or damaged: made again


def _write_cache(
    path: Path, pixels: NDArray[Any], keys: list[tuple[str, str]], problems: list[Problem]
) -> None:
    notes = {"keys": keys, "problems": [[problem.path, problem.reason] for problem in problems]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with partial.open("wb") as handle:
            text = np.frombuffer(json.dumps(notes).encode(), np.uint8)
            np.savez(handle, pixels=pixels, notes=text)
        partial.replace(path)
    except OSError:
        return  # a cache that cannot be written costs time, not correctness
