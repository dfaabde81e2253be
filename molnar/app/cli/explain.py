"""`molnar explain PICTURE --sources`: which training drawings a picture looks most like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from molnar.explain.sources import Sources


@click.command()
@click.argument("picture")
@click.option("--sources", "wanted", is_flag=True, help="Training drawings that look most like it.")
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(picture: str, wanted: bool, model: str, top: int, as_json: bool) -> None:
    """Tell what PICTURE has from where: with --sources, the nearest drawings trained on."""
    from molnar.app.cli.models import search
    from molnar.bundle import Bundle
    from molnar.explain.sources import sources

    if not wanted:
        raise click.UsageError(
            "nothing to explain; expected --sources, which is what there is today: "
            f"molnar explain {picture!r} --sources"
        )
    found = sources(Bundle.load(model, search=search()), picture, top)
    if as_json:
        click.echo(json.dumps(facts(picture, found), indent=1, ensure_ascii=False))
        return
    for line in table(found):
        click.echo(line)
    click.echo(remark(found))


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
