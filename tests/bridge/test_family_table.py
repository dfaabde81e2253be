from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from molnar.bridge.families import family_named, family_of
from molnar.bridge.family import TASKS
from molnar.bridge.family_table import FAMILIES


def diffusers_folder() -> Path:
    """Return where diffusers lies, without importing it: that takes seconds."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None:
        pytest.skip("diffusers is not installed")
    return Path(spec.origin).parent


def test_names_are_each_their_own() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    assert len({family.title for family in FAMILIES}) == len(names)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_row_is_whole(family) -> None:
    assert family.pipelines
    assert set(family.pipelines) <= set(TASKS)
    assert family.height % family.multiple == 0 == family.width % family.multiple
    assert family.flow == (family.prediction == "flow")
    for task in TASKS:
        can = task in family.pipelines and task not in family.cannot
        assert (family.refusal(task) is None) == can


def test_every_class_exists_in_diffusers() -> None:
    tree = ast.parse((diffusers_folder() / "__init__.py").read_text(encoding="utf-8"))
    exported = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    wanted = {name for family in FAMILIES for name in family.classes}
    assert sorted(wanted - exported) == []


def test_whatever_diffusers_maps_to_a_task_of_pictures_has_a_row() -> None:
    source = (diffusers_folder() / "pipelines" / "auto_pipeline.py").read_text(encoding="utf-8")
    without: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        task = node.targets[0].id
        if "PIPELINES_MAPPING" not in task or not ("2IMAGE_" in task or "INPAINT" in task):
            continue
        classes = [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)]
        named = [name for name in classes if name.endswith("Pipeline")]
        assert named
        without += [n for n in named if (f := family_of(n)) is None or not f.known]
    # Helios draws videos, though it stands among the pictures.
    assert sorted(set(without)) == ["HeliosPipeline", "HeliosPyramidPipeline"]


def test_an_unknown_class_becomes_a_general_family() -> None:
    family = family_of("NewThingImg2ImgPipeline")
    assert family is not None
    assert (family.known, family.pipelines) == (False, {"image": "NewThingImg2ImgPipeline"})
    assert family.refusal("text") == "New Thing Img 2 Img has no pipeline that draws from words"


@pytest.mark.parametrize(
    "name", ["LTXPipeline", "AudioLDM2Pipeline", "os.system", "", "UNet2DConditionModel"]
)
def test_what_draws_no_picture_has_no_family(name: str) -> None:
    assert family_of(name) is None


def test_refusals_say_what_to_do() -> None:
    assert "give it a picture and a mask" in str(family_named("sdxl-inpaint").refusal("text"))
    assert "molnar upscale" in str(family_named("if-ii").refusal("text"))
    with pytest.raises(KeyError):
        family_named("sd16")


def test_the_documentation_lists_every_family_as_the_table_has_it() -> None:
    page = Path(__file__).parents[2] / "docs" / "21-big-models.md"
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| ")]
    for family in FAMILIES:
        does = ", ".join(task for task in TASKS if task in family.pipelines)
        size, settings = f"{family.width}x{family.height}", f"{family.steps}, {family.guidance:g}"
        cells = [family.title, f"`{family.name}`", family.design, does, settings, size]
        assert "| " + " | ".join([*cells, family.licence]) + " |" in rows, family.name
        for package in family.needs:
            assert f"`{package}`" in page.read_text("utf-8"), family.name
