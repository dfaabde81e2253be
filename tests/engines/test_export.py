from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from molnar.base import quantise
from molnar.base.errors import ConfigError, RequestError, TrainingError
from molnar.base.weights import load, offsets, save
from molnar.bundle import Bundle, Quality
from molnar.engines.export import compare, export, narrow
from molnar.engines.torch import build

PARTS = ["text", "planner", "velocity", "decoder", "encoder", "finisher", "upscaler", "clip"]


def graph_of(tiny: Path, part: str) -> onnx.ModelProto:
    return onnx.load(str(tiny / f"{part}.onnx"), load_external_data=False)


@pytest.fixture(scope="module")
def differences(tiny: Path) -> dict[str, float]:
    return compare(Bundle.load(tiny))


@pytest.mark.parametrize("part", PARTS)
def test_the_engines_agree_on_every_part(differences: dict[str, float], part: str) -> None:
    """With other batch sizes and widths than were traced."""
    assert differences[part] < 1e-4


@pytest.mark.parametrize("part", PARTS)
def test_a_graph_has_no_weights_of_its_own(tiny: Path, part: str) -> None:
    graph = graph_of(tiny, part).graph
    where = offsets(tiny / f"{part}.safetensors")
    found = {}
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place["location"] == f"{part}.safetensors"
            name = tensor.name.removesuffix(".f16").removesuffix(".i8")
            found[name] = (int(place["offset"]), int(place["length"]))
        else:
            assert tensor.ByteSize() < 20_000
    assert found == {name: (entry.offset, entry.length) for name, entry in where.items()}


@pytest.mark.parametrize("part", PARTS)
def test_batch_and_size_are_free(tiny: Path, part: str) -> None:
    for value in graph_of(tiny, part).graph.input:
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_param
        if len(dims) == 4 and part != "clip":  # which sees pictures of one size
            assert dims[2].dim_param
            assert dims[3].dim_param


def test_graphs_take_as_many_words_as_the_text_encoder_gives(
    workspace: Path, tmp_path: Path
) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    text = tmp_path / "w" / "text"
    weights = load(text / "model.safetensors")
    save(text / "model.safetensors", {k: v[:24] if len(v) == 32 else v for k, v in weights.items()})
    described = json.loads((text / "model.json").read_text())
    described["config"]["length"] = 24
    (text / "model.json").write_text(json.dumps(described))
    bundle = export(tmp_path / "w", tmp_path / "short")
    for part in ("text", "velocity"):
        given = {one.name: one.type for one in graph_of(bundle.folder, part).graph.input}
        dims = given["mask"].tensor_type.shape.dim
        assert dims[1].dim_value == 24
    assert compare(bundle)["velocity"] < 1e-4


def test_a_network_that_sketches_is_the_same_in_both_engines(
    workspace: Path, tmp_path: Path
) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    folder = tmp_path / "w" / "diffusion"
    described = json.loads((folder / "model.json").read_text())
    config = described["config"] | {"sketch": 4, "sketch_width": 8}
    network = build("velocity", described["kind"], config)
    trained = load(folder / "model.safetensors")
    draw = torch.Generator().manual_seed(5)
    fresh = {
        name: torch.randn(value.shape, generator=draw).numpy() / value[0].numel() ** 0.5
        for name, value in network.state_dict().items()
        if name not in trained
    }
    assert {name.split(".")[0] for name in fresh} == {"sketch"}
    save(folder / "model.safetensors", {**trained, **fresh})
    (folder / "model.json").write_text(json.dumps(described | {"config": config}))
    assert compare(export(tmp_path / "w", tmp_path / "sketched"))["velocity"] < 1e-4


@pytest.mark.parametrize("part", PARTS)
def test_a_graph_names_no_file_of_the_tracing_machine(tiny: Path, part: str) -> None:
    raw = (tiny / f"{part}.onnx").read_bytes()
    assert b".py" not in raw
    assert len(raw) < 200_000


@pytest.mark.long
def test_the_list_of_sources_goes_along(workspace: Path, tmp_path: Path, listed: Path) -> None:
    (tmp_path / "sources").mkdir()
    shutil.copy(listed / "sources.safetensors", tmp_path / "sources")
    for entry in workspace.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    made = export(tmp_path, tmp_path / "made")
    assert made.manifest.sources == "sources.safetensors"
    assert made.path("sources.safetensors").read_bytes() == (
        (listed / "sources.safetensors").read_bytes()
    )
    plain = export(workspace, tmp_path / "plain")
    assert plain.manifest.sources is None
    assert plain.hash == made.hash


def test_weights_are_the_trained_ones_in_half(workspace: Path, tmp_path: Path) -> None:
    trained = load(workspace / "diffusion" / "model.safetensors")
    made = export(workspace, tmp_path / "half", weights="float16")
    shipped = load(made.path("velocity.safetensors"))
    assert trained.keys() == shipped.keys()
    for name, array in shipped.items():
        assert array.dtype == np.float16
        assert (array == trained[name].astype(np.float16)).all()


@pytest.mark.long
def test_large_matrices_are_int8_and_both_engines_read_them(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "LEAST", 128)  # so that a tiny network has large matrices
    small = export(workspace, tmp_path / "int8")
    exact = export(workspace, tmp_path / "float16", weights="float16")
    for part, expected in (("velocity", True), ("text", True), ("decoder", False)):
        dtypes = {array.dtype for array in load(small.path(small.part(part).weights)).values()}
        assert (np.dtype(np.int8) in dtypes) == expected
        assert {array.dtype for array in load(exact.path(exact.part(part).weights)).values()} == {
            np.dtype(np.float16)
        }
    assert max(compare(small).values()) < 1e-4
    for name, array in quantise.unpacked(load(tmp_path / "int8" / "velocity.safetensors")).items():
        true = load(workspace / "diffusion" / "model.safetensors")[name]
        assert np.abs(array - true).max() <= np.abs(true).max() / 127


