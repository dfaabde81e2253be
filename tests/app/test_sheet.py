"""A sheet: every picture in its place, every value beside it, as a picture and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from molnar.app.sheet import CELL, MARGIN, Sheet


def shade(value: int, height: int = 40, width: int = 40, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), value, np.uint8)


def sheet(rows: int = 2, y: str = "sampler", **size: int) -> Sheet:
    values = [[10 * (3 * row + column + 1) for column in range(3)] for row in range(rows)]
    return Sheet(
        title='a <b>"fox"</b> & co',
        x="steps",
        columns=("4", "8", "16"),
        y=y,
        rows=("euler", "heun")[:rows] if y else ("",),
        pictures=tuple(tuple(shade(value, **size) for value in row) for row in values),
        notes=tuple(tuple(f"seed {value}" for value in row) for row in values),
    )


def middles(image: np.ndarray) -> list[int]:
    """List the shades of all places that are one flat grey, in reading order."""
    flat = [value for value in range(10, 70, 10) if (image == value).all(axis=-1).sum() >= 1500]
    spots = {value: np.argwhere((image == value).all(axis=-1)).mean(axis=0) for value in flat}
    return sorted(flat, key=lambda value: (round(spots[value][0]), spots[value][1]))


def test_pictures_stand_in_their_order() -> None:
    image = np.asarray(sheet().to_image())
    assert middles(image) == [10, 20, 30, 40, 50, 60]
    one = np.asarray(sheet(rows=1, y="").to_image())
    assert middles(one) == [10, 20, 30]
    assert one.shape[1] < image.shape[1]  # no room for names of rows


def test_values_are_written_above_and_beside() -> None:
    image = np.asarray(sheet().to_image().convert("L"))
    above, beside = image[: MARGIN + 20], image[30:, :40]
    assert above.min() < 128
    assert beside.min() < 128


def test_large_pictures_are_made_smaller_and_small_ones_are_not() -> None:
    large = sheet(rows=1, y="", height=2 * CELL, width=CELL).to_image()
    assert large.width == 3 * (CELL // 2 + MARGIN) + MARGIN
    small = sheet(rows=1, y="", height=8, width=8).to_image()
    assert small.width == 3 * (8 + MARGIN) + MARGIN


def test_what_is_clear_is_shown_on_white() -> None:
    clear = sheet(rows=1, y="", channels=4)
    for row in clear.pictures:
        for picture in row:
            picture[..., 3] = 0
    image = np.asarray(clear.to_image())
    assert (image[-20:] == 255).all()


class Page(HTMLParser):
    """Collects what a page shows, and checks that every tag is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.heads = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)
        self.heads += tag == "th"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("rows", [1, 2])
def test_the_page_is_whole_and_needs_nothing_else(rows: int) -> None:
    html = sheet(rows).to_html()
    page = Page()
    page.feed(html)
    assert page.open == []
    assert page.heads == 4 + rows
    seeds = range(10, 30 * rows + 1, 10)
    assert [image["alt"] for image in page.images] == [f"seed {seed}" for seed in seeds]
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.images)
    assert not re.search(r"(?:href|src)=[\"'](?!data:)", html)
    assert "<b>" not in html
    assert "a &lt;b&gt;&quot;fox&quot;&lt;/b&gt; &amp; co" in html
