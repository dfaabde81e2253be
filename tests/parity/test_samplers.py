"""Ours beside diffusers', step by step, on the same times and the same velocity."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from molnar.diffusion.flow import denoiser
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.schedule import shifted, simple

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    # What diffusers says about itself while it is imported is not ours to mend.
    warnings.simplefilter("ignore")
    diffusers = pytest.importorskip("diffusers")

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

STEPS = 8


def velocity(x, t, text=None):
    """Some smooth, nonlinear field that depends on place and time."""
    t = t.reshape((-1, 1, 1, 1))
    return torch.sin(2 * x) + t * x - 0.5 * t


@pytest.fixture
def x():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def theirs(scheduler, x, calls):
    """Run a scheduler; return its latents after each of `calls` calls of `step`."""
    out = []
    for timestep in scheduler.timesteps[:calls]:
        t = torch.full((x.shape[0],), float(timestep) / 1000)
        x = scheduler.step(velocity(x, t), timestep, x, return_dict=False)[0]
        out.append(x)
    return out


def check(name, times, x, expected):
    """Compare every step; the message tells where and by how much they part."""
    steps = [*SAMPLERS[name](denoiser(velocity, None), x, times)]
    assert len(steps) == len(expected)
    for step, latent in zip(steps, expected, strict=True):
        difference = (step.x - latent).abs()
        assert difference.max() < 2e-4, (
            f"{name} step {step.index}: max {difference.max():.1e}, mean {difference.mean():.1e}"
        )


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_euler(x, shift):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / STEPS, STEPS).tolist())
    times = simple(STEPS, shift)
    np.testing.assert_allclose(scheduler.sigmas, times, atol=1e-6)
    for name in ("euler", "ddim"):
        check(name, times, x, theirs(scheduler_again(scheduler), x, STEPS))


def scheduler_again(scheduler):
    """Forget the place a scheduler has reached."""
    scheduler._step_index = None
    return scheduler


def test_heun(x):
    scheduler = diffusers.FlowMatchHeunDiscreteScheduler()
    scheduler.set_timesteps(STEPS)
    # Each inner time stands twice: once for either call of its step.
    times = np.concatenate([scheduler.sigmas[0:1], scheduler.sigmas[1:-1:2], [0]])
    calls = theirs(scheduler, x, 2 * STEPS - 1)
    check("heun", times, x, [*calls[1::2], calls[-1]])


@pytest.mark.parametrize("name", ["dpmpp_2m", "unipc"])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_multistep(x, name, shift):
    options = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
    if name == "unipc":
        scheduler = diffusers.UniPCMultistepScheduler(**options)
    else:
        scheduler = diffusers.DPMSolverMultistepScheduler(**options, final_sigmas_type="zero")
    scheduler.set_timesteps(STEPS)
    # Their network is asked at rounded timesteps; ours must then be asked at the same.
    sigmas = scheduler.sigmas.double().numpy()
    scheduler.timesteps = torch.tensor(sigmas[:-1] * 1000)
    check(name, sigmas, x, theirs(scheduler, x, STEPS))


def test_stochastic_multistep(x):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        use_flow_sigmas=True,
        prediction_type="flow_prediction",
        algorithm_type="sde-dpmsolver++",
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(STEPS)
    sigmas = scheduler.sigmas.double().numpy()
    scheduler.timesteps = torch.tensor(sigmas[:-1] * 1000)
    noise = torch.randn(STEPS, *x.shape, generator=torch.Generator().manual_seed(1))

    class Given:
        """The same noise for both."""

        def __init__(self):
            self.left = iter(noise)

        def normal(self, shape_of_one):
            return next(self.left).numpy()

    latent, expected = x, []
    for k, timestep in enumerate(scheduler.timesteps):
        v = velocity(latent, torch.full((2,), float(timestep) / 1000))
        latent = scheduler.step(v, timestep, latent, variance_noise=noise[k]).prev_sample
        expected.append(latent)
    steps = SAMPLERS["dpmpp_2m_sde"](denoiser(velocity, None), x, sigmas, Given())
    for step, latent in zip(steps, expected, strict=True):
        difference = (step.x - latent).abs().max()
        assert difference < 2e-4, f"step {step.index}: max {difference:.1e}"


def test_few_step_sampler(x):
    scheduler = diffusers.FlowMatchLCMScheduler()
    scheduler.set_timesteps(4)
    sigmas = scheduler.sigmas.double().numpy()
    torch.manual_seed(2)
    expected = theirs(scheduler, x, 4)
    torch.manual_seed(2)

    class Torchs:
        def normal(self, shape_of_one):
            return torch.randn(2, *shape_of_one).numpy()

    steps = SAMPLERS["lcm"](denoiser(velocity, None), x, sigmas, Torchs())
    for step, latent in zip(steps, expected, strict=True):
        assert (step.x - latent).abs().max() < 2e-4


def test_shift():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=[0.9, 0.5, 0.1])
    np.testing.assert_allclose(
        scheduler.sigmas[:-1], shifted(np.array([0.9, 0.5, 0.1]), 3.0), atol=1e-6
    )
