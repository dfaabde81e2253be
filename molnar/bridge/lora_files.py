"""`<lora:name:0.8>` in a prompt -> which file, how strongly, and what the file says of itself.

Nothing here imports torch: a prompt is read, and a file is found or refused, before a model is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from molnar.base.errors import RequestError, WeightsError, one_line
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.text.grammar import networks

SUFFIX = ".safetensors"
PEFT_FILE = "adapter_model.safetensors"  # of peft's `save_pretrained`
DIFFUSERS_FILE = "pytorch_lora_weights.safetensors"  # of diffusers' `save_lora_weights`
MOST = 16  # adapters of one prompt: each is a file to read
LONGEST = 200  # characters of a name
ROOTS = ("/", "./", "../", "~", ".\\", "..\\")  # how what is no name begins
_UNSAID = re.compile(r"[:<>{}|#\\\n]|__.+__")  # what a prompt reads otherwise
HEAVIEST = 10.0  # a weight: beyond it there is only noise


@dataclass(frozen=True, slots=True)
class AskedLora:
    """A LoRA as a prompt asks for it.

    Example:
        >>> AskedLora("ink", 0.8).text_weight
    """

    name: str
    weight: float = 1.0  # of the network that draws
    text_weight: float | None = None  # of the text encoders; None = the same


@dataclass(frozen=True, slots=True)
class GivenLora:
    """A LoRA as the command line names it.

    Example:
        >>> GivenLora("ink", "0.8").path
    """

    name: str  # as prompts name it
    weights: str = "1"  # as in a prompt: one, or one for the picture and one for the text
    path: Path | None = None  # None: to be found by its name


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file and how strongly it is to act.

    Example:
        >>> Lora(Path("ink.safetensors"), 0.5).on_text
        0.5
    """

    path: Path
    weight: float = 1.0
    text_weight: float | None = None

    @property
    def on_text(self) -> float:
        """The weight on the text encoders."""
        return self.weight if self.text_weight is None else self.text_weight


def parse_loras(prompt: str) -> tuple[str, tuple[AskedLora, ...]]:
    """Take `<lora:name>`, `<lora:name:0.8>` and `<lora:name:picture:text>` out of a prompt.

    `<lyco:...>` means the same: which of the two a file is, is read from it.

    Returns:
        The prompt without them, and what they ask for, in order.

    Raises:
        RequestError: A weight is not a number in [-10, 10], there are more than 16, or a
            hypernetwork is asked for, which are pickles.

    Example:
        >>> parse_loras("a fox <lora:ink:0.8> in snow")
        ('a fox in snow', (AskedLora(name='ink', weight=0.8, text_weight=None),))
    """
    rest, found = networks(prompt)
    asked = []
    for network in found:
        if network.kind == "hypernet":
            raise RequestError(
                f"prompt asks for the hypernetwork {one_line(network.name, 60)!r}, which are only "
                "made as pickles; expected <lora:name:0.8>, leave it out"
            )
        weights = network.weights[:2]
        if any(abs(weight) > HEAVIEST for weight in weights):
            raise RequestError(
                f"<lora:{one_line(network.name, 60)}> has the weight {max(weights, key=abs):g}; "
                f"expected -{HEAVIEST:g} to {HEAVIEST:g}"
            )
        asked.append(AskedLora(network.name, weights[0], weights[1] if weights[1:] else None))
    if len(asked) > MOST:
        raise RequestError(f"prompt asks for {len(asked)} LoRAs; expected at most {MOST}")
    return rest, tuple(asked)


def given_loras(texts: Iterable[str]) -> tuple[GivenLora, ...]:
    """Read what the command line names: `NAME`, `NAME:0.8`, or a file in place of the name.

    A text with a folder or an ending in it is a file, if there is one; else it is a name.

    Raises:
        RequestError: Two files have one name, or a name that no prompt can hold; or there is no
            file at what can only be a path.
        WeightsError: A file is a pickle, or something else.

    Example:
        >>> given_loras(["ink:0.8", "oil"])[0]
        GivenLora(name='ink', weights='0.8', path=None)
    """
    found = tuple(map(_given, texts))
    files: dict[str, Path] = {}
    for one in found:
        if one.path and files.setdefault(one.name.lower(), one.path) != one.path:
            raise RequestError(
                f"{one_line(files[one.name.lower()])} and {one_line(one.path)} have one name; "
                "expected another for each, rename one"
            )
    return found


def named_loras(texts: Iterable[str]) -> str:
    """Write LoRAs as a prompt has them, by their names alone: for who may not name a file.

    Raises:
        RequestError: It is a path, or no prompt can hold it.

    Example:
        >>> named_loras(["ink:0.8", "oil"])
        '<lora:ink:0.8> <lora:oil:1>'
    """
    found = []
    for text in texts:
        name, _, weights = text.partition(":")
        path = name.startswith(ROOTS) or Path(name).is_absolute() or ".." in Path(name).parts
        if path or not name.strip() or len(text) > LONGEST or _UNSAID.search(name):
            raise RequestError(
                f"lora is {one_line(text, 60)!r}; expected the name of one of those that are "
                "here, or NAME:0.8"
            )
        if re.search(r"[^\d.:+-]", weights):
            raise RequestError(f"lora is {one_line(text, 60)!r}; expected a number behind the name")
        found.append(f"<lora:{name}:{weights or '1'}>")
    return " ".join(found)


