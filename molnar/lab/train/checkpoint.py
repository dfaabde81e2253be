"""Tensors of a run <-> a folder on disk that is either whole or not there.

A checkpoint is a folder `checkpoints/<images>/` with `{model,ema,optimizer}.safetensors` and,
written last, `manifest.json` with the size and sha256 of each file. Everything goes to a temporary
folder, is flushed to the disk, then renamed: after a power cut or a kill -9 at any moment, the
newest folder that verifies is a true state.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from molnar.base.errors import TrainingError
from molnar.base.files import sync_folder

FORMAT = 1
FILES = ("model", "ema", "optimizer")
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """One verified state: `state` maps "model", "ema", "optimizer" to named tensors on the CPU."""

    path: Path
    images: int
    manifest: dict[str, Any]
    state: dict[str, Tensors]


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it: a disk error shows up here, not later."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old bytes or the new, never a mixture."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_durably(temporary, data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def to_bytes(tensors: Tensors, metadata: dict[str, str] | None = None) -> bytes:
    """Serialise tensors as safetensors; tied and channels-last tensors are copied plain."""
    plain = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}
    return bytes(tensors_to_bytes(plain, metadata=metadata))


def save(
    folder: Path, state: dict[str, Tensors], *, images: int, manifest: dict[str, Any], keep: int = 2
) -> Path:
    """Write `folder/<images>/` whole, then drop all but the newest `keep` checkpoints.

    Raises:
        TrainingError: the disk is full or cannot be written; older checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{images:012d}"
    temporary = folder / f".{images:012d}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        files = {}
        for part, tensors in state.items():
            data = to_bytes(tensors)
            write_durably(temporary / f"{part}.safetensors", data)
            files[f"{part}.safetensors"] = {
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        whole = {"format": FORMAT, "images": images, **manifest, "files": files}
        write_durably(temporary / "manifest.json", json.dumps(whole, indent=1).encode())
        sync_folder(temporary)
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
        sync_folder(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_error(final, error) from error
    prune(folder, keep)
    return final


def disk_error(
    path: Path, error: OSError, checkpoints: Sequence[Path] | None = None
) -> TrainingError:
    """Put a failed write in one line: what, why, what is safe, what to do.

    Args:
        path: What could not be written.
        error: Why.
        checkpoints: Those there are, newest first; None = those beside `path`.
    """
    reason = error.strerror or str(error)
    advice = "free some space" if error.errno == errno.ENOSPC else "make it writable"
    there = numbered(path.parent) if checkpoints is None else checkpoints
    older = [p for p in there if p != path]
    safe = f"the checkpoint {older[0].name} is intact" if older else "no checkpoint was written yet"
    return TrainingError(
        f"cannot write {path}: {reason}; {safe}; {advice} and run the same command again"
    )


def numbered(folder: Path) -> list[Path]:
    """List checkpoint folders, newest first; temporary and set-aside ones are not among them."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def prune(folder: Path, keep: int) -> None:
    """Drop all but the newest `keep` checkpoints, and what a killed process left half written."""
    left_over = [path for path in folder.glob(".*.tmp") if path.is_dir()]
    for path in [*numbered(folder)[keep:], *left_over]:
        shutil.rmtree(path, ignore_errors=True)


def verify(path: Path) -> dict[str, Any]:
    """Check every file of one checkpoint against its manifest and return the manifest.

    Raises:
        TrainingError: names the file, what was expected and what was found.
    """
    manifest_path = path / "manifest.json"
    try:
        manifest = json.loads(manifest_path.read_bytes())
        files = dict(manifest["files"])
        version = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{manifest_path}: no readable manifest ({error})") from error
    if version != FORMAT:
        raise TrainingError(f"{manifest_path}: format {version}, expected {FORMAT}; update molnar")
    for name, expected in files.items():
        try:
            data = (path / name).read_bytes()
        except OSError as error:
            raise TrainingError(f"{path / name}: {error.strerror}") from error
        if len(data) != expected["bytes"]:
            raise TrainingError(f"{path / name}: {len(data)} bytes, expected {expected['bytes']}")
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected["sha256"]:
            raise TrainingError(
                f"{path / name}: sha256 {digest[:12]}, expected {expected['sha256'][:12]}"
            )
    return dict(manifest)


def read(path: Path) -> Checkpoint:
    """Verify one checkpoint and load its tensors to the CPU.

    Raises:
        TrainingError: it does not verify or does not parse.
    """
    manifest = verify(path)
    try:
        state = {
            Path(name).stem: tensors_from_bytes((path / name).read_bytes())
            for name in manifest["files"]
        }
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: cannot be read ({error})") from error
    return Checkpoint(path=path, images=int(manifest["images"]), manifest=manifest, state=state)


def newest(folder: Path) -> tuple[Checkpoint | None, list[TrainingError]]:
    """Load the newest checkpoint that verifies, and say what was wrong with the newer ones.

    The damaged ones are set aside as `<images>.damaged`, so that they never count among those kept.
    """
    problems: list[TrainingError] = []
    for path in numbered(folder):
        found = attempt(path)
        if isinstance(found, Checkpoint):
            return found, problems
        problems.append(found)
        aside = path.with_name(f"{path.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        path.replace(aside)
    return None, problems


def attempt(path: Path) -> Checkpoint | TrainingError:
    """Read one checkpoint, or say why not."""
    try:
        return read(path)
    except TrainingError as error:
        return error
