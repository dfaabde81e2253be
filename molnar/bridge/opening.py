"""A recognised checkpoint on disk in, one that draws out: loaded by diffusers, and never online."""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molnar.base.errors import CheckpointError, MissingExtraError, MolnarError, one_line
from molnar.bridge.company import company_of
from molnar.bridge.computing import Computing
from molnar.bridge.configuring import companion, configuration
from molnar.bridge.fitting import Fit, fitted
from molnar.bridge.hashing import checkpoint_hash
from molnar.bridge.headers import read_json
from molnar.bridge.options import Options
from molnar.bridge.recognising import INDEX
from molnar.bridge.tiny_places import tiny_path

if TYPE_CHECKING:
    from molnar.bridge.drawing import Checkpoint
    from molnar.bridge.recognising import Found
    from molnar.bridge.staging import Second

_LOG = logging.getLogger(__name__)
# What is never loaded: networks that judge or mark what was drawn. molnar marks its own pictures.
NEVER = {
    "safety_checker": None,
    "requires_safety_checker": False,
    "watermarker": None,
    "add_watermarker": False,
    "feature_extractor": None,
    "image_encoder": None,
}


def open_checkpoint(
    found: Found,
    options: Options | None = None,
    *,
    config: Path | None = None,
    cache: Path | None = None,
    search: Sequence[Path] = (),
    adapters: Sequence[Path] = (),
) -> Checkpoint:
    """Load a checkpoint; nothing is asked of the network.

    Args:
        found: What was recognised, from `recognise`.
        options: How it is to be computed.
        config: For a single file: a folder with the configurations of its family. For GGUF: a
            folder that holds the rest of the pipeline. None = what is bundled, or lies near.
        cache: A folder for what is computed once: hashes, configurations laid out.
        search: Folders with other checkpoints, for what a file lacks, and for tiny decoders.
        adapters: Folders of LoRAs and embeddings that prompts may name.

    Raises:
        CheckpointError: It cannot be loaded.
        RequestError: There is no such device or dtype here, or no such tiny decoder.
        MissingExtraError: diffusers is not installed.
    """
    options = options or Options()
    _installed(found)
    fit = fitted(found, options, company=company_of(found, options))
    cache = cache or default_cache()
    tiny = tiny_path(found, options.preview, search)
    with _explained(found):
        computing, second = _live(found, options, fit, (config, cache, search))
    if tiny is not None:
        computing.decoder = _tiny(tiny, computing.pipe, fit, sure=options.preview is not None)
    numbers = fit.dtype if fit.storage == fit.dtype else f"{fit.dtype} of {fit.storage}"
    engine = f"diffusers {_diffusers().__version__} {fit.device} {numbers}"
    hashed = _hashed(found, cache)
    if second is not None:
        engine += f", then {second.found.name}"
        hashed = _both(hashed, _hashed(second.found, cache))
    near = (*adapters, found.path.parent / "loras", found.path.parent / "embeddings")
    from molnar.bridge.drawing import Checkpoint

    checkpoint = Checkpoint(computing, found, engine=engine, hashed=hashed, adapters=near)
    checkpoint.second, checkpoint.marks.cache = second, cache
    return checkpoint


def _needs(found: Found) -> set[str]:
    """Name the packages that read a checkpoint, besides those of molnar[hub]."""
    needs = set(found.family.needs)
    if found.layout == "gguf":
        needs.add("gguf")
    # A vocabulary as T5 and Llama were first published, without what is read faster.
    words = found.path.glob("*tokenizer*/*.model") if found.layout == "folder" else ()
    if any(not (one.parent / "tokenizer.json").is_file() for one in words):
        needs.add("sentencepiece")
    return needs


def _live(
    found: Found,
    options: Options,
    fit: Fit,
    where: tuple[Path | None, Path, Sequence[Path]],
) -> tuple[Computing, Second | None]:
    """Load a checkpoint and what goes on with its pictures, and put both where they compute."""
    config, cache, search = where

    def load(other: Found, without: Mapping[str, Any]) -> Any:
        with _ahead(other, fit) as weights:
            diffusers = _diffusers()
            own = config if other is found else None
            own = own or _configured(other, cache, search)
            given = {**without, **_networks(diffusers, other.path, weights)}
            return _opened(diffusers, other, own, fit, given)

    from molnar.bridge.staging import open_second

    pipe = load(found, {})
    pipe.set_progress_bar_config(disable=True)
    if options.vae is not None:
        from molnar.bridge.tiny import open_vae

        pipe.register_modules(vae=open_vae(Path(options.vae), like=pipe.vae))
    second = open_second(found, options, pipe, load)
    computing = Computing(pipe, found, options, fit)
    computing.begin()
    if second is not None:
        Computing(second.pipe, second.found, options, fit).begin()
    return computing, second


def _tiny(path: Path, pipe: Any, fit: Fit, sure: bool) -> Any:
    """Open a tiny decoder; one that was only found is passed over if it is none."""
    from molnar.bridge.tiny import TinyDecoder

    vae = getattr(pipe, "vae", None)
    try:
        decoder = TinyDecoder.open(path, None if vae is None else vae.config.get("latent_channels"))
    except MolnarError as error:
        if sure:
            raise
        _LOG.warning("previews without a tiny decoder: %s", error)
        return None
    decoder.network.to(fit.device)
    return decoder


@contextmanager
def _explained(found: Found) -> Iterator[None]:
    """Turn what libraries say of a broken checkpoint into one line that says what to do."""
    try:
        yield
    except MolnarError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{one_line(found.path)} looks like {found.family.title} and cannot be opened "
            f"({one_line(error, 120)}); expected a complete checkpoint: fetch it again"
        ) from error


