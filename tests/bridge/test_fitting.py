"""A checkpoint is computed in the quickest way that fits, and what cannot fit is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from molnar.base.errors import RequestError
from molnar.bridge import estimating, machine
from molnar.bridge.families import family_named
from molnar.bridge.fitting import Fit, fitted, ran_out, stepped_down
from molnar.bridge.machine import Machine
from molnar.bridge.options import Options

GB = 2**30
LAPTOP = Machine(device="cpu", memory=16 * GB, own=0, cores=2, bf16=False)
CARD = Machine(device="cuda", memory=32 * GB, own=24 * GB, cores=8, bf16=True)


def found(name: str, size: float, dtype: str = "F32") -> Any:
    """A checkpoint of one file of so many bytes."""
    family = family_named(name)
    return SimpleNamespace(
        layout="file",
        family=family,
        bytes=int(size),
        dtype=dtype,
        height=family.height,
        width=family.width,
    )


SD15 = found("sd15", 4.27e9)
SDXL = found("sdxl", 6.94e9, "F16")


def test_a_laptop_keeps_weights_in_16_bits_and_computes_in_32() -> None:
    fit = fitted(SD15, Options(), LAPTOP)
    assert (fit.device, fit.dtype, fit.storage, fit.given_up) == ("cpu", "float32", "float16", ())
    assert fit.need < fitted(SD15, Options(dtype="float32"), LAPTOP).need
    exact = fitted(SD15, Options(exact=True), replace(LAPTOP, bf16=True))
    assert (exact.dtype, exact.storage) == ("float32", "float32")


def test_a_processor_that_multiplies_bfloat16_does() -> None:
    fit = fitted(SD15, Options(), replace(LAPTOP, bf16=True))
    assert (fit.dtype, fit.storage) == ("bfloat16", "bfloat16")


@pytest.mark.parametrize("own", [24, 14, 8, 5, 2])
def test_less_memory_never_asks_for_more(own: int) -> None:
    more = fitted(SDXL, Options(), replace(CARD, own=(own + 4) * GB))
    less = fitted(SDXL, Options(), replace(CARD, own=own * GB))
    assert less.need <= more.need
    assert less.given_up[: len(more.given_up)] == more.given_up
    assert less.need <= less.room or less.offload == "layers"


def test_the_ladder_ends() -> None:
    fit: Fit | None = Fit(device="cuda", dtype="bfloat16", storage="bfloat16")
    given: list[str] = []
    while fit is not None:
        given, fit = list(fit.given_up), stepped_down(fit)
    assert given == ["tiled", "parts", "layers"]
    assert (
        stepped_down(Fit(device="cpu", dtype="float32", storage="float32", tiled=True), exact=True)
        is None
    )


def test_what_cannot_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(RequestError, match=r"takes 6\.9 GB .* alone, and 3\.2 GB are free") as said:
        fitted(SDXL, Options(), replace(LAPTOP, memory=3 * GB, bf16=True))
    assert "\n" not in str(said.value)


def test_numbers_that_a_device_cannot_compute_in_are_refused() -> None:
    with pytest.raises(RequestError, match="float16, which this processor does not compute in"):
        fitted(SD15, Options(dtype="float16"), LAPTOP)


@pytest.mark.parametrize("device", ["gpu", "cuda:9", "tpu"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(RequestError, match="device is"):
        machine.look(device)


def test_this_machine_has_memory_and_cores() -> None:
    here = machine.look("cpu")
    assert 2**28 < here.memory < 2**50
    assert here.cores == machine.usable_cores() >= 1
    assert machine.look("cpu", threads=3).cores == 3


def test_known_checkpoints_need_about_what_they_are_known_to() -> None:
    """Published: 0.34 trillion multiplications a step for SD 1.5 at 512, 3.0 for SDXL at 1024."""
    sd = estimating.operations(SD15, 512, 512, guided=False) / 2
    xl = estimating.operations(SDXL, 1024, 1024, guided=False) / 2
    assert 0.5 < sd / 0.34e12 < 2
    assert 0.5 < xl / 3.0e12 < 2
    assert estimating.operations(SD15, 512, 512, guided=True) == 4 * sd


def test_seconds_grow_with_steps_and_pixels() -> None:
    short = estimating.seconds_of(SD15, 10, 512, 512, True, 1e11)
    long = estimating.seconds_of(SD15, 20, 512, 512, True, 1e11)
    large = estimating.seconds_of(SD15, 10, 768, 768, True, 1e11)
    assert long["steps"] == 2 * short["steps"]
    assert long["step"] == short["step"] < large["step"]
    assert estimating.speed(side=256) > 1e8


def test_errors_of_memory_are_told_from_others() -> None:
    assert ran_out(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not ran_out(RuntimeError("shapes cannot be multiplied"))
