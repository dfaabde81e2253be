"""A path -> what checkpoint lies there, from names, headers and configurations alone.

Nothing is imported that computes, and no weights are read, so a hundred checkpoints are listed in
the time one takes to open. Whatever cannot be opened is refused here, in one line, by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from molnar.base.errors import CheckpointError, one_line
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.bridge import architectures
from molnar.bridge.families import family_named, family_of
from molnar.bridge.family import SAID_BY_CHECKPOINT, Family
from molnar.bridge.headers import Header, read_header, read_json

INDEX = "model_index.json"
_STEMS = ("diffusion_pytorch_model", "model")
_WEIGHTLESS = re.compile(
    r"Scheduler|Token|Processor|FeatureExtractor|Watermark|BlurMethod|Guidance$"
)
_OPTIONAL = ("safety_checker", "feature_extractor", "watermarker", "image_encoder")
_MOST_CARD_BYTES = 20_000  # of README.md: its front matter is at the top


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint that can be opened, and what is known of it without opening it."""

    path: Path
    layout: str  # "folder", "file" or "gguf"
    family: Family
    pipeline: str  # class of diffusers
    weights: tuple[Path, ...]
    bytes: int  # of the weights
    dtype: str  # of most bytes: "F16", "F32", "BF16", "Q4_K", ...
    licence: str
    variant: str | None = None  # "fp16": the weights that the folder has are so named
    prediction: str | None = None  # "epsilon", "v_prediction", "flow"; None = its scheduler says
    inpaints: bool = False  # the network takes a mask: 9 channels in
    parts: frozenset[str] = frozenset()  # of a file: "network", "vae", "text"
    title: str = ""
    steps: int = 50
    guidance: float = 7.5
    height: int = 512
    width: int = 512

    @property
    def name(self) -> str:
        """What it is called: the folder's name, or the file's without its ending."""
        return self.path.name if self.layout == "folder" else self.path.stem

    @property
    def whole(self) -> bool:
        """Whether every part of the pipeline is there, not the network alone."""
        return self.layout == "folder" or self.parts >= {"network", "vae", "text"}


