"""Euler's ancestral sampler at times that diffusers spaces for its plain one alone.

Where its steps are is not a matter of how they are taken: the noise levels are those of
`EulerDiscreteScheduler`, the steps those of `EulerAncestralDiscreteScheduler`.

Source: Karras et al. 2022, arXiv 2206.00364, equation 5 (the levels); k-diffusion's
`sample_euler_ancestral` (the steps).
"""

from __future__ import annotations

from typing import Any

from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler


class SpacedAncestral(EulerAncestralDiscreteScheduler):  # type: ignore[misc]
    """Euler's ancestral sampler of one spacing, which `spaced` says."""

    flag = ""  # of `EulerDiscreteScheduler`, e.g. "use_karras_sigmas"

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Space the steps of a picture.

        Args:
            num_inference_steps: How many.
            device: Where the times are to be; the noise levels stay on the CPU.
        """
        super().set_timesteps(num_inference_steps, device)
        plain = EulerDiscreteScheduler.from_config(self.config, **{self.flag: True})
        plain.set_timesteps(num_inference_steps, device)
        self.sigmas, self.timesteps = plain.sigmas, plain.timesteps


def spaced(config: Any, flag: str) -> SpacedAncestral:
    """Make one of a checkpoint's settings.

    Args:
        config: Of its own scheduler.
        flag: Of `EulerDiscreteScheduler`: how the levels are spaced.
    """
    made: SpacedAncestral = SpacedAncestral.from_config(config)
    made.flag = flag
    return made
