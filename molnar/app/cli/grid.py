"""`molnar grid -p "..." --x steps=4,8 --y sampler=euler,heun`: a prompt under several settings."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import (
    SEED,
    Say,
    adapted,
    computed,
    open_session,
    seed_of,
    tasks_of,
)
from molnar.app.cli.models import search
from molnar.app.cli.output import check_folder, slug
from molnar.app.cli.wishes import guides_of, with_loras
from molnar.app.orders.orders import Make
from molnar.app.orders.wording import worded
from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.base.words import hint

if TYPE_CHECKING:
    from molnar.app.session import Session

MOST = 100  # pictures of a grid
#: What people call fields elsewhere.
ALIASES = {
    "cfg": "guidance", "cfg_scale": "guidance", "scheduler": "schedule", "size": "",
    "denoise": "strength", "negative": "negative_prompt",
}  # fmt: skip
CLOSED = (
    *("image", "mask", "guides", "outpaint", "variations", "plan"),
    *("template", "count", "best_of"),
)


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting and the values it takes.

    Example:
        >>> Axis.parse("steps=4,8,16").values
        (4, 8, 16)
    """

    name: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """Read `name=value,value`; a `prompt` axis says what replaces its first value.

        Raises:
            RequestError: There is no such setting, or a value that it cannot have.
        """
        name, found, rest = text.partition("=")
        name = name.strip().lower().replace("-", "_")
        name = ALIASES.get(name, name)
        known = [f.name for f in dataclasses.fields(Request) if f.name not in CLOSED]
        if not found or name not in known:
            near = "" if name in known else hint(name, known)
            raise RequestError(
                f"axis is {text!r}{near}; expected NAME=VALUE,VALUE "
                f"with a name of: {', '.join(known)}"
            )
        parts = [part.strip() for part in rest.split(",") if part.strip()]
        if not parts:
            raise RequestError(f"axis {text!r} has no values; expected e.g. {name}=4,8")
        return cls(name, tuple(_value(name, part) for part in parts))

    def put(self, request: Request, value: Any) -> Request:
        """Give a request one of the values.

        Raises:
            RequestError: The first value of a `prompt` axis is not in the prompt.
        """
        if self.name != "prompt":
            return request.replaced(**{self.name: value})
        first = self.values[0]
        if first not in request.prompt:
            raise RequestError(
                f"{first!r} is not in the prompt; expected the first value of a prompt axis to be "
                "what the others replace"
            )
        return request.replaced(prompt=request.prompt.replace(first, value))


@click.command()
@click.argument("words", nargs=-1, metavar="PROMPT")
@click.option("-p", "--prompt", help="What to draw.")
@click.option("--x", "across", required=True, metavar="NAME=A,B", help="From column to column.")
@click.option("--y", "down", metavar="NAME=A,B", help="From row to row.")
@click.option("-n", "--negative-prompt", default="", help="What to keep out.")
@click.option("--size", type=int, help="Pixels, each side; what the model draws best if absent.")
@SEED
@click.option("-m", "--model", default="sticker", show_default=True, help="Name, folder or file.")
@adapted
@computed
@click.option("-o", "--output", help="File ending with .png; the page lies beside it as .html.")
@click.option("--engine", default="onnx", show_default=True, help="onnx or torch.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--no-history", is_flag=True, help="Do not remember these pictures.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Seconds per stage.")
def grid(**flags: Any) -> None:
    """Draw PROMPT for all values of one or two settings: a labelled picture, and a page."""
    from molnar.base.files import write_bytes
    from molnar.drawers import native_size

    flags["seed"] = seed_of(flags)
    prompt = worded(flags["prompt"] or " ".join(flags["words"]), flags["seed"])
    if not prompt:
        raise RequestError('no prompt; expected what to draw: molnar grid -p "a fox" --x steps=4,8')
    x = Axis.parse(flags["across"])
    y = Axis.parse(flags["down"]) if flags["down"] else None
    side = flags["size"]
    frame = {"height": side, "width": side}
    flags["frame"] = native_size(flags["model"], search()) if side is None else frame
    wishes = requests(flags, prompt, x, y)
    paths = _paths(flags, prompt, x, y)
    with open_session(flags) as session:
        sheet = _drawn(session, wishes, (prompt, x, y), flags)
    from io import BytesIO

    out = BytesIO()
    sheet.to_image().save(out, "PNG")
    write_bytes(paths[0], out.getvalue(), flags["force"])
    write_bytes(paths[1], sheet.to_html().encode(), flags["force"])
    for path in paths:
        click.echo(path)


