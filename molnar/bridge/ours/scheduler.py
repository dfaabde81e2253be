"""A number of steps in, the times to visit out; and at each of them, the next latent."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteSchedulerOutput,
)
from torch import Tensor

from molnar.diffusion.schedule import times_of


class MolnarScheduler(SchedulerMixin, ConfigMixin):
    """Solves the flow by DPM-Solver++(2M), or by Euler's rule.

    x_t = (1 - t) x0 + t noise, and the model tells the velocity `noise - x0`. `timesteps` are t
    times `num_train_timesteps`, as other flow-matching schedulers have them: any of those that is
    called with a velocity, like FlowMatchEulerDiscreteScheduler, may stand in its place.

    Source: Lu et al. 2022, arXiv 2211.01095, algorithm 2; Liu et al. 2022, arXiv 2209.03003.
    """

    order = 1
    init_noise_sigma = 1.0

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        sampler: str = "dpmpp_2m",
        schedule: str = "simple",
        shift: float = 1.0,
    ) -> None:
        if sampler not in ("dpmpp_2m", "euler"):
            raise ValueError(f"sampler is {sampler!r}; expected dpmpp_2m or euler")
        self.set_timesteps(20)

    def set_timesteps(
        self, num_inference_steps: int, device: str | torch.device | None = None
    ) -> None:
        """Choose the times: `num_inference_steps` of them, and 0 at the end."""
        config = self.config
        self.times = [
            float(t) for t in times_of(config.schedule, num_inference_steps, config.shift)
        ]
        self.num_inference_steps = num_inference_steps
        self.sigmas = torch.tensor(self.times, dtype=torch.float32)
        self.timesteps = self.sigmas[:-1].to(device) * config.num_train_timesteps
        self.step_index = 0
        self._older: tuple[Tensor, float] | None = None  # the last estimate of x0, and its time

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """Return the sample itself: the model takes it as it is."""
        return sample

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return the points at some timesteps, B, between data and noise."""
        t = (timesteps / self.config.num_train_timesteps).to(original_samples)
        t = t.reshape(-1, *(1,) * (original_samples.dim() - 1))
        return (1 - t) * original_samples + t * noise

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True
    ) -> Any:
        """Go from one time to the next.

        Args:
            model_output: Velocity at the sample.
            timestep: The time, as `timesteps` has it; steps are taken in their order.
            sample: x_t.
            return_dict: Give an output with `prev_sample`, or a tuple with it.
        """
        s, t = self.times[self.step_index : self.step_index + 2]
        x0 = sample - s * model_output
        half = self._ratio(s, t) / 2 if self.config.sampler == "dpmpp_2m" else 0.0
        estimate = x0
        if half and self._older is not None:
            estimate = (1 + half) * x0 - half * self._older[0]
        self._older = (x0, s)
        self.step_index += 1
        ahead = t / s * sample + (1 - t / s) * estimate
        return FlowMatchEulerDiscreteSchedulerOutput(prev_sample=ahead) if return_dict else (ahead,)

    def _ratio(self, s: float, t: float) -> float:
        """Return h / h_before, steps measured in lambda = log((1 - t) / t).

        0 where nothing can be extrapolated: before the first step, from t = 1 and to t = 0.
        """
        if self._older is None or t == 0 or self._older[1] == 1:
            return 0.0
        before, here, after = (math.log1p(-u) - math.log(u) for u in (self._older[1], s, t))
        return (after - here) / (here - before)

    def __len__(self) -> int:
        return int(self.config.num_train_timesteps)
