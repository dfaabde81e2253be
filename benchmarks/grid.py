"""Draw the README's grid: the 24 prompts below, seed 0 of each, nothing chosen.

python benchmarks/grid.py [--model sticker] [--output docs/pictures/grid.png]
"""

from __future__ import annotations

import argparse
import unicodedata
from pathlib import Path

import molnar
from molnar.base.images import contact_sheet

PROMPTS = (
    "a dog wearing a beret",
    "a dog sitting at a bar",
    "a dog dancing in a kitchen",
    "a drawing after Molnár: a disordered grid of square outlines",
    "a red circle to the left of a blue square",
    "a green triangle above a yellow star",
    "three purple hearts on a white background",
    "an orange cross and a cyan hexagon on a black background",
    "a pink heart inside a black square",
    "five blue stars on a yellow background",
    "a cat face",
    "a panda wearing sunglasses",
    "a fox in the snow",
    "a robot on a beach",
    "a penguin wearing a top hat",
    "a pizza on a green background",
    "a strawberry with a transparent background",
    "a rocket in the night sky",
    "a house and a sunflower",
    "two ghosts on a purple background",
    "a frog wearing a crown",
    "a smiling face with sunglasses on a pink background",
    "a small red apple",
    "a pooch in a forest",
)
COLUMNS = 6


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures/grid.png"))
    options = parser.parse_args()

    pipeline = molnar.load(options.model)
    pictures, captions = [], []
    for prompt in PROMPTS:
        # the font of the captions has no accents
        [picture] = pipeline(molnar.Request(prompt=prompt, seed=0))
        pictures.append(picture.image)
        captions.append(unicodedata.normalize("NFD", prompt).encode("ascii", "ignore").decode())
    sheet = contact_sheet(pictures, captions, columns=COLUMNS, cell=192)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.convert("P", palette=1, colors=128).save(options.output, optimize=True)
    print(options.output)


if __name__ == "__main__":
    main()
