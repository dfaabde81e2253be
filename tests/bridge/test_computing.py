"""Memory that runs out is made do with; what is made quick changes a picture as it may."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise

FOX = Request(prompt="a red fox", height=64, width=64, steps=6, seed=3, sampler="ddim")
Tiny = Callable[[str], Path]


def opened(folder: Path, **options: Any) -> Any:
    return open_checkpoint(recognise(folder), Options(**options))


def test_when_memory_runs_out_the_picture_is_drawn_with_less(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = opened(tiny("sd15"), dtype="float32")
    [wanted] = checkpoint(FOX)
    decode = checkpoint.pipe.vae.decode

    def short(*args: Any, **named: Any) -> Any:
        if not checkpoint.pipe.vae.use_tiling:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 GB")
        return decode(*args, **named)

    monkeypatch.setattr(checkpoint.pipe.vae, "decode", short)
    with caplog.at_level(logging.WARNING):
        [picture] = checkpoint(FOX)
    assert "memory ran out: from here on the picture is decoded in tiles" in caplog.text
    assert picture.image.shape == wanted.image.shape
    assert any("tiles" in note for note in checkpoint.notes(FOX))


def test_when_nothing_is_left_to_give_up_it_is_said(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = opened(tiny("sd15"), exact=True)

    def short(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(checkpoint.pipe.unet, "forward", short)
    with pytest.raises(
        RequestError, match="nothing is left to give up; expected a smaller"
    ) as told:
        checkpoint(FOX)
    assert "\n" not in str(told.value)


def test_what_is_quick_by_itself_differs_by_rounding_only(tiny: Tiny) -> None:
    [exact] = opened(tiny("sd15"), exact=True)(FOX)
    [quick] = opened(tiny("sd15"))(FOX)
    difference = np.abs(exact.image.astype(int) - quick.image)
    assert difference.max() <= 2
    assert quick.engine != exact.engine


def test_a_fast_picture_computes_less_and_the_next_normal_one_is_as_ever(tiny: Tiny) -> None:
    checkpoint = opened(tiny("sd15"))
    calls: list[int] = []
    deep = checkpoint.pipe.unet.mid_block.resnets[0]
    deep.register_forward_hook(lambda *_: calls.append(1))
    [normal] = checkpoint(FOX)
    full, calls[:] = len(calls), []
    checkpoint(FOX.replaced(quality="fast"))
    fast, calls[:] = len(calls), []
    [again] = checkpoint(FOX)
    assert (fast, len(calls)) == (full // 3, full)
    assert np.array_equal(normal.image, again.image)


def test_two_pictures_at_once_do_not_reuse_each_other(tiny: Tiny) -> None:
    checkpoint = opened(tiny("sd15"))
    fast = FOX.replaced(quality="fast", seed=4)
    [normal] = checkpoint(FOX)
    first, second = checkpoint.draw(FOX), checkpoint.draw(fast)
    drawn = [event for pair in zip(first, second, strict=True) for event in pair]
    assert np.array_equal(drawn[-2].image, normal.image)


def test_another_decoder_is_taken(tiny: Tiny) -> None:
    [own] = opened(tiny("sd15"), exact=True)(FOX)
    vae = str(tiny("sd15") / "vae")
    [same] = opened(tiny("sd15"), exact=True, vae=vae)(FOX)
    assert np.array_equal(own.image, same.image)


def test_a_converted_network_takes_no_lora(tiny: Tiny, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "ink.safetensors")
    checkpoint = open_checkpoint(recognise(tiny("sd15")), Options(exact=True), adapters=[tmp_path])
    # Converting needs another library; whether it was is read from the options alone.
    checkpoint._shared.computing.options = Options(backend="openvino")
    with pytest.raises(RequestError, match=r"got a LoRA.*expected none, or --backend torch"):
        checkpoint.resolve(FOX.replaced(prompt="a fox <lora:ink:1>"))
