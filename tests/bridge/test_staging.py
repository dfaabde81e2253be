"""Models that enlarge, and two models that draw one picture: what diffusers draws by two calls."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")

from PIL import Image

from molnar.base.errors import RequestError
from molnar.base.images import fit, from_model
from molnar.base.request import Picture, Request
from molnar.bridge.beside import native_size
from molnar.bridge.drawing import Checkpoint
from molnar.bridge.noise import PictureNoise
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise
from molnar.starting import as_seen

pytestmark = pytest.mark.hub
Tiny = Callable[[str], Path]
RED_FOX = Request(prompt="a red fox", height=64, width=96, steps=10, seed=7)


def opened(folder: Path, refiner: Path | None = None, exact: bool = True) -> Checkpoint:
    named = None if refiner is None else str(refiner)
    return open_checkpoint(recognise(folder), Options(exact=exact, refiner=named))


def alone(folder: Path, draws: PictureNoise, kind: str = "DiffusionPipeline") -> Any:
    """Open a folder with diffusers and nothing else, with the noise that molnar gives a picture."""
    import diffusers

    pipe = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    for name in ("prepare_latents", "prepare_intermediate_images"):
        if hasattr(pipe, name):
            setattr(pipe, name, draws.starting(getattr(pipe, name)))
    pipe.scheduler.step = draws.sampling(pipe.scheduler.step)
    return pipe


def last(checkpoint: Checkpoint, request: Request) -> tuple[list[Any], Any]:
    *steps, picture = checkpoint.draw(request)
    assert isinstance(picture, Picture)
    return steps, picture.image


def near(image: Any, wanted: Any) -> bool:
    """Tell whether bytes are what numbers from 0 to 1 come to, within 1e-4 and rounding."""
    return bool(np.abs(image / 255 - wanted).max() <= 1e-4 + 0.5 / 255)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "old.png"
    Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(path)
    return path


def larger(old: Path, **changes: Any) -> Request:
    plain = {"image": str(old), "height": 64, "width": 96, "strength": 0.0, "steps": 3}
    return RED_FOX.replaced(**(plain | changes))


def test_a_base_and_its_refiner(tiny: Tiny) -> None:
    both = opened(tiny("sdxl"), tiny("sdxl-refiner"))
    steps, image = last(both, RED_FOX)
    draws = PictureNoise(7)
    base, refiner = alone(tiny("sdxl"), draws), alone(tiny("sdxl-refiner"), draws)
    same = {"prompt": "a red fox", "num_inference_steps": 10, "guidance_scale": 5.0}
    begun = base(height=64, width=96, denoising_end=0.8, output_type="latent", **same).images
    wanted = refiner(image=begun, denoising_start=0.8, output_type="np", **same).images[0]
    assert near(image, wanted)
    assert [(step.index, step.of) for step in steps] == [(k, 10) for k in range(10)]
    times = [step.t for step in steps]
    assert times == sorted(times, reverse=True)
    assert min(times[:8]) > 0  # noise is left where the refiner takes over
    assert np.allclose(steps[7].x, begun.numpy(), atol=1e-4)
    [alone_] = opened(tiny("sdxl"))(RED_FOX)
    assert not np.array_equal(alone_.image, image)
    assert both.hash != alone_.model_hash
    assert both.engine.endswith(", then sdxl-refiner")


def test_a_refiner_goes_on_from_a_picture_too(tiny: Tiny, old: Path) -> None:
    request = larger(old, strength=0.6, steps=10)
    _, image = last(opened(tiny("sdxl"), tiny("sdxl-refiner")), request)
    draws = PictureNoise(7)
    base = alone(tiny("sdxl"), draws, "StableDiffusionXLImg2ImgPipeline")
    refiner = alone(tiny("sdxl-refiner"), draws)
    same = {"prompt": "a red fox", "num_inference_steps": 10, "guidance_scale": 5.0}
    [plain] = opened(tiny("sdxl"))(request.replaced(strength=0.5))
    shown = plain.inputs[plain.request.image]
    frame = Image.fromarray(from_model(fit(as_seen(shown), 64, 96))[0][..., :3])
    begun = base(
        image=frame, strength=0.6, denoising_end=0.8, output_type="latent",
        generator=draws.generator, **same,
    ).images  # fmt: skip
    wanted = refiner(image=begun, denoising_start=0.8, output_type="np", **same).images[0]
    assert near(image, wanted)


def test_what_is_equal_is_loaded_once(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "refiner"
    shutil.copytree(tiny("sdxl-refiner"), folder)
    shutil.rmtree(folder / "vae")
    shutil.copytree(tiny("sdxl") / "vae", folder / "vae")
    both = opened(tiny("sdxl"), folder, exact=False)
    assert both.second is not None
    assert both.second.pipe.vae is both.pipe.vae
    assert both.second.pipe.text_encoder_2 is not both.pipe.text_encoder_2
    steps, image = last(both, RED_FOX.replaced(prompt="a (red:1.3) fox"))
    assert len(steps) == 10
    assert image.std() > 1


def test_where_a_refiner_has_no_share_it_is_said(tiny: Tiny, old: Path) -> None:
    both = opened(tiny("sdxl"), tiny("sdxl-refiner"))
    few = RED_FOX.replaced(steps=3)
    assert any("refiner is left out: its share of 3 steps" in note for note in both.notes(few))
    assert np.array_equal(last(both, few)[1], opened(tiny("sdxl"))(few)[0].image)
    little = larger(old, strength=0.1, steps=10)
    assert any("leaves no step" in note for note in both.notes(little))
    assert not [note for note in both.notes(RED_FOX) if "left out" in note]


def test_a_second_that_does_not_fit_is_refused(tiny: Tiny) -> None:
    with pytest.raises(RequestError, match="is DeepFloyd IF, second stage, which cannot go on"):
        opened(tiny("sdxl"), tiny("if-ii"))
    with pytest.raises(RequestError, match=r"after Stable Diffusion 1\.5; expected none"):
        opened(tiny("sd15"), tiny("sdxl-refiner"))


@pytest.mark.parametrize("beside", ["II", "IF-II-L-v1.0"])
def test_two_stages_of_pixels(beside: str, tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny("if"), tmp_path / "IF-I-XL-v1.0")
    shutil.copytree(tiny("if-ii"), tmp_path / beside)
    both = opened(tmp_path / "IF-I-XL-v1.0")
    assert native_size(both.found) == (256, 256)
    assert both.second is not None
    assert both.second.pipe.text_encoder is both.pipe.text_encoder
    request = RED_FOX.replaced(height=64, width=72, steps=2)
    steps, image = last(both, request)
    draws = PictureNoise(7)
    first, second = alone(tmp_path / "IF-I-XL-v1.0", draws), alone(tiny("if-ii"), draws)
    words = first.encode_prompt("a red fox", clean_caption=False)
    told = dict(zip(("prompt_embeds", "negative_prompt_embeds"), words, strict=True))
    told["generator"] = draws.generator
    small = first(
        height=16, width=24, num_inference_steps=2, guidance_scale=7.0, output_type="pt", **told
    ).images
    wanted = second(
        image=small, height=64, width=72, num_inference_steps=1, guidance_scale=4.0,
        output_type="np", **told,
    ).images[0]  # fmt: skip
    assert near(image, wanted)
    assert [(step.index, step.of) for step in steps] == [(0, 3), (1, 3), (2, 3)]
    assert (steps[1].x.shape, steps[2].x.shape) == ((1, 3, 16, 24), (1, 3, 64, 72))
    small_one = request.replaced(width=64)
    one, tiny_picture = last(both, small_one)
    assert (len(one), tiny_picture.shape) == (2, (64, 64, 3))
    assert any("64 x 64 needs no second" in note for note in both.notes(small_one))


@pytest.mark.parametrize(("strength", "level"), [(0.0, 20), (0.3, 119)])
def test_an_upscaler_enlarges(strength: float, level: int, tiny: Tiny, old: Path) -> None:
    checkpoint = opened(tiny("sd-x4-upscaler"))
    request = larger(old, strength=strength)
    _, image = last(checkpoint, request)
    draws = PictureNoise(7)
    wanted = alone(tiny("sd-x4-upscaler"), draws)(
        "a red fox", image=Image.open(old), num_inference_steps=3, guidance_scale=9.0,
        noise_level=level, generator=draws.generator, output_type="np",
    ).images[0]  # fmt: skip
    assert image.shape == (64, 96, 3)
    assert near(image, wanted)
    assert not [note for note in checkpoint.notes(request) if "--scale" in note]
    weighed = request.replaced(prompt="a (red:1.5) fox")
    assert not np.array_equal(last(checkpoint, weighed)[1], image)


def test_an_upscaler_of_pixels(tiny: Tiny, old: Path) -> None:
    _, image = last(opened(tiny("if-ii")), larger(old, steps=1))
    draws = PictureNoise(7)
    pipe = alone(tiny("if-ii"), draws)
    wanted = pipe(
        "a red fox", image=Image.open(old), height=64, width=96, num_inference_steps=1,
        guidance_scale=4.0, generator=draws.generator, clean_caption=False, output_type="np",
    ).images[0]  # fmt: skip
    assert near(image, wanted)


def test_a_size_between_is_met(tiny: Tiny, old: Path) -> None:
    checkpoint = opened(tiny("sd-x4-upscaler"))
    Image.open(old).resize((48, 48)).save(old)
    request = larger(old, height=72, width=88)
    assert last(checkpoint, request)[1].shape == (72, 88, 3)
    assert any("first made 24 x 24; --scale 4" in note for note in checkpoint.notes(request))


REFUSED = [
    ("sd-x4-upscaler", {"image": "", "strength": None}, "give it one with `molnar upscale`"),
    ("sd-x4-upscaler", {"outpaint": (0, 0, 8, 0)}, "no pipeline that draws inside a mask"),
    ("sd15", {}, r"no upscaler \(24 x 16 to 96 x 64\); expected --creative, or a model that"),
]


@pytest.mark.parametrize(("name", "changes", "said"), REFUSED)
def test_what_cannot_enlarge_is_refused(
    name: str, changes: dict[str, Any], said: str, tiny: Tiny, old: Path
) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        opened(tiny(name)).resolve(larger(old, **changes))
    assert "\n" not in str(caught.value)


def test_what_is_not_larger_is_refused(tiny: Tiny, old: Path) -> None:
    Image.open(old).resize((96, 80)).save(old)
    with pytest.raises(RequestError, match=r"got 96 x 80 to 96 x 64, and .* only enlarges"):
        opened(tiny("sd-x4-upscaler")).resolve(larger(old))


def test_a_creative_upscale_needs_no_upscaler(tiny: Tiny, old: Path) -> None:
    request = larger(old, strength=0.4)
    steps, image = last(opened(tiny("sd15")), request)
    assert image.shape == (64, 96, 3)
    assert {step.x.shape for step in steps} == {(1, 4, 8, 12)}
