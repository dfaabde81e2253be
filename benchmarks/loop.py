"""The artist's loop, measured: how near variations are, what repeats, what history costs.

python benchmarks/loop.py vary [--cases 100]      nearer than: subtle < strong < another seed
python benchmarks/loop.py verify [--pictures 200] redraw pictures of every verb, in both orders
python benchmarks/loop.py cost [--pictures 20]    milliseconds of history and metadata per picture
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from molnar import verbs
from molnar.app.jobs import Store
from molnar.app.parents import read
from molnar.app.session import Drawn, Session, Task
from molnar.app.verifying import verify
from molnar.base.files import write_bytes
from molnar.base.images import squeeze
from molnar.base.request import Request
from molnar.base.rng import generator
from molnar.choosing import sight
from molnar.pipeline import Pipeline, load
from molnar.starting import as_seen

THINGS = ("dog", "cat", "rocket", "pizza", "tree", "heart", "star", "circle", "fox", "apple")
COLOURS = ("red", "blue", "green", "yellow", "purple")
PLACES = (
    "",
    " on a beach",
    " on a blue background",
    " in the snow",
    ", transparent background",
)


def prompts(count: int) -> Iterator[str]:
    """Give prompts of one and two things, each case its own."""
    rng = generator(20, 26)
    for number in range(count):
        one, other = rng.choice(THINGS, 2, replace=False)
        place = PLACES[number % len(PLACES)]
        colour = rng.choice(COLOURS)
        yield f"a {one}{place}" if number % 2 else f"a {colour} {other} and a {one}{place}"


def eye(pipeline: Pipeline):  # type: ignore[no-untyped-def]
    """Give a function from pixels to a unit vector: the bundle's CLIP, in torch."""
    import torch

    from molnar.engines.torch import open_module

    clip = open_module(pipeline.bundle, "clip")
    side = sight(pipeline.bundle)

    def seen(pixels: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(squeeze(as_seen(pixels), side))
        with torch.inference_mode():
            return clip.image_features(image)[0].numpy()  # type: ignore[operator]

    return seen


def vary(cases: int) -> None:
    """Compare a picture with its variations, and with one of another seed."""
    pipeline = load()
    seen = eye(pipeline)
    near, far, gaps = 0, 0, []
    for number, prompt in enumerate(prompts(cases)):
        [picture] = pipeline(Request(prompt=prompt, seed=number))
        parent = verbs.Parent(
            pixels=picture.image, request=picture.request.single(0), plan=picture.plan
        )
        wishes = [
            verbs.vary(parent, strong=strong, seed=1000 + number, count=1).request
            for strong in (False, True)
        ]
        wishes.append(Request(prompt=prompt, seed=5000 + number))
        here = seen(picture.image)
        gap = [1 - float(here @ seen(pipeline(wish)[0].image)) for wish in wishes]
        gaps.append(gap)
        near += gap[0] < gap[1]
        far += gap[1] < gap[2]
    middle = [statistics.median(column) for column in zip(*gaps, strict=True)]
    print(f"{cases} cases: subtle nearer than strong {near}, strong nearer than another seed {far}")
    both = sum(a < b < c for a, b, c in gaps)
    print(f"both {both / cases:.2f}; median distances {', '.join(f'{m:.3f}' for m in middle)}")


def loop(session: Session, pictures: int) -> Iterator[tuple[str, Path]]:
    """Draw at least so many pictures by every verb, in jobs of 1 to 8."""
    made = 0
    for number, prompt in enumerate(prompts(pictures)):
        size = 1 + number % 8
        request = Request(prompt=prompt, seed=number, count=size, height=256, width=256)
        tasks = [("make", verbs.Wish(request=request))]
        store = session.store
        for verb, wish in tasks:
            job = _drawn(session, verb, wish)
            for picture in store.job(job).pictures:
                made += 1
                yield verb, picture.path
            if verb == "make":
                parent = read(store.job(job).pictures[0].path)
                tasks += _children(session, parent, number)
        if made >= pictures:
            return


def _children(session: Session, parent: verbs.Parent, number: int) -> list[tuple[str, verbs.Wish]]:
    mask = np.zeros((*parent.size, 3), np.uint8)
    mask[: parent.size[0] // 2] = 255
    planned = session.pipeline.planned("a crown", number)
    assert parent.request is not None
    every = [
        ("vary", verbs.vary(parent, seed=number, count=2)),
        ("vary", verbs.vary(parent, strong=True, seed=number, count=3)),
        ("edit", verbs.edit(parent, mask, prompt="a crown", seed=number, planned=planned)),
        ("zoom", verbs.zoom(parent, 1.5, seed=number)),
        ("pan", verbs.pan(parent, verbs.SIDES[number % 4], seed=number)),
        ("upscale", verbs.upscale(parent, scale=2, seed=number, creative=bool(number % 2))),
        ("again", verbs.again(parent.request, seed=number + 77)),
    ]
    return every


def _drawn(session: Session, verb: str, wish: verbs.Wish) -> str:
    job = ""
    for event in session.draw(Task(verb=verb, wishes=[wish], grid=wish.request.count == 4)):
        if isinstance(event, Drawn):
            job = event.job
    return job


def repeated(pictures: int) -> None:
    """Redraw everything in both orders, by another pipeline than the one that drew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Session(Store.open(Path(folder)), load) as session,
    ):
        every = list(loop(session, pictures))
        other = load()
        for name, order in (("as drawn", every), ("backwards", every[::-1])):
            same = sum(verify(path, other, session.store).identical for _, path in order)
            print(f"{name}: {same} of {len(order)} identical")
        count = {verb: sum(v == verb for v, _ in every) for verb, _ in every}
        print(", ".join(f"{verb} {n}" for verb, n in count.items()))


def cost(pictures: int) -> None:
    """Time a picture until its file is written, with history and metadata, and without."""
    with tempfile.TemporaryDirectory() as at, Session(Store.open(Path(at)), load) as session:
        request = Request(prompt="a red circle on a blue background", seed=1)
        session.pipeline(request)
        rows = []
        for seed in range(pictures):
            wish = request.replaced(seed=seed)
            begin = time.perf_counter()
            [picture] = session.pipeline(wish)
            plain = BytesIO()
            picture.to_pil().save(plain, "PNG")
            write_bytes(Path(at) / f"plain-{seed}.png", plain.getvalue())
            alone = time.perf_counter() - begin - sum(picture.seconds.values())
            begin = time.perf_counter()
            for event in session.draw(Task(verb="make", wishes=[verbs.Wish(request=wish)])):
                if isinstance(event, Drawn):
                    drawn = event.picture
                    write_bytes(Path(at) / f"kept-{seed}.png", event.png)
            rows.append((alone, time.perf_counter() - begin - sum(drawn.seconds.values())))
    alone, kept = (1e3 * statistics.median(column) for column in zip(*rows, strict=True))
    extra = 1e3 * statistics.median(b - a for a, b in rows)
    print(f"beside drawing: a plain file {alone:.0f} ms, all {kept:.0f} ms: +{extra:.0f} ms")


def main() -> None:
    """Choose a measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["vary", "verify", "cost"])
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--pictures", type=int)
    options = parser.parse_args()
    if options.what == "vary":
        vary(options.cases)
    elif options.what == "verify":
        repeated(options.pictures or 200)
    else:
        cost(options.pictures or 20)


if __name__ == "__main__":
    main()
