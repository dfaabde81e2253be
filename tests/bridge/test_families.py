"""Every family draws through molnar what its own pipeline draws, given the same noise."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("diffusers")

import torch

from molnar.base.images import fit, from_model, to_model
from molnar.base.request import Picture, Request
from molnar.base.rng import PictureRng, noise
from molnar.bridge import opening, previews
from molnar.bridge.drawing import Checkpoint
from molnar.bridge.families import family_named
from molnar.bridge.family_table import FAMILIES
from molnar.bridge.noise import PictureNoise
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise
from molnar.starting import rgba

# Name of the tiny model -> what its call is told besides the prompt; seed and noise are molnar's.
# Drawn with in test_drawing.py and test_staging.py.
ELSEWHERE = ("sd15", "sd15-inpaint", "sd2", "sdxl", "sdxl-refiner", "sd-x4-upscaler", "if-ii")
STEPS = {"num_inference_steps": 3}
SIZE = {"height": 64, "width": 64}
BARE = {"use_resolution_binning": False}  # tiny models are of no trained size
CALLS: dict[str, dict[str, Any]] = {
    "lcm": {**STEPS, **SIZE},
    "pixart-alpha": {**STEPS, **SIZE, "clean_caption": False, **BARE},
    "pixart-sigma": {**STEPS, **SIZE, "clean_caption": False, **BARE},
    "sana": {**STEPS, **SIZE, **BARE},
    "sd3": {**STEPS, **SIZE},
    "flux": {**STEPS, **SIZE},
    "flux-schnell": {**STEPS, **SIZE},
    "qwenimage": {**STEPS, **SIZE},
    "zimage": {**STEPS, **SIZE},
    "lumina2": {**STEPS, **SIZE},
    "auraflow": {**STEPS, **SIZE},
    "chroma": {**STEPS, **SIZE},
    "unclip": {"decoder_num_inference_steps": 3},
    "kandinsky22": {**STEPS, **SIZE},
    "wuerstchen": {**STEPS, "height": 128, "width": 128},
    "stable-cascade": {**STEPS, "height": 128, "width": 128},
    "if": {**STEPS, **SIZE, "clean_caption": False},
    "amused": {**STEPS, **SIZE},
    "sd2-base": {**STEPS, **SIZE},
    "ldm": {**STEPS, **SIZE},
    "kandinsky3": {**STEPS, **SIZE},
    "stable-unclip": {**STEPS, **SIZE},
    "kandinsky21": {**STEPS, **SIZE},
    "vq-diffusion": STEPS,
    "hunyuandit": {**STEPS, **SIZE, **BARE},
    "cogview3": {**STEPS, **SIZE},
    "cogview4": {**STEPS, **SIZE},
    "flux-kontext": {**STEPS, **SIZE, "max_area": 64 * 64},
    "flux2": {**STEPS, **SIZE},
    "flux2-klein": {**STEPS, **SIZE},
    "ernie": {**STEPS, **SIZE},
    "ovis": {**STEPS, **SIZE},
    "bria": {**STEPS, **SIZE},
    "bria-fibo": {**STEPS, **SIZE},
    "prx": {**STEPS, **SIZE, **BARE},
    "sana-sprint": {**STEPS, **SIZE, **BARE, "intermediate_timesteps": None},
    "lumina": {**STEPS, **SIZE, "clean_caption": False},
    "krea2": {**STEPS, **SIZE},
    "ideogram4": {**STEPS, **SIZE, "guidance_schedule": None},
    "nucleus": {**STEPS, **SIZE},
    "longcat": {**STEPS, **SIZE},
    "kandinsky5": {**STEPS, **SIZE},
    "hunyuanimage": {**STEPS, **SIZE},
    "hidream": {**STEPS, **SIZE},
    "omnigen": {**STEPS, **SIZE},
    "cosmos2": {**STEPS, **SIZE},
    "qwenimage21": {**STEPS, **SIZE},
    "glm-image": {**STEPS, **SIZE},
    "kolors": {**STEPS, **SIZE},
}


def feed(monkeypatch: pytest.MonkeyPatch, seed: int, encoding: bool = True) -> None:
    """Let plain pipelines find the noises that molnar gives a picture, in their order.

    Args:
        monkeypatch: Of the test.
        seed: Of the picture.
        encoding: What a picture is encoded with, too: else it comes from the generator.
    """
    count, sampler = iter(range(100)), PictureRng([seed])

    def randn(shape: Any, *_: Any, dtype: Any = None, **__: Any) -> torch.Tensor:
        return torch.from_numpy(noise(seed, next(count), tuple(shape)[1:]))[None].to(dtype)

    def added(shape: Any, *_: Any, dtype: Any = None, **__: Any) -> torch.Tensor:
        return torch.from_numpy(sampler.normal(tuple(shape)[1:])).to(dtype)

    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.pipelines") and "randn_tensor" in vars(module):
            monkeypatch.setattr(module, "randn_tensor", randn)
        if encoding and name == "diffusers.models.autoencoders.vae":
            monkeypatch.setattr(module, "randn_tensor", randn)
        if name.startswith("diffusers.schedulers") and "randn_tensor" in vars(module):
            monkeypatch.setattr(module, "randn_tensor", added)


# These draw a million pixels, whatever is asked: so much is said in them.
SIZED = {"kandinsky5": {"resolutions": [(64, 64)]}, "hidream": {"default_sample_size": 8}}
# What is told besides, of families that are given a picture; `mask` is its middle.
FROM_PICTURES: dict[str, dict[str, Any]] = {
    "sd2-inpaint": {**SIZE, "mask_image": True, "strength": 1.0},
    "sdxl-inpaint": {**SIZE, "mask_image": True, "strength": 1.0},
    "flux-fill": {**SIZE, "mask_image": True, "strength": 1.0},
    "instruct-pix2pix": {},
    "sd-latent-upscaler": {},
    "flux-kontext": {**SIZE, "max_area": 64 * 64},
    "qwenimage-edit": SIZE,
}


class Guard:
    """Stands in for Cosmos' guard, which is a package and models of its own: all is well."""

    def to(self, *_: Any, **__: Any) -> Guard:
        return self

    def check_text_safety(self, _: str) -> bool:
        return True

    def check_video_safety(self, frames: Any) -> Any:
        return frames


