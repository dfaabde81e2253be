"""A model on disk: a folder with `bundle.json`, weights, graphs and tokenizer, verified by hash.

`bundle.json` names every file with its size and sha256, so a flipped byte anywhere is found before
anything is drawn. Weights are safetensors only; the ONNX graphs hold no weights of their own but
point into them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from molnar.base.config import from_json, to_json
from molnar.base.errors import BundleError, ConfigError
from molnar.base.files import write_bytes
from molnar.base.weights import PICKLE_SUFFIXES, sha256
from molnar.latent.format import LatentFormat

FORMAT = 1
MANIFEST = "bundle.json"
PARTS = ("text", "planner", "velocity", "decoder", "encoder", "finisher", "upscaler", "clip")
SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network of a bundle."""

    kind: str  # which network it is: "text", "unet", "transformer", ...
    config: dict[str, Any]  # its sizes, as the network's config class takes them
    weights: str  # file of its tensors
    graph: str  # file of its ONNX graph, which points into `weights`


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a request gets that does not say: the values the model draws best with."""

    steps: int = 20
    guidance: float = 4.0
    sampler: str = "dpmpp_2m"
    schedule: str = "simple"
    height: int = 512  # pixels
    width: int = 512  # pixels
    shift: float = 1.0  # of the schedule: above 1 spends more steps near the noise
    interval: tuple[float, float] = (0.0, 1.0)  # times between which guidance is on
    rescale: float = 0.0  # of guidance: 0 = off, 1 = contrast of the unguided picture
    flow_map: tuple[int, ...] = ()  # numbers of steps that the network's flow map was taught


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What `--quality` changes in the defaults; None = nothing."""

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    flow_map: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a file must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of `bundle.json`."""

    format: int = FORMAT
    name: str
    version: str
    parts: dict[str, Part]
    latent: LatentFormat
    defaults: Defaults = field(default_factory=Defaults)
    qualities: dict[str, Quality] = field(default_factory=dict)  # "fast" and "best", if it has them
    tokenizer: str = "tokenizer.json"
    words: str = "words.json"
    meaning: str | None = None  # file that says what untaught words stand for
    sources: str | None = None  # file that lists the drawings it was trained on; decides no picture
    aspects: tuple[str, ...] = ("1:1",)  # width:height that it draws
    languages: tuple[str, ...] = ("en",)
    licence: str = "Apache-2.0"
    data: tuple[dict[str, Any], ...] = ()  # bill of materials: source, licence, count, hash
    evaluation: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Record] = field(default_factory=dict)
    hash: str = ""  # see `identity`: names the model
    checksum: str = ""  # see `checksum`: protects what the hashes of the files do not cover


class Bundle:
    """A model on disk.

    Example:
        >>> bundle = Bundle.load("sticker")  # doctest: +SKIP
        >>> bundle.manifest.defaults.steps  # doctest: +SKIP
        20
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def load(
        cls, model: str | Path = "sticker", *, verify: bool = True, search: Sequence[Path] = ()
    ) -> Bundle:
        """Open a bundle and check every file of it.

        Args:
            model: A folder, or the name of a bundle in one of the `search` folders or shipped.
            verify: Hash every file (about 1 ms per megabyte).
            search: Folders that hold bundles, looked through before the shipped ones.

        Raises:
            BundleError: Not found, unknown format, or a file that is missing, damaged or a pickle.
        """
        folder = find(model, search)
        bundle = cls(folder, read_manifest(folder / MANIFEST))
        if verify:
            bundle.verify()
        return bundle

    @property
    def hash(self) -> str:
        """The sha256 that names this model (hex): equal hash, equal pictures."""
        return self.manifest.hash

    def path(self, name: str) -> Path:
        """Where a file of the bundle lies."""
        return self.folder / name

    def part(self, name: str) -> Part:
        """One part.

        Raises:
            BundleError: The bundle has no such part.
        """
        try:
            return self.manifest.parts[name]
        except KeyError:
            have = ", ".join(self.manifest.parts)
            raise BundleError(
                f"model {self.manifest.name!r} has no part {name!r} (it has {have}); "
                "choose another model"
            ) from None

    def verify(self) -> None:
        """Check the size and sha256 of every file, and the manifest itself.

        Raises:
            BundleError: Names the first file that is not what the manifest says.
        """
        for name, record in self.manifest.files.items():
            check_file(self.path(name), record)
        found = identity(self.manifest)
        if found != self.manifest.hash:
            raise BundleError(
                f"{self.path(MANIFEST)}: describes model {found[:12]}, "
                f"expected {self.manifest.hash[:12]}; "
                "it was edited or damaged: copy the bundle again"
            )
        raw = json.loads(self.path(MANIFEST).read_bytes())
        stored, found = self.manifest.checksum, checksum(raw)
        if stored and found != stored:
            raise BundleError(
                f"{self.path(MANIFEST)}: sha256 of its fields {found[:12]}, "
                f"expected {stored[:12]}; it was edited or damaged: copy the bundle again"
            )


def find(model: str | Path, search: Sequence[Path] = ()) -> Path:
    """Find the folder of a bundle by path or name.

    Raises:
        BundleError: There is none; the message lists those there are.
    """
    if (Path(model) / MANIFEST).is_file():
        return Path(model)
    if Path(model).suffix:
        refuse_pickle(str(model))
    for parent in (*search, SHIPPED):
        folder = parent / str(model)
        if (folder / MANIFEST).is_file():
            return folder
    known = ", ".join(path.name for path in installed(search)) or "none"
    raise BundleError(
        f"no model {str(model)!r}: expected a folder with {MANIFEST} or one of: {known}; "
        "`molnar models` lists them"
    )


