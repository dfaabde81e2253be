"""Which network, which target, which tokens? Small trainings at equal compute, judged by ProcEval.

    python benchmarks/experiments.py unet transformer hybrid --workspace runs/sticker \
        --stickers data/stickers --out runs/experiments [--images 16000] [--prompts 10]
    python benchmarks/experiments.py cost

`cost` prints parameters, operations per picture and milliseconds in ONNX Runtime of every variant
(float32, two threads, a batch of two as guidance needs, median of 60). A training shows geometry
alone, with plans, on the workspace's frozen text encoder and autoencoder; then the planner of the
shipped model plans ProcEval's prompts, the averaged weights draw them (seeds 0 and 1, 8 steps of
dpmpp_2m, guidance 2, 128 px), and the checker judges (`atoms`: the share of what a prompt asks that
is there, one by one). `errors` are mean squared errors of the velocity on 256 pictures that no
training shows, at four times: they tell networks apart long before ProcEval does. A run that is
there is judged again. Two runs of one variant with another `--seed` say how much chance there is in
the figures. The pictures are kept in `OUT/<variant>-<seed>.png`.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from candidates import GIVEN, VARIANTS, AlignedTask, Variant
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from molnar.base.images import contact_sheet, from_model, unpremultiply
from molnar.base.rng import noise
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import denoiser
from molnar.diffusion.guidance import classifier_free
from molnar.diffusion.objective import flow_loss, inputs
from molnar.diffusion.samplers import dpmpp_2m
from molnar.diffusion.schedule import shifted, simple
from molnar.lab.data.world import WorldConfig
from molnar.lab.evaluate.planned import planning
from molnar.lab.evaluate.proceval import run, score
from molnar.lab.evaluate.prompts import questions
from molnar.lab.train.builtin import sticker_cpu
from molnar.lab.train.diffusion import DiffusionTask
from molnar.lab.train.loop import train
from molnar.lab.train.parts import Assembly
from molnar.lab.train.supply import Data, Supply
from molnar.pipeline import load

STEPS, GUIDANCE, SHIFT = 8, 2.0, 5.0
UNSEEN, PICTURES, TIMES = 1 << 40, 256, (0.3, 0.6, 0.8, 0.95)


def example(batch: int = 2, length: int = 16) -> tuple[Tensor, ...]:
    """Give inputs of a network: x, t, tokens, mask, pooled, plan."""
    return (
        torch.randn(batch, GIVEN["latent_channels"], 16, 16),
        torch.rand(batch),
        torch.randn(batch, length, GIVEN["text_width"]),
        torch.ones(batch, length, dtype=torch.bool),
        F.normalize(torch.randn(batch, GIVEN["pooled_width"]), dim=1),
        torch.randn(batch, GIVEN["plan"], 16, 16),
    )


def cost(name: str) -> dict[str, Any]:
    """Measure one variant: parameters, operations per picture, milliseconds in ONNX Runtime."""
    import onnxruntime

    network = VARIANTS[name].network().eval()
    given = example()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*given)
    names = ["x", "t", "tokens", "mask", "pooled", "plan"]
    written = io.BytesIO()
    torch.onnx.export(network, given, written, input_names=names, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(written.getvalue(), options)
    feeds = {one.name: given[names.index(one.name)].numpy() for one in session.get_inputs()}
    taken = []
    for _ in range(66):
        start = time.perf_counter()
        session.run(None, feeds)
        taken.append(1000 * (time.perf_counter() - start))
    return {
        "variant": name,
        "parameters_M": round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
        "gflop": round(counter.get_total_flops() / 2e9, 3),
        "onnx_ms": round(statistics.median(taken[6:]), 1),
    }


def task_of(variant: Variant, assembly: Assembly, seed: int) -> DiffusionTask:
    """Build the task of a variant."""
    plain: Any = assembly.task("diffusion")
    kind = AlignedTask if variant.aligned else DiffusionTask
    task = kind(
        plain.source, plain.config, plain.autoencoder, plain.tokenizer, plain.encoder,
        replace(plain.data, seed=seed), assembly.supply.names(),
    )  # fmt: skip
    torch.manual_seed(seed)
    task.module = variant.network()
    if isinstance(task, AlignedTask):
        task.prepare()
    return task


def drawn(task: DiffusionTask, asked: list[tuple[str, int]], plans: list[Any]) -> Any:
    """Draw prompts with their seeds and plans: uint8 N 128 128 4, straight alpha."""
    pictures = []
    for first in range(0, len(asked), 20):
        some, own = asked[first : first + 20], plans[first : first + 20]
        maps = task._maps(own, (16, 16))
        told = replace(task._texts([prompt for prompt, _ in some], maps.device), plan=maps)
        null = task._texts([""] * len(some), maps.device)
        null = replace(null, plan=torch.zeros_like(maps))

        def velocity(x: Tensor, t: Tensor, text: TextEmbedding) -> Tensor:
            out: Tensor = task.module(x, t, *inputs(text))
            return out

        guided = classifier_free(denoiser(velocity, told), denoiser(velocity, null), GUIDANCE)
        start = np.stack([noise(seed, 0, (20, 16, 16)) for _, seed in some])
        x = torch.from_numpy(start)
        for step in dpmpp_2m(guided, x, shifted(simple(STEPS), SHIFT)):
            x = step.x
        images = task.autoencoder.decode(x.float()).clamp(-1, 1).numpy()
        pictures += [unpremultiply(image) for image in from_model(images)]
    return pictures


def judged(task: DiffusionTask, prompts: int, planner: Any, sheet: Path) -> dict[str, Any]:
    """Let the checker judge what the task's module draws."""
    exam = questions(prompts)
    asked = [(one.prompt, seed) for one in exam for seed in (0, 1)]
    with torch.no_grad():
        pictures = drawn(task, asked, [planner(*one) for one in asked])
    found = dict(zip(asked, pictures, strict=True))
    scores = score(run(lambda prompt, seed: found[prompt, seed], exam, seeds=(0, 1)))
    contact_sheet(pictures, [one[0] for one in asked], columns=12, cell=128).save(sheet)
    tasks = {name: round(value.value, 2) for name, value in scores.tasks.items()}
    return {"overall": round(scores.overall.value, 3), "atoms": round(scores.atoms, 3), **tasks}


