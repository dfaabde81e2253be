"""A request in, all that can be told of its picture out: words, plan, steps, guidance, seconds.

The picture is drawn again, since only a picture on its way can be asked. The same request gives the
same picture and the same story.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError
from molnar.base.images import from_model, on_white
from molnar.base.request import Picture
from molnar.base.types import Step
from molnar.diffusion.guidance import Guidance
from molnar.explain.scene import Drawing, Floats, Scene, time_of
from molnar.explain.sources import Sources, sources
from molnar.explain.spoken import Word, words_of
from molnar.explain.words import WordMap, maps_of
from molnar.pipeline import Pipeline
from molnar.text.attention import plain
from molnar.text.grammar import parse
from molnar.text.prompt import Prompt
from molnar.text.words import STOP_WORDS

Bytes = NDArray[np.uint8]
Say = Callable[[str, int, int], object]
"""What is being done, how much of it is done, and how much there is."""
NEAREST = 5  # training drawings


@dataclass(frozen=True)
class Piece:
    """A piece of text as the encoder reads it."""

    id: int
    text: str
    read: bool = True  # False: beyond the encoder's length


@dataclass(frozen=True)
class Reading:
    """What one word of the prompt was to the model."""

    word: str
    known: bool
    function: bool  # a word that says how others belong together
    read_as: str  # by itself; what it was in its phrase, the whole text says
    nearest: tuple[str, ...] = ()  # taught words near one that was not


@dataclass(frozen=True)
class Moment:
    """The picture after one step."""

    index: int
    t: float  # reached: 1 = noise, 0 = data
    latent: Floats  # C h w
    preview: Bytes | None  # h w 4: the latent's colours, without a network
    estimate: Bytes  # H W 3 or 4: what the network expected the picture to be, decoded


@dataclass(frozen=True)
class Without:
    """The picture without one word of its prompt."""

    word: Word
    prompt: str
    image: Bytes | None  # H W 3 or 4; None: nothing was left to draw
    difference: float  # mean over pixels and channels, on white, in [0, 1]


@dataclass(frozen=True)
class Guided:
    """Estimates of the picture at one step, and where guidance changed it: h w in [0, 1]."""

    t: float
    scale: float
    with_text: Bytes
    without: Bytes
    guided: Bytes
    change: Floats


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that is told of a picture."""

    picture: Picture
    identical: bool | None  # to the file that was asked about; None: there was none
    lineage: tuple[str, ...]
    texts: tuple[str, ...]  # what was read, in the model's words
    pieces: tuple[tuple[Piece, ...], ...]  # of each of those
    readings: tuple[Reading, ...]
    words: tuple[WordMap, ...]
    window: tuple[float, float, float, float]  # what is shown of the frame that the plan is in
    moments: tuple[Moment, ...]
    without: tuple[Without, ...]
    guided: Guided | None
    nearest: Sources | None
    seconds: float  # that telling it took


def tell(
    pipeline: Pipeline,
    drawn: Drawing,
    *,
    original: Bytes | None = None,
    lineage: Sequence[str] = (),
    say: Say = lambda what, done, of: None,
) -> Story:
    """Gather all that can be told of a picture.

    Args:
        pipeline: What drew it.
        drawn: The picture and its steps, from `scene.drawing`.
        original: The pixels that were asked about, to compare.
        lineage: What it was made from, oldest first.
        say: Called with progress.
    """
    start = time.perf_counter()
    scene = Scene(pipeline, drawn)
    words = words_of(scene.request.prompt, scene.request.literal)
    say("maps", 0, 1)
    maps = maps_of(scene, words)
    texts = _texts(scene)
    moments = []
    for number, step in enumerate(drawn.steps):
        say("steps", number, len(drawn.steps))
        moments.append(_moment(scene, step))
    without = []
    for number, word in enumerate(words):
        say("without each word", number, len(words))
        without.append(_without(scene, drawn.picture, word))
    return Story(
        picture=drawn.picture,
        identical=None if original is None else _same(original, drawn.picture.image),
        lineage=tuple(lineage),
        texts=texts,
        pieces=tuple(_pieces(pipeline, text) for text in texts),
        readings=tuple(_reading(scene, drawn.picture, word) for word in words),
        words=maps,
        window=scene.window,
        moments=tuple(moments),
        without=tuple(without),
        guided=_guided(scene, drawn.steps),
        nearest=_nearest(pipeline, drawn.picture),
        seconds=time.perf_counter() - start,
    )


