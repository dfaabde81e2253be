"""The families of public checkpoints: which classes draw, how, and what they cannot.

Steps, guidance and size are those of each pipeline's own documented example or defaults (diffusers
0.42.1), so that a person who says nothing gets what the makers meant. The rows are in
`molnar/bridge/family_table.py`.
"""

from __future__ import annotations

import re

from molnar.bridge.family import Family
from molnar.bridge.family_table import FAMILIES

# A picture is one still, drawn; these words in a class's name say that it makes something else.
_NO_PICTURE = re.compile(
    r"Video|Audio|Music|Animat|ShapE|Helios|AnyFlow|Wan(?!d)|LTX|Mochi|Allegro|Latte|Skyreels|"
    r"Cosmos(?!2TextToImage)|Upsampler|Marigold|I2V|T2V|V2V"
)


def family_of(class_name: str) -> Family | None:
    """Find the family of a pipeline's class; one is made from the name where the table has none.

    Args:
        class_name: As `model_index.json` says it in `_class_name`.

    Returns:
        The row; a general family (`known` False) for another picture pipeline; None for what makes
        no picture: video, sound, shapes, or no pipeline at all.

    Example:
        >>> family_of("BrandNewPipeline").name, family_of("LTXPipeline")
        ('brandnew', None)
    """
    for family in FAMILIES:
        if class_name in family.classes:
            return family
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,80}Pipeline", class_name):
        return None
    if _NO_PICTURE.search(class_name):
        return None
    stem = class_name.removesuffix("Pipeline")
    tasks = [
        ("Inpaint(ing)?", "inpaint"),
        ("Img2Img|ImageToImage|Edit", "image"),
        ("Upscale|SuperResolution", "upscale"),
    ]
    task = next((name for pattern, name in tasks if re.search(pattern, stem)), "text")
    return Family(
        name=stem.lower(),
        title=" ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", stem)),
        design="unknown to molnar: drawn as its pipeline does by itself",
        pipelines={task: class_name},
        height=1024,
        width=1024,
        multiple=16,
        known=False,
    )


def family_named(name: str) -> Family:
    """Return a row by its short name.

    Raises:
        KeyError: There is none.

    Example:
        >>> family_named("sdxl").height
        1024
    """
    return {family.name: family for family in FAMILIES}[name]