def recognise(path: Path) -> Found:
    """Tell what checkpoint lies at a path.

    Args:
        path: A folder in the layout of diffusers, a .safetensors file, or a .gguf file.

    Raises:
        CheckpointError: Nothing is there; it is a pickle, half-downloaded, of an unknown
            architecture, or not a model but something else, which is said.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise CheckpointError(
            f"{one_line(path)}: not there; expected a folder with {INDEX}, "
            "a .safetensors or a .gguf file"
        )
    if path.suffix.lower() not in (".safetensors", ".gguf", *PICKLE_SUFFIXES):
        raise CheckpointError(
            f"{one_line(path)}: not a checkpoint; expected a folder with {INDEX}, "
            "a .safetensors or a .gguf file"
        )
    return _file(path, read_header(path))


def _file(path: Path, header: Header) -> Found:
    if not header.tensors:
        raise CheckpointError(f"{one_line(path)}: holds no tensors; download it again")
    adapter = architectures.adapter_of(header)
    if adapter:
        raise CheckpointError(f"{one_line(path)}: is {one_line(adapter)}")
    kind = architectures.kind_of(header)
    if kind is None:
        what = architectures.other_of(header)
        raise CheckpointError(f"{one_line(path)}: is {one_line(what, 300)}; give another model")
    said = header.metadata
    prediction = _said_prediction(said) or kind.prediction
    family = family_named(_of_sd2(kind.family, prediction, said, path))
    if family.name == "sd2-base":
        prediction = "epsilon"
    found = Found(
        path=path,
        layout="gguf" if path.suffix.lower() == ".gguf" else "file",
        family=family,
        pipeline=kind.pipeline,
        weights=(path,),
        bytes=path.stat().st_size,
        dtype=header.dtype,
        licence=_text(said, "modelspec.license", "general.license") or family.licence,
        prediction=prediction,
        inpaints=kind.inpaints,
        parts=architectures.parts_of(header),
        title=_text(said, "modelspec.title", "general.name"),
    )
    return _recommended(found, said)


def _of_sd2(name: str, prediction: str, said: Any, path: Path) -> str:
    """Tell the two kinds of Stable Diffusion 2 apart, whose tensors have equal names and shapes."""
    if name != "sd2":
        return name
    small = _text(said, "modelspec.resolution").startswith("512") or "512" in path.stem
    return "sd2-base" if prediction == "epsilon" or small else "sd2"


def _said_prediction(said: Any) -> str | None:
    text = _text(said, "modelspec.prediction_type").lower()
    return {"epsilon": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}.get(text)


def _text(said: Any, *names: str) -> str:
    for name in names:
        value = said.get(name)
        if isinstance(value, str) and value.strip():
            return one_line(value.strip(), 120)
    return ""


def _recommended(found: Found, said: Any) -> Found:
    """Fill in what it draws best with: what the file says, else what its family says."""
    family = found.family
    height, width = family.height, family.width
    size = re.fullmatch(r"(\d{2,4})(?:x(\d{2,4}))?", _text(said, "modelspec.resolution"))
    if size:
        width, height = int(size[1]), int(size[2] or size[1])
    return replace(found, steps=family.steps, guidance=family.guidance, height=height, width=width)


def _folder(path: Path) -> Found:
    if not (path / INDEX).is_file():
        raise CheckpointError(_no_index(path))
    index = read_json(path / INDEX)
    name = index.get("_class_name")
    if not isinstance(name, str):
        raise CheckpointError(
            f"{one_line(path)}: asks for a pipeline of its own ({one_line(name, 60)}), and a "
            "checkpoint may not bring code; take one that diffusers draws by itself"
        )
    family = family_of(name)
    if family is None:
        raise CheckpointError(
            f"{one_line(path)}: is a {one_line(name, 60)}, which draws no stills; give another"
        )
    weights: list[Path] = []
    variants: set[str] = set()
    headers: list[Header] = []
    for part, (library, kind) in _components(path, index).items():
        if _WEIGHTLESS.search(kind):
            continue
        found, variant = _weights_of(path / part, part, kind)
        if (
            library not in ("diffusers", "transformers")
            and (path / part / f"{library}.py").exists()
        ):
            raise CheckpointError(
                f"{one_line(path)}: its part {one_line(part)} brings code "
                f"({one_line(library)}.py), which is never run; take a checkpoint without"
            )
        for file in found:
            header = read_header(file)
            if part in ("unet", "transformer", "prior", "decoder", "transformer_2"):
                headers.append(header)
        weights += found
        variants |= {variant} if variant else set()
    return _described(path, index, family, weights, (headers, variants))


def _no_index(path: Path) -> str:
    pickles = sorted(p.name for p in path.iterdir() if p.suffix.lower() in PICKLE_SUFFIXES)
    files = sorted(p.name for p in path.iterdir() if p.suffix.lower() in (".safetensors", ".gguf"))
    where = one_line(path)
    if files:
        return f"{where}: a folder without {INDEX}; name the file in it, e.g. {where}/{files[0]}"
    if pickles:
        return (
            f"{where}: holds only pickles ({one_line(pickles[0])}), which can run code when opened "
            "and are refused; convert them to .safetensors"
        )
    return f"{where}: a folder without {INDEX}; expected the folder of a diffusers pipeline"


def _components(path: Path, index: dict[str, Any]) -> dict[str, tuple[str, str]]:
    out = {}
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list) or len(value) != 2:
            continue
        library, kind = value
        if library is None or kind is None:
            continue
        if not isinstance(library, str) or not isinstance(kind, str) or Path(part).name != part:
            raise CheckpointError(
                f"{one_line(path / INDEX)}: part {one_line(part, 60)} is {one_line(value, 60)}; "
                "download it again"
            )
        if part in _OPTIONAL and not (path / part).is_dir():
            continue
        out[part] = (library, kind)
    return out


def _weights_of(folder: Path, part: str, kind: str) -> tuple[list[Path], str | None]:
    """Choose the weights of a part: plain before variant, whole before shards."""
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    for variant in (None, "fp16", *sorted(_other_variants(names))):
        for stem in _STEMS:
            dot = f".{variant}" if variant else ""
            if f"{stem}{dot}.safetensors" in names:
                return [folder / f"{stem}{dot}.safetensors"], variant
            for index in (
                f"{stem}.safetensors.index{dot}.json",
                f"{stem}{dot}.safetensors.index.json",
            ):
                if index in names:
                    return _shards(folder / index), variant
    where = one_line(folder)
    if part in _OPTIONAL:
        return [], None
    pickles = sorted(name for name in names if Path(name).suffix.lower() in PICKLE_SUFFIXES)
    if pickles:
        raise CheckpointError(
            f"{where}: has only a pickle ({one_line(pickles[0])}), which can run code when opened "
            "and is refused; take or make the .safetensors of it"
        )
    raise CheckpointError(
        f"{where}: the weights of {one_line(kind)} are missing; download the checkpoint again"
    )


def _other_variants(names: set[str]) -> set[str]:
    pattern = rf"(?:{'|'.join(_STEMS)})\.(\w+)\.safetensors"
    return {found[1] for name in names if (found := re.fullmatch(pattern, name))}


def _shards(index: Path) -> list[Path]:
    places = read_json(index).get("weight_map")
    read_header(index)  # every shard is there and whole
    assert isinstance(places, dict)
    return [index.parent / name for name in sorted(set(places.values()))]


def _described(
    path: Path, index: dict[str, Any], family: Family, weights: list[Path], more: Any
) -> Found:
    headers, variants = more
    config = _config(path / "unet" / "config.json")
    scheduler = _config(path / "scheduler" / "scheduler_config.json")
    prediction = scheduler.get("prediction_type")
    inpaints = config.get("in_channels") == 9 or family.name == "flux-fill"
    family = _refined(path, family, index, (config, prediction, inpaints))
    card = _card(path)
    dtype = max((h.dtype for h in headers), default="")
    found = Found(
        path=path,
        layout="folder",
        family=family,
        pipeline=index["_class_name"],
        weights=tuple(weights),
        bytes=sum(file.stat().st_size for file in weights),
        dtype=dtype or (read_header(weights[0]).dtype if weights else ""),
        licence=card or family.licence or SAID_BY_CHECKPOINT,
        variant=next(iter(sorted(variants)), None),
        prediction="flow" if family.flow else prediction,
        inpaints=inpaints,
    )
    found = _recommended(found, {})
    side = config.get("sample_size")
    if family.name in ("sd15", "sd2", "sdxl") and type(side) is int and side >= 32:
        found = replace(found, height=side * 8, width=side * 8)
    return found


def _refined(path: Path, family: Family, index: dict[str, Any], said: Any) -> Family:
    """Tell apart what one class of diffusers draws: Stable Diffusion 1 and 2, XL and refiner."""
    config, prediction, inpaints = said
    taken = config.get("cross_attention_dim")
    if family.name in ("sd15", "sd15-inpaint"):
        second = taken == 1024 or config.get("use_linear_projection") is True
        if inpaints:
            return family_named("sd2-inpaint" if second else "sd15-inpaint")
        if second:
            return family_named("sd2" if prediction == "v_prediction" else "sd2-base")
        return family_named("sd15")
    if family.name in ("sdxl", "sdxl-inpaint", "sdxl-refiner"):
        if inpaints:
            return family_named("sdxl-inpaint")
        # The refiner reads prompts with the second text encoder alone.
        refines = taken == 1280 or index.get("text_encoder") == [None, None]
        return family_named("sdxl-refiner" if refines else "sdxl")
    if (
        family.name == "flux"
        and _config(path / "transformer" / "config.json").get("guidance_embeds") is False
    ):
        return family_named("flux-schnell")
    return family


def _config(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _card(path: Path) -> str:
    """Read the licence that a folder states: of `molnar pull`, or at the top of its README."""
    pulled = path / "molnar.json"
    if pulled.is_file():
        said = read_json(pulled).get("licence")
        if isinstance(said, str) and said:
            return one_line(said, 80)
    readme = path / "README.md"
    if not readme.is_file():
        return ""
    with readme.open("rb") as file:
        text = file.read(_MOST_CARD_BYTES).decode("utf-8", "replace")
    front = re.match(r"---\s*\n(.*?)\n---", text, re.S)
    if not front:
        return ""
    lines = dict(re.findall(r"^(license(?:_name)?):\s*([^\s#]+)\s*$", front[1], re.M))
    return one_line(lines.get("license_name") or lines.get("license") or "", 80)
