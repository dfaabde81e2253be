"""Prompt -> picture: molnar's path as a diffusers pipeline, one method per stage.

    prompt -> words -> tokens -> embeddings -> plan -> diffusion -> latent -> decoder (-> finisher)
    -> upscaler

A latent is float32 B C H W; t = 0 is data, t = 1 is noise; the network gives `noise - x0`. Pictures
are premultiplied RGBA in [-1, 1] inside, and whatever `output_type` says outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils import logging
from PIL import Image
from torch import Tensor

from molnar.base.images import fit, from_model, on_white
from molnar.base.rng import NUM_SEEDS, noise
from molnar.base.types import Plan
from molnar.latent.format import LatentFormat, ratio_of
from molnar.reading import CLEAR_WORDS
from molnar.resolving import CLEAR, HEEDED
from molnar.text.prompt import clean

logger = logging.get_logger(__name__)
Text = tuple[Tensor, Tensor, Tensor]
"""Tokens Float 1 L D, mask Bool 1 L and pooled Float 1 P."""
Told = tuple[Sequence[Text], Text, Tensor | None]
"""The texts of the pictures, what to keep away from, and the plan of each picture."""


class MolnarPipeline(DiffusionPipeline):
    """Draws stickers, shapes and small scenes, on a transparent background if asked.

    A generator that was only seeded draws what molnar draws from that seed.

    Args:
        tokenizer: Cuts text into pieces.
        words: Says which taught words a text means.
        text_encoder: Embeds the pieces.
        planner: Decides what goes where; None if the model has none.
        velocity: The network that is asked at each step.
        vae: Turns latents into pictures.
        finisher: Paints looks over pictures; None if the model has none.
        upscaler: Enlarges pictures; None if the model has none.
        scheduler: Chooses the times, and goes from one to the next.
        settings: What the model draws best with, and the shapes it draws.
    """

    model_cpu_offload_seq = "text_encoder->planner->velocity->vae->finisher->upscaler"
    _optional_components = ["planner", "finisher", "upscaler"]  # noqa: RUF012 - diffusers has a list
    _callback_tensor_inputs = ["latents"]  # noqa: RUF012

    def __init__(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - one argument a component
        self,
        tokenizer,
        words,
        text_encoder,
        planner,
        velocity,
        vae,
        finisher,
        upscaler,
        scheduler,
        settings=None,
    ) -> None:
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer,
            words=words,
            text_encoder=text_encoder,
            planner=planner,
            velocity=velocity,
            vae=vae,
            finisher=finisher,
            upscaler=upscaler,
            scheduler=scheduler,
        )
        self.register_to_config(settings=settings)
        self.format = LatentFormat(**settings["latent"])

    @torch.no_grad()
    def __call__(  # noqa: PLR0913 - as pipelines have it
        self,
        prompt: str | Sequence[str],
        negative_prompt: str = "",
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        latents: Tensor | None = None,
        transparent: bool = False,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any] | None] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Any:
        """Draw pictures.

        Args:
            prompt: What to draw; several prompts give several pictures.
            negative_prompt: What to keep away from.
            height: Pixels, a multiple of 8 from 64 on; None = the model's own.
            width: Likewise.
            num_inference_steps: Times the network is asked for each picture.
            guidance_scale: How closely to follow the prompt; 1 = off.
            num_images_per_prompt: Pictures of each prompt, which follow one another.
            generator: Decides the pictures, or one for each picture.
            latents: The noise to start from, B C h w; the generator still decides the plan.
            transparent: Leave the background out. "transparent" in a prompt does the same.
            output_type: "pil", "np" (B H W 3 or 4 in [0, 1]), "pt" (B 3 or 4 H W) or "latent".
            return_dict: Give an ImagePipelineOutput, or a tuple.
            callback_on_step_end: Called as (pipeline, step, timestep, {"latents": ...}).
            callback_on_step_end_tensor_inputs: What it is given: "latents" is all there is.
        """
        size = self.check(height, width, output_type)
        said, clear = self.said(prompt, transparent, num_images_per_prompt)
        seeds = seeds_of(generator, len(said))
        told, plans = self.told(said, negative_prompt, seeds, size)
        scale = self.scale(guidance_scale, negative_prompt)
        steps = num_inference_steps or self.config.settings["steps"]
        self.scheduler.set_timesteps(steps, device=self._execution_device)
        latents = self.start(seeds, size) if latents is None else latents
        latents = latents.to(self._execution_device, self.velocity.dtype)
        for index, timestep in enumerate(self.progress_bar(self.scheduler.timesteps)):
            t = float(timestep) / self.scheduler.config.num_train_timesteps
            velocity = self.guided(latents, t, told, scale)
            latents = self.scheduler.step(velocity, timestep, latents, return_dict=False)[0]
            if callback_on_step_end is not None:
                given = {"latents": latents} if callback_on_step_end_tensor_inputs else {}
                changed = callback_on_step_end(self, index, timestep, given) or {}
                latents = changed.get("latents", latents)
        pictures = self.finished(latents, size, clear, plans, output_type)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=pictures) if return_dict else (pictures,)

    def check(self, height: int | None, width: int | None, output_type: str) -> tuple[int, int]:
        """Fill in the height and width of the pictures, and refuse what cannot be."""
        settings = self.config.settings
        height, width = height or settings["height"], width or settings["width"]
        if output_type not in ("pil", "np", "pt", "latent"):
            raise ValueError(f"output_type is {output_type!r}; expected pil, np, pt or latent")
        for name, pixels in (("height", height), ("width", width)):
            if pixels < 64 or pixels % 8:
                raise ValueError(f"{name} is {pixels}; expected a multiple of 8 from 64 on")
        return height, width

    def said(
        self, prompt: str | Sequence[str], transparent: bool, count: int
    ) -> tuple[list[str], list[bool]]:
        """Prompts -> for each of their pictures, what is read, and whether it is transparent."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        clear = [transparent or bool(CLEAR.search(text)) for text in prompts]
        read = [self.read(text, see) for text, see in zip(prompts, clear, strict=True)]
        return [text for text in read for _ in range(count)], [
            c for c in clear for _ in range(count)
        ]

    def scale(self, asked: float | None, negative_prompt: str) -> float:
        """How closely to follow the prompt: as asked, or as the model does best."""
        if asked is not None:
            return asked
        best = float(self.config.settings["guidance"])
        # without guidance nothing is kept away from
        return max(best, HEEDED) if negative_prompt else best

    def told(
        self, said: Sequence[str], negative_prompt: str, seeds: Sequence[int], size: tuple[int, int]
    ) -> tuple[Told, list[Plan]]:
        """What the network is told: the texts, what to keep away from, and what goes where."""
        texts = [self.encode_prompt(text) for text in said]
        null = self.encode_prompt(self.words.read_negative(clean(negative_prompt, "negative")))
        rows, columns, _ = self.canvas(*size)
        cells = rows // self.format.downscale, columns // self.format.downscale
        plans = self.plan(texts, seeds, cells, said)
        painted = [self.planner.paint(plan, cells) for plan in plans] if self.planner else []
        return (texts, null, torch.cat(painted) if painted else None), plans

    def start(self, seeds: Sequence[int], size: tuple[int, int]) -> Tensor:
        """Draw the noise of each picture: Float B C h w."""
        rows, columns, _ = self.canvas(*size)
        shape = self.format.shape(height=rows, width=columns)
        return torch.from_numpy(np.stack([noise(seed, 0, shape) for seed in seeds]))

    def finished(
        self,
        latents: Tensor,
        size: tuple[int, int],
        clear: Sequence[bool],
        plans: Sequence[Plan],
        output_type: str,
    ) -> Any:
        """From latents to pixels, as they are asked for."""
        if output_type == "latent":
            return latents
        each = zip(latents, clear, plans, strict=True)
        pictures = [self.finish(latent[None], size, see, plan) for latent, see, plan in each]
        return as_asked(pictures, output_type)

    def read(self, prompt: str, transparent: bool = False) -> str:
        """Prompt as typed -> as the model reads it: clean, in taught words, background said."""
        text = clean(prompt)
        if not text:
            raise ValueError("the prompt is empty; expected words, e.g. 'a red circle'")
        text = self.words.read(text)
        if transparent and not CLEAR.search(text):
            text = f"{text.rstrip(' .,')} {CLEAR_WORDS}"
        return str(text)

    def encode_prompt(self, text: str) -> Text:
        """Text -> tokens -> embeddings."""
        length = self.text_encoder.config.sizes["length"]
        pieces = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        ids = pieces["input_ids"]
        if len(ids) > length - 2:
            lost = self.tokenizer.decode(ids[length - 2 :])
            logger.warning(f"the prompt is too long for this model, not read: {lost}")
        start, end, pad = self.tokenizer.convert_tokens_to_ids(["<start>", "<end>", "<pad>"])
        ids = [start, *ids[: length - 2], end]
        row = torch.tensor([ids + [pad] * (length - len(ids))], device=self._execution_device)
        mask = row != pad
        tokens, pooled = self.text_encoder(row, mask)
        return tokens, mask, pooled

    def canvas(self, height: int, width: int) -> tuple[int, int, int]:
        """A wished size -> height and width that the model draws, and how often it is enlarged."""
        settings = self.config.settings
        factor = self.upscaler.scale if self.upscaler is not None else 1
        area = settings["height"] * settings["width"] / factor**2
        wanted = math.log(width / height)
        ratios = [ratio_of(aspect) for aspect in settings["aspects"]]
        nearest = min(ratios, key=lambda ratio: abs(math.log(ratio) - wanted))
        rows, columns = self.format.size_of(nearest, area)
        enlargements = 0
        while factor > 1 and max(height / rows, width / columns) > factor**enlargements:
            enlargements += 1
        return rows, columns, enlargements

    def plan(
        self,
        texts: Sequence[Text],
        seeds: Sequence[int],
        cells: tuple[int, int],
        said: Sequence[str],
    ) -> list[Plan]:
        """Decide what goes where in each picture; nothing, if the model has no planner."""
        if self.planner is None:
            return [() for _ in texts]
        return [
            self.planner.plan(tokens, mask, seed, cells, text)
            for (tokens, mask, _), seed, text in zip(texts, seeds, said, strict=True)
        ]

    def guided(self, x: Tensor, t: float, told: Told, scale: float) -> Tensor:
        """Ask the network, and follow the text more than it does: Ho and Salimans 2022, eq. 6.

        Args:
            x: The latents at time t, Float B C h w.
            t: In [0, 1].
            told: The texts, what to keep away from, and the plan of each picture.
            scale: 1 = off.
        """
        texts, null, plan = told
        settings = self.config.settings
        low, high = settings["interval"]
        guided = scale != 1 and low <= t <= high
        rows = [*texts, *[null] * len(texts)] if guided else list(texts)
        text = tuple(torch.cat(parts) for parts in zip(*rows, strict=True))
        if guided:
            x = torch.cat([x, x])
            plan = None if plan is None else torch.cat([plan, torch.zeros_like(plan)])
        velocity: Tensor = self.velocity(x, x.new_full((len(x),), t), text, plan)
        if not guided:
            return velocity
        x, (wanted, other) = x[: len(texts)], velocity.chunk(2)
        velocity = other + scale * (wanted - other)
        if settings["rescale"]:
            # the guided estimate of x0 gets the contrast of the unguided one (Lin et al. 2023)
            estimate, plain = x - t * velocity, x - t * wanted
            ratio = plain.std((1, 2, 3), keepdim=True) / estimate.std((1, 2, 3), keepdim=True)
            estimate = estimate * (settings["rescale"] * ratio + 1 - settings["rescale"])
            velocity = (x - estimate) / t
        return velocity

    def finish(
        self, latent: Tensor, size: tuple[int, int], transparent: bool, plan: Plan = ()
    ) -> Any:
        """Latent 1 C h w -> decoder, finisher, upscaler -> uint8 H W 3, or 4 if transparent."""
        _, _, enlargements = self.canvas(*size)
        image = self.vae.decode(latent).clamp(-1, 1)
        if self.finisher is not None:
            image = self.finisher(image, plan).clamp(-1, 1)
        for _ in range(enlargements):
            image = self.upscaler(image).clamp(-1, 1)
        pixels = fit(image.float().cpu().numpy(), *size)
        if not transparent:
            return from_model(on_white(pixels))[0, :, :, :3]
        return from_model(pixels)[0]


