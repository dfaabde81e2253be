"""Draw the README's grid: the prompts below, seeds 0 to 3, nothing chosen.

python benchmarks/grid.py [--model sticker] [--output docs/pictures/grid.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import molnar
from molnar.base.images import contact_sheet

PROMPTS = (
    "a red circle on a blue background",
    "a green triangle",
    "three purple stars",
    "a yellow square to the left of a black circle",
    "a dog face",
    "a pizza",
    "a smiling face with sunglasses on a pink background",
    "a red heart with a transparent background",
)
SEEDS = 4


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures/grid.png"))
    options = parser.parse_args()

    pipeline = molnar.load(options.model)
    pictures, captions = [], []
    for prompt in PROMPTS:
        for picture in pipeline(molnar.Request(prompt=prompt, seed=0, count=SEEDS)):
            pictures.append(picture.image)
            captions.append(prompt)
    sheet = contact_sheet(pictures, captions, columns=2 * SEEDS, cell=128)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.convert("P", palette=1, colors=128).save(options.output, optimize=True)
    print(options.output)


if __name__ == "__main__":
    main()
