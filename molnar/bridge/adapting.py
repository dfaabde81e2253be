"""LoRAs and learned words that a prompt asks for in: they are on while its picture is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molnar.base.request import Request
from molnar.bridge.embeddings import AskedEmbedding, Embeddings, parse_embeddings
from molnar.bridge.lora_files import Lora, find_adapter, name_of, parse_loras
from molnar.bridge.loras import Loras

TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")


@dataclass(frozen=True)
class Worn:
    """What one request wears, and its texts without the names of that.

    Example:
        >>> Worn("a fox", "").loras
        ()
    """

    prompt: str
    negative: str
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[AskedEmbedding, ...] = ()


class Wardrobe:
    """The adapters of one checkpoint, changed from request to request.

    Args:
        pipe: A pipeline of diffusers; its networks are changed in place.
        folders: Where LoRAs and embeddings lie.
        files: LoRAs from elsewhere, which go before those of the same name.
    """

    def __init__(self, pipe: Any, folders: Sequence[Path] = (), files: Sequence[Path] = ()) -> None:
        self.pipe, self.folders = pipe, tuple(folders)
        self._files = {name_of(path).lower(): path for path in files}
        self._loras: Loras | None = None
        self._embeddings: Embeddings | None = None

    def read(self, request: Request) -> Worn:
        """Find what the texts of a request name.

        Raises:
            RequestError: There is no such adapter.
            WeightsError: It is a pickle.
        """
        if request.literal:
            return Worn(request.prompt, request.negative_prompt)
        folders = [folder for folder in self.folders if folder.is_dir()]
        prompt, asked = parse_loras(request.prompt)
        loras = [
            Lora(
                self._files.get(one.name.lower()) or find_adapter(one.name, folders),
                one.weight,
                one.text_weight,
            )
            for one in asked
        ]
        prompt, first = parse_embeddings(prompt, folders)
        negative, second = parse_embeddings(request.negative_prompt, folders)
        every = tuple(dict.fromkeys((*first, *second)))
        return Worn(prompt, negative, tuple(loras), every)

    def wear(self, worn: Worn) -> None:
        """Put on what a request wears, and nothing else; quick where it is on already."""
        if self._loras is None and worn.loras:
            self._loras = Loras(self.pipe)
        if self._loras is not None:
            self._loras.use(worn.loras)
        if self._embeddings is None and worn.embeddings:
            self._embeddings = Embeddings(self.pipe)
        if self._embeddings is not None:
            self._embeddings.use(worn.embeddings)

    def notes(self, worn: Worn) -> list[str]:
        """Say what of the files of LoRAs fits nothing here; one line each.

        Raises:
            WeightsError: A file is corrupt, or made for another family.
        """
        if self._loras is None:
            self._loras = Loras(self.pipe)
        told = (self._loras.report(lora.path).note for lora in worn.loras)
        return [line for line in told if line]

    def lend(self, pipe: Any) -> None:
        """Let another pipeline of the same networks read the words that were learned."""
        for name in TOKENIZERS:
            if pipe is not self.pipe and hasattr(self.pipe, name) and hasattr(pipe, name):
                setattr(pipe, name, getattr(self.pipe, name))