def test_a_changed_weight_changes_both_engines(tiny: Path, tmp_path: Path) -> None:
    """Both read the file, neither a copy of it."""
    from molnar.base.weights import read_metadata, save
    from molnar.engines.onnx import OnnxParts
    from molnar.engines.torch import TorchParts

    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    arrays = load(folder / "upscaler.safetensors")
    arrays["last.bias"] = arrays["last.bias"] + np.float16(1)
    save(folder / "upscaler.safetensors", arrays, read_metadata(folder / "upscaler.safetensors"))
    image = np.zeros((1, 4, 8, 8), np.float32)
    changed, plain = Bundle.load(folder, verify=False), Bundle.load(tiny)
    for engine in (OnnxParts, TorchParts):
        step = engine(changed).upscale(image) - engine(plain).upscale(image)
        assert np.allclose(step, 1, atol=1e-3)


@pytest.mark.parametrize(
    ("part", "file"),
    [("tokenizer", "words.json"), ("vae", "model.json"), ("diffusion", "model.json")],
)
def test_an_unfinished_part_is_named(workspace: Path, tmp_path: Path, part: str, file: str) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    (folder / part / file).unlink()
    with pytest.raises(TrainingError, match=f"{part}.*missing"):
        export(folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_an_existing_bundle_is_kept(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(RequestError, match="--force"):
        export(workspace, tmp_path / "out")


def test_the_card_fills_the_manifest(workspace: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    shutil.rmtree(folder / "upscaler")
    card = {"licence": "MIT", "version": "3", "data": [{"name": "world", "count": 9}]}
    (folder / "card.json").write_text(json.dumps(card))
    made = export(folder, tmp_path / "out", {"version": "4"}).manifest
    assert (made.name, made.version, made.licence) == ("out", "4", "MIT")
    assert made.data == ({"name": "world", "count": 9},)
    assert "upscaler" not in made.parts


@pytest.mark.long
def test_what_was_learned_is_drawn_unless_the_card_says_otherwise(
    workspace: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    model = json.loads((folder / "diffusion" / "model.json").read_text())
    model["data"] = {"aspects": ["1:1", "1:1", "3:2"], "teacher": "5eed"}
    (folder / "diffusion" / "model.json").write_text(json.dumps(model))
    made = export(folder, tmp_path / "taught", {"defaults": {"steps": 3}}).manifest
    assert made.aspects == ("1:1", "3:2")
    assert (made.defaults.guidance, made.defaults.steps) == (1.0, 3)
    card = {"aspects": ["1:1"], "defaults": {"guidance": 2.0}}
    told = export(folder, tmp_path / "told", card).manifest
    assert (told.aspects, told.defaults.guidance) == (("1:1",), 2.0)
    model["data"] |= {"few": [8, 4], "shift": 5.0}
    (folder / "diffusion" / "model.json").write_text(json.dumps(model))
    few = export(folder, tmp_path / "few", {}).manifest
    assert few.qualities["fast"] == Quality(steps=4, guidance=1.0, flow_map=(8, 4))
    assert few.defaults.guidance != 1.0, "with many steps it is guided as ever"
    assert (few.defaults.schedule, few.defaults.shift) == ("simple", 5.0), "as it was taught"
    named = export(folder, tmp_path / "named", {"qualities": {"fast": {"steps": 8}}}).manifest
    assert named.qualities["fast"] == Quality(steps=8, guidance=1.0, flow_map=(8, 4))


def test_a_flow_map_without_plans_is_refused(workspace: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    shutil.rmtree(folder / "planner")
    path = folder / "diffusion" / "model.json"
    model = json.loads(path.read_text())
    model["config"]["plan"] = 0
    path.write_text(json.dumps(model))
    with pytest.raises(TrainingError, match="flow map needs plans"):
        export(folder, tmp_path / "out")


def test_a_clip_of_another_text_encoder_is_refused(workspace: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    model = json.loads((folder / "clip" / "model.json").read_text())
    model["config"]["pooled_width"] = 384
    (folder / "clip" / "model.json").write_text(json.dumps(model))
    with pytest.raises(TrainingError, match="384 numbers"):
        export(folder, tmp_path / "out")


def test_a_wrong_card_is_told_before_any_work(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="licence"):
        export(workspace, tmp_path / "wrong", {"license": "MIT"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e6])
def test_numbers_that_do_not_fit_are_refused(value: float) -> None:
    with pytest.raises(TrainingError, match="'w'"):
        narrow("w", np.array([0.0, value], np.float32))


def test_integers_are_not_narrowed() -> None:
    assert narrow("n", np.array([2**40])).dtype == np.int64


@pytest.mark.long
def test_what_is_no_model_is_never_deleted(workspace: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(RequestError, match="is no model"):
        export(workspace, mine, force=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    once = export(workspace, tmp_path / "model")
    assert export(workspace, tmp_path / "model", force=True).hash == once.hash


def test_one_changed_default_keeps_the_others_of_the_card(workspace: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(workspace, tmp_path / "copy"))
    (folder / "card.json").write_text(json.dumps({"defaults": {"steps": 9, "guidance": 2.5}}))
    made = export(folder, tmp_path / "out", {"defaults": {"steps": 4}}).manifest.defaults
    assert (made.steps, made.guidance) == (4, 2.5)
