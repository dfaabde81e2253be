"""`molnar pull org/name`: a public checkpoint from the hub; the only verb that asks the network."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.base.errors import RequestError

if TYPE_CHECKING:
    from molnar.bridge.pulling import Plan

BAR = 24  # characters
WINDOW = 10.0  # seconds over which a rate is measured
REDRAW = 0.1  # seconds between two lines


@click.command()
@click.argument("name", metavar="ORG/NAME[:FILE]")
@click.option("--revision", help="A branch, a tag or a commit; default: the newest.")
@click.option(
    "--variant",
    type=click.Choice(["fp16", "full"]),
    help="Precision of the weights; default: fp16 where it is there, half the bytes.",
)
@click.option("--only", metavar="PART,..", help="Parts of a pipeline, e.g. transformer,vae.")
@click.option("--dry-run", is_flag=True, help="Say what it is and what would come; take nothing.")
@click.option("--remove", "removed", is_flag=True, help="Delete a model that was pulled.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether to go on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a path.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def pull(name: str, removed: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Take a model from the hub, checked file by file, and print what `--model` takes.

    The same command goes on where a broken one stopped. Only safetensors and GGUF are taken,
    never what may run code.
    """
    from molnar.app.jobs_schema import data_folder
    from molnar.bridge import pulling
    from molnar.bridge.fetching import Hub
    from molnar.bridge.taking import Wanted

    models = data_folder() / "models"
    if removed:
        _remove(models, name)
        return
    pulling.split_name(name)  # a slip is told before anything is imported or asked
    wanted = Wanted(only=_parts(options["only"]), variant=options["variant"])
    hub = Hub()
    plan = pulling.plan(hub, models, name, options["revision"], wanted)
    if dry_run:
        click.echo(json.dumps(_told(plan), indent=1) if as_json else describe(plan))
        return
    if not plan.there:
        if not options["quiet"]:
            click.echo(describe(plan), err=True)
        _ask(options["yes"])
    with Meter(plan.bytes, options["quiet"] or plan.there) as meter:
        try:
            found = pulling.pull(hub, plan, meter.told)
        except KeyboardInterrupt:
            meter.clear()
            click.echo("what came is kept; the same command goes on from there", err=True)
            raise
    click.echo(json.dumps(_told(plan), indent=1) if as_json else str(found))


def _remove(models: Path, name: str) -> None:
    from molnar.bridge.placing import remove
    from molnar.bridge.pulling import in_bytes, split_name

    repo, file = split_name(name)
    if file is not None:
        raise RequestError(f"{name!r} is one file; expected org/name: all of it is removed")
    click.echo(f"removed {repo}, {in_bytes(remove(models, repo))}", err=True)


def _parts(only: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (only or "").split(",") if part.strip())


def _ask(yes: bool) -> None:
    """Let a person decide once licence and size are known.

    Raises:
        RequestError: There is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise RequestError("stdin is no terminal, so nobody can be asked; say --yes to go on")
    if not click.confirm("go on?", err=True):
        raise click.exceptions.Exit(1)


def describe(plan: Plan) -> str:
    """Say what a pull would bring, one fact a line."""
    from molnar.bridge.pulling import in_bytes

    said = plan.repository
    licence = said.licence or "not stated: ask its author what you may do"
    precision = ", ".join(variant or "full precision" for variant in plan.variants)
    come = in_bytes(plan.missing) if plan.missing else "nothing"
    rows = {
        "model": f"{said.name} at {said.commit[:12]}" + (" (gated)" if said.gated else ""),
        "family": plan.family or "no pipeline: a part or a file",
        "licence": licence + (f"  {said.licence_at}" if said.licence_at else ""),
        "files": f"{len(plan.files)}, {in_bytes(plan.bytes)}"
        + (f", {precision}" if precision else ""),
        "to come": f"{come}, {in_bytes(plan.free)} are free",
        "folder": str(plan.folder),
    }
    return "\n".join(f"{key:<8} {value}" for key, value in rows.items())


def _told(plan: Plan) -> dict[str, Any]:
    return {
        "path": str(plan.result),
        "repo": plan.repository.name,
        "revision": plan.repository.commit,
        "family": plan.family,
        "licence": plan.repository.licence,
        "licence_at": plan.repository.licence_at,
        "gated": plan.repository.gated,
        "variants": list(plan.variants),
        "bytes": plan.bytes,
        "missing": plan.missing,
        "files": [file.path for file in plan.files],
    }


class Meter:
    """Bytes in, one line on stderr that rewrites itself: bytes, rate, seconds left, file.

    Args:
        total: Bytes of all files.
        quiet: Show nothing; as where stderr is no terminal.

    Example:
        >>> with Meter(100, quiet=True) as meter:
        ...     meter.told("a.safetensors", 40, True)
        >>> meter.done
        40
    """

    def __init__(self, total: int, quiet: bool = False) -> None:
        self.total = total
        self.done = 0
        self.came = 0  # of them from the network: what was here says nothing of its rate
        self.shown = not quiet and sys.stderr.isatty()
        self._seen: deque[tuple[float, int]] = deque()
        self._drawn = 0.0

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def told(self, path: str, count: int, came: bool) -> None:
        """Add bytes."""
        self.done += count
        self.came += count if came else 0
        now = time.monotonic()
        if self.shown and now - self._drawn >= REDRAW:
            self._drawn = now
            sys.stderr.write(f"\r{self.line(path, now)}\x1b[K")
            sys.stderr.flush()

    def line(self, path: str, now: float) -> str:
        """Write the line for a time in seconds."""
        from molnar.bridge.pulling import in_bytes

        self._seen.append((now, self.came))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        seconds, came = now - self._seen[0][0], self.came - self._seen[0][1]
        bar = "#" * round(BAR * min(1.0, self.done / max(1, self.total)))
        text = f"[{bar:.<{BAR}}] {in_bytes(self.done)} of {in_bytes(self.total)}"
        if seconds > 0 and came > 0:
            rate = came / seconds
            text += f", {in_bytes(rate)}/s, {_duration((self.total - self.done) / rate)} left"
        return f"{text}, {path if len(path) <= 30 else '..' + path[-28:]}"

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
