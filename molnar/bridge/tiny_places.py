"""A checkpoint in, where the tiny decoder for its previews lies out: named, or found by its name.

The names are those under which they are published (https://github.com/madebyollin/taesd, MIT).
Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from molnar.base.errors import RequestError, one_line
from molnar.bridge.recognising import Found

# By the latents that they decode: families that share a VAE share them.
NAMES: Mapping[str, tuple[str, ...]] = {
    "taesd": ("sd15", "sd15-inpaint", "sd2", "sd2-base", "sd2-inpaint", "instruct-pix2pix", "lcm",
              "pixart-alpha"),
    "taesdxl": ("sdxl", "sdxl-inpaint", "sdxl-refiner", "kolors", "pixart-sigma", "auraflow",
                "hunyuandit"),
    "taesd3": ("sd3",),
    "taef1": ("flux", "flux-schnell", "flux-fill", "flux-kontext", "chroma", "lumina2", "zimage",
              "hidream"),
}  # fmt: skip
FOLDERS = ("", "vae_approx", "VAE-approx")  # beside checkpoints, and one level up
CONFIG = "config.json"


def tiny_path(found: Found, named: str | None = None, search: Sequence[Path] = ()) -> Path | None:
    """Find the tiny decoder of a checkpoint.

    Args:
        found: The checkpoint.
        named: A path, or another name than the published one.
        search: Folders with models; it lies in one of them, in a folder below (`org/taesd`), or
            beside the checkpoint.

    Returns:
        A folder of diffusers, or a file; None: none was named, and there is none.

    Raises:
        RequestError: There is none of the name.
    """
    own = next((name for name, families in NAMES.items() if found.family.name in families), None)
    name = own if named is None else named
    if named is not None and (there := _model(Path(named).expanduser())):
        return there
    if name is None:
        return None
    path = next((path for place in _places(found, search) if (path := _called(place, name))), None)
    if path is None and named is not None:
        raise RequestError(
            f"there is no tiny decoder {one_line(named)}; expected a folder with an "
            f"AutoencoderTiny, or a file such as {own or 'taesd'}_decoder.safetensors"
        )
    return path


def _places(found: Found, search: Sequence[Path]) -> Iterator[Path]:
    near = found.path.absolute().parent
    yield from (parent / name for parent in (near, near.parent) for name in FOLDERS)
    for parent in search:
        yield from (parent / name for name in FOLDERS)
        if parent.is_dir():
            yield from sorted(path for path in parent.iterdir() if path.is_dir())


def _called(place: Path, name: str) -> Path | None:
    ways = (name, f"{name}_decoder.safetensors", f"{name}.safetensors")
    return next((path for way in ways if (path := _model(place / way))), None)


def _model(path: Path) -> Path | None:
    """Give the path if a model lies there: a folder with its configuration, or a file."""
    return path if (path / CONFIG).is_file() or path.is_file() else None
