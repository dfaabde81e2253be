"""Keys of LoRA files, however they are named -> weights of the networks of a loaded pipeline.

::

    lora_unet_down_blocks_0_attentions_0_..._to_q.lora_down.weight   kohya, SD 1 and 2
    lora_unet_input_blocks_4_1_..._to_q.lora_down.weight             kohya, SDXL: names of "sgm"
    unet.down_blocks.0.attentions.0....to_q.lora_A.weight            diffusers
    down_blocks.0....attn1.processor.to_q_lora.down.weight           diffusers until 0.20
    base_model.model.down_blocks.0....to_q.lora_A.weight             peft
    diffusion_model.input_blocks.4.1....lora_down.weight             ComfyUI

Every module of the pipeline is listed under all names it has in these; a key is looked up with its
dots as underscores, which is how kohya's names are made. Names of transformers whose layers are
cut otherwise in other programs (Flux, SD3, ...) go through diffusers' own conversion first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DRAWING = ("unet", "transformer", "prior", "decoder")  # components that draw; the first counts
_ADAPTER = r"(?:\.[A-Za-z0-9_-]+)?"  # peft's name of the adapter
# What a key ends with, and which part of a change it is.
_PARTS = [
    (re.compile(pattern + r"\Z"), part)
    for pattern, part in (
        (rf"\.lora_A{_ADAPTER}\.weight", "down"),
        (rf"\.lora_B{_ADAPTER}\.weight", "up"),
        (rf"\.lora_B{_ADAPTER}\.bias", "bias"),
        (rf"\.lora_magnitude_vector{_ADAPTER}(?:\.weight)?", "magnitude"),
        (r"\.dora_scale", "magnitude"),
        (r"(?:\.lora_down|[._]lora\.down|\.lora_linear_layer\.down)\.weight", "down"),
        (r"(?:\.lora_up|[._]lora\.up|\.lora_linear_layer\.up)\.weight", "up"),
        (r"\.lora_mid\.weight", "mid"),
        (r"(?:_lora|\.lora|\.lora_linear_layer)?\.alpha", "alpha"),
        (r"\.diff", "diff"),
        (r"\.diff_b", "diff_b"),
        (r"\.(?P<part>(?:hada|lokr)_(?:w[12](?:_[ab])?|t[12]))" + _ADAPTER, ""),
    )
]
# Prefixes and the component they speak of; None is the one that draws.
_PREFIXES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("lora_unet_", (None,)),
    ("lora_transformer_", (None,)),
    ("lora_prior_unet_", (None,)),
    ("lycoris_", (None,)),
    ("lora_te1_", ("text_encoder",)),
    ("lora_te2_", ("text_encoder_2",)),
    ("lora_te3_", ("text_encoder_3", "text_encoder_2")),
    ("lora_te_", ("text_encoder",)),
    ("base_model.model.", (None, "text_encoder", "text_encoder_2", "text_encoder_3")),
    ("model.diffusion_model.", (None,)),
    ("diffusion_model.", (None,)),
    ("unet.", (None,)),
    ("transformer.", (None,)),
    ("prior.", (None,)),
    ("text_encoder.", ("text_encoder",)),
    ("text_encoder_2.", ("text_encoder_2",)),
    ("text_encoder_3.", ("text_encoder_3",)),
    ("", (None, "text_encoder", "text_encoder_2", "text_encoder_3")),
)
# A text encoder's projections as diffusers called them until 0.20.
_OLD_TEXT = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A module of a pipeline.

    Example:
        >>> str(Target("unet", "mid_block.attentions.0.proj_in"))
        'unet.mid_block.attentions.0.proj_in'
    """

    component: str
    path: str

    def __str__(self) -> str:
        return f"{self.component}.{self.path}"


@dataclass
class Named:
    """The changes in a file, by the module they are for.

    Example:
        >>> Named().found
        {}
    """

    found: dict[Target, dict[str, Any]] = field(default_factory=dict)  # part of a change: tensor
    keys: dict[Target, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)  # keys of no module