def _given(text: str) -> GivenLora:
    named, weights = text, ""
    for _ in range(3):  # a weight, and another for the text
        if (path := _placed(named)) is not None:
            name = name_of(path)
            if _UNSAID.search(name) or len(name) > LONGEST:
                raise RequestError(
                    f"{one_line(path)} has a name that no prompt can hold; expected at most "
                    f"{LONGEST} characters, and none of " + r": < > { } | # \, rename it"
                )
            return GivenLora(name, weights or "1", path)
        named, colon, last = named.rpartition(":")
        if not colon or not named:
            break
        weights = f"{last}:{weights}" if weights else last
    name, _, weights = text.partition(":")
    if text.startswith(ROOTS) or Path(text).is_absolute():
        raise RequestError(
            f"there is no LoRA at {one_line(text)}; expected a .safetensors file, or a folder with "
            f"{PEFT_FILE}"
        )
    return GivenLora(name, weights or "1")


def _placed(text: str) -> Path | None:
    """The file at a path; None: there is none, or it is but a name."""
    path = Path(text)
    bare = path.name == text and path.suffix.lower() not in (SUFFIX, *PICKLE_SUFFIXES)
    if bare:
        return None
    with suppress(RuntimeError):  # nobody's home
        path = path.expanduser()
    return _file_of(path)


def name_of(path: Path) -> str:
    """Give the name by which a prompt asks for a file.

    Example:
        >>> name_of(Path("loras/ink.safetensors")), name_of(Path("moss/adapter_model.safetensors"))
        ('ink', 'moss')
    """
    whole = path.name in (PEFT_FILE, DIFFUSERS_FILE)
    return path.absolute().parent.name if whole else _stem(path.name)


def find_adapter(name: str, folders: Iterable[Path]) -> Path:
    """Find the file of a LoRA, an embedding or another adapter by its name.

    A name is that of a file with or without `.safetensors`, of a folder that peft or diffusers
    wrote, or either in a folder below; upper and lower case are the same.

    Args:
        name: As in the prompt.
        folders: Where to look, the first wins; a path out of them is no name.

    Raises:
        RequestError: There is none; the nearest names are said.
        WeightsError: It is a pickle.
    """
    folders = [folder for folder in folders if folder.is_dir()]
    for folder in folders:
        direct = folder / name
        within = direct.resolve().is_relative_to(folder.resolve())
        if within and (file := _file_of(direct)):
            return file
    wanted = _stem(name).lower()
    known: dict[str, Path] = {}
    for folder in folders:
        for path in adapters_in(folder):
            known.setdefault(_stem(path.name).lower(), path)
    if wanted in known and (file := _file_of(known[wanted])):
        return file
    near = difflib.get_close_matches(wanted, known, n=3)
    # Their names alone: this is said to who asks over a network, too.
    places = ", ".join(dict.fromkeys(one_line(folder.name) for folder in folders))
    raise RequestError(
        f"there is no adapter {one_line(name, 60)!r} in {places or 'any folder'}"
        + (f"; did you mean {', '.join(near)}?" if near else "; expected the name of a file there")
    )


def _file_of(path: Path) -> Path | None:
    """The safetensors file that a path stands for."""
    if path.is_dir():
        return next((f for n in (PEFT_FILE, DIFFUSERS_FILE) if (f := path / n).is_file()), None)
    if path.is_file():
        checked(path)
        return path
    with_suffix = path.with_name(path.name + SUFFIX) if path.name else path
    return with_suffix if with_suffix.is_file() else None


def checked(path: Path) -> Path:
    """Return a path that is safetensors by its name.

    Raises:
        WeightsError: It is a pickle, or something else.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        raise WeightsError(
            f"{one_line(path)} is a pickle, which can run code when opened; expected .safetensors: "
            "look for that version where it came from, or convert it on a machine you can lose"
        )
    if suffix != SUFFIX:
        raise WeightsError(f"{one_line(path)} is no adapter; expected a .safetensors file")
    return path


def _stem(name: str) -> str:
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = base.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in (SUFFIX, *PICKLE_SUFFIXES) else base


def adapters_in(folder: Path) -> Iterator[Path]:
    """Give all adapters below a folder, pickles too, since they are to be refused by name."""
    pickles = []
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if path.name in (PEFT_FILE, DIFFUSERS_FILE):
            yield path.parent
        elif suffix == SUFFIX:
            yield path
        elif suffix in PICKLE_SUFFIXES:
            pickles.append(path)
    yield from pickles  # last, so that a safe file of the same name is found before
