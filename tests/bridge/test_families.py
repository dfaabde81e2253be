"""Every family draws through molnar what its own pipeline draws, given the same noise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")

import torch

from molnar.base.images import fit, from_model, to_model
from molnar.base.request import Picture, Request
from molnar.base.rng import PictureRng, noise
from molnar.bridge.noise import PictureNoise
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise
from molnar.starting import rgba

# Name of the tiny model -> what its call is told besides the prompt; seed and noise are molnar's.
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
}


def feed(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Let plain pipelines find the noises that molnar gives a picture, in their order."""
    count, sampler = iter(range(100)), PictureRng([seed])

    def randn(shape: Any, *_: Any, dtype: Any = None, **__: Any) -> torch.Tensor:
        return torch.from_numpy(noise(seed, next(count), tuple(shape)[1:]))[None].to(dtype)

    def added(shape: Any, *_: Any, dtype: Any = None, **__: Any) -> torch.Tensor:
        return torch.from_numpy(sampler.normal(tuple(shape)[1:])).to(dtype)

    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.pipelines") and "randn_tensor" in vars(module):
            monkeypatch.setattr(module, "randn_tensor", randn)
        if name.startswith("diffusers.schedulers") and "randn_tensor" in vars(module):
            monkeypatch.setattr(module, "randn_tensor", added)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CALLS))
def test_a_family(name: str, tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    found = recognise(tiny(name))
    checkpoint = open_checkpoint(found, Options(exact=True))
    call = CALLS[name]
    request = Request(
        prompt="a red fox",
        height=call.get("height", 64),
        width=call.get("width", 64),
        steps=3,
        seed=7,
    )
    *steps, picture = checkpoint.draw(request)
    assert isinstance(picture, Picture)
    assert [step.index for step in steps] == list(range(steps[-1].of))  # type: ignore[union-attr]
    assert checkpoint.preview(steps[-1]).ndim == 3  # type: ignore[arg-type]
    kind = getattr(diffusers, found.pipeline)
    pipe = kind.from_pretrained(tiny(name), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    feed(monkeypatch, 7)
    wanted = np.asarray(
        pipe("a red fox", generator=PictureNoise(7).generator, **call, **guidance(picture, kind))
        .images[0]
        .convert("RGB")
    )
    if wanted.shape != picture.image.shape:  # a size of its own, whatever is asked
        wanted = from_model(fit(to_model(rgba(wanted)[None]), 64, 64))[0][..., :3]
    assert np.array_equal(picture.image, wanted)


def guidance(picture: Picture, kind: type) -> dict[str, Any]:
    """Say the guidance in the word that this pipeline has for it."""
    import inspect

    takes = inspect.signature(kind.__call__).parameters
    names = {
        "QwenImagePipeline": "true_cfg_scale",
        "WuerstchenCombinedPipeline": "prior_guidance_scale",
        "StableCascadeCombinedPipeline": "prior_guidance_scale",
        "UnCLIPPipeline": "decoder_guidance_scale",
    }
    name = names.get(kind.__name__, "guidance_scale")
    return {name: picture.request.guidance} if name in takes else {}
