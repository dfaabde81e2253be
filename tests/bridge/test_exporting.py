from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.base.errors import BundleError, RequestError
from molnar.base.images import premultiply
from molnar.base.types import Item
from molnar.bridge.exporting import export
from molnar.bridge.inlining import Inliner
from molnar.bundle import SHIPPED, Bundle
from molnar.engines import open_parts

PACKAGE = Path(__file__).parents[2] / "molnar"
SOURCES = [
    path
    for part in ("base", "diffusion", "plan", "text")
    for path in PACKAGE.glob(f"{part}/**/*.py")
]
ALLOWED = {"torch", "diffusers", "numpy", "PIL", "safetensors"}  # and what comes with Python


@pytest.fixture(scope="module")
def bundle(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    from molnar.engines.export import export as write

    folder = tmp_path_factory.mktemp("bundles") / "small"
    return write(workspace, folder, {"defaults": {"steps": 3, "guidance": 2.0}})


@pytest.fixture(scope="module")
def exported(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(bundle, tmp_path_factory.mktemp("exported") / "small")


@pytest.fixture
def pipe(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("transformers")
    modules = pytest.importorskip("diffusers.utils.dynamic_modules_utils")
    from diffusers import DiffusionPipeline

    monkeypatch.setattr(modules, "HF_MODULES_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = str(exported)
    found = DiffusionPipeline.from_pretrained(
        folder, custom_pipeline=folder, trust_remote_code=True
    )
    found.set_progress_bar_config(disable=True)
    return found


def test_the_exported_code_stands_alone(exported: Path) -> None:
    files = sorted(exported.rglob("*.py"))
    assert len(files) == 9
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            roots = {name.split(".")[0] for name in names}
            assert roots <= ALLOWED | set(sys.stdlib_module_names), f"{path.name} imports {roots}"


def test_what_cannot_be_written_into_one_file() -> None:
    assert "class Transformer(nn.Module)" in Inliner("molnar.bridge.ours.transformer").text()
    with pytest.raises(BundleError, match="imports denoiser as _denoiser; expected one name"):
        Inliner("molnar.diffusion.guidance")
    with pytest.raises(BundleError, match="has no networks; expected a name of it"):
        Inliner("molnar.engines.torch")


def test_axes_are_rearranged_as_einops_has_them() -> None:
    import re

    import einops
    import torch

    from molnar.bridge.ours.rearranging import rearrange

    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    patterns = sorted(set(re.findall(r'"([\w() ]+ -> [\w() ]+)"', text)))
    assert len(patterns) > 9
    for pattern in patterns:
        axes = re.findall(r"\([^)]*\)|\S+", pattern.split("->")[0])
        names = [name for axis in axes for name in axis.strip("()").split()]
        sizes = {name: 2 + k for k, name in enumerate(names)}
        shape = [int(np.prod([sizes[name] for name in axis.strip("()").split()])) for axis in axes]
        x = torch.arange(float(np.prod(shape))).reshape(shape)
        assert torch.equal(rearrange(x, pattern, **sizes), einops.rearrange(x, pattern, **sizes))


def same(a: Any, b: Any) -> int:
    """The largest difference of two pictures as they are seen, of 255."""
    first, second = (
        premultiply(np.asarray(x)) if np.shape(x)[-1] == 4 else np.asarray(x) for x in (a, b)
    )
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def test_it_draws_what_molnar_draws(bundle: Bundle, pipe: Any) -> None:
    import torch

    from molnar import Request, load

    ours = load(bundle.folder, "torch")
    generator = torch.Generator().manual_seed(5)
    told = {"height": 128, "width": 192, "negative_prompt": "blue"}
    mine = ours(Request(prompt="two green stars on a beach", seed=5, count=2, **told))
    theirs = pipe(
        "two green stars on a beach", generator=generator, num_images_per_prompt=2, **told
    ).images
    assert [same(a.image, b) <= 2 for a, b in zip(mine, theirs, strict=True)] == [True, True]
    assert same(theirs[0], theirs[1]) > 2
    again = pipe("two green stars on a beach", generator=generator, **told).images[0]
    assert same(again, theirs[0]) > 2  # a generator that was used gives other pictures
    [clear] = ours(Request(prompt="a fox", seed=6, transparent=True))
    [seen] = pipe("a fox", transparent=True, generator=torch.Generator().manual_seed(6)).images
    assert seen.mode == "RGBA"
    assert same(clear.image, seen) <= 2


def test_looks_are_painted_there_too(bundle: Bundle, pipe: Any) -> None:
    import torch

    look = (Item(name="beach", behind=True),)  # what the tiny model's finisher knows
    image = np.random.default_rng(0).uniform(-1, 1, (1, 4, 48, 64)).astype(np.float32)
    ours = open_parts(bundle, "torch").finish(image, np.array([[0, 1]], np.float32))
    theirs = pipe.finisher(torch.from_numpy(image), look).detach().numpy()
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(ours - image).max() > 0.01
    latent = torch.zeros(1, 4, 16, 16)
    with torch.no_grad():
        plain, painted = (pipe.finish(latent, (128, 128), False, plan) for plan in ((), look))
    assert same(plain, painted) > 2


def test_a_call_as_pipelines_have_it(pipe: Any) -> None:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    seen: list[tuple[int, tuple[int, ...]]] = []

    def look(_: Any, index: int, t: Any, known: dict[str, Any]) -> dict[str, Any]:
        seen.append((index, tuple(known["latents"].shape)))
        return {"latents": known["latents"] * 0}

    noise = torch.zeros(2, 4, 16, 16)
    found = pipe(
        ["a red circle", "a fox"], latents=noise, output_type="latent", callback_on_step_end=look
    ).images
    assert [index for index, _ in seen] == [0, 1, 2]
    assert seen[0][1] == (2, 4, 16, 16)
    assert not found.any()
    pipe.scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    assert pipe("a fox", output_type="np", height=64, width=64).images.shape == (1, 64, 64, 3)
    with pytest.raises(ValueError, match="height is 63; expected a multiple of 8"):
        pipe("a fox", height=63)
    with pytest.raises(ValueError, match="prompt is empty"):
        pipe("  ")


def test_what_cannot_be_exported(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--force"):
        export(bundle, tmp_path)
    with pytest.raises(RequestError, match="is no MolnarPipeline"):
        export(bundle, tmp_path, force=True)
    heun = replace(bundle.manifest.defaults, sampler="heun")
    with pytest.raises(BundleError, match="sampler 'heun'; expected one of: dpmpp_2m"):
        export(Bundle(bundle.folder, replace(bundle.manifest, defaults=heun)), tmp_path / "a")
    parts = {k: v for k, v in bundle.manifest.parts.items() if k != "encoder"}
    with pytest.raises(BundleError, match="no part 'encoder'"):
        export(Bundle(bundle.folder, replace(bundle.manifest, parts=parts)), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_the_command(bundle: Bundle, tmp_path: Path) -> None:
    args = ["export", str(bundle.folder), "--to", "diffusers", "-o", str(tmp_path / "x")]
    done = CliRunner().invoke(cli, args)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "x" / "model_index.json").is_file()
    assert "Trained from" in (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert CliRunner().invoke(cli, args).exit_code == 2
    half = CliRunner().invoke(cli, [*args, "--force", "--weights", "float16"])
    assert half.exit_code == 0, half.stderr
    refused = CliRunner().invoke(cli, [*args, "--weights", "int8"])
    assert refused.exit_code == 2
    assert "expected one of: float32, float16" in refused.stderr


ALONE = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("molnar", "einops"):
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
import numpy as np, torch
from diffusers import DiffusionPipeline
folder = sys.argv[1]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
for number, prompt in enumerate(sys.argv[3:]):
    drawn = pipe(prompt, generator=torch.Generator().manual_seed(number)).images[0]
    drawn.save(f"{sys.argv[2]}/{number}.png")
"""
PROMPTS = (
    "a red circle",
    "a blue square left of a yellow star",
    "a pooch on a transparent background",
)


@pytest.mark.slow
@pytest.mark.skipif(not (SHIPPED / "sticker").exists(), reason="a checkout without the model")
def test_the_shipped_model_without_molnar(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from PIL import Image

    from molnar import Request, load

    folder = export(Bundle.load("sticker"), tmp_path / "sticker")
    env = {**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", ALONE, str(folder), str(tmp_path), *PROMPTS]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    ours = load("sticker", "torch")
    for number, prompt in enumerate(PROMPTS):
        [picture] = ours(Request(prompt=prompt, seed=number))
        theirs = Image.open(tmp_path / f"{number}.png")
        assert same(picture.image, theirs) <= 2
        assert (theirs.mode == "RGBA") == ("transparent" in prompt)
