"""`molnar describe PICTURE`: prompts that could have drawn it, one a line."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("picture")
@click.option("-n", "--count", type=click.IntRange(1, 9), default=4, show_default=True,
              help="How many prompts.")  # fmt: skip
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with how well each fits.")
def describe(picture: str, count: int, model: str, threads: int | None, as_json: bool) -> None:
    """Say what PICTURE shows, a file or k7.2, in words that the model knows; the best first."""
    from molnar.app.cli.models import search
    from molnar.app.parents import find
    from molnar.pipeline import load
    from molnar.seeing.describe import describe as described

    parent = find(picture)
    found = described(load(model, threads=threads, search=search()), parent.pixels, count)
    if as_json:
        facts = [{"prompt": one.prompt, "fit": one.fit} for one in found]
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for one in found:
        click.echo(one.prompt)
