"""Text in, token ids out: byte-level BPE over normalised lower-case text.

Every string has an encoding, because a piece that was never learned falls back to its UTF-8
bytes, and `Tokenizer.text` gives the normalised string back. Start and end markers surround the
pieces, so that the empty prompt (the unconditional one) still has real tokens to attend to.

Source: Sennrich et al. 2016, arXiv 1508.07909 (BPE); Radford et al. 2019, section 2.2 (on bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from molnar.base.errors import BundleError
from molnar.base.files import write_bytes
from molnar.base.types import Tokens

PAD, START, END, MASK = "<pad>", "<start>", "<end>", "<mask>"
SPECIALS = (PAD, START, END, MASK)


class Tokenizer:
    """Cut text into the pieces a text encoder knows.

    Example:
        >>> from molnar.lab.train.tokenizer import train_tokenizer
        >>> tokenizer = train_tokenizer({"a red circle": 9}, vocab_size=300, length=8)
        >>> tokenizer.pieces("A red  CIRCLE!")
        ['a', 'red', 'circle', '!']
    """

    def __init__(self, backend: tokenizers.Tokenizer, length: int) -> None:
        """Wrap a trained tokenizer.

        Args:
            backend: A byte-level model with `SPECIALS` as its first ids.
            length: Ids per text, markers included (at least 3).
        """
        missing = [name for name in SPECIALS if backend.token_to_id(name) is None]
        if missing:
            raise BundleError(
                f"tokenizer lacks {' '.join(missing)}; train it with `molnar train tokenizer`"
            )
        backend.no_truncation()
        backend.no_padding()
        # A user who types "<end>" means five characters, not the marker.
        backend.encode_special_tokens = True
        self._backend = backend
        self.length = length
        self.vocab_size: int = backend.get_vocab_size()
        self.pad, self.start, self.end, self.mask = (_id(backend, name) for name in SPECIALS)

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read a tokenizer.json.

        Raises:
            BundleError: The file is missing, is not a tokenizer, or does not say its length.
        """
        try:
            backend = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception for everything
            raise BundleError(
                f"{path}: not a tokenizer ({error}); expected a tokenizer.json"
            ) from error
        if backend.truncation is None:
            raise BundleError(
                f"{path}: says no length; expected `truncation.max_length`, save it again"
            )
        return cls(backend, int(backend.truncation["max_length"]))

    def save(self, path: str | Path) -> None:
        """Write a tokenizer.json; the length travels as the file's truncation setting."""
        copy = tokenizers.Tokenizer.from_str(self._backend.to_str())
        copy.enable_truncation(self.length)
        write_bytes(path, copy.to_str(pretty=True).encode(), force=True)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Encode texts to ids int64 B L and mask bool B L (True = real token), L = `length`."""
        ids = np.full((len(texts), self.length), self.pad, np.int64)
        encodings = self._backend.encode_batch(
            [_valid(text) for text in texts], add_special_tokens=False
        )
        for row, encoding in zip(ids, encodings, strict=True):
            pieces = [self.start, *encoding.ids[: self.length - 2], self.end]
            row[: len(pieces)] = pieces
        return Tokens(ids=ids, mask=ids != self.pad)

    def pieces(self, text: str) -> list[str]:
        """List the readable pieces of a text, truncated ones too; a lone byte is shown as hex."""
        return [_readable(piece) for piece in self._raw(text).tokens]

    def count(self, text: str) -> int:
        """Count the pieces of a text, markers aside; up to `length - 2` of them are read."""
        return len(self._raw(text).ids)

    def truncated(self, text: str) -> list[str]:
        """List the words that do not fit into the length, the one cut in two included."""
        encoding, kept = self._raw(text), self.length - 2
        if len(encoding.ids) <= kept:
            return []
        text = _valid(text)
        begin = encoding.offsets[kept][0]
        while begin > 0 and not text[begin].isspace() and not text[begin - 1].isspace():
            begin -= 1
        # What is cut off may be blank to Python and a piece to the tokenizer, like U+001F.
        return text[begin:].split() or [text[begin:]]

    def normalise(self, text: str) -> str:
        """Give the form of a text that is encoded: NFKC, lower case, single spaces."""
        normaliser = self._backend.normalizer
        assert normaliser is not None
        return str(normaliser.normalize_str(_valid(text)))

    def text(self, ids: Sequence[int]) -> str:
        """Decode ids back to the normalised text; markers and padding vanish."""
        words = [int(i) for i in ids if int(i) not in (self.pad, self.start, self.end)]
        decoded = str(self._backend.decode(words, skip_special_tokens=False))
        return decoded.removeprefix(" ")

    def ids(self, text: str) -> list[int]:
        """List the ids of a whole text, without markers and without a limit."""
        return list(self._raw(text).ids)

    def _raw(self, text: str) -> Any:
        return self._backend.encode(_valid(text), add_special_tokens=False)


def _id(backend: tokenizers.Tokenizer, name: str) -> int:
    found = backend.token_to_id(name)
    assert found is not None
    return int(found)


def _valid(text: str) -> str:
    # A lone surrogate has no UTF-8: it becomes "?", as `str.encode` does with "replace".
    return text.encode("utf-8", "replace").decode("utf-8")


def _byte_alphabet() -> dict[str, int]:
    """Map byte-level BPE's printable stand-ins to bytes (Radford et al. 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + n): byte for n, byte in enumerate(others)})
    return table


_BYTES = _byte_alphabet()


def _readable(piece: str) -> str:
    raw = bytes(_BYTES[letter] for letter in piece)
    return raw.decode("utf-8", "backslashreplace").strip(" ") or " "
