"""A name on the hub -> a folder of ours: said first, then brought, checked, and put in place.

What is half there lies apart by its hash, so that a broken pull goes on where it stopped, even when
the repository has moved on. A model's folder is whole or absent, and says in `molnar.json` what it
is: every file with its sha256.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molnar.base.errors import PullError, RequestError, one_line
from molnar.base.files import write_bytes
from molnar.bridge.families import family_of
from molnar.bridge.fetching import Hub, Repository, Told, same_content, settle
from molnar.bridge.placing import (
    FORMAT,
    alone,
    check_own,
    half_of,
    others,
    place,
    read_manifest,
    recover,
    swap,
)
from molnar.bridge.taking import INDEX, MANIFEST, File, Wanted, take

SPARE = 64_000_000  # bytes of the disk that are left alone
MOST_HTTP = 50_000_000_000  # bytes of a file that the hub hands out by plain HTTP

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Plan:
    """What a pull would do.

    Args:
        repository: What the hub says.
        revision: What was asked for; None is the newest.
        wanted: Which files were asked for.
        family: What it is, from `model_index.json`; None if it is no pipeline.
        files: The files that are taken.
        variants: Of their weights: "fp16", or "" for full precision.
        kept: Files of the folder that stay, by path: what the manifest says of them.
        folder: Where the model will lie.
        missing: Bytes that must come.
        free: Bytes free on that disk.
    """

    repository: Repository
    revision: str | None
    wanted: Wanted
    family: str | None
    files: tuple[File, ...]
    variants: tuple[str, ...]
    kept: dict[str, dict[str, Any]]
    folder: Path
    missing: int
    free: int

    @property
    def bytes(self) -> int:
        """Of all files that are taken."""
        return sum(file.bytes for file in self.files)

    @property
    def there(self) -> bool:
        """Whether all of it is in place already."""
        entries = read_manifest(self.folder).get("files", {})
        expected = {file.path for file in self.files} | set(self.kept)
        return set(entries) == expected and all(
            _unchanged(self.folder, file, entries, self.repository.commit) for file in self.files
        )

    @property
    def result(self) -> Path:
        """What `--model` takes: the folder, or the one file that was asked for."""
        return self.folder / self.wanted.file if self.wanted.file else self.folder


def split_name(name: str) -> tuple[str, str | None]:
    """Split "org/name" or "org/name:file".

    Raises:
        RequestError: It is neither.

    Example:
        >>> split_name("org/name:loras/ink.safetensors")
        ('org/name', 'loras/ink.safetensors')
    """
    repository, colon, file = name.partition(":")
    if not _NAME.fullmatch(repository) or ".." in repository or (colon and not file):
        raise RequestError(f"{one_line(name)!r} is no name on the hub; expected org/name[:FILE]")
    return repository, file or None


def plan(
    hub: Hub, models: Path, name: str, revision: str | None = None, wanted: Wanted | None = None
) -> Plan:
    """Ask the hub what a pull would bring, and look what is here already.

    Args:
        hub: Where to ask.
        models: The folder of models; what is pulled goes to `models/org/name`.
        name: "org/name" or "org/name:file".
        revision: A branch, a tag or a commit.
        wanted: Which files; `file` is taken from the name.

    Raises:
        PullError: It cannot be had, or would need code of its own, or there is no room for it.
        RequestError: The name, the revision, a part or a file is not there.
    """
    repo, single = split_name(name)
    asked = wanted or Wanted()
    asked = Wanted(file=single, only=asked.only, variant=asked.variant)
    folder, half = models / repo, half_of(models, repo)
    if (half / "old").exists():
        with alone(half, repo):
            recover(half, folder)
    check_own(folder, repo)
    repository = hub.repository(repo, revision)
    manifest = read_manifest(folder)
    index = _index(hub, repository, folder, manifest) if single is None else None
    taken = take(repository.files, index, asked)
    for file in taken.files:
        if file.bytes > MOST_HTTP:
            raise PullError(
                f"{file.path} is {in_bytes(file.bytes)}, and the hub hands out at most "
                f"{in_bytes(MOST_HTTP)} by HTTP; bring it otherwise, and give --model its path"
            )
    entries = manifest.get("files", {})
    stays = {path: entry for path, entry in entries.items() if _stays(path, entry, asked)}
    kept = {
        path: entry
        for path, entry in stays.items()
        if path not in {file.path for file in taken.files} and (folder / path).is_file()
    }
    family = _family(index)
    missing = sum(
        _missing(file, half, folder, entries, repository.commit)
        for file in {file.digest: file for file in taken.files}.values()
    )
    made = Plan(
        repository, revision, asked, family, taken.files, taken.variants, kept, folder,
        missing, _free(models),
    )  # fmt: skip
    if missing and missing + SPARE > made.free:
        raise PullError(
            f"{repo} needs {in_bytes(missing)} more, and {in_bytes(made.free)} are free in "
            f"{models}; make room for {in_bytes(missing + SPARE - made.free)}, or set MOLNAR_HOME "
            "to a folder on a larger disk"
        )
    return made


def pull(hub: Hub, plan: Plan, told: Told = lambda path, count, came: None) -> Path:
    """Bring what is planned, check it, and put it in place at once.

    Args:
        hub: Where from.
        plan: What to bring.
        told: Hears of every piece that comes or is found: its path, its bytes, whether it came.

    Returns:
        What `--model` takes.

    Raises:
        PullError: A file is not what the hub announced, or another pull of it is running.
    """
    half = half_of(plan.folder.parents[1], plan.repository.name)
    with alone(half, plan.repository.name):
        recover(half, plan.folder)
        if plan.there:
            shutil.rmtree(half, ignore_errors=True)
            return plan.result
        tree = half / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        entries = read_manifest(plan.folder).get("files", {})
        listed = dict(plan.kept)
        for file in plan.files:
            source, digest = _bring(hub, plan, file, half, told)
            place(source, tree / file.path)
            listed[file.path] = {
                "bytes": file.bytes,
                "sha256": digest,
                "revision": plan.repository.commit,
                **({"alone": True} if plan.wanted.file == file.path else {}),
            }
        for path in others(plan.folder, entries) + list(plan.kept):
            if not (tree / path).exists():
                place(plan.folder / path, tree / path)
        write_bytes(tree / MANIFEST, _manifest(plan, listed))
        swap(half, tree, plan.folder)
        shutil.rmtree(half)
    return plan.result


def _bring(hub: Hub, plan: Plan, file: File, half: Path, told: Told) -> tuple[Path, str]:
    """Return a file with the content that is wanted, and its sha256: from here, or from the hub."""
    entries = read_manifest(plan.folder).get("files", {})
    if _unchanged(plan.folder, file, entries, plan.repository.commit):
        told(file.path, file.bytes, False)
        return plan.folder / file.path, str(entries[file.path]["sha256"])
    whole = half / file.digest
    for here in (whole, plan.folder / file.path):
        digest = same_content(here, file)
        if digest is not None:
            told(file.path, file.bytes, False)
            return here, digest
    half.mkdir(parents=True, exist_ok=True)
    part = half / f"{file.digest}.part"
    digest = hub.fetch(plan.repository, file, part, told)
    settle(part, whole)
    return whole, digest


def _index(
    hub: Hub, repository: Repository, folder: Path, manifest: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what the repository's `model_index.json` says, from the disk if it is there."""
    file = repository.files.get(INDEX)
    if file is None:
        return None
    here = _unchanged(folder, file, manifest.get("files", {}), repository.commit)
    raw = (folder / INDEX).read_bytes() if here else hub.text(repository, INDEX)
    try:
        index = json.loads(raw)
    except ValueError:
        index = None
    if not isinstance(index, dict):
        raise PullError(f"{INDEX} of {repository.name} is no JSON object; tell its author")
    return index


