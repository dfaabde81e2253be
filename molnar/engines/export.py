"""A training workspace in, a bundle out: float16 weights, and graphs that point into them.

Each graph is traced from the module that the torch engine runs. Its parameters are then taken out: an
initialiser becomes ONNX *external data* (file, offset, length) in the part's safetensors file, float16,
followed by a cast to float32, which ONNX Runtime folds away when it loads the graph. One copy of the weights
serves both engines, and a graph is a few hundred kilobytes.

Source: ONNX specification, IR.md, section "External Tensor Data".
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molnar.base.config import from_json, to_json
from molnar.base.errors import ConfigError, MissingExtraError, RequestError, TrainingError
from molnar.base.weights import load, offsets, save
from molnar.bundle import Bundle, Manifest, Part
from molnar.bundle import save as save_bundle
from molnar.engines.torch import build, open_module
from molnar.latent.format import LatentFormat

try:
    import onnx
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("onnx", "train") from error

OPSET = 18
LARGEST_F16 = 65504.0
LARGEST_INLINE_BYTES = 16_384  # a constant above this is a weight that lost its name
SIZE = 16  # height and width of a traced picture or latent; both stay free in the graph


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a part of a bundle comes from in a workspace, and what flows through it."""

    folder: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


SOURCES = {
    "text": Source(folder="text", inputs=("ids", "mask"), outputs=("tokens", "pooled")),
    "velocity": Source(
        folder="diffusion",
        inputs=("x", "t", "tokens", "mask", "pooled"),
        outputs=("velocity",),
    ),
    "decoder": Source(folder="vae", inputs=("latent",), outputs=("image",)),
    "encoder": Source(folder="vae", inputs=("image",), outputs=("latent",)),
    "upscaler": Source(folder="upscaler", inputs=("image",), outputs=("large",)),
}
SPATIAL = frozenset(
    {"x", "velocity", "latent", "image", "large"}
)  # B C H W; all else begins with B


