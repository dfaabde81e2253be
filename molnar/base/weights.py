"""A safetensors file <-> named numpy arrays, without torch; everything else is refused by name.

Layout: an unsigned 64-bit length N, N bytes of JSON
`{"name": {"dtype": "F16", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {..}}`,
then the data, without holes.
Source: safetensors format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import WeightsError, one_line
from molnar.base.files import writing

MAX_HEADER_BYTES = 100_000_000
ALIGNMENT_BYTES = 8  # the data begins at a multiple of this

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_BF16 = "BF16"  # numpy has no such type: read as float32, never written
_CODES = {dtype: code for code, dtype in DTYPES.items()}

PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class Entry(NamedTuple):
    """Where one tensor lies: dtype code ("F16"), shape, first byte in the file, bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class _Header:
    entries: dict[str, Entry]
    metadata: dict[str, str]


def load(path: str | os.PathLike[str], mapped: bool = False) -> dict[str, NDArray[Any]]:
    """Read all tensors of a safetensors file; bfloat16 is returned as float32.

    Args:
        path: The file.
        mapped: Return read-only views into the file instead of copies.

    Raises:
        WeightsError: If the file is missing, a pickle, or not a valid safetensors file.
    """
    file = Path(path)
    header = _read_header(file)
    if not header.entries:
        return {}
    raw = np.memmap(file, dtype=np.uint8, mode="r")
    out: dict[str, NDArray[Any]] = {}
    for name, entry in header.entries.items():
        view = _view(raw, entry)
        out[name] = view if mapped else np.array(view)
    return out


def save(
    path: str | os.PathLike[str],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file at once, replacing an older file.

    Raises:
        WeightsError: If a dtype or a name cannot be stored.
    """
    header: dict[str, Any] = {}
    if metadata:
        header["__metadata__"] = {str(k): str(v) for k, v in metadata.items()}
    # Wide types first keeps every tensor aligned to its own size; then by name, so that the same
    # tensors always give the same bytes.
    arrays = sorted(
        ((name, _storable(name, tensor)) for name, tensor in tensors.items()),
        key=lambda item: (-item[1].dtype.itemsize, item[0]),
    )
    begin = 0
    for name, array in arrays:
        end = begin + array.nbytes
        code = _CODES[array.dtype]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT_BYTES)
    with writing(path, force=True) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in arrays:
            file.write(array.tobytes())


def offsets(path: str | os.PathLike[str]) -> dict[str, Entry]:
    """Return where each tensor lies: {name: (dtype, shape, offset in the file, length)}, in bytes.

    Raises:
        WeightsError: If the file is missing, a pickle, or not a valid safetensors file.
    """
    return _read_header(Path(path)).entries


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the `__metadata__` texts of a safetensors file.

    Raises:
        WeightsError: If the file is missing, a pickle, or not a valid safetensors file.
    """
    return _read_header(Path(path)).metadata


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, as 64 hexadecimal digits.

    Raises:
        WeightsError: If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {one_line(error.strerror)}") from None
    return digest.hexdigest()


def _view(raw: NDArray[np.uint8], entry: Entry) -> NDArray[Any]:
    data = raw[entry.offset : entry.offset + entry.length]
    if entry.dtype == _BF16:
        # bfloat16 is the upper half of a float32.
        wide = data.view("<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(entry.shape)
    # A copy of the class too: a memmap subclass would leak into every result computed from it.
    return np.asarray(data).view(DTYPES[entry.dtype]).reshape(entry.shape)


def _storable(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(tensor)
    little = array.dtype.newbyteorder("<")
    if not isinstance(name, str) or name == "__metadata__" or little not in _CODES:
        raise WeightsError(
            f"{one_line(name)} has dtype {array.dtype}; expected a name of its own and one of: "
            + ", ".join(sorted(str(d) for d in _CODES))
        )
    return array.astype(little, copy=False)


def _read_header(path: Path) -> _Header:
    name = one_line(path)
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise WeightsError(
            f"{name} is a pickle, which can run code when opened; expected .safetensors: "
            "convert it with the tool it came from"
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(size - 8, MAX_HEADER_BYTES):
                raise _not_safetensors(name, start, size)
            text = file.read(length)
    except OSError as error:
        raise WeightsError(f"{name} cannot be read: {one_line(error.strerror)}") from None
    try:
        return _parse_header(text, 8 + length, size)
    except _BrokenError as broken:
        raise WeightsError(
            f"{name} has a corrupt header: {one_line(broken)}; download or export it again"
        ) from None


class _BrokenError(Exception):
    """Why a header is refused; becomes one WeightsError that names the file."""


def _not_safetensors(name: str, start: bytes, size: int) -> WeightsError:
    if start.startswith(_PICKLE_STARTS):
        return WeightsError(
            f"{name} holds a pickle or a zip, whatever it is called, and is not opened; "
            "expected safetensors: convert it with the tool it came from"
        )
    return WeightsError(
        f"{name} is not a safetensors file: its first 8 bytes are no header length within its "
        f"{size} bytes; download or export it again"
    )


def _parse_header(text: bytes, data_start: int, size: int) -> _Header:
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _BrokenError(f"not JSON ({type(error).__name__})") from None
    if not isinstance(header, dict):
        raise _BrokenError(f"expected an object, got {type(header).__name__}")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _BrokenError("__metadata__ must map text to text")
    entries = {name: _entry(name, value, data_start) for name, value in header.items()}
    _check_contiguous(entries, data_start, size)
    return _Header(entries, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise _BrokenError("a name appears twice")
    return out


def _entry(name: str, value: Any, data_start: int) -> Entry:
    if not isinstance(value, dict):
        raise _BrokenError(f"{name!r} is not an object")
    dtype, shape, span = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str) or (dtype not in DTYPES and dtype != _BF16):
        raise _BrokenError(f"{name!r} has dtype {dtype!r}; known are {', '.join([*DTYPES, _BF16])}")
    if not _are_counts(shape) or not _are_counts(span) or len(span) != 2:
        raise _BrokenError(f"{name!r} has shape {shape!r} and offsets {span!r}")
    item_bytes = 2 if dtype == _BF16 else DTYPES[dtype].itemsize
    begin, end = span
    if len(shape) > 32 or end - begin != math.prod(shape) * item_bytes:
        raise _BrokenError(f"{name!r} of {dtype} {shape} cannot fill bytes {begin} to {end}")
    return Entry(dtype, tuple(shape), data_start + begin, end - begin)


def _are_counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _check_contiguous(entries: dict[str, Entry], data_start: int, size: int) -> None:
    here = data_start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].offset, item[1].length)):
        if entry.offset != here:
            raise _BrokenError(f"{name!r} begins at byte {entry.offset}, expected {here}")
        here += entry.length
    if here != size:
        raise _BrokenError(f"the tensors end at byte {here}, the file at byte {size}")
