"""What a weights file says it holds, read without any library and without its weights.

A stranger wrote these bytes: every count is checked against the file's own size before anything is
kept, so that a hostile or half-downloaded file costs neither memory nor time.
Sources: safetensors format, https://github.com/huggingface/safetensors#format;
GGUF versions 2 and 3, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from molnar.base.errors import CheckpointError, one_line
from molnar.base.weights import MAX_HEADER_BYTES, PICKLE_SUFFIXES

MAX_TENSORS = 200_000  # the largest public checkpoints hold some 5,000
MAX_INDEX_BYTES = 50_000_000
MAX_TEXT_BYTES = 10_000_000  # one text of a GGUF file's metadata
MAX_ITEMS = 4_000_000  # of one list there; a vocabulary has some 250,000
MAX_KEPT = 16  # items of a list that are kept: nothing here needs a vocabulary

# Bits of one element, by the code in the file.
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8,
    "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip

# Number -> name, elements in a block, bytes of a block (ggml's `ggml_type`).
GGUF_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
}  # fmt: skip
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_TEXT, _LIST = 8, 9


@dataclass(frozen=True)
class Tensor:
    """One tensor, as the file describes it: outermost dimension first, length in bytes."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class Header:
    """The tensors of a file, or of all its shards, and what is said beside them."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """The dtype that most bytes have, e.g. "F16"; "" for a file without tensors."""
        amounts: dict[str, int] = {}
        for tensor in self.tensors.values():
            amounts[tensor.dtype] = amounts.get(tensor.dtype, 0) + tensor.bytes
        return max(amounts, key=lambda name: amounts[name], default="")

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor; () where there is none of that name."""
        found = self.tensors.get(name)
        return found.shape if found else ()


def read_header(path: Path) -> Header:
    """Read what a .safetensors or .gguf file, or the index of a sharded one, holds.

    Raises:
        CheckpointError: A pickle, a half-downloaded or damaged file, or another format.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        raise CheckpointError(
            f"{one_line(path)}: a pickle can run code when opened and is refused; "
            "convert it to .safetensors"
        )
    try:
        if path.name.endswith(".index.json"):
            return _sharded(path)
        with path.open("rb") as file:
            size = path.stat().st_size
            if suffix == ".gguf":
                return _gguf(path, file, size)
            return _safetensors(path, file, size)
    except OSError as error:
        raise CheckpointError(
            f"{one_line(path)}: cannot be read ({error.strerror}); make it readable"
        ) from None


def read_json(path: Path, most: int = MAX_INDEX_BYTES) -> dict[str, Any]:
    """Read a JSON object of at most `most` bytes.

    Raises:
        CheckpointError: It is missing, longer, or not a JSON object.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            raise ValueError(f"longer than {most} bytes")
        out = json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(
            f"{one_line(path)}: cannot be read as JSON ({one_line(why, 80)}); download it again"
        ) from None
    if not isinstance(out, dict):
        raise CheckpointError(
            f"{one_line(path)}: holds a {type(out).__name__}, expected an object; download it again"
        )
    return out


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{one_line(path)}: damaged header: {one_line(why)}; download it again")


def _short(path: Path, got: int, expected: int) -> CheckpointError:
    return CheckpointError(
        f"{one_line(path)}: half-downloaded: {got} bytes, expected {expected}; download it again"
    )


def _safetensors(path: Path, file: BinaryIO, size: int) -> Header:
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if start[:4] == b"GGUF":
        return _gguf(path, file, size)
    if len(start) < 8 or not 2 <= length <= MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{one_line(path)}: not a safetensors file; expected .safetensors or .gguf: "
            "download it again, or convert it"
        )
    if 8 + length > size:
        if file.read(1) == b"{":
            raise _short(path, size, 8 + length)
        raise _damaged(path, f"a header of {length} bytes in a file of {size}")
    text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"not JSON ({error})") from None
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise _damaged(path, f"expected an object of at most {MAX_TENSORS} tensors")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(path, "__metadata__ must map text to text")
    spans: list[tuple[int, int, str]] = []
    tensors = {}
    for name, value in header.items():
        try:
            begin, end, tensors[name] = _entry(value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _damaged(path, f"tensor {name!r}: {error}") from None
        spans.append((begin, end, name))
    _check_spans(path, spans, 8 + length, size)
    return Header(tensors, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a name appears twice")
    return out


def _entry(value: Any) -> tuple[int, int, Tensor]:
    dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"dtype {dtype!r}; known are {', '.join(BITS)}")
    if not isinstance(shape, list) or len(shape) > 32:
        raise ValueError("shape is no short list")
    if not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end)):
        raise ValueError("shape and offsets must be counts")
    if (end - begin) * 8 != math.prod(shape) * BITS[dtype]:
        raise ValueError(f"{dtype} {shape} cannot fill bytes {begin} to {end}")
    return begin, end, Tensor(dtype, tuple(shape), end - begin)


