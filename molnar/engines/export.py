"""A training workspace in, a bundle out: small weights, and graphs that point into them.

Each graph is traced from the module that the torch engine runs, and then loses its own copy of the
weights (`graph.py`): one copy serves both engines.
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

from molnar.base.config import from_json, to_json
from molnar.base.drawings import FILE as DRAWINGS
from molnar.base.errors import ConfigError, MissingExtraError, RequestError, TrainingError
from molnar.base.quantise import packed, unpacked, worth_it
from molnar.base.weights import load, save
from molnar.base.workspace import decoder_folder
from molnar.bundle import MANIFEST, Bundle, Manifest, Part
from molnar.bundle import save as save_bundle
from molnar.diffusion.networks import config_of, multiple_of
from molnar.engines.examples import example
from molnar.engines.torch import build, open_module
from molnar.latent.format import LatentFormat

try:
    import torch

    from molnar.engines.graph import point, tidy, trace
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "train") from error

Weights = Literal["int8", "float16"]
LARGEST_F16 = 65504.0
MEANING = "meaning.safetensors"
OPTIONAL = frozenset({"planner", "finisher", "upscaler", "clip"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a part of a bundle comes from in a workspace, and what flows through it."""

    folder: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    quantised: bool = False  # its large matrices may be stored in int8


SOURCES = {
    "text": Source(
        folder="text", inputs=("ids", "mask"), outputs=("tokens", "pooled"), quantised=True
    ),
    "planner": Source(
        folder="planner",
        inputs=("written", "tokens", "mask"),
        outputs=("names", "colours", "bins"),
        quantised=True,
    ),
    "velocity": Source(
        folder="diffusion",
        inputs=("x", "t", "tokens", "mask", "pooled", "plan", "until"),
        outputs=("velocity",),
        quantised=True,
    ),
    "decoder": Source(folder="vae", inputs=("latent",), outputs=("image",)),
    "encoder": Source(folder="vae", inputs=("image",), outputs=("latent",)),
    "finisher": Source(folder="finisher", inputs=("image", "manner"), outputs=("finished",)),
    "upscaler": Source(folder="upscaler", inputs=("image",), outputs=("large",)),
    "clip": Source(folder="clip", inputs=("seen", "pooled"), outputs=("fit",), quantised=True),
}


