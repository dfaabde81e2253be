"""What the model is asked beside the queue: how it reads a prompt, what it sees in a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from molnar.base.errors import RequestError

if TYPE_CHECKING:
    from molnar.app.server.drawing import Easel
    from molnar.app.session import Session
    from molnar.drawers import Guest
    from molnar.verbs import Parent

PROMPTS = 4
CAUTION = 40  # unknown words shown at once


def answer(easel: Easel, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer one question, from a thread of its own.

    Args:
        easel: The model.
        what: One of `ANSWERS`.
        arguments: As that one wants them.

    Raises:
        RequestError: It cannot be answered as it was asked.
    """
    if what not in ANSWERS:
        raise RequestError(f"no question {what!r}; expected one of: {', '.join(ANSWERS)}")
    with easel.session() as session, easel.quiet.answering():
        return ANSWERS[what](easel, session, **arguments)


def read(easel: Easel, session: Session, *, prompt: str) -> dict[str, Any]:
    """Tell how a prompt is read: tokens, words not known, and what does not fit any more."""
    from molnar.base.request import Request
    from molnar.text.expansion import expand

    guest = _guest(session)
    if guest is not None:
        return _counted(guest, prompt)
    pipeline = session.pipeline
    if not prompt.strip():
        return {"tokens": 0, "limit": pipeline.tokenizer.length - 2, "unknown": [], "lost": [],
                "read": "", "expanded": []}  # fmt: skip
    every = expand(prompt, seed=0)
    first = Request(prompt=every[0].prompt, negative_prompt=every[0].negative_prompt or "")
    texts = pipeline.texts(first)
    words = [pipeline.wording(first.replaced(prompt=text)).text for text in texts]
    unknown = pipeline.unknown(", ".join(texts))
    return {
        "tokens": max((pipeline.tokenizer.count(text) for text in words), default=0),
        "limit": pipeline.tokenizer.length - 2,
        "unknown": [{"word": one.word, "nearest": one.nearest} for one in unknown[:CAUTION]],
        "lost": [word for text in words for word in pipeline.tokenizer.truncated(text)],
        "read": ", ".join(pipeline.read(text) for text in texts),
        "expanded": [one.prompt for one in every] if len(every) > 1 else [],
    }


def _guest(session: Session) -> Guest | None:
    """Give the model if it is a public checkpoint."""
    from molnar.pipeline import Pipeline

    drawer = session.drawer
    return None if isinstance(drawer, Pipeline) else cast("Guest", drawer)


def _counted(guest: Guest, prompt: str) -> dict[str, Any]:
    """Tell of a checkpoint what is known without a dictionary: how many tokens there are."""
    count, limit = guest.count(prompt)
    return {"tokens": count, "limit": limit, "unknown": [], "lost": [], "read": prompt,
            "expanded": []}  # fmt: skip


def describe(easel: Easel, session: Session, *, picture: str) -> dict[str, Any]:
    """Say in prompts what a picture shows, the best first."""
    from molnar.seeing.describe import describe as described

    found = described(session.pipeline, _pointed(session, picture).pixels, PROMPTS)
    return {"prompts": [one.prompt for one in found], "fits": [one.fit for one in found]}


def shorten(easel: Easel, session: Session, *, prompt: str) -> dict[str, Any]:
    """Tell which words of a prompt matter."""
    from molnar.seeing.shorten import shorten as shortened

    found = shortened(session.pipeline, prompt)
    words = [
        {"text": word.text, "weight": word.weight, "useless": word.useless} for word in found.words
    ]
    return {"words": words, "prompts": list(found.prompts)}


def where(easel: Easel, session: Session, *, picture: str, words: str) -> dict[str, Any]:
    """Find what words name in a picture: a mask, kept as an input of the history."""
    from molnar.seeing.where import where as found
    from molnar.starting import SCHEME

    mask = found(session.pipeline, _pointed(session, picture), words)
    return {"picture": SCHEME + session.store.put_input(mask)}


def plan(easel: Easel, session: Session, *, prompt: str, seed: int) -> dict[str, Any]:
    """Tell what would be where, in fractions of a square: what an edit of a part is planned by."""
    from molnar.base.config import to_json

    return {"plan": [to_json(item) for item in session.planned(prompt, seed)]}


def explain(easel: Easel, session: Session, *, picture: str) -> dict[str, Any]:
    """Tell on one page which word drew what; of pictures of this model."""
    from molnar.app.explaining import story_of
    from molnar.app.parents import found
    from molnar.explain.page import page

    return {"html": page(story_of(session.pipeline, session.store, found(picture, session.store)))}


def models(easel: Easel, session: Session) -> dict[str, Any]:
    """Tell of the model that draws here."""
    guest = _guest(session)
    if guest is not None:
        return {"models": [guest.card()]}
    bundle = session.pipeline.bundle
    manifest = bundle.manifest
    defaults = manifest.defaults
    return {
        "models": [
            {
                "name": manifest.name,
                "version": manifest.version,
                "hash": bundle.hash,
                "licence": manifest.licence,
                "megabytes": round(sum(one.bytes for one in manifest.files.values()) / 1e6, 1),
                "defaults": {
                    "steps": defaults.steps,
                    "guidance": defaults.guidance,
                    "sampler": defaults.sampler,
                    "schedule": defaults.schedule,
                    "width": 512,
                    "height": 512,
                },
                "qualities": ["fast", "normal", "best"],
                "aspects": list(manifest.aspects),
                "languages": list(getattr(manifest, "languages", ())),
            }
        ]
    }


def path(easel: Easel, session: Session) -> dict[str, Any]:
    """Tell where the model lies: for clients whose protocol has a field for that."""
    guest = _guest(session)
    where = session.pipeline.bundle.folder if guest is None else guest.path
    return {"path": str(Path(where).resolve())}


def _pointed(session: Session, picture: str) -> Parent:
    from molnar.app.orders.tasks import Sources

    return Sources(session.store)[picture].parent


ANSWERS: dict[str, Callable[..., dict[str, Any]]] = {
    "read": read,
    "describe": describe,
    "shorten": shorten,
    "where": where,
    "plan": plan,
    "explain": explain,
    "models": models,
    "path": path,
}
