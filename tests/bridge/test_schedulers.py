"""molnar's names of samplers and schedules, and diffusers' schedulers that do the same."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("diffusers")

from molnar.base.errors import RequestError
from molnar.bridge.following import time_of
from molnar.bridge.schedulers import named, samplers_of, scheduler_for, schedules_of

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


@pytest.mark.parametrize("sampler", ["euler", "ddim", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc"])
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
