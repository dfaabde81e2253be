"""Settings of one training run -> the plan of its length."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from molnar.base.errors import ConfigError

#: Keys that say how long a run lasts: they may change between two sessions of one run.
LENGTH_KEYS = frozenset({"images", "minutes"})
#: Keys that say where and how visibly it runs: they change what is learned by rounding at most.
PLACE_KEYS = frozenset(
    {"checkpoint_minutes", "sheet_minutes", "log_steps", "keep", "threads", "device", "compile"}
)

#: Keys that older runs do not have -> what they were trained with.
ADDED = {
    "common_p": 0.0,
    "sketch": 0,
    "sketch_width": 160,
    "flow_map": False,
    "few": [],
    "few_p": 0.6,
    "tint_p": 0.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSettings:
    """How one part is trained. Progress is counted in images seen, never in steps.

    Example:
        >>> TrainSettings(images=960, batch=24).cooldown
        0.3
    """

    images: int | None = None  # length of the whole run; None = what fits in `minutes`
    minutes: float | None = None  # budget of the run (images None), or of this session (images set)
    batch: int = 24  # images per step: small, because on CPU the number of updates counts
    lr: float = 1e-3  # peak learning rate
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW moments; (.9, .99) for slow objectives
    weight_decay: float = 0.01  # on matrices and kernels only (ndim >= 2)
    warmup: int = 2_000  # images over which lr climbs from ~0
    cooldown: float = 0.3  # last share of the run over which lr falls linearly to 0
    clip: float = 1.0  # largest norm of the whole gradient; 0 = never clipped
    ema: Literal["constant", "power"] = "constant"  # law of the averaged weights (ema.py)
    ema_decay: float = 0.999  # "constant": decay per step, reached by a ramp
    ema_std: float = 0.10  # "power": width of the profile as a share of the run, (0, 0.28)
    seed: int = 0  # every random draw is a function of (seed, images seen)
    precision: Literal["fp32", "bf16", "auto"] = "fp32"  # compute; weights, moments, EMA stay fp32
    channels_last: bool = False  # NHWC memory: faster convolutions on CPU and tensor cores
    compile: bool = False  # torch.compile: worth it beyond ~5 minutes
    device: str = "auto"  # "auto" = cuda if there is one; "cpu", "cuda", "cuda:1"
    threads: int | None = None  # CPU threads of torch; None = torch's choice
    init: str | None = None  # model.safetensors to start from instead of random weights
    checkpoint_minutes: float = 10.0  # time between two checkpoints
    sheet_minutes: float = 10.0  # time between two sample sheets; 0 = none
    log_steps: int = 20  # steps per line of metrics.jsonl
    keep: int = 2  # checkpoints kept on disk

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigError: no length at all, or a value out of its range.
        """
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON gives a list
        if self.images is None and self.minutes is None:
            raise ConfigError("a run needs a length: got images=None and minutes=None; set one")
        limits: dict[str, tuple[float, float]] = {
            "images": (1, 10**12),
            "minutes": (0.0, 10**6),
            "batch": (1, 10**6),
            "lr": (0.0, 10.0),
            "weight_decay": (0.0, 10.0),
            "warmup": (0, 10**12),
            "cooldown": (0.0, 1.0),
            "clip": (0.0, 10**6),
            "ema_decay": (0.0, 0.999999),
            "ema_std": (0.001, 0.28),
            "seed": (0, 2**32 - 1),
            "threads": (1, 1024),
            "checkpoint_minutes": (0.0, 10**6),
            "sheet_minutes": (0.0, 10**6),
            "log_steps": (1, 10**6),
            "keep": (1, 1000),
        }
        for key, (low, high) in limits.items():
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{key}={value}: expected {low:g} to {high:g}; change it")
        for key, choices in (
            ("precision", ("fp32", "bf16", "auto")),
            ("ema", ("constant", "power")),
        ):
            if getattr(self, key) not in choices:
                raise ConfigError(f"{key}={getattr(self, key)!r}: expected one of {choices}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The length of a run once it is known; kept in config.json, so that a resume finds the same.

    `cooldown_from` and `total` are images seen. Until a plan exists the learning rate is constant
    (after warm-up), so fixing it late changes nothing that has already been trained.
    """

    total: int  # images; a multiple of the batch
    cooldown_from: int  # images; lr falls linearly from here to `total`
    images: int | None = None  # settings.images it was made for
    minutes: float | None = None  # settings.minutes it was made for (images None)

    def fits(self, settings: TrainSettings) -> bool:
        """Tell whether this plan was made for these run-length keys."""
        if settings.images is not None:
            return self.images == settings.images
        return self.images is None and self.minutes == settings.minutes


def plan_images(settings: TrainSettings) -> Plan:
    """Plan a run whose number of images is given, rounded up to whole batches."""
    if settings.images is None:
        raise ConfigError("images=None: a plan by images needs a number; plan by minutes instead")
    total = math.ceil(settings.images / settings.batch) * settings.batch
    start = int(total * (1.0 - settings.cooldown))
    return Plan(total=total, cooldown_from=start, images=settings.images)


def plan_minutes(
    settings: TrainSettings, *, seen: int, elapsed_s: float, pace: float
) -> Plan | None:
    """Plan a run whose minutes are given, at the moment its cooldown is due.

    Deciding here, not on the first steps, measures the pace over the whole constant phase
    (compilation, sheets and checkpoints included), so the run ends on time.

    Args:
        settings: Of the run; `minutes` is its budget.
        seen: images seen so far.
        elapsed_s: seconds trained so far, in all sessions.
        pace: images per second.

    Returns:
        None while the constant phase lasts.
    """
    if settings.minutes is None:
        raise ConfigError("minutes=None: a plan by minutes needs a number; plan by images instead")
    budget_s = 60.0 * settings.minutes
    if elapsed_s < (1.0 - settings.cooldown) * budget_s:
        return None
    steps = max(1, round(pace * max(0.0, budget_s - elapsed_s) / settings.batch))
    return Plan(total=seen + steps * settings.batch, cooldown_from=seen, minutes=settings.minutes)


def changed_keys(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """List keys that differ, each as `dotted.key: old -> new`; length and place keys are free."""
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        if prefix == "settings." and key in LENGTH_KEYS | PLACE_KEYS:
            continue
        before, after = old.get(key, ADDED.get(key)), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return lines


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples and paths into what JSON would give back, so that both are equal."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