def requests(flags: Mapping[str, Any], prompt: str, x: Axis, y: Axis | None) -> list[list[Request]]:
    """Make the request of each cell, [row][column].

    Raises:
        RequestError: Too many, or one that cannot be drawn.
    """
    rows = 1 if y is None else len(y.values)
    if rows * len(x.values) > MOST:
        raise RequestError(f"got {rows} x {len(x.values)} pictures; expected at most {MOST}")
    base = Request(
        prompt=prompt,
        negative_prompt=flags["negative_prompt"],
        seed=seed_of(flags),
        guides=guides_of(flags),
        **flags["frame"],
    )
    column = [base] if y is None else [y.put(base, value) for value in y.values]
    return [[x.put(row, value).validated() for value in x.values] for row in column]


def _drawn(
    session: Session,
    wishes: list[list[Request]],
    about: tuple[str, Axis, Axis | None],
    flags: Mapping[str, Any],
) -> Any:
    from molnar.app.session import Drawn
    from molnar.app.sheet import Sheet

    prompt, x, y = about
    say = Say.of(flags)
    order = Make(requests=tuple(wish for row in wishes for wish in row))
    # Into the prompts only now: a `prompt` axis replaces words, and none in the name of a LoRA.
    [task] = tasks_of(session, [with_loras(order, flags["lora"])])
    extra = {"x": flags["across"], "y": flags["down"]}
    task = dataclasses.replace(task, verb="grid", extra=extra)
    say.lines(f"note: {note}" for note in session.notes(task))
    found = []
    for event in session.draw(task):
        if isinstance(event, Drawn):
            found.append(event.picture)
            say.event(event)
    wide = len(x.values)
    cells = [found[k : k + wide] for k in range(0, len(found), wide)]
    return Sheet(
        title=prompt,
        x=x.name,
        columns=tuple(str(value) for value in x.values),
        y="" if y is None else y.name,
        rows=("",) if y is None else tuple(str(value) for value in y.values),
        pictures=tuple(tuple(one.image for one in row) for row in cells),
        notes=tuple(
            tuple(f"seed {one.seed}, {sum(one.seconds.values()):.2f} s" for one in row)
            for row in cells
        ),
    )


def _paths(flags: Mapping[str, Any], prompt: str, x: Axis, y: Axis | None) -> tuple[Path, Path]:
    """Choose the two files, and refuse before any work what cannot be written."""
    name = f"{slug(prompt)}-{x.name}{'-' + y.name if y else ''}.png"
    path = Path(flags["output"] or name)
    if path.is_dir():
        path = path / name
    if path.suffix.lower() != ".png":
        raise RequestError(f"output is {str(path)!r}; expected a name that ends with .png")
    both = (path, path.with_suffix(".html"))
    number = 0
    while flags["output"] is None and not flags["force"] and any(p.exists() for p in both):
        number += 1
        both = tuple(p.with_name(f"{path.stem}-{number}{p.suffix}") for p in both)  # type: ignore[assignment]
    for one in both:
        if one.exists() and not flags["force"]:
            raise RequestError(f"{one} exists already; choose another name or use --force")
    check_folder(path.parent)
    return both


def _value(name: str, text: str) -> Any:
    """Read one value of a field."""
    kind = typing.get_type_hints(Request)[name]
    kinds = [one for one in typing.get_args(kind) or (kind,) if one is not type(None)]
    try:
        if kinds[0] is bool:
            return {"true": True, "false": False}[text.lower()]
        return kinds[0](text)
    except (ValueError, KeyError):
        word = {int: "a whole number", float: "a number", bool: "true or false"}[kinds[0]]
        raise RequestError(f"{name} is {text!r}; expected {word}") from None