def installed(search: Sequence[Path] = ()) -> list[Path]:
    """List the folders of the bundles that can be named, the shipped ones last."""
    return [
        path.parent
        for parent in (*search, SHIPPED)
        for path in sorted(parent.glob(f"*/{MANIFEST}"))
    ]


def check_file(path: Path, record: Record) -> None:
    """Check one file.

    Raises:
        BundleError: It is missing, or its size or hash is not the recorded one.
    """
    try:
        size = path.stat().st_size
        if size != record.bytes:
            raise BundleError(
                f"{path}: {size} bytes, expected {record.bytes}; copy the bundle again"
            )
        found = sha256(path)
    except FileNotFoundError:
        raise BundleError(
            f"{path}: missing, expected {record.bytes} bytes; copy the bundle again"
        ) from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); make it readable") from error
    if found != record.sha256:
        raise BundleError(
            f"{path}: damaged, sha256 {found[:12]}, expected {record.sha256[:12]}; "
            "copy the bundle again"
        )


def read_manifest(path: Path) -> Manifest:
    """Read `bundle.json` without looking at the other files.

    Raises:
        BundleError: It is missing, not JSON, of an unknown format, or inconsistent.
    """
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read ({error.strerror}); expected a bundle"
        ) from error
    except ValueError as error:
        raise BundleError(f"{path}: not JSON ({error}); copy the bundle again") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else type(raw).__name__
        raise BundleError(f"{path}: bundle format {found!r}, expected {FORMAT}; update molnar")
    try:
        manifest = from_json(Manifest, raw)
    except ConfigError as error:
        raise BundleError(f"{path}: damaged: {error}; copy the bundle again") from error
    _check_names(path, manifest)
    return manifest


def _check_names(path: Path, manifest: Manifest) -> None:
    unknown = sorted(set(manifest.parts) - set(PARTS))
    if unknown:
        raise BundleError(
            f"{path}: unknown part {unknown[0]!r}, expected {', '.join(PARTS)}; update molnar"
        )
    needed = _read_files(manifest)
    for part in manifest.parts.values():
        refuse_pickle(part.weights)
        if not part.weights.endswith(".safetensors"):
            raise BundleError(f"{path}: weights {part.weights!r}, expected a .safetensors file")
        needed += [part.weights, part.graph]
    if manifest.sources in needed:  # `identity` leaves it out, so it must decide no picture
        raise BundleError(f"{path}: sources {manifest.sources!r}, expected a file of its own")
    needed += [manifest.sources] if manifest.sources else []
    for name in (*needed, *manifest.files):
        if Path(name).name != name:
            raise BundleError(
                f"{path}: file name {name!r}, expected one inside the bundle's own folder"
            )
    missing = sorted(set(needed) - set(manifest.files))
    if missing:
        raise BundleError(
            f"{path}: no hash for {missing[0]!r}; every file of a bundle must be listed"
        )


def _read_files(manifest: Manifest) -> list[str]:
    return [name for name in (manifest.tokenizer, manifest.words, manifest.meaning) if name]


def refuse_pickle(name: str) -> None:
    """Refuse a checkpoint that could run code when it is opened.

    Raises:
        BundleError: The name is that of a pickle.
    """
    if Path(name).suffix.lower() in PICKLE_SUFFIXES:
        raise BundleError(
            f"{name}: a pickle can run code when opened and is refused; convert it to .safetensors"
        )


def identity(manifest: Manifest) -> str:
    """Hash what decides a picture: parts, latent format and those files' hashes (hex sha256)."""
    plain = to_json(manifest)
    keys = ("format", "parts", "latent", "tokenizer", "words", "files")
    decisive = {key: plain[key] for key in keys}
    if manifest.meaning is not None:  # absent from bundles made before there was such a file
        decisive["meaning"] = manifest.meaning
    decisive["files"] = {k: v for k, v in plain["files"].items() if k != manifest.sources}
    return _digest(decisive)


def checksum(fields: Mapping[str, Any]) -> str:
    """Hash every field of a `bundle.json` but this one, as written there (hex sha256).

    As written, not as read: 3 for 3.0, or a field that a later version adds, is no damage.
    """
    return _digest({k: v for k, v in fields.items() if k != "checksum"})


def _digest(plain: Any) -> str:
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def save(folder: Path, manifest: Manifest) -> Bundle:
    """Record the files a manifest names as they lie in `folder`, and write `bundle.json` last.

    Returns:
        The bundle as it was written, hashes filled in.

    Raises:
        BundleError: A file that the manifest names is not there.
    """
    names = {*_read_files(manifest), *([manifest.sources] if manifest.sources else [])}
    for part in manifest.parts.values():
        names |= {part.weights, part.graph}
    records = {}
    for name in sorted(names):
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; a bundle needs it")
        records[name] = Record(sha256=sha256(path), bytes=path.stat().st_size)
    filled = replace(manifest, files=records)
    filled = replace(filled, hash=identity(filled))
    filled = replace(filled, checksum=checksum(to_json(filled)))
    _check_names(folder / MANIFEST, filled)
    text = json.dumps(to_json(filled), indent=1, ensure_ascii=False) + "\n"
    write_bytes(folder / MANIFEST, text.encode(), force=True)
    return Bundle(folder, filled)
