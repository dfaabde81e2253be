"""Guides in requests, on the command line and over HTTP: the pictures that diffusers draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import guide_writing as w  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from molnar.app.cli.main import cli  # noqa: E402
from molnar.app.jobs import Store  # noqa: E402
from molnar.app.orders import checked, order_from, task_of  # noqa: E402
from molnar.app.server.drawing import Easel  # noqa: E402
from molnar.base import metadata  # noqa: E402
from molnar.base.errors import RequestError, WeightsError  # noqa: E402
from molnar.base.request import Guide, Picture, Request, request_from  # noqa: E402
from molnar.base.rng import noise  # noqa: E402
from molnar.bridge.drawing import Checkpoint  # noqa: E402
from molnar.bridge.guide_files import guides_in  # noqa: E402
from molnar.bridge.opening import open_checkpoint  # noqa: E402
from molnar.bridge.options import Options  # noqa: E402
from molnar.bridge.recognising import recognise  # noqa: E402

pytestmark = pytest.mark.usefixtures("own_noise")
Tiny = Callable[[str], Path]
FOX = Request(prompt="a red fox", height=64, width=64, steps=2, seed=7)
SIZE = {"height": 64, "width": 64, "num_inference_steps": 2}


def plain(folder: Path) -> Any:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def home(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a ControlNet for each of two families, an IP-Adapter, and pictures."""
    home = tmp_path_factory.mktemp("guides")
    with torch.random.fork_rng():
        for name in ("sd15", "sdxl"):
            w.control_net(plain(tiny(name))).save_pretrained(home / "controlnet" / f"{name}-edges")
        (home / "ip-adapter").mkdir()
        w.write_ip_adapter(plain(tiny("sd15")), home / "ip-adapter").rename(
            home / "ip-adapter" / "face.safetensors"
        )
    random = np.random.default_rng(0)
    for name in ("edges", "me"):
        pixels = random.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(home / f"{name}.png")
    return home


def opened(folder: Path, home: Path, **options: Any) -> Checkpoint:
    how = Options(**{"exact": True, **options})
    return open_checkpoint(recognise(folder), how, adapters=[home / "loras"])


@pytest.fixture(scope="module")
def sd15(tiny: Tiny, home: Path) -> Checkpoint:
    return opened(tiny("sd15"), home)


def control(home: Path, weight: float = 0.7, model: str = "sd15-edges") -> Guide:
    return Guide(kind="control", model=model, image=str(home / "edges.png"), weight=weight)


def ip(home: Path, weight: float = 0.6) -> Guide:
    return Guide(kind="ip", model="face", image=str(home / "me.png"), weight=weight)


def image(checkpoint: Checkpoint, *guides: Guide, **changes: Any) -> Any:
    [picture] = checkpoint(FOX.replaced(guides=guides, **changes))
    return picture.image


def drawn(pipe: Any, **more: Any) -> Any:
    start = torch.from_numpy(noise(7, 0, (4, 8, 8)))[None]
    return np.asarray(
        pipe("a red fox", latents=start, guidance_scale=7.5, **SIZE, **more).images[0]
    )


def in_diffusers(folder: Path, home: Path, nets: int, shown: bool) -> Any:
    """Draw with the adapters of `home` and diffusers alone."""
    pipe = plain(folder)
    more: dict[str, Any] = {}
    if shown:
        pipe.load_ip_adapter(
            str(home / "ip-adapter"), subfolder="", weight_name="face.safetensors",
            local_files_only=True,
        )  # fmt: skip
        pipe.set_ip_adapter_scale(0.6)
        more["ip_adapter_image"] = Image.open(home / "me.png")
    if nets:
        path = home / "controlnet" / f"{folder.name}-edges"
        net = diffusers.ControlNetModel.from_pretrained(path, local_files_only=True)
        kind = type(pipe).__name__.replace("Pipeline", "ControlNetPipeline")
        every, edges = [net] * nets, Image.open(home / "edges.png")
        one = nets == 1
        pipe = getattr(diffusers, kind)(**pipe.components, controlnet=net if one else every)
        pipe.set_progress_bar_config(disable=True)
        more["image"] = edges if one else [edges] * nets
        more["controlnet_conditioning_scale"] = 0.7 if one else [0.7, 0.3]
    return drawn(pipe, **more)


def test_guides_draw_what_diffusers_draws(sd15: Checkpoint, tiny: Tiny, home: Path) -> None:
    folder, two = tiny("sd15"), (control(home), control(home, 0.3))
    without = image(sd15)
    for guides, nets, shown in [
        ((control(home),), 1, False),
        ((ip(home),), 0, True),
        ((*two, ip(home)), 2, True),
    ]:
        found = image(sd15, *guides)
        assert np.array_equal(found, in_diffusers(folder, home, nets, shown)), (nets, shown)
        assert not np.array_equal(found, without)
    assert np.array_equal(image(sd15), without)  # they are off again


