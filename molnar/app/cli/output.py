"""Pictures in, files out: names that say what and which, and never over another file."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from molnar.base import metadata
from molnar.base.errors import RequestError
from molnar.base.files import write_bytes
from molnar.base.images import open_picture
from molnar.base.request import Picture
from molnar.text.grammar import parse

LONGEST = 60  # characters of the prompt in a default name
STDOUT = "-"
NUMBER = re.compile(r"%0?\d*d")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where pictures go.

    Example:
        >>> Output(target="cards/{seed}.png", count=2).name(prompt="a fox", seed=7, number=1)
        PosixPath('cards/7.png')
    """

    target: str | None = None  # as typed: None, "-", a folder, a template or a file
    count: int = 1  # pictures in all
    force: bool = False  # replace files
    plain: bool = False  # leave prompt and settings out of the file
    taken: set[Path] = field(default_factory=set)  # by this run: not even force replaces those

    def check(self, seeds: Sequence[Sequence[int]]) -> None:
        """Refuse before any work what cannot end well.

        Args:
            seeds: For each picture, those it may have; none where it is not known.

        Raises:
            RequestError: Several pictures to stdout, an unknown suffix, or a file that exists.
        """
        if self.target == STDOUT:
            if self.count > 1:
                raise RequestError(
                    f"got {self.count} pictures for stdout; expected 1: use -o FOLDER/"
                )
            return
        if self._folder is None:
            suffix = Path(str(self.target)).suffix
            if suffix.lower() not in metadata.SUFFIXES:
                known = ", ".join(metadata.SUFFIXES)
                raise RequestError(
                    f"output {self.target!r} ends with {suffix or 'no suffix'}; "
                    f"expected {known}, or a folder ending with /"
                )
            taken: set[Path] = set()
            for number, possible in enumerate(seeds, 1):
                names = {self.name(prompt="", seed=seed, number=number) for seed in possible}
                for path in sorted(names):
                    self._free(path)
                    if path in taken:
                        raise RequestError(
                            f"two pictures would be {path}; expected a name each: put %d into it, "
                            "or give a folder ending with /"
                        )
                taken |= names
        self._writable()

    def write(self, picture: Picture, number: int, png: bytes | None = None) -> str:
        """Write a picture whole or not at all.

        Args:
            picture: What to write.
            number: Which picture of this run, from 1.
            png: It as a file, where that is at hand.

        Returns:
            The path, or "-" for stdout.
        """
        if self.target == STDOUT:
            sys.stdout.buffer.write(self._bytes(picture, ".png", png))
            sys.stdout.buffer.flush()
            return STDOUT
        # Variations have one seed: what tells them apart is the one that they go towards.
        seed = picture.variations[-1].seed if picture.variations else picture.seed
        path = self.name(prompt=picture.request.prompt, seed=seed, number=number)
        write_bytes(path, self._bytes(picture, path.suffix, png), self.force)
        self.taken.add(path)
        return str(path)

    def write_sheet(self, png: bytes, number: int) -> str:
        """Write the picture that shows all others, as PNG whatever they are.

        Args:
            png: The file.
            number: Which picture of this run, from 1.
        """
        record = metadata.read(png).record or {}
        prompt = str(record.get("request", {}).get("prompt", ""))
        seed = int(record.get("seed", 0))
        if self._folder is not None:
            path = self._folder / f"{slug(prompt)}-{seed}-grid.png"
        else:
            path = self.name(prompt=prompt, seed=seed, number=number)
            path = path.with_name(f"{path.stem}-grid.png")
        if self.plain:
            png = metadata.encode(open_picture(png), {}, "")
        path = self._unused(path)
        write_bytes(path, png, self.force)
        self.taken.add(path)
        return str(path)

    def name(self, *, prompt: str, seed: int, number: int) -> Path:
        """Name the file of a picture."""
        if self._folder is not None:
            return self._unused(self._folder / f"{slug(prompt)}-{seed}.png")
        target = str(self.target).replace("{seed}", str(seed))
        target = NUMBER.sub(lambda found: found[0] % number, target)
        path = Path(target)
        if self.count > 1 and target == self.target:
            return path.with_name(f"{path.stem}-{seed}{path.suffix}")
        return path

    @property
    def _folder(self) -> Path | None:
        """The folder for default names, None where the target names files itself."""
        if self.target is None:
            return Path()
        if self.target.endswith(("/", "\\")) or Path(self.target).is_dir():
            return Path(self.target)
        return None

    def _unused(self, path: Path) -> Path:
        number = 0
        free = path
        while free in self.taken or (free.exists() and not self.force):
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return free

    def _free(self, path: Path) -> None:
        if path.exists() and not self.force:
            raise RequestError(
                f"{path} exists already; choose another name or use --force to replace it"
            )

    def _writable(self) -> None:
        """Try the folder now: a picture is too dear to be lost for want of a place."""
        folder = self._folder if self._folder is not None else Path(str(self.target)).parent
        if "{" in str(folder) or "%" in str(folder):
            return
        check_folder(folder)

    def _bytes(self, picture: Picture, suffix: str, png: bytes | None) -> bytes:
        if self.plain:
            return metadata.encode(picture.to_pil(), {}, "", suffix)
        return png if png is not None and suffix == ".png" else picture.encoded(suffix)


def check_folder(folder: Path) -> None:
    """Make a folder if need be, and try to write there.

    Raises:
        OSError: nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".molnar-probe"
    try:
        probe.touch()
    finally:
        probe.unlink(missing_ok=True)


def slug(prompt: str) -> str:
    """Turn a prompt into a file name without suffix: its words, joined by hyphens.

    Example:
        >>> slug("a (red:1.4) circle AND a star :0.5")
        'a-red-circle-a-star'
    """
    with suppress(RequestError):  # whoever draws it will say so
        prompt = parse(prompt, 1).plain
    words = re.findall(r"\w+", prompt.lower())
    name = ""
    for word in words:
        if len(name) + len(word) >= LONGEST:
            break
        name = f"{name}-{word}" if name else word
    name = name or (words[0][:LONGEST] if words else "picture")
    return name.encode()[: 2 * LONGEST].decode(errors="ignore")  # file names are limited in bytes
