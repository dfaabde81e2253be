"""A single file -> the folder of configurations that diffusers asks for, without a network.

The numbers are those of the published architectures (widths, depths, heads), one file per family in
`configs/`. A file of another shape needs its own: a folder `NAME.config/` beside it with
`model_index.json` and each part's `config.json`, as a checkpoint's folder has them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molnar.base.errors import CheckpointError, one_line
from molnar.base.files import write_bytes
from molnar.bridge.architectures import Keys
from molnar.bridge.headers import Header, read_header, read_json
from molnar.bridge.locating import checkpoints
from molnar.bridge.recognising import INDEX, Found
from molnar.bridge.vocabulary import END, settings, tokenizer_for

CONFIGS = Path(__file__).parent / "configs"
_BASE = {
    "sd15-inpaint": "sd15",
    "instruct-pix2pix": "sd15",
    "sd2-inpaint": "sd2-base",
    "sdxl-inpaint": "sdxl",
}
_PADS = {"tokenizer": END, "tokenizer_2": "!"}  # the second of SDXL and SD3 pads so
_CONV_IN = "input_blocks.0.0.weight"


def configuration(found: Found, *, cache: Path, search: Sequence[Path] = ()) -> Path:
    """Lay out the configurations of a single file.

    Args:
        found: A file; a folder is its own configuration and is returned as it is.
        cache: A folder of molnar's own to write into; equal contents are written once.
        search: Folders with checkpoints, for the vocabulary.

    Returns:
        A folder for `from_single_file(path, config=folder, local_files_only=True)`. For a file
        with the network alone, `config=folder, subfolder="transformer"` of the network's class.

    Raises:
        CheckpointError: There is no configuration for this family or this shape, or no vocabulary.
    """
    if found.layout == "folder":
        return found.path
    own = found.path.parent / f"{found.path.stem}.config"
    if (own / INDEX).is_file():
        files, pads = _own(own), {}
    else:
        files, pads = _bundled(found), _PADS
    words: dict[str, bytes] = {}
    if found.whole:
        words = _tokenizers(found, files, pads, (own, cache, search))
    texts = {name: json.dumps(value, indent=1).encode() + b"\n" for name, value in files.items()}
    return _laid(cache / "configurations", found.family.name, {**texts, **words})


def companion(found: Found, search: Sequence[Path] = ()) -> Path:
    """Find the folder that has the other parts, for a file with the network alone.

    Returns:
        A local folder of the same family, for `from_pretrained(folder, transformer=...)`.

    Raises:
        CheckpointError: There is none; the message says what to pull.
    """
    name = found.family.name
    same = {name, name.removesuffix("-schnell")}
    near = [
        other
        for other in checkpoints([found.path.parent, *search])[0]
        if other.layout == "folder" and {other.family.name, other.family.name.split("-")[0]} & same
    ]
    # Its own family first: Flux Fill has the same other parts as Flux, and another transformer.
    for other in sorted(near, key=lambda one: one.family.name != name):
        return other.path
    raise CheckpointError(
        f"{one_line(found.path)}: holds the network of {found.family.title} alone; the other parts "
        "(text encoders, VAE) come from a folder of that family: `molnar pull` one, or put it "
        "beside the file"
    )


def _own(folder: Path) -> dict[str, dict[str, Any]]:
    names = [INDEX, *(p.relative_to(folder).as_posix() for p in sorted(folder.glob("*/*.json")))]
    return {name: read_json(folder / name) for name in names if "vocab" not in name}


def _bundled(found: Found) -> dict[str, dict[str, Any]]:
    header = read_header(found.path)
    name = _config_name(found, header)
    if not (CONFIGS / f"{name}.json").is_file():
        raise CheckpointError(
            f"{one_line(found.path)}: is {found.family.title}, whose single files have no "
            "configuration here; take it as a folder (`molnar pull`), or put its configurations "
            f"into {one_line(found.path.stem)}.config/ beside it"
        )
    files: dict[str, dict[str, Any]] = read_json(CONFIGS / f"{name}.json")
    files[INDEX] = {**files[INDEX], "_class_name": found.pipeline}
    keys = Keys(header)
    unet = files.get("unet/config.json")
    if unet:
        unet["in_channels"] = (keys.shape(_CONV_IN) or (0, 4))[1]
    if found.prediction in ("epsilon", "v_prediction"):
        files["scheduler/scheduler_config.json"]["prediction_type"] = found.prediction
    _check_width(found, files, keys)
    return files


def _config_name(found: Found, header: Header) -> str:
    name = _BASE.get(found.family.name, found.family.name)
    if name != "sd3":
        return name
    keys = Keys(header)
    if "joint_blocks.37.x_block.mlp.fc1.weight" in keys:
        return "sd35-large"
    # The table of positions: 192 x 192 places in SD 3, 384 x 384 in SD 3.5 medium.
    return "sd35-medium" if 147456 in keys.shape("pos_embed") else "sd3"


def _check_width(found: Found, files: dict[str, dict[str, Any]], keys: Keys) -> None:
    """Refuse a network of another width here: diffusers would name a hundred tensors."""
    if "unet/config.json" in files:
        expected = files["unet/config.json"]["block_out_channels"][0]
        shape = keys.shape(_CONV_IN)
    else:
        config = files["transformer/config.json"]
        expected = config["attention_head_dim"] * config["num_attention_heads"]
        shape = keys.shape("img_in.weight") or keys.shape("x_embedder.proj.weight")
    if found.layout == "file" and shape and shape[0] != expected:
        raise CheckpointError(
            f"{one_line(found.path)}: {found.family.title} of width {shape[0]}, expected "
            f"{expected}; put its configurations into {one_line(found.path.stem)}.config/ beside it"
        )


def _tokenizers(
    found: Found, files: dict[str, dict[str, Any]], pads: dict[str, str], places: Any
) -> dict[str, bytes]:
    own, cache, search = places
    out: dict[str, bytes] = {}
    for part, value in files[INDEX].items():
        if value != ["transformers", "CLIPTokenizer"]:
            continue
        where = own / part
        if not (where / "vocab.json").is_file():
            where = tokenizer_for(found.path, cache=cache, search=search)
        for name in ("vocab.json", "merges.txt"):
            out[f"{part}/{name}"] = (where / name).read_bytes()
        if f"{part}/tokenizer_config.json" not in files:
            said = settings(pads.get(part, END))
            out[f"{part}/tokenizer_config.json"] = json.dumps(said, indent=1).encode() + b"\n"
    return out


def _laid(root: Path, name: str, contents: dict[str, bytes]) -> Path:
    """Write a folder named by its contents, so that it is never changed under somebody."""
    total = hashlib.sha256()
    for path, data in sorted(contents.items()):
        total.update(f"{path} {hashlib.sha256(data).hexdigest()}\n".encode())
    folder = root / f"{name}-{total.hexdigest()[:12]}"
    for path, data in sorted(contents.items(), key=lambda item: item[0] == INDEX):
        there = folder / path
        # The index is written last: a folder that has it is whole.
        if not there.is_file() or there.read_bytes() != data:
            write_bytes(there, data, force=True)
    return folder
