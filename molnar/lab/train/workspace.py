"""A folder on disk <-> one training run: its config, plan, lock and exported weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from molnar.base.errors import ConfigError, TrainingError
from molnar.lab.data.spec import Problem
from molnar.lab.train import checkpoint
from molnar.lab.train.settings import Plan, TrainSettings, changed_keys, plain

#: Parts in the order in which they are trained.
PARTS = (
    "tokenizer", "text", "planner", "vae", "diffusion", "decoder", "finisher", "upscaler", "clip"
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The folder of one run: `config` decides the numbers, `plan` the length, once it is known."""

    folder: Path
    config: dict[str, Any]
    plan: Plan | None

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def config_hash(self) -> str:
        """First 16 hex digits of the sha256 of the config."""
        text = json.dumps(self.config, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def write(self) -> None:
        """Write config.json whole or not at all."""
        whole = {"hash": self.config_hash, **self.config, "plan": plain(self.plan)}
        data = json.dumps(whole, indent=1).encode()
        checkpoint.replace_durably(self.folder / "config.json", data)

    def planned(self, plan: Plan) -> Run:
        """Fix the length of the run, on disk before it is used, so that a resume finds the same."""
        run = replace(self, plan=plan)
        run.write()
        return run


def open_run(
    folder: Path, settings: TrainSettings, task: dict[str, Any], *, fresh: bool = False
) -> Run:
    """Create the folder of a run, or open an existing one if it is the same run.

    Args:
        folder: Of the run.
        settings: Of the run.
        task: What the task says of itself that decides the numbers (kind, model config, data).
        fresh: Set an existing run aside as `<name>.old1` ... and start anew.

    Raises:
        ConfigError: the folder holds a run whose config differs; names the keys that do.
    """
    config = {"settings": plain(settings), "task": plain(task)}
    if fresh and folder.exists():
        set_aside(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plan = None
    try:
        stored = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        stored = None
    except ValueError as error:
        raise ConfigError(f"{folder / 'config.json'}: not JSON ({error}); use --fresh") from error
    if stored is not None:
        old = {key: stored.get(key) for key in config}
        if changes := changed_keys(old, config):
            raise ConfigError(
                f"{folder} holds another run: {'; '.join(changes)}. "
                "Give the old values to continue it, --fresh to set it aside, or another --out"
            )
        if stored.get("plan"):
            plan = Plan(**stored["plan"])
    run = Run(folder, config, plan if plan is not None and plan.fits(settings) else None)
    run.write()
    return run


def set_aside(folder: Path) -> Path:
    """Rename a run to the first free `<name>.old1`, `.old2` ...: what was trained is kept."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old{number}")).exists():
        number += 1
    folder.rename(aside)
    return aside


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run for this process; the lock goes with the process, even on kill -9.

    The lock lies beside the folder, so that `fresh` can set the folder aside while it is held.

    Raises:
        TrainingError: another process trains in this folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: no lock, as before
        yield
        return
    with folder.with_name(f".{folder.name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"{folder} is being trained by another process; wait for it or use another --out"
            ) from error
        yield


def write_model(folder: Path, module: nn.Module, description: dict[str, Any]) -> None:
    """Write `model.safetensors` (fp32, the averaged weights) and `model.json`: what export reads.

    Each file is replaced whole; model.json comes last and holds the sha256 of its weights.

    Raises:
        TrainingError: the disk is full or cannot be written; the older files are untouched.
    """
    data = checkpoint.to_bytes(dict(module.state_dict()))
    digest = hashlib.sha256(data).hexdigest()
    text = json.dumps({**plain(description), "sha256": digest}, indent=1)
    try:
        checkpoint.replace_durably(folder / "model.safetensors", data)
        checkpoint.replace_durably(folder / "model.json", text.encode())
    except OSError as error:
        newest = checkpoint.numbered(folder / "checkpoints")
        raise checkpoint.disk_error(folder / "model.safetensors", error, newest) from error


def written_images(folder: Path) -> int | None:
    """Tell how many pictures the averaged weights in a run's folder saw; None without any."""
    if not (folder / "model.safetensors").is_file():
        return None
    try:
        images = json.loads((folder / "model.json").read_bytes())["images"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return images if isinstance(images, int) else None


def load_weights(module: nn.Module, path: Path) -> None:
    """Load starting weights, all of them or none.

    Raises:
        TrainingError: unreadable, or keys or shapes differ (the first few are named).
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"init {path}: not a readable safetensors file ({error})") from error
    own = module.state_dict()
    wrong = [f"missing {key}" for key in sorted(own.keys() - weights.keys())]
    wrong += [f"unexpected {key}" for key in sorted(weights.keys() - own.keys())]
    wrong += [
        f"{key} {tuple(weights[key].shape)} instead of {tuple(own[key].shape)}"
        for key in sorted(own.keys() & weights.keys())
        if own[key].shape != weights[key].shape
    ]
    if wrong:
        shown = "; ".join(wrong[:5])
        raise TrainingError(
            f"init {path} is of another model: {len(wrong)} tensors differ: {shown}; "
            "use the config in the model.json beside it"
        )
    module.load_state_dict(weights)


def write_problems(folder: Path, problems: list[Problem]) -> Path:
    """Write files that could not be used to problems.jsonl, one {"path", "reason"} a line."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "problems.jsonl"
    lines = [json.dumps({"path": str(p.path), "reason": p.reason}) + "\n" for p in problems]
    path.write_text("".join(lines), encoding="utf-8")
    return path
