"""Words that were learned from pictures (textual inversion): a name in the prompt -> its vectors.

`<embedding:name>` in a prompt, or the name alone as a word, stands for one or more vectors in the
table of each text encoder. They are put in for the prompts that name them, and taken out after.

Source: Gal et al. 2022, arXiv 2208.01618, section 4.
"""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molnar.base.errors import RequestError, WeightsError, one_line
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.bridge.lora_files import find_adapter

_ASKED = re.compile(r"<(?:embedding|ti):([^<>:]{1,200})>", re.IGNORECASE)
_WORD = re.compile(r"[\w.+-]+")
ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
# What the files of two encoders call the vectors of each.
_OF_ENCODER = ({"clip_l", "text_encoders_0"}, {"clip_g", "text_encoders_1"})
LORAS = "loras"  # a folder in which a plain word of a prompt is no name
MOST = 16  # embeddings of one prompt
MOST_VECTORS = 75  # of one: what a prompt can hold


@dataclass(frozen=True, slots=True)
class AskedEmbedding:
    """An embedding that a prompt names.

    Example:
        >>> AskedEmbedding("cat-toy", Path("cat-toy.safetensors")).token[:9]
        'molnar_ti'
    """

    name: str
    path: Path

    @property
    def token(self) -> str:
        """What stands for it in the tokenizer: no word that anyone would write."""
        # Ends in a letter: with a number behind it, diffusers makes those of further vectors.
        return f"molnar_ti{zlib.crc32(str(self.path.resolve()).encode()):08x}x"


def parse_embeddings(
    prompt: str, folders: Iterable[Path]
) -> tuple[str, tuple[AskedEmbedding, ...]]:
    """Find the embeddings that a prompt names.

    Args:
        prompt: `<embedding:name>` must be there; a word that is the name of a file is one too,
            but for those in a folder of LoRAs.
        folders: Where the files are; the first folder wins.

    Returns:
        The prompt with a token in place of each, and what was named, each once.

    Raises:
        RequestError: There is no such file, or more than 16 are named.
        WeightsError: It is a pickle.

    Example:
        >>> parse_embeddings("a red fox", [])
        ('a red fox', ())
    """
    folders = list(folders)
    found: dict[str, AskedEmbedding] = {}

    def put(name: str, where: Iterable[Path] = folders) -> str:
        path = find_adapter(name, where)
        asked = found.setdefault(name.lower(), AskedEmbedding(name, path))
        return f" {asked.token} "

    text = _ASKED.sub(lambda match: put(match[1].strip()), prompt)
    words = [folder for folder in folders if folder.name != LORAS]
    bare = {path.stem.lower() for folder in words for path in _files(folder)}
    if bare:
        text = _WORD.sub(
            lambda match: put(match[0], words).strip() if match[0].lower() in bare else match[0],
            text,
        )
    if len(found) > MOST:
        raise RequestError(f"prompt names {len(found)} embeddings; expected at most {MOST}")
    if not found:
        return prompt, ()
    return re.sub(r" {2,}", " ", text).strip(), tuple(found.values())


