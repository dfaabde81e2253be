from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from molnar.base.errors import TrainingError
from molnar.base.weights import save
from molnar.engines.graph import point, tidy, trace


def model_of(
    nodes: list[onnx.NodeProto], initializer: list[TensorProto] | None = None
) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", 2])
    graph = helper.make_graph(nodes, "g", [x], [y], initializer or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def result(model: onnx.ModelProto) -> list[float]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [found] = session.run(None, {"x": np.array([[1.0, -2.0]], np.float32)})
    return list(np.ravel(found))


def test_equal_nodes_are_computed_once() -> None:
    nodes = [
        helper.make_node("Abs", ["x"], ["a"], name="/net/abs"),
        helper.make_node("Abs", ["x"], ["b"], name="/net/abs_1"),
        helper.make_node("Neg", ["a"], ["c"]),
        helper.make_node("Neg", ["b"], ["d"]),
        helper.make_node("Exp", ["x"], ["unused"]),
        helper.make_node("Add", ["c", "d"], ["y"]),
    ]
    model = model_of(nodes)
    before = result(model)
    tidy(model, keep=[])
    assert [node.op_type for node in model.graph.node] == ["Abs", "Neg", "Add"]
    assert result(model) == before == [-2, -4]
    assert not any(node.name for node in model.graph.node)


def test_nodes_that_differ_in_an_attribute_stay() -> None:
    nodes = [
        helper.make_node("Elu", ["x"], ["a"], alpha=1.0),
        helper.make_node("Elu", ["x"], ["b"], alpha=2.0),
        helper.make_node("Sub", ["a", "b"], ["y"]),
    ]
    model = model_of(nodes)
    before = result(model)
    tidy(model, keep=[])
    assert len(model.graph.node) == 3
    assert result(model) == before
    assert before[1] > 0


def test_the_order_of_inputs_counts() -> None:
    two = helper.make_tensor("two", TensorProto.FLOAT, [], [2.0])
    nodes = [
        helper.make_node("Sub", ["x", "two"], ["a"]),
        helper.make_node("Sub", ["two", "x"], ["b"]),
        helper.make_node("Mul", ["a", "b"], ["y"]),
    ]
    model = model_of(nodes, [two])
    tidy(model, keep=[])
    assert result(model) == [-1, -16]


def test_an_output_keeps_its_name_even_if_it_repeats_a_node() -> None:
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Abs", ["x"], ["y"]),
    ]
    model = model_of(nodes)
    tidy(model, keep=[])
    assert result(model) == [1, 2]
    assert [node.op_type for node in model.graph.node] == ["Abs"]


def test_a_large_constant_is_refused(tmp_path: Path) -> None:
    big = helper.make_tensor("big", TensorProto.FLOAT, [8192], np.zeros(8192, np.float32))
    model = model_of([helper.make_node("Abs", ["x"], ["y"])], [big])
    save(tmp_path / "w.safetensors", {"w": np.zeros(1, np.float16)})
    with pytest.raises(TrainingError, match="'big'"):
        point(model, tmp_path / "w.safetensors", {"w"})


def test_integers_are_pointed_to_as_they_are(tmp_path: Path) -> None:
    class Table(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("rows", torch.tensor([3, 1, 2]))
            self.scale = torch.nn.Parameter(torch.tensor([0.5, 2.0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, self.rows] * self.scale[:1]  # type: ignore[index]

    module = Table()
    model = trace(module, (torch.zeros(2, 4, 3, 3),), ["x"], ["velocity"])
    arrays = {"rows": np.array([3, 1, 2]), "scale": np.array([0.5, 2.0], np.float16)}
    save(tmp_path / "w.safetensors", arrays)
    tidy(model, keep=arrays)
    point(model, tmp_path / "w.safetensors", set(arrays))
    path = tmp_path / "g.onnx"
    path.write_bytes(model.SerializeToString())
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 7), dtype=np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"x": x})
    assert np.allclose(found, x[:, [3, 1, 2]] * 0.5)
