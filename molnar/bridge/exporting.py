"""A bundle in, a folder in the layout of diffusers out: the model where others look for one.

Weights are written as they are computed with, in float32, or rounded to float16 for half the bytes.
The code goes with them: `pipeline.py`, and a file for each part, written from molnar's own modules
(`inlining.py`), so that whoever loads the folder needs no molnar.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError, RequestError
from molnar.base.files import sync_folder, write_bytes
from molnar.base.quantise import unpacked
from molnar.base.weights import load, save
from molnar.bridge.card import card_of
from molnar.bridge.inlining import Inliner
from molnar.bundle import Bundle

INDEX = "model_index.json"
PIPELINE = "MolnarPipeline"
DIFFUSERS = "0.42.1"  # the version whose layout is written
Weights = Literal["float32", "float16"]
SAMPLERS = {"dpmpp_2m": "dpmpp_2m", "euler": "euler", "ddim": "euler"}  # ddim is Euler's rule here
NEEDED = ("text", "velocity", "decoder", "encoder")


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of a bundle as diffusers names it."""

    name: str  # of its folder
    source: str  # module in `ours`, and its class
    class_name: str
    parts: tuple[str, ...]  # of the bundle, whose weights it takes

    @property
    def module(self) -> str:
        """The name of its file: one of our own, since diffusers puts them all into one folder."""
        return f"molnar_{self.source}"


def components(bundle: Bundle) -> list[Component]:
    """List the components with weights that a bundle makes.

    Raises:
        BundleError: It lacks one that is needed, or has one of an unknown kind.
    """
    for part in NEEDED:
        bundle.part(part)
    kind = bundle.part("velocity").kind
    classes = {"unet": "MolnarUNet", "transformer": "MolnarTransformer"}
    if kind not in classes:
        raise BundleError(
            f"model {bundle.manifest.name!r} draws by a {kind!r}; expected unet or transformer: "
            "only those can be exported"
        )
    every = [
        ("text_encoder", "text_encoder", "MolnarTextEncoder", ("text",)),
        ("planner", "planner", "MolnarPlanner", ("planner",)),
        ("velocity", kind, classes[kind], ("velocity",)),
        ("vae", "vae", "MolnarVAE", ("encoder", "decoder")),
        ("finisher", "finisher", "MolnarFinisher", ("finisher",)),
        ("upscaler", "upscaler", "MolnarUpscaler", ("upscaler",)),
    ]
    return [
        Component(name=name, source=source, class_name=class_name, parts=parts)
        for name, source, class_name, parts in every
        if parts[0] in bundle.manifest.parts
    ]


def export(
    bundle: Bundle, folder: Path, *, weights: Weights = "float32", force: bool = False
) -> Path:
    """Write a bundle as a folder that `DiffusionPipeline.from_pretrained` loads.

    Args:
        bundle: A verified bundle.
        folder: Where to.
        weights: "float32" draws the very pictures of molnar; "float16" takes half the bytes.
        force: Replace a folder that was exported before.

    Raises:
        RequestError: The folder exists.
        BundleError: A part of the bundle has no counterpart in diffusers.
    """
    if folder.exists() and not force:
        raise RequestError(
            f"{folder} exists already; choose another name or use --force to replace it"
        )
    if folder.exists() and not is_ours(folder):
        raise RequestError(
            f"{folder} is there and is no {PIPELINE}; --force replaces those only: "
            "choose another name"
        )
    found = components(bundle)
    scheduler = scheduler_of(bundle)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.part")
    temporary.mkdir()
    try:
        for component in found:
            write_component(bundle, temporary / component.name, component, weights)
        write_scheduler(temporary / "scheduler", scheduler)
        write_tokenizer(bundle, temporary / "tokenizer")
        write_words(bundle, temporary / "words")
        write_text(temporary / "pipeline.py", Inliner("molnar.bridge.ours.pipeline").text())
        write_json(temporary / INDEX, index_of(bundle, found))
        size = sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
        write_text(temporary / "README.md", card_of(bundle.manifest, weights, size))
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)
    return folder


