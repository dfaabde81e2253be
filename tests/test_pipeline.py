from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import molnar
from molnar.base import metadata
from molnar.base.errors import ConfigError, RequestError
from molnar.base.images import squeeze
from molnar.base.request import Picture, Request, request_from
from molnar.base.types import Step, TextEmbedding
from molnar.bundle import Bundle, Quality
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.schedule import SCHEDULES
from molnar.pipeline import Pipeline, fit, load, on_white
from molnar.text.meaning import Meaning

SHIPPED = Path(molnar.__file__).parent / "models" / "sticker"


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Pipeline:
    return load(tiny, threads=1)


def small(**changes: object) -> Request:
    return replace(Request(prompt="a red circle", height=128, width=128, seed=5), **changes)  # type: ignore[arg-type]


def test_a_picture_is_drawn_and_knows_how(pipeline: Pipeline) -> None:
    [picture] = pipeline(Request(prompt="a red circle", seed=5))
    assert picture.image.shape == (512, 512, 3)
    assert picture.image.dtype == np.uint8
    assert picture.image.std() > 1
    assert (picture.seed, picture.index, picture.model) == (5, 0, "tiny")
    assert picture.model_hash == pipeline.bundle.hash
    assert picture.request.steps == 3
    assert picture.request.guidance == 2.0
    assert None not in vars(picture.request).values()
    assert list(picture.seconds) == ["text", "plan", "diffusion", "decode", "upscale"]


def test_the_same_seed_gives_the_same_bytes(pipeline: Pipeline, tiny: Path) -> None:
    [first], [again] = pipeline(small()), pipeline(small())
    [elsewhere] = load(tiny, threads=1)(small())
    assert (first.image == again.image).all()
    assert (first.image == elsewhere.image).all()


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_ancestral"])
def test_a_batch_is_the_single_pictures_bit_for_bit(pipeline: Pipeline, sampler: str) -> None:
    batch = pipeline(small(seed=2**32 - 1, count=3, sampler=sampler))
    assert [picture.seed for picture in batch] == [2**32 - 1, 0, 1]
    assert [picture.index for picture in batch] == [0, 1, 2]
    for picture in batch:
        [single] = pipeline(small(seed=picture.seed, sampler=sampler))
        assert (picture.image == single.image).all()
    assert (batch[0].image != batch[1].image).any()


@pytest.mark.parametrize("change", [{"prompt": "a blue square"}, {"seed": 6}, {"guidance": 5.0}])
def test_what_is_asked_changes_the_picture(pipeline: Pipeline, change: dict[str, object]) -> None:
    [one], [other] = pipeline(small()), pipeline(small(**change))
    assert (one.image != other.image).any()


def test_a_negative_prompt_changes_the_picture(pipeline: Pipeline) -> None:
    [one], [other] = pipeline(small()), pipeline(small(negative_prompt="a blue square"))
    assert (one.image != other.image).any()


def test_guidance_off_ignores_the_negative_prompt(pipeline: Pipeline) -> None:
    off = small(guidance=1.0)
    [one], [other] = pipeline(off), pipeline(replace(off, negative_prompt="a blue square"))
    assert (one.image == other.image).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_sampler_and_schedule_draws(pipeline: Pipeline, sampler: str, schedule: str) -> None:
    steps = list(pipeline.steps(small(sampler=sampler, schedule=schedule, steps=4)))
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert steps[-1].t == 0
    assert np.isfinite(steps[-1].x).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_step_is_enough(pipeline: Pipeline, sampler: str) -> None:
    [step] = pipeline.steps(small(sampler=sampler, steps=1))
    assert np.isfinite(step.x).all()


def test_steps_and_pictures_come_in_order(pipeline: Pipeline) -> None:
    kinds = [type(event) for event in pipeline.draw(small(count=2))]
    assert kinds == [Step, Step, Step, Picture] * 2


def test_closing_the_iterator_stops_the_work(tiny: Path) -> None:
    pipeline = load(tiny)
    calls = []
    velocity = pipeline.parts.velocity
    pipeline.parts.velocity = lambda *args: calls.append(1) or velocity(*args)  # type: ignore
    events = pipeline.draw(small(steps=50, count=9))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("height", "width"),
    [(64, 64), (128, 128), (256, 256), (512, 512), (256, 512), (520, 72), (1024, 768)],
)
def test_any_size_is_drawn(pipeline: Pipeline, height: int, width: int) -> None:
    [picture] = pipeline(small(height=height, width=width, steps=1))
    assert picture.image.shape == (height, width, 3)
    assert bool(pipeline.notes(picture.request)) == (height != width)


def test_half_the_size_is_the_mean_of_four_pixels() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 4, 32, 48)).astype(np.float32)
    mean = image.reshape(1, 4, 16, 2, 24, 2).mean(axis=(3, 5))
    assert np.allclose(fit(image, 16, 24), mean, atol=1e-6)


