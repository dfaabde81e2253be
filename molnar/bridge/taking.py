"""The files of a repository -> those that are taken: one format, one precision, no code.

Names are as diffusers and transformers look for them: a pipeline is a folder per part, in it
`model` or `diffusion_pytorch_model`, whole or in shards, with or without a variant such as `fp16`.
Source: `variant_compatible_siblings` in diffusers/pipelines/pipeline_loading_utils.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from molnar.base.errors import PullError, RequestError, one_line
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.base.words import hint

INDEX = "model_index.json"  # names the parts of a pipeline
MANIFEST = "molnar.json"  # ours; a file of this name is never taken
WEIGHTS = (".safetensors", ".gguf")
TEXTS = (".json", ".txt", ".model", ".jinja")  # configurations, vocabularies, chat templates
REFUSED = (*PICKLE_SUFFIXES, ".msgpack", ".h5", ".onnx", ".pb", ".py")
SHOWN = 8  # names in a message

# "diffusion_pytorch_model.fp16-00001-of-00002.safetensors", and the older order
# "model-00001-of-00002.fp16.safetensors".
_SHARD = r"(?:-\d{5}-of-\d{5})?"
_WEIGHTS = re.compile(
    rf"(?P<stem>model|diffusion_pytorch_model){_SHARD}(?:\.(?P<variant>\w+?))?{_SHARD}\.safetensors"
)
_INDEX = re.compile(
    r"(?P<stem>model|diffusion_pytorch_model)\.safetensors"
    r"(?:\.(?P<old>\w+))?\.index(?:\.(?P<variant>\w+))?\.json"
)
_PICKLE = re.compile(
    r"(?:pytorch_model|model|diffusion_pytorch_model|flax_model|tf_model)[\w.-]*"
    r"\.(?:bin|pt|pth|ckpt|msgpack|h5)"
)
_LEGAL = re.compile(r"(?:licen[cs]e|notice|use_policy|readme)[\w.-]*", re.I)
_UNSAFE = re.compile(r'[\x00-\x1f\\:*?"<>|]')


@dataclass(frozen=True)
class File:
    """A file of a repository, as the hub describes it.

    Args:
        path: In the repository, with forward slashes.
        bytes: Its size.
        digest: Of its content, in hex: sha256 if `large`, else the hash that git gives it.
        large: Whether it is kept outside git (LFS), as weights are.
    """

    path: str
    bytes: int
    digest: str
    large: bool


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked of a repository.

    Args:
        file: One file alone, and what tells its licence.
        only: Parts of a pipeline, e.g. ("transformer", "vae"); empty for all.
        variant: "fp16" or "full"; None takes fp16 where it is there.
    """

    file: str | None = None
    only: tuple[str, ...] = ()
    variant: str | None = None


@dataclass(frozen=True)
class Taken:
    """What is taken: the files, and which variants of weights are among them."""

    files: tuple[File, ...]
    variants: tuple[str, ...]  # "" is no variant: full precision


def take(files: Mapping[str, File], index: Mapping[str, Any] | None, wanted: Wanted) -> Taken:
    """Choose files of a repository.

    Args:
        files: All of them, by path.
        index: What its `model_index.json` says; None if it has none.
        wanted: What was asked.

    Raises:
        RequestError: A file or a part was asked for that is not there, or several could be meant.
        PullError: The repository needs code of its own, or holds pickles alone.

    Example:
        >>> files = {n: File(n, 1, "", True) for n in ("a.safetensors", "a.ckpt", "b.png")}
        >>> [file.path for file in take(files, None, Wanted()).files]
        ['a.safetensors']
    """
    if wanted.file is not None:
        if wanted.only:
            raise RequestError("one file was named and --only given; expected one of the two")
        return Taken(_checked(_one(files, wanted.file)), ())
    if index is not None:
        _refuse_code(files, index)
        return _pipeline(files, index, wanted)
    if wanted.only:
        raise RequestError(f"--only names parts of a pipeline; this has none ({INDEX} is missing)")
    return _plain(files, wanted)


def _one(files: Mapping[str, File], name: str) -> list[File]:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in REFUSED:
        raise PullError(
            f"{name!r} may run code when it is opened; expected {' or '.join(WEIGHTS)}: "
            "ask its author for one, or convert it where it can do no harm"
        )
    if name not in files:
        raise RequestError(f"no file {name!r} there{hint(name, files)}")
    if suffix not in (*WEIGHTS, *TEXTS):
        raise RequestError(f"{name!r} is no model; expected {' or '.join(WEIGHTS)}")
    beside = str(PurePosixPath(name).parent / "config.json")
    found = {name: files[name]} | ({beside: files[beside]} if beside in files else {})
    return [*found.values(), *(file for file in _legal(files) if file.path not in found)]


def _legal(files: Mapping[str, File]) -> list[File]:
    """The files that tell what a model is and what may be done with it."""
    return [
        f
        for f in files.values()
        if "/" not in f.path and _LEGAL.fullmatch(f.path) and not f.path.lower().endswith(REFUSED)
    ]


