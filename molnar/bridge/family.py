"""What is common to all public checkpoints of one architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TASKS = ("text", "image", "inpaint", "upscale")
SAID_BY_CHECKPOINT = "said by the checkpoint"

UNET = "latent diffusion, U-Net"
FLOW = "latent flow matching, transformer"
TRANSFORMER = "latent diffusion, transformer"
PRIOR = "prior and decoder (unCLIP)"
CASCADE = "cascade of pixel diffusions"
TOKENS = "image tokens, filled in parallel"
STAGES = "cascade of latents"


@dataclass(frozen=True, kw_only=True)
class Family:
    """What is common to all checkpoints of one architecture.

    Example:
        >>> family = Family(name="x", title="X", design=UNET, pipelines={"text": "XPipeline"})
        >>> family.refusal("upscale")
        'X has no pipeline that upscales'
    """

    name: str  # short and stable: "sd15"
    title: str
    design: str  # one of the designs above
    pipelines: Mapping[str, str]  # task -> class of diffusers
    steps: int = 50
    guidance: float = 7.5  # as the pipeline counts it; 1 = off, or 0 for those distilled
    height: int = 512  # pixels, native
    width: int = 512
    multiple: int = 8  # sides must be a multiple of this
    flow: bool = False  # flow matching: the model says a velocity, schedules are shifted
    prediction: str = "epsilon"  # "epsilon", "v_prediction", "flow", "tokens"
    prompts: str = "clip"  # which encoder reads the prompt: "clip", "t5", "llm", ...
    licence: str = SAID_BY_CHECKPOINT  # of the well-known weights
    cannot: Mapping[str, str] = field(default_factory=dict)  # feature -> reason
    others: tuple[str, ...] = ()  # further classes with these parts: variants, single stages
    needs: tuple[str, ...] = ()  # packages that read it, besides those of molnar[hub]
    negative: bool = True  # a negative prompt says something
    known: bool = True  # a row of the table, not made up from a class's name

    def refusal(self, task: str) -> str | None:
        """Say why this family cannot do a task; None where it can."""
        if task in self.cannot:
            return f"{self.title}: {self.cannot[task]}"
        if task in self.pipelines:
            return None
        doing = {"text": "draws from words", "image": "starts from a picture"}.get(task)
        doing = doing or {"inpaint": "draws inside a mask", "upscale": "upscales"}.get(task, task)
        return f"{self.title} has no pipeline that {doing}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class of diffusers whose checkpoints belong here, without repeats."""
        return tuple(dict.fromkeys((*self.pipelines.values(), *self.others)))