def export(
    workspace: Path,
    folder: Path,
    card: Mapping[str, Any] | None = None,
    *,
    weights: Weights = "int8",
    force: bool = False,
) -> Bundle:
    """Write a bundle from the finished parts of a workspace.

    Args:
        workspace: A folder with tokenizer/ text/ vae/ diffusion/ and, maybe, planner/ decoder/
            finisher/ upscaler/ clip/ sources/.
        folder: The bundle to make; its name is the model's, unless the card says otherwise.
        card: Fields of `Manifest` that no part knows: defaults, licence, data, evaluation, ... They
            win over those of `card.json` in the workspace.
        weights: How the large matrices of text encoder, planner, velocity network and CLIP are
            stored; all else is float16. Computed is in float32 either way.
        force: Replace a bundle that exists.

    Raises:
        TrainingError: A part is not there or not finished.
        RequestError: `folder` exists and `force` is False, or it is something other than a model.
        ConfigError: A field of the card is unknown or does not fit.
    """
    if folder.exists() and not force:
        raise RequestError(
            f"{folder} exists already; choose another name or use --force to replace it"
        )
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise RequestError(
            f"{folder} is there and is no model; --force replaces models only: choose another name"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.part")
    temporary.mkdir()
    try:
        manifest = _fill(workspace, temporary, folder.name, card or {}, weights)
        save_bundle(temporary, manifest)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Bundle.load(folder)


def _fill(
    workspace: Path, folder: Path, name: str, card: Mapping[str, Any], weights: Weights
) -> Manifest:
    """Write every file of a bundle but its manifest."""
    latent = to_json(latent_format(workspace))
    told = _merged(_merged(_learned(workspace), _card(workspace)), card)
    fields = {"name": name, "version": "1", **told, "latent": latent}
    from_json(Manifest, {**fields, "parts": {}})  # a wrong card is told now, not after minutes
    for file in ("tokenizer.json", "words.json"):
        path = workspace / "tokenizer" / file
        if not path.is_file():
            raise TrainingError(f"{path}: missing; run `molnar train tokenizer` first")
        shutil.copyfile(path, folder / file)
    if (workspace / "tokenizer" / MEANING).is_file():
        shutil.copyfile(workspace / "tokenizer" / MEANING, folder / MEANING)
        fields["meaning"] = MEANING
    if (workspace / "sources" / DRAWINGS).is_file():
        shutil.copyfile(workspace / "sources" / DRAWINGS, folder / DRAWINGS)
        fields["sources"] = DRAWINGS
    if (workspace / "clip" / "model.json").is_file():
        _check_clip(workspace)
    sizes = _model(workspace, "diffusion")["config"]
    if sizes.get("flow_map") and not sizes.get("plan"):
        raise TrainingError(f"{workspace}: a flow map needs plans; train with plan=true")
    parts: dict[str, Any] = {}
    for part, source in SOURCES.items():
        if part in OPTIONAL and not (workspace / source.folder / "model.json").is_file():
            continue
        parts[part] = to_json(_write_part(workspace, folder, part, weights))
    _check_plans(workspace, parts)
    return from_json(Manifest, {**fields, "parts": parts, "files": {}})


def _check_plans(workspace: Path, parts: Mapping[str, Any]) -> None:
    """Refuse a planner that writes what the network cannot read, and one without the other."""
    planned = bool(parts["velocity"]["config"].get("plan"))
    if planned != ("planner" in parts):
        raise TrainingError(
            f"{workspace}: a planner needs a network that reads plans, and the other way round; "
            "run `molnar train planner`, or train diffusion with plan=true"
        )
    if planned:
        ours, theirs = (_model(workspace, part).get("names") for part in ("planner", "diffusion"))
        if ours and theirs and ours != theirs:
            raise TrainingError(
                f"{workspace}: planner and network were trained with other names ({ours}, "
                f"{theirs}), or another text encoder; train the older of the two again"
            )


def _check_clip(workspace: Path) -> None:
    """Refuse a CLIP that was trained with another text encoder."""
    reads = int(_model(workspace, "clip")["config"]["pooled_width"])
    given = int(_model(workspace, "text")["config"]["pooled"])
    if reads != given:
        raise TrainingError(
            f"{workspace}: the CLIP reads {reads} numbers, the text encoder gives {given}; "
            "run `molnar train clip` again, or remove its folder"
        )


def _learned(workspace: Path) -> dict[str, Any]:
    """Read off the diffusion run what its network draws, where the card does not say otherwise."""
    data = _model(workspace, "diffusion").get("data", {})
    told: dict[str, Any] = {}
    if data.get("aspects"):
        told["aspects"] = list(dict.fromkeys(data["aspects"]))
    if few := data.get("few"):  # guided already, in these numbers of steps of this schedule
        told["defaults"] = {"schedule": "simple", "shift": data["shift"]}
        told["qualities"] = {"fast": {"steps": min(few), "guidance": 1.0, "flow_map": few}}
    elif data.get("teacher"):  # it gives the guided estimate at once, and is not guided twice
        told["defaults"] = {"guidance": 1.0}
    return told


def _card(workspace: Path) -> dict[str, Any]:
    path = workspace / "card.json"
    if not path.is_file():
        return {}
    card = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise ConfigError(f"{path}: expected an object with fields of a bundle's manifest")
    return card


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one card over another; objects in them are laid over each other, field by field."""
    both = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], dict) and isinstance(over[key], dict):
            both[key] = _merged(under[key], over[key])
    return both


def _model(workspace: Path, part: str) -> dict[str, Any]:
    path = workspace / part / "model.json"
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise TrainingError(f"{path}: missing; run `molnar train {part}` first") from None


def latent_format(workspace: Path) -> LatentFormat:
    """Read off the finished parts what a latent is."""
    config = _model(workspace, "vae")["config"]
    network = _model(workspace, "diffusion")
    preview = load(workspace / "vae" / "model.safetensors")["preview"]
    return LatentFormat(
        channels=int(config["latent_channels"]),
        downscale=int(config["downscale"]),
        multiple=multiple_of(config_of(network["kind"], network["config"])),
        preview=tuple(tuple(round(float(v), 5) for v in row) for row in preview),
    )


def _write_part(workspace: Path, folder: Path, name: str, stored: Weights) -> Part:
    """Write `<name>.safetensors` and `<name>.onnx`."""
    source = SOURCES[name]
    own = decoder_folder(workspace) if name == "decoder" else source.folder
    model = _model(workspace, own)
    module = build(name, model["kind"], model["config"]).eval().requires_grad_(False)
    trained = load(workspace / own / "model.safetensors")
    wanted = module.state_dict()
    missing = sorted(set(wanted) - set(trained))
    if missing:
        raise TrainingError(f"{workspace / own}: no tensor {missing[0]!r}; train that part again")
    arrays = {key: narrow(key, trained[key]) for key in wanted}
    if source.quantised and stored == "int8":
        large = {key: trained[key] for key in wanted if worth_it(trained[key])}
        arrays |= packed(large, list(large))
    module.load_state_dict({k: torch.from_numpy(v) for k, v in unpacked(arrays).items()})
    weights = f"{name}.safetensors"
    save(folder / weights, arrays, {"part": name, "kind": model["kind"]})
    inputs = example(name, module, _model(workspace, "text")["config"]["length"])
    graph = trace(module, inputs, source.inputs[: len(inputs)], source.outputs)
    tidy(graph, keep=set(wanted))
    point(graph, folder / weights, set(wanted))
    (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    return Part(kind=model["kind"], config=model["config"], weights=weights, graph=f"{name}.onnx")


def narrow(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round floats to float16; integers and booleans stay.

    Raises:
        TrainingError: A number does not fit, or is none.
    """
    if not np.issubdtype(array.dtype, np.floating):
        return array
    if not np.isfinite(array).all() or np.abs(array).max(initial=0) > LARGEST_F16:
        raise TrainingError(
            f"tensor {name!r} holds numbers beyond {LARGEST_F16:g} or none at all; train again"
        )
    return array.astype(np.float16)


def compare(bundle: Bundle) -> dict[str, float]:
    """Run every part in both engines on shapes that were not traced.

    Returns:
        The largest difference per part, relative to the largest value.
    """
    from molnar.engines.onnx import open_session

    found = {}
    length = bundle.part("text").config["length"]
    for name in bundle.manifest.parts:
        module = open_module(bundle, name)
        session = open_session(str(bundle.path(bundle.part(name).graph)))
        worst = 0.0
        for rows in (1, 2, 3):
            given = example(name, module, length)
            inputs = [_other(value, rows, wider=name != "clip") for value in given]
            if name == "planner":
                inputs[0] = inputs[0][:, : 4 * rows - 3]  # from one number on
            with torch.inference_mode():
                ours = module(*inputs)
            known = {node.name for node in session.get_inputs()}
            feeds = {
                k: v.numpy()
                for k, v in zip(SOURCES[name].inputs[: len(inputs)], inputs, strict=True)
                if k in known
            }
            theirs = session.run(None, feeds)
            for a, b in zip(ours if isinstance(ours, tuple) else (ours,), theirs, strict=True):
                scale = max(float(a.abs().max()), 1e-6)
                worst = max(worst, float(np.abs(a.numpy() - b).max()) / scale)
        found[name] = worst
    return found


def _other(value: torch.Tensor, rows: int, wider: bool) -> torch.Tensor:
    """Give an example another batch size, and a picture, where it may be wider, another width."""
    repeated = value[[0, 1, 0][:rows]]
    picture = wider and value.dim() == 4
    return torch.cat([repeated, repeated.flip(-1)], dim=-1) if picture else repeated