def test_transparency_by_flag_is_transparency_by_words(pipeline: Pipeline) -> None:
    [flag] = pipeline(small(transparent=True))
    [words] = pipeline(small(prompt="a red circle on a transparent background"))
    assert flag.image.shape == (128, 128, 4)
    assert (flag.image == words.image).all()
    assert words.request.transparent
    assert flag.request.prompt == "a red circle"


def test_a_recorded_request_draws_the_same_again(pipeline: Pipeline) -> None:
    [first] = pipeline(small(seed=None, transparent=True))
    [again] = pipeline(first.request)
    assert (first.image == again.image).all()


def test_on_white() -> None:
    clear = np.full((1, 4, 1, 1), -1, np.float32)
    assert on_white(clear).ravel().tolist() == [1, 1, 1, 1]
    half_red = np.array([0, -1, -1, 0], np.float32).reshape(1, 4, 1, 1)
    assert on_white(half_red).ravel().tolist() == [1, 0, 0, 1]


def test_fit_crops_the_middle() -> None:
    ramp = np.broadcast_to(np.linspace(-1, 1, 64, dtype=np.float32), (1, 4, 32, 64)).copy()
    cut = fit(ramp, 32, 32)
    assert np.allclose(cut, ramp[..., 16:48], atol=1e-6)
    assert np.allclose(fit(ramp, 16, 16).mean(), 0, atol=1e-3)


def test_a_long_prompt_says_what_is_not_read(pipeline: Pipeline) -> None:
    request = small(prompt="a red circle " * 30 + "zebra")
    [note] = pipeline.notes(request)
    assert note.endswith("zebra")


@pytest.mark.parametrize("change", [{"steps": 0}, {"prompt": " "}, {"sampler": "eular"}])
def test_wrong_requests_are_refused(pipeline: Pipeline, change: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        pipeline(small(**change))


def test_an_unknown_engine_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="onnx, torch"):
        load(tiny, "abacus")
    with pytest.raises(ConfigError, match="threads=0"):
        load(tiny, threads=0)


BUNDLES = [
    "tiny",
    "sticker",
]


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_engines_draw_the_same_picture(tiny: Path, name: str, seed: int) -> None:
    request = Request(prompt="a red circle", seed=seed, transparent=bool(seed))
    folder = tiny if name == "tiny" else SHIPPED
    [onnx], [torch] = (load(folder, engine)(request) for engine in ("onnx", "torch"))
    difference = np.abs(onnx.image.astype(int) - torch.image.astype(int)).max(axis=-1)
    assert (difference <= 2).mean() >= 0.999
    assert (onnx.engine, torch.engine) == ("onnx", "torch")


def test_threads_do_not_change_a_picture(tiny: Path, pipeline: Pipeline) -> None:
    [two] = load(tiny, threads=2)(small())
    [one] = pipeline(small())
    assert np.abs(two.image.astype(int) - one.image.astype(int)).max() <= 1


