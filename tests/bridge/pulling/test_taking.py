from __future__ import annotations

from typing import Any

import pytest

from molnar.base.errors import PullError, RequestError
from molnar.bridge.taking import File, Wanted, take

INDEX = {
    "_class_name": "SomePipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}
SHARDED = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors.index.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "text_encoder/config.json",
    "text_encoder/model.fp16-00001-of-00002.safetensors",
    "text_encoder/model.fp16-00002-of-00002.safetensors",
    "text_encoder/model.safetensors.index.fp16.json",
    "text_encoder/model-00001-of-00001.safetensors",
    "text_encoder/model.safetensors.index.json",
    "text_encoder/pytorch_model.bin",
]
LEGACY = [
    "model_index.json",
    "unet/diffusion_pytorch_model.safetensors",
    "text_encoder/model-00001-of-00002.fp16.safetensors",
    "text_encoder/model-00002-of-00002.fp16.safetensors",
    "text_encoder/model.safetensors.fp16.index.json",
    "text_encoder/model.safetensors",
]


def files_of(names: list[str]) -> dict[str, File]:
    return {name: File(name, 1, "0" * 64, True) for name in names}


def taken(names: list[str], index: Any = INDEX, **wanted: Any) -> set[str]:
    return {file.path for file in take(files_of(names), index, Wanted(**wanted)).files}


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.parametrize("names", [SHARDED, LEGACY])
@pytest.mark.parametrize(("asked", "variant"), [("fp16", "fp16"), ("full", None)])
def test_weights_are_those_that_diffusers_loads(
    names: list[str], asked: str, variant: str | None
) -> None:
    pytest.importorskip("diffusers")
    from diffusers.pipelines.pipeline_loading_utils import variant_compatible_siblings

    theirs, _ = variant_compatible_siblings(names, variant=variant, ignore_patterns=["*.bin"])
    ours = taken(names, variant=asked)
    assert {path for path in ours if "model" in path.split("/")[-1] and "/" in path} == set(theirs)


def test_a_half_precision_is_preferred_part_by_part() -> None:
    found = take(files_of(SHARDED), INDEX, Wanted())
    assert found.variants == ("fp16",)
    assert "unet/diffusion_pytorch_model.safetensors.index.json" not in taken(SHARDED)
    only_full = [name for name in SHARDED if not name.startswith("unet/") or "fp16" not in name]
    assert take(files_of(only_full), INDEX, Wanted()).variants == ("", "fp16")


def test_a_part_with_pickles_alone_is_refused_by_name() -> None:
    names = [n for n in SHARDED if not (n.startswith("unet/") and n.endswith(".safetensors"))]
    with pytest.raises(PullError, match=r"pickles alone \(unet/diffusion_pytorch_model.bin\)"):
        taken(names)
    assert taken(names, only=("text_encoder",))  # that part is good
    with pytest.raises(PullError, match=r"pickles alone \(model.ckpt\)"):
        taken(["model.ckpt", "README.md"], None)
    with pytest.raises(PullError, match="no weights"):
        taken(["README.md"], None)
    with pytest.raises(PullError, match=r"'model.ckpt' may run code"):
        taken(["model.ckpt"], None, file="model.ckpt")


def test_code_of_its_own_is_refused() -> None:
    with pytest.raises(PullError, match=r"code of its own \(pipeline.py\)"):
        taken(SHARDED, {**INDEX, "_class_name": ["pipeline", "Mine"]})
    mine = {**INDEX, "unet": ["my_unet", "MyUNet"]}
    with pytest.raises(PullError, match=r"code of its own \(unet/my_unet.py\)"):
        taken([*SHARDED, "unet/my_unet.py"], mine)


def test_a_part_by_itself() -> None:
    names = ["config.json", "diffusion_pytorch_model.safetensors", "LICENSE", "sub/a.safetensors"]
    assert taken(names, None) == set(names[:3])
    half = "diffusion_pytorch_model.fp16.safetensors"
    assert half in taken([*names, half], None)


def test_of_several_models_one_must_be_named() -> None:
    names = [f"flux-Q{n}_K.gguf" for n in range(2, 9)]
    with pytest.raises(RequestError, match=r"holds 7 models: flux-Q2_K.gguf, .*org/name:FILE"):
        taken(names, None)
    assert taken(names, None, file="flux-Q4_K.gguf") == {"flux-Q4_K.gguf"}
    assert taken(names[:1], None) == {"flux-Q2_K.gguf"}


def test_flags_that_do_not_go_together() -> None:
    with pytest.raises(RequestError, match="--only"):
        taken(SHARDED, file="unet/config.json", only=("unet",))
    with pytest.raises(RequestError, match="--only names parts"):
        taken(["a.safetensors"], None, only=("unet",))


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a/./b", "a\\..\\b", "C:a", "a/.. /b"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(PullError, match="no plain path"):
        taken([f"{path}.safetensors"], None)
