"""A checkpoint in, the one that goes on after it and how large their pictures are out."""

from __future__ import annotations

from pathlib import Path

from molnar.bridge.options import Options
from molnar.bridge.recognising import INDEX, Found

SCALE = 4  # of DeepFloyd IF's second stage, each way
HANDOVER = 0.8  # of the schedule is the first model's, the rest the refiner's


def second_path(found: Found, options: Options | None = None) -> Path | None:
    """Find the checkpoint that goes on after another: the one that is named, or one beside it.

    Args:
        found: The first.
        options: They may name the second.

    Returns:
        For DeepFloyd IF also the folder `II`, or the first `IF-II-...`, next to the first's; None
        if there is no second.
    """
    if options is not None and options.refiner is not None:
        return Path(options.refiner).expanduser()
    if found.family.name != "if":
        return None
    near = found.path.resolve().parent
    places = [near / "II", *sorted(near.glob("IF-II-*"))]
    return next((place for place in places if (place / INDEX).is_file()), None)


def native_size(found: Found) -> tuple[int, int]:
    """Give the height and width that a checkpoint draws best, with what lies beside it."""
    scale = 1 if second_path(found) is None else SCALE
    return found.height * scale, found.width * scale
