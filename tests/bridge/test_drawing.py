"""Tiny checkpoints draw through molnar what diffusers draws by itself, given the same noise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")

import torch

from molnar.base.errors import RequestError
from molnar.base.request import Picture, Request, Variation, request_from
from molnar.base.rng import PictureRng, noise, varied
from molnar.bridge.drawing import Checkpoint
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise

Open = Callable[[str], Checkpoint]
RED_FOX = Request(prompt="a red fox", height=64, width=96, steps=3, seed=7)


@pytest.fixture(scope="module")
def opened(tiny: Callable[[str], Path]) -> Open:
    found: dict[str, Checkpoint] = {}

    def get(name: str) -> Checkpoint:
        if name not in found:
            found[name] = open_checkpoint(recognise(tiny(name)), Options(exact=True))
        return found[name]

    return get


def alone(folder: Path, kind: str = "DiffusionPipeline") -> Any:
    """Open a folder with diffusers and nothing else."""
    import diffusers

    pipe = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def start(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(noise(seed, 0, shape))[None]


def pixels(output: Any) -> Any:
    return np.asarray(output.images[0])


def feed(monkeypatch: pytest.MonkeyPatch, pipe: Any, seed: int) -> None:
    """Let a plain pipeline find in turn the noises that molnar gives a picture."""
    count = iter(range(100))
    sampler = PictureRng([seed])

    def randn(shape: Any, *rest: Any, dtype: Any = None, **how: Any) -> torch.Tensor:
        return torch.from_numpy(noise(seed, next(count), tuple(shape)[1:]))[None].to(dtype)

    def added(shape: Any, *rest: Any, dtype: Any = None, **how: Any) -> torch.Tensor:
        return torch.from_numpy(sampler.normal(tuple(shape)[1:])).to(dtype)

    import sys

    monkeypatch.setattr(sys.modules[type(pipe).__module__], "randn_tensor", randn)
    vae = sys.modules["diffusers.models.autoencoders.vae"]
    monkeypatch.setattr(vae, "randn_tensor", randn)
    scheduler = sys.modules[type(pipe.scheduler).__module__]
    if hasattr(scheduler, "randn_tensor"):
        monkeypatch.setattr(scheduler, "randn_tensor", added)


@pytest.mark.parametrize("name", ["sd15", "sd2", "sdxl"])
def test_words_to_a_picture(name: str, tiny: Callable[[str], Path], opened: Open) -> None:
    [picture] = opened(name)(RED_FOX.replaced(negative_prompt="blurred"))
    wanted = alone(tiny(name))(
        "a red fox",
        negative_prompt="blurred",
        height=64,
        width=96,
        num_inference_steps=3,
        guidance_scale=picture.request.guidance,
        latents=start(7, 4, 8, 12),
    )
    assert np.array_equal(picture.image, pixels(wanted))
    assert picture.image.std() > 1  # not one grey


def test_weights_and_long_prompts_are_read_in_chunks(opened: Open) -> None:
    from molnar.bridge.weighing import embeddings
    from molnar.text.grammar import Term

    for name, both in (("sd15", False), ("sdxl", True)):
        pipe = opened(name).pipe
        told = embeddings(pipe, Term("a red fox"), Term("blurred"))
        with torch.no_grad():
            own = pipe.encode_prompt(
                "a red fox",
                negative_prompt="blurred",
                device="cpu",
                num_images_per_prompt=1,
                do_classifier_free_guidance=True,
            )
        names = ["prompt_embeds", "negative_prompt_embeds"]
        names += ["pooled_prompt_embeds", "negative_pooled_prompt_embeds"] if both else []
        for key, wanted in zip(names, own, strict=True):
            assert torch.equal(told[key], wanted), key
    weighed = embeddings(pipe, Term("a (red:1.5) fox"), None)
    plain = embeddings(pipe, Term("a red fox"), None)
    ratio = (weighed["prompt_embeds"] / plain["prompt_embeds"]).mean(-1)[0]
    first, ink = ratio[0], len(pipe.tokenizer("a").input_ids) - 1
    assert torch.allclose(ratio[ink] / first, torch.tensor(1.5), atol=1e-3)
    long = embeddings(pipe, Term("a fox BREAK " + "red " * 100), Term(""))
    assert long["prompt_embeds"].shape == long["negative_prompt_embeds"].shape
    assert long["prompt_embeds"].shape[1] > 2 * 77
    [picture] = opened(name)(RED_FOX.replaced(prompt="a (red:1.5) fox BREAK snow"))
    [other] = opened(name)(RED_FOX.replaced(prompt="a red fox"))
    assert not np.array_equal(picture.image, other.image)


def test_a_stochastic_sampler(
    tiny: Callable[[str], Path], opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    [picture] = opened("sd15")(RED_FOX.replaced(sampler="euler_ancestral"))
    pipe = alone(tiny("sd15"))
    pipe.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    feed(monkeypatch, pipe, 7)
    wanted = pipe("a red fox", height=64, width=96, num_inference_steps=3, guidance_scale=7.5)
    assert np.array_equal(picture.image, pixels(wanted))


def test_from_a_picture(
    tiny: Callable[[str], Path], opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from PIL import Image

    old = Image.fromarray(opened("sd15")(RED_FOX)[0].image)
    old.save(tmp_path / "old.png")
    request = RED_FOX.replaced(image=str(tmp_path / "old.png"), strength=0.7, seed=8, steps=4)
    *steps, picture = opened("sd15").draw(request)
    pipe = alone(tiny("sd15"), "StableDiffusionImg2ImgPipeline")
    feed(monkeypatch, pipe, 8)
    wanted = pipe("a red fox", image=old, strength=0.7, num_inference_steps=4, guidance_scale=7.5)
    assert isinstance(picture, Picture)
    assert np.array_equal(picture.image, pixels(wanted))
    assert [step.index for step in steps] == list(range(steps[0].of))
    [same] = opened("sd15")(request.replaced(strength=0.0))
    assert np.array_equal(same.image, np.asarray(old))


@pytest.mark.parametrize("name", ["sd15", "sd15-inpaint"])
def test_inside_a_mask(
    name: str,
    tiny: Callable[[str], Path],
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    old = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 32:64] = 255
    Image.fromarray(old).save(tmp_path / "old.png")
    Image.fromarray(mask).convert("RGB").save(tmp_path / "mask.png")
    request = RED_FOX.replaced(
        image=str(tmp_path / "old.png"), mask=str(tmp_path / "mask.png"), feather=0
    )
    [picture] = opened(name)(request)
    pipe = alone(tiny(name), "StableDiffusionInpaintPipeline")
    feed(monkeypatch, pipe, 7)
    wanted = pixels(
        pipe(
            "a red fox",
            image=Image.fromarray(old),
            mask_image=Image.fromarray(mask),
            height=64,
            width=96,
            num_inference_steps=3,
            guidance_scale=7.5,
            strength=1.0,
        )
    )
    inside = mask > 0
    assert np.array_equal(picture.image[inside], wanted[inside])
    assert np.array_equal(picture.image[~inside], old[~inside])


def test_beyond_its_edges(opened: Open, tmp_path: Path) -> None:
    from PIL import Image

    old = np.full((48, 64, 3), 90, np.uint8)
    Image.fromarray(old).save(tmp_path / "old.png")
    request = RED_FOX.replaced(image=str(tmp_path / "old.png"), outpaint=(16, 8, 16, 8))
    [picture] = opened("sd15")(request)
    assert np.array_equal(picture.image[8:56, 16:80], old)
    assert picture.image[:4].std() > 1


def test_several_are_each_what_they_are_alone(opened: Open) -> None:
    checkpoint = opened("sd15")
    both = checkpoint(RED_FOX.replaced(count=2, seed=2**32 - 1))
    single = [checkpoint(RED_FOX.replaced(seed=seed))[0] for seed in (2**32 - 1, 0)]
    for one, other in zip(both, single, strict=True):
        assert np.array_equal(one.image, other.image)
    [second] = [e for e in checkpoint.draw(both[0].request, only=[1]) if isinstance(e, Picture)]
    assert second.index == 1
    assert np.array_equal(second.image, both[1].image)


def test_variations_walk_along_the_sphere(tiny: Callable[[str], Path], opened: Open) -> None:
    request = RED_FOX.replaced(variations=(Variation(seed=9, strength=0.3),))
    [picture] = opened("sd15")(request)
    moved = torch.from_numpy(varied(7, (4, 8, 12), ((9, 0.3),)))[None]
    wanted = alone(tiny("sd15"))(
        "a red fox", height=64, width=96, num_inference_steps=3, latents=moved
    )
    assert np.array_equal(picture.image, pixels(wanted))


def test_steps_come_one_by_one_and_stop_at_once(opened: Open) -> None:
    checkpoint = opened("sdxl")
    unet, calls = checkpoint.pipe.unet, 0

    def counted(*_: Any) -> None:
        nonlocal calls
        calls += 1

    hook = unet.register_forward_hook(counted)
    before = set(threading.enumerate())
    with closing(checkpoint.draw(RED_FOX.replaced(steps=9))) as events:  # type: ignore[type-var]
        first = next(events)
        assert not isinstance(first, Picture)
        assert (first.index, first.of, first.x0.shape) == (0, 9, (1, 4, 8, 12))
        assert 0 < next(events).t < first.t < 1  # type: ignore[union-attr]
        assert checkpoint.preview(first).shape == (8, 12, 3)
    hook.remove()
    assert calls <= 3  # the step that ran when it was closed is the last
    assert set(threading.enumerate()) <= before


def test_an_early_stop_decodes_the_estimate(tiny: Callable[[str], Path], opened: Open) -> None:
    *steps, picture = opened("sdxl").draw(RED_FOX.replaced(steps=4, stop=50))
    assert [step.index for step in steps] == [0, 1]
    vae = opened("sdxl").pipe.vae
    latent = torch.from_numpy(steps[-1].x0) / vae.config.scaling_factor  # type: ignore[union-attr]
    with torch.no_grad():
        image = (vae.decode(latent).sample / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert isinstance(picture, Picture)
    assert np.array_equal(picture.image, (image * 255).round().astype(np.uint8))


def test_what_goes_wrong_in_the_call_is_raised_here(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = opened("sd15")

    def broken(*_: Any, **__: Any) -> None:
        raise ArithmeticError("no room")

    monkeypatch.setattr(checkpoint.pipe.unet, "forward", broken)
    with pytest.raises(ArithmeticError, match="no room"):
        checkpoint(RED_FOX)


def test_a_picture_repeats_itself(opened: Open, tmp_path: Path) -> None:
    from molnar.base import metadata

    checkpoint = opened("sdxl")
    [first] = checkpoint(RED_FOX.replaced(seed=None))
    path = first.save(tmp_path / "first.png")
    [again] = checkpoint(request_from(metadata.read(path)))
    assert np.array_equal(first.image, again.image)
    record = first.record()
    assert record["engine"].startswith("diffusers ")
    assert record["engine"].endswith(" cpu float32")
    assert (record["model"], len(record["model_hash"])) == ("sdxl", 64)
    assert record["request"]["sampler"] == "euler"
    assert set(record["seconds"]) == {"text", "diffusion", "decode"}


REFUSED = [
    ({"transparent": True}, "Stable Diffusion 1.5 has no transparent backgrounds"),
    ({"tile": True}, "Stable Diffusion 1.5 has no edges that meet"),
    ({"chaos": 5}, "Stable Diffusion 1.5 has no chaos"),
    ({"best_of": 2}, "Stable Diffusion 1.5 has nothing to choose by"),
    ({"prompt": "a fox AND a dog"}, "joins several texts"),
    ({"prompt": "a [fox:dog:0.5]"}, "changes while it is drawn"),
    ({"prompt": "a fox <lora:ink:1>"}, "no adapter 'ink'"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_what_it_cannot_do_is_refused_by_name(
    changes: dict[str, Any], said: str, opened: Open
) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        opened("sd15").resolve(RED_FOX.replaced(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_single_file_draws_what_its_folder_draws(
    name: str, single_file: Callable[[str], Path], tiny: Callable[[str], Path], opened: Open
) -> None:
    found = recognise(single_file(name))
    assert found.layout == "file"
    # Its family's bundled configuration is that of the true width: the tiny one is given.
    checkpoint = open_checkpoint(found, Options(exact=True), config=tiny(name))
    request = RED_FOX.replaced(sampler="ddim", schedule="simple")
    [wanted] = opened(name)(request)
    [picture] = checkpoint(request)
    assert np.abs(picture.image.astype(int) - wanted.image).max() <= 1
    assert picture.model_hash != wanted.model_hash
