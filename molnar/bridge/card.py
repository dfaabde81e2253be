"""A manifest in, the model card of an exported folder out: what it is, how to draw, whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molnar.bundle import Manifest

CARD = """\
---
license: {lower}
library_name: diffusers
pipeline_tag: text-to-image
language: [{languages}]
tags: [text-to-image, diffusion, flow-matching, molnar]
---

# {name}

A text-to-image model made with molnar: a small model for stickers, shapes and simple scenes, with
opaque or transparent backgrounds. Version {version}, model hash `{hash}`. Weights are
safetensors in {weights}, computed in float32; the folder has {size:.0f} MB.

```python
from diffusers import DiffusionPipeline
import torch

pipe = DiffusionPipeline.from_pretrained(
    "path/to/this/folder", custom_pipeline="path/to/this/folder", trust_remote_code=True
)
picture = pipe("a red circle", generator=torch.Generator().manual_seed(7)).images[0]
picture.save("circle.png")
pipe("a dog face", transparent=True).images[0].save("dog.png")
```

`trust_remote_code` runs the Python files of this folder; read them first: `pipeline.py` is the
whole path, and each part's own file lies beside its weights. They need torch, diffusers,
transformers, safetensors and numpy; molnar need not be installed.

| what | default |
|---|---|
| `num_inference_steps` | {steps} |
| `guidance_scale` | {guidance:g} |
| `height`, `width` | {height}, {width}; shapes it was taught: {aspects} |

A `torch.Generator` that was seeded with s and not used before draws what `molnar --seed s` draws.
Prompts are plain words; the weights and alternations of molnar's prompt language are not read here.

## Licence

{licence}. Trained from:

| source | licence |
|---|---|
{sources}

Pictures made with it are made by a machine; say so where that matters to those who see them.
"""


def card_of(manifest: Manifest, weights: str, size: int) -> str:
    """Write the card.

    Args:
        manifest: Of the bundle.
        weights: How the numbers are stored.
        size: Bytes of everything else in the folder.
    """
    defaults = manifest.defaults
    return CARD.format(
        licence=manifest.licence,
        lower=manifest.licence.lower(),
        languages=", ".join(manifest.languages),
        name=manifest.name,
        version=manifest.version,
        hash=manifest.hash[:12],
        weights=weights,
        size=size / 1e6,
        steps=defaults.steps,
        guidance=defaults.guidance,
        height=defaults.height,
        width=defaults.width,
        aspects=", ".join(manifest.aspects),
        sources="\n".join(map(_row, manifest.data)) or "| not said | - |",
    )


def _row(source: Mapping[str, Any]) -> str:
    return f"| {source.get('source', '?')} | {source.get('licence', '?')} |"
