"""A name or path, and `--set` texts -> a recipe: all that a training run of any part is told.

Built-in recipes are functions of the package (`builtin.py`), so that `--recipe sticker_cpu` works
where only the wheel is installed; `recipes/*.py` in the repository document each and are what one
copies to begin a recipe of one's own. A recipe file is any Python file with a function
`recipe() -> Recipe`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from molnar.base.config import override
from molnar.base.errors import ConfigError
from molnar.base.words import hint
from molnar.clip.model import CLIPConfig
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import WorldConfig
from molnar.lab.train.clip import ClipData
from molnar.lab.train.diffusion import DiffusionData
from molnar.lab.train.settings import TrainSettings
from molnar.lab.train.text import TextTaskConfig
from molnar.lab.train.upscaler import UpscalerData
from molnar.lab.train.vae import VaeData
from molnar.lab.train.workspace import PARTS
from molnar.latent.autoencoder import AutoencoderConfig
from molnar.text.embeddings import TextEncoderConfig
from molnar.upscale.upscaler import UpscalerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawings:
    """Which drawings of a sticker pack are used, and who draws."""

    concepts: Literal["common", "all"] = "common"  # few first: on CPU they are learned, not smeared
    styles: tuple[str, ...] | None = None  # None = all
    sprite_px: int = 160  # side of the cached sprites
    workers: int = 0  # processes that draw; 0 = the data thread alone
    on_device: bool = False  # compose pictures on the GPU (render_torch), for diffusion


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerPart:
    """How the vocabulary is made (in seconds, in closed form)."""

    vocab_size: int = 8192  # ids in all
    length: int = 32  # ids per text


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPart:
    """How the text encoder is trained. Its vocabulary and length are the tokenizer's."""

    train: TrainSettings
    model: TextEncoderConfig = field(default_factory=lambda: TextEncoderConfig(vocab_size=8192))
    data: TextTaskConfig = field(default_factory=TextTaskConfig)
    num_captions: int = 12_000  # captions in the corpus
    teacher: bool = True  # distil from the public sentence encoder, if it is installed


@dataclass(frozen=True, kw_only=True, slots=True)
class VaePart:
    """How the autoencoder is trained."""

    train: TrainSettings
    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    data: VaeData = field(default_factory=VaeData)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffusionPart:
    """How the velocity network is trained. Widths where parts meet are those of the parts."""

    train: TrainSettings
    model: UNetConfig | TransformerConfig = field(default_factory=UNetConfig)
    data: DiffusionData = field(default_factory=DiffusionData)


@dataclass(frozen=True, kw_only=True, slots=True)
class UpscalerPart:
    """How the upscaler is trained."""

    train: TrainSettings
    model: UpscalerConfig = field(default_factory=UpscalerConfig)
    data: UpscalerData = field(default_factory=UpscalerData)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipPart:
    """How the CLIP is trained."""

    train: TrainSettings
    model: CLIPConfig = field(default_factory=CLIPConfig)
    data: ClipData = field(default_factory=ClipData)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One chain of training runs, from the tokenizer to the upscaler.

    Example:
        >>> load_recipe("sticker_test", ["diffusion.train.lr=2e-3"]).diffusion.train.lr
        0.002
    """

    name: str
    text: TextPart
    vae: VaePart
    diffusion: DiffusionPart
    upscaler: UpscalerPart
    clip: ClipPart
    tokenizer: TokenizerPart = field(default_factory=TokenizerPart)
    world: WorldConfig = field(default_factory=WorldConfig)
    drawings: Drawings = field(default_factory=Drawings)

    def settings(self, part: str) -> TrainSettings:
        """Give the training settings of a part that has some (all but the tokenizer)."""
        found = getattr(self, part).train
        assert isinstance(found, TrainSettings)
        return found

    def with_settings(self, part: str, settings: TrainSettings) -> Recipe:
        """Give this recipe with other training settings for one part."""
        changed = dataclasses.replace(getattr(self, part), train=settings)
        return dataclasses.replace(self, **{part: changed})


def load_recipe(name: str, assignments: Sequence[str] = (), *, part: str | None = None) -> Recipe:
    """Find a recipe and change what the command line asks to.

    Args:
        name: A built-in name, or the path of a Python file.
        assignments: Texts like "diffusion.train.lr=2e-4".
        part: The part that is trained; "train.lr=2e-4" then means "<part>.train.lr=2e-4".

    Raises:
        ConfigError: no such recipe, no such key, or a value of the wrong type.
    """
    from molnar.lab.train.builtin import BUILTIN

    if name in BUILTIN:
        recipe = BUILTIN[name]()
    elif name.endswith(".py"):
        recipe = read_recipe(Path(name))
    else:
        raise ConfigError(
            f"no recipe {name!r}{hint(name, BUILTIN)}; expected {', '.join(BUILTIN)} or a .py file"
        )
    known = {f.name for f in dataclasses.fields(Recipe)}
    full = [
        f"{part}.{text}" if part in PARTS and text.partition(".")[0] not in known else text
        for text in assignments
    ]
    return override(recipe, full)


def read_recipe(path: Path) -> Recipe:
    """Run a recipe file and call its `recipe()`.

    Raises:
        ConfigError: the file is missing, fails, or has no such function.
    """
    spec = importlib.util.spec_from_file_location(f"molnar_recipe_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{path}: no such recipe file; give a Python file with recipe()")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        recipe = module.recipe()
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}; fix the recipe") from error
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"{path}: recipe() gave a {type(recipe).__name__}; it must give a Recipe")
    return recipe
