from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import CheckpointError
from molnar.base.weights import save
from molnar.bridge import vocabulary
from molnar.bridge.configuring import CONFIGS, companion, configuration
from molnar.bridge.recognising import Found, recognise

WIDE = "model.diffusion_model.input_blocks.0.0.weight"
REST = {
    "first_stage_model.decoder.conv_in.weight": (2, 2),
    "cond_stage_model.transformer.text_model.final_layer_norm.bias": (2,),
}


def single(path: Path, width: int = 320, taken: int = 4) -> Found:
    shapes = {WIDE: (width, taken, 3, 3), **REST}
    save(path, {name: np.zeros(shape, "f2") for name, shape in shapes.items()})
    return recognise(path)


def words(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text("{}")
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


@pytest.fixture(autouse=True)
def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "PACKAGES", ())


def test_the_configuration_of_a_file_is_laid_out_whole(tmp_path: Path) -> None:
    words(tmp_path / "tokenizer")
    found = single(tmp_path / "m.safetensors", taken=9)
    folder = configuration(found, cache=tmp_path / "cache")
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionInpaintPipeline"
    assert json.loads((folder / "unet" / "config.json").read_text())["in_channels"] == 9
    for part, (library, _) in ((k, v) for k, v in index.items() if isinstance(v, list)):
        assert library is None or any((folder / part).iterdir())
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert configuration(found, cache=tmp_path / "cache") == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_without_a_vocabulary_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="pip install --no-deps open_clip_torch"):
        configuration(single(tmp_path / "m.safetensors"), cache=tmp_path / "cache")


def test_another_width_needs_its_own_configurations(tmp_path: Path) -> None:
    found = single(tmp_path / "m.safetensors", width=64)
    with pytest.raises(CheckpointError, match=r"width 64, expected 320; .*m\.config/"):
        configuration(found, cache=tmp_path / "cache")
    own = tmp_path / "m.config"
    words(own / "tokenizer")
    (own / "model_index.json").write_text('{"tokenizer": ["transformers", "CLIPTokenizer"]}')
    folder = configuration(found, cache=tmp_path / "cache")
    assert (folder / "tokenizer" / "vocab.json").is_file()


def test_a_network_alone_asks_for_the_other_parts(tmp_path: Path) -> None:
    save(tmp_path / "f.safetensors", {
        "double_blocks.0.img_attn.norm.key_norm.scale": np.zeros(8, "f2"),
        "guidance_in.in_layer.bias": np.zeros(8, "f2"),
        "c": np.zeros(8, "f2"),
    })  # fmt: skip
    found = recognise(tmp_path / "f.safetensors")
    folder = configuration(found, cache=tmp_path / "cache")  # asks for no vocabulary
    assert (folder / "transformer" / "config.json").is_file()
    with pytest.raises(CheckpointError, match=r"network of Flux\.1 dev alone"):
        companion(found)


def test_an_unbundled_family_is_told(tmp_path: Path) -> None:
    save(tmp_path / "f.safetensors", {
        "distilled_guidance_layer.in_proj.bias": np.zeros(8, "f2"), "b": np.zeros(8, "f2"),
        "c": np.zeros(8, "f2"),
    })  # fmt: skip
    with pytest.raises(CheckpointError, match="Chroma, whose single files have no configuration"):
        configuration(recognise(tmp_path / "f.safetensors"), cache=tmp_path)


def test_the_vocabulary_of_a_package_is_read_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packed_words"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('its code was run')")
    lines = ["#version", *(f"a{n} b" for n in range(vocabulary.MERGES + 5))]
    packed = gzip.compress("\n".join(lines).encode())
    (package / vocabulary.PACKED).write_bytes(packed)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(vocabulary, "PACKAGES", (("packed_words", ""), ("absent", "")))
    with pytest.raises(CheckpointError):  # its sha256 is not OpenAI's
        vocabulary.tokenizer_for(tmp_path / "m.safetensors", cache=tmp_path / "cache")
    monkeypatch.setattr(vocabulary, "PACKED_SHA256", hashlib.sha256(packed).hexdigest())
    folder = vocabulary.tokenizer_for(tmp_path / "m.safetensors", cache=tmp_path / "cache")
    numbers = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    assert len(numbers) == vocabulary.WORDS
    # As every CLIP counts: "!" is 0, "!" at a word's end 256, the marks are last.
    known = {"!": 0, "!</w>": 256, "a0b": 512, vocabulary.START: 49406, vocabulary.END: 49407}
    assert {word: numbers[word] for word in known} == known


# Parameters of the published networks, as their own model cards and papers count them.
PUBLISHED = {
    ("sd15", "unet"): 859_520_964,
    ("sd15", "vae"): 83_653_863,
    ("sd15", "text_encoder"): 123_060_480,
    ("sd2", "unet"): 865_910_724,
    ("sd2", "text_encoder"): 340_387_840,
    ("sdxl", "unet"): 2_567_463_684,
    ("sdxl", "text_encoder_2"): 694_659_840,
    ("sd3", "transformer"): 2_028_328_000,
    ("flux", "transformer"): 11_901_408_320,
    ("flux-schnell", "transformer"): 11_891_178_560,
}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "part"), PUBLISHED)
def test_the_configurations_are_those_of_the_published_networks(family: str, part: str) -> None:
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    files = json.loads((CONFIGS / f"{family}.json").read_text())
    library, name = files["model_index.json"][part]
    config = files[f"{part}/config.json"]
    with torch.device("meta"):
        if library == "diffusers":
            network = getattr(diffusers, name).from_config(config)
        else:
            kind = getattr(transformers, name)
            network = kind(kind.config_class.from_dict(config))
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED[family, part]