class Names:
    """Every module of a pipeline that has a weight, under every name that LoRA files call it.

    Args:
        components: The pipeline's; those that are no networks are passed over.

    Example:
        >>> Names({}).drawing
    """

    def __init__(self, components: Mapping[str, Any]) -> None:
        self.drawing = next((n for n in DRAWING if _is_network(components.get(n))), None)
        self.tables: dict[str, dict[str, str]] = {}
        for name, network in components.items():
            if name == self.drawing:
                self.tables[name] = _table(network, _drawing_names)
            elif name.startswith("text_encoder") and _is_network(network):
                self.tables[name] = _table(network, _text_names)

    def match(self, tensors: Mapping[str, Any]) -> Named:
        """Sort the tensors of a file by the modules they are for."""
        named = Named()
        for key, tensor in tensors.items():
            split = _split(key)
            target = None if split is None else self._target(split[0])
            if split is None or target is None:
                named.unknown.append(key)
                continue
            named.found.setdefault(target, {})[split[1]] = tensor
            named.keys.setdefault(target, []).append(key)
        return named

    def _target(self, base: str) -> Target | None:
        for prefix, components in _PREFIXES:
            if not base.startswith(prefix):
                continue
            rest = _flat(base[len(prefix) :].replace(".processor.", "."))
            for component in components:
                name = component or self.drawing
                path = self.tables.get(name or "", {}).get(rest)
                if name and path is not None:
                    return Target(name, path)
        return None


def _is_network(value: Any) -> bool:
    return hasattr(value, "named_modules")


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _split(key: str) -> tuple[str, str] | None:
    """The name of the module, and which part of its change this is."""
    for pattern, part in _PARTS:
        if match := pattern.search(key):
            return key[: match.start()], part or match["part"]
    return None


def _table(network: Any, names: Any) -> dict[str, str]:
    table: dict[str, str] = {}
    layers = getattr(getattr(network, "config", None), "layers_per_block", None)
    for path, module in network.named_modules():
        if path and getattr(module, "weight", None) is not None:
            # A wrapped layer's own weight lies below it; the name of the layer is what is known.
            if ".base_layer" in path or ".lora_" in path:
                continue
            for name in names(path, layers):
                table.setdefault(_flat(name), path)
    return table


def _text_names(path: str, _: Any) -> Iterator[str]:
    # transformers 5 dropped the level "text_model" that every older file has.
    bare = path.removeprefix("text_model.")
    head, _dot, last = bare.rpartition(".")
    yield from (path, bare, f"text_model.{bare}")
    if last in _OLD_TEXT:
        yield f"{head}.{_OLD_TEXT[last]}"
        yield f"text_model.{head}.{_OLD_TEXT[last]}"


def _drawing_names(path: str, layers: Any) -> Iterator[str]:
    yield path
    if path.endswith(".to_out.0"):
        yield path.removesuffix(".0")
    if isinstance(layers, int) and (name := sgm_name(path, layers)):
        yield name


_SGM_ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_SGM_RESNET = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_BLOCK = re.compile(
    r"(?P<side>down_blocks\.(?P<down>\d+)|mid_block|up_blocks\.(?P<up>\d+))"
    r"\.(?P<kind>resnets|attentions|downsamplers|upsamplers)\.(?P<index>\d+)\.(?P<rest>.+)"
)


def sgm_name(path: str, layers: int) -> str | None:
    """Return the name of a module of diffusers' UNet in the first programs of Stability AI.

    Args:
        path: In diffusers.
        layers: Blocks per level, `layers_per_block` of the configuration.

    Example:
        >>> sgm_name("up_blocks.1.attentions.2.proj_in", 2)
        'output_blocks.5.1.proj_in'
    """
    if path in _SGM_ENDS:
        return _SGM_ENDS[path]
    if not (match := _BLOCK.fullmatch(path)):
        return None
    kind, index, rest = match["kind"], int(match["index"]), match["rest"]
    inner = _SGM_RESNET.get(rest, rest) if kind == "resnets" else rest
    of_level = layers + 1
    if match["down"] is not None:
        level = int(match["down"])
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * of_level}.0.op"
        return f"input_blocks.{1 + level * of_level + index}.{int(kind == 'attentions')}.{inner}"
    if match["up"] is not None:
        level = int(match["up"])
        if kind == "upsamplers":
            # Behind an attention block where there is one, which is the case in SDXL.
            return f"output_blocks.{level * of_level + layers}.2.{rest}"
        return f"output_blocks.{level * of_level + index}.{int(kind == 'attentions')}.{inner}"
    return f"middle_block.{1 if kind == 'attentions' else 2 * index}.{inner}"
