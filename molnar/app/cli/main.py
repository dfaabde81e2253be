"""`molnar ...`: finds the verb, imports it, and turns every error into one line and an exit code.

Exit codes: 0 ok, 1 failure, 2 usage, 130 interrupted. MOLNAR_DEBUG=1 shows a traceback instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from molnar import __version__
from molnar.base.errors import MissingExtraError, MolnarError, one_line

# verb: (module, name of the command in it, what it does)
VERBS = {
    "make": ("make", "make", "Draw pictures from a prompt; the verb may be left out."),
    "vary": ("vary", "vary", "Draw pictures near another one."),
    "edit": ("edit", "edit", "Draw a part of a picture anew."),
    "zoom": ("around", "zoom", "Step back: draw what lies around a picture."),
    "pan": ("around", "pan", "Draw what lies to one side of a picture."),
    "square": ("around", "square", "Make a picture square by drawing more of it."),
    "upscale": ("upscale", "upscale", "Make a picture larger."),
    "blend": ("blend", "blend", "Make one picture of several."),
    "again": ("again", "again", "Draw a job once more, from another seed."),
    "describe": ("describe", "describe", "Say in prompts what is in a picture."),
    "shorten": ("shorten", "shorten", "Say which words of a prompt matter."),
    "grid": ("grid", "grid", "Draw a prompt under several settings, as a labelled sheet."),
    "explain": ("explain", "explain", "Tell which word drew what, and from where."),
    "verify": ("verify", "verify", "Draw a picture again, and compare."),
    "info": ("info", "info", "Tell how a picture was made, or what a model is."),
    "history": ("history", "history", "List, search and tidy what was drawn."),
    "show": ("history", "show", "Tell all about a job."),
    "fav": ("history", "fav", "Mark a picture as a favourite."),
    "studio": ("serve", "studio", "Draw in the browser."),
    "serve": ("serve", "serve", "Serve the studio, the A1111 and the OpenAI dialect."),
    "mcp": ("mcp", "mcp", "Draw for an agent, over stdin and stdout."),
    "models": ("models", "models", "List the models that can draw."),
    "pull": ("pull", "pull", "Take a model from the hub; nothing else asks the network."),
    "plan": ("plan", "plan", "Tell how a model is computed here, and how long it takes."),
    "doctor": ("doctor", "doctor", "Check this installation, and time it."),
    "train": ("train", "train", "Train one part of a model."),
    "eval": ("evaluate", "evaluate", "Measure a model."),
    "data": ("data", "data", "Look at training data."),
    "export": ("export", "export", "Make a model from trained parts."),
}

EXAMPLES = """\
Draw a picture from a sentence:

  molnar "a dog wearing a beret"
  molnar "a red circle left of a blue square" --seed 7 --count 4 -o shapes/
  molnar "a fox, sticker" --transparent -o fox.png

All verbs: molnar --help   All flags: molnar make --help
"""


class Verbs(click.Group):
    """A group whose commands are imported when they are typed, and whose default command draws."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of the path."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        file, name, _ = VERBS[cmd_name]
        try:
            command = getattr(import_module(f"molnar.app.cli.{file}"), name)
        except ModuleNotFoundError as error:
            if isinstance(error, MissingExtraError) or not foreign(error.name):
                raise
            raise MissingExtraError(str(error.name), "train") from error
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table: importing them all would take seconds."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, about) for verb, (_, _, about) in VERBS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb in where it was left out."""
        if not args:
            click.echo(EXAMPLES, nl=False)
            ctx.exit(0)
        if args[0] == "-h":
            args = ["--help"]
        if args[0] not in {*VERBS, "--help", "--version"}:
            near = meant(args[0])
            if near is not None:
                raise click.UsageError(
                    f"no verb {args[0]!r}; did you mean {near!r}? "
                    f"To draw it, type: molnar make {args[0]!r}"
                )
            if len(args) == 1 and args[0].startswith("--"):
                self.refuse_slip(ctx, args[0])
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def refuse_slip(self, ctx: click.Context, flag: str) -> None:
        """Refuse a lone flag that stands for one of ours; `make` answers for its own."""
        from molnar.base.words import nearest

        ours = {"--version", "--help"}
        make = self.get_command(ctx, "make")
        its = {name for option in make.params for name in option.opts} if make else set()
        near = nearest(flag, sorted(ours | its))
        if near in ours and flag not in its:
            raise click.UsageError(f"no option {flag!r}; did you mean {near!r}?")

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run, and exit with the right code and one line on stderr."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        try:
            code = super().main(args, standalone_mode=False, **extra)
        except BaseException as error:
            if os.environ.get("MOLNAR_DEBUG") == "1" and not isinstance(error, SystemExit):
                raise
            code = report(error)
        sys.exit(code if isinstance(code, int) else 0)


def report(error: BaseException) -> int:
    """Say an error in one line on stderr and return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        click.echo("interrupted", err=True)
        return 130
    if isinstance(error, BrokenPipeError):
        # The reader of a pipe went away; Python must not complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, click.ClickException):
        text, code = error.format_message(), error.exit_code
    elif isinstance(error, MolnarError):
        text, code = str(error), error.exit_code
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text, code = f"{where}{error.strerror or error}", 1
    elif isinstance(error, ModuleNotFoundError) and foreign(error.name):
        text, code = str(MissingExtraError(str(error.name), "train")), 1
    else:
        kind = type(error).__name__
        text, code = f"{kind}: {error}; this is a bug: MOLNAR_DEBUG=1 shows where", 1
    click.echo(f"error: {one_line(text, 600)}", err=True)
    return code


def foreign(module: str | None) -> bool:
    """Tell whether a module that is missing is a library's and not one of ours."""
    return bool(module) and str(module).partition(".")[0] != "molnar"


def meant(word: str) -> str | None:
    """Return the verb that a single mistyped word stands for, or None if it is rather a prompt.

    A typo keeps the first letter and is one slip away (two in a long word): "trian" is "train", but
    "rain" and "cake" are things to draw, and so is every word that the shipped model was taught.
    """
    if not word.isalpha() or not word.isascii():
        return None
    for verb in VERBS:
        slips = distance(word.lower(), verb)
        if word[0].lower() == verb[0] and 0 < slips <= (2 if len(verb) > 5 else 1):
            return None if word.lower() in taught() else verb
    return None


def taught() -> frozenset[str]:
    """The words of the shipped model; empty where none is shipped."""
    import json
    from pathlib import Path

    path = Path(__file__).parents[2] / "models" / "sticker" / "words.json"
    try:
        found = json.loads(path.read_bytes())["words"]
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
    return frozenset(found)


def distance(a: str, b: str) -> int:
    """Count the slips between two words: a letter more, less, other, or two swapped.

    Source: Damerau 1964, "A technique for computer detection and correction of spelling errors".
    """
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="molnar")
def cli() -> None:
    """Text to image, whole and small: `molnar "a dog wearing a beret"` draws a picture."""


def main() -> None:
    """Run the command line."""
    cli(prog_name="molnar")
