"""A story in, one HTML page out: it can be mailed, kept, and read without a network or scripts.

Pictures are inside it. A policy in its head forbids every address, and every script but its own:
a prompt is somebody's text, and stays text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources

from molnar.explain.figures import address, grid, heat, small
from molnar.explain.sections import (
    bar,
    guidance,
    plan,
    seconds,
    settings,
    sources,
    steps,
    table,
    tokens,
    without,
)
from molnar.explain.story import Story

GRID = 32  # rows and columns of what a click looks up
THUMB = 256  # pixels of the picture under small maps
HUES = ("#b0204f", "#1556c0", "#1c7a34", "#8a4b00", "#6d2aa8", "#00707c")  # of boxes
LARGEST = 1024  # pixels of the picture itself
TITLE = 80  # characters of the prompt


def page(story: Story) -> str:
    """Lay a story out as one HTML page."""
    style, script = _file("page.css"), _file("page.js")
    prompt = story.picture.request.prompt
    under = f".under{{background-image:url({address(small(story.picture.image, THUMB))})}}"
    style = f"{style}\n{under}\n"
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_sha(style)}'; "
        f"script-src '{_sha(script)}'; base-uri 'none'; form-action 'none'"
    )
    body = "\n".join((_head(story), _stage(story), _maps(story), *_rest(story), _foot(story)))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(prompt[:TITLE])}, explained</title><style>{style}</style></head>\n"
        f'<body>\n{body}\n<script type="application/json" id="maps">{_data(story)}</script>\n'
        f"<script>{script}</script>\n</body></html>\n"
    )


def _head(story: Story) -> str:
    picture = story.picture
    chips = "".join(
        f"<li><span>{escape(name)}</span> {escape(value)}</li>" for name, value in settings(story)
    )
    made = "".join(f"<li>{escape(one)}</li>" for one in story.lineage)
    lineage = f'<ol class="lineage" aria-label="made from">{made}</ol>' if made else ""
    same = {
        None: "",
        True: '<p class="good">Drawn again for this page: every pixel is that of the file.</p>',
        False: '<p class="bad">Drawn again for this page: not the pixels of the file, which was '
        "changed, or drawn by another version.</p>",
    }[story.identical]
    return (
        f'<header><p class="eyebrow">molnar explain</p><h1>{escape(picture.request.prompt)}</h1>'
        f'<ul class="chips">{chips}</ul>{lineage}{same}</header>'
    )


def _stage(story: Story) -> str:
    """Show the picture with the boxes of its plan, and the words beside it."""
    image = small(story.picture.image, LARGEST)
    height, width = image.shape[:2]
    words = "".join(
        f'<button type="button" data-word="{index}" aria-pressed="false">{escape(one.word)}'
        f"{bar(float(one.map.max()))}"
        "</button>"
        for index, one in enumerate(story.words)
    )
    boxes = (
        '<label><input type="checkbox" id="boxes" checked> boxes of the plan</label>'
        if story.picture.plan
        else ""
    )
    return (
        f'<main class="stage"><div class="board">{boxes}<div id="stage"><img alt="the picture" '
        f'width="{width}" height="{height}" src="{address(image)}">'
        f'<img class="over" alt="" hidden>{_boxes(story)}<span class="dot" hidden></span></div>'
        '</div><div class="side"><h2>Which word drew what</h2>'
        '<p class="live-only">Point at a word to see where it acts; press it to keep it. Click a '
        "spot in the picture to see which words act there.</p>"
        '<p class="still-only">The maps of all words are below.</p>'
        f'<div class="words">{words}</div>'
        '<ol id="here" class="live-only" aria-live="polite"></ol></div></main>'
    )


def _boxes(story: Story) -> str:
    """Draw the boxes of a plan, in its own units, over the picture."""
    things = [item for item in story.picture.plan if not item.behind]
    if not things:
        return ""
    left, top, width, height = story.window
    line = 0.006 * max(width, height)
    shapes = []
    for number, item in enumerate(things):
        x, y = item.x - item.width / 2, item.y - item.height / 2
        name = item.name if item.colour is None else f"{item.colour} {item.name}"
        rect = (
            f'<rect x="{x:.4f}" y="{y:.4f}" width="{item.width:.4f}" height="{item.height:.4f}" '
            f'rx="{2 * line:.4f}" fill="none"'
        )
        high, hue = 0.036 * max(width, height), HUES[number % len(HUES)]
        halo = f'stroke="#fff" stroke-opacity=".75" stroke-width="{2 * line:.4f}"'
        shapes.append(
            f'{rect} {halo}/>{rect} stroke="{hue}" stroke-width="{line:.4f}"/>'
            f'<text x="{max(x, left + line):.4f}" y="{max(y - 1.5 * line, top + high):.4f}" '
            f'font-size="{high:.4f}" font-weight="600" fill="{hue}" paint-order="stroke" '
            f'stroke="#fff" stroke-linejoin="round" stroke-width="{2.4 * line:.4f}">'
            f"{escape(name)}</text>"
        )
    return (
        f'<svg class="boxes" viewBox="{left:.4f} {top:.4f} {width:.4f} {height:.4f}" '
        f'preserveAspectRatio="none" role="img" aria-label="the plan">{"".join(shapes)}</svg>'
    )


def _maps(story: Story) -> str:
    """Show the map of every word as a small picture."""
    width, height = story.picture.request.width, story.picture.request.height
    cells = []
    for index, one in enumerate(story.words):
        row, column = one.map.shape
        cells.append(
            f'<figure data-word="{index}"><div class="under"><img id="map-{index}" '
            f'alt="where {escape(one.word)} acts" width="{column}" height="{row}" '
            f'src="{address(heat(one.map))}"></div><figcaption>{escape(one.word)} '
            f"<small>{float(one.map.max()):.2f}</small></figcaption></figure>"
        )
    shape = "wide" if width > height else "tall" if height > width else "square"
    return (
        f"<section><h2>Maps</h2><p>All on one scale: 1 is the most that any word does anywhere in "
        "this picture. A map that stays dark belongs to a word that the picture would not "
        f'miss.</p><div class="row {shape}">{"".join(cells)}</div></section>'
    )


def _rest(story: Story) -> list[str]:
    parts = [plan(story), tokens(story), steps(story), without(story), guidance(story)]
    return [part for part in (*parts, seconds(story), sources(story)) if part]


def _foot(story: Story) -> str:
    rows = [
        ("maps", "what falls in the chance of an item of the plan without the word, shown where "
         "the estimate changes without the item; and where the estimate changes without the word "
         "in the same plan"),
        ("left out", "same seed, same noise, the prompt without the word"),
        ("by", "the engine that draws, without torch: nothing is read off weights, all is asked"),
    ]  # fmt: skip
    return (
        f"<footer>{table('How this was measured', (), rows)}"
        f"<p>Told in {story.seconds:.1f} s by {escape(story.picture.model)}, a trained model; the "
        "picture was made by it (trainedAlgorithmicMedia).</p></footer>"
    )


def _data(story: Story) -> str:
    """Give what a click looks up, as JSON that no text in it can leave."""
    told = {
        "side": GRID,
        "words": [one.word for one in story.words],
        "maps": [grid(one.map, GRID) for one in story.words],
    }
    return json.dumps(told).replace("<", "\\u003c").replace("&", "\\u0026")


def _file(name: str) -> str:
    return resources.files("molnar.explain").joinpath(name).read_text(encoding="utf-8")


def _sha(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
