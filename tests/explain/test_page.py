from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from molnar.explain.figures import channels, heat, small
from molnar.explain.page import page
from molnar.explain.scene import Drawing
from molnar.explain.story import Story, tell
from molnar.pipeline import Pipeline

Draw = Callable[..., Drawing]
VOID = {"img", "meta", "input", "rect"}


class Reader(HTMLParser):
    """Collects what a page holds; raises where a tag is closed that was not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        self.text[where] = self.text.get(where, "") + data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def test_a_page_is_whole_and_needs_nothing_else(story: Story) -> None:
    html = page(story)
    reader = read(html)
    for _, attributes in reader.tags:
        assert not {"href", "srcset", "action", "style", "onclick", "onload"} & set(attributes)
        source = attributes.get("src")
        assert source is None or source.startswith("data:image/png;base64,")
    bare = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", html)
    assert len(bare) < 40_000
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!data:)", bare)
    [policy] = [a["content"] for tag, a in reader.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for block in (reader.text["style"], html.rpartition("<script>")[2].partition("</script>")[0]):
        sha = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"'sha256-{sha}'" in policy


def test_every_word_is_on_it_with_its_map(story: Story) -> None:
    html = page(story)
    reader = read(html)
    buttons = [a for tag, a in reader.tags if tag == "button"]
    maps = [a for tag, a in reader.tags if (a.get("id") or "").startswith("map-")]
    assert len(buttons) == len(maps) == len(story.words) == 6
    assert "aredcircleandagizmo" in reader.text["button"]
    for one, tag in zip(story.words, maps, strict=True):
        data = base64.b64decode((tag["src"] or "").partition(",")[2])
        assert np.asarray(Image.open(io.BytesIO(data))).shape == (*one.map.shape, 4)
    told = json.loads(html.partition('id="maps">')[2].partition("</script>")[0])
    assert told["words"] == [one.word for one in story.words]
    looked_up = np.frombuffer(base64.b64decode(told["maps"][1]), np.uint8)
    assert looked_up.size == told["side"] ** 2
    titles = ("The plan", "Words and tokens", "Step by step", "Without each word")
    for title in (*titles, "What guidance changed", "Where the time went"):
        assert title in reader.text["h2"]
    assert "k7.2 (vary)" in reader.text["li"]
    assert "every pixel is that of the file" in reader.text["p"]


def test_a_hostile_prompt_stays_text(hostile: Story) -> None:
    reader = read(page(hostile))
    prompt = hostile.picture.request.prompt
    assert reader.text["h1"] == prompt
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert not [a for tag, a in reader.tags if tag == "img" and "evil" in (a.get("src") or "")]


def test_words_cannot_leave_the_data(pipeline: Pipeline, draw: Draw) -> None:
    html = page(tell(pipeline, draw("</script><!-- fox")))
    assert [tag for tag, _ in read(html).tags].count("script") == 2
    assert "<!-- fox" not in html


def test_one_word_without_guidance_on_nothing(pipeline: Pipeline, draw: Draw) -> None:
    story = tell(pipeline, draw("fox", guidance=1.0, transparent=True, height=64, width=128))
    reader = read(page(story))
    assert "nothing left to draw" in reader.text["p"]
    assert "What guidance changed" not in reader.text["h2"]


def test_no_words_at_all(pipeline: Pipeline, draw: Draw) -> None:
    assert tell(pipeline, draw("...")).words == ()
    read(page(tell(pipeline, draw("..."))))


def test_figures_have_the_shapes_they_say() -> None:
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    seen = heat(ramp)
    assert seen.shape == (3, 4, 4)
    light = seen[..., :3].reshape(-1, 3).astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) > 0).all()  # can be read in grey
    assert channels(np.zeros((20, 16, 16), np.float32)).shape == (4 * 17 - 1, 5 * 17 - 1, 3)
    assert channels(np.zeros((4, 16, 16), np.float32)).shape == (16, 4 * 17 - 1, 3)
    assert small(np.zeros((100, 50, 4), np.uint8), 20).shape == (20, 10, 4)
    assert small(np.zeros((10, 5, 3), np.uint8), 20).shape == (10, 5, 3)