def default_cache() -> Path:
    """Give the folder for what is computed once, where nobody names another."""
    home = os.environ.get("MOLNAR_HOME")
    return Path(home) / "cache" if home else Path.home() / ".cache" / "molnar"


def _installed(found: Found) -> None:
    for name in ("torch", "diffusers", "transformers"):
        if find_spec(name) is None:
            raise MissingExtraError(name, "hub")
    for name in _needs(found):
        if find_spec(name) is None:
            raise CheckpointError(
                f"{found.family.title} is read with the package {name}, which is not installed; "
                f"expected it: pip install {name}"
            )


def _diffusers() -> Any:
    """Import diffusers where it can ask nothing of any network."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    try:
        import diffusers
        import transformers
    except ImportError as error:
        raise MissingExtraError(error.name or "diffusers", "hub") from error
    diffusers.utils.logging.set_verbosity_error()  # what they warn of, molnar says in its own words
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
    return diffusers


def _configured(found: Found, cache: Path, search: Sequence[Path]) -> Path | None:
    """Find the configurations of a file, or for a network alone what goes with it."""
    if found.layout == "folder":
        return None
    own = configuration(found, cache=cache, search=search) if found.whole else None
    return own or companion(found, search)


def _opened(
    diffusers: Any,
    found: Found,
    config: Path | None,
    fit: Fit,
    given: Mapping[str, Any],
) -> Any:
    """Load a pipeline, all of it but what is given: parts that are there, or None for no part."""
    kind = getattr(diffusers, found.pipeline)
    takes = inspect.signature(kind.__init__).parameters
    without = {name: value for name, value in {**NEVER, **given}.items() if name in takes}
    dtype = getattr(import_module("torch"), fit.dtype)
    offline = {"local_files_only": True, "dtype": dtype}
    if found.layout == "folder":
        _known(diffusers, found.path)
        told = {**offline, **without, "variant": found.variant, "use_safetensors": True}
        return kind.from_pretrained(str(found.path), **told)
    assert config is not None
    if not found.whole:
        return _joined(diffusers, kind, found, config, {**offline, **without})
    return kind.from_single_file(str(found.path), config=str(config), **offline, **without)


@contextmanager
def _ahead(found: Found, fit: Fit) -> Iterator[dict[str, Future[Any]]]:
    """Read the large networks straight into 16 bits, while diffusers is imported.

    They are never whole in memory. Gives, by the name of the part, what is being read.
    """
    reading: dict[str, Future[Any]] = {}
    pool = ThreadPoolExecutor(1, thread_name_prefix="molnar-read")
    if (
        found.layout == "folder"
        and fit.storage != fit.dtype
        and found.variant is None
        and found.dtype == "F32"
    ):
        from molnar.bridge.fast.loading import weights

        index = read_json(found.path / INDEX)
        for name in ("unet", "transformer", "vae"):
            if (index.get(name) or [None])[0] == "diffusers":
                reading[name] = pool.submit(weights, found.path / name)
    try:
        yield reading
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _networks(diffusers: Any, folder: Path, weights: dict[str, Future[Any]]) -> dict[str, Any]:
    """Make the networks whose weights were read ahead."""
    from molnar.bridge.fast.loading import read

    networks = {}
    for name, reading in weights.items():
        kind = getattr(diffusers, read_json(folder / INDEX)[name][1], None)
        if kind is not None:
            networks[name] = read(kind, folder / name, reading.result())
    return networks


def _known(diffusers: Any, folder: Path) -> None:
    """Let diffusers find its own older parts, which 0.42 moved to where checkpoints do not say.

    Source: `_get_library_or_raise` in diffusers/pipelines/pipeline_loading_utils.py.
    """
    index = read_json(folder / INDEX)
    for value in index.values():
        library = value[0] if isinstance(value, list) and value else None
        if not isinstance(library, str) or not library.isidentifier():
            continue
        moved = f"diffusers.pipelines.deprecated.{library}"
        if not hasattr(diffusers.pipelines, library) and find_spec(moved):
            setattr(diffusers.pipelines, library, import_module(moved))


def _joined(diffusers: Any, kind: Any, found: Found, rest: Path, told: dict[str, Any]) -> Any:
    """Load the network from a file, GGUF or not, and all other parts from a folder."""
    index = diffusers.DiffusionPipeline.load_config(str(rest), local_files_only=True)
    network = getattr(diffusers, index["transformer"][1])
    how: dict[str, Any] = {"dtype": told["dtype"], "local_files_only": True}
    if found.layout == "gguf":
        how["quantization_config"] = diffusers.GGUFQuantizationConfig(compute_dtype=told["dtype"])
    transformer = network.from_single_file(
        str(found.path), config=str(rest), subfolder="transformer", **how
    )
    return kind.from_pretrained(str(rest), transformer=transformer, use_safetensors=True, **told)


def _hashed(found: Found, cache: Path | None) -> Callable[[], str]:
    """Take a checkpoint's hash while it draws; whoever asks for it waits."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="molnar-hash")
    future = pool.submit(checkpoint_hash, found, cache)
    pool.shutdown(wait=False)
    return future.result


def _both(first: Callable[[], str], second: Callable[[], str]) -> Callable[[], str]:
    """Hash two checkpoints that draw one picture."""
    return lambda: hashlib.sha256(f"{first()} {second()}".encode()).hexdigest()
