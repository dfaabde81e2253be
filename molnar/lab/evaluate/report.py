"""A report in, tables and a contact sheet out: every score beside its controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from molnar.base.images import contact_sheet
from molnar.lab.evaluate.intervals import EMPTY, Interval
from molnar.lab.evaluate.proceval import Scores, Trial
from molnar.lab.evaluate.prompts import TASKS, TITLES
from molnar.lab.evaluate.results import Report

SCENE_TITLE = "Scenes: share of pictures recognised"
SCENE_PARTS = ("accessories", "places", "looks", "styles", "colours")
SCENE_HEAD = ("what", *(f"{one} [95 %]" for one in SCENE_PARTS))
ALPHA_TITLE = "Alpha: shapes on a transparent background"
MOST_CELLS = 600  # of a contact sheet: what a viewer still opens


def tables(report: Report) -> RenderableType:
    """Lay a report out for a terminal."""
    parts: list[RenderableType] = [Text(model_line(report), style="bold")]
    if report.proceval is not None:
        parts += [_proceval(report), Text(exam_line(report.proceval, report.exam))]
    if report.stickers is not None:
        parts.append(_rows(sticker_title(report.stickers), sticker_rows(report.stickers)))
    laid: list[tuple[Any, Callable[[Any], RenderableType]]] = [
        (report.vocabulary, lambda found: _rows(lot_title(found), sticker_rows(found))),
        (report.paraphrases, lambda found: Text(paraphrase_line(found))),
        (report.scenes, lambda found: _rows(SCENE_TITLE, scene_rows(found), SCENE_HEAD)),
        (report.copies, lambda found: Text(copies_line(found))),
        (report.alpha, lambda found: _rows(ALPHA_TITLE, alpha_rows(found))),
        (report.fidelity, _fidelity),
        (report.diversity, lambda found: Text(diversity_line(found))),
        (report.cost, lambda found: Text(cost_line(found))),
    ]
    parts += [lay(found) for found, lay in laid if found is not None]
    parts += [Text(f"skipped: {what}: {why}") for what, why in report.skipped.items()]
    if report.command:
        parts.append(Text(f"made by: {report.command}"))
    return Group(*parts)


def sticker_title(found: dict[str, Any]) -> str:
    """Head what the sticker prompts give."""
    return f"Stickers: nearest of {found['gallery']} drawings"


def lot_title(found: dict[str, Any]) -> str:
    """Head what concepts drawn by lot give."""
    return f"Vocabulary: {found['num_prompts']} concepts of the pack, drawn by lot"


def model_line(report: Report) -> str:
    """Say which model was measured, and how it drew."""
    model = report.model
    return (
        f"{model['name']} {model['hash'][:12]}, {model['engine']}, "
        f"{model['steps']} steps of {model['sampler']}, "
        f"guidance {model['guidance']:g}, {model['width']} x {model['height']}"
        + (f", best of {model['best_of']}" if model["best_of"] > 1 else "")
    )


def _proceval(report: Report) -> Table:
    scores = report.proceval
    assert scores is not None
    table = Table(title="ProcEval: share of pictures judged correct")
    table.add_column("task")
    for name in ("model", "seen", "held out"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in report.controls:
        table.add_column(name, justify="right", style="dim")
    for task in TASKS:
        if task in scores.tasks:
            own = (scores.tasks, scores.tasks_seen, scores.tasks_heldout)
            others = [other.tasks.get(task, EMPTY) for other in report.controls.values()]
            table.add_row(TITLES[task], *(_cell(t.get(task)) for t in own), *map(_short, others))
    table.add_section()
    table.add_row(
        "overall (mean of tasks)",
        *map(_cell, (scores.overall, scores.seen, scores.heldout)),
        *(_short(other.overall) for other in report.controls.values()),
    )
    return table


def exam_line(scores: Scores, exam: dict[str, Any]) -> str:
    """Say which prompts were asked, and how many."""
    return (
        f"prompts: version {exam['prompts_version']}, {exam['prompts_fingerprint']}; "
        f"{scores.num_prompts} prompts, {scores.num_pictures} pictures; "
        "95 % intervals by bootstrap over prompts"
    )


def _cell(value: Interval | None) -> str:
    return (value or EMPTY).text()


def _short(value: Interval) -> str:
    return "-" if value.value != value.value else f"{value.value:.2f}"


def _rows(
    title: str, rows: Sequence[tuple[str, ...]], head: Sequence[str] = ("what", "share [95 %]")
) -> Table:
    """Lay rows of words and figures out as a table."""
    table = Table(title=title)
    for name in head:
        table.add_column(name, justify="left" if name == "what" else "right")
    for row in rows:
        table.add_row(*row)
    return table


def sticker_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Give (what, share with its interval) of the sticker section."""
    keys = {
        "asked concept is the nearest drawing": "top1",
        "asked concept among the nearest 5": "top5",
        "picture repeats one drawing (nearest under 1/3 as far as the next)": "copies",
        "of true drawings, jittered, that test finds": "judge_copies_of_jittered_drawings",
        "the judge itself, on jittered drawings (top 5)": "judge_top5_on_jittered_drawings",
        "the judge itself, on held-out drawings (top 5)": "judge_top5_on_heldout_drawings",
    }
    return [(words, _share(found[key])) for words, key in keys.items()]