def _texts(scene: Scene) -> tuple[str, ...]:
    """List the texts that were embedded, each once, as the model reads them."""
    request, pipeline = scene.request, scene.pipeline
    assert request.steps is not None
    wording = parse(Prompt.parse(request.prompt).text, request.steps, request.literal)
    parts = [part for terms in wording.distinct for term in terms for part in term.parts]
    said = [text for text in map(plain, parts) if text.strip()]
    return tuple(
        dict.fromkeys(pipeline.wording(request.replaced(prompt=text)).text for text in said)
    )


def _pieces(pipeline: Pipeline, text: str) -> tuple[Piece, ...]:
    kept = pipeline.tokenizer.length - 2
    pairs = zip(pipeline.tokenizer.ids(text), pipeline.tokenizer.pieces(text), strict=True)
    return tuple(Piece(number, piece, place < kept) for place, (number, piece) in enumerate(pairs))


def _reading(scene: Scene, picture: Picture, word: Word) -> Reading:
    unknown = {one.word: tuple(one.nearest) for one in picture.unknown}
    low = word.text.lower()
    return Reading(
        word=word.text,
        known=low not in unknown and word.text not in unknown,
        function=low in STOP_WORDS,
        read_as=word.text if low in STOP_WORDS else scene.pipeline.read(word.text),
        nearest=unknown.get(low, unknown.get(word.text, ())),
    )


def _moment(scene: Scene, step: Step) -> Moment:
    latent = np.asarray(step.x, np.float32)
    form = scene.pipeline.bundle.manifest.latent
    preview = from_model(form.preview_of(latent))[0] if form.preview else None
    return Moment(step.index, step.t, latent[0], preview, shown(scene, scene.decoded(step.x0)))


def _without(scene: Scene, picture: Picture, word: Word) -> Without:
    """Draw the picture again without a word: same seed, same noise, another text and its plan."""
    prompt = word.left_out(scene.request.prompt)
    if not prompt:
        return Without(word, "", None, 1.0)
    # Its inputs are known to the pipeline by their hashes since the picture was drawn.
    (other,) = scene.pipeline(scene.request.replaced(prompt=prompt))
    return Without(word, prompt, other.image, difference(picture.image, other.image))


def difference(one: Bytes, other: Bytes) -> float:
    """Give the mean difference of two pictures on white, in [0, 1]."""
    a, b = (_flat(picture) for picture in (one, other))
    return float(np.abs(a - b).mean())


def _guided(scene: Scene, steps: Sequence[Step]) -> Guided | None:
    """Compare estimates in the middle of the way; None where guidance is off."""
    request, defaults = scene.request, scene.pipeline.bundle.manifest.defaults
    assert request.guidance is not None
    free = [step for step in steps if 0 < step.t < 1]
    moment = scene.moment(free[len(free) // 2]) if free else scene.moments[0]
    low, high = defaults.interval
    scale = Guidance(scale=request.guidance, low=low, high=high, rescale=defaults.rescale)
    if not scale.active(moment.t):
        return None
    told = scene.branches(moment.stage)
    denoisers = (
        scene.denoiser(told),
        scene.denoiser(((1.0, scene.heard.null),)),
        scene.denoiser(told, scale),
    )
    latents = [denoise(moment.x, time_of(moment)) for denoise in denoisers]
    images = [scene.decoded(latent) for latent in latents]
    change = np.abs(images[2] - images[0]).mean(axis=1, keepdims=True) / 2
    with_text, without, guided = (shown(scene, image) for image in images)
    cut = np.clip(scene.cut(np.asarray(np.clip(change, 0, 1), np.float32))[0, 0], 0, 1)
    where = np.asarray(cut, np.float32)
    return Guided(moment.t, request.guidance, with_text, without, guided, where)


def _nearest(pipeline: Pipeline, picture: Picture) -> Sources | None:
    if pipeline.bundle.manifest.sources is None:
        return None
    try:
        return sources(pipeline.bundle, picture.encoded(".png"), NEAREST)
    except BundleError:
        return None


def shown(scene: Scene, image: Floats) -> Bytes:
    """Turn what a scene expects, 1 4 H W, into pixels as the picture has them: H W 3 or 4."""
    cut = scene.cut(image)
    if scene.request.transparent:
        return np.ascontiguousarray(from_model(cut)[0])
    return np.ascontiguousarray(from_model(on_white(cut))[0, ..., :3])


def _same(one: Bytes, other: Bytes) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def _flat(picture: Bytes) -> Floats:
    unit = np.asarray(picture, np.float32) / np.float32(255)
    if picture.shape[-1] == 3:
        return unit
    return np.asarray(unit[..., :3] * unit[..., 3:] + 1 - unit[..., 3:], np.float32)
