"""What was put on a checkpoint while it drew a picture: by name, and by the hash of its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from molnar.base.errors import one_line

TITLES: Mapping[str, str] = {
    "lora": "LoRA", "embedding": "embedding", "control": "ControlNet", "ip": "IP-Adapter",
    "vae": "VAE",
}  # fmt: skip
SHORT = 10  # digits of a hash that is shown, as of a model's
_HASHES = {"lora": "Lora hashes", "embedding": "TI hashes"}  # as A1111 calls them


@dataclass(frozen=True, slots=True)
class Adapter:
    """A file that took part in a picture beside the model.

    Example:
        >>> str(Adapter("lora", "ink", "0123456789abcdef"))
        'LoRA ink 0123456789'
    """

    kind: str  # one of TITLES
    name: str
    sha256: str  # of the file; of a folder, that of its files

    def __str__(self) -> str:
        return one_line(f"{self.title} {self.sha256[:SHORT]}")

    @property
    def title(self) -> str:
        """What it is, and its name: records that are shown may be anybody's."""
        return one_line(f"{TITLES.get(self.kind, self.kind)} {self.name}", 80)


def adapters_of(record: Mapping[str, Any]) -> list[Adapter]:
    """Read those of a picture's record, which may be anybody's; what is none is left out.

    Example:
        >>> adapters_of({"adapters": [{"kind": "lora", "name": "ink", "sha256": "01"}, 7]})
        [Adapter(kind='lora', name='ink', sha256='01')]
    """
    every = record.get("adapters")
    names = ("kind", "name", "sha256")
    return [
        Adapter(**{name: one[name] for name in names})
        for one in (every if isinstance(every, list) else ())
        if isinstance(one, Mapping) and all(isinstance(one.get(name), str) for name in names)
    ]


def replaced(then: Iterable[Adapter], now: Iterable[Adapter]) -> list[str]:
    """Say which have the same name and another file by now, or are not there any more.

    Example:
        >>> replaced([Adapter("lora", "ink", "01")], [Adapter("lora", "ink", "02")])
        ['LoRA ink: 01 then, 02 now']
    """
    here = set(now)
    named = {(one.kind, one.name): one.sha256 for one in here}
    return [  # two may have one name: files of different folders
        one_line(
            f"{one.title}: {one.sha256[:SHORT]} then, "
            f"{named.get((one.kind, one.name), 'none')[:SHORT]} now"
        )
        for one in then
        if one not in here
    ]


def parameters_of(
    guides: Iterable[tuple[str, float]], adapters: Iterable[Adapter]
) -> dict[str, str]:
    """Write guides and hashes as A1111 and its ControlNet extension do.

    Args:
        guides: Name and weight of each.
        adapters: Of the picture.

    Example:
        >>> parameters_of([], [Adapter("lora", "ink", "0123456789abcdef")])
        {'Lora hashes': 'ink: 0123456789'}
    """
    found = {
        f"ControlNet {number}": f"Module: none, Model: {name}, Weight: {weight:g}"
        for number, (name, weight) in enumerate(guides)
    }
    adapters = list(adapters)
    for kind, label in _HASHES.items():
        own = [f"{one.name}: {one.sha256[:SHORT]}" for one in adapters if one.kind == kind]
        if own:
            found[label] = ", ".join(own)
    return found
