"""A checkpoint -> the sha256 that names it, kept so that it is taken once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from molnar.base.errors import CheckpointError
from molnar.base.files import write_bytes
from molnar.base.weights import sha256
from molnar.bridge.headers import read_json
from molnar.bridge.recognising import Found

CACHE = "checkpoint-hashes.json"
_PARTS = (".safetensors", ".json")  # of an adapter's folder
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
    return _joined(found, _taken(_deciding(found), cache))


def adapter_hash(path: Path, cache: Path | None = None) -> str:
    """Hash an adapter: a file's bytes, or of a folder its weights and configurations.

    Args:
        path: A LoRA, an embedding, a VAE, a ControlNet or an IP-Adapter.
        cache: A folder for the hashes that were taken; None = every byte is read again.

    Returns:
        64 hexadecimal digits.

    Raises:
        WeightsError: A file cannot be read.
    """
    if path.is_file():
        return str(_taken([path], cache)[_stamped(path)[0]][2])
    files = sorted(p for p in path.iterdir() if p.suffix in _PARTS and p.is_file())
    known = _taken(files, cache)
    return _of_lines(known, path, files)


def _taken(paths: Iterable[Path], cache: Path | None) -> dict[str, list[int | str]]:
    """Give what is known of files, after taking the hashes that are not."""
    known = _read(cache)
    fresh = dict(known)
    for path in paths:
        key, stamp = _stamped(path)
        if fresh.get(key, [])[:2] != stamp:
            fresh[key] = [*stamp, sha256(path)]
    if cache is not None and fresh != known:
        text = json.dumps(fresh, indent=0, sort_keys=True) + "\n"
        write_bytes(cache / CACHE, text.encode(), force=True)
    return fresh


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
    return _of_lines(known, found.path, _deciding(found))


def _of_lines(known: dict[str, list[int | str]], folder: Path, paths: Iterable[Path]) -> str:
    lines = (
        f"{known[_stamped(path)[0]][2]} {path.relative_to(folder).as_posix()}\n" for path in paths
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