def test_a_controlnet_of_sdxl(tiny: Tiny, home: Path) -> None:
    checkpoint = opened(tiny("sdxl"), home)
    [picture] = checkpoint(FOX.replaced(guides=(control(home, model="sdxl-edges"),), guidance=7.5))
    assert np.array_equal(picture.image, in_diffusers(tiny("sdxl"), home, 1, False))


def test_a_weight_of_0_is_no_guide(sd15: Checkpoint, home: Path) -> None:
    off = (control(home, 0.0), ip(home, 0.0))
    assert np.array_equal(image(sd15, *off), image(sd15))
    notes = sd15.notes(FOX.replaced(guides=off))
    assert [note for note in notes if "it is off" in note] == [
        "sd15-edges has the weight 0: it is off", "face has the weight 0: it is off",
    ]  # fmt: skip


def test_a_guided_picture_may_start_from_another(sd15: Checkpoint, home: Path) -> None:
    start = {"image": str(home / "me.png"), "strength": 0.9}
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, :32] = 255
    Image.fromarray(mask).save(home / "mask.png")
    part = {"mask": str(home / "mask.png"), "feather": 0}
    for more in (start, {**start, **part}):
        found, other = image(sd15, control(home), ip(home), **more), image(sd15, **more)
        assert not np.array_equal(found, other)
    with Image.open(home / "me.png") as kept:
        assert np.array_equal(found[:, 32:], np.asarray(kept)[:, 32:])  # outside the mask


def test_two_pictures_in_turn_keep_their_own_guides(sd15: Checkpoint, home: Path) -> None:
    asked = [FOX.replaced(guides=(ip(home),)), FOX, FOX.replaced(guides=(control(home),))]
    wanted = [sd15(one)[0].image for one in asked]
    with ExitStack() as stack:
        running = [
            stack.enter_context(closing(sd15.apart(sd15.library).draw(one))) for one in asked
        ]
        found: list[Any] = [next(events) for events in running]
        while not all(isinstance(one, Picture) for one in found):
            found = [
                one if isinstance(one, Picture) else next(events)
                for one, events in zip(found, running, strict=True)
            ]
    for one, image_ in zip(found, wanted, strict=True):
        assert np.array_equal(one.image, image_)


def test_weights_in_16_bits_stay_so_with_an_ip_adapter(tiny: Tiny, home: Path) -> None:
    checkpoint = opened(tiny("sd15"), home, exact=False)
    unet = checkpoint.pipe.unet
    unet.conv_out.weight.data = unet.conv_out.weight.data.half()  # as larger ones are
    checkpoint._shared.guiding.wear(
        checkpoint._shared.guiding.read(FOX.replaced(guides=(ip(home),)))
    )
    assert unet.conv_out.weight.dtype == torch.float16
    checkpoint._shared.guiding.wear(())
    assert type(next(iter(unet.attn_processors.values()))).__name__ == "AttnProcessor2_0"


def test_what_cannot_be_is_one_line(sd15: Checkpoint, tiny: Tiny, home: Path) -> None:
    net = home / "controlnet" / "sd15-edges" / "diffusion_pytorch_model.safetensors"
    save_file(
        {k: v for k, v in load_file(net).items() if "mid" not in k}, home / "half.safetensors"
    )
    (home / "old.pth").write_bytes(b"")
    for guide, said in [
        (control(home, model="sd15-edge"), "no ControlNet 'sd15-edge' in .*; there are: .*sd15-"),
        (control(home, model="./none"), "no ControlNet at ./none"),
        (control(home, model="//host/share/net"), "on another machine"),
        (control(home, model=str(home / "old.pth")), "is a pickle"),
        (control(home, model=str(home / "half.safetensors")), "lacks .* weights of a ControlNet"),
        (control(home, model="sdxl-edges"), "another family .cross_attention_dim 48; this checkp"),
        (control(home, model=str(home / "ip-adapter/face.safetensors")), "another kind"),
    ]:  # fmt: skip
        with pytest.raises((RequestError, WeightsError), match=said) as error:
            image(sd15, guide)
        assert "\n" not in str(error.value)
    plain_t5 = opened(tiny("pixart-alpha"), home)
    for guide, said in ((control(home), "PixArt alpha takes no ControlNet here"),
                        (ip(home), "PixArt alpha takes no IP-Adapter here")):  # fmt: skip
        with pytest.raises(RequestError, match=said):
            plain_t5.resolve(FOX.replaced(guides=(guide,)))
    with pytest.raises(RequestError, match="task 'image'; it does for: text"):
        opened(tiny("sd3"), home).resolve(
            FOX.replaced(guides=(control(home),), image=str(home / "me.png"))
        )
    sd15._shared.computing.options = Options(exact=True, backend="openvino")
    try:
        with pytest.raises(RequestError, match="converted network takes none"):
            sd15.resolve(FOX.replaced(guides=(control(home),)))
    finally:
        sd15._shared.computing.options = Options(exact=True)


