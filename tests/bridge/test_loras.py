"""LoRA files in every naming change the picture as diffusers' own loader does, and go away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("peft")

import lora_writing as w  # noqa: E402

from molnar.base.errors import WeightsError  # noqa: E402
from molnar.bridge.lora_files import Lora  # noqa: E402
from molnar.bridge.loras import Loras, Report, apply_loras  # noqa: E402

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


@pytest.fixture(scope="module")
def xl(tiny: Callable[[str], Path]) -> Any:
    return w.opened(tiny("sdxl"))


@pytest.fixture(scope="module")
def plain(sd: Any) -> Any:
    return w.draw(sd)


@pytest.fixture
def loras(sd: Any) -> Iterator[Loras]:
    one = Loras(sd)
    yield one
    one.clear()


@pytest.mark.parametrize("name", ["kohya", "diffusers", "diffusers 0.17"])
def test_every_naming_draws_as_diffusers_does(
    name: str, loras: Loras, plain: Any, tmp_path: Path
) -> None:
    path = w.written(tmp_path, w.FORMATS[name](w.changes(loras.pipe)))
    expected = w.theirs(loras.pipe, (path, 0.8))
    assert np.abs(expected - plain).max() > 3e-3  # the file does something
    (report,) = loras.use([(path, 0.8)])
    w.same(w.draw(loras.pipe), expected)
    assert report.unmatched == ()
    assert report.matched == {"diffusers 0.17": 3}.get(name, 8)


def test_the_oldest_files_do_not_even_name_the_network(loras: Loras, tmp_path: Path) -> None:
    named = w.old_style(w.changes(loras.pipe))
    loras.use([(w.written(tmp_path, named, "named"), 1.0)])
    expected = w.draw(loras.pipe)
    bare = {key.removeprefix("unet."): value for key, value in named.items()}
    loras.use([(w.written(tmp_path, bare, "bare"), 1.0)])
    assert np.array_equal(w.draw(loras.pipe), expected)


def test_the_linear_layers_of_text_encoders_by_their_middle_name(
    loras: Loras, tmp_path: Path
) -> None:
    found = w.changes(loras.pipe)
    new = w.written(tmp_path, w.FORMATS["diffusers"](found))
    tensors = {}
    for (component, path), (down, up) in found.items():
        inner, end = ("text_model.", "lora_linear_layer") if "text" in component else ("", "lora")
        tensors[f"{component}.{inner}{path}.{end}.down.weight"] = down
        tensors[f"{component}.{inner}{path}.{end}.up.weight"] = up
    loras.use([(new, 1.0)])
    expected = w.draw(loras.pipe)
    loras.use([(w.written(tmp_path, tensors, "older"), 1.0)])
    assert np.array_equal(w.draw(loras.pipe), expected)


def test_sdxl_by_the_names_of_its_first_program(xl: Any, tmp_path: Path) -> None:
    tensors = {}
    for path, name in w.SGM.items():
        down, up = w.low_rank(xl, "unet", path)
        tensors[f"lora_unet_{name}.lora_down.weight"] = down
        tensors[f"lora_unet_{name}.lora_up.weight"] = up
        tensors[f"lora_unet_{name}.alpha"] = torch.tensor(1.5)
    for component, start in (("text_encoder", "lora_te1_"), ("text_encoder_2", "lora_te2_")):
        for path in w.TEXT:
            down, up = w.low_rank(xl, component, w.text_name(xl, path, component))
            name = f"{start}text_model_{path.replace('.', '_')}"
            tensors[f"{name}.lora_down.weight"], tensors[f"{name}.lora_up.weight"] = down, up
            tensors[f"{name}.alpha"] = torch.tensor(1.0)
    path = w.written(tmp_path, tensors)
    before = w.draw(xl)
    expected = w.theirs(xl, (path, 0.7))
    loras = Loras(xl)
    (report,) = loras.use([(path, 0.7)])
    w.same(w.draw(xl), expected)
    assert (report.matched, report.unmatched, report.kind) == (
        len(w.SGM) + 2 * len(w.TEXT),
        (),
        "LoCon",
    )
    loras.clear()
    assert np.array_equal(w.draw(xl), before)


def test_what_peft_saves_with_its_settings_beside_it(loras: Loras, tmp_path: Path) -> None:
    found = {path: w.low_rank(loras.pipe, "unet", path) for path in w.UNET}
    tensors = {}
    for path, (down, up) in found.items():
        tensors[f"base_model.model.{path}.lora_A.weight"] = down
        tensors[f"base_model.model.{path}.lora_B.weight"] = up
    path = w.written(tmp_path, tensors, "adapter_model")
    special = w.UNET[0].split(".", 2)[-1]
    settings = {"r": 3, "lora_alpha": 6, "alpha_pattern": {special: 1}, "use_rslora": False}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    baked = {
        f"unet.{key}.lora_{end}.weight": tensor * (1 if end == "A" else alpha / 3)
        for key, (down, up) in found.items()
        for alpha in [1 if key.endswith(special) else 6]
        for end, tensor in (("A", down), ("B", up))
    }
    expected = w.theirs(loras.pipe, (baked, 1.0))
    loras.use([(path, 1.0)])
    w.same(w.draw(loras.pipe), expected)


def test_diffusers_keeps_settings_in_the_file(loras: Loras, tmp_path: Path) -> None:
    found = {("unet", path): w.low_rank(loras.pipe, "unet", path) for path in w.UNET}
    settings = {"unet.r": 3, "unet.lora_alpha": 1, "unet.target_modules": w.UNET}
    metadata = {"lora_adapter_metadata": json.dumps(settings), "format": "pt"}
    path = w.written(tmp_path, w.FORMATS["diffusers"](found), metadata=metadata)
    expected = w.theirs(loras.pipe, (path, 1.0))
    loras.use([(path, 1.0)])
    w.same(w.draw(loras.pipe), expected)


def test_two_at_once_with_weights_and_convolutions(loras: Loras, tmp_path: Path) -> None:
    one = w.written(tmp_path, w.kohya(w.changes(loras.pipe, w.CONVOLUTIONS)), "one")
    other = {
        key: value.flip(0) for key, value in w.FORMATS["diffusers"](w.changes(loras.pipe)).items()
    }
    two = w.written(tmp_path, other, "two")
    expected = w.theirs(loras.pipe, (one, 0.8), (two, -0.4))
    reports = loras.use([(one, 0.8), (two, -0.4)])
    w.same(w.draw(loras.pipe), expected)
    assert [report.kind for report in reports] == ["LoCon", "LoRA"]


def test_a_weight_of_its_own_for_the_text(loras: Loras, tmp_path: Path) -> None:
    path = w.written(tmp_path, w.kohya(w.changes(loras.pipe)))
    loras.pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name="a")
    loras.pipe.set_adapters(["a"], [{"unet": 0.9, "text_encoder": 0.2}])
    expected = w.draw(loras.pipe)
    loras.pipe.unload_lora_weights()
    loras.use([Lora(path, 0.9, 0.2)])
    w.same(w.draw(loras.pipe), expected)


def test_what_fits_nothing_is_listed(loras: Loras, tmp_path: Path) -> None:
    tensors = w.kohya(w.changes(loras.pipe))
    tensors["lora_unet_strange_layer.lora_down.weight"] = torch.ones(1, 8)
    tensors["lora_te_text_model_final.lora_mid.weight"] = torch.ones(1, 8)
    (report,) = apply_loras(loras.pipe, [(w.written(tmp_path, tensors), 1.0)], loras)
    assert report.matched == 8
    assert set(report.unmatched) == {
        "lora_unet_strange_layer.lora_down.weight",
        "lora_te_text_model_final.lora_mid.weight",
    }


def test_another_family_is_refused_in_one_line_and_nothing_stays(
    loras: Loras, xl: Any, plain: Any, tmp_path: Path
) -> None:
    good = w.written(tmp_path, w.kohya(w.changes(loras.pipe)), "good")
    tensors = {}
    for path, name in w.SGM.items():
        for end, tensor in zip(("down", "up"), w.low_rank(xl, "unet", path), strict=True):
            tensors[f"lora_unet_{name}.lora_{end}.weight"] = tensor
    other = w.written(tmp_path, tensors, "xl", {"ss_base_model_version": "sdxl_base_v1-0"})
    loras.use([(good, 1.0)])
    with_good = w.draw(loras.pipe)
    with pytest.raises(WeightsError, match=r"of 26 keys fit StableDiffusionPipeline.*SDXL") as told:
        loras.use([(good, 0.5), (other, 1.0)])
    assert "\n" not in str(told.value)
    assert np.array_equal(w.draw(loras.pipe), with_good)  # as before the call
    loras.clear()
    assert np.array_equal(w.draw(loras.pipe), plain)


def test_stable_diffusion_2_is_told_by_the_width_of_its_text(loras: Loras, tmp_path: Path) -> None:
    """Every name is the same; only what reads the text has another shape."""
    tensors = {}
    for path, module in loras.pipe.unet.named_modules():
        if path.endswith((".to_q", ".to_k", ".to_v", ".to_out.0")):
            wide = 1024 if path.endswith(("attn2.to_k", "attn2.to_v")) else module.in_features
            tensors[f"unet.{path}.lora_A.weight"] = torch.zeros(2, wide)
            tensors[f"unet.{path}.lora_B.weight"] = torch.zeros(module.out_features, 2)
    with pytest.raises(WeightsError, match="Stable Diffusion 2"):
        loras.use([(w.written(tmp_path, tensors), 1.0)])


def test_changed_between_requests_and_gone_to_the_bit(
    loras: Loras, plain: Any, tmp_path: Path
) -> None:
    told = []
    loras.on_change = told.append
    one = w.written(tmp_path, w.kohya(w.changes(loras.pipe)), "one")
    two = w.written(tmp_path, w.FORMATS["diffusers 0.17"](w.changes(loras.pipe)), "two")
    weights = {key: value.clone() for key, value in loras.pipe.unet.state_dict().items()}
    loras.use([(one, 1.0)])
    first = w.draw(loras.pipe)
    loras.use([(two, 0.3)])
    assert not np.array_equal(w.draw(loras.pipe), first)
    loras.use([(one, 1.0)])
    assert np.array_equal(w.draw(loras.pipe), first)
    changes_so_far = len(told)
    loras.use([(one, 1.0)])
    assert len(told) == changes_so_far  # asked again, nothing to do
    loras.clear()
    assert np.array_equal(w.draw(loras.pipe), plain)
    now = loras.pipe.unet.state_dict()
    assert all(torch.equal(value, now[key]) for key, value in weights.items())
    assert {str(target) for target in told[0]} >= {f"unet.{path}" for path in w.UNET}


def test_pickles_and_broken_files(loras: Loras, tmp_path: Path) -> None:
    (tmp_path / "it.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        loras.use([(tmp_path / "it.safetensors", 1.0)])
    with pytest.raises(WeightsError, match="is a pickle"):
        loras.use([(tmp_path / "it.ckpt", 1.0)])
    with pytest.raises(WeightsError, match="cannot be read"):
        loras.use([(tmp_path / "none.safetensors", 1.0)])


def test_a_report_says_what_became_of_a_file() -> None:
    assert Report(Path("ink.safetensors"), 2, ("odd",), "LoRA").unmatched == ("odd",)
