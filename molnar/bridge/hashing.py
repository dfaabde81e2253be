"""A checkpoint -> the sha256 that names it, kept so that it is taken once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from molnar.base.errors import CheckpointError
from molnar.base.files import write_bytes
from molnar.base.weights import sha256
from molnar.bridge.headers import read_json
from molnar.bridge.recognising import Found

CACHE = "checkpoint-hashes.json"
_TEXTS = (".json", ".txt", ".model", ".jinja")  # of a folder: configurations and vocabularies


def checkpoint_hash(found: Found, cache: Path | None = None) -> str:
    """Hash what decides a checkpoint's pictures.

    A file's hash is the sha256 of its bytes, as every other program says it. A folder's is that of
    the lines `sha256 path` of its weights, configurations and vocabularies, in order.

    Args:
        found: The checkpoint.
        cache: A folder for the hashes that were taken; None = every byte is read again.

    Returns:
        64 hexadecimal digits; some seconds per 4 GB the first time.

    Raises:
        WeightsError: A file cannot be read.
    """
    known = _read(cache)
    fresh = dict(known)
    for path in _deciding(found):
        key, stamp = _stamped(path)
        if fresh.get(key, [])[:2] != stamp:
            fresh[key] = [*stamp, sha256(path)]
    if cache is not None and fresh != known:
        text = json.dumps(fresh, indent=0, sort_keys=True) + "\n"
        write_bytes(cache / CACHE, text.encode(), force=True)
    return _joined(found, fresh)


def known_hash(found: Found, cache: Path) -> str | None:
    """Return the hash if it was taken and no file has changed since; None otherwise, at once."""
    known = _read(cache)
    for path in _deciding(found):
        key, stamp = _stamped(path)
        if known.get(key, [])[:2] != stamp:
            return None
    return _joined(found, known)


def _joined(found: Found, known: dict[str, list[int | str]]) -> str:
    if found.layout != "folder":
        return str(known[_stamped(found.path)[0]][2])
    lines = (
        f"{known[_stamped(path)[0]][2]} {path.relative_to(found.path).as_posix()}\n"
        for path in _deciding(found)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _deciding(found: Found) -> list[Path]:
    if found.layout != "folder":
        return [found.path]
    texts = [p for p in found.path.glob("*/*") if p.suffix in _TEXTS and p.is_file()]
    return sorted({found.path / "model_index.json", *texts, *found.weights})


def _stamped(path: Path) -> tuple[str, list[int]]:
    status = path.stat()
    return str(path.resolve()), [status.st_size, status.st_mtime_ns]


def _read(cache: Path | None) -> dict[str, list[int | str]]:
    if cache is None or not (cache / CACHE).is_file():
        return {}
    try:
        raw = read_json(cache / CACHE)
    except CheckpointError:  # a cache: it is made again
        return {}
    return {
        key: value
        for key, value in raw.items()
        if isinstance(value, list) and [type(v) for v in value] == [int, int, str]
    }
