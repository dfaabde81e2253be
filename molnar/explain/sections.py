"""Parts of the page that tell a story: each a heading, a sentence, and pictures or a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from molnar.base.looks import MANNERS
from molnar.explain.figures import Bytes, address, channels, heat, small
from molnar.explain.story import Guided, Reading, Story

LEAST = 0.1  # share of an item from which a word is named as what it is due to
STAGES = ("text", "plan", "diffusion", "decode", "choose", "upscale")
PREVIEW = 256  # pixels of redrawn pictures


def settings(story: Story) -> list[tuple[str, str]]:
    """List what a picture was drawn with, as names and values."""
    picture, request = story.picture, story.picture.request
    found = [
        ("seed", str(picture.seed)),
        ("size", f"{request.width} x {request.height}"),
        ("steps", str(request.steps)),
        ("guidance", f"{request.guidance:g}"),
        ("sampler", str(request.sampler)),
        ("schedule", str(request.schedule)),
        ("model", f"{picture.model} {picture.model_hash[:10]}"),
        ("engine", picture.engine),
    ]
    if request.negative_prompt:
        found.append(("not", request.negative_prompt))
    if picture.variations:
        found.append(("variations", str(len(picture.variations))))
    if request.image:
        found.append(("from a picture", f"strength {request.strength:g}"))
    return found


def plan(story: Story) -> str:
    """Tell what was to be drawn where, and which words each item is due to."""
    rows = []
    for index, item in enumerate(story.picture.plan):
        due = [
            f"{one.word} {share:.2f}"
            for one in story.words
            for share in [max(one.names[index], one.colours[index]) if one.names else 0.0]
            if share >= LEAST
        ]
        place = (
            "over everything"
            if item.name in MANNERS
            else "behind everything"
            if item.behind
            else f"{item.width:.2f} x {item.height:.2f} at {item.x:.2f}, {item.y:.2f}"
        )
        colour = "" if item.name in MANNERS else item.colour or "its own"
        rows.append((item.name, colour, place, ", ".join(due) or "no one word"))
    if not rows:
        return ""
    words = (
        "Written from the text before any pixel; boxes in fractions of the shorter side. Due to: "
        "by what share an item's name or colour becomes less likely without the word."
    )
    head = ("thing", "colour", "where", "due to")
    return _section("The plan", words, table("", head, rows))


def tokens(story: Story) -> str:
    """Tell how the prompt was read: its pieces with their numbers, and each word."""
    texts = []
    for text, pieces in zip(story.texts, story.pieces, strict=True):
        cells = "".join(
            f"<li{'' if one.read else ' class=cut'}>{escape(one.text)}<small>{one.id}</small></li>"
            for one in pieces
        )
        texts.append(f'<p class="read">{escape(text)}</p><ol class="pieces">{cells}</ol>')
    kinds = ("taught", "between words", "never taught")
    each = dict.fromkeys(story.readings)
    lists = [(kind, [_meant(one) for one in each if _kind(one) == kind]) for kind in kinds]
    rows = [(kind, "; ".join(found)) for kind, found in lists if found]
    body = "".join(texts) + table("", (), rows)
    words = "Pieces of text as the encoder knows them, each with its number; struck out: not read."
    return _section("Words and tokens", words, body)


def _kind(one: Reading) -> str:
    if one.function:
        return "between words"
    return "taught" if one.known else "never taught"


def _meant(one: Reading) -> str:
    near = f" (near: {', '.join(one.nearest)})" if one.nearest else ""
    read = f" = {one.read_as}" if one.read_as != one.word else ""
    return f"{one.word}{read}{near}"


def steps(story: Story) -> str:
    """Show latent and estimate after each step."""
    cells = []
    for one in story.moments:
        preview = (
            _image(one.preview, f"latent after step {one.index + 1}", "pixels")
            if one.preview is not None
            else ""
        )
        sheet = _image(channels(one.latent), f"channels after step {one.index + 1}", "pixels")
        cells.append(
            f'<figure class="step">{_image(one.estimate, f"estimate at step {one.index + 1}")}'
            f"{preview}{sheet}<figcaption>step {one.index + 1} <small>t {one.t:.2f}</small>"
            "</figcaption></figure>"
        )
    words = (
        "From noise (t 1) to picture (t 0). Each step, downwards: what the network expects the "
        "picture to be; the latent in the colours it hints at; its channels in grey."
    )
    return _section("Step by step", words, f'<div class="row steps">{"".join(cells)}</div>')


def without(story: Story) -> str:
    """Show the picture without each word of its prompt."""
    cells = []
    for one in story.without:
        if one.image is None:
            inside, amount = '<p class="nothing">nothing left to draw</p>', ""
        else:
            shown = small(one.image, PREVIEW)
            inside = _image(shown, f"without {one.word.text}")
            amount = f"{100 * one.difference:.1f} % other"
        cells.append(
            f"<figure>{inside}<figcaption><s>{escape(one.word.text)}</s> "
            f"<small>{amount}</small></figcaption></figure>"
        )
    if not cells:
        return ""
    words = (
        "The prompt without one word, from the same seed and the same noise; with the mean "
        "difference of all pixels. A word can change all without being seen: it moves the plan."
    )
    return _section("Without each word", words, f'<div class="row">{"".join(cells)}</div>')


def guidance(story: Story) -> str:
    """Show what guidance changed in the middle of the way."""
    one: Guided | None = story.guided
    if one is None:
        return ""
    top = max(float(one.change.max()), 1e-6)
    images: list[tuple[str, Bytes]] = [
        ("without the text", one.without),
        ("with the text", one.with_text),
        (f"guided, {one.scale:g} times as far", one.guided),
    ]
    cells = [
        f"<figure>{_image(image, name)}<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in images
    ]
    where = heat(np.asarray(one.change / top, np.float32))[..., :3]
    cells.append(
        f"<figure>{_image(where, 'where guidance changed it')}<figcaption>where, at most "
        f"<small>{100 * top:.0f} %</small></figcaption></figure>"
    )
    words = (
        f"Estimates of the picture at t {one.t:.2f}. Guidance goes from the one without the text "
        "past the one with it."
    )
    return _section("What guidance changed", words, f'<div class="row">{"".join(cells)}</div>')


def seconds(story: Story) -> str:
    """Show where the time went."""
    spent = story.picture.seconds
    total = sum(spent.values()) or 1.0
    names = [name for name in STAGES if name in spent]
    names += [name for name in spent if name not in names]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{bar(spent[name] / total)}</td>'
        f"<td>{1e3 * spent[name]:.0f} ms</td></tr>"
        for name in names
    )
    body = f'<div class="wide"><table class="bars"><tbody>{rows}</tbody></table></div>'
    return _section("Where the time went", f"{total:.2f} s for the picture.", body)


def sources(story: Story) -> str:
    """List the training drawings that the picture looks most like."""
    found = story.nearest
    if found is None:
        return ""
    rows = [
        (f"{one.name}, {one.style}", f"{one.likeness:.2f}", one.origin.project, one.origin.licence)
        for one in found.nearest
    ]
    words = (
        f"The nearest by colour, silhouette and edges of the {found.drawings:,} drawings that "
        f"{found.model} learned from. Likeness is no proof of copying, nor unlikeness of the "
        f"contrary. By the ratio of the first two distances, {found.ratio:.2f}, it "
        f"{'is a copy' if found.copied else 'is no copy'}."
    )
    head = ("drawing", "likeness", "project", "licence")
    return _section("Nearest training drawings", words, table("", head, rows))


def bar(value: float) -> str:
    """Draw a value in [0, 1] as a bar."""
    return (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * min(max(value, 0), 1):.1f}" height="4"/></svg>'
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of texts."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    top = f"<thead><tr>{top}</tr></thead>" if top else ""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table>{title}{top}<tbody>{body}</tbody></table></div>'


def _section(title: str, words: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{escape(words)}</p>{body}</section>"


def _image(image: Bytes, alt: str, kind: str = "") -> str:
    height, width = image.shape[:2]
    mark = f' class="{kind}"' if kind else ""
    return (
        f'<img{mark} alt="{escape(alt)}" loading="lazy" width="{width}" height="{height}" '
        f'src="{address(image)}">'
    )