def is_ours(folder: Path) -> bool:
    """Tell whether a folder holds a model that was exported here."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("_class_name") == PIPELINE


def index_of(bundle: Bundle, found: list[Component]) -> dict[str, Any]:
    """Say which components there are, and what the model draws best with."""
    parts: dict[str, Any] = {one.name: [one.module, one.class_name] for one in found}
    manifest = bundle.manifest
    defaults, latent = manifest.defaults, manifest.latent
    return {
        "_class_name": PIPELINE,
        "_diffusers_version": DIFFUSERS,
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        "words": ["molnar_words", "MolnarWords"],
        "planner": [None, None],
        "finisher": [None, None],
        "upscaler": [None, None],
        **parts,
        "scheduler": ["molnar_scheduler", "MolnarScheduler"],
        "settings": {
            "steps": defaults.steps,
            "guidance": defaults.guidance,
            "interval": list(defaults.interval),
            "rescale": defaults.rescale,
            "height": defaults.height,
            "width": defaults.width,
            "aspects": list(manifest.aspects),
            "latent": {
                "channels": latent.channels,
                "downscale": latent.downscale,
                "multiple": latent.multiple,
            },
        },
    }


def scheduler_of(bundle: Bundle) -> dict[str, Any]:
    """Give the configuration of the scheduler.

    Raises:
        BundleError: The model draws by a sampler that the scheduler does not have.
    """
    defaults = bundle.manifest.defaults
    if defaults.sampler not in SAMPLERS:
        raise BundleError(
            f"model {bundle.manifest.name!r} draws by the sampler {defaults.sampler!r}; expected "
            f"one of: {', '.join(SAMPLERS)}: set another default before it is exported"
        )
    return {
        "_class_name": "MolnarScheduler",
        "_diffusers_version": DIFFUSERS,
        "num_train_timesteps": 1000,
        "sampler": SAMPLERS[defaults.sampler],
        "schedule": defaults.schedule,
        "shift": defaults.shift,
    }


def write_component(bundle: Bundle, folder: Path, component: Component, weights: Weights) -> None:
    """Write the code, the sizes and the weights of a component."""
    config = bundle.part(component.parts[0]).config
    stored: dict[str, NDArray[Any]] = {}
    for part in component.parts:
        stored |= unpacked(load(bundle.path(bundle.part(part).weights)))
    if component.name == "vae":
        preview = bundle.manifest.latent.preview or np.zeros((4, config["latent_channels"] + 1))
        stored["preview"] = np.asarray(preview, np.float32)
    write_code(folder, component.source)
    write_json(
        folder / "config.json",
        {
            "_class_name": component.class_name,
            "_diffusers_version": DIFFUSERS,
            "sizes": config,
        },
    )
    tensors = {f"network.{name}": rounded(array, weights) for name, array in stored.items()}
    save(folder / "diffusion_pytorch_model.safetensors", tensors, {"format": "pt"})


def rounded(array: NDArray[Any], weights: Weights) -> NDArray[Any]:
    """Give floats in the type that is stored; integers and booleans stay."""
    return array.astype(weights) if array.dtype.kind == "f" else array


def write_scheduler(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the code and the configuration of the scheduler."""
    write_code(folder, "scheduler")
    write_json(folder / "scheduler_config.json", config)


def write_tokenizer(bundle: Bundle, folder: Path) -> None:
    """Write the tokenizer as transformers has it."""
    source = bundle.path(bundle.manifest.tokenizer).read_bytes()
    write_bytes(folder / "tokenizer.json", source)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": int(bundle.part("text").config.get("length", 32)),
            "pad_token": "<pad>",
            "bos_token": "<start>",
            "eos_token": "<end>",
            "mask_token": "<mask>",
            "split_special_tokens": True,
            "clean_up_tokenization_spaces": False,
        },
    )


def write_words(bundle: Bundle, folder: Path) -> None:
    """Write the known words and, if there is one, the table of meanings."""
    write_code(folder, "words")
    manifest = bundle.manifest
    known = json.loads(bundle.path(manifest.words).read_bytes())
    # Neighbours of unknown words are for messages, which the pipeline has none of.
    plain = {name: known[name] for name in ("words", "emoji") if name in known}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    write_bytes(folder / "words.json", text.encode())
    if manifest.meaning is not None:
        source = bundle.path(manifest.meaning).read_bytes()
        write_bytes(folder / "meaning.safetensors", source)


def write_code(folder: Path, source: str) -> None:
    """Write a module of `ours` as a file that stands alone."""
    write_text(folder / f"molnar_{source}.py", Inliner(f"molnar.bridge.ours.{source}").text())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON as diffusers does: indented, a line break at the end."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a new text file in UTF-8."""
    write_bytes(path, text.encode())
