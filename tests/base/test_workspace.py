"""Which decoder of a workspace counts: one that was trained again, if it is of this very vae."""

import json
from pathlib import Path

from molnar.base.weights import sha256
from molnar.base.workspace import decoder_folder


def write(folder: Path, weights: bytes, told: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "model.json").write_text(json.dumps(told))


def test_a_decoder_counts_until_the_autoencoder_is_trained_anew(tmp_path: Path) -> None:
    assert decoder_folder(tmp_path) == "vae"
    write(tmp_path / "vae", b"first", {})
    assert decoder_folder(tmp_path) == "vae"
    of = sha256(tmp_path / "vae" / "model.safetensors")
    write(tmp_path / "decoder", b"again", {"data": {"vae": of}})
    assert decoder_folder(tmp_path) == "decoder"
    write(tmp_path / "vae", b"second", {})
    assert decoder_folder(tmp_path) == "vae"
