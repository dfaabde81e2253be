"""Jobs in, what an agent reads out: text, small pictures, links to the files, and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from molnar.app.job import Job, StoredPicture
from molnar.app.server.agents.desk import Desk
from molnar.base.errors import DataError

SMALL = 512  # pixels a side, of a picture that is shown
SMALLER = 256  # where there are several
SHOWN = 4  # pictures; of more there are links
QUALITY = 85  # of a small picture


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture as an agent sees it."""

    uri: str
    name: str
    length: int  # bytes of the file
    about: str
    small: bytes | None = None  # WebP


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a tool gives back."""

    text: str
    structured: Mapping[str, Any]
    pictures: Sequence[Shown] = field(default_factory=tuple)


def described(job: Job, desk: Desk) -> dict[str, Any]:
    """Say of a job what an agent may want to know."""
    return {
        "job": job.id,
        "state": job.state,
        "verb": job.verb,
        "prompt": job.prompt,
        "model": job.model,
        "error": job.error,
        "pictures": [
            {
                "reference": one.reference,
                "seed": one.seed,
                "width": one.width,
                "height": one.height,
                "uri": desk.place(one),
            }
            for one in job.pictures
        ],
        "notes": list(job.extra.get("notes", ())),
        "unknown": unknown(job),
    }


def unknown(job: Job) -> list[dict[str, Any]]:
    """List the words of a job that the model was not taught, each once, with near ones."""
    found = {
        str(word["word"]): {"word": str(word["word"]), "nearest": list(word.get("nearest", ()))}
        for picture in job.pictures
        for word in picture.record.get("unknown", ())
        if isinstance(word, Mapping) and "word" in word
    }
    return list(found.values())


def told(job: Job) -> str:
    """Say of a job in a few lines what matters."""
    if not job.pictures:
        why = f": {job.error}" if job.error else ""
        return f"{job.id} is {job.state}{why}"
    lines = [
        f"{one.reference}: {one.width} x {one.height}, seed {one.seed}" for one in job.pictures
    ]
    lines += [f"note: {note}" for note in job.extra.get("notes", ())]
    for word in unknown(job):
        near = f"; near: {', '.join(word['nearest'])}" if word["nearest"] else ""
        lines.append(f"note: this model was not taught {word['word']!r}{near}")
    return "\n".join(lines)


def shown(pictures: Sequence[StoredPicture], desk: Desk) -> list[Shown]:
    """Make pictures small enough to be looked at; of the rest, say where they are."""
    side = SMALL if len(pictures) == 1 else SMALLER
    return [
        Shown(
            uri=desk.place(one),
            name=f"{one.reference}.png",
            length=one.bytes,
            about=f"{one.width} x {one.height}, seed {one.seed}",
            small=_small(one, side) if index < SHOWN else None,
        )
        for index, one in enumerate(pictures)
    ]


def _small(picture: StoredPicture, side: int) -> bytes:
    """Return a picture as a WebP of at most so many pixels a side, marked as made by a model."""
    from molnar.base import metadata
    from molnar.base.images import checked

    try:
        data = picture.path.read_bytes()
    except OSError:
        raise DataError(
            f"the file of {picture.reference} is gone: `molnar again {picture.job}` draws it anew"
        ) from None
    image = checked("the picture", data)
    image.thumbnail((side, side))
    return metadata.encode(image, {}, "", ".webp", QUALITY)


def of_jobs(jobs: Sequence[Job], desk: Desk) -> Answer:
    """Answer with what was drawn."""
    pictures = [picture for job in jobs for picture in job.pictures]
    return Answer(
        text="\n".join(told(job) for job in jobs),
        structured={"jobs": [described(job, desk) for job in jobs]},
        pictures=shown(pictures, desk),
    )


def of_job(job: Job, desk: Desk) -> Answer:
    """Answer with how a job stands."""
    return Answer(
        text=told(job), structured=described(job, desk), pictures=shown(job.pictures, desk)
    )


def of_models(models: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer with the models there are."""
    names = ", ".join(str(model.get("name")) for model in models)
    return Answer(text=f"models: {names}", structured={"models": [dict(model) for model in models]})
