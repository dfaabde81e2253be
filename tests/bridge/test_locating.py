from __future__ import annotations

from pathlib import Path

import numpy as np

from molnar.base.weights import save
from molnar.bridge.hashing import CACHE, checkpoint_hash, known_hash
from molnar.bridge.locating import checkpoints, locate
from molnar.bridge.recognising import recognise


def checkpoint(path: Path) -> Path:
    """Write what looks like a single file of Stable Diffusion 1.5."""
    names = {"model.diffusion_model.input_blocks.0.0.weight": (2, 4, 3, 3), "a": (1,), "b": (1,)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, {name: np.zeros(shape, "f4") for name, shape in names.items()})
    return path


def test_a_name_is_found_by_path_name_and_pulled_name(tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "models" / "old.safetensors")
    pulled = tmp_path / "models" / "org" / "name"
    pulled.mkdir(parents=True)
    (pulled / "model_index.json").write_text("{}")
    search = [tmp_path / "absent", tmp_path / "models"]
    assert locate(str(file)) == file
    assert locate("old", search) == locate("old.safetensors", search) == file
    assert locate("org/name", search) == locate("name", search) == pulled
    for nothing in ("other", "", "../models/old", "sticker", "org"):
        assert locate(nothing, search) is None


def test_a_name_that_two_have_is_no_name(tmp_path: Path) -> None:
    for org in ("one", "two"):
        checkpoint(tmp_path / org / "same.safetensors")
    assert locate("same", [tmp_path]) is None
    assert locate("two/same", [tmp_path]) == tmp_path / "two" / "same.safetensors"


def test_lists_once_and_says_what_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "good.safetensors")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    checkpoint(tmp_path / "bundle" / "velocity.safetensors")
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    found, refused = checkpoints([tmp_path, tmp_path, tmp_path / "absent"])
    assert [one.name for one in found] == ["good"]
    assert len(refused) == 1
    assert "bad.gguf" in refused[0]


def test_a_hash_is_kept_until_a_file_changes(tmp_path: Path) -> None:
    found = recognise(checkpoint(tmp_path / "m.safetensors"))
    home = tmp_path / "home"
    assert known_hash(found, home) is None
    taken = checkpoint_hash(found, home)
    assert known_hash(found, home) == taken == checkpoint_hash(found)
    (home / CACHE).write_text("damaged")
    assert known_hash(found, home) is None
    assert checkpoint_hash(found, home) == taken
