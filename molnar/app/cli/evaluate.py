"""`molnar eval`: measure a model, beside the controls that a score means nothing without."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.base.request import QUALITIES

if TYPE_CHECKING:
    from molnar.lab.evaluate.results import Exam, Report

PATH = click.Path(path_type=Path)
SECTIONS = (
    *("proceval", "stickers", "fidelity"),
    *("vocabulary", "paraphrases", "scenes", "copies", "alpha", "judge"),
)


@click.command()
@click.option(
    "-m", "--model", default="sticker", show_default=True, help="Name or folder of a bundle."
)
@click.option("--engine", type=click.Choice(["onnx", "torch"]), default="onnx", show_default=True)
@click.option(
    "--quick", is_flag=True, help="20 prompts a task instead of 50, 20 stickers, 24 drawings."
)
@click.option("--prompts", type=click.IntRange(1, 500), help="Prompts per task of ProcEval.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Pictures of each prompt: seeds 0, 1, 2, ...",
)
@click.option("--steps", type=click.IntRange(1, 150), help="Other than the model's own.")
@click.option("--quality", type=click.Choice(QUALITIES), help="Other than normal.")
@click.option("--best-of", type=int, metavar="N", help="Let the model's CLIP choose.")
@click.option(
    "--only",
    help="Sections, joined by commas: proceval, stickers, fidelity, and, not in the usual three, "
    "vocabulary (concepts of the pack, drawn by lot), paraphrases, scenes (accessories, places, "
    "looks and colours), copies (training drawings in scenes), alpha (transparent backgrounds); or "
    "judge, which tests the judge itself.",
)
@click.option("--stickers", type=PATH, help="Folder of the sticker pack, for what needs drawings.")
@click.option("--judge-clip", type=PATH, help="A CLIP that judges stickers instead of the rule.")
@click.option("--pictures", type=PATH, help="Keep pictures here, and go on from those kept.")
@click.option("--sheet", type=PATH, help="Write a contact sheet (PNG), failures first.")
@click.option("--html", type=PATH, help="Write a page with all scores and all pictures.")
@click.option("-o", "--output", type=PATH, help="Write the report as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def evaluate(**flags: Any) -> None:
    """Measure a model: ProcEval, stickers, fidelity, diversity, seconds and megabytes."""
    from molnar.app.cli.output import check_folder
    from molnar.base.errors import RequestError

    sections = _sections(flags["only"])
    for name in ("sheet", "html", "output"):
        if flags[name] is not None and flags[name].exists() and not flags["force"]:
            raise RequestError(
                f"{flags[name]} exists already; choose another name, or --force to replace it"
            )
        if flags[name] is not None:
            check_folder(flags[name].parent)
    if "judge" in sections:
        for name in ("sheet", "html"):
            if flags[name] is not None:
                raise RequestError(
                    f"--{name} shows a model's pictures, and the judge draws none: drop it"
                )
        _test_judge(flags)
        return
    report = _examine(flags, _exam(flags, sections))
    report.command = shlex.join(["molnar", *sys.argv[1:]])
    _write(report, flags)


def _sections(only: str | None) -> tuple[str, ...]:
    from molnar.base.errors import RequestError

    if only is None:
        return SECTIONS[:3]
    chosen = tuple(name.strip() for name in only.split(","))
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown or ("judge" in chosen and len(chosen) > 1):
        raise RequestError(
            f"got --only {only}; expected some of {', '.join(SECTIONS[:-1])}, or judge alone"
        )
    return chosen


def _exam(flags: dict[str, Any], sections: tuple[str, ...]) -> Exam:
    from molnar.lab.evaluate.results import Exam

    quick = flags["quick"]
    named = ("steps", "quality", "best_of")
    fields = {name: flags[name] for name in named if flags[name] is not None}
    return Exam(
        num_prompts=flags["prompts"] or (20 if quick else 50),
        num_seeds=flags["seeds"],
        num_stickers=20 if quick else 50,
        num_vocabulary=20 if quick else 100,
        num_paraphrases=60 if quick else 1_000,
        num_scenes=12 if quick else 40,
        num_copies=8 if quick else 50,
        num_alpha=8 if quick else 24,
        num_drawings=24 if quick else 64,
        sections=sections,
        stickers=flags["stickers"],
        pictures=flags["pictures"],
        fields=fields,
    )


def _examine(flags: dict[str, Any], exam: Exam) -> Report:
    from molnar.app.cli.models import search
    from molnar.lab.evaluate.exam import examine
    from molnar.lab.evaluate.stickers import Describe, describe_by_rule
    from molnar.pipeline import load

    describe: Describe = describe_by_rule
    if flags["judge_clip"] is not None:
        from molnar.lab.evaluate.clip_judge import clip_describer

        describe = clip_describer(flags["judge_clip"])
    pipeline = load(flags["model"], flags["engine"], search=search())
    return examine(pipeline, exam, Line(), describe)


def _test_judge(flags: dict[str, Any]) -> None:
    """Print the judge's error rates on ground truth."""
    from molnar.base.files import write_bytes
    from molnar.lab.evaluate.selftest import checker_self_test

    line = Line()
    count = (flags["prompts"] or (20 if flags["quick"] else 50)) * 7
    result = checker_self_test(count, tell=lambda done, of: line("testing the judge", done, of))
    text = json.dumps(result.to_json())
    if flags["output"] is not None:
        write_bytes(flags["output"], text.encode() + b"\n", force=flags["force"])
    click.echo(text if flags["as_json"] else "\n".join(result.lines()))
    click.echo(
        "the judge is fit for use" if result.passed else "the judge is NOT fit for use", err=True
    )
    if not result.passed:
        raise SystemExit(1)


def _write(report: Report, flags: dict[str, Any]) -> None:
    from molnar.base.files import write_bytes

    text = json.dumps(report.to_json(), indent=1)
    if flags["output"] is not None:
        write_bytes(flags["output"], text.encode() + b"\n", force=flags["force"])
    if flags["sheet"] is not None and report.trials:
        from molnar.lab.evaluate.report import sheet

        buffer = io.BytesIO()
        sheet(report.trials).save(buffer, "PNG")
        write_bytes(flags["sheet"], buffer.getvalue(), force=flags["force"])
    if flags["html"] is not None:
        from molnar.lab.evaluate.page import page

        write_bytes(flags["html"], page(report).encode(), force=flags["force"])
    if flags["as_json"]:
        click.echo(text)
        return
    from rich.console import Console

    from molnar.lab.evaluate.report import tables

    width = None if sys.stdout.isatty() else 150  # a pipe has no width of its own
    Console(file=sys.stdout, width=width).print(tables(report))


class Line:
    """Progress on stderr: a line that rewrites itself in a terminal, a line per tenth elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last: tuple[str, int] | None = None

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show how far something is."""
        tenth = done * 10 // max(of, 1)
        if self.live:
            click.echo(f"\r\x1b[K{what} {done}/{of}", nl=done >= of, err=True)
        elif self.last != (what, tenth):
            self.last = (what, tenth)
            click.echo(f"{what} {done}/{of}", err=True)
