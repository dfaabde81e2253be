"""What was drawn in, the JSON that OpenAI's clients read out; pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molnar.app.job import Job, StoredPicture
from molnar.app.server.openai.asking import FORMATS, THEIR_QUALITY, Ask
from molnar.app.server.openai.sizes import Size, said

OWNER = "molnar"
OURS = "molnar"  # the one key of an answer that OpenAI does not have


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture as it goes out."""

    picture: StoredPicture
    size: Size
    b64_json: str | None = None  # one of these two is there
    url: str | None = None


def answer(
    ask: Ask, jobs: Sequence[Job], made: Sequence[Made], usage: Any, created: int
) -> dict[str, Any]:
    """Write the answer to a call that waits for its pictures."""
    return {
        "created": created,
        "data": [datum(ask, one) for one in made],
        **shared(ask, jobs, made[0].size),
        **({"usage": usage} if usage else {}),
        OURS: told(jobs),
    }


def datum(ask: Ask, made: Made) -> dict[str, Any]:
    """Write one picture; the prompt comes along where another one was drawn than was sent."""
    found: dict[str, Any] = {"b64_json": made.b64_json} if made.b64_json else {"url": made.url}
    prompt = drawn_prompt(made.picture)
    if prompt and prompt != ask.prompt:
        found["revised_prompt"] = prompt
    return found


def drawn_prompt(picture: StoredPicture) -> str:
    """Give the text that a picture was drawn from, after all that is written out was."""
    own = picture.record.get("request")
    return str(own.get("prompt", "")) if isinstance(own, Mapping) else picture.prompt


def shared(ask: Ask, jobs: Sequence[Job], size: Size) -> dict[str, Any]:
    """Write what is the same for all pictures of a call."""
    request = jobs[0].request
    clear = bool(request.get("transparent", ask.background == "transparent"))
    quality = str(request.get("quality", ask.quality))
    return {
        "background": "transparent" if clear else "opaque",
        "output_format": FORMATS[ask.suffix if ask.answer == "b64_json" else ".png"],
        "quality": THEIR_QUALITY.get(quality, "medium"),
        "size": said(size),
    }


def told(jobs: Sequence[Job]) -> dict[str, Any]:
    """Write what OpenAI has no place for: where the pictures are, their seeds, and our remarks."""
    pictures = [picture for job in jobs for picture in job.pictures]
    unknown = {
        str(word.get("word")): word
        for picture in pictures
        for word in picture.record.get("unknown", ())
        if isinstance(word, Mapping)
    }
    return {
        "jobs": [job.id for job in jobs],
        "pictures": [{"reference": one.reference, "seed": one.seed} for one in pictures],
        "notes": list(dict.fromkeys(note for job in jobs for note in job.extra.get("notes", ()))),
        "unknown": list(unknown.values()),
    }


def usage_of(text: int, images: int = 0) -> dict[str, Any]:
    """Count tokens: those that the model read. It writes none: its pictures are not made of them.

    Example:
        >>> usage_of(9)["total_tokens"]
        9
    """
    return {
        "input_tokens": text + images,
        "output_tokens": 0,
        "total_tokens": text + images,
        "input_tokens_details": {"text_tokens": text, "image_tokens": images},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    }


def model(name: str, created: int = 0) -> dict[str, Any]:
    """Write a model.

    Example:
        >>> model("sticker")["object"]
        'model'
    """
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}
