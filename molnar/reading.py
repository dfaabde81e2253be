"""Prompt -> what the network is told: words, tokens, embeddings, and a plan of what goes where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import like, numbers
from molnar.base.errors import RequestError
from molnar.base.quantise import unpacked
from molnar.base.request import Request, UnknownWord
from molnar.base.rng import PLANNING, SWAYING, generator
from molnar.base.types import Parts, TextEmbedding
from molnar.base.weights import load as load_arrays
from molnar.base.words import hint
from molnar.bundle import Bundle
from molnar.plan.changes import altered, swayed
from molnar.plan.items import COLOURS, Plan, spread
from molnar.plan.paint import paint
from molnar.plan.writing import write
from molnar.resolving import CLEAR
from molnar.text.attention import Part, plain
from molnar.text.grammar import Term, Wording, parse, refuse
from molnar.text.meaning import Meaning
from molnar.text.mentions import said_of
from molnar.text.prompt import Prompt, clean, undenied
from molnar.text.tokens import Tokenizer
from molnar.text.words import Lexicon

LEAST, MOST = -1.0, 2.0  # weights of words that lead anywhere
CLEAR_WORDS = "on a transparent background"  # as in the captions it was trained on
Floats = NDArray[np.float32]
Branches = tuple[tuple[float, TextEmbedding], ...]
"""Weights and what they weigh: what one step of drawing is led by."""


@dataclass(frozen=True)
class Voice:
    """One text that leads towards what it says, or away from it."""

    text: TextEmbedding  # of one row
    whole: TextEmbedding  # the same without BREAK: what is planned, and what a picture is rated by
    weight: float
    said: str = ""  # the whole, as words
    of: int | None = None  # number of the voice that this one says less than, if it does


@dataclass(frozen=True)
class Heard:
    """What a prompt says at each step, the same for all pictures of a request."""

    stages: tuple[tuple[Voice, ...], ...]  # different things said, in the order they come up
    which: tuple[int, ...]  # for each step, the number of its stage
    null: TextEmbedding  # of nothing, or of what to keep away from

    @property
    def text(self) -> TextEmbedding:
        """What is said last, as one text: what a picture is rated by."""
        return self.stages[self.which[-1]][0].whole


@dataclass(frozen=True)
class Told:
    """What the network is told while one picture is drawn."""

    stages: tuple[Branches, ...]
    plan: Plan  # of the last step, in fractions of the frame's shorter side


class Reader:
    """The half of a pipeline that knows words.

    Example:
        >>> reader = Reader(Bundle.load("sticker"), parts)  # doctest: +SKIP
        >>> reader.read("a puppy")  # doctest: +SKIP
        'a dog face'
    """

    def __init__(self, bundle: Bundle, parts: Parts) -> None:
        """Read the vocabulary of a bundle.

        Args:
            bundle: A verified bundle.
            parts: Its parts.
        """
        self.bundle = bundle
        self.parts = parts
        self.tokenizer = Tokenizer.load(bundle.path(bundle.manifest.tokenizer))
        self.lexicon = Lexicon.load(bundle.path(bundle.manifest.words))
        self.names = names_of(bundle)
        self._meaning: Meaning | None = None

    def wording(self, request: Request) -> Prompt:
        """Prompt as typed -> as the model reads it: clean, emoji by name, background said."""
        prompt = Prompt.parse(request.prompt, request.negative_prompt)
        text = self._said(prompt.text, request.transparent)
        # What to keep away from is read as it is: nobody would see what it was changed to.
        return Prompt(text, self.lexicon.read(prompt.negative))

    def texts(self, request: Request) -> list[str]:
        """List what a prompt says at any step, without syntax: each part that is read alone."""
        wording = parse(Prompt.parse(request.prompt).text, request.steps or 1, request.literal)
        return texts_of(wording)

    def read(self, text: str) -> str:
        """Text as typed -> in words that the model was taught, as far as they are known."""
        text = self.lexicon.read(undenied(text))
        return text if self.meaning is None else self.meaning.read(text)

    @property
    def meaning(self) -> Meaning | None:
        """What untaught words stand for, read when first needed; None without such a table."""
        if self._meaning is None and self.bundle.manifest.meaning is not None:
            self._meaning = Meaning.load(self.bundle.path(self.bundle.manifest.meaning))
        return self._meaning

    def embed(self, request: Request) -> tuple[TextEmbedding, TextEmbedding]:
        """Prompt -> tokens -> embeddings: those of the prompt, and of what to keep away from."""
        prompt = self.wording(request)
        both = self.parts.embed(self.tokenizer.encode([prompt.text, prompt.negative]))
        return _row(both, 0), _row(both, 1)

    def plan(self, text: TextEmbedding, seed: int, chaos: int = 0, said: str = "") -> Plan:
        """Decide what there will be, in which colour and in which box; empty without a planner.

        Args:
            text: Embedding of one prompt.
            seed: Of the picture: decides what the prompt leaves open.
            chaos: 0 to 100; more lets things stray farther.
            said: The prompt, as the model reads it: names that it says word for word lead.

        Returns:
            Boxes in fractions of a square's side.
        """
        if self.names is None:
            return ()
        rng = generator(seed, PLANNING)
        names = tuple(self.names)
        ask = partial(self.parts.plan, text=text)
        return write(ask, names, rng, stray(chaos), said_of(said, names))

    def planned(self, prompt: str, seed: int) -> Plan:
        """Plan a prompt alone, as for a square picture with a seed."""
        said = self._said(", ".join(self.texts(Request(prompt=prompt))), False)
        return self.plan(self._embedded([said]), seed, said=said)

    def unknown(self, prompt: str) -> list[UnknownWord]:
        """List the words of a prompt that the model was never taught, and taught ones near."""
        return self.lexicon.unknown(
            prompt, lambda words: self.parts.embed(self.tokenizer.encode(words)).pooled
        )

    def told(self, text: TextEmbedding, plan: Plan, cells: tuple[int, int]) -> TextEmbedding:
        """Tell every cell of the latent (rows, columns) what is planned there."""
        if not plan or self.names is None:
            return text
        painted = paint(plan, self.names, cells, text.pooled.shape[-1])
        return replace(text, plan=painted[None])

    def heard(self, request: Request) -> Heard:
        """Embed all that a prompt says, and what it says without the words that have a weight.

        Args:
            request: Resolved; of any number of pictures, which all hear the same.
        """
        assert request.steps is not None
        negative = self.lexicon.read(clean(request.negative_prompt, "negative prompt"))
        wording = understood(request.prompt, request.steps, request.literal)
        stages = tuple(self._voices(terms, request.transparent) for terms in wording.distinct)
        return Heard(stages, wording.index_of_step, self._embedded([negative]))

    def _voices(self, terms: Sequence[Term], transparent: bool) -> tuple[Voice, ...]:
        voices: list[Voice] = []
        for term in terms:
            less = emphasised(term.parts)
            # A word of weight w is followed w - 1 times farther than the text without it.
            more = sum(weight - 1 for weight, _ in less)
            spoken = self._spoken(term.parts, transparent)
            voices.append(replace(spoken, weight=term.weight * (1 + more)))
            whole = len(voices) - 1
            for weight, rest in less:
                left = self._spoken(rest, transparent)
                voices.append(replace(left, weight=term.weight * (1 - weight), of=whole))
        return tuple(voices)

    def _spoken(self, told: Sequence[Part], transparent: bool) -> Voice:
        """Embed the parts of a text for the network, and the whole for the planner."""
        parts = [" ".join(plain(part).split()) for part in told]
        parts = [text for text in parts if text] or [""]
        said = self._said(", ".join(parts), transparent) if parts[0] else ""
        whole = self._embedded([said])
        if len(parts) == 1:
            return Voice(whole, whole, 1.0, said)
        every = [self._said(text, transparent and k == 0) for k, text in enumerate(parts)]
        return Voice(self._embedded(every), whole, 1.0, said)

    def _embedded(self, parts: Sequence[str]) -> TextEmbedding:
        """Embed texts, each without a look at the others, and put them in one row."""
        each = self.parts.embed(self.tokenizer.encode(parts))
        if len(parts) == 1:
            return each
        real = numbers(each.mask)
        length, count = real.shape[1], int(real.sum())
        if count > length:
            raise RequestError(
                f"the parts between BREAK have {count} tokens together; this model reads "
                f"{length}: shorten them"
            )
        tokens = np.zeros((1, length, each.tokens.shape[-1]), np.float32)
        tokens[0, :count] = numbers(each.tokens)[real]
        return TextEmbedding(
            tokens=like(tokens, each.tokens),
            pooled=like(numbers(each.pooled).mean(axis=0, keepdims=True), each.pooled),
            mask=like(np.arange(length)[None] < count, each.mask),
        )

    def lead(self, request: Request, heard: Heard, cells: tuple[int, int]) -> Told:
        """Work out what the network is told of one picture.

        Args:
            request: Resolved, of one picture.
            heard: What its prompt says.
            cells: Rows and columns of its latent.

        Raises:
            RequestError: the plan of the request names what this model cannot draw.
        """
        told: list[Branches] = []
        mains: list[Plan] = []
        for voices in heard.stages:
            plans: list[Plan] = []
            for voice in voices:
                if voice.of is None:
                    plans.append(self.layout(request, voice, cells))
                else:  # the same things in the same places, as far as they are still said
                    assert request.seed is not None
                    less = self.plan(voice.whole, request.seed, request.chaos, voice.said)
                    plans.append(altered(plans[voice.of], less))
            pairs = zip(voices, plans, strict=True)
            told.append(tuple((v.weight, self.told(v.text, plan, cells)) for v, plan in pairs))
            mains.append(plans[0])
        return Told(tuple(told), mains[heard.which[-1]])

    def layout(self, request: Request, voice: Voice, cells: tuple[int, int]) -> Plan:
        """Give the plan of a picture: the request's own or the model's, swayed by variations."""
        assert request.seed is not None
        plan = self._checked(request.plan)
        if not plan:
            plan = self.plan(voice.whole, request.seed, request.chaos, voice.said)
            plan = spread(plan, *cells)
        for step in request.variations:
            rng = generator(step.seed, SWAYING)
            plan = swayed(plan, step.strength, rng, cells[1] / cells[0])
        return plan

    def _said(self, text: str, transparent: bool) -> str:
        text = self.read(text)
        if transparent and not CLEAR.search(text):
            text = f"{text.rstrip(' .,')} {CLEAR_WORDS}"
        return text

    def _checked(self, plan: Plan) -> Plan:
        for item in plan:
            if self.names is None:
                raise RequestError(
                    f"got a plan, and model {self.bundle.manifest.name!r} draws without one; "
                    "leave it out"
                )
            if item.name not in self.names:
                raise RequestError(
                    f"plan has {item.name!r}{hint(item.name, self.names)}; expected a name that "
                    f"model {self.bundle.manifest.name!r} can plan"
                )
            if item.colour is not None and item.colour not in COLOURS:
                raise RequestError(
                    f"plan has colour {item.colour!r}; expected one of: {', '.join(COLOURS)}"
                )
        return plan


def understood(prompt: str, steps: int, literal: bool = False, networks: bool = False) -> Wording:
    """Read the syntax of a prompt, and refuse at once what cannot be drawn.

    Args:
        prompt: As typed, without variants.
        steps: That it is read for.
        literal: It has no syntax.
        networks: It may name LoRAs, which checkpoints take and no model of ours.

    Raises:
        RequestError: It says nothing, asks for what models here do not have, or has weights that
            lead nowhere.
    """
    wording = parse(Prompt.parse(prompt).text, steps, literal)
    if not networks:
        refuse(wording.networks)
    if not texts_of(wording):
        raise RequestError(
            f"prompt {prompt[:20]!r} says nothing once its syntax is read; expected "
            "words, or --literal to take it as it is"
        )
    for term in {term for terms in wording.distinct for term in terms}:
        emphasised(term.parts)
    return wording


def texts_of(wording: Wording) -> list[str]:
    """List what a prompt says at any step, without syntax: each part that is read alone."""
    parts = [part for terms in wording.distinct for term in terms for part in term.parts]
    texts = (" ".join(plain(part).split()) for part in parts)
    return list(dict.fromkeys(text for text in texts if text))


def emphasised(parts: Sequence[Part]) -> list[tuple[float, tuple[Part, ...]]]:
    """List the weights in a text that are not 1, each with the text without its words."""
    weights = dict.fromkeys(span.weight for part in parts for span in part)
    for weight in weights:
        if not LEAST <= weight <= MOST:
            raise RequestError(
                f"a word has weight {weight:g}; expected {LEAST:g} to {MOST:g} for this model"
            )
    return [(weight, _less(parts, weight)) for weight in weights if weight != 1]


def _less(parts: Sequence[Part], weight: float) -> tuple[Part, ...]:
    return tuple(tuple(span for span in part if span.weight != weight) for part in parts)


def stray(chaos: int) -> float:
    """Turn chaos, 0 to 100, into a factor of the planner's doubt about places and sizes."""
    return 1.0 + chaos / 50


def names_of(bundle: Bundle) -> dict[str, Floats] | None:
    """Read the names that plans can hold and their sentence vectors; None without a planner."""
    part = bundle.manifest.parts.get("planner")
    if part is None:
        return None
    stored = load_arrays(bundle.path(part.weights))
    own = {key: stored[key] for key in stored if key.split(".")[0] == "vectors"}
    return dict(zip(part.config["names"], unpacked(own)["vectors"], strict=True))


def _row(text: TextEmbedding, row: int) -> TextEmbedding:
    here = slice(row, row + 1)
    return TextEmbedding(text.tokens[here], text.pooled[here], text.mask[here])
