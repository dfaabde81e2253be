"""Captions and what they describe in, a trained planner out; no picture is drawn.

The text encoder is frozen. A caption's plan is that of the very scene it was written about: where a
caption leaves something open, the planner learns how often it is what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

from molnar.base.images import contact_sheet
from molnar.base.rng import generator
from molnar.lab.train.naming import digest
from molnar.plan.items import Plan
from molnar.plan.planner import Planner, PlannerConfig
from molnar.plan.writing import field_of, write, written
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

Described = Callable[[int], tuple[str, Plan]]
"""A number -> a caption and the plan of what it describes: a pure function."""

SHEET_FIRST, SHEET_PICTURES = 1 << 40, 16
SHORT = 15  # numbers of a plan of what lies behind and two things


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannerData:
    """How the planner is shown captions."""

    seed: int = 0
    first: int = 0  # number of the first caption


class PlannerTask:
    """Teach a planner: the `Task` of the part "planner"."""

    name = "planner"

    def __init__(
        self,
        describe: Described,
        config: PlannerConfig,
        tokenizer: Tokenizer,
        encoder: TextEncoder,
        vectors: Any,
        data: PlannerData | None = None,
    ) -> None:
        """Take the frozen encoder and build the planner with fresh weights.

        Args:
            describe: Captions and plans by number.
            config: Sizes and names.
            tokenizer: Of the encoder.
            encoder: Frozen.
            vectors: Each name's sentence vector, float32 N P.
            data: Which captions.
        """
        self.source, self.config, self.data = describe, config, data or PlannerData()
        self.tokenizer = tokenizer
        self.encoder = encoder.eval().requires_grad_(False)
        torch.manual_seed(self.data.seed)
        planner = Planner(config)
        planner.vectors.copy_(torch.from_numpy(np.asarray(vectors, np.float32)))
        self.module: nn.Module = planner

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        told = {"names": digest(self.encoder, self.config.names)}
        return {"kind": "planner", "config": self.config, "data": self.data, **told}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give captions number seen ... seen + size - 1 and their plans.

        Returns:
            ids int64 B L, mask Bool B L, plan int64 B S; -1 where a plan has ended.
        """
        first = self.data.first + seen
        rows = [self.source(index) for index in range(first, first + size)]
        tokens = self.tokenizer.encode([caption for caption, _ in rows])
        length = int(tokens.mask.sum(1).max())
        numbers = [written(plan, self.config.names) for _, plan in rows]
        plans = np.full((size, max(map(len, numbers))), -1, np.int64)
        for row, own in zip(plans, numbers, strict=True):
            row[: len(own)] = own
        return {
            "ids": torch.from_numpy(tokens.ids[:, :length].copy()),
            "mask": torch.from_numpy(tokens.mask[:, :length].copy()),
            "plan": torch.from_numpy(plans),
        }

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Give the mean surprise at each number.

        Returns:
            It, in nats, and how well each kind of number is foretold: the shares of names and
            colours that are right, and the surprise of the numbers of boxes.
        """
        plan = batch["plan"]
        encoder = self.encoder.to(plan.device)
        with torch.no_grad():
            tokens = encoder(batch["ids"], batch["mask"])[0]
        told = [self._told(plan[rows], tokens[rows], batch["mask"][rows]) for rows in _alike(plan)]
        hidden, wanted, kinds = (torch.cat(parts) for parts in zip(*told, strict=True))
        planner: Any = self.module
        heads = {"names": planner.rate_names, "colours": planner.to_colour, "boxes": planner.to_bin}
        total, parts = hidden.new_zeros(()), {}
        for kind, (name, head) in enumerate(heads.items()):
            own = kinds == kind
            if not bool(own.any()):
                continue
            logits = head(hidden[own])
            surprise = F.cross_entropy(logits.float(), wanted[own], reduction="sum")
            total = total + surprise
            right = logits.argmax(-1) == wanted[own]
            parts[name] = float(right.float().mean())
            if name == "boxes":
                parts[name] = float(surprise.detach() / own.sum())
        return total / len(wanted), parts

    def _told(self, plan: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read plans, int64 B S, up to their ends.

        Returns:
            what is thought at each of their M numbers, Float M D; the numbers, int64 M; and their
            kinds, int64 M: 0 a name, 1 a colour, 2 a place or size.
        """
        plan = plan[:, : int((plan >= 0).sum(1).max())]
        real = plan >= 0
        before = F.pad(plan.clamp(min=0), (1, 0))[:, :-1]
        planner: Any = self.module
        hidden = planner.think(before, tokens, mask)
        fields = torch.tensor([min(field_of(step), 2) for step in range(plan.shape[1])])
        kinds = fields.to(plan.device).expand(plan.shape)
        return hidden[real], plan[real], kinds[real]

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Draw the boxes that are planned for captions never trained on."""
        rows = [self.source(SHEET_FIRST + index)[0] for index in range(SHEET_PICTURES)]
        pictures = [_drawn(self.plan(module, caption, seed)) for seed, caption in enumerate(rows)]
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(pictures, rows, columns=4, cell=192).save(path)

    @torch.no_grad()
    def plan(self, module: nn.Module, caption: str, seed: int) -> Plan:
        """Write the plan of a caption."""
        device = next(module.parameters()).device
        tokens = self.tokenizer.encode([caption])
        ids, mask = (torch.from_numpy(x).to(device) for x in (tokens.ids, tokens.mask))
        text = self.encoder.to(device)(ids, mask)[0]

        def ask(numbers: Any) -> list[Any]:
            return [
                x.cpu().numpy() for x in module(torch.from_numpy(numbers).to(device), text, mask)
            ]

        return write(ask, self.config.names, generator(self.data.seed, seed))


def _alike(plan: Tensor) -> list[Tensor]:
    """Split the rows of a batch into the short and the long, so that little padding is computed."""
    lengths = (plan >= 0).sum(1)
    short = lengths <= SHORT
    groups = (short.nonzero()[:, 0], (~short).nonzero()[:, 0])
    return [rows for rows in groups if len(rows)]


def sized(config: PlannerConfig, names: Sequence[str], encoder: TextEncoder) -> PlannerConfig:
    """Give a config the names and the widths of the text encoder."""
    wide = encoder.config
    return replace(config, names=tuple(names), text_width=2 * wide.width, name_width=wide.pooled)


def _drawn(plan: Plan) -> Any:
    """Draw a plan as labelled boxes, uint8 192 192 3."""
    side = 192
    image = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(image)
    for item in plan:
        if item.behind:
            pen.text((2, 2), f"{item.colour or ''} {item.name}", fill="gray")
            continue
        left, top = (item.x - item.width / 2) * side, (item.y - item.height / 2) * side
        box = (left, top, left + item.width * side, top + item.height * side)
        ink = {None: "black", "white": "silver"}.get(item.colour, item.colour)
        pen.rectangle(box, outline=ink, width=2)
        pen.text((left + 3, top + 3), f"{item.colour or ''} {item.name}", fill="black")
    return np.asarray(image)


__all__ = ["PlannerData", "PlannerTask", "sized"]
