"""A guide in, where its model lies out: by a path, or by a name in the folders of adapters.

Nothing here imports torch: what a file is, is read from its header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from molnar.base.adapters import TITLES
from molnar.base.errors import MolnarError, RequestError, one_line
from molnar.base.request import Guide
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.bridge.headers import read_header, read_json
from molnar.bridge.lora_files import SUFFIX, adapters_in, checked, name_of

FOLDERS = ("controlnet", "ip-adapter")  # beside those of LoRAs
CONFIG = "config.json"
LISTED = 10  # names in a message
# How the keys of a ControlNet begin: of diffusers, of the first published files.
_CONTROL = ("control_model.", "controlnet_", "input_hint_block.", "zero_convs.")


def folders_of(adapters: Iterable[Path]) -> tuple[Path, ...]:
    """Give the folders in which guides are looked for: beside those of LoRAs, then those too.

    Example:
        >>> [path.as_posix() for path in folders_of([Path("home/loras")])]
        ['home/controlnet', 'home/ip-adapter', 'home/loras']
    """
    given = list(adapters)
    beside = [folder.parent / name for folder in given for name in FOLDERS]
    return tuple(dict.fromkeys([*beside, *given]))


def find_guide(guide: Guide, folders: Iterable[Path]) -> Path:
    """Find the model of a guide: a file, or a folder of diffusers.

    A name is that of a file without its ending, or of a folder, in one of the folders or below;
    upper and lower case are the same.

    Raises:
        RequestError: There is none, and what there is; or it is of the other kind.
        WeightsError: It is a pickle, or no safetensors file.
    """
    path = _at(guide) if guide.by_path else _called(guide, tuple(folders))
    kind = kind_of(path)
    if kind not in (None, guide.kind):
        raise RequestError(
            f"{one_line(guide.model)} is an adapter of another kind ({TITLES[kind or '']}); "
            f"expected a {TITLES[guide.kind]}"
        )
    return path


def kind_of(path: Path) -> str | None:
    """Tell a ControlNet ("control") from an IP-Adapter ("ip"); None: it is neither, or damaged."""
    with suppress(MolnarError, OSError):
        if path.is_dir():
            if (path / CONFIG).is_file():
                named = str(read_json(path / CONFIG).get("_class_name"))
                return "control" if "ControlNet" in named else None
            files = sorted(path.glob(f"*{SUFFIX}"))
            return kind_of(files[0]) if len(files) == 1 else None
        keys = read_header(path).tensors
        if any(key.startswith("ip_adapter.") for key in keys):
            return "ip"
        if any(key.startswith(_CONTROL) for key in keys):
            return "control"
    return None


def loras_in(folders: Iterable[Path]) -> list[str]:
    """List the names of what lies in folders of LoRAs and is no guide."""
    return sorted(
        name_of(path)
        for folder in folders
        for path in adapters_in(folder)
        if kind_of(path) is None and path.suffix.lower() not in PICKLE_SUFFIXES
    )


def guides_in(folders: Iterable[Path], kind: str) -> dict[str, Path]:
    """List the guides of a kind in folders, by name."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in _below(folder):
            if kind_of(path) == kind:
                found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def _at(guide: Guide) -> Path:
    title, shown = TITLES[guide.kind], one_line(guide.model)
    if guide.model.startswith(("//", "\\\\")):
        raise RequestError(f"{shown} is on another machine; expected a {title} on this one")
    path = Path(guide.model)
    with suppress(RuntimeError):  # nobody's home
        path = path.expanduser()
    if not path.exists():
        raise RequestError(f"there is no {title} at {shown}; expected a file or a folder")
    return path if path.is_dir() else checked(path)


def _called(guide: Guide, folders: tuple[Path, ...]) -> Path:
    there = [folder for folder in folders if folder.is_dir()]
    wanted = guide.model.replace("\\", "/").removesuffix(SUFFIX).lower()
    for folder in there:
        for path in _below(folder):
            whole = path.relative_to(folder).as_posix().removesuffix(SUFFIX).lower()
            if wanted in (whole, whole.rsplit("/", 1)[-1]) and kind_of(path) in (guide.kind, None):
                return path
    title = TITLES[guide.kind]
    known = sorted(guides_in(there, guide.kind))
    names = ", ".join(one_line(name, 60) for name in known[:LISTED])
    places = ", ".join(dict.fromkeys(one_line(folder.name) for folder in (there or folders[:2])))
    raise RequestError(
        f"there is no {title} {one_line(guide.model, 60)!r} in {places or 'any folder'}; "
        + (f"there are: {names}" if known else "expected the name of one there, or a path")
    )


def _below(folder: Path) -> Iterator[Path]:
    """Give each model in a folder or below: a file, or the folder that has its configuration."""
    seen: set[Path] = set()
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        whole = path.parent if (path.parent / CONFIG).is_file() else path
        if whole not in seen and whole != folder:
            seen.add(whole)
            yield whole