@torch.no_grad()
def errors(task: DiffusionTask) -> dict[str, float]:
    """Measure the mean squared error of the velocity on unseen pictures, by time."""
    found: dict[str, list[float]] = {f"{t:g}": [] for t in TIMES}
    for first in range(UNSEEN, UNSEEN + PICTURES, 32):
        batch = task.batch(first, 32)
        x0 = task.autoencoder.encode(batch["image"])
        text = task._embed(batch["ids"], batch["mask"], batch["plan"])
        for t in TIMES:
            times = torch.full((32,), t)
            each = flow_loss(task.module, x0, batch["noise"], times, text).each
            found[f"{t:g}"].append(float(each.mean()))
    return {name: round(statistics.mean(values), 4) for name, values in found.items()}


def main() -> None:
    """Try variants one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("variants", nargs="+", choices=["cost", *VARIANTS])
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--stickers", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/experiments"))
    parser.add_argument("--images", type=int, default=16_000)
    parser.add_argument("--prompts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.variants == ["cost"]:
        for name in VARIANTS:
            print(json.dumps(cost(name)), flush=True)
        return
    recipe = sticker_cpu()
    recipe = replace(recipe, world=WorldConfig(geometry_p=1.0, geometry=recipe.world.geometry))
    assembly = Assembly(recipe, options.workspace, Supply(recipe, Data(stickers=options.stickers)))
    planner = planning(load("sticker"))
    settings = replace(
        recipe.diffusion.train, images=options.images, minutes=None, batch=16, lr=1e-3,
        warmup=800, ema_decay=0.99, sheet_minutes=0.0, checkpoint_minutes=1e4,
        threads=options.threads, seed=options.seed,
    )  # fmt: skip
    for name in options.variants:
        task = task_of(VARIANTS[name], assembly, options.seed)
        folder = options.out / f"{name}-{options.seed}"
        report = train(task, settings, folder, fresh=False)
        kept = torch.nn.Module.state_dict(task.module)
        task.module.load_state_dict({**kept, **averaged(folder)})
        task.module.eval()
        sheet = options.out / f"{name}-{options.seed}.png"
        row = {
            "variant": name, "seed": options.seed, "images": report.images,
            "seconds": round(report.seconds), "loss": round(report.loss, 4),
            "errors": errors(task), **judged(task, options.prompts, planner, sheet),
        }  # fmt: skip
        print(json.dumps(row), flush=True)


def averaged(folder: Path) -> dict[str, Tensor]:
    """Read the averaged weights that a run ends with."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


if __name__ == "__main__":
    main()
