"""A story in, plain JSON values out: the arrays behind the page.

Maps and latents are nested lists of numbers, pictures are PNG in data: addresses.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.config import to_json as plain
from molnar.explain.figures import address
from molnar.explain.sources import Sources
from molnar.explain.story import Guided, Moment, Story, Without
from molnar.explain.words import WordMap

FORMAT = 1  # version of this JSON
DIGITS = 4  # after the point


def to_json(story: Story) -> dict[str, Any]:
    """Give a story as plain values: dictionaries, lists, numbers, texts."""
    picture = story.picture
    return {
        "format": FORMAT,
        "prompt": picture.request.prompt,
        "seed": picture.seed,
        "request": plain(picture.request),
        "model": picture.model,
        "model_hash": picture.model_hash,
        "engine": picture.engine,
        "identical": story.identical,
        "lineage": list(story.lineage),
        "image": address(picture.image),
        "read": [
            {"text": text, "pieces": [dataclasses.asdict(piece) for piece in pieces]}
            for text, pieces in zip(story.texts, story.pieces, strict=True)
        ],
        "readings": [dataclasses.asdict(one) for one in story.readings],
        "unknown": [plain(word) for word in picture.unknown],
        "plan": [plain(item) for item in picture.plan],
        "window": list(story.window),
        "words": [_word(one) for one in story.words],
        "steps": [_moment(one) for one in story.moments],
        "without": [_without(one) for one in story.without],
        "guidance": None if story.guided is None else _guided(story.guided),
        "seconds": dict(picture.seconds),
        "sources": None if story.nearest is None else _sources(story.nearest),
        "told_in_seconds": round(story.seconds, 2),
    }


def _word(one: WordMap) -> dict[str, Any]:
    return {
        "word": one.word,
        "begin": one.begin,
        "names": [round(share, DIGITS) for share in one.names],
        "colours": [round(share, DIGITS) for share in one.colours],
        "map": _numbers(one.map),
    }


def _moment(one: Moment) -> dict[str, Any]:
    return {
        "index": one.index,
        "t": round(one.t, DIGITS),
        "latent": _numbers(one.latent),
        "preview": None if one.preview is None else address(one.preview),
        "estimate": address(one.estimate),
    }


def _without(one: Without) -> dict[str, Any]:
    return {
        "word": one.word.text,
        "begin": one.word.begin,
        "prompt": one.prompt,
        "image": None if one.image is None else address(one.image),
        "difference": round(one.difference, DIGITS),
    }


def _guided(one: Guided) -> dict[str, Any]:
    return {
        "t": round(one.t, DIGITS),
        "scale": one.scale,
        "with_text": address(one.with_text),
        "without": address(one.without),
        "guided": address(one.guided),
        "change": _numbers(one.change),
    }


def _sources(found: Sources) -> dict[str, Any]:
    return {
        "drawings": found.drawings,
        "ratio": round(found.ratio, DIGITS),
        "copied": found.copied,
        "nearest": [
            {
                "concept": one.name,
                "style": one.style,
                "likeness": round(one.likeness, DIGITS),
                "project": one.origin.project,
                "licence": one.origin.licence,
            }
            for one in found.nearest
        ],
    }


def _numbers(array: NDArray[Any]) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(array, np.float64), DIGITS).tolist()
    return rounded