def test_drawing_imports_neither_torch_nor_diffusers(tiny: Path) -> None:
    code = (
        "import json, sys, molnar\n"
        "request = molnar.Request(prompt='a red circle', steps=1, seed=0)\n"
        "[picture] = molnar.load(sys.argv[1])(request)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "onnxruntime" in loaded
    assert not {name for name in loaded if name.split(".")[0] in {"torch", "diffusers", "scipy"}}


def test_a_quality_is_the_models_own_settings(pipeline: Pipeline) -> None:
    request = Request(prompt="a red circle", quality="fast")
    with pytest.raises(RequestError, match="it has: normal"):
        pipeline.resolve(request)
    manifest = replace(pipeline.bundle.manifest, qualities={"fast": Quality(steps=2)})
    quick = Pipeline(Bundle(pipeline.bundle.folder, manifest), pipeline.parts)
    assert quick.resolve(request).steps == 2
    assert quick.resolve(request).guidance == pipeline.resolve(Request(prompt="x")).guidance
    assert quick.resolve(request.replaced(steps=7)).steps == 7  # what is given wins
    assert quick.resolve(Request(prompt="a red circle")).steps == 3


def test_a_flow_map_is_asked_where_each_step_ends(pipeline: Pipeline) -> None:
    fast = Quality(steps=2, guidance=1.0, flow_map=(2,))
    manifest = replace(pipeline.bundle.manifest, qualities={"fast": fast})
    quick = Pipeline(Bundle(pipeline.bundle.folder, manifest), pipeline.parts)
    request = Request(prompt="a red circle", seed=3, quality="fast")
    [mapped] = quick(request)
    plain = request.replaced(quality="normal", steps=2, guidance=1.0, sampler="euler")
    [without] = quick(plain)
    assert (mapped.image != without.image).any()
    [again] = quick(mapped.request)
    assert (mapped.image == again.image).all()
    [alone] = quick(request.replaced(seed=5))
    _, second = quick(request.replaced(seed=4, count=2))
    assert (alone.image == second.image).all(), "a batch changes no picture"


def test_a_record_with_all_settings_needs_no_quality(pipeline: Pipeline) -> None:
    request = Request(prompt="x", quality="best", steps=2, guidance=2.0, sampler="euler")
    assert pipeline.resolve(request).steps == 2


def test_a_picture_keeps_its_plan_whatever_else_is_drawn(pipeline: Pipeline) -> None:
    three = pipeline(Request(prompt="a red circle", seed=4, count=3, width=128, height=128))
    [alone] = pipeline(Request(prompt="a red circle", seed=5, width=128, height=128))
    assert three[1].plan == alone.plan
    assert alone.plan[0].behind
    assert len({picture.plan for picture in three}) > 1  # what a text leaves open varies


def test_words_are_read_by_their_meaning_and_that_is_said(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(pipeline.bundle.folder, folder)
    one = np.array([[100, 0]], np.int8)
    Meaning(
        words={"vixen": 0}, vectors=one, names=("fox",), plurals=("foxes",), articles=("a",),
        name_vectors=one, leading=frozenset({"a"}),
    ).save(folder / "meaning.safetensors")  # fmt: skip
    manifest = replace(pipeline.bundle.manifest, meaning="meaning.safetensors")
    told = Pipeline(Bundle(folder, manifest), pipeline.parts)
    request = Request(prompt="a vixen", negative_prompt="a vixen")
    assert told.wording(told.resolve(request)).text == "a fox"
    assert told.wording(told.resolve(request)).negative == "a vixen"
    assert "read as: a fox" in told.notes(request)
    assert not [note for note in told.notes(Request(prompt="a fox")) if "read as" in note]


def test_the_best_of_several_is_the_picture_of_its_own_seed(pipeline: Pipeline) -> None:
    wish = small(count=2, best_of=3, seed=11)
    chosen = pipeline(wish)
    text, _ = pipeline.embed(wish)
    for index, picture in enumerate(chosen):
        seeds = range(11 + 3 * index, 14 + 3 * index)
        [again] = pipeline(small(seed=picture.seed))
        assert np.array_equal(again.image, picture.image)
        assert again.fit is None
        fits = {seed: rated(pipeline, small(seed=seed), text) for seed in seeds}
        assert picture.seed == max(seeds, key=lambda seed: fits[seed])
        assert picture.fit == pytest.approx(fits[picture.seed], abs=1e-5)
        assert len({round(value, 6) for value in fits.values()}) == 3


def rated(pipeline: Pipeline, request: Request, text: TextEmbedding) -> float:
    """Rate a picture from outside: its last latent, decoded, laid on white, made small."""
    *_, last = pipeline.steps(request)
    image = np.clip(pipeline.parts.decode(last.x), -1, 1)
    return float(pipeline.parts.rate(squeeze(image, 16), text)[0])


def test_steps_of_all_that_one_is_chosen_from_are_counted(pipeline: Pipeline) -> None:
    steps = list(pipeline.steps(small(best_of=2, steps=3)))
    assert [(step.index, step.of) for step in steps] == [(k, 6) for k in range(6)]


def test_nothing_is_chosen_without_a_clip(pipeline: Pipeline) -> None:
    manifest = pipeline.bundle.manifest
    parts = {name: part for name, part in manifest.parts.items() if name != "clip"}
    bundle = Bundle(pipeline.bundle.folder, replace(manifest, parts=parts))
    with pytest.raises(RequestError, match="no CLIP to choose by"):
        Pipeline(bundle, pipeline.parts)(small(best_of=2))


def test_a_chosen_picture_repeats_alone(pipeline: Pipeline, tmp_path: Path) -> None:
    [picture] = pipeline(small(best_of=2, seed=3))
    request = request_from(metadata.read(picture.save(tmp_path / "chosen.png")))
    assert (request.best_of, request.seed) == (1, picture.seed)
    assert np.array_equal(pipeline(request)[0].image, picture.image)


def test_candidates_go_on_where_seeds_begin_anew(pipeline: Pipeline) -> None:
    chosen = pipeline(small(count=2, best_of=2, seed=2**32 - 1))
    assert chosen[0].seed in (2**32 - 1, 0)
    assert chosen[1].seed in (1, 2)


def test_the_best_of_a_cut_picture_is_the_picture_of_its_seed(pipeline: Pipeline) -> None:
    tall = small(best_of=2, seed=8, height=256, width=128)
    [chosen] = pipeline(tall)
    [again] = pipeline(tall.replaced(best_of=1, seed=chosen.seed))
    assert np.array_equal(chosen.image, again.image)
    assert chosen.image.shape[:2] == (256, 128)
