"""The denoising network and the decoder run by OpenVINO, behind the same diffusers pipeline.

Converted once per shape of input and kept on disk with weights in float16; computed in float32.
Converting takes minutes and some three times the network's size in memory, running it does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from molnar.base.errors import MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor, nn

PLAIN_FLOATS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


class Converted:
    """Stands in for a torch module's `forward` whose arguments are tensors; compiled at need."""

    def __init__(self, module: nn.Module, forward: Any, folder: Path) -> None:
        """Take a module, its own `forward`, and the folder of what is converted."""
        self.module, self.forward, self.folder = module, forward, folder
        self.compiled: dict[str, Any] = {}

    def run(self, *tensors: Tensor) -> Tensor:
        """Give the module's first output for these tensors."""
        shapes = json.dumps([list(tensor.shape) for tensor in tensors])
        if shapes not in self.compiled:
            self.compiled[shapes] = self._compile(tensors, shapes)
        result = self.compiled[shapes]([t.detach().float().numpy() for t in tensors])[0]
        return torch.from_numpy(result.copy())

    def _compile(self, tensors: tuple[Tensor, ...], shapes: str) -> Any:
        openvino = _openvino()
        path = self.folder / f"{_identity(self.module, shapes)}.xml"
        if not path.is_file():
            wrapped = _Plain(self.module, self.forward).eval()
            given = tuple(t.detach().float() for t in tensors)
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the tracer says of each branch it takes
                model = openvino.convert_model(
                    wrapped, example_input=given, input=[tuple(t.shape) for t in given]
                )
            _keep(openvino, model, path)
        return openvino.Core().compile_model(str(path), "CPU", PLAIN_FLOATS)


class _Plain(torch.nn.Module):
    """A network with tensors in and a tensor out, as a converter wants it."""

    def __init__(self, module: nn.Module, forward: Any) -> None:
        super().__init__()
        self.module, self.call = module, forward

    def forward(self, *tensors: Tensor) -> Tensor:
        """Call the network as its pipeline does."""
        first: Tensor = self.call(*tensors, return_dict=False)[0]
        return first


def convert(pipe: Any, folder: Path | None) -> None:
    """Let a pipeline's UNet and decoder run in OpenVINO.

    What the UNet is given beside latent, time and text (ControlNet, added conditions) is not in
    the converted graph: such a call goes to torch.

    Args:
        pipe: A diffusers pipeline with `unet` or `vae`; other networks stay with torch.
        folder: Where the converted networks are kept; none = in the user's cache folder.

    Raises:
        MissingExtraError: OpenVINO is not installed.
    """
    _openvino()
    home = Path(os.environ.get("MOLNAR_HOME") or Path.home() / ".cache" / "molnar")
    folder = folder or home / "openvino"
    unet, vae = getattr(pipe, "unet", None), getattr(pipe, "vae", None)
    if unet is not None:
        unet.forward = _unet(Converted(unet, unet.forward, folder))
    if vae is not None and hasattr(vae, "decoder"):
        decoder, plain = vae.decoder, vae.decoder.forward
        converted = Converted(decoder, lambda z, return_dict=False: (plain(z),), folder)
        decoder.forward = lambda sample, latent_embeds=None: converted.run(sample)


def _unet(converted: Converted) -> Any:
    def forward(
        sample: Tensor,
        timestep: Any,
        encoder_hidden_states: Tensor,
        *rest: Any,
        return_dict: bool = True,
        **named: Any,
    ) -> Any:
        if rest or any(value is not None for value in named.values()):
            return converted.forward(
                sample, timestep, encoder_hidden_states, *rest, return_dict=return_dict, **named
            )
        time = torch.as_tensor(timestep, dtype=torch.float32).reshape(-1)[:1]
        found = converted.run(sample, time, encoder_hidden_states)
        if not return_dict:
            return (found,)
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

        return UNet2DConditionOutput(sample=found)

    return forward


def _identity(module: nn.Module, shapes: str) -> str:
    """Name a network by its weights: a sample of each, which is quick and enough to tell apart."""
    digest = hashlib.sha256(shapes.encode())
    for name, weight in module.state_dict().items():
        flat = weight.detach().reshape(-1)
        few = flat[:: max(1, flat.numel() // 256)].float().contiguous()
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        digest.update(few.numpy().tobytes())
    return digest.hexdigest()[:32]


def _keep(openvino: Any, model: Any, path: Path) -> None:
    """Write graph and weights whole: the weights are in place before the graph names them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=path.parent))
    try:
        openvino.save_model(model, str(work / path.name), compress_to_fp16=True)
        weights = path.with_suffix(".bin").name
        (work / weights).replace(path.parent / weights)
        (work / path.name).replace(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _openvino() -> Any:
    try:
        import openvino  # type: ignore[import-not-found]
    except ImportError as error:
        raise MissingExtraError("openvino", "openvino") from error
    return openvino