def _share(found: list[float] | None) -> str:
    return Interval(*found).text() if found else "-"


def scene_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Give (what, of each of SCENE_PARTS) of the scene section; a part may be missing."""
    keys = {
        "recognised: it and the subject": "recognised",
        "of these, seen in training": "seen",
        "of these, held out": "heldout",
        "the accessory, place, look, style or colour alone": "thing",
        "the subject alone": "subject",
        "the judge itself, on true renders": "judge_true",
        "the same, through autoencoder and upscaler": "judge_passed",
        "the judge itself, on a style it has not seen": "judge_unseen_style",
        "the judge itself, on wrong renders (0 is right)": "judge_wrong",
    }
    parts = [found.get(name) or {} for name in SCENE_PARTS]
    return [(words, *(_share(part.get(key)) for part in parts)) for words, key in keys.items()]


def alpha_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Give (what, share or overlap with its interval) of the alpha section."""
    shares = {
        "transparent where asked": "transparent",
        "of these, seen in training": "transparent_seen",
        "of these, held out": "transparent_heldout",
        "the measure itself: transparent, of true renders": "judge_true_transparent",
        "the measure itself: transparent, of opaque ones (0 is right)": "judge_opaque_transparent",
        "overlap with the asked shape (IoU), mean": "overlap_mean",
    }
    figures = {
        "overlap with the asked shape (IoU), median": "overlap_median",
        "the measure itself: overlap of true renders": "judge_true_overlap",
        "the measure itself: overlap of another shape": "judge_other_shape_overlap",
    }
    return [
        *((words, _share(found[key])) for words, key in shares.items()),
        *((words, f"{found[key]:.2f}") for words, key in figures.items()),
    ]


def copies_line(found: dict[str, Any]) -> str:
    """Say how many scenes repeat a drawing, or a scene, and what the tests themselves find."""
    scenes = found["scenes"]
    return (
        f"copies: {_share(found['copies'])} of {found['num_pictures']} scenes of several things "
        f"repeat a drawing (nearer than {found['similarity_least']:.2f}; median "
        f"{found['similarity_median']:.2f}); the test itself, on {found['num_things']} true "
        f"drawings in the same places: {_share(found['judge_true'])}, on drawings between two "
        f"styles (0 is right): {_share(found['judge_between'])}. Scenes that repeat one training "
        f"scene as a whole: {_share(scenes['repeats'])}; that test, on training scenes moved a "
        f"little: {_share(scenes['judge_planted'])}, on fresh ones (0 is right): "
        f"{_share(scenes['judge_fresh'])}"
    )


def paraphrase_line(found: dict[str, Any]) -> str:
    """Say what share of the paraphrases is drawn as the right concept."""
    share = _share(found["share"])
    return (
        f"paraphrases: {share} on the right concept, of {len(found['working'])} concepts that "
        f"their plain names draw ({found['concepts']} were asked)"
    )


def _fidelity(found: dict[str, Any]) -> Table:
    table = Table(title=f"Fidelity on {found['pictures']} (medians)")
    table.add_column("part")
    for name in ("PSNR on white", "PSNR RGBA", "PSNR at edges", "mean dE", "pictures"):
        table.add_column(name, justify="right")
    for row in fidelity_rows(found):
        table.add_row(*row)
    return table


def fidelity_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Give (part, three PSNR, mean dE, number of pictures) of the fidelity section."""
    rows = []
    for part in ("vae", "upscaler", "bicubic"):
        row = found.get(part)
        if row is not None:
            decibels = [f"{row[key]:.2f} dB" for key in ("psnr_white", "psnr_rgba", "psnr_edges")]
            rows.append((part, *decibels, f"{row['colour_de']:.2f}", f"{row['num_pictures']:.0f}"))
    return rows


def diversity_line(found: dict[str, float]) -> str:
    """Say how much pictures differ: between seeds of a prompt, and between prompts."""
    within, between = found["same_prompt"], found["other_prompts"]
    return (
        f"diversity (1 - cosine): {within:.3f} between seeds of one prompt, "
        f"{between:.3f} between prompts"
    )


def cost_line(found: dict[str, Any]) -> str:
    """Say how long a picture took, and how large the model is."""
    if found["seconds_median"] is None:
        return f"cost: {found['megabytes']} MB; seconds not measured (no picture was drawn)"
    return (
        f"cost: {found['seconds_median']:.2f} s a picture, warm (median of {found['num_timed']}; "
        f"95 % under {found['seconds_p95']:.2f} s); {found['megabytes']} MB"
    )


def sheet(trials: Sequence[Trial], columns: int = 10, cell: int = 96) -> Image.Image:
    """Lay out the pictures, failures first, each with a mark and its prompt; at most 600."""
    order = sorted(trials, key=lambda trial: trial.verdict.correct)[:MOST_CELLS]
    captions = [f"{'ok' if t.verdict.correct else 'NO'} {t.question.prompt}" for t in order]
    return contact_sheet([trial.image for trial in order], captions, columns=columns, cell=cell)
