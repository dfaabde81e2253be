"""What any score must stand beside: two ceilings, a floor, and copying.

- *ground truth*: the world's own drawing of each prompt: what the judge makes of perfection;
- *through VAE and upscaler*: the same after the model's own decoder: the best that any denoiser
  could reach;
- *plan drawn by rule* (``planned``): the model's plan in the world's shapes: what it understood;
- *shuffled prompts*: the model's pictures, each judged against another prompt of its task: what
  luck gives;
- *retrieval*: the training picture whose caption is nearest to the prompt (GenEval's CLIP-retrieval
  idea): what memory gives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image
from scipy import sparse

from molnar.base.images import from_model, premultiply, to_model, unpremultiply
from molnar.base.looks import told
from molnar.base.rng import generator
from molnar.base.types import Item, Parts
from molnar.lab.data.render import render
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.checker import judge
from molnar.lab.evaluate.proceval import Trial
from molnar.lab.evaluate.prompts import Question
from molnar.lab.evaluate.sources import Pixels, Source

NATIVE_PX = 128  # side at which the shipped model draws before it enlarges
NUM_CAPTIONS = 10_000  # training captions that retrieval may look through


def ground_truth(questions: Sequence[Question], size: int = NATIVE_PX) -> Source:
    """Give the world's own drawing of each prompt (the seed changes nothing)."""
    specs = {question.prompt: question.spec for question in questions}

    def draw(prompt: str, seed: int) -> Pixels:
        return unpremultiply(render(specs[prompt], size).image)

    return draw


def through_model(questions: Sequence[Question], parts: Parts, enlarge: bool = True) -> Source:
    """Give ground truth after the model's encoder, decoder and (if ``enlarge``) upscaler."""
    specs = {question.prompt: question.spec for question in questions}

    def draw(prompt: str, seed: int) -> Pixels:
        return _passed(render(specs[prompt], NATIVE_PX).image, parts, enlarge)

    return draw


def passing(parts: Parts, manners: Sequence[str] = ()) -> Callable[[Pixels, str], Pixels]:
    """Give what sends any square picture through the model's autoencoder and upscaler.

    It takes uint8 H W 3|4 with straight alpha, and what is asked with its subject: if that is
    one of the manners, the model's finisher paints it. It gives uint8 4H 4W 4.
    """

    def passed(image: Pixels, thing: str) -> Pixels:
        native = Image.fromarray(image).convert("RGBA").resize((NATIVE_PX, NATIVE_PX))
        manner = told((Item(name=thing, behind=True),), manners)
        return _passed(premultiply(np.asarray(native)), parts, enlarge=True, manner=manner)

    return passed


def _passed(image: Pixels, parts: Parts, enlarge: bool, manner: Any = None) -> Pixels:
    """Encode, decode, paint if there is a manner, and maybe enlarge uint8 H W 4, premultiplied."""
    decoded = np.clip(np.asarray(parts.decode(parts.encode(to_model(image[None])))), -1, 1)
    if manner is not None:
        decoded = np.clip(np.asarray(parts.finish(decoded, manner)), -1, 1)
    finished = np.asarray(parts.upscale(decoded)) if enlarge else decoded
    return np.asarray(from_model(finished)[0], np.uint8)


def shuffled(trials: Sequence[Trial], seed: int = 0) -> list[Trial]:
    """Judge each picture against another prompt of the same task: no picture is drawn again.

    A task with a single prompt has no other to be judged against and is left out.
    """
    found: list[Trial] = []
    for task in dict.fromkeys(trial.question.task for trial in trials):
        own = [trial for trial in trials if trial.question.task == task]
        asked = list(dict.fromkeys(trial.question for trial in own))
        if len(asked) < 2:
            continue
        order = generator(seed, len(asked)).permutation(len(asked))
        # a cycle through a random order: everyone is moved, nobody stays
        partner = {asked[a]: asked[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
        for trial in own:
            other = partner[trial.question]
            found.append(replace(trial, question=other, verdict=judge(trial.image, other.ask)))
    return found


def retrieval(num_captions: int = NUM_CAPTIONS, world_seed: int = 0) -> Source:
    """Give the training picture whose caption is nearest to the prompt.

    Nearness is the TF-IDF cosine of words and pairs of words; the first of equals wins.

    Args:
        num_captions: how many training captions are looked through.
        world_seed: of the training world.
    """
    world = World(WorldConfig(seed=world_seed))
    texts = [world.text(index) for index in range(num_captions)]
    vocabulary = {
        term: k for k, term in enumerate(sorted({t for text in texts for t in _terms(text)}))
    }
    counts = _matrix(texts, vocabulary)
    rarity = np.log(num_captions / (1 + np.bincount(counts.indices, minlength=len(vocabulary)))) + 1
    table = _unit(counts.multiply(rarity).tocsr())

    @lru_cache(maxsize=256)
    def nearest(prompt: str) -> int:
        query = _unit(_matrix([prompt], vocabulary).multiply(rarity).tocsr())
        return int(np.asarray((table @ query.T).todense()).ravel().argmax())

    def draw(prompt: str, seed: int) -> Pixels:
        return unpremultiply(world.sample(nearest(prompt)).image)

    return draw


def _terms(text: str) -> Counter[str]:
    words = re.findall(r"[a-z0-9-]+", text.lower())
    return Counter(words) + Counter(f"{a} {b}" for a, b in pairwise(words))


def _matrix(texts: Sequence[str], vocabulary: dict[str, int]) -> sparse.csr_matrix:
    rows, columns, values = [], [], []
    for row, text in enumerate(texts):
        for term, count in _terms(text).items():
            if term in vocabulary:
                rows.append(row)
                columns.append(vocabulary[term])
                values.append(float(count))
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(texts), len(vocabulary)))


def _unit(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    return sparse.diags(1 / np.maximum(length, 1e-9)) @ matrix
