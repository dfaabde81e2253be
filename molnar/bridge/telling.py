"""What a checkpoint tells of itself: its card, and how long a prompt is to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molnar.bridge.beside import native_size

if TYPE_CHECKING:
    from molnar.bridge.recognising import Found

TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3", "prior_tokenizer")
USUAL = 77  # tokens, where a tokenizer does not say


def card_of(found: Found, *, name: str, sha256: str) -> dict[str, Any]:
    """Tell name, family, size, hash, licence and recommended settings, as plain JSON.

    Args:
        found: The checkpoint.
        name: What it is called here.
        sha256: Of its weights; empty while it is being computed.
    """
    family, (height, width) = found.family, native_size(found)
    return {
        "name": name,
        "version": family.title,
        "hash": sha256,
        "licence": found.licence,
        "megabytes": round(found.bytes / 1e6, 1),
        "defaults": {
            "steps": found.steps,
            "guidance": max(1.0, found.guidance),
            "sampler": None,
            "schedule": None,
            "width": width,
            "height": height,
        },
        "qualities": ["fast", "normal", "best"],
        "aspects": ["1:1"],
        "languages": [],
    }


def count_of(pipe: Any, prompt: str) -> tuple[int, int]:
    """Count the tokens of a prompt, and how many a pipeline's first text encoder reads.

    Args:
        pipe: A pipeline of diffusers.
        prompt: As typed.
    """
    tokenizer = next((one for key in TOKENIZERS if (one := getattr(pipe, key, None))), None)
    if tokenizer is None:
        return 0, USUAL - 2
    most = min(int(getattr(tokenizer, "model_max_length", USUAL) or USUAL), 512)
    read = tokenizer(prompt, add_special_tokens=False, truncation=False, verbose=False)
    return len(read.input_ids), most - 2
