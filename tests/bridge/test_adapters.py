"""Learned words, VAEs, tiny decoders, ControlNets, IP-Adapters: as in diffusers itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import guide_writing as w  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from molnar.base.errors import RequestError, WeightsError  # noqa: E402
from molnar.bridge.embeddings import AskedEmbedding, Embeddings, parse_embeddings  # noqa: E402
from molnar.bridge.guides import control_of, with_control  # noqa: E402
from molnar.bridge.ip_adapters import IPAdapters  # noqa: E402
from molnar.bridge.tiny import TinyDecoder, open_vae  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("own_noise"),
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",  # a scheduler's
    ),
]


def draw(pipe: Any, prompt: str = "a red fox", **more: Any) -> Any:
    with torch.no_grad():
        return pipe(
            prompt,
            num_inference_steps=1,
            height=64,
            width=64,
            guidance_scale=3.0,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            **more,
        ).images


def opened(folder: Path) -> Any:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def sd(tiny: Callable[[str], Path]) -> Any:
    return opened(tiny("sd15"))


@pytest.fixture(scope="module")
def xl(tiny: Callable[[str], Path]) -> Any:
    return opened(tiny("sdxl"))


def same(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("key", ["emb_params", "<toy>"])
def test_a_learned_word_draws_as_diffusers_does(key: str, sd: Any, tmp_path: Path) -> None:
    vectors = torch.randn(3, 32, generator=torch.Generator().manual_seed(5))
    save_file({key: vectors}, tmp_path / "toy.safetensors")
    before = draw(sd)
    table = sd.text_encoder.get_input_embeddings().weight.detach().clone()
    sd.load_textual_inversion({"<toy>": vectors})
    expected = draw(sd, "a red <toy> fox")
    sd.unload_textual_inversion(["<toy>", "<toy>_1", "<toy>_2"])

    words = Embeddings(sd)
    for written in ("a red <embedding:toy> fox", "a red toy fox"):
        prompt, asked = parse_embeddings(written, [tmp_path])
        words.use(asked)
        same(draw(sd, prompt), expected)
        assert len(words.written(prompt).split()) == 6
    assert np.abs(expected - before).max() > 1e-4
    words.clear()
    assert np.array_equal(draw(sd), before)
    assert torch.equal(sd.text_encoder.get_input_embeddings().weight, table)


def test_two_text_encoders_have_a_table_each(xl: Any, tmp_path: Path) -> None:
    noise = torch.Generator().manual_seed(5)
    tables = {"clip_l": torch.randn(2, 16, generator=noise),
              "clip_g": torch.randn(2, 32, generator=noise)}  # fmt: skip
    save_file(tables, tmp_path / "toy.safetensors")
    pairs = {
        "clip_l": (xl.tokenizer, xl.text_encoder),
        "clip_g": (xl.tokenizer_2, xl.text_encoder_2),
    }
    before = draw(xl)
    for key, (tokenizer, encoder) in pairs.items():
        xl.load_textual_inversion({"<toy>": tables[key]}, tokenizer=tokenizer, text_encoder=encoder)
    expected = draw(xl, "a red <toy> fox")
    for tokenizer, encoder in pairs.values():
        xl.unload_textual_inversion(["<toy>", "<toy>_1"], tokenizer=tokenizer, text_encoder=encoder)
    words = Embeddings(xl)
    prompt, asked = parse_embeddings("a red <embedding:toy> fox", [tmp_path])
    words.use(asked)
    same(draw(xl, prompt), expected)
    words.clear()
    assert np.array_equal(draw(xl), before)


def test_embeddings_that_are_refused(sd: Any, tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_bytes(b"")
    with pytest.raises(WeightsError, match="is a pickle"):
        parse_embeddings("an old fox", [tmp_path])
    with pytest.raises(RequestError, match="no adapter 'none'"):
        parse_embeddings("<embedding:none>", [tmp_path])
    save_file(
        {"clip_l": torch.ones(1, 16), "clip_g": torch.ones(1, 32)}, tmp_path / "x.safetensors"
    )
    with pytest.raises(WeightsError, match="expected vectors of 32 numbers"):
        Embeddings(sd).use([AskedEmbedding("x", tmp_path / "x.safetensors")])


def test_another_vae(sd: Any, tmp_path: Path) -> None:
    other = copy.deepcopy(sd.vae)
    with torch.no_grad():
        for value in other.parameters():
            value.mul_(0.9)
    other.save_pretrained(tmp_path / "vae")
    own, sd.vae = sd.vae, other
    expected = draw(sd)
    try:
        for path in ("vae", "vae/diffusion_pytorch_model.safetensors"):
            sd.vae = open_vae(tmp_path / path, own)
            same(draw(sd), expected)
    finally:
        sd.vae = own
    save_file({"decoder.conv_in.weight": torch.ones(3)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match="lacks"):
        open_vae(tmp_path / "odd.safetensors", own)


def test_tiny_decoders_from_a_folder_and_from_the_first_files(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4
    ).eval()
    whole.save_pretrained(tmp_path / "taesd")
    files = {
        f"{int(number) + 1}.{rest}": value
        for key, value in whole.decoder.state_dict().items()
        for number, _, rest in [key.removeprefix("layers.").partition(".")]
    }
    save_file(files, tmp_path / "taesd_decoder.safetensors")
    latents = torch.randn(2, 4, 4, 4)
    with torch.no_grad():
        decoded = whole.decode(latents).sample.clamp(-1, 1)
    expected = ((decoded + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    whole_file = tmp_path / "taesd" / "diffusion_pytorch_model.safetensors"
    for path in (tmp_path / "taesd", tmp_path / "taesd_decoder.safetensors", whole_file):
        decoder = TinyDecoder.open(path, channels=4)
        assert np.array_equal(decoder.preview(latents), expected)
        assert decoder.preview(latents[0].numpy()).shape == (32, 32, 3)
    with pytest.raises(WeightsError, match="have 16: use"):
        TinyDecoder.open(tmp_path / "taesd", channels=16)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_controlnet_guides_as_in_diffusers(family: str, sd: Any, xl: Any, tmp_path: Path) -> None:
    pipe = {"sd15": sd, "sdxl": xl}[family]
    net = w.control_net(pipe)
    net.save_pretrained(tmp_path / "net")
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    edges = Image.fromarray(pixels)
    kind = type(pipe).__name__.replace("Pipeline", "ControlNetPipeline")
    plain = getattr(diffusers, kind)(**pipe.components, controlnet=net)
    plain.set_progress_bar_config(disable=True)
    expected = draw(plain, image=edges, controlnet_conditioning_scale=0.7)
    assert np.abs(expected - draw(pipe)).max() > 1e-3

    read = control_of(tmp_path / "net", pipe).net
    guided = with_control(pipe, [read], [edges], [0.7])
    same(draw(guided.pipe, **guided.arguments), expected)
    assert guided.pipe.unet is pipe.unet
    both = with_control(pipe, [read, net], [edges, edges], [0.35, 0.35])
    same(draw(both.pipe, **both.arguments), expected)


def test_a_controlnet_as_one_file(sd: Any, xl: Any, tmp_path: Path) -> None:
    torch.manual_seed(3)
    diffusers.ControlNetModel.from_unet(sd.unet).save_pretrained(tmp_path / "net")
    file = tmp_path / "net" / "diffusion_pytorch_model.safetensors"
    one, other = (
        control_of(file, sd).net.state_dict(),
        control_of(tmp_path / "net", sd).net.state_dict(),
    )
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    with pytest.raises(WeightsError, match="lacks"):
        control_of(file, xl)
    with pytest.raises(WeightsError, match="another family"):
        control_of(tmp_path / "net", xl)
    with pytest.raises(RequestError, match="expected one of each"):
        with_control(sd, [], [], [])


def test_an_ip_adapter_shows_as_in_diffusers(sd: Any, tmp_path: Path) -> None:
    path = w.write_ip_adapter(sd, tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    shown = Image.fromarray(pixels)
    before = draw(sd)
    sd.load_ip_adapter(
        str(tmp_path), subfolder="", weight_name="ip.safetensors", local_files_only=True
    )
    sd.set_ip_adapter_scale(0.6)
    expected = draw(sd, ip_adapter_image=shown)
    sd.unload_ip_adapter()
    sd.feature_extractor = None
    adapters = IPAdapters(sd)
    adapters.use([path], [0.6])
    same(draw(sd, ip_adapter_image=[shown]), expected)
    assert np.abs(expected - before).max() > 1e-4
    adapters.clear()
    assert np.array_equal(draw(sd), before)
    save_file({"a": torch.ones(1)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match="is no IP-Adapter"):
        adapters.use([tmp_path / "odd.safetensors"], [1.0])
