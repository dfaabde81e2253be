"""DoRA, LoHa, LoKr, half precision, layers beside weights, and Flux."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("peft")

import lora_writing as w  # noqa: E402

from molnar.bridge.loras import Loras  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        # Of peft, at a second adapter; diffusers' own loader comes by here with several too.
        "ignore:Already found a `peft_config` attribute:UserWarning",
        "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",  # a scheduler's
    ),
]


@pytest.fixture(scope="module")
def sd(tiny: Callable[[str], Path]) -> Any:
    return w.opened(tiny("sd15"))


@pytest.fixture
def loras(sd: Any) -> Iterator[Loras]:
    yield (one := Loras(sd))
    one.clear()


@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_dora_as_peft_computes_it(weight: float, loras: Loras, tmp_path: Path) -> None:
    paths = [w.UNET[0], w.UNET[3], w.CONVOLUTIONS[0]]
    found = {("unet", path): w.low_rank(loras.pipe, "unet", path) for path in paths}
    dora = {
        path: 1.3 * loras.pipe.unet.get_submodule(path).weight.detach().flatten(1).norm(dim=1)
        for path in paths
    }
    tensors = w.FORMATS["diffusers"](found)
    shaped = {
        path: value.reshape(1, -1, 1, 1) if path in w.CONVOLUTIONS else value
        for path, value in dora.items()
    }
    tensors |= {f"unet.{path}.lora_magnitude_vector": shaped[path] for path in paths}
    path = w.written(tmp_path, tensors)
    expected = w.theirs(loras.pipe, (path, weight))
    (report,) = loras.use([(path, weight)])
    w.same(w.draw(loras.pipe), expected)
    assert report.kind == "DoRA"
    # diffusers leaves kohya's magnitudes out; the same numbers under that name must draw the same.
    kohyas = w.kohya(found, alpha=3.0)
    for key, value in dora.items():
        column = value.reshape(-1, *(1,) * (found["unet", key][0].dim() - 1))
        kohyas[f"lora_unet_{key.replace('.', '_')}.dora_scale"] = column
    loras.use([(w.written(tmp_path, kohyas, "kohya"), weight)])
    w.same(w.draw(loras.pipe), expected)


def test_loha_and_lokr_as_peft_computes_them(loras: Loras, tmp_path: Path) -> None:
    from peft import LoHaConfig, LoKrConfig, inject_adapter_in_model
    from peft.utils import get_peft_model_state_dict

    paths = [w.UNET[0], w.UNET[3], w.CONVOLUTIONS[0]]
    for kind, start in ((LoHaConfig, "LoHa"), (LoKrConfig, "LoKr")):
        unet = copy.deepcopy(loras.pipe.unet)
        config = kind(
            r=2, alpha=3, target_modules=paths, init_weights=False, use_effective_conv2d=True
        )
        torch.manual_seed(2)
        wrapped = inject_adapter_in_model(config, unet)
        saved = get_peft_model_state_dict(wrapped, state_dict=None)
        expected = {p: wrapped.get_submodule(p).get_delta_weight("default") for p in paths}
        tensors = {f"base_model.model.{key}": value for key, value in saved.items()}
        (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 3}))
        before = {p: loras.pipe.unet.get_submodule(p).weight.detach().clone() for p in paths}
        file = w.written(tmp_path, tensors, "adapter_model")
        (report,) = loras.use([(file, 0.5)])
        assert report.kind == start
        assert report.matched == len(paths)
        for path in paths:
            now = loras.pipe.unet.get_submodule(path).weight.detach()
            w.same(now, before[path] + 0.5 * expected[path].detach())
        loras.clear()


def test_half_precision_is_rounded_once(sd: Any, tmp_path: Path) -> None:
    half = SimpleNamespace(components={"unet": copy.deepcopy(sd.unet).half()})
    found = {("unet", path): w.low_rank(sd, "unet", path) for path in w.UNET}
    before = half.components["unet"].get_submodule(w.UNET[0]).weight.detach().clone()
    Loras(half).use([(w.written(tmp_path, w.kohya(found)), 1.0)])
    down, up = found["unet", w.UNET[0]]
    now = half.components["unet"].get_submodule(w.UNET[0]).weight
    assert torch.equal(now, (before.float() + up @ down * (2 / 3)).half())


def test_beside_weights_that_cannot_be_added_to(
    loras: Loras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = w.draw(loras.pipe)
    path = w.written(tmp_path, w.kohya(w.changes(loras.pipe, w.CONVOLUTIONS)))
    loras.use([(path, 0.8)])
    expected = w.draw(loras.pipe)
    monkeypatch.setattr("molnar.bridge.loras.PLAIN", ())
    loras.use([(path, 0.7)])
    loras.use([(path, 0.8)])
    w.same(w.draw(loras.pipe), expected)
    loras.clear()
    assert np.array_equal(w.draw(loras.pipe), plain)
    assert not any("lora" in name for name, _ in loras.pipe.unet.named_modules())


@pytest.fixture(scope="module")
def flux() -> Any:
    """The transformer of Flux alone, in a pipeline without any other part."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
        )
    kind = diffusers.FluxPipeline
    return kind(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=None, text_encoder=None, tokenizer=None, text_encoder_2=None, tokenizer_2=None,
        transformer=transformer.eval(),
    )  # fmt: skip


def velocity(pipe: Any) -> Any:
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return pipe.transformer(
            hidden_states=torch.randn(1, 4, 4, generator=noise),
            encoder_hidden_states=torch.randn(1, 3, 32, generator=noise),
            pooled_projections=torch.randn(1, 32, generator=noise),
            timestep=torch.tensor([0.5]),
            img_ids=torch.zeros(4, 3),
            txt_ids=torch.zeros(3, 3),
        ).sample.numpy()


@pytest.mark.parametrize("naming", ["kohya", "diffusers"])
def test_flux_by_kohyas_fused_names_and_by_its_own(naming: str, flux: Any, tmp_path: Path) -> None:
    noise = torch.Generator().manual_seed(2)
    shapes = (
        {"double_blocks_0_img_attn_qkv": (96, 32), "double_blocks_0_txt_mlp_0": (128, 32),
         "single_blocks_0_modulation_lin": (96, 32)}
        if naming == "kohya"
        else {"transformer_blocks.0.attn.to_q": (32, 32), "single_transformer_blocks.0.proj_mlp":
              (128, 32)}
    )  # fmt: skip
    tensors = {}
    for name, (out, into) in shapes.items():
        down, up = (torch.randn(size, generator=noise) for size in ((2, into), (out, 2)))
        if naming == "kohya":
            tensors[f"lora_unet_{name}.lora_down.weight"] = down
            tensors[f"lora_unet_{name}.lora_up.weight"] = up
            tensors[f"lora_unet_{name}.alpha"] = torch.tensor(1.0)
        else:
            tensors[f"transformer.{name}.lora_A.weight"] = down
            tensors[f"transformer.{name}.lora_B.weight"] = up
    path = w.written(tmp_path, tensors)
    before = velocity(flux)
    flux.load_lora_weights(tmp_path, weight_name=path.name, adapter_name="a")
    flux.set_adapters(["a"], [0.6])
    expected = velocity(flux)
    flux.unload_lora_weights()
    loras = Loras(flux)
    (report,) = loras.use([(path, 0.6)])
    w.same(velocity(flux), expected)
    assert np.abs(expected - before).max() > 1e-2
    assert report.unmatched == ()
    loras.clear()
    assert np.array_equal(velocity(flux), before)
