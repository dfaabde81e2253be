"""molnar's names of samplers and schedules, and diffusers' schedulers that do the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from molnar.base.errors import RequestError  # noqa: E402
from molnar.base.request import Request  # noqa: E402
from molnar.bridge.following import time_of  # noqa: E402
from molnar.bridge.opening import open_checkpoint  # noqa: E402
from molnar.bridge.options import Options  # noqa: E402
from molnar.bridge.recognising import recognise  # noqa: E402
from molnar.bridge.schedulers import (  # noqa: E402
    named,
    samplers_of,
    scheduler_for,
    schedules_of,
)

STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def own(kind: str, **more: Any) -> Any:
    import diffusers

    return getattr(diffusers, kind)(**({} if kind.startswith("Flow") else STABLE), **more)


def test_without_names_it_is_the_checkpoints_own() -> None:
    scheduler = own("PNDMScheduler", skip_prk_steps=True)
    made = scheduler_for(scheduler, None, None)
    assert type(made) is type(scheduler)
    assert made is not scheduler
    assert dict(made.config) == dict(scheduler.config)
    assert named(scheduler) == (None, None)


@pytest.mark.parametrize(
    "sampler", ["euler", "euler_ancestral", "ddim", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc"]
)
def test_what_is_named_is_made_again_from_its_names(sampler: str) -> None:
    scheduler = own("EulerDiscreteScheduler", steps_offset=1)
    for schedule in schedules_of(scheduler, sampler):
        made = scheduler_for(scheduler, sampler, schedule)
        assert made.config.beta_start == STABLE["beta_start"]
        again = "simple" if schedule == "sgm_uniform" else schedule  # as that one is spaced
        assert named(made) == (sampler, again)


def test_schedules_are_followed() -> None:
    scheduler = own("EulerDiscreteScheduler")
    grids = []
    for schedule in ("simple", "karras", "exponential", "beta", "sgm_uniform"):
        made = scheduler_for(scheduler, "euler", schedule)
        made.set_timesteps(5)
        grids.append(tuple(made.sigmas.tolist()))
    assert len(set(grids)) == 5


def karras(first: float, last: float, count: int) -> list[float]:
    """Space noise levels as the paper does, and end without any."""
    ends = first ** (1 / 7), last ** (1 / 7)
    return [
        (ends[0] + k / (count - 1) * (ends[1] - ends[0])) ** 7 for k in range(count)
    ] + [0.0]  # fmt: skip


@pytest.mark.parametrize("kind", ["EulerDiscreteScheduler", "PNDMScheduler"])
def test_eulers_ancestral_steps_at_karras_times_are_those_of_a_loop_by_hand(kind: str) -> None:
    scheduler = own(kind, steps_offset=1)
    made = scheduler_for(scheduler, "euler_ancestral", "karras")
    made.set_timesteps(6)
    plain = scheduler_for(scheduler, "euler_ancestral", "simple")
    plain.set_timesteps(6)
    levels = karras(float(plain.sigmas[0]), float(plain.sigmas[-2]), 6)
    assert made.sigmas.tolist() == pytest.approx(levels, rel=1e-4)
    assert made.sigmas.tolist() != plain.sigmas.tolist()

    def network(x: Any, t: Any) -> Any:
        return 0.3 * x + 0.001 * t

    noise = torch.Generator().manual_seed(3)
    x = by_hand = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5)) * levels[0]
    for t in made.timesteps:
        said = network(made.scale_model_input(x, t), t)
        x = made.step(said, t, x, generator=torch.Generator().manual_seed(int(t))).prev_sample
    for now, after, t in zip(levels[:-1], levels[1:], made.timesteps, strict=True):
        towards = network(by_hand / (now**2 + 1) ** 0.5, t)
        up = (after**2 * (now**2 - after**2) / now**2) ** 0.5
        down = (after**2 - up**2) ** 0.5
        fresh = torch.randn(x.shape, generator=noise.manual_seed(int(t)))
        by_hand = by_hand + towards * (down - now) + fresh * up
    assert torch.allclose(x, by_hand, rtol=1e-3, atol=1e-3)


def test_a_scheduler_that_is_spaced_otherwise_is_no_hindrance() -> None:
    scheduler = own("DPMSolverMultistepScheduler", use_karras_sigmas=True)
    grids = set()
    for schedule in ("karras", "exponential", "beta"):
        made = scheduler_for(scheduler, "euler_ancestral", schedule)
        made.set_timesteps(5)
        grids.add(tuple(made.sigmas.tolist()))
        assert named(made) == ("euler_ancestral", schedule)
    assert len(grids) == 3


def test_a_checkpoint_draws_with_it_and_says_so(tiny: Callable[[str], Path]) -> None:
    checkpoint = open_checkpoint(recognise(tiny("sd15")), Options(exact=True))
    request = Request(prompt="a fox", height=64, width=64, steps=3, seed=7)
    seen = set()
    for schedule in ("simple", "karras"):
        [picture] = checkpoint(request.replaced(sampler="euler_ancestral", schedule=schedule))
        assert (picture.request.sampler, picture.request.schedule) == ("euler_ancestral", schedule)
        seen.add(picture.image.tobytes())
        assert checkpoint(picture.request)[0].image.tobytes() in seen
    assert len(seen) == 2


def test_latents_are_not_clipped() -> None:
    assert scheduler_for(own("EulerDiscreteScheduler"), "ddim", None).config.clip_sample is False


@pytest.mark.parametrize(
    ("kind", "more", "works"),
    [
        ("FlowMatchEulerDiscreteScheduler", {}, "one of: euler, heun"),
        ("FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}, "one of: euler, or"),
        ("UnCLIPScheduler", {}, "none, for its own"),
    ],
)
def test_others_are_refused_with_what_works(kind: str, more: Any, works: str) -> None:
    import diffusers

    scheduler = getattr(diffusers, kind)(**more)
    with pytest.raises(RequestError, match=works) as caught:
        scheduler_for(scheduler, "dpmpp_2m", "karras", "Flux")
    assert "Flux" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_times_fall_from_noise_to_data() -> None:
    for scheduler in (own("DDIMScheduler"), own("FlowMatchEulerDiscreteScheduler")):
        scheduler.set_timesteps(5)
        times = [time_of(scheduler, t) for t in scheduler.timesteps]
        assert times == sorted(times, reverse=True)  # type: ignore[type-var]
        assert all(t is not None and 0 < t <= 1 for t in times)
    assert "lcm" in samplers_of(own("DDIMScheduler"))