def _family(index: dict[str, Any] | None) -> str | None:
    """Name what a pipeline is, from the class that its index names.

    Raises:
        PullError: It makes something else than pictures.
    """
    if index is None:
        return None
    name = one_line(index.get("_class_name", "unknown"), 60)
    family = family_of(name)
    if family is None:
        raise PullError(f"a {name} makes no pictures, so molnar could not draw with it")
    return f"{family.title} ({name})" if family.known else name


def _stays(path: str, entry: dict[str, Any], wanted: Wanted) -> bool:
    """Tell whether a file of an earlier pull stays: one file, and `only`, add to what is there."""
    if wanted.file is not None or entry.get("alone"):
        return True
    return bool(wanted.only) and path.split("/")[0] not in wanted.only


def _unchanged(folder: Path, file: File, entries: dict[str, Any], commit: str) -> bool:
    entry = entries.get(file.path)
    if not isinstance(entry, dict) or entry.get("revision") != commit:
        return False
    with contextlib.suppress(OSError):
        return (folder / file.path).stat().st_size == file.bytes == entry.get("bytes")
    return False


def _missing(file: File, half: Path, folder: Path, entries: dict[str, Any], commit: str) -> int:
    if (half / file.digest).is_file() or _unchanged(folder, file, entries, commit):
        return 0
    if entries.get(file.path, {}).get("sha256") == file.digest:
        return 0
    with contextlib.suppress(OSError):
        return max(0, file.bytes - (half / f"{file.digest}.part").stat().st_size)
    return file.bytes


def _free(models: Path) -> int:
    there = next(path for path in (models, *models.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _manifest(plan: Plan, listed: dict[str, dict[str, Any]]) -> bytes:
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    found = {
        "format": FORMAT,
        "repo": plan.repository.name,
        "revision": plan.repository.commit,
        "asked": plan.revision,
        "licence": plan.repository.licence,
        "licence_at": plan.repository.licence_at,
        "date": now.isoformat(),
        "files": dict(sorted(listed.items())),
    }
    return json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n"


def in_bytes(count: float) -> str:
    """Write a number of bytes for people.

    Example:
        >>> in_bytes(6_938_041_234)
        '6.94 GB'
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"
