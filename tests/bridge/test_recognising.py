from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import CheckpointError
from molnar.base.weights import save
from molnar.bridge.recognising import recognise

UNET = "model.diffusion_model."
CONV = f"{UNET}input_blocks.0.0.weight"
CROSS = f"{UNET}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
TEXT = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
ADDED = f"{UNET}label_emb.0.0.weight"
G = "conditioner.embedders.1.model.text_projection"
VAE = "first_stage_model.decoder.conv_in.weight"
FLUX = "double_blocks.0.img_attn.norm.key_norm.scale"


def made(path: Path, shapes: dict[str, tuple[int, ...]], **said: str) -> Path:
    tensors = {name: np.zeros(shape, "f2") for name, shape in shapes.items()}
    save(path, tensors, {f"modelspec.{key}": value for key, value in said.items()})
    return path


@pytest.mark.parametrize(
    ("shapes", "family", "pipeline"),
    [
        ({CONV: (8, 4, 3, 3), TEXT: (77, 8)}, "sd15", "StableDiffusionPipeline"),
        ({CONV: (8, 9, 3, 3), TEXT: (77, 8)}, "sd15-inpaint", "StableDiffusionInpaintPipeline"),
        ({CONV: (8, 4, 3, 3), CROSS: (1, 1024)}, "sd2", "StableDiffusionPipeline"),
        ({CONV: (8, 9, 3, 3), CROSS: (1, 1024)}, "sd2-inpaint", "StableDiffusionInpaintPipeline"),
        ({CONV: (8, 4, 3, 3), ADDED: (8, 8), G: (8, 8)}, "sdxl", "StableDiffusionXLPipeline"),
        (
            {CONV: (8, 9, 3, 3), ADDED: (8, 8), G: (8, 8)},
            "sdxl-inpaint",
            "StableDiffusionXLInpaintPipeline",
        ),
        (
            {CONV: (8, 4, 3, 3), ADDED: (8, 8), G.replace("1", "0"): (8, 8)},
            "sdxl-refiner",
            "StableDiffusionXLImg2ImgPipeline",
        ),
        ({CONV: (8, 7, 3, 3), TEXT: (77, 8)}, "sd-x4-upscaler", "StableDiffusionUpscalePipeline"),
        (
            {"joint_blocks.0.context_block.adaLN_modulation.1.bias": (8,)},
            "sd3",
            "StableDiffusion3Pipeline",
        ),
        ({FLUX: (8,), "guidance_in.in_layer.bias": (8,)}, "flux", "FluxPipeline"),
        ({UNET + FLUX: (8,)}, "flux-schnell", "FluxPipeline"),
        ({FLUX: (8,), "distilled_guidance_layer.in_proj.bias": (8,)}, "chroma", "ChromaPipeline"),
        ({"layers.0.adaLN_modulation.0.weight": (8, 8)}, "zimage", "ZImagePipeline"),
        ({"blocks.0.cross_attn.kv_linear.weight": (8, 8)}, "sana", "SanaPipeline"),
    ],
)
def test_single_files_by_their_keys(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], family: str, pipeline: str
) -> None:
    more = {f"{UNET}more.{n}.weight": (4, 4, 1) for n in range(3)}
    found = recognise(made(tmp_path / "m.safetensors", {**shapes, **more}))
    assert (found.family.name, found.pipeline) == (family, pipeline)
    assert found.inpaints == family.endswith("inpaint")
    assert (found.layout, found.dtype, found.name) == ("file", "F16", "m")


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    shapes = {CONV: (8, 4, 3, 3), CROSS: (1, 1024), VAE: (8, 4, 3, 3), TEXT: (77, 8)}
    path = tmp_path / "m.safetensors"
    said = {"license": "CC0-1.0", "title": "Mine", "resolution": "640x512"}
    found = recognise(made(path, shapes, prediction_type="epsilon", **said))
    assert (found.licence, found.title, found.width, found.height) == ("CC0-1.0", "Mine", 640, 512)
    assert (found.family.name, found.prediction, found.whole) == ("sd2-base", "epsilon", True)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"lora_unet_down_blocks_0_attn.lora_down.weight": (4, 8)}, "a LoRA"),
        ({"unet.down_blocks.0.attn1.to_q.lora_A.weight": (4, 8)}, "a LoRA"),
        ({"decoder.conv_in.weight": (8, 4, 3, 3), "encoder.conv_in.bias": (8,), "q": ()}, "a VAE"),
        ({"emb_params": (2, 768)}, "a textual inversion"),
        ({"clip_l": (2, 768), "clip_g": (2, 1280)}, "a textual inversion"),
        ({"control_model.time_embed.0.weight": (8, 8)}, "a ControlNet"),
        ({"ip_adapter.1.to_k_ip.weight": (8, 8), "image_proj.proj.weight": (8, 8)}, "IP-Adapter"),
        ({"text_model.final_layer_norm.bias": (8,), "b": (8,), "c": (8,)}, "a text encoder"),
        ({"head.modulation": (8,), "b": (8, 8), "c": (8,)}, "videos"),
        (
            {"a": (2,), "big.one": (9, 9, 9), "c": (3,)},
            r"3 tensors, the largest big\.one \[9, 9, 9",
        ),
    ],
)
def test_what_is_no_model_is_said_to_be_what_it_is(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(CheckpointError, match=said) as got:
        recognise(made(tmp_path / "m.safetensors", shapes))
    assert "\n" not in str(got.value)


def folder(path: Path, **index: object) -> Path:
    path.mkdir(parents=True)
    (path / "model_index.json").write_text(json.dumps(index))
    return path


def test_refused_folders(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", _class_name=["pipeline", "Mine"])
    with pytest.raises(CheckpointError, match="may not bring code"):
        recognise(own)
    video = folder(tmp_path / "video", _class_name="LTXPipeline")
    with pytest.raises(CheckpointError, match="draws no stills"):
        recognise(video)
    empty = folder(
        tmp_path / "empty",
        _class_name="StableDiffusionPipeline",
        unet=["diffusers", "UNet2DConditionModel"],
    )
    with pytest.raises(CheckpointError, match="weights of UNet2DConditionModel are missing"):
        recognise(empty)
    (empty / "unet").mkdir()
    (empty / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"only a pickle \(diffusion_pytorch_model\.bin\)"):
        recognise(empty)
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "model.ckpt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="only pickles"):
        recognise(tmp_path / "loose")
    with pytest.raises(CheckpointError, match="not there"):
        recognise(tmp_path / "nothing")


def test_a_part_outside_the_folder_is_refused(tmp_path: Path) -> None:
    out = {"../x": ["diffusers", "AutoencoderKL"]}
    with pytest.raises(CheckpointError, match="download it again"):
        recognise(folder(tmp_path / "m", _class_name="FluxPipeline", **out))


@pytest.mark.parametrize("name", ["sd15", "sd15-inpaint", "sdxl", "sdxl-refiner", "flux-schnell"])
def test_folders(tiny: Callable[[str], Path], name: str) -> None:
    found = recognise(tiny(name))
    assert (found.family.name, found.layout, found.dtype) == (name, "folder", "F32")
    assert found.bytes == sum(p.stat().st_size for p in found.path.glob("*/*.safetensors"))


def test_variants_licences_and_half_downloads(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny("sd15"), copy)
    for file in copy.glob("*/*.safetensors"):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    (copy / "README.md").write_text("---\nlicense: other\nlicense_name: mine-1\n---\n# Hello\n")
    found = recognise(copy)
    assert (found.variant, found.licence) == ("fp16", "mine-1")
    unet = copy / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    unet.write_bytes(unet.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="half-downloaded"):
        recognise(copy)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, molnar.bridge.configuring, molnar.bridge.locating, molnar.app.cli.models\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'safetensors', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
