"""Pictures that guide a checkpoint beside the prompt: ControlNet (where), IP-Adapter (what).

A control picture is given as the map that the ControlNet was trained on (edges, depth, a pose);
no program that makes such maps from a photograph is included. It is resized to the new picture.

Sources: Zhang et al. 2023, arXiv 2302.05543; Ye et al. 2023, arXiv 2308.06721.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from molnar.base.errors import RequestError, WeightsError, one_line
from molnar.bridge.lora_files import checked
from molnar.bridge.lora_reading import read

KINDS = ("control", "ip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """A picture that guides, and the model that reads it.

    Example:
        >>> Guide(kind="control", model="canny", image="edges.png").weight
        1.0
    """

    kind: str  # "control" or "ip"
    model: str  # a folder or a .safetensors file
    image: str  # a file, or the sha256 of its pixels
    weight: float = 1.0  # 0 is off, 1 as trained; to 2


@dataclass(frozen=True)
class Guided:
    """A pipeline with ControlNets, and what its call takes for them.

    Example:
        >>> Guided(None, {"controlnet_conditioning_scale": 1.0}).arguments
        {'controlnet_conditioning_scale': 1.0}
    """

    pipe: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)


# Class of the pipeline: with ControlNets, class of those, and what its call names the control.
_CONTROLLED = {
    f"{family}{verb}Pipeline": (f"{family}ControlNet{named}Pipeline", model, argument)
    for family, model, verbs in (
        ("StableDiffusion", "ControlNetModel", ("", "Img2Img", "Inpaint")),
        ("StableDiffusionXL", "ControlNetModel", ("", "Img2Img", "Inpaint")),
        ("StableDiffusion3", "SD3ControlNetModel", ("", "Inpaint")),
        ("Flux", "FluxControlNetModel", ("", "Img2Img", "Inpaint")),
    )
    for verb in verbs
    for named in ["Inpainting" if (family, verb) == ("StableDiffusion3", "Inpaint") else verb]
    for argument in [
        "image" if not verb and model == "ControlNetModel" else "control_image"
    ]
}  # fmt: skip


def open_control(path: Path, pipe: Any) -> Any:
    """Read a ControlNet for a pipeline.

    Args:
        path: A diffusers folder; for Stable Diffusion 1, 2 and XL also one .safetensors file.
        pipe: Whose UNet a single file's configuration is taken from.

    Raises:
        RequestError: The family has no ControlNets here.
        WeightsError: It is corrupt, a pickle, or made for another family.
    """
    import diffusers

    kind = getattr(diffusers, _controlled(pipe)[1])
    if path.is_dir():
        try:
            net = kind.from_pretrained(path, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise WeightsError(
                f"{one_line(path)} cannot be read as {kind.__name__}: {one_line(error, 120)}"
            ) from None
    else:
        net = _control_file(path, pipe, kind)
    network = getattr(pipe, "unet", None) or pipe.transformer
    for name in ("cross_attention_dim", "joint_attention_dim", "in_channels"):
        own, theirs = network.config.get(name), net.config.get(name)
        # What inpaints takes more channels; its ControlNets still take those of a plain latent.
        if own != theirs and (name != "in_channels" or own == 4):
            raise WeightsError(
                f"{one_line(path)} was made for another family ({name} {theirs}; this checkpoint "
                f"has {own}); use a ControlNet of its own"
            )
    return net.eval().requires_grad_(False).to(network.device, network.dtype)


def _control_file(path: Path, pipe: Any, kind: Any) -> Any:
    from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

    if kind.__name__ != "ControlNetModel":
        raise WeightsError(
            f"{one_line(path)} is one file; expected a diffusers folder for {kind.__name__}"
        )
    tensors, _ = read(path)
    with torch.device("meta"):
        net = kind.from_unet(pipe.unet, load_weights_from_unet=False)
    expected = net.state_dict()
    try:
        found = convert_controlnet_checkpoint(tensors, dict(net.config))
    except (KeyError, IndexError, ValueError):
        found = {}
    wrong = [k for k, v in expected.items() if k not in found or found[k].shape != v.shape]
    if wrong:
        raise WeightsError(
            f"{one_line(path)} lacks {len(wrong)} of the {len(expected)} weights of a ControlNet "
            f"for this checkpoint, {wrong[0]} first; use one of its family, or its folder"
        )
    net.load_state_dict({key: found[key].float() for key in expected}, assign=True)
    return net


def with_control(
    pipe: Any, nets: Sequence[Any], images: Sequence[Image.Image], weights: Sequence[float]
) -> Guided:
    """Return a pipeline of the same parts that ControlNets guide; nothing is loaded again.

    Args:
        pipe: A diffusers pipeline of Stable Diffusion 1, 2, XL or 3, or Flux; it stays as it is.
        nets: One or more of `open_control`.
        images: The map for each, of any size.
        weights: How strongly each guides.

    Raises:
        RequestError: The family has none, or there is not a map and a weight for each.
    """
    import diffusers

    name, _, argument = _controlled(pipe)
    if not len(nets) == len(images) == len(weights) or not nets:
        raise RequestError(
            f"got {len(nets)} ControlNets, {len(images)} control pictures and {len(weights)} "
            "weights; expected one of each, and one at least"
        )
    kind = getattr(diffusers, name)
    known = {**dict(pipe.config), **pipe.components}
    taken = inspect.signature(kind.__init__).parameters
    parts = {key: value for key, value in known.items() if key in taken and key != "controlnet"}
    several = len(nets) > 1
    # Built from the parts, not by `from_pipe`, which would make everything float32.
    guided = kind(**parts, controlnet=list(nets) if several else nets[0])
    guided.set_progress_bar_config(**getattr(pipe, "_progress_bar_config", {}))
    maps = [image.convert("RGB") for image in images]
    return Guided(
        guided,
        {
            argument: maps if several else maps[0],
            "controlnet_conditioning_scale": list(weights) if several else weights[0],
        },
    )


def _controlled(pipe: Any) -> tuple[str, str, str]:
    name = type(pipe).__name__
    if name not in _CONTROLLED:
        raise RequestError(
            f"{name} takes no ControlNet here; expected Stable Diffusion 1, 2, XL, 3 or Flux"
        )
    return _CONTROLLED[name]


class IPAdapters:
    """The IP-Adapters of one pipeline, changed from request to request.

    Args:
        pipe: A diffusers pipeline of Stable Diffusion 1 or XL; it is changed in place.

    Example:
        >>> from types import SimpleNamespace
        >>> IPAdapters(SimpleNamespace()).applied
        ()
    """

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.applied: tuple[Path, ...] = ()
        self._before: dict[str, Any] = {}

    def use(self, paths: Sequence[Path], weights: Sequence[float]) -> None:
        """Make these the IP-Adapters of the pipeline; pictures go as `ip_adapter_image=[...]`.

        The image encoder is the checkpoint's own, or the folder `image_encoder` beside an adapter
        or one level up, as they are published.

        Raises:
            RequestError: The family takes none.
            WeightsError: A file is corrupt, a pickle or for another family, or there is no image
                encoder. The pipeline then has none.
        """
        if tuple(paths) != self.applied:
            self.clear()
            if paths:
                self._load(paths)
        if paths:
            self.pipe.set_ip_adapter_scale(list(weights))

    def clear(self) -> None:
        """Take them all out."""
        if not self._before:
            return
        processors, others = self._before.pop("processors"), self._before
        self.pipe.unet.encoder_hid_proj = others.pop("encoder_hid_proj")
        self.pipe.unet.register_to_config(encoder_hid_dim_type=others.pop("encoder_hid_dim_type"))
        self.pipe.unet.set_attn_processor(processors)
        for name, part in others.items():
            self.pipe.register_modules(**{name: part})
        self._before, self.applied = {}, ()

    def _load(self, paths: Sequence[Path]) -> None:
        if not hasattr(self.pipe, "load_ip_adapter") or not hasattr(self.pipe, "unet"):
            raise RequestError(
                f"{type(self.pipe).__name__} takes no IP-Adapter here; expected Stable Diffusion 1 "
                "or XL"
            )
        tensors = [_parts(_file(path)) for path in paths]
        unet = self.pipe.unet
        self._before = {
            "processors": dict(unet.attn_processors),
            "encoder_hid_proj": unet.encoder_hid_proj,
            "encoder_hid_dim_type": unet.config.encoder_hid_dim_type,
            "image_encoder": self.pipe.image_encoder,
            "feature_extractor": self.pipe.feature_extractor,
        }
        try:
            if self.pipe.image_encoder is None:
                encoder = _image_encoder(_file(paths[0]), unet)
                self.pipe.register_modules(image_encoder=encoder)
            self.pipe.load_ip_adapter(
                tensors,
                subfolder="",
                weight_name=[path.name for path in paths],
                image_encoder_folder=None,
            )
        except (RuntimeError, ValueError, KeyError, IndexError, AttributeError) as error:
            self.clear()
            raise WeightsError(
                f"{one_line(paths[0])} does not fit this checkpoint: {one_line(error, 120)}; use "
                "an IP-Adapter of its family"
            ) from None
        except BaseException:
            self.clear()
            raise
        self.applied = tuple(paths)


def _file(path: Path) -> Path:
    if not path.is_dir():
        return checked(path)
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        raise WeightsError(
            f"{one_line(path)} holds {len(files)} .safetensors files; name the one that is meant"
        )
    return files[0]


def _parts(path: Path) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    for key, tensor in read(path)[0].items():
        start, _, rest = key.partition(".")
        if start in parts:
            parts[start][rest] = tensor
    if not all(parts.values()):
        raise WeightsError(
            f"{one_line(path)} is no IP-Adapter; expected keys that begin with image_proj. and "
            "ip_adapter."
        )
    return parts


def _image_encoder(path: Path, unet: Any) -> Any:
    from transformers import CLIPVisionModelWithProjection

    for folder in (path.parent / "image_encoder", path.parent.parent / "image_encoder"):
        if (folder / "config.json").is_file():
            encoder = CLIPVisionModelWithProjection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=unet.dtype
            )
            return encoder.eval().requires_grad_(False).to(unet.device)
    raise WeightsError(
        f"there is no folder image_encoder beside {one_line(path)} or above it; put the one that "
        "was published with it there"
    )
