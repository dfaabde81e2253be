"""IP-Adapters: pictures that say a checkpoint, beside the prompt, what things are like.

Source: Ye et al. 2023, arXiv 2308.06721.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molnar.base.errors import RequestError, WeightsError, one_line
from molnar.bridge.lora_files import checked
from molnar.bridge.lora_reading import read


class IPAdapters:
    """The IP-Adapters of one pipeline, changed from request to request.

    Args:
        pipe: A diffusers pipeline of Stable Diffusion 1 or XL; it is changed in place.
        device: Where the image encoder computes; None = where the UNet is.

    Example:
        >>> from types import SimpleNamespace
        >>> IPAdapters(SimpleNamespace()).applied
        ()
    """

    def __init__(self, pipe: Any, device: str | None = None) -> None:
        self.pipe, self.device = pipe, device
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
                encoder = _image_encoder(_file(paths[0]), unet.dtype)
                self.pipe.register_modules(image_encoder=encoder.to(self.device or unet.device))
            # diffusers would widen all weights that are kept in 16 bits; nothing else is moved.
            unet.to = lambda *_, **__: unet
            self.pipe.load_ip_adapter(
                tensors,
                subfolder="",
                weight_name=[path.name for path in paths],
                image_encoder_folder=None,
            )
            _as_computed(unet)
        except (RuntimeError, ValueError, KeyError, IndexError, AttributeError) as error:
            self.clear()
            raise WeightsError(
                f"{one_line(paths[0])} does not fit this checkpoint: {one_line(error, 120)}; use "
                "an IP-Adapter of its family"
            ) from None
        except BaseException:
            self.clear()
            raise
        finally:
            unet.__dict__.pop("to", None)
        self.applied = tuple(paths)


def _as_computed(unet: Any) -> None:
    """Bring what was added to the numbers of a network that computes in bfloat16."""
    if str(unet.dtype) != "torch.bfloat16":  # those kept in float16 are computed in float32
        return
    for part in (*unet.attn_processors.values(), unet.encoder_hid_proj):
        if hasattr(part, "to"):
            part.to(dtype=unet.dtype)


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
    if any("_lora." in key for key in parts["ip_adapter"]):
        raise WeightsError(
            f"{one_line(path)} is for faces that another program has read (FaceID), of which there "
            "is none here; use an IP-Adapter for pictures"
        )
    return parts


def _image_encoder(path: Path, dtype: Any) -> Any:
    from transformers import CLIPVisionModelWithProjection

    for folder in (path.parent / "image_encoder", path.parent.parent / "image_encoder"):
        if (folder / "config.json").is_file():
            encoder = CLIPVisionModelWithProjection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=dtype
            )
            return encoder.eval().requires_grad_(False)
    raise WeightsError(
        f"there is no folder image_encoder beside {one_line(path)} or above it; put the one that "
        "was published with it there"
    )
