"""A bundle's parts as callables, computed by torch from the same safetensors files.

`build` makes the module of each part; the exporter writes its graphs from the very same modules, so
the two engines cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from molnar.base.config import from_json
from molnar.base.errors import BundleError, MissingExtraError
from molnar.base.quantise import unpacked
from molnar.base.types import TextEmbedding, Tokens
from molnar.base.weights import load
from molnar.bundle import Bundle

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

from molnar.clip.model import CLIP, CLIPConfig
from molnar.diffusion import networks
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.finisher import Finisher, FinisherConfig
from molnar.plan.planner import Planner, PlannerConfig
from molnar.text.embeddings import TextEncoder, TextEncoderConfig
from molnar.upscale.upscaler import Upscaler, UpscalerConfig


class TorchParts:
    """What a bundle can compute, with torch on the CPU; numpy arrays in and out.

    Example:
        >>> parts = TorchParts(Bundle.load("sticker"))  # doctest: +SKIP
        >>> parts.decode(np.zeros((1, 16, 16, 16), np.float32)).shape  # doctest: +SKIP
        (1, 4, 128, 128)
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        """Remember where the parts are; nothing is loaded yet.

        Args:
            bundle: A verified bundle.
            threads: CPU threads of the whole process, as torch has it; None = torch's choice.
        """
        self._bundle = bundle
        self._modules: dict[str, nn.Module] = {}
        if threads is not None:
            torch.set_num_threads(threads)

    def embed(self, tokens: Tokens) -> TextEmbedding:
        """Embed ids int64 B L with mask bool B L."""
        found, pooled = self._run("text", tokens.ids, tokens.mask)
        return TextEmbedding(tokens=found, pooled=pooled, mask=tokens.mask)

    def plan(self, written: Any, text: TextEmbedding) -> Any:
        """Rate the next number of a plan: logits of names, colours and bins, 1 K each."""
        return self._run("planner", written, text.tokens, text.mask)

    def velocity(self, x: Any, t: Any, text: TextEmbedding) -> Any:
        """Estimate `noise - x0` at x float32 B C H W and t float32 B in [0, 1]."""
        told = (text.tokens, text.mask, text.pooled, text.plan)
        until = () if text.until is None else (text.until,)
        return self._run("velocity", x, t, *told, *until)[0]

    def decode(self, latent: Any) -> Any:
        """Turn a latent float32 B C H W into an image B 4 H W in [-1, 1], premultiplied."""
        return self._run("decoder", latent)[0]

    def finish(self, image: Any, manner: Any) -> Any:
        """Paint over an image B 4 H W in [-1, 1]; manner float32 B K says in which looks."""
        return self._run("finisher", image, manner)[0]

    def encode(self, image: Any) -> Any:
        """Turn an image float32 B 4 H W in [-1, 1], premultiplied, into a latent B C H W."""
        return self._run("encoder", image)[0]

    def upscale(self, image: Any) -> Any:
        """Enlarge an image float32 B 4 H W in [-1, 1] by the upscaler's factor."""
        return self._run("upscaler", image)[0]

    def rate(self, image: Any, text: TextEmbedding) -> Any:
        """Say how well images float32 B 4 S S in [-1, 1], premultiplied, fit texts: cosines B."""
        return self._run("clip", image, text.pooled)[0]

    def _run(self, name: str, *inputs: Any) -> list[Any]:
        if name not in self._modules:
            self._modules[name] = open_module(self._bundle, name)
        with torch.inference_mode():
            found = self._modules[name](
                *(x if x is None else torch.from_numpy(np.ascontiguousarray(x)) for x in inputs)
            )
        return [x.numpy() for x in (found if isinstance(found, tuple) else (found,))]


class Decode(nn.Module):
    """The half of an autoencoder that the path of a picture needs: latent -> image."""

    shift: Tensor
    scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        whole = Autoencoder(config)
        self.config = config
        self.decoder = whole.decoder
        self.register_buffer("shift", whole.shift)
        self.register_buffer("scale", whole.scale)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn a latent B C h w into an image B 4 H W in [-1, 1]."""
        return Autoencoder.decode(cast(Autoencoder, self), latent)


class Encode(nn.Module):
    """The other half: image -> latent."""

    shift: Tensor
    scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        whole = Autoencoder(config)
        self.config = config
        self.encoder = whole.encoder
        self.register_buffer("shift", whole.shift)
        self.register_buffer("scale", whole.scale)

    def forward(self, image: Tensor) -> Tensor:
        """Turn an image B 4 H W in [-1, 1] into a latent B C h w."""
        return Autoencoder.encode(cast(Autoencoder, self), image)


class Rate(CLIP):
    """A CLIP that is asked about pairs: picture k and text k."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        del self.log_scale, self.bias  # of the loss alone

    def forward(self, image: Tensor, pooled: Tensor) -> Tensor:
        """Give the cosines, Float B, of images B 4 S S and sentence vectors B P."""
        return (self.image_features(image) * self.text_features(pooled)).sum(dim=-1)


def build(name: str, kind: str, config: Mapping[str, Any]) -> nn.Module:
    """Make the module of a part, with fresh weights.

    Args:
        name: "text", "planner", "velocity", "decoder", "encoder", "finisher", "upscaler" or
            "clip".
        kind: Which network, where there is a choice.
        config: Its sizes.
    """
    if name == "text":
        return TextEncoder(from_json(TextEncoderConfig, config))
    if name == "planner":
        return Planner(from_json(PlannerConfig, config))
    if name == "velocity":
        return networks.build(kind, config)
    if name == "finisher":
        return Finisher(from_json(FinisherConfig, config))
    if name == "upscaler":
        return Upscaler(from_json(UpscalerConfig, config))
    if name == "clip":
        return Rate(from_json(CLIPConfig, config))
    half = Decode if name == "decoder" else Encode
    return half(from_json(AutoencoderConfig, config))


def open_module(bundle: Bundle, name: str) -> nn.Module:
    """Make the module of a part and fill it from the bundle, ready to run in float32.

    Raises:
        BundleError: The weights do not fit the module.
    """
    part = bundle.part(name)
    module = build(name, part.kind, part.config)
    path = bundle.path(part.weights)
    state = {key: torch.from_numpy(value) for key, value in unpacked(load(path)).items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise BundleError(
            f"{path}: does not fit a {part.kind} ({' '.join(str(error).split())})"
        ) from error
    return module.eval().requires_grad_(False)
