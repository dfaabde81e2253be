from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import CheckpointError
from molnar.base.weights import save
from molnar.bridge.headers import Tensor, read_header


def raw(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.safetensors"
    save(path, {"a": np.zeros((2, 3), "f4"), "b": np.zeros(5, "f2")}, {"k": "v"})
    return path


def test_names_shapes_and_metadata(whole: Path) -> None:
    header = read_header(whole)
    assert header.tensors == {"a": Tensor("F32", (2, 3), 24), "b": Tensor("F16", (5,), 10)}
    assert (header.metadata, header.dtype, header.shape("c")) == ({"k": "v"}, "F32", ())


@pytest.mark.parametrize("lost", [1, 30, 60, 200])
def test_half_downloaded_says_both_sizes(whole: Path, lost: int) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: max(12, len(data) - lost)])
    with pytest.raises(CheckpointError, match=r"half-downloaded: \d+ bytes, expected \d+") as got:
        read_header(whole)
    assert f"{whole.stat().st_size} bytes" in str(got.value)
    assert "\n" not in str(got.value)


@pytest.mark.parametrize(
    ("header", "data", "why"),
    [
        (b"[1]", b"", "expected an object"),
        (b'{"a": 1', b"", "not JSON"),
        (b"[" * 100_000, b"", "not JSON"),
        (b'{"a": {}, "a": {}}', b"", "twice"),
        ({"a": entry([2], 0, 4)}, b"1234", "cannot fill"),
        ({"a": entry([1], 0, 4, "X9")}, b"1234", "dtype"),
        ({"a": entry([1], 4, 8)}, b"12345678", "begins at byte 4"),
        ({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"12345678", "begins at byte 0"),
        ({"a": entry([-1], 0, 4)}, b"1234", "counts"),
        ({"a": entry([2**40, 2**40], 0, 4)}, b"1234", "cannot fill"),
        ({"a": entry([1], 0, 4)}, b"12345", "the file at byte"),
        ({"a": [1]}, b"", "tensor 'a'"),
        ({"__metadata__": {"a": 1}}, b"", "text to text"),
    ],
)
def test_damaged_headers(tmp_path: Path, header: Any, data: bytes, why: str) -> None:
    with pytest.raises(CheckpointError, match=why):
        read_header(raw(tmp_path / "bad.safetensors", header, data))


def test_a_hostile_length_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        read_header(path)


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt", "a.PTH", "a.bin"])
def test_pickles_are_refused_by_name_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="pickle"):
        read_header(tmp_path / name)


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    save(tmp_path / "m-1.safetensors", {"a": np.zeros(2, "f4")})
    save(tmp_path / "m-2.safetensors", {"b": np.zeros(3, "f4")})
    index = tmp_path / "m.safetensors.index.json"
    places = {"a": "m-1.safetensors", "b": "m-2.safetensors"}
    index.write_text(json.dumps({"weight_map": places}))
    assert set(read_header(index).tensors) == {"a", "b"}
    (tmp_path / "m-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"m-2\.safetensors: missing"):
        read_header(index)
    index.write_text(json.dumps({"weight_map": {"a": "../m-1.safetensors"}}))
    with pytest.raises(CheckpointError, match="beside the index"):
        read_header(index)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(shape: tuple[int, ...] = (4, 256), kind: int = 12, **more: Any) -> bytes:
    """Return a GGUF file of one tensor, Q4_K unless said otherwise, and three texts."""
    pairs = text("general.architecture") + struct.pack("<I", 8) + text("flux")
    pairs += text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    head = b"GGUF" + struct.pack("<IQQ", more.get("version", 3), more.get("tensors", 1), 2) + pairs
    inner = tuple(reversed(shape))
    head += text("w") + struct.pack(f"<I{len(inner)}Q", len(inner), *inner)
    head += struct.pack("<IQ", kind, 0)
    return head + bytes(-len(head) % 32) + bytes(more.get("data", 4 * 144))


def test_gguf(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf())
    header = read_header(path)
    assert header.tensors == {"w": Tensor("Q4_K", (4, 256), 576)}
    assert header.metadata == {"general.architecture": "flux", "words": ["a", "b"]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gguf(data=100), "half-downloaded"),
        (gguf()[:40], "half-downloaded"),
        (gguf(version=1), "version 1, expected 2 or 3"),
        (gguf(tensors=2**60), "tensors is"),
        (gguf(kind=999), "type 999"),
        (gguf(shape=(1,) * 9), "9 dimensions"),
        (b"GGML" + bytes(40), "not a GGUF file"),
    ],
)
def test_damaged_gguf(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=why):
        read_header(path)
