"""A report in, one HTML page out: every score, and every picture that made it, failures first.

The page is one file without scripts: pictures are inside it, so it can be mailed or kept.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib import resources
from itertools import groupby
from typing import TypeVar

from PIL import Image

from molnar.lab.evaluate.intervals import EMPTY, Interval
from molnar.lab.evaluate.proceval import Scores, Trial
from molnar.lab.evaluate.prompts import TASKS, TITLES
from molnar.lab.evaluate.report import (
    ALPHA_TITLE,
    SCENE_HEAD,
    SCENE_TITLE,
    alpha_rows,
    copies_line,
    cost_line,
    diversity_line,
    exam_line,
    fidelity_rows,
    lot_title,
    model_line,
    paraphrase_line,
    scene_rows,
    sticker_rows,
    sticker_title,
)
from molnar.lab.evaluate.results import Report
from molnar.lab.evaluate.shown import Shown
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import Sighting

Judged = TypeVar("Judged", Sighting, Shown)  # a picture that knows its prompt


def page(report: Report) -> str:
    """Lay a report out as one HTML page.

    Args:
        report: Of `examine`; its pictures are shown, all prompts and all seeds.
    """
    parts = [f"<h1>{escape(model_line(report))}</h1>"]
    if report.command:
        parts.append(f"<p>Made by <code>{escape(report.command)}</code></p>")
    parts += _scores(report)
    parts += [
        f"<p>Skipped: {escape(what)}: {escape(why)}</p>" for what, why in report.skipped.items()
    ]
    parts += _trials(report.trials)
    for title, sightings in report.sightings.items():
        parts += _sightings(title, sightings)
    for title, pictures in report.shown.items():
        parts += _shown(title, pictures)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(str(report.model['name']))}, measured</title><style>{_style()}</style>"
        f"</head><body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _scores(report: Report) -> list[str]:
    """Write the tables and lines of all sections that were measured."""
    parts: list[str] = []
    if report.proceval is not None:
        parts += _proceval(report, report.proceval)
    for found, title in ((report.stickers, sticker_title), (report.vocabulary, lot_title)):
        if found is not None:
            parts.append(_table(title(found), ("", "share [95 %]"), sticker_rows(found)))
    if report.paraphrases is not None:
        parts.append(f"<p>{escape(paraphrase_line(report.paraphrases))}</p>")
    if report.scenes is not None:
        titles = ("", *SCENE_HEAD[1:])
        parts.append(_table(SCENE_TITLE, titles, scene_rows(report.scenes)))
    if report.copies is not None:
        parts.append(f"<p>{escape(copies_line(report.copies))}</p>")
    if report.alpha is not None:
        parts.append(_table(ALPHA_TITLE, ("", "share [95 %]"), alpha_rows(report.alpha)))
    if report.fidelity is not None:
        head = ("part", "PSNR on white", "PSNR RGBA", "PSNR at edges", "mean dE", "pictures")
        parts.append(_table("Fidelity (medians)", head, fidelity_rows(report.fidelity)))
    lines = ((report.diversity, diversity_line), (report.cost, cost_line))
    parts += [f"<p>{escape(line(found))}</p>" for found, line in lines if found is not None]
    return parts


def _style() -> str:
    return resources.files("molnar.lab.evaluate").joinpath("page.css").read_text(encoding="utf-8")


def _proceval(report: Report, scores: Scores) -> list[str]:
    head = ("task", "model", "seen", "held out", *report.controls)
    rows = []
    for task in TASKS:
        if task in scores.tasks:
            own = (scores.tasks, scores.tasks_seen, scores.tasks_heldout)
            others = (other.tasks for other in report.controls.values())
            values = [table.get(task, EMPTY) for table in (*own, *others)]
            rows.append((TITLES[task], *map(Interval.text, values)))
    overall = [scores.overall, scores.seen, scores.heldout]
    overall += [other.overall for other in report.controls.values()]
    rows.append(("overall (mean of tasks)", *map(Interval.text, overall)))
    return [
        _table("ProcEval: share of pictures judged correct", head, rows),
        f"<p>{escape(exam_line(scores, report.exam))}</p>",
    ]


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(title)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _trials(trials: Sequence[Trial]) -> list[str]:
    """Show ProcEval's pictures: task by task, the prompts that failed most first."""
    parts = []
    for task in TASKS:
        own = [trial for trial in trials if trial.question.task == task]
        if not own:
            continue
        prompts = [list(rows) for _, rows in groupby(own, lambda trial: trial.question.prompt)]
        prompts.sort(key=lambda rows: sum(row.verdict.correct for row in rows) / len(rows))
        parts.append(f"<h2>{escape(TITLES[task])}</h2>")
        for rows in prompts:
            right = sum(row.verdict.correct for row in rows)
            split = {"seen": "seen", "heldout": "held out"}[rows[0].question.split]
            cells = [
                _figure(r.image, r.seed, r.verdict.correct, r.verdict.reason)
                for r in sorted(rows, key=lambda row: row.verdict.correct)
            ]
            parts.append(_prompt(rows[0].question.prompt, f"{split}, {right}/{len(rows)}", cells))
    return parts


def _sightings(title: str, sightings: Sequence[Sighting]) -> list[str]:
    """Show pictures with the drawings that they look most like."""

    def tell(seen: Sighting, right: int, of: int) -> str:
        return f"{seen.name}: {right}/{of} in the top five"

    def figure(seen: Sighting) -> str:
        words = "like " + ", ".join(dict.fromkeys(seen.nearest))
        return _figure(seen.image, seen.seed, seen.found, words)

    return _by_prompt(title, sightings, lambda seen: seen.found, tell, figure)


def _shown(title: str, pictures: Sequence[Shown]) -> list[str]:
    """Show pictures with what the judge said of them."""

    def tell(shown: Shown, right: int, of: int) -> str:
        return f"{shown.note}, {right}/{of}"

    def figure(shown: Shown) -> str:
        return _figure(shown.image, shown.seed, shown.right, shown.words)

    return _by_prompt(title, pictures, lambda shown: shown.right, tell, figure)


def _by_prompt(
    title: str,
    pictures: Sequence[Judged],
    right: Callable[[Judged], bool],
    tell: Callable[[Judged, int, int], str],
    figure: Callable[[Judged], str],
) -> list[str]:
    """Show pictures prompt by prompt, those that failed most first, failures first in each."""
    prompts = [list(rows) for _, rows in groupby(pictures, lambda one: one.prompt)]
    prompts.sort(key=lambda rows: sum(map(right, rows)) / len(rows))
    parts = [f"<h2>{escape(title)}</h2>"] if prompts else []
    for rows in prompts:
        cells = [figure(row) for row in sorted(rows, key=right)]
        parts.append(
            _prompt(rows[0].prompt, tell(rows[0], sum(map(right, rows)), len(rows)), cells)
        )
    return parts


def _prompt(prompt: str, note: str, cells: Sequence[str]) -> str:
    return (
        f'<section class="prompt"><h3>{escape(prompt)}<small>{escape(note)}</small></h3>'
        f"<div>{''.join(cells)}</div></section>"
    )


def _figure(image: Pixels, seed: int, right: bool, words: str) -> str:
    mark = "ok" if right else "no"
    return (
        f'<figure class="{mark}"><img alt="seed {seed}, {"right" if right else "wrong"}" '
        f'loading="lazy" width="128" height="128" src="{_embedded(image)}">'
        f"<figcaption><b>seed {seed}</b> {escape(words)}</figcaption></figure>"
    )


def _embedded(image: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=88)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
