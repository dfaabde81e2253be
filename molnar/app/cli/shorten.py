"""`molnar shorten PROMPT`: which of its words matter, and shorter prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from molnar.seeing.shorten import Shortened

BAR = 20  # characters of the largest weight


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="PROMPT")
@click.option("-s", "--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the noise that words are judged by.")  # fmt: skip
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shorten(
    words: tuple[str, ...], seed: int, model: str, threads: int | None, as_json: bool
) -> None:
    """Tell which words of PROMPT matter, by leaving each out, and print shorter prompts."""
    from molnar.app.cli.models import search
    from molnar.pipeline import load
    from molnar.seeing.shorten import shorten as shortened

    pipeline = load(model, threads=threads, search=search())
    found = shortened(pipeline, " ".join(words), seed)
    if as_json:
        facts = {
            "words": [
                {"text": word.text, "weight": word.weight, "useless": word.useless}
                for word in found.words
            ],
            "prompts": list(found.prompts),
        }
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: Shortened) -> Iterator[str]:
    """Write the words with their weights, useless ones ~~struck out~~, then the prompts."""
    shown = [f"~~{word.text}~~" if word.useless else word.text for word in found.words]
    width = max(map(len, shown))
    for text, word in zip(shown, found.words, strict=True):
        yield f"{text:<{width}}  {word.weight:.2f}  {'#' * round(BAR * word.weight)}".rstrip()
    yield ""
    yield from (f"{number}. {prompt}" for number, prompt in enumerate(found.prompts, 1))