def _check_spans(path: Path, spans: list[tuple[int, int, str]], start: int, size: int) -> None:
    here = 0
    for begin, end, name in sorted(spans):
        if begin != here:
            raise _damaged(path, f"tensor {name!r} begins at byte {begin}, expected {here}")
        here = end
    if start + here > size:
        raise _short(path, size, start + here)
    if start + here < size:
        raise _damaged(path, f"the tensors end at byte {start + here}, the file at byte {size}")


def _sharded(path: Path) -> Header:
    places = read_json(path).get("weight_map")
    if not isinstance(places, dict) or not places or len(places) > MAX_TENSORS:
        raise _damaged(path, "no weight_map")
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, Any] = {}
    for name in sorted({str(value) for value in places.values()}):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise _damaged(path, f"shard {name!r}, expected a .safetensors file beside the index")
        if not (path.parent / name).is_file():
            raise CheckpointError(
                f"{one_line(path.parent / name)}: missing, the index names it; download it again"
            )
        shard = read_header(path.parent / name)
        tensors.update(shard.tensors)
        metadata.update(shard.metadata)
    missing = sorted(set(places) - set(tensors))
    if missing:
        raise _damaged(path, f"tensor {missing[0]!r} is in no shard")
    return Header(tensors, metadata)


class _Reader:
    """Reads numbers and texts of a GGUF file, never more than the file has."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path, self.file, self.size = path, file, size

    def bytes(self, count: int) -> bytes:
        here = self.file.tell()
        if count > self.size - here:
            raise _short(self.path, self.size, here + count)
        return self.file.read(count)

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.bytes(struct.calcsize(form)))[0]

    def count(self, what: str, most: int) -> int:
        out: int = self.number("<Q")
        if out > most:
            raise _damaged(self.path, f"{what} is {out}, expected at most {most}")
        return out

    def text(self) -> str:
        return self.bytes(self.count("a text's length", MAX_TEXT_BYTES)).decode("utf-8", "replace")

    def value(self, kind: int, inside: bool = False) -> Any:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _LIST or inside:
            raise _damaged(self.path, f"metadata of type {kind}")
        kind, length = self.number("<I"), self.count("a list's length", MAX_ITEMS)
        kept = [self.value(kind, inside=True) for _ in range(min(length, MAX_KEPT))]
        self._pass_over(kind, length - len(kept))
        return kept

    def _pass_over(self, kind: int, count: int) -> None:
        if kind in _SCALARS:
            there = self.file.tell() + count * struct.calcsize(_SCALARS[kind])
            if there > self.size:
                raise _short(self.path, self.size, there)
            self.file.seek(there)
            return
        for _ in range(count):
            self.value(kind, inside=True)


def _gguf(path: Path, file: BinaryIO, size: int) -> Header:
    file.seek(0)
    read = _Reader(path, file, size)
    if read.bytes(4) != b"GGUF":
        raise CheckpointError(
            f"{one_line(path)}: not a GGUF file, its first bytes are not GGUF; download it again"
        )
    version = read.number("<I")
    if version not in (2, 3):
        raise CheckpointError(
            f"{one_line(path)}: GGUF version {version}, expected 2 or 3; convert it again"
        )
    tensors, pairs = read.count("tensors", MAX_TENSORS), read.count("metadata", MAX_TENSORS)
    metadata = {read.text(): read.value(read.number("<I")) for _ in range(pairs)}
    found: dict[str, Tensor] = {}
    ends = [0]
    for _ in range(tensors):
        name = read.text()
        dimensions = read.number("<I")
        if dimensions > 8 or name in found:
            raise _damaged(path, f"tensor {name!r} of {dimensions} dimensions, or twice")
        shape = tuple(reversed([read.number("<Q") for _ in range(dimensions)]))
        kind, offset = read.number("<I"), read.number("<Q")
        if kind not in GGUF_TYPES:
            raise _damaged(path, f"tensor {name!r} has type {kind}, known are 0 to 30")
        code, block, length = GGUF_TYPES[kind]
        taken = -(-math.prod(shape) // block) * length
        found[name] = Tensor(code, shape, taken)
        ends.append(offset + taken)
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= 65536:
        raise _damaged(path, f"alignment {alignment!r}")
    data = -(-file.tell() // alignment) * alignment
    if tensors and data + max(ends) > size:
        raise _short(path, size, data + max(ends))
    return Header(found, metadata)
