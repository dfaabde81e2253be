"""Webdataset shards (.tar) -> captioned pictures, without ever unpickling or unpacking anything.

Members that share a name up to the first dot belong together: one picture (jpg, png, webp) and one
caption (txt, or json with "caption" or "text"). The tar is read in place; nothing is extracted.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from molnar.base.errors import one_line
from molnar.base.images import MAX_FILE_BYTES
from molnar.lab.data.pictures import PICTURE_ENDINGS, Row
from molnar.lab.data.spec import Problem

_TEXT_ENDINGS = (".txt", ".json")
_REFUSED = (".pkl", ".pickle", ".pt", ".pth", ".pyd", ".npy", ".npz", ".bin", ".ckpt")
_BLOCK = 512  # bytes, tar's unit


def shard_rows(shard: Path, problems: list[Problem]) -> list[Row]:
    """List the captioned pictures of one shard; what cannot be used goes to `problems`."""
    pictures: dict[str, tuple[str, int, int]] = {}
    captions: dict[str, str] = {}
    if shard.suffix != ".tar":
        problems.append(Problem(str(shard), "a compressed shard; expected a plain .tar: unpack it"))
        return []
    try:
        with tarfile.open(shard, mode="r:") as tar:
            for member in tar:
                _sort_in(shard, member, pictures, captions, problems)
            end = tar.offset
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        problems.append(Problem(str(shard), f"broken shard: {one_line(error)}"))
    else:
        _check_end(shard, end, problems)
    rows = []
    for key, (name, offset, size) in pictures.items():
        where = f"{shard}:{one_line(name)}"
        if key in captions:
            rows.append(Row(where, captions[key], _Reader(shard, offset, size)))
        else:
            problems.append(Problem(where, "no .txt or .json caption with the same key"))
    return rows


class _Reader:
    """Reads one member's bytes when they are needed."""

    def __init__(self, shard: Path, offset: int, size: int) -> None:
        self.place = (shard, offset, size)

    def __call__(self) -> bytes:
        return _read(*self.place)


def _read(shard: Path, offset: int, size: int) -> bytes:
    with shard.open("rb") as handle:
        handle.seek(offset)
        return handle.read(size)


def _sort_in(
    shard: Path,
    member: tarfile.TarInfo,
    pictures: dict[str, tuple[str, int, int]],
    captions: dict[str, str],
    problems: list[Problem],
) -> None:
    if member.isdir():
        return
    name = PurePosixPath(member.name)
    folder, _, rest = member.name.rpartition("/")
    stem, _, ending = rest.partition(".")
    key, ending = f"{folder}/{stem}", "." + ending.lower()
    reason = _refusal(shard, member, name, ending)
    if reason is None and ending in PICTURE_ENDINGS:
        pictures[key] = (member.name, member.offset_data, member.size)
    elif reason is None:
        try:
            captions[key] = _caption(_read(shard, member.offset_data, member.size), ending)
        except (ValueError, RecursionError) as error:
            reason = f"its caption cannot be read: {one_line(error)}"
    if reason is not None:
        problems.append(Problem(f"{shard}:{one_line(member.name)}", reason))


def _refusal(shard: Path, member: tarfile.TarInfo, name: PurePosixPath, ending: str) -> str | None:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return "refused: not a plain file"
    if name.is_absolute() or ".." in name.parts:
        return "refused: its name leads outside the shard"
    if any(part in _REFUSED for part in name.suffixes) or ending in _REFUSED:
        return "refused: it may run code when opened"
    if ending not in PICTURE_ENDINGS + _TEXT_ENDINGS:
        return "not used: neither a picture (jpg, png, webp) nor a caption (txt, json)"
    if member.size > MAX_FILE_BYTES:
        return f"more than {MAX_FILE_BYTES // 10**6} MB"
    if member.offset_data + member.size > shard.stat().st_size:
        return "cut off: the shard ends before it does"
    return None


def _caption(data: bytes, ending: str) -> str:
    text = data.decode("utf-8")
    if ending == ".txt":
        return text.strip()
    value: Any = json.loads(text)
    if isinstance(value, dict):
        value = value.get("caption", value.get("text"))
    if not isinstance(value, str):
        raise ValueError('expected "caption" or "text"')
    return value.strip()


def _check_end(shard: Path, end: int, problems: list[Problem]) -> None:
    """List a shard that stops early: tarfile takes a broken header for the end."""
    mark = _read(shard, end, _BLOCK)
    if mark != bytes(_BLOCK):
        reason = "broken header" if len(mark) == _BLOCK else "no end mark, so it may be cut short"
        problems.append(Problem(str(shard), f"{reason} at byte {end}"))