def test_notes_say_what_does_not_fit(sd15: Checkpoint, home: Path) -> None:
    net = home / "controlnet" / "sd15-edges" / "diffusion_pytorch_model.safetensors"
    more = {**load_file(net), "odd.weight": torch.ones(1)}
    (home / "controlnet" / "more").mkdir()
    save_file(more, home / "controlnet" / "more" / net.name)
    (home / "controlnet" / "more" / "config.json").write_text(
        (net.parent / "config.json").read_text()
    )
    asked = FOX.replaced(width=128, guides=(control(home, model="more"),))
    told = "\n".join(sd15.notes(asked))
    assert "the picture for more is 64 x 64 and is stretched to 128 x 64" in told
    assert "more: 1 of its keys fit nothing here, odd.weight first" in told


# ---------------------------------------------------------------- the command line, and HTTP


@pytest.fixture
def molnar(home: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("controlnet", "ip-adapter"):
        (tmp_path / name).symlink_to(home / name)
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path))
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny("sd15").parent))
    monkeypatch.chdir(home)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, list(arguments))

    return run


def test_the_loop_with_guides(molnar: Any, tiny: Tiny, home: Path, tmp_path: Path) -> None:
    base = ("a red fox", "-m", "sd15", "--seed", "7", "--size", "64x64", "--steps", "2")
    given = (
        "--control",
        "sd15-edges=edges.png:0.7",
        "--ip",
        "./ip-adapter/face.safetensors=me.png:0.6",
    )
    first = molnar(*base, *given, "-o", str(tmp_path / "first.png"))
    assert first.exit_code == 0, first.output
    checkpoint = opened(tiny("sd15"), home, exact=False)
    with Image.open(tmp_path / "first.png") as seen:
        assert np.array_equal(np.asarray(seen), image(checkpoint, control(home), ip(home)))
    known = request_from(metadata.read(tmp_path / "first.png"))
    assert [(one.kind, one.name, one.weight) for one in known.guides] == [
        ("control", "sd15-edges", 0.7), ("ip", "face", 0.6),
    ]  # fmt: skip
    assert all(one.image.startswith("sha256:") for one in known.guides)
    with Image.open(tmp_path / "first.png") as seen:
        assert (
            'ControlNet 0: "Module: none, Model: sd15-edges, Weight: 0.7"'
            in seen.info["parameters"]
        )
    assert "identical" in molnar("verify", "a1.1").output

    for verb in (("vary", "a1.1", "--count", "1"), ("again", "a1"), ("zoom", "a1.1", "2")):
        done = molnar(*verb, "-o", str(tmp_path / f"{verb[0]}.png"))
        assert done.exit_code == 0, done.output
    like = request_from(metadata.read(tmp_path / "again.png"))
    assert like.guides == known.guides
    wide = request_from(metadata.read(tmp_path / "zoom.png"))
    assert [one.kind for one in wide.guides] == ["ip"]  # the map is of the old frame
    with Store.open() as store:
        for name in known.pictures:
            assert store.get_input(name.removeprefix("sha256:")).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sd15-edges", "expected MODEL=PICTURE or"),
        ("sd15-edges=none.png", "no picture 'none.png'"),
        ("sd15-edges=controlnet/sd15-edges/config.json", "not a readable PNG"),
        ("sd15-edges=edges.png:much", "is 'much'; expected a number from 0 to 2"),
        ("sd15-edges=edges.png:2.5", "weight is 2.5; expected 0 to 2"),
        ("edges=edges.png", "there are: "),
    ],
)
def test_bad_flags_are_one_line(given: str, said: str, molnar: Any) -> None:
    result = molnar("a fox", "-m", "sd15", "--size", "64x64", "--control", given)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_over_http_guides_have_names_and_hashes(
    tiny: Tiny, home: Path, tmp_path: Path, sd15: Checkpoint
) -> None:
    for name in ("controlnet", "ip-adapter"):
        (tmp_path / name).symlink_to(home / name)
    with Store.open(tmp_path) as store:
        easel = Easel.open(store, str(tiny("sd15")), "onnx", threads=None, search=[], slots=1)
        with Image.open(home / "edges.png") as edges:
            sha = "sha256:" + store.put_input(np.asarray(edges))

        def order(model: str, picture: str) -> Any:
            guide = {"kind": "control", "model": model, "image": picture, "weight": 0.7}
            fields = {"prompt": "a red fox", "height": 64, "width": 64, "steps": 2, "seed": 7}
            asked = {"verb": "make", "requests": [{**fields, "guides": [guide]}]}
            return checked(order_from(json.loads(json.dumps(asked))), store)

        with easel.session() as session:
            *_, drawn, _ = session.draw(task_of(session, order("sd15-edges", sha)))
        near = np.abs(drawn.picture.image.astype(int) - image(sd15, control(home)))
        assert near.max() <= 1  # weights in 16 bits
        path = str(home / "controlnet" / "sd15-edges")
        for bad in ((path, sha), ("./x", sha), ("sd15-edges", str(home / "edges.png"))):
            with pytest.raises(RequestError, match="expected"):
                order(*bad)
    assert sorted(guides_in([home / "ip-adapter"], "ip")) == ["face"]
