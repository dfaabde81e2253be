"""The name of a wildcard in, its lines out, from given folders only.

`colours.txt` has one value a line (`#` comments, blank lines skipped). A `.json` file is a list of
values, named like the file, or a hierarchy, named by its keys: `{"sea": {"deep": ["navy"]}}` is
`__sea/deep__`. Files in a folder carry its name: `artists/op.txt` is `__artists/op__`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from molnar.base.errors import RequestError, one_line
from molnar.base.words import hint
from molnar.text.braces import MAX_DEPTH

#: `__name__`: letters, digits and `_ - . / *`, no two underscores in a row. Group 1 is the name.
WILDCARD = re.compile(r"__((?:(?!__)[\w./*-])+)__")
MAX_BYTES = 4 * 1024 * 1024  # of one file
MAX_FILES = 20_000  # under one folder


class Wildcards:
    """What the folders hold; the first folder wins where two have the same name.

    Args:
        folders: Where to look. Nothing outside of them is read: no `..`, no absolute names, no
            links that lead out.

    Example:
        >>> Wildcards([]).names
        []
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self.folders = tuple(folders)
        self._lines: dict[str, tuple[str, ...]] = {}

    @property
    def names(self) -> list[str]:
        """Every name, sorted."""
        return sorted(self._sources)

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the values of a wildcard, of all that match if it is a glob.

        Args:
            name: As in `__name__`: "colours", "artists/op", "colours*" or "artists/**".

        Raises:
            RequestError: No such wildcard, it leads out of its folder or to itself, or its file
                cannot be read.
        """
        return self._checked(name, ())

    def _checked(self, name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        """Return the lines after making sure that what they name exists, without a circle."""
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            raise RequestError(
                f"wildcard __{name}__ leads to itself ({one_line(circle)}); expected values that "
                "end somewhere, take one reference out"
            )
        if len(above) > MAX_DEPTH:
            raise RequestError(
                f"wildcard __{above[0]}__ leads through more than {MAX_DEPTH} others; expected "
                "fewer, put their values in one file"
            )
        if name not in self._lines:
            lines = [line for found in self._matching(name) for line in self._of(found)]
            for inner in {inner: None for line in lines for inner in WILDCARD.findall(line)}:
                self._checked(inner, (*above, name))
            self._lines[name] = tuple(lines)
        return self._lines[name]

    def _matching(self, name: str) -> list[str]:
        if name.startswith("/") or ".." in name.split("/"):
            raise RequestError(
                f"wildcard __{name}__ leads out of its folder; expected a name in it, drop / and .."
            )
        if not self.folders:
            raise RequestError(
                f"wildcard __{name}__ has no folder to come from; give one with its text files, or "
                "leave out the underscores"
            )
        steps = name.split("/")
        found = [known for known in self.names if _fits(known.split("/"), steps)]
        if not found:
            raise RequestError(
                f"wildcard __{name}__ is not known{hint(name, self._sources)}; expected a file "
                f"{PurePosixPath(name).name}.txt in the wildcard folders"
            )
        return found

    def _of(self, name: str) -> tuple[str, ...]:
        path, keys = self._sources[name]
        if path.suffix in (".yaml", ".yml"):
            raise RequestError(
                f"wildcard file {one_line(path.name)} is YAML; expected .txt or .json, convert it"
            )
        if keys is None:
            lines = _read(path).split("\n")
            values = [line.strip() for line in lines if not line.lstrip().startswith("#")]
        else:
            values = keys
        values = [value for value in values if value]
        if not values:
            raise RequestError(f"wildcard __{name}__ is empty; expected one value a line")
        return tuple(values)

    @cached_property
    def _sources(self) -> dict[str, tuple[Path, list[str] | None]]:
        """Where each name comes from: a file, and its values if it is JSON."""
        found: dict[str, tuple[Path, list[str] | None]] = {}
        for folder in self.folders:
            for path in _files(folder):
                name = path.relative_to(folder).with_suffix("").as_posix()
                if path.suffix == ".json":
                    for key, values in _hierarchy(path, name):
                        found.setdefault(key, (path, values))
                else:
                    found.setdefault(name, (path, None))
        return found


def _files(folder: Path) -> list[Path]:
    """List the wildcard files under a folder; links are followed only if they stay within."""
    if not folder.is_dir():
        raise RequestError(f"wildcard folder {one_line(folder)} does not exist; expected a folder")
    inside, found = folder.resolve(), []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            kinds = (".txt", ".json", ".yaml", ".yml")
            if path.suffix in kinds and path.resolve().is_relative_to(inside):
                found.append(path)
        if len(found) > MAX_FILES:
            raise RequestError(
                f"wildcard folder {one_line(folder)} has more than {MAX_FILES} files; "
                "give a folder of its own"
            )
    return found


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RequestError(
                f"wildcard file {one_line(path.name)} is larger than {MAX_BYTES >> 20} MB; split it"
            )
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"wildcard file {one_line(path.name)} cannot be read ({one_line(error)}); "
            "expected UTF-8 text, check it"
        ) from None


def _hierarchy(path: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the lists of a JSON file by name."""
    try:
        held = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(
            f"wildcard file {one_line(path.name)} is not JSON ({one_line(error)}); mend it"
        ) from None
    if isinstance(held, Mapping):
        above = PurePosixPath(name).parent.as_posix()
        yield from _lists(held, "" if above == "." else f"{above}/", path)
    else:
        yield from _lists({PurePosixPath(name).name: held}, name.rpartition("/")[0] + "/", path)


def _lists(held: Mapping[str, Any], above: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    if above.count("/") > MAX_DEPTH:
        raise RequestError(
            f"wildcard file {one_line(path.name)} is more than {MAX_DEPTH} objects deep; flatten it"
        )
    for key, value in held.items():
        name = f"{above}{key}".lstrip("/")
        if isinstance(value, Mapping):
            yield from _lists(value, f"{name}/", path)
        elif isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
            yield name, [str(one).strip() for one in value]
        else:
            raise RequestError(
                f"wildcard file {one_line(path.name)} has a {type(value).__name__} at "
                f"{one_line(name)}; expected lists of texts, in objects"
            )


def _fits(name: list[str], pattern: list[str]) -> bool:
    """Tell whether the steps of a name fit a glob; `**` stands for any number of steps."""
    reached = {0}  # how much of the pattern the steps so far can have used
    for position in range(len(pattern)):
        if position in reached and pattern[position] == "**":
            reached.add(position + 1)
    for step in name:
        ahead = set()
        for at in reached:
            if at < len(pattern) and pattern[at] == "**":
                ahead.add(at)
            elif at < len(pattern) and fnmatchcase(step, pattern[at]):
                ahead.add(at + 1)
        for position in range(len(pattern)):
            if position in ahead and pattern[position] == "**":
                ahead.add(position + 1)
        reached = ahead
    return len(pattern) in reached
