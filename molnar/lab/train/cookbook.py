"""A name or path, and `--set` texts -> a recipe.

Built-in recipes are functions of the package (`builtin.py`), so that `--recipe sticker_cpu` works
where only the wheel is installed; `recipes/*.py` in the repository document each and are what one
copies to begin a recipe of one's own. A recipe file is any Python file with a function
`recipe() -> Recipe`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from molnar.base.config import override
from molnar.base.errors import ConfigError
from molnar.base.words import hint
from molnar.lab.train.builtin import BUILTIN
from molnar.lab.train.recipe import Recipe
from molnar.lab.train.workspace import PARTS


def load_recipe(name: str, assignments: Sequence[str] = (), *, part: str | None = None) -> Recipe:
    """Find a recipe and change what the command line asks to.

    Args:
        name: A built-in name, or the path of a Python file.
        assignments: Texts like "diffusion.train.lr=2e-4".
        part: The part that is trained; "train.lr=2e-4" then means "<part>.train.lr=2e-4".

    Raises:
        ConfigError: no such recipe, no such key, or a value of the wrong type.
    """
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
