"""Plain diffusers, called as its documentation says, against molnar's means, in one run.

    python benchmarks/big_models.py steps|picture|memory|start [--shape sd15|sdxl|tiny]
        [--device cpu] [--steps 20] [--rounds 2] [--seconds 3000] [--folder FOLDER]

The checkpoint is made here, once: the published architecture with random weights (seeded), its
output scaled so that noise has deviation 1 and pictures have contrast. Each measurement is a
process of its own; plain and ours take turns; medians are printed, and each command line. Weights
that were never trained say nothing of what `fast` (step caching) does to a real picture: its
difference is printed for completeness.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
SIZES = {"sd15": 512, "sdxl": 1024, "tiny": 64}
KINDS = {"cpu": ("plain", "ours", "fast"), "cuda": ("plain", "compiled", "ours", "fast")}
DIFFERS = ("ours", "fast", "compiled")


def main() -> None:
    """Build the checkpoint if it is not there, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["steps", "picture", "memory", "start"])
    parser.add_argument("--shape", choices=sorted(SIZES), default="sd15")
    parser.add_argument("--device", choices=sorted(KINDS), default="cpu")
    parser.add_argument("--steps", type=int, help="default: 20, or 2 for all but `picture`")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3000.0, help="no round starts after these")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/molnar/shapes")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.steps = options.steps or (20 if options.what == "picture" else 2)
    folder = options.folder / options.shape
    if options.one:
        print(json.dumps(one(options, folder)))
        return
    if not (folder / "model_index.json").is_file():
        build(options.shape, folder)
    began, found = time.monotonic(), {kind: [] for kind in KINDS[options.device]}
    for _ in range(options.rounds):
        for kind in found:
            if time.monotonic() - began < options.seconds:
                found[kind].append(apart(kind, folder))
    report(options, found, folder)