def _files(folder: Path) -> Iterator[Path]:
    # Pickles too: a word that names one is refused with a reason rather than read as a word.
    suffixes = (".safetensors", *PICKLE_SUFFIXES)
    yield from (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


class Embeddings:
    """The learned words of one pipeline, changed from request to request.

    Args:
        pipe: A diffusers pipeline with CLIP's text encoders; it is changed in place.

    Example:
        >>> from types import SimpleNamespace
        >>> Embeddings(SimpleNamespace()).applied
        ()
    """

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.applied: tuple[AskedEmbedding, ...] = ()
        self._before: list[tuple[str, str, Any, Any]] = []
        self._counts: dict[str, int] = {}

    def use(self, wanted: Iterable[AskedEmbedding]) -> None:
        """Make these the learned words of the pipeline, and no others.

        Raises:
            RequestError: The family reads its prompts otherwise.
            WeightsError: A file is corrupt, a pickle, or made for another text encoder. The
                pipeline then has no learned words.
        """
        asked = tuple(wanted)
        if asked == self.applied:
            return
        self._restore()
        if not asked:
            return
        if not hasattr(self.pipe, "load_textual_inversion"):
            raise RequestError(
                f"{type(self.pipe).__name__} takes no embeddings; leave "
                f"<embedding:{one_line(asked[0].name, 60)}> out"
            )
        pairs = self._pairs()
        read = [(one, _vectors(one.path, pairs)) for one in asked]
        self._keep(pairs)
        try:
            for one, vectors in read:
                for (tokenizer, encoder), table in zip(pairs, vectors, strict=True):
                    self.pipe.load_textual_inversion(
                        {one.token: table}, tokenizer=tokenizer, text_encoder=encoder
                    )
                self._counts[one.token] = len(vectors[0])
        except BaseException:
            self._restore()
            raise
        self.applied = asked

    def written(self, prompt: str) -> str:
        """Return a prompt with each learned word written as all of its tokens.

        What diffusers' pipelines do with a plain prompt themselves; for whoever reads prompts in
        another way.
        """
        for token, count in self._counts.items():
            every = " ".join([token, *(f"{token}_{n}" for n in range(1, count))])
            prompt = re.sub(rf"{token}(?!_)", every, prompt)
        return prompt

    def clear(self) -> None:
        """Take every learned word out; tables and tokenizers are what they were."""
        self.use(())

    def _pairs(self) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = [
            (getattr(self.pipe, t, None), getattr(self.pipe, e, None)) for t, e in ENCODERS
        ]
        return [pair for pair in found if None not in pair]

    def _keep(self, pairs: list[tuple[Any, Any]]) -> None:
        for tokenizer_name, encoder_name in ENCODERS:
            tokenizer = getattr(self.pipe, tokenizer_name, None)
            encoder: Any = getattr(self.pipe, encoder_name, None)
            if (tokenizer, encoder) in pairs:
                # The numbers, not the layer: that one is given a larger table in place.
                table = encoder.get_input_embeddings().weight.data
                kept = (tokenizer_name, encoder_name, tokenizer, table)
                self._before.append(kept)
                # Words are added to copies: other pipelines of these parts read plain prompts.
                setattr(self.pipe, tokenizer_name, copy.deepcopy(tokenizer))
        pairs[:] = self._pairs()

    def _restore(self) -> None:
        for tokenizer_name, encoder_name, tokenizer, table in self._before:
            setattr(self.pipe, tokenizer_name, tokenizer)
            encoder = getattr(self.pipe, encoder_name)
            layer = encoder.get_input_embeddings()
            layer.weight.data = table.to(layer.weight.device, layer.weight.dtype)
            layer.num_embeddings = encoder.config.vocab_size = len(table)
        self._before, self._counts, self.applied = [], {}, ()


def _vectors(path: Path, pairs: list[tuple[Any, Any]]) -> list[Any]:
    """The vectors of a file for each text encoder, count x width."""
    from molnar.bridge.lora_reading import read

    tensors, _ = read(path)
    widths = [encoder.get_input_embeddings().weight.shape[1] for _, encoder in pairs]
    tables = _by_encoder(tensors, widths)
    if tables is None:
        shapes = ", ".join(
            f"{one_line(k, 30)} {tuple(v.shape)}" for k, v in list(tensors.items())[:3]
        )
        raise WeightsError(
            f"{one_line(path)} holds {shapes or 'nothing'}; expected vectors of "
            f"{' and '.join(map(str, widths))} numbers: it is for another family, or no embedding"
        )
    if len({len(table) for table in tables}) > 1 or not 1 <= len(tables[0]) <= MOST_VECTORS:
        raise WeightsError(
            f"{one_line(path)} holds {' and '.join(str(len(t)) for t in tables)} vectors; expected "
            f"as many for each text encoder, 1 to {MOST_VECTORS}"
        )
    return tables


def _by_encoder(tensors: Mapping[str, Any], widths: list[int]) -> list[Any] | None:
    tables = []
    for number, width in enumerate(widths):
        names = _OF_ENCODER[number] & set(tensors)
        if not names and len(tensors) == 1 and len(widths) == 1:
            names = set(tensors)  # "emb_params", or the word itself
        table = tensors[names.pop()] if names else None
        if table is None or table.dim() not in (1, 2) or table.shape[-1] != width:
            return None
        tables.append(table.reshape(-1, width))
    return tables
