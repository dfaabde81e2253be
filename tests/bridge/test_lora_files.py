"""Which file a prompt's `<lora:name:weight>` means, and what its keys say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from molnar.base.errors import RequestError, WeightsError
from molnar.bridge.guide_files import loras_in
from molnar.bridge.lora_families import looks_like
from molnar.bridge.lora_files import AskedLora, find_adapter, given_loras, parse_loras
from molnar.bridge.lora_keys import sgm_name


def test_names_and_weights_come_out_of_the_prompt() -> None:
    prompt, asked = parse_loras("a <lora:Ink:0.8> fox, <lora:paper> <lyco:a b:1:0.5:2>night")
    assert prompt == "a fox, night"
    assert asked == (AskedLora("Ink", 0.8), AskedLora("paper"), AskedLora("a b", 1.0, 0.5))
    assert parse_loras("1 < 2 and lora:x") == ("1 < 2 and lora:x", ())


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("<lora:ink:much>", "weight 'much'"),
        ("<lora:ink:-11>", "expected -10 to 10"),
        ("<hypernet:ink:1>", "hypernetwork 'ink'"),
        ("<lora:a>" * 17, "asks for 17 LoRAs"),
    ],
)
def test_what_cannot_be_meant_is_refused(prompt: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        parse_loras(prompt)


def test_files_are_found_by_name_and_never_outside(tmp_path: Path) -> None:
    folder, other = tmp_path / "loras", tmp_path / "more"
    for path in ("loras/Ink.v2.safetensors", "loras/deep/paper.safetensors",
                 "more/ink.v2.safetensors",
                 "more/moss/adapter_model.safetensors", "out.safetensors", "loras/old.ckpt",
                 "more/both.pt", "more/sub/both.safetensors"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    folders = [tmp_path / "absent", folder, other]
    assert find_adapter("INK.v2", folders) == folder / "Ink.v2.safetensors"
    assert find_adapter("ink.v2.safetensors", folders).is_file()
    assert find_adapter("PAPER", folders) == folder / "deep" / "paper.safetensors"
    assert find_adapter("deep/paper", folders) == folder / "deep" / "paper.safetensors"
    assert find_adapter("moss", folders) == other / "moss" / "adapter_model.safetensors"
    assert find_adapter("both", folders).suffix == ".safetensors"
    with pytest.raises(WeightsError, match=r"old\.ckpt is a pickle"):
        find_adapter("old", folders)
    with pytest.raises(RequestError, match="did you mean paper"):
        find_adapter("papre", folders)
    for outside in ("../out", str(tmp_path / "out.safetensors")):
        with pytest.raises(RequestError, match="there is no adapter"):
            find_adapter(outside, folders)


def test_the_command_line_names_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("ink.safetensors", "deep/Oil.v2.safetensors", "moss/adapter_model.safetensors",
                 "old.ckpt", "other/ink.safetensors", "deep/in{k}.safetensors"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for text, name, weights, there in [
        ("ink", "ink", "1", False),
        ("ink:0.8:0.5", "ink", "0.8:0.5", False),
        ("nested/ink:2", "nested/ink", "2", False),
        ("ink.safetensors", "ink", "1", True),
        ("./ink:0.8", "ink", "0.8", True),
        ("~/deep/Oil.v2.safetensors:-1", "Oil.v2", "-1", True),
        (f"{tmp_path}/deep/Oil.v2:0.8:0", "Oil.v2", "0.8:0", True),
        ("moss/:0.5", "moss", "0.5", True),
    ]:
        [one] = given_loras([text])
        assert (one.name, one.weights, one.path is not None) == (name, weights, there), text
        assert not there or (one.path is not None and one.path.is_file())
    for wrong, told in [
        (["./none:0.8"], "there is no LoRA at ./none:0.8"),
        (["deep/in{k}"], "a name that no prompt can hold"),
        (["./ink", "other/ink:0.5"], "have one name"),
    ]:
        with pytest.raises(RequestError, match=told):
            given_loras(wrong)
    with pytest.raises(WeightsError, match="is a pickle"):
        given_loras(["old.ckpt:0.5"])


def test_names_of_the_first_programs() -> None:
    # From the state dict of a published SDXL base, by position.
    assert sgm_name("conv_in", 2) == "input_blocks.0.0"
    assert sgm_name("down_blocks.2.attentions.1.proj_out", 2) == "input_blocks.8.1.proj_out"
    assert sgm_name("down_blocks.1.downsamplers.0.conv", 2) == "input_blocks.6.0.op"
    assert sgm_name("mid_block.resnets.1.conv1", 2) == "middle_block.2.in_layers.2"
    assert sgm_name("up_blocks.1.upsamplers.0.conv", 2) == "output_blocks.5.2.conv"
    assert sgm_name("up_blocks.2.resnets.2.conv_shortcut", 2) == "output_blocks.8.0.skip_connection"
    assert sgm_name("strange", 2) is None


def test_what_a_file_was_made_for() -> None:
    assert looks_like({}, {"modelspec.architecture": "flux-1-dev/lora"}) == "Flux"
    assert looks_like({}, {"ss_base_model_version": "sd_v1"}) == "Stable Diffusion 1"
    double = {"lora_unet_double_blocks_0_img_attn_qkv.alpha": None}
    assert looks_like(double, {}) == "Flux"
    assert looks_like({"a": None}, {}) == "an architecture that is not known here"


def test_what_a_prompt_may_name_is_listed_and_nothing_else(tmp_path: Path) -> None:
    file = {"lora_unet_x.lora_down.weight": np.zeros((1, 2), np.float32)}
    (tmp_path / "sub" / "moss").mkdir(parents=True)
    save_file(file, tmp_path / "ink.safetensors")
    save_file(file, tmp_path / "sub" / "oil.safetensors")
    save_file(file, tmp_path / "sub" / "moss" / "adapter_model.safetensors")
    save_file({"ip_adapter.1.to_k.weight": np.zeros(1)}, tmp_path / "face.safetensors")
    (tmp_path / "old.ckpt").write_bytes(b"")
    assert loras_in([tmp_path, tmp_path / "none"]) == ["ink", "moss", "oil"]
