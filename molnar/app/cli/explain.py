"""`molnar explain k7.2`: where a picture has what from, as one page; `--sources` in a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from molnar.app.jobs import Store
    from molnar.app.parents import Found
    from molnar.explain.sources import Sources
    from molnar.explain.story import Story

SUFFIX = ".explain.html"


@click.command()
@click.argument("picture")
@click.option("--sources", "wanted", is_flag=True, help="Training drawings that look most like it.")
@click.option("-m", "--model", help="Name or folder; the picture's own if absent.")
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="How many.")
@click.option("-o", "--output", help="The page; PICTURE.explain.html here if absent.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; no page unless -o names one.")
@click.option("-f", "--force", is_flag=True, help="Replace a page that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")
def explain(**flags: Any) -> None:
    """Tell what PICTURE (k7.2, or a file) has from where: a page of words, plan and steps.

    With --sources, only the nearest drawings trained on, of any picture.
    """
    with _history(flags["picture"]) as store:
        if flags["wanted"]:
            _sources(flags, store)
        else:
            _page(flags, store)


def _sources(flags: Mapping[str, Any], store: Store) -> None:
    """Print the drawings that a picture looks most like."""
    from molnar.app.cli.models import search
    from molnar.app.parents import found as point_at
    from molnar.app.references import is_reference
    from molnar.bundle import Bundle
    from molnar.explain.sources import sources

    picture = flags["picture"]
    path = point_at(picture, store).path if is_reference(picture) else picture
    found = sources(Bundle.load(flags["model"] or "sticker", search=search()), path, flags["top"])
    if flags["as_json"]:
        click.echo(json.dumps(facts(picture, found), indent=1, ensure_ascii=False))
        return
    for line in table(found):
        click.echo(line)
    click.echo(remark(found))


def _page(flags: Mapping[str, Any], store: Store) -> None:
    """Write the page, or print what is in it."""
    from molnar.app.parents import found as point_at
    from molnar.base.files import write_bytes
    from molnar.explain.page import page
    from molnar.explain.record import to_json

    found = point_at(flags["picture"], store)
    target = None
    if flags["output"] or not flags["as_json"]:
        target = Path(flags["output"] or f"{_name(flags['picture'])}{SUFFIX}")
        _free(target, flags["force"])
    story = _told(flags, store, found)
    if target is not None:
        write_bytes(target, page(story).encode(), flags["force"])
    if flags["as_json"]:
        click.echo(json.dumps(to_json(story), ensure_ascii=False))
    else:
        click.echo(str(target))


def _told(flags: Mapping[str, Any], store: Store, found: Found) -> Story:
    from molnar.app.cli.models import search
    from molnar.app.explaining import request_of, story_of
    from molnar.base.metadata import read
    from molnar.pipeline import load

    request_of(found)  # before a model is loaded for nothing
    record = read(found.path).record or {}
    model = flags["model"] or str(record.get("model") or "sticker")
    pipeline = load(model, threads=flags["threads"], search=search())
    bar = Bar(shown=not flags["quiet"] and sys.stderr.isatty())
    story = story_of(pipeline, store, found, bar)
    bar.clear()
    return story


def _history(picture: str) -> Store:
    """Open the history; for a file, it may be missing or broken."""
    from molnar.app.jobs import NoStore, Store
    from molnar.app.jobs_schema import Database, data_folder
    from molnar.app.references import is_reference
    from molnar.base.errors import MolnarError

    try:
        return Store.open()
    except MolnarError:
        if is_reference(picture):
            raise
    return NoStore(Database(data_folder(), ":memory:"))


def _name(picture: str) -> str:
    """Name a page after a picture: a reference as it is, a file without folder and suffix."""
    from molnar.app.references import is_reference

    return picture.strip() if is_reference(picture) else Path(picture).stem


def _free(target: Path, force: bool) -> None:
    """Refuse before any work what cannot be written."""
    from molnar.app.cli.output import check_folder
    from molnar.base.errors import RequestError

    if target.exists() and not force:
        raise RequestError(
            f"{target} exists already; choose another name with -o, or --force to replace it"
        )
    check_folder(target.parent)


@dataclass(frozen=True)
class Bar:
    """One line on stderr that rewrites itself.

    Example:
        >>> Bar(shown=False)("maps", 0, 1)
    """

    shown: bool

    def __call__(self, what: str, done: int, of: int) -> None:
        """Say what is being done."""
        if self.shown:
            sys.stderr.write(f"\r{what} {done + 1}/{of}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def facts(picture: str, found: Sources) -> dict[str, Any]:
    """Give what was found as plain JSON values, the remark included."""
    from molnar.base.likeness import COPY

    return {
        "picture": picture,
        "model": found.model,
        "drawings": found.drawings,
        "nearest": [
            {
                "rank": rank,
                "concept": match.name,
                "style": match.style,
                "likeness": round(match.likeness, 4),
                "project": match.origin.project,
                "licence": match.origin.licence,
                "licence_urls": list(match.origin.urls),
            }
            for rank, match in enumerate(found.nearest, 1)
        ],
        "ratio": round(found.ratio, 4),
        "copy_below": round(COPY, 4),
        "copied": found.copied,
        "remark": remark(found),
    }


def table(found: Sources) -> list[str]:
    """Lay the drawings out in lines, columns aligned, with a head."""
    rows = [("#", "drawing", "likeness", "project", "licence", "licence text")]
    rows += [
        (
            str(rank),
            f"{match.name}, {match.style}",
            f"{match.likeness:.2f}",
            match.origin.project,
            match.origin.licence,
            " ".join(match.origin.urls),
        )
        for rank, match in enumerate(found.nearest, 1)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def remark(found: Sources) -> str:
    """Say what the list is, and what it is not."""
    from molnar.base.likeness import COPY

    verdict = "is" if found.copied else "would be"
    return (
        f"Nearest by colour, silhouette and edges among the {found.drawings:,} drawings that "
        f"{found.model} learned to draw from; likeness is no proof of copying, nor unlikeness of "
        "the contrary. "
        f"Ratio of the distances to the nearest two: {found.ratio:.2f} "
        f"(below {COPY:.2f} {verdict} a copy)."
    )
