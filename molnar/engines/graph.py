"""A torch module in, an ONNX graph out that holds no weights but points into a safetensors file.

A parameter becomes ONNX *external data* (file, offset, length), float16 or int8 with scales,
followed by a cast to float32 and, for int8, a product with the scales, which ONNX Runtime folds
away when it loads the graph. What is left is a few kilobytes to a few hundred.

Source: ONNX specification, IR.md, section "External Tensor Data".
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from molnar.base.errors import TrainingError
from molnar.base.quantise import SCALE
from molnar.base.weights import Entry, offsets

OPSET = 18
LARGEST_INLINE_BYTES = 16_384  # a constant above this is a weight that lost its name
KINDS = {
    "F32": onnx.TensorProto.FLOAT,
    "F16": onnx.TensorProto.FLOAT16,
    "I8": onnx.TensorProto.INT8,
    "I64": onnx.TensorProto.INT64,
    "BOOL": onnx.TensorProto.BOOL,
}
#: B C H W, all but C free; everything else begins with a free B.
PICTURES = frozenset({"x", "velocity", "latent", "image", "finished", "large", "plan"})
SEQUENCES = frozenset({"written"})  # B S, both free


def trace(
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    """Trace a module to a graph with free batch, height and width.

    This is torch's tracing exporter: it keeps the names of the parameters, and takes a second where
    the symbolic one takes a minute.

    Args:
        module: In evaluation mode.
        example: Inputs; no dimension that is to stay free may be 1.
        inputs: Their names.
        outputs: Names of the results.
    """
    out = io.BytesIO()
    axes = {name: _free(name) for name in (*inputs, *outputs)}
    with warnings.catch_warnings(), torch.no_grad():
        # It warns that it is the old one, and of each number it fixes; tests prove the result.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            out,  # type: ignore[arg-type]
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=False,
            dynamo=False,
        )
    graph: onnx.ModelProto = onnx.load_from_string(out.getvalue())
    return graph


def _free(name: str) -> dict[int, str]:
    if name in PICTURES:
        return {0: "B", 2: f"{name}_H", 3: f"{name}_W"}
    return {0: "B", 1: f"{name}_S"} if name in SEQUENCES else {0: "B"}


def tidy(model: onnx.ModelProto, keep: Iterable[str]) -> None:
    """Compute nothing twice and nothing in vain, and forget the tracing, in place.

    A traced graph reads every size anew each time it is used: half of its nodes are repetitions,
    and ONNX Runtime would spend a third of a second on removing them whenever it loads the graph.

    Args:
        model: Nodes in order of computation, as `trace` gives them.
        keep: Names of values that must keep their names; those of inputs and outputs do anyway.
    """
    graph = model.graph
    fixed = {value.name for value in (*graph.input, *graph.output, *graph.initializer)} | set(keep)
    names: dict[str, str] = {}  # old name of a value -> new one
    seen: dict[tuple[object, ...], onnx.NodeProto] = {}
    nodes = []
    for node in graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
        same = seen.setdefault(_key(node), node)
        if same is not node and not fixed & set(node.output):
            names.update(zip(node.output, same.output, strict=True))
            continue
        for place, name in enumerate(node.output):
            if name and name not in fixed:
                names[name] = node.output[place] = f"v{len(names)}"
        nodes.append(node)
    needed = {value.name for value in graph.output}
    alive = []
    for node in reversed(nodes):
        if needed & set(node.output):
            needed |= set(node.input)
            alive.append(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(reversed(alive))


def _key(node: onnx.NodeProto) -> tuple[object, ...]:
    """What decides a node's result; none of our networks draws anything at random."""
    attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
    return node.domain, node.op_type, tuple(node.input), len(node.output), tuple(attributes)


def point(model: onnx.ModelProto, weights: Path, names: set[str]) -> None:
    """Replace the parameters in a graph by references into a safetensors file, in place.

    Args:
        model: The graph; it must be saved beside the file.
        weights: The file.
        names: The parameters; a quantised one brings its scales.

    Raises:
        TrainingError: A large tensor in the graph is none of the parameters: it would be a copy.
    """
    where = offsets(weights)
    kept, casts = [], []
    for tensor in model.graph.initializer:
        if tensor.name in names:
            stored, computed = _stored(tensor.name, where, weights.name)
            kept += stored
            casts += computed
        elif tensor.ByteSize() > LARGEST_INLINE_BYTES:
            raise TrainingError(
                f"graph constant {tensor.name!r} has {tensor.ByteSize()} bytes; "
                "make it a buffer of its module"
            )
        else:
            kept.append(tensor)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)


def _stored(
    name: str, where: Mapping[str, Entry], location: str
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Give what a parameter is stored as, and the nodes that make it float32 again."""
    dtype = where[name].dtype
    if dtype not in ("F16", "I8"):
        return [_reference(name, where[name], location)], []
    narrow, wide = f"{name}.{dtype.lower()}", f"{name}.wide" if dtype == "I8" else name
    tensors = [_reference(narrow, where[name], location)]
    nodes = [onnx.helper.make_node("Cast", [narrow], [wide], to=onnx.TensorProto.FLOAT)]
    if dtype == "I8":
        scale = name + SCALE
        tensors.append(_reference(scale, where[scale], location))
        nodes.append(onnx.helper.make_node("Mul", [wide, scale], [name]))
    return tensors, nodes


def _reference(name: str, entry: Entry, location: str) -> onnx.TensorProto:
    stored = onnx.TensorProto(name=name, dims=entry.shape, data_type=KINDS[entry.dtype])
    stored.data_location = onnx.TensorProto.EXTERNAL
    place = {"location": location, "offset": entry.offset, "length": entry.length}
    for key, value in place.items():
        stored.external_data.add(key=key, value=str(value))
    return stored