@pytest.fixture
def drawn_alone(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., NDArray[np.uint8]]:
    """Return what draws with diffusers and nothing else, given the noise of molnar's picture."""

    def draw(name: str, like: Picture, **call: Any) -> NDArray[np.uint8]:
        import diffusers

        kind = getattr(diffusers, recognise(tiny(name)).pipeline)
        pipe = kind.from_pretrained(tiny(name), local_files_only=True)
        pipe.set_progress_bar_config(disable=True)
        vars(pipe).update(SIZED.get(name, {}))
        # It encodes right in its call, out of molnar's sight.
        feed(monkeypatch, 7, encoding=name != "sd-latent-upscaler")
        own = PictureNoise(7).generator
        drawn = pipe(prompt="a red fox", generator=own, **call, **guidance(like, kind))
        return np.asarray(next(iter(drawn.values()))[0].convert("RGB"))

    return draw


def opened(name: str, tiny: Callable[[str], Path]) -> Checkpoint:
    """Open a family with molnar; what reads it must be installed, or the test is left out."""
    for package in family_named(name).needs:
        if opening.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    found = recognise(tiny(name))
    assert found.family.name == name
    return open_checkpoint(found, Options(exact=True))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what costs the most be small, and Cosmos do without the package that guards it."""
    cosmos = importlib.import_module("diffusers.pipelines.cosmos.pipeline_cosmos2_text2image")

    def found(name: str) -> Any:
        return importlib.util.find_spec("json" if name == "cosmos_guardrail" else name)

    monkeypatch.setattr(opening, "find_spec", found)
    monkeypatch.setattr(previews, "DRAWINGS", 1)
    monkeypatch.setattr(previews, "FITTED", 64)
    monkeypatch.setattr(cosmos, "CosmosSafetyChecker", Guard)


def test_every_family_is_drawn_with() -> None:
    drawn = {*CALLS, *FROM_PICTURES, *ELSEWHERE}
    assert {family.name for family in FAMILIES} - drawn == set()


@pytest.mark.parametrize("name", list(CALLS))
def test_a_family(
    name: str, tiny: Callable[[str], Path], drawn_alone: Callable[..., NDArray[np.uint8]]
) -> None:
    checkpoint = opened(name, tiny)
    call = CALLS[name]
    request = Request(
        prompt="a red fox",
        height=call.get("height", 64),
        width=call.get("width", 64),
        steps=3,
        seed=7,
    )
    vars(checkpoint.pipe).update(SIZED.get(name, {}))
    *steps, picture = checkpoint.draw(request)
    assert isinstance(picture, Picture)
    assert [step.index for step in steps] == list(range(steps[-1].of))  # type: ignore[union-attr]
    assert checkpoint.preview(steps[-1]).ndim == 3  # type: ignore[arg-type]
    assert picture.image.std() > 1  # not one grey
    wanted = drawn_alone(name, picture, **call)
    if wanted.shape != picture.image.shape:  # a size of its own, whatever is asked
        wanted = from_model(fit(to_model(rgba(wanted)[None]), 64, 64))[0][..., :3]
    assert np.array_equal(picture.image, wanted)


@pytest.mark.parametrize("name", list(FROM_PICTURES))
def test_a_family_from_a_picture(
    name: str,
    tiny: Callable[[str], Path],
    drawn_alone: Callable[..., NDArray[np.uint8]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from diffusers.pipelines.flux import pipeline_flux_kontext as kontext
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as edit

    # Both see the old picture in a million pixels, whatever its size.
    monkeypatch.setattr(kontext, "PREFERRED_KONTEXT_RESOLUTIONS", [(64, 64)])
    monkeypatch.setattr(edit, "calculate_dimensions", lambda *_: (64, 64, None))
    checkpoint, call = opened(name, tiny), dict(FROM_PICTURES[name])
    enlarges = "upscale" in checkpoint.family.pipelines
    side = 64
    old = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    inside = np.zeros((side, side), np.uint8)
    inside[16:48, 16:48] = 255
    Image.fromarray(old).save(tmp_path / "old.png")
    Image.fromarray(inside).save(tmp_path / "mask.png")
    request = Request(
        prompt="a red fox",
        image=str(tmp_path / "old.png"),
        strength=0.0 if enlarges else None,
        height=2 * side if enlarges else side,
        width=2 * side if enlarges else side,
        steps=3,
        seed=7,
    )
    if call.pop("mask_image", False):
        request = request.replaced(mask=str(tmp_path / "mask.png"), feather=0)
        call["mask_image"] = Image.fromarray(inside)
    [picture] = checkpoint(request)
    wanted = drawn_alone(name, picture, image=Image.fromarray(old), **STEPS, **call)
    assert picture.image.std() > 1
    if request.mask:
        assert np.array_equal(picture.image[inside == 0], old[inside == 0])
        picture.image[inside == 0] = wanted[inside == 0]
    assert np.array_equal(picture.image, wanted)


def guidance(picture: Picture, kind: type) -> dict[str, Any]:
    """Say the guidance in the word that this pipeline has for it."""
    import inspect

    takes = inspect.signature(kind.__call__).parameters
    names = {
        "QwenImagePipeline": "true_cfg_scale",
        "QwenImageEditPipeline": "true_cfg_scale",
        "QwenImage21Pipeline": "true_cfg_scale",
        "WuerstchenCombinedPipeline": "prior_guidance_scale",
        "StableCascadeCombinedPipeline": "prior_guidance_scale",
        "UnCLIPPipeline": "decoder_guidance_scale",
    }
    name = names.get(kind.__name__, "guidance_scale")
    return {name: picture.request.guidance} if name in takes else {}