def apart(kind: str, folder: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, *sys.argv, "--one", kind]
    env = {**os.environ, "MOLNAR_STARTED": repr(time.time())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    print(kind, done.stdout.strip().splitlines()[-1], file=sys.stderr, flush=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def one(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Draw one picture and say what it took, in seconds and megabytes."""
    started = float(os.environ.get("MOLNAR_STARTED", time.time()))
    import numpy as np
    import torch

    pipe = opened(options.one, options.device, folder)
    loaded = time.time()
    side = SIZES[options.shape]
    scale = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    shape = (1, 4, side // scale, side // scale)
    noise = np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
    latents = torch.from_numpy(noise).to(options.device, next(pipe.unet.parameters()).dtype)
    ticks = [time.time()]

    def tick(_pipe: Any, _index: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
        if options.device == "cuda":
            torch.cuda.synchronize()
        ticks.append(time.time())
        return kept

    picture = pipe(
        "a photo of a cat on a table", num_inference_steps=options.steps, guidance_scale=7.5,
        latents=latents, height=side, width=side, output_type="np", callback_on_step_end=tick,
    ).images[0]  # fmt: skip
    ended = time.time()
    np.save(folder / f"{options.one}.npy", picture)
    each = np.diff(ticks)
    return {
        "load": loaded - started, "first step": ticks[1] - started,
        "step": float(np.median(each[1:] if len(each) > 1 else each)),
        "decode": ended - ticks[-1], "picture": ended - ticks[0], "peak MB": peak(options.device),
    }  # fmt: skip


def opened(kind: str, device: str, folder: Path) -> Any:
    """Open the checkpoint: plain, compiled as diffusers documents, or by molnar's means."""
    import torch
    from diffusers import DiffusionPipeline

    from molnar.bridge.computing import EVERY

    if kind in ("ours", "fast") and device == "cpu":  # all that `molnar --model FOLDER` does
        from molnar.bridge.fast.caching import reuse
        from molnar.bridge.opening import open_checkpoint
        from molnar.bridge.recognising import recognise

        pipe = open_checkpoint(recognise(folder)).pipe
        if kind == "fast":
            reuse(pipe.unet, EVERY)
        return pipe
    told: dict[str, Any] = {} if device == "cpu" else {"torch_dtype": torch.bfloat16}
    pipe = DiffusionPipeline.from_pretrained(str(folder), **told).to(device)
    pipe.set_progress_bar_config(disable=True)
    if kind in ("ours", "fast"):
        from molnar.bridge.fast import How, speed_up

        speed_up(pipe, How(caching=EVERY if kind == "fast" else 1))
    if device == "cuda" and kind != "plain":  # docs/source/en/optimization/fp16.md of diffusers
        pipe.unet.to(memory_format=torch.channels_last)
        pipe.vae.to(memory_format=torch.channels_last)
        pipe.fuse_qkv_projections()
        pipe.unet = torch.compile(pipe.unet, mode="max-autotune", fullgraph=kind == "compiled")
        pipe.vae.decode = torch.compile(pipe.vae.decode, mode="max-autotune")
    return pipe


def peak(device: str) -> float:
    """Most memory the process, or the device, ever held, in MB."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def report(options: argparse.Namespace, found: dict[str, list[Any]], folder: Path) -> None:
    """Print medians, and ratios against plain diffusers."""
    import numpy as np

    columns = {
        "steps": ["step"], "picture": ["step", "decode", "picture"], "memory": ["peak MB"],
        "start": ["load", "first step"],
    }[options.what]  # fmt: skip
    print(" ".join(["python", *sys.argv]))
    print(f"{options.steps} steps, {options.shape}, {options.device}, {os.cpu_count()} cores")
    plain = {c: statistics.median(r[c] for r in found["plain"]) for c in columns}
    for kind, runs in found.items():
        if not runs:
            continue
        cells = []
        for column in columns:
            value = statistics.median(run[column] for run in runs)
            cells.append(f"{column} {value:.2f} ({value / plain[column]:.2f} of plain)")
        if kind in DIFFERS:
            apart = np.abs(np.load(folder / f"{kind}.npy") - np.load(folder / "plain.npy")) * 255
            cells.append(f"difference mean {apart.mean():.3f} largest {apart.max():.2f} of 255")
        print(f"{kind:9}", "; ".join(cells), f"({len(runs)} runs)")


def build(shape: str, folder: Path) -> None:
    """Make the architecture with random weights, in the diffusers layout."""
    import diffusers
    import torch

    torch.manual_seed(0)
    widths = {"sd15": (320, 640, 1280, 1280), "sdxl": (320, 640, 1280), "tiny": (32, 64)}[shape]
    across = {"sd15": 768, "sdxl": 2048, "tiny": 32}[shape]
    unet = diffusers.UNet2DConditionModel(**unet_config(shape, widths, across)).eval()
    four = (128, 256, 512, 512) if shape != "tiny" else (32, 32)
    vae = diffusers.AutoencoderKL(
        block_out_channels=four, layers_per_block=2, latent_channels=4, sample_size=SIZES[shape],
        down_block_types=["DownEncoderBlock2D"] * len(four),
        up_block_types=["UpDecoderBlock2D"] * len(four),
        scaling_factor=0.13025 if shape == "sdxl" else 0.18215,
    ).eval()  # fmt: skip
    scaled(unet, vae, across, sdxl=shape == "sdxl")
    parts: dict[str, Any] = {"unet": unet, "vae": vae, "tokenizer": tokenizer(folder)}
    times = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    if shape == "sdxl":
        parts |= {"tokenizer_2": parts["tokenizer"], "text_encoder": text(768, 12, None)}
        parts |= {"text_encoder_2": text(1280, 32, 1280)}
        parts["scheduler"] = diffusers.EulerDiscreteScheduler(**times, steps_offset=1)
        pipe: Any = diffusers.StableDiffusionXLPipeline(**parts)
    else:
        parts["text_encoder"] = text(across, 12 if shape == "sd15" else 2, None)
        parts["scheduler"] = diffusers.PNDMScheduler(
            **times, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1
        )
        none = {"safety_checker": None, "feature_extractor": None}
        pipe = diffusers.StableDiffusionPipeline(**parts, **none, requires_safety_checker=False)
    pipe.save_pretrained(str(folder))


def unet_config(shape: str, widths: Sequence[int], across: int) -> dict[str, Any]:
    """The published configuration, or two small levels of it."""
    told: dict[str, Any] = {
        "sample_size": SIZES[shape] // (8 if shape != "tiny" else 2), "layers_per_block": 2,
        "block_out_channels": widths, "cross_attention_dim": across, "attention_head_dim": 8,
        "down_block_types": ["CrossAttnDownBlock2D"] * (len(widths) - 1) + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * (len(widths) - 1),
    }  # fmt: skip
    if shape == "sdxl":
        told |= {
            "down_block_types": ["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 2,
            "up_block_types": ["CrossAttnUpBlock2D"] * 2 + ["UpBlock2D"],
            "attention_head_dim": (5, 10, 20), "transformer_layers_per_block": (1, 2, 10),
            "use_linear_projection": True, "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
        }  # fmt: skip
    return told


def scaled(unet: Any, vae: Any, across: int, *, sdxl: bool) -> None:
    """Scale the last layers: noise of deviation 1, pictures of deviation 0.5 about grey."""
    import torch

    with torch.inference_mode():
        x, words = torch.randn(1, 4, 32, 32), torch.randn(1, 77, across)
        more = {"text_embeds": torch.randn(1, 1280), "time_ids": torch.zeros(1, 6)}
        noise = unet(x, 500, words, added_cond_kwargs=more if sdxl else None).sample
        picture = vae.decode(x).sample
    for last, factor in (
        (unet.conv_out, 1 / noise.std()),
        (vae.decoder.conv_out, 0.5 / picture.std()),
    ):
        last.weight.data *= factor
        last.bias.data *= factor
    vae.decoder.conv_out.bias.data -= picture.mean((0, 2, 3)) * 0.5 / picture.std()


def text(width: int, depth: int, projected: int | None) -> Any:
    """A CLIP text encoder."""
    import transformers

    config = transformers.CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=depth, vocab_size=49408,
        num_attention_heads=max(1, width // 64), projection_dim=projected or width,
    )  # fmt: skip
    kind = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return kind(config).eval()


def tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer of 49,408 entries with made-up merges."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    small, known, merges = "abcdefghijklmnopqrstuvwxyz", set(words), []
    pairs = [(a, b + end) for end in ("", "</w>") for a in small for b in small]
    pairs += [(a + b, c + end) for end in ("", "</w>") for a in small for b in small for c in small]
    pairs += [(a + b, c + d + "</w>") for a in small for b in small for c in small for d in small]
    for a, b in pairs[: 49406 - len(words)]:
        assert a + b not in known
        words.append(a + b)
        merges.append(f"{a} {b}")
    words += ["<|startoftext|>", "<|endoftext|>"]
    made = folder / "tokenizer"
    made.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: index for index, word in enumerate(words)}
    (made / "vocab.json").write_text(json.dumps(vocabulary))
    (made / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    (made / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 77}))
    return CLIPTokenizer.from_pretrained(str(made))


if __name__ == "__main__":
    main()