def seeds_of(generator: Any, count: int) -> list[int]:
    """Give each picture a seed.

    A generator that was seeded and not used gives its seed, and the numbers after it: what molnar
    draws. Later calls draw seeds from it, so that they give other pictures.
    """
    if isinstance(generator, list | tuple):
        if len(generator) != count:
            raise ValueError(f"got {len(generator)} generators; expected {count}, one a picture")
        return [seeds_of(one, 1)[0] for one in generator]
    if generator is None:
        first = int(torch.randint(NUM_SEEDS, (1,)))
    else:
        seeded = torch.Generator(generator.device).manual_seed(generator.initial_seed())
        used = not torch.equal(seeded.get_state(), generator.get_state())
        drawn = torch.randint(NUM_SEEDS, (1,), generator=generator, device=generator.device)
        first = int(drawn) if used else generator.initial_seed()
    return [(first + k) % NUM_SEEDS for k in range(count)]


def as_asked(pictures: Sequence[Any], output_type: str) -> Any:
    """Give pictures uint8 H W 3 or 4 as "pil", "np" or "pt"."""
    if output_type == "pil":
        return [Image.fromarray(np.ascontiguousarray(picture)) for picture in pictures]
    if len({picture.shape for picture in pictures}) > 1:
        raise ValueError("some pictures are transparent and some are not; expected all, or 'pil'")
    stacked = np.stack(pictures).astype(np.float32) / 255
    return stacked if output_type == "np" else torch.from_numpy(stacked).permute(0, 3, 1, 2)
