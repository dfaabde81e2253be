"""A refiner and ControlNets are counted, and are computed as the checkpoint is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import guide_writing as w  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from PIL import Image  # noqa: E402

from molnar.app.cli.main import cli  # noqa: E402
from molnar.base.request import Guide, Request  # noqa: E402
from molnar.bridge import fitting  # noqa: E402
from molnar.bridge.company import Company, company_of  # noqa: E402
from molnar.bridge.families import family_named  # noqa: E402
from molnar.bridge.fast import layers  # noqa: E402
from molnar.bridge.fitting import fitted, seconds  # noqa: E402
from molnar.bridge.machine import Machine  # noqa: E402
from molnar.bridge.opening import open_checkpoint  # noqa: E402
from molnar.bridge.options import Options  # noqa: E402
from molnar.bridge.recognising import recognise  # noqa: E402

pytestmark = pytest.mark.usefixtures("own_noise")
Tiny = Callable[[str], Path]
LAPTOP = Machine(device="cpu", memory=32 * 2**30, own=0, cores=2, bf16=False)


def counted(network: Any) -> int:
    return sum(value.numel() for value in network.parameters())


def whole(name: str) -> Any:
    """A checkpoint of the true size, of which there is no file."""
    family = family_named(name)
    size = {"height": family.height, "width": family.width}
    return SimpleNamespace(layout="file", family=family, bytes=int(4.27e9), dtype="F32", **size)


@pytest.fixture(scope="module")
def net(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny ControlNet, with its picture beside it."""
    folder = tmp_path_factory.mktemp("company")
    pipe = diffusers.DiffusionPipeline.from_pretrained(tiny("sd15"), local_files_only=True)
    with torch.random.fork_rng():
        w.control_net(pipe).save_pretrained(folder / "controlnet" / "edges")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "edges.png")
    return folder / "controlnet" / "edges"


def test_weights_are_counted_from_the_files(tiny: Tiny, net: Path) -> None:
    options = Options(refiner=str(tiny("sdxl-refiner")))
    found = company_of(recognise(tiny("sdxl")), options, [net, net])
    load = {"local_files_only": True}
    unet = diffusers.UNet2DConditionModel.from_pretrained(tiny("sdxl-refiner") / "unet", **load)
    # The files' own headers are counted with the refiner's weights: some bytes for each.
    assert found.refiner == pytest.approx(counted(unet), rel=0.2)
    assert found.control == counted(diffusers.ControlNetModel.from_pretrained(net, **load))
    assert company_of(recognise(tiny("sdxl")), Options()) == Company()


def test_they_take_memory_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "speed", lambda *_: 1e11)
    sdxl, control = whole("sdxl"), 3.6e8
    alone = fitted(sdxl, Options(), LAPTOP)
    guided = fitted(sdxl, Options(), LAPTOP, company=Company(control=control))
    assert guided.need - alone.need == pytest.approx(control * 2, rel=1e-6)  # as float16
    how: Any = {"steps": 20, "height": 512, "width": 512, "guided": True}
    plain = seconds(sdxl, alone, **how)
    own = whole("sdxl").bytes * 0.8 / 4  # weights of the network that draws
    more = seconds(sdxl, alone, **how, company=Company(control=own / 2))
    assert more["steps"] == pytest.approx(1.5 * plain["steps"])
    half = seconds(sdxl, alone, **how, company=Company(refiner=own / 2))
    assert half["steps"] == pytest.approx(0.9 * plain["steps"])  # a fifth of them at half the work
    assert (more["text"], more["decode"]) == (plain["text"], plain["decode"])
    sdxl.bytes = 0  # as of a checkpoint without a network that is known to draw
    assert seconds(sdxl, alone, **how, company=Company())["steps"] == 0


def test_the_plan_says_so(tiny: Tiny, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLNAR_HOME", str(net.parent.parent))
    told = []
    for more in ([], ["--control", "edges"], ["--control", f"{net}={net}/edges.png:0.5"]):
        ran = CliRunner().invoke(cli, ["plan", "-m", str(tiny("sd15")), *more, "--json"])
        assert ran.exit_code == 0, ran.output
        told.append(json.loads(ran.stdout)["weights"])
    assert ", 0.0 guiding" in told[1]
    assert told[1] == told[2] == f"{told[0]}, 0.0 guiding"
    ran = CliRunner().invoke(cli, ["plan", "-m", str(tiny("sd15")), "--control", "none"])
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "there is no ControlNet 'none'" in ran.stderr


def test_a_controlnet_is_kept_in_16_bits_as_its_checkpoint_is(
    tiny: Tiny, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "SMALLEST", 1)  # of a tiny network every layer is below it
    edges = Guide(kind="control", model=str(net), image=str(net.parent.parent / "edges.png"))
    request = Request(prompt="a fox", height=64, width=64, steps=3, seed=7, guides=(edges,))
    images, kept = [], []
    for options in (Options(exact=True), Options()):
        checkpoint = open_checkpoint(recognise(tiny("sd15")), options)
        images.append(checkpoint(request)[0].image.astype(int))
        [one] = checkpoint._shared.guiding._nets.values()
        kept.append({value.dtype for value in one.net.parameters()})
        plain = checkpoint(request.replaced(guides=()))[0].image
        assert np.abs(plain - images[-1]).mean() > 2  # the guide counts
    assert kept == [{torch.float32}, {torch.float32, torch.float16}]
    assert 0 < np.abs(images[0] - images[1]).mean() < 2
