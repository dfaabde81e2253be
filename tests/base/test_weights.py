from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molnar.base import weights
from molnar.base.errors import WeightsError

RNG = np.random.default_rng(0)
TENSORS = {
    "a.weight": RNG.standard_normal((3, 4)).astype(np.float32),
    "a.bias": RNG.standard_normal(5).astype(np.float16),
    "ids": np.arange(6, dtype=np.int64).reshape(2, 3),
    "quantised": np.array([-128, 0, 127], np.int8),
    "bytes": np.array([0, 255], np.uint8),
    "flags": np.array([[True], [False]]),
    "wide": np.array([1e-300], np.float64),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "ünï.日本": np.arange(3, dtype=np.int32),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save(path, TENSORS, {"format": "1"})
    return path


@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_saved_is_loaded(file, mapped):
    loaded = weights.load(file, mapped=mapped)
    assert loaded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert loaded[name].dtype == tensor.dtype
        assert type(loaded[name]) is np.ndarray
        np.testing.assert_array_equal(loaded[name], tensor)
        assert loaded[name].flags.writeable is not mapped or tensor.size == 0
    assert weights.read_metadata(file) == {"format": "1"}


def test_the_reference_library_reads_ours_and_we_read_its(file, tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    for name, tensor in reference.load_file(file).items():
        np.testing.assert_array_equal(tensor, TENSORS[name])
    theirs = tmp_path / "theirs.safetensors"
    reference.save_file({k: np.asarray(v) for k, v in TENSORS.items()}, theirs)
    for name, tensor in weights.load(theirs).items():
        np.testing.assert_array_equal(tensor, TENSORS[name])


def test_offsets_point_at_the_bytes_aligned_to_their_type(file):
    data = file.read_bytes()
    for name, (_, shape, offset, length) in weights.offsets(file).items():
        tensor = np.asarray(TENSORS[name])
        assert data[offset : offset + length] == tensor.tobytes()
        assert shape == tensor.shape
        assert offset % tensor.itemsize == 0


def test_the_same_tensors_give_the_same_bytes(file, tmp_path):
    again = tmp_path / "again.safetensors"
    weights.save(again, dict(reversed(TENSORS.items())), {"format": "1"})
    assert again.read_bytes() == file.read_bytes()
    assert weights.sha256(again) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_views_and_foreign_byte_orders_are_saved_as_they_look(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {"t": np.arange(6.0).reshape(2, 3).T, "big": np.arange(3, dtype=">i4")}
    weights.save(path, tensors)
    for name, tensor in weights.load(path).items():
        np.testing.assert_array_equal(tensor, tensors[name])


def test_nothing_at_all_is_a_file_too(tmp_path):
    weights.save(tmp_path / "w.safetensors", {})
    assert weights.load(tmp_path / "w.safetensors") == {}


def test_bfloat16_is_read_as_float32(tmp_path):
    path = tmp_path / "w.safetensors"
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    half = (values.view("<u4") >> 16).astype("<u2").tobytes()
    path.write_bytes(packed({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}, half))
    for mapped in (False, True):
        np.testing.assert_array_equal(weights.load(path, mapped=mapped)["w"], values)


@pytest.mark.parametrize("tensor", [np.zeros(2, np.complex64), np.array(["a"]), np.array([None])])
def test_what_cannot_be_stored_is_refused(tmp_path, tensor):
    with pytest.raises(WeightsError, match="has dtype"):
        weights.save(tmp_path / "w.safetensors", {"w": tensor})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".CKPT"])
def test_pickles_are_refused_by_name(tmp_path, suffix):
    with pytest.raises(WeightsError, match="is a pickle"):
        weights.load(tmp_path / f"model{suffix}")


def test_pickles_are_refused_whatever_they_are_called(tmp_path):
    path = tmp_path / "w.safetensors"
    for protocol in (2, 3, 4, 5):
        path.write_bytes(pickle.dumps({"w": list(range(100))}, protocol))
        with pytest.raises(WeightsError, match="holds a pickle or a zip"):
            weights.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", "x" * 100)
    with pytest.raises(WeightsError, match="holds a pickle or a zip"):
        weights.load(path)


def test_a_missing_file_and_a_folder_are_one_line_each(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        for read in (weights.load, weights.sha256):
            with pytest.raises(WeightsError, match="cannot be read"):
                read(path)


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), span=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(span), **more}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "first 8 bytes"),
        (b"1234567", "first 8 bytes"),
        (struct.pack("<Q", 2**63), "first 8 bytes"),
        (struct.pack("<Q", 9) + b"{}", "first 8 bytes"),
        (packed(b"{"), "not JSON"),
        (packed(b"\xff\xfe"), "not JSON"),
        (packed(b"[" * 100_000), "not JSON"),
        (packed([1]), "expected an object"),
        (packed(b'{"a":{},"a":{}}'), "appears twice"),
        (packed({"__metadata__": {"a": 1}}), "text to text"),
        (packed({"w": 1}), "is not an object"),
        (packed({"w": entry("F13")}, b"1234"), "dtype 'F13'"),
        (packed({"w": entry(dtype=["F32"])}, b"1234"), "dtype"),
        (packed({"w": entry(shape=[-1])}, b"1234"), "has shape"),
        (packed({"w": entry(shape=[True])}, b"1234"), "has shape"),
        (packed({"w": entry(shape=[1.0])}, b"1234"), "has shape"),
        (packed({"w": entry(span=[0])}, b"1234"), "offsets"),
        (packed({"w": entry(span=[4, 0])}, b"1234"), "cannot fill"),
        (packed({"w": entry(shape=[2**62, 2**62])}, b"1234"), "cannot fill"),
        (packed({"w": entry(shape=[1] * 40)}, b"1234"), "cannot fill"),
        (packed({"w": entry()}, b"123"), "the file at byte"),
        (packed({"w": entry()}, b"12345"), "the file at byte"),
        (packed({"w": entry(span=[4, 8])}, b"12345678"), "begins at byte"),
        (packed({"v": entry(), "w": entry()}, b"1234"), "begins at byte"),
        (packed({"bad\nname": 1}), "is not an object"),
    ],
)
def test_corrupt_headers_are_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as error:
        weights.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
plausible = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*weights.DTYPES, "BF16", "X"]) | json_values,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | json_values,
        "data_offsets": st.lists(st.integers(-1, 16), max_size=3) | json_values,
    }
)
headers = st.binary(max_size=64) | st.dictionaries(st.text(max_size=5), plausible | json_values)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=headers, data=st.binary(max_size=32), raw=st.booleans())
def test_no_header_crashes_the_reader(tmp_path, header, data, raw):
    path = tmp_path / "w.safetensors"
    path.write_bytes(header + data if raw and isinstance(header, bytes) else packed(header, data))
    with contextlib.suppress(WeightsError):
        loaded = weights.load(path)
        assert sum(entry.length for entry in weights.offsets(path).values()) <= len(data)
        assert all(isinstance(tensor, np.ndarray) for tensor in loaded.values())


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_flipped_header_byte_is_survived(file, place, value):
    content = bytearray(file.read_bytes())
    content[place % 400] = value
    damaged = file.with_name("damaged.safetensors")
    damaged.write_bytes(bytes(content))
    try:
        weights.load(damaged)
    except WeightsError as error:
        assert "\n" not in str(error)
