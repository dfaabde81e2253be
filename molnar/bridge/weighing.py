"""A prompt with weights, or a long one, in, the embeddings of a CLIP text encoder out.

A sentence is read in chunks of 75 tokens, each between a begin and an end; every token's vector is
multiplied by its weight, and the mean of the chunk restored. BREAK begins a new chunk.

Source: AUTOMATIC1111/stable-diffusion-webui, "Attention/emphasis" and "Infinite prompt length";
written anew. Prompts without weights that fit one chunk are left to diffusers itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from molnar.base.errors import MissingExtraError
from molnar.text.attention import Part, Span
from molnar.text.grammar import Term

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "hub") from error

CHUNK = 75  # tokens between begin and end
Weighed = list[tuple[int, float]]  # token numbers and what they count


@dataclass(frozen=True)
class Reader:
    """A tokenizer and its text encoder."""

    tokenizer: Any
    encoder: Any
    last: bool  # the last layer, normed; or the one before, as it is

    def chunks(self, pipe: Any, parts: Sequence[Part]) -> list[Weighed]:
        """Cut parts of weighted spans into chunks of at most 75 tokens; at least one."""
        found: list[Weighed] = []
        for part in parts:
            row: Weighed = []
            for span in part:
                row += [(token, span.weight) for token in self.tokens(pipe, span.text)]
            found += [row[at : at + CHUNK] for at in range(0, len(row), CHUNK)] or [[]]
        return found

    def tokens(self, pipe: Any, text: str) -> list[int]:
        """Give the token numbers of a text, without begin and end."""
        if hasattr(pipe, "maybe_convert_prompt"):  # names of textual inversions
            text = pipe.maybe_convert_prompt(text, self.tokenizer)
        read = self.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)
        return list(read.input_ids)

    def encoded(self, chunk: Weighed) -> tuple[Any, Any]:
        """Give the vectors of a chunk 1 77 D, and of all of it 1 P where the encoder has such."""
        begin, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        filling = [(self.tokenizer.pad_token_id, 1.0)] * (CHUNK - len(chunk))
        row = [(begin, 1.0), *chunk, (end, 1.0), *filling]
        device = self.encoder.device
        ids = torch.tensor([[token for token, _ in row]], device=device)
        mask = None
        if getattr(self.encoder.config, "use_attention_mask", False):
            mask = (torch.arange(len(row), device=device) < len(chunk) + 2).long()[None]
        out = self.encoder(ids, attention_mask=mask, output_hidden_states=not self.last)
        vectors = out.last_hidden_state if self.last else out.hidden_states[-2]
        weights = torch.tensor([weight for _, weight in row], device=device, dtype=vectors.dtype)
        if bool((weights != 1).any()):
            moved = vectors * weights[None, :, None]
            vectors = moved * (vectors.float().mean() / moved.float().mean()).to(vectors.dtype)
        return vectors, getattr(out, "text_embeds", None)


def readers(pipe: Any) -> list[Reader]:
    """Give the CLIP readers of a Stable Diffusion pipeline, one or two."""
    second = getattr(pipe, "text_encoder_2", None)
    pairs = [(pipe.tokenizer, pipe.text_encoder)] if pipe.text_encoder is not None else []
    if second is not None:
        pairs.append((pipe.tokenizer_2, second))
    return [Reader(tokenizer, encoder, second is None) for tokenizer, encoder in pairs]


def is_plain(pipe: Any, term: Term) -> bool:
    """Tell whether diffusers itself reads a text as it is meant: no weights, and it is short."""
    spans = [span for part in term.parts for span in part]
    if len(term.parts) > 1 or any(span.weight != 1 for span in spans):
        return False
    return all(len(one.tokens(pipe, term.plain)) <= CHUNK for one in readers(pipe))


def embeddings(pipe: Any, term: Term, negative: Term | None) -> dict[str, Any]:
    """Encode a text and what to keep away from: arguments for the pipeline's call.

    Args:
        pipe: Of Stable Diffusion 1, 2 or XL.
        term: What to draw.
        negative: What to keep out; None = the pipeline is not guided. An empty text is all zeros
            where the checkpoint says so.
    """
    all_of = readers(pipe)
    given = [_parts(term), *([_parts(negative)] if negative is not None else [])]
    cut = [[one.chunks(pipe, parts) for one in all_of] for parts in given]
    most = max(len(chunks) for row in cut for chunks in row)
    names = ["prompt_embeds", "negative_prompt_embeds"]
    told: dict[str, Any] = {}
    with torch.no_grad():
        for name, row in zip(names, cut, strict=False):
            vectors, pooled = _joined(all_of, row, most)
            empty = name.startswith("negative") and negative is not None and not negative.plain
            if empty and pipe.config.get("force_zeros_for_empty_prompt"):
                vectors = torch.zeros_like(vectors)
                pooled = None if pooled is None else torch.zeros_like(pooled)
            told[name] = vectors
            if hasattr(pipe, "text_encoder_2"):
                told[name.replace("prompt", "pooled_prompt")] = pooled
    return told


def _joined(all_of: Sequence[Reader], row: Sequence[list[Weighed]], most: int) -> tuple[Any, Any]:
    """Encode the chunks of a text by every reader: vectors 1 77n D, and the first one's whole."""
    wide, pooled = [], None
    for one, chunks in zip(all_of, row, strict=True):
        read = [one.encoded(chunk) for chunk in [*chunks, *[[]] * (most - len(chunks))]]
        wide.append(torch.cat([vectors for vectors, _ in read], dim=1))
        pooled = read[0][1]
    return torch.cat(wide, dim=-1), pooled


def _parts(term: Term) -> Sequence[Part]:
    return term.parts or ((Span(""),),)
