"""Tokenizers of a few hundred tokens: every byte, and a handful of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ("a", "the", "red", "blue", "green", "fox", "cat", "circle", "square", "photo", "of", "in")


def byte_letters() -> list[str]:
    """Return the 256 letters that byte-level BPE writes bytes with, in GPT-2's order."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def merged(words: tuple[str, ...], end: str) -> list[tuple[str, str]]:
    """Return the merges that join each word from the left, its last letter carrying `end`."""
    merges: dict[tuple[str, str], None] = {}
    for word in words:
        pieces = [*word[:-1], word[-1] + end]
        for at in range(1, len(pieces)):
            merges["".join(pieces[:at]), pieces[at]] = None
    return list(merges)


def clip_tokenizer(length: int = 77, pad: str = "<|endoftext|>") -> Any:
    """Return CLIP's tokenizer; its marks stand last in the vocabulary, as in the real one."""
    from transformers import CLIPTokenizer

    letters = byte_letters()
    merges = merged(WORDS, "</w>")
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += [left + right for left, right in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if pad not in vocabulary:
        raise ValueError(f"{pad!r} is not in the vocabulary")
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=length)


def as_of_2022(folder: Path) -> None:
    """Leave a saved CLIP tokenizer as the checkpoints of 2022 have it: vocab.json, merges.txt."""
    fast = folder / "tokenizer.json"
    model = json.loads(fast.read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    fast.unlink()


def t5_tokenizer(length: int = 64) -> Any:
    """Return T5's tokenizer: a Unigram model whose pad, end and unknown are 0, 1 and 2."""
    from transformers import T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *t5_pieces()]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=length)


def t5_pieces() -> list[tuple[str, float]]:
    """Return the pieces of a Unigram model, words before letters, each with its logarithm."""
    letters = [chr(code) for code in range(33, 127)]
    return [
        ("▁", -2.0),
        *(("▁" + word, -3.0) for word in WORDS),
        *((letter, -6.0) for letter in letters),
    ]


def roberta_tokenizer(length: int = 77) -> Any:
    """Return XLM-RoBERTa's tokenizer: T5's pieces after four marks."""
    from transformers import XLMRobertaTokenizer

    marks = ("<s>", "<pad>", "</s>", "<unk>")
    pieces = [(mark, 0.0) for mark in marks] + t5_pieces()
    return XLMRobertaTokenizer(vocab=[*pieces, ("<mask>", 0.0)], model_max_length=length)


QWEN_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_MARKS = ("vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")


def qwen_tokenizer(length: int = 512) -> Any:
    """Return Qwen's tokenizer: byte-level BPE with a mark at each turn of a talk."""
    from transformers import Qwen2Tokenizer

    space = "\u0120"  # how byte-level BPE writes the space before a word
    merges = merged(tuple(space + word for word in WORDS), "")
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|{m}|>" for m in QWEN_MARKS)]
    tokens = [*byte_letters(), *(left + right for left, right in merges), *marks]
    made = Qwen2Tokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        model_max_length=length,
        additional_special_tokens=marks[1:],
    )
    made.chat_template = QWEN_CHAT
    return made


def gemma_tokenizer(length: int = 512) -> Any:
    """Return Gemma's tokenizer: BPE over letters, with bytes for what it does not know."""
    from tokenizers.processors import TemplateProcessing
    from transformers import GemmaTokenizer

    merges = merged(tuple("▁" + word for word in WORDS), "")
    letters = ["▁", *(chr(code) for code in range(33, 127))]
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [*letters, *(left + right for left, right in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = GemmaTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)
    made.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    return made


def llama_tokenizer(length: int = 512) -> Any:
    """Return Llama's tokenizer: Gemma's, with other marks."""
    from transformers import LlamaTokenizer

    merges = merged(tuple("▁" + word for word in WORDS), "")
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    tokens += [*(chr(code) for code in range(33, 127)), *(left + right for left, right in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = LlamaTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)
    made.pad_token = "</s>"
    return made


def bert_tokenizer(length: int = 77) -> Any:
    """Return BERT's tokenizer: whole words, and letters for the others."""
    from transformers import BertTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS[1:], *letters]
    tokens += ["##" + letter for letter in letters]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return BertTokenizer(vocab=vocabulary, model_max_length=length)


def glm_tokenizer(length: int = 512) -> Any:
    """Return GLM's tokenizer: Qwen's, with two marks before every sentence."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    made = qwen_tokenizer(length).backend_tokenizer
    marks = ("[gMASK]", "<sop>")
    made.add_special_tokens(list(marks))
    made.post_processor = TemplateProcessing(
        single="[gMASK] <sop> $A", special_tokens=[(mark, made.token_to_id(mark)) for mark in marks]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<|endoftext|>", model_max_length=length
    )
