"""Processors of models that read and see; they need torchvision."""

from __future__ import annotations

from typing import Any

from tiny_models.words import QWEN_CHAT, byte_letters, qwen_tokenizer

MISTRAL_CHAT = (
    "{% for message in messages %}[INST]{% for part in message.content %}{{ part.text }}"
    "{% endfor %}[/INST]{% endfor %}"
)


def qwen_processor(kind: str = "Qwen2VLProcessor") -> Any:
    """Return the processor of Qwen's models that see: words, pictures and videos."""
    import transformers

    eyes = "Qwen3VL" if kind.startswith("Qwen3") else "Qwen2VL"
    small = {"min_pixels": 56 * 56, "max_pixels": 64 * 64}
    return getattr(transformers, kind)(
        image_processor=transformers.Qwen2VLImageProcessor(**small),
        tokenizer=qwen_tokenizer(),
        video_processor=getattr(transformers, f"{eyes}VideoProcessor")(),
        chat_template=QWEN_CHAT,
    )


def mistral_tokenizer(length: int = 512) -> Any:
    """Return Mistral's tokenizer: byte-level BPE without a single merge."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    marks = ["<unk>", "[IMG]", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[IMG_BREAK]"]
    tokens = [*marks, "[IMG_END]", *byte_letters()]
    made = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([*marks, "[IMG_END]"])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        model_max_length=length,
    )


def mistral_processor() -> Any:
    """Return the processor of Mistral Small 3, which is that of Pixtral."""
    from transformers import PixtralImageProcessor, PixtralProcessor

    return PixtralProcessor(
        image_processor=PixtralImageProcessor(patch_size={"height": 6, "width": 6}),
        tokenizer=mistral_tokenizer(),
        patch_size=6,
        chat_template=MISTRAL_CHAT,
    )


GLM_CHAT = (
    "[gMASK]<sop>{% for message in messages %}{% for part in message.content %}{{ part.text }}"
    "{% endfor %}{% endfor %}"
)


def glm_image_processor() -> Any:
    """Return the processor of GLM-Image: it writes the size of the picture behind the words."""
    import transformers

    marks = {
        "image_token": "<|image|>",
        "grid_bos_token": "<sop>",
        "grid_eos_token": "<eop>",
        "bos_token": "[gMASK]",
    }
    words = qwen_tokenizer().backend_tokenizer
    words.add_special_tokens(list(marks.values()))
    tokens = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<|endoftext|>",
        bos_token=marks["bos_token"],
        extra_special_tokens={k: v for k, v in marks.items() if k != "bos_token"},
    )
    return transformers.GlmImageProcessor(
        image_processor=transformers.GlmImageImageProcessor(patch_size=8, merge_size=1),
        tokenizer=tokens,
        chat_template=GLM_CHAT,
    )
