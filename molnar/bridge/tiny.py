"""Decoders given beside a checkpoint: a VAE in place of its own, and tiny ones for previews.

The tiny ones are `taesd` and its kin (https://github.com/madebyollin/taesd, MIT): as diffusers'
folders, or as the files of that repository, whose layers are numbered with one more in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molnar.base.errors import WeightsError, one_line
from molnar.bridge.lora_reading import read

_FOLDER_FILE = "config.json"
_LDM = "first_stage_model."  # where a whole checkpoint has its VAE


class TinyDecoder:
    """A decoder that turns a latent into a picture in milliseconds, for previews.

    Args:
        network: Takes latents as they are drawn, B C H W, and gives B 3 8H 8W in [-1, 1].
        channels: C.

    Example:
        >>> TinyDecoder(lambda x: x[:, :3]).preview(torch.zeros(1, 4, 2, 2)).shape
        (1, 2, 2, 3)
    """

    def __init__(self, network: Any, channels: int = 4) -> None:
        self.network, self.channels = network, channels

    @classmethod
    def open(cls, path: Path, channels: int | None = None) -> TinyDecoder:
        """Read one from a diffusers folder, or from `taesd_decoder.safetensors` and the like.

        Args:
            path: A folder with an AutoencoderTiny, or a file.
            channels: Of the latents it is for; checked if given.

        Raises:
            WeightsError: It is another kind of model, corrupt, a pickle, or for other latents.
        """
        decoder = _from_folder(path) if path.is_dir() else _from_file(path)
        takes = decoder.layers[0].in_channels
        if channels is not None and takes != channels:
            raise WeightsError(
                f"{one_line(path)} decodes latents of {takes} channels; this checkpoint's have "
                f"{channels}: use the tiny decoder of its family"
            )
        return cls(decoder.eval().requires_grad_(False), takes)

    def preview(self, latents: Tensor | NDArray[np.float32]) -> NDArray[np.uint8]:
        """Show latents as they are drawn: B C H W, or C H W of one.

        Returns:
            uint8, B H W 3 (or H W 3), eight times as high and wide.
        """
        x = torch.as_tensor(latents)
        one = x.dim() == 3
        weights = self.network.parameters() if isinstance(self.network, torch.nn.Module) else ()
        weight = next(iter(weights), None)
        x = x.float() if weight is None else x.to(weight.device, weight.dtype)
        with torch.no_grad():
            out = self.network(x[None] if one else x)
        pixels = out.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        shown: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return shown[0] if one else shown


def open_vae(path: Path, like: Any) -> Any:
    """Read a VAE that is to stand in for a checkpoint's own.

    Args:
        path: A diffusers folder, or one .safetensors file with the keys of diffusers or of the
            first programs (`encoder.down.0.block...`), which also a whole checkpoint may hold.
        like: The checkpoint's own, whose configuration a single file takes over.

    Raises:
        WeightsError: It is corrupt, a pickle, no VAE, or for latents of another family.
    """
    import diffusers

    kind = type(like)
    if path.is_dir():
        vae = _loaded(kind, path)
    else:
        tensors, _ = read(path)
        if any(key.startswith(_LDM) for key in tensors):
            tensors = {k.removeprefix(_LDM): v for k, v in tensors.items() if k.startswith(_LDM)}
        if any(key.startswith("encoder.down.") for key in tensors):
            from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

            tensors = convert_ldm_vae_checkpoint(tensors, dict(like.config))
        with torch.device("meta"):
            vae = kind.from_config(like.config)
        # A 1x1 convolution in one program is a matrix in another.
        shapes = {key: value.shape for key, value in vae.state_dict().items()}
        tensors = {
            key: value.reshape(shapes[key])
            if key in shapes and value.numel() == shapes[key].numel()
            else value
            for key, value in tensors.items()
        }
        _fill(vae, tensors, path)
    own, new = like.config.get("latent_channels"), vae.config.get("latent_channels")
    if own != new:
        raise WeightsError(
            f"{one_line(path)} has latents of {new} channels; this checkpoint's have {own}: use a "
            f"VAE of its family (diffusers {diffusers.__version__}: {kind.__name__})"
        )
    return vae.eval().requires_grad_(False).to(like.device, like.dtype)


def _from_folder(path: Path) -> Any:
    from diffusers import AutoencoderTiny

    return _loaded(AutoencoderTiny, path).decoder


def _loaded(kind: Any, path: Path) -> Any:
    if not (path / _FOLDER_FILE).is_file():
        raise WeightsError(f"{one_line(path)} has no {_FOLDER_FILE}; expected a diffusers folder")
    try:
        model = kind.from_pretrained(
            path, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=True
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{one_line(path)} cannot be read as {kind.__name__}: {one_line(error, 120)}"
        ) from None
    # Of another kind of model diffusers takes what fits, and leaves the rest without numbers.
    if wrong := [key for key, value in model.state_dict().items() if value.is_meta]:
        raise _lacking(path, model, wrong)
    return model


def _from_file(path: Path) -> Any:
    from diffusers.models.autoencoders.vae import DecoderTiny

    tensors, _ = read(path)
    if any(key.startswith("decoder.layers.") for key in tensors):
        found = {k.removeprefix("decoder."): v for k, v in tensors.items() if "decoder." in k}
    else:
        bare = {key.removeprefix("decoder."): value for key, value in tensors.items()}
        # A layer without weights stands first there; here it is part of the call.
        found = {
            f"layers.{int(number) - 1}.{rest}": value
            for key, value in bare.items()
            for number, _, rest in [key.partition(".")]
            if number.isdecimal()
        }
    first = found.get("layers.0.weight")
    if first is None or first.dim() != 4:
        raise WeightsError(
            f"{one_line(path)} is no tiny decoder; expected the layers of taesd_decoder.safetensors"
        )
    width, channels = first.shape[:2]
    with torch.device("meta"):
        decoder = DecoderTiny(
            in_channels=channels,
            out_channels=3,
            num_blocks=(3, 3, 3, 1),
            block_out_channels=(width,) * 4,
            upsampling_scaling_factor=2,
            act_fn="relu",
            upsample_fn="nearest",
        )
    _fill(decoder, found, path)
    return decoder


def _fill(network: Any, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    wrong = [k for k, v in expected.items() if k not in tensors or tensors[k].shape != v.shape]
    if wrong:
        raise _lacking(path, network, wrong)
    network.load_state_dict({key: tensors[key].float() for key in expected}, assign=True)


def _lacking(path: Path, network: Any, wrong: Sequence[str]) -> WeightsError:
    return WeightsError(
        f"{one_line(path)} lacks {len(wrong)} of {len(network.state_dict())} weights of a "
        f"{type(network).__name__}, {one_line(wrong[0], 60)} first; use one of this family"
    )
