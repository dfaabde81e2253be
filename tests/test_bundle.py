from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from molnar.base.errors import BundleError
from molnar.bundle import MANIFEST, Bundle, checksum, find, identity, installed, read_manifest, save


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def edit(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def message(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_whole_bundle_loads(tiny: Path) -> None:
    bundle = Bundle.load(tiny)
    assert bundle.manifest.name == "tiny"
    assert bundle.manifest.defaults.steps == 3
    parts = {"text", "planner", "velocity", "decoder", "encoder", "finisher", "upscaler", "clip"}
    assert set(bundle.manifest.parts) == parts
    assert bundle.hash == identity(bundle.manifest)
    assert len(bundle.hash) == 64


@pytest.mark.parametrize(
    "name", ["velocity.safetensors", "velocity.onnx", "tokenizer.json", "words.json"]
)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_one_flipped_bit_is_found_and_named(copy: Path, name: str, place: float) -> None:
    data = bytearray((copy / name).read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    (copy / name).write_bytes(data)
    expected = Bundle.load(copy, verify=False).manifest.files[name].sha256
    text = message(copy)
    assert name in text
    assert expected[:12] in text


def test_the_modification_time_hides_nothing(copy: Path) -> None:
    import os

    path = copy / "decoder.safetensors"
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x80
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "decoder.safetensors" in message(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "upscaler.onnx").unlink()
    assert "upscaler.onnx: missing" in message(copy)


def test_a_short_file_is_named_with_both_sizes(copy: Path) -> None:
    path = copy / "text.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-7])
    text = message(copy)
    assert f"{size - 7} bytes, expected {size}" in text


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_format_is_refused(copy: Path, version: object) -> None:
    edit(copy, format=version)
    text = message(copy)
    assert repr(version) in text
    assert "expected 1" in text


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".bin", ".pkl", ".PTH"])
def test_a_pickle_is_refused_by_name(copy: Path, suffix: str) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    raw["parts"]["velocity"]["weights"] = f"velocity{suffix}"
    edit(copy, parts=raw["parts"])
    text = message(copy)
    assert f"velocity{suffix}" in text
    assert "pickle" in text


def test_a_pickle_as_model_is_refused_by_name() -> None:
    with pytest.raises(BundleError, match=r"model\.ckpt: a pickle"):
        Bundle.load("model.ckpt")


@pytest.mark.parametrize(
    "name", ["../evil.safetensors", "/etc/evil.safetensors", "a/b.safetensors"]
)
def test_a_file_outside_the_folder_is_refused(copy: Path, name: str) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    raw["parts"]["text"]["weights"] = name
    edit(copy, parts=raw["parts"])
    assert "inside the bundle's own folder" in message(copy)


def test_an_unlisted_file_is_refused(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    del raw["files"]["text.onnx"]
    edit(copy, files=raw["files"])
    assert "text.onnx" in message(copy)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", 3, "name"),
        ("defaults", {"steps": "many"}, "steps"),
        ("defaults", {"stepz": 3}, "steps"),
        ("parts", {"velocity": {"kind": "unet"}}, "config"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_wrong_field_is_named(copy: Path, key: str, value: object, said: str) -> None:
    edit(copy, **{key: value})
    assert said in message(copy)


def test_an_unknown_part_is_named(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    raw["parts"]["ears"] = raw["parts"]["text"]
    edit(copy, parts=raw["parts"])
    assert "'ears'" in message(copy)


def test_an_edited_manifest_is_found(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    raw["parts"]["velocity"]["config"]["heads"] = 1
    edit(copy, parts=raw["parts"])
    assert "edited or damaged" in message(copy)


def test_defaults_may_be_tuned_without_a_new_identity(copy: Path) -> None:
    manifest = read_manifest(copy / MANIFEST)
    tuned = replace(manifest.defaults, steps=11)
    save(copy, replace(manifest, defaults=tuned, evaluation={"score": 1.0}))
    found = Bundle.load(copy)
    assert found.manifest.defaults.steps == 11
    assert found.hash == manifest.hash


def test_any_other_byte_of_the_manifest_is_covered_too(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    edit(copy, defaults=raw["defaults"] | {"steps": 11})
    assert "edited or damaged" in message(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text, encoding="latin-1")
    message(copy)


def test_models_are_found_by_name(tiny: Path) -> None:
    assert find("tiny", [tiny.parent]) == tiny
    assert tiny in installed([tiny.parent])


def test_an_unknown_model_lists_the_known(tiny: Path) -> None:
    with pytest.raises(BundleError, match=r"'tinny'.*tiny"):
        find("tinny", [tiny.parent])


def test_a_missing_part_is_named(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    del raw["parts"]["encoder"]
    edit(copy, parts=raw["parts"])
    bundle = Bundle.load(copy, verify=False)
    with pytest.raises(BundleError, match="no part 'encoder'"):
        bundle.part("encoder")


def test_saving_needs_every_file(copy: Path) -> None:
    manifest = read_manifest(copy / MANIFEST)
    (copy / "words.json").unlink()
    with pytest.raises(BundleError, match=r"words\.json: missing"):
        save(copy, manifest)


def test_saving_twice_writes_the_same_bytes(copy: Path) -> None:
    before = (copy / MANIFEST).read_bytes()
    save(copy, read_manifest(copy / MANIFEST))
    assert (copy / MANIFEST).read_bytes() == before


def test_whole_numbers_in_place_of_floats_are_no_damage(copy: Path) -> None:
    manifest = read_manifest(copy / MANIFEST)
    save(copy, replace(manifest, defaults=replace(manifest.defaults, guidance=3)))
    assert Bundle.load(copy).manifest.defaults.guidance == 3.0


def test_a_bundle_from_before_a_field_was_added_still_opens(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    del raw["defaults"]["rescale"]
    raw["checksum"] = checksum(raw)
    (copy / MANIFEST).write_text(json.dumps(raw))
    assert Bundle.load(copy).manifest.defaults.rescale == 0.0


def test_a_bundle_from_before_checksums_still_opens(copy: Path) -> None:
    raw = json.loads((copy / MANIFEST).read_text())
    del raw["checksum"]
    (copy / MANIFEST).write_text(json.dumps(raw))
    Bundle.load(copy)


# ---------------------------------------------------------------- the list of sources


def test_a_list_of_sources_changes_no_model(listed: Path, tmp_path: Path) -> None:
    with_it = Bundle.load(listed)
    sources = with_it.manifest.sources
    assert sources is not None
    assert sources in with_it.manifest.files
    folder = Path(shutil.copytree(listed, tmp_path / "copy"))
    save(folder, replace(with_it.manifest, sources=None))
    (folder / sources).unlink()
    without = Bundle.load(folder)
    assert sources not in without.manifest.files
    assert without.hash == with_it.hash
    assert without.manifest.checksum != with_it.manifest.checksum


def test_a_flipped_bit_in_the_list_of_sources_is_found(listed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(listed, tmp_path / "copy"))
    data = bytearray((folder / "sources.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "sources.safetensors").write_bytes(data)
    assert "sources.safetensors: damaged" in message(folder)
    (folder / "sources.safetensors").unlink()
    assert "sources.safetensors: missing" in message(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [("words.json", "a file of its own"), ("../x.safetensors", "inside"), ("x", "no hash for 'x'")],
)
def test_the_list_of_sources_decides_no_picture(
    listed: Path, tmp_path: Path, name: str, said: str
) -> None:
    folder = Path(shutil.copytree(listed, tmp_path / "copy"))
    edit(folder, sources=name)
    assert said in message(folder)