def export(
    workspace: Path, folder: Path, card: Mapping[str, Any] | None = None, *, force: bool = False
) -> Bundle:
    """Write a bundle from the finished parts of a workspace.

    Args:
        workspace: A folder with tokenizer/ text/ vae/ diffusion/ and, where there is one, upscaler/.
        folder: The bundle to make; its name is the model's, unless the card says otherwise.
        card: Fields of `Manifest` that no part knows: defaults, licence, data, evaluation, ... They
            win over those of `card.json` in the workspace.
        force: Replace a bundle that exists.

    Raises:
        TrainingError: A part is not there or not finished.
        RequestError: `folder` exists and `force` is False.
        ConfigError: A field of the card is unknown or does not fit.
    """
    if folder.exists() and not force:
        raise RequestError(
            f"{folder} exists already; choose another name or use --force to replace it"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.part")
    temporary.mkdir()
    try:
        manifest = _fill(workspace, temporary, folder.name, card or {})
        save_bundle(temporary, manifest)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Bundle.load(folder)


def _fill(workspace: Path, folder: Path, name: str, card: Mapping[str, Any]) -> Manifest:
    """Write every file of a bundle but its manifest."""
    latent = to_json(latent_format(workspace))
    fields = {"name": name, "version": "1", **_card(workspace), **card, "latent": latent}
    from_json(Manifest, {**fields, "parts": {}})  # a wrong card is told now, not after minutes
    for file in ("tokenizer.json", "words.json"):
        source = workspace / "tokenizer" / file
        if not source.is_file():
            raise TrainingError(f"{source}: missing; run `molnar train tokenizer` first")
        shutil.copyfile(source, folder / file)
    parts: dict[str, Any] = {}
    for part, source in SOURCES.items():
        if part == "upscaler" and not (workspace / source.folder / "model.json").is_file():
            continue
        parts[part] = to_json(_write_part(workspace, folder, part))
    return from_json(Manifest, {**fields, "parts": parts, "files": {}})


def _card(workspace: Path) -> dict[str, Any]:
    path = workspace / "card.json"
    if not path.is_file():
        return {}
    card = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise ConfigError(f"{path}: expected an object with fields of a bundle's manifest")
    return card


def _model(workspace: Path, part: str) -> dict[str, Any]:
    path = workspace / part / "model.json"
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise TrainingError(f"{path}: missing; run `molnar train {part}` first") from None


def latent_format(workspace: Path) -> LatentFormat:
    """Read off the finished parts what a latent is."""
    config = _model(workspace, "vae")["config"]
    network = _model(workspace, "diffusion")["config"]
    preview = load(workspace / "vae" / "model.safetensors")["preview"]
    # A U-Net halves its picture once per further level; a transformer cuts it into patches.
    halvings = len(network.get("channels", ())) - 1
    return LatentFormat(
        channels=int(config["latent_channels"]),
        downscale=int(config["downscale"]),
        multiple=2**halvings if halvings > 0 else int(network.get("patch", 1)),
        preview=tuple(tuple(round(float(v), 5) for v in row) for row in preview),
    )


def _write_part(workspace: Path, folder: Path, name: str) -> Part:
    """Write `<name>.safetensors` and `<name>.onnx`."""
    source = SOURCES[name]
    model = _model(workspace, source.folder)
    module = build(name, model["kind"], model["config"]).eval().requires_grad_(False)
    trained = load(workspace / source.folder / "model.safetensors")
    wanted = module.state_dict()
    missing = sorted(set(wanted) - set(trained))
    if missing:
        raise TrainingError(
            f"{workspace / source.folder}: no tensor {missing[0]!r}; train that part again"
        )
    arrays = {key: narrow(key, trained[key]) for key in wanted}
    module.load_state_dict({key: torch.from_numpy(widen(value)) for key, value in arrays.items()})
    weights = f"{name}.safetensors"
    save(folder / weights, arrays, {"part": name, "kind": model["kind"]})
    graph = trace(module, source, example(name, module))
    point(graph, folder / weights, set(arrays))
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


def widen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give floats as float32, which is what both engines compute in."""
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


def example(name: str, module: nn.Module) -> tuple[torch.Tensor, ...]:
    """Make inputs of the right shapes for a part, two of each: B 2, H and W `SIZE`."""
    config: Any = getattr(module, "config", None)
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(2, *shape, generator=draw)

    if name == "text":
        ids = torch.randint(0, config.vocab_size, (2, config.length), generator=draw)
        return ids, torch.arange(config.length)[None] < torch.tensor([[4], [config.length]])
    if name == "velocity":
        mask = torch.arange(32)[None] < torch.tensor([[4], [32]])
        channels, width, pooled = config.latent_channels, config.text_width, config.pooled_width
        return (
            normal(channels, SIZE, SIZE),
            torch.rand(2, generator=draw),
            normal(32, width),
            mask,
            normal(pooled),
        )
    if name == "decoder":
        return (normal(config.latent_channels, SIZE, SIZE),)
    return (normal(4, 8 * SIZE, 8 * SIZE).clamp(-1, 1),)


def trace(module: nn.Module, source: Source, inputs: tuple[torch.Tensor, ...]) -> onnx.ModelProto:
    """Trace a module to a graph with free batch, height and width.

    This is torch's tracing exporter: it keeps the names of the parameters, and takes a second where the
    symbolic one takes a minute.
    """
    out = io.BytesIO()
    axes = {
        name: {0: "B", 2: f"{name}_H", 3: f"{name}_W"} if name in SPATIAL else {0: "B"}
        for name in (*source.inputs, *source.outputs)
    }
    with warnings.catch_warnings(), torch.no_grad():
        # It warns that it is the old one, and of each Python number it fixes; `compare` proves the result.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            out,
            input_names=list(source.inputs),
            output_names=list(source.outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=False,
            dynamo=False,
        )
    graph: onnx.ModelProto = onnx.load_from_string(out.getvalue())
    return graph


def point(graph: onnx.ModelProto, weights: Path, names: set[str]) -> None:
    """Replace the parameters in a graph by references into a safetensors file, in place.

    Args:
        graph: As `trace` gives it.
        weights: The file; the graph must be saved beside it.
        names: The parameters.

    Raises:
        TrainingError: A large tensor in the graph is none of the parameters, and would be stored twice.
    """
    where = offsets(weights)
    kinds = {
        "F16": onnx.TensorProto.FLOAT16,
        "I64": onnx.TensorProto.INT64,
        "BOOL": onnx.TensorProto.BOOL,
    }
    kept = []
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.name not in names:
            if tensor.ByteSize() > LARGEST_INLINE_BYTES:
                raise TrainingError(
                    f"graph constant {tensor.name!r} has {tensor.ByteSize()} bytes; name it as a buffer"
                )
            kept.append(tensor)
            continue
        entry = where[tensor.name]
        narrow_name = f"{tensor.name}.f16" if entry.dtype == "F16" else tensor.name
        stored = onnx.TensorProto(name=narrow_name, dims=entry.shape, data_type=kinds[entry.dtype])
        stored.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": weights.name, "offset": entry.offset, "length": entry.length}
        for key, value in place.items():
            stored.external_data.add(key=key, value=str(value))
        kept.append(stored)
        if entry.dtype == "F16":
            casts.append(
                onnx.helper.make_node(
                    "Cast", [narrow_name], [tensor.name], to=onnx.TensorProto.FLOAT
                )
            )
    nodes = [*casts, *graph.graph.node]
    shorten(nodes, {value.name for value in (*graph.graph.output, *kept)})
    del graph.graph.initializer[:], graph.graph.node[:], graph.graph.value_info[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes)


def shorten(nodes: Sequence[onnx.NodeProto], keep: set[str]) -> None:
    """Number the values between nodes, and drop what only the tracing machine could read, in place."""
    short: dict[str, str] = {}
    for node in nodes:
        node.ClearField("doc_string")
        node.ClearField("name")
        for place, name in enumerate(node.input):
            node.input[place] = short.get(name, name)
        for place, name in enumerate(node.output):
            # A cast gives its parameter's name back, which says more than a number.
            if name and name not in keep and node.op_type != "Cast":
                short[name] = f"v{len(short)}"
                node.output[place] = short[name]


def compare(bundle: Bundle) -> dict[str, float]:
    """Run every part in both engines on shapes that were not traced.

    Returns:
        The largest difference per part, relative to the largest value.
    """
    from molnar.engines.onnx import open_session

    found = {}
    for name in bundle.manifest.parts:
        module = open_module(bundle, name)
        session = open_session(str(bundle.path(bundle.part(name).graph)))
        worst = 0.0
        for rows in (1, 2, 3):
            inputs = [_other(value, rows) for value in example(name, module)]
            with torch.inference_mode():
                ours = module(*inputs)
            known = {node.name for node in session.get_inputs()}
            feeds = {
                k: v.numpy()
                for k, v in zip(SOURCES[name].inputs, inputs, strict=True)
                if k in known
            }
            theirs = session.run(None, feeds)
            for a, b in zip(ours if isinstance(ours, tuple) else (ours,), theirs, strict=True):
                scale = max(float(a.abs().max()), 1e-6)
                worst = max(worst, float(np.abs(a.numpy() - b).max()) / scale)
        found[name] = worst
    return found


def _other(value: torch.Tensor, rows: int) -> torch.Tensor:
    """Give an example another batch size, and another width where it is a picture."""
    repeated = value[[0, 1, 0][:rows]]
    return torch.cat([repeated, repeated.flip(-1)], dim=-1) if value.dim() == 4 else repeated
