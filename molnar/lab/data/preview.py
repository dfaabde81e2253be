"""Samples -> one captioned contact sheet, and figures about a data set."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from molnar.base.images import contact_sheet, unpremultiply
from molnar.lab.data.heldout import reasons
from molnar.lab.data.spec import Sample
from molnar.lab.data.world import World


def sheet(samples: Iterable[Sample], columns: int = 6, cell: int = 192) -> Image.Image:
    """Lay samples out with their captions below.

    Args:
        samples: what to show, in order.
        columns: pictures in a row.
        cell: side of a picture in pixels.
    """
    rows = list(samples)
    images = [unpremultiply(sample.image) for sample in rows]
    return contact_sheet(images, [sample.caption for sample in rows], columns=columns, cell=cell)


@dataclass(frozen=True, slots=True)
class WorldFigures:
    """What a world draws, measured."""

    kinds: dict[str, int]  # samples of each kind
    captions: int  # different captions
    words: int  # different words
    held_out: int  # samples that are held out
    scenes_per_s: float  # captioned, rendered, with masks, on one core


def measure(world: World, count: int) -> WorldFigures:
    """Draw `count` samples and count what they hold."""
    start = time.process_time()
    samples = [world.sample(index) for index in range(count)]
    elapsed = time.process_time() - start
    specs = [sample.spec for sample in samples if sample.spec is not None]
    captions = {sample.caption for sample in samples}
    return WorldFigures(
        kinds=dict(Counter(spec.kind for spec in specs).most_common()),
        captions=len(captions),
        words=len({word for caption in captions for word in caption.lower().split()}),
        held_out=sum(bool(reasons(spec)) for spec in specs),
        scenes_per_s=count / max(elapsed, 1e-9),
    )
