"""ControlNets: pictures that say a checkpoint, beside the prompt, where things are.

A control picture is given as the map that the ControlNet was trained on (edges, depth, a pose);
no program that makes such maps from a photograph is included. It is resized to the new picture.

Source: Zhang et al. 2023, arXiv 2302.05543.
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
from molnar.bridge.headers import read_json
from molnar.bridge.lora_reading import read


@dataclass(frozen=True)
class Guided:
    """A pipeline with ControlNets, and what its call takes for them.

    Example:
        >>> Guided(None, {"controlnet_conditioning_scale": 1.0}).arguments
        {'controlnet_conditioning_scale': 1.0}
    """

    pipe: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """A ControlNet, ready, and the keys of its file that are for nothing here."""

    net: Any
    unmatched: tuple[str, ...] = ()


# Class of the pipeline: with ControlNets, class of those, and what its call names the control.
_CONTROLLED = {
    f"{family}{verb}Pipeline": (f"{family}ControlNet{verb}Pipeline", model, argument)
    for family, model, verbs in (
        ("StableDiffusion", "ControlNetModel", ("", "Img2Img", "Inpaint")),
        ("StableDiffusionXL", "ControlNetModel", ("", "Img2Img", "Inpaint")),
        ("StableDiffusion3", "SD3ControlNetModel", ("",)),  # inside a mask it takes no map
        ("Flux", "FluxControlNetModel", ("", "Img2Img", "Inpaint")),
    )
    for verb in verbs
    for argument in [
        "image" if not verb and model == "ControlNetModel" else "control_image"
    ]
}  # fmt: skip


_TEXT = "cross_attention_dim"
_READS = "attn2.to_k.weight"  # how the key of a layer ends that looks at the text
# What a network looks at says which family it is of: numbers of its text.
_WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
_CLASSES = {
    "ControlNetModel": "Stable Diffusion 1, 2 or XL",
    "SD3ControlNetModel": "Stable Diffusion 3",
    "FluxControlNetModel": "Flux",
}


def controlled(name: str) -> Any:
    """Give the class of the pipeline that ControlNets guide, by the plain one's name, or None.

    Example:
        >>> controlled("PixArtAlphaPipeline") is None
        True
    """
    import diffusers

    return getattr(diffusers, _CONTROLLED[name][0]) if name in _CONTROLLED else None


def control_of(path: Path, pipe: Any, device: str | None = None) -> Control:
    """Read a ControlNet for a pipeline.

    Args:
        path: A diffusers folder; for Stable Diffusion 1, 2 and XL also one .safetensors file.
        pipe: Whose UNet a single file's configuration is taken from.
        device: Where it computes; None = where the pipeline's network is.

    Raises:
        RequestError: The family has no ControlNets here.
        WeightsError: It is corrupt, a pickle, or made for another family.
    """
    import diffusers

    kind = getattr(diffusers, _controlled(pipe)[1])
    if path.is_dir():
        net, unmatched = _control_folder(path, kind)
    else:
        net, unmatched = _control_file(path, pipe, kind)
    network = getattr(pipe, "unet", None) or pipe.transformer
    for name in (_TEXT, "joint_attention_dim", "in_channels"):
        own, theirs = network.config.get(name), net.config.get(name)
        # What inpaints takes more channels; its ControlNets still take those of a plain latent.
        if own != theirs and (name != "in_channels" or own == 4):
            raise WeightsError(
                f"{one_line(path)} was made for another family ({_named(name, theirs)}; this "
                f"checkpoint: {_named(name, own)}); use a ControlNet of its own"
            )
    if net.config.get("extra_conditioning_channels"):
        raise WeightsError(
            f"{one_line(path)} reads a picture with a mask, not a map; use a ControlNet for maps"
        )
    net = net.eval().requires_grad_(False).to(device or network.device, network.dtype)
    return Control(net, unmatched)


def _named(what: str, number: Any) -> str:
    title = _WIDTHS.get(number) if what == _TEXT else None
    return f"{title}, {what} {number}" if title else f"{what} {number}"


def _control_folder(path: Path, kind: Any) -> tuple[Any, tuple[str, ...]]:
    named = str(read_json(path / "config.json").get("_class_name"))
    if named != kind.__name__:
        what = _CLASSES.get(named)
        raise WeightsError(
            f"{one_line(path)} is "
            + (f"a ControlNet of {what}" if what else f"a {one_line(named, 40)}, no ControlNet")
            + f"; expected one of {_CLASSES[kind.__name__]}"
        )
    try:
        net, found = kind.from_pretrained(
            path, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{one_line(path)} cannot be read as {kind.__name__}: {one_line(error, 120)}"
        ) from None
    missing = sorted(found["missing_keys"])
    if missing:
        raise WeightsError(
            f"{one_line(path)} lacks {len(missing)} of its weights, {missing[0]} first; fetch it "
            "again"
        )
    return net, tuple(sorted(found["unexpected_keys"]))


def _control_file(path: Path, pipe: Any, kind: Any) -> tuple[Any, tuple[str, ...]]:
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
        width = next((v.shape[1] for k, v in tensors.items() if k.endswith(_READS)), None)
        own = pipe.unet.config.cross_attention_dim
        looks = "" if width in (None, own) else f", it looks made for {_named(_TEXT, width)}"
        raise WeightsError(
            f"{one_line(path)} lacks {len(wrong)} of the {len(expected)} weights of a ControlNet "
            f"for this checkpoint ({_named(_TEXT, own)}), {wrong[0]} first{looks}; use one of its "
            "family, or its folder"
        )
    net.load_state_dict({key: found[key].float() for key in expected}, assign=True)
    left = sorted(set(found) - set(expected))
    return net, tuple(left)


def with_control(
    pipe: Any, nets: Sequence[Any], images: Sequence[Image.Image], weights: Sequence[float]
) -> Guided:
    """Return a pipeline of the same parts that ControlNets guide; nothing is loaded again.

    Args:
        pipe: A diffusers pipeline of Stable Diffusion 1, 2, XL or 3, or Flux; it stays as it is.
        nets: One or more of `control_of`.
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
