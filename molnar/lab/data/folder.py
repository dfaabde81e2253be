"""A path -> captioned pictures: a folder, a table of file names, or webdataset shards.

Whatever cannot be used (a broken picture, an empty caption, a line that is not JSON) is listed in
`problems` and left out; it never stops the reading and is never dropped in silence.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from molnar.base.errors import DataError, one_line
from molnar.base.images import MAX_FILE_BYTES
from molnar.lab.data.pictures import PICTURE_ENDINGS, Pictures, Row
from molnar.lab.data.shards import shard_rows
from molnar.lab.data.spec import Problem

__all__ = ["Pictures", "open_data"]

_NAME_COLUMNS = ("file_name", "image", "path")
_TEXT_COLUMNS = ("text", "caption")
_OTHER_PICTURES = (".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".svg")


def open_data(path: str | Path, size: int = 128) -> Pictures:
    """Open captioned pictures.

    Args:
        path: a folder of pictures with a .txt of the same name beside each; a folder with
            metadata.jsonl or one .csv (columns file_name, image or path; text or caption); such a
            .jsonl or .csv itself; a folder of .tar shards, or one shard.
        size: side of the pictures in pixels, 8..2048.

    Raises:
        DataError: the path is missing, or holds nothing that can be used.
    """
    root = Path(path)
    problems: list[Problem] = []
    if not root.exists():
        raise DataError(f"no data at {one_line(root)}: expected a folder, a .csv, .jsonl or .tar")
    if root.is_dir():
        tables, shards = _tables(root), sorted(root.glob("*.tar*"))
    else:
        tables = [root] if root.suffix in (".csv", ".jsonl") else []
        shards = [] if tables else [root]
    if tables:
        rows = _table_rows(tables[0], problems)
        problems += [Problem(str(t), "not read: one table a folder") for t in tables[1:]]
    elif shards:
        rows = [row for shard in shards for row in shard_rows(shard, problems)]
    else:
        rows = list(_sidecar_rows(root, problems))
    pictures = Pictures(rows, problems, size)
    if not len(pictures):
        first = f"; first problem: {problems[0].path}: {problems[0].reason}" if problems else ""
        raise DataError(f"{one_line(root)} holds no captioned picture that can be used{first}")
    return pictures


def _tables(root: Path) -> list[Path]:
    lines = root / "metadata.jsonl"
    return [lines] if lines.is_file() else sorted(root.glob("*.csv"))


def _sidecar_rows(root: Path, problems: list[Problem]) -> Iterator[Row]:
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in PICTURE_ENDINGS:
            if path.suffix.lower() in _OTHER_PICTURES:
                expected = ", ".join(ending.lstrip(".") for ending in PICTURE_ENDINGS)
                problems.append(Problem(str(path), f"not read: expected {expected}"))
            continue
        try:
            caption = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            problems.append(Problem(str(path), "no .txt of the same name beside it"))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), f"its caption cannot be read: {one_line(error)}"))
        else:
            yield _file_row(path, caption)


def _table_rows(table: Path, problems: list[Problem]) -> list[Row]:
    rows = []
    reader = _json_lines if table.suffix == ".jsonl" else _csv_lines
    root = table.parent.resolve()
    for number, line in reader(table, problems):
        where = f"{table}:{number}"
        name = next((line[key] for key in _NAME_COLUMNS if line.get(key)), None)
        caption = next((line[key] for key in _TEXT_COLUMNS if line.get(key)), None)
        if not isinstance(name, str) or not isinstance(caption, str):
            expected = f"{'/'.join(_NAME_COLUMNS)} and {'/'.join(_TEXT_COLUMNS)}"
            problems.append(Problem(where, f"no name or no caption; expected {expected}"))
            continue
        try:
            path = (root / name).resolve()
            there = path.is_file()
        except (OSError, ValueError) as error:  # a name that no file can have
            problems.append(Problem(where, f"{one_line(name, 60)}: {one_line(error, 80)}"))
            continue
        if not path.is_relative_to(root):
            problems.append(Problem(where, f"{one_line(name)} lies outside the folder"))
        elif not there:
            problems.append(Problem(where, f"{one_line(name)} is missing"))
        else:
            rows.append(_file_row(path, caption.strip()))
    return rows


def _json_lines(table: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.append(Problem(f"{table}:{number}", f"not JSON: {one_line(error)}"))
                continue
            if isinstance(value, dict):
                yield number, value
            else:
                problems.append(Problem(f"{table}:{number}", "not a JSON object"))


def _csv_lines(table: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        reader = csv.DictReader(handle)
        try:
            for line in reader:
                yield reader.line_num, line
        except csv.Error as error:
            problems.append(Problem(f"{table}:{reader.line_num}", f"not CSV: {one_line(error)}"))


def _file_row(path: Path, caption: str) -> Row:
    def read() -> bytes:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"more than {MAX_FILE_BYTES // 10**6} MB")
        return path.read_bytes()

    return Row(str(path), caption, read)