def _refuse_code(files: Mapping[str, File], index: Mapping[str, Any]) -> None:
    name = index.get("_class_name")
    if isinstance(name, list):
        raise PullError(
            f"this pipeline is code of its own ({one_line(name[0], 60)}.py), which molnar never "
            "runs; expected one of diffusers' own"
        )
    for part, what in index.items():
        if isinstance(what, list) and what and f"{part}/{what[0]}.py" in files:
            raise PullError(
                f"its part {part} is code of its own ({part}/{what[0]}.py), which molnar never "
                "runs; expected one of diffusers' own"
            )


def parts_of(index: Mapping[str, Any]) -> list[str]:
    """Name the parts of a pipeline that have a folder."""
    return [
        part
        for part, what in index.items()
        if isinstance(what, list) and not part.startswith("_") and what and what[0] is not None
    ]


def _pipeline(files: Mapping[str, File], index: Mapping[str, Any], wanted: Wanted) -> Taken:
    parts = parts_of(index)
    for part in wanted.only:
        if part not in parts:
            raise RequestError(f"no part {part!r}; this has {', '.join(parts)}")
    chosen = [files[INDEX], *_legal(files)]
    variants: set[str] = set()
    for part in wanted.only or parts:
        inside = [file for path, file in files.items() if path.startswith(f"{part}/")]
        weights, variant = _weights(inside, part, wanted.variant)
        chosen += [f for f in inside if f.path.endswith(TEXTS) and not _of_weights(f)] + weights
        variants |= {variant} if weights else set()
    return Taken(_checked(chosen), tuple(sorted(variants)))


def _plain(files: Mapping[str, File], wanted: Wanted) -> Taken:
    """A repository that is no pipeline: one part by itself, or one file."""
    root = [file for path, file in files.items() if "/" not in path]
    weights, variant = _weights(root, "", wanted.variant)
    if not weights:
        weights, variant = [f for f in files.values() if f.path.lower().endswith(WEIGHTS)], ""
        if not weights:
            pickles = [path for path in files if path.lower().endswith(REFUSED)]
            raise PullError(_only_pickles(pickles) if pickles else "there are no weights in it")
        if len(weights) > 1:
            raise RequestError(
                f"it holds {len(weights)} models: {_names(f.path for f in weights)}; "
                "say which, as org/name:FILE"
            )
        return Taken(_checked(_one(files, weights[0].path)), ())
    texts = [f for f in root if f.path.endswith(TEXTS) and not _of_weights(f)]
    return Taken(_checked([*texts, *weights, *_legal(files)]), (variant,))


def _of_weights(file: File) -> bool:
    """Tell whether a text is the table of contents of shards."""
    return _INDEX.fullmatch(PurePosixPath(file.path).name) is not None


def _weights(inside: list[File], part: str, asked: str | None) -> tuple[list[File], str]:
    """Choose the weights of one part, and the table of their shards: one variant of one stem."""
    found: dict[tuple[str, str], list[File]] = {}
    tables: dict[tuple[str, str], list[File]] = {}
    for file in inside:
        folder, _, name = file.path.rpartition("/")
        if folder != part:
            continue
        if match := _WEIGHTS.fullmatch(name):
            found.setdefault((match["stem"], match["variant"] or ""), []).append(file)
        elif match := _INDEX.fullmatch(name):
            key = (match["stem"], match["variant"] or match["old"] or "")
            tables.setdefault(key, []).append(file)
    if not found:
        pickles = [f.path for f in inside if _PICKLE.fullmatch(PurePosixPath(f.path).name)]
        if pickles and part:
            raise PullError(_only_pickles(pickles))
        return [], ""
    order = ["", "fp32", "bf16", "fp16"] if asked == "full" else ["fp16", "", "bf16"]
    key = min(found, key=lambda k: (order.index(k[1]) if k[1] in order else len(order), k))
    return [*found[key], *tables.get(key, [])], key[1]


def _only_pickles(pickles: list[str]) -> str:
    return (
        f"its weights are pickles alone ({_names(pickles)}), which may run code when opened; "
        "expected .safetensors: look for another revision, or a conversion of it"
    )


def _names(paths: Iterable[str]) -> str:
    listed = sorted(paths)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return one_line(", ".join(listed[:SHOWN]), 300) + more


def _checked(chosen: Iterable[File]) -> tuple[File, ...]:
    """Leave out doubles and our own manifest; refuse names that lead out of the folder."""
    once = {file.path: file for file in chosen if file.path != MANIFEST}
    for path in once:
        steps = path.split("/")
        if _UNSAFE.search(path) or any(step.strip(" .") == "" for step in steps):
            raise PullError(f"it names a file {one_line(repr(path), 100)}, which is no plain path")
    return tuple(sorted(once.values(), key=lambda file: file.path))
