"""`molnar history`, `show`, `fav`: what was made, how, and which of it is good."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from molnar.base.errors import RequestError, one_line

if TYPE_CHECKING:
    from molnar.app.jobs import Job, Link, Store, StoredPicture

SPAN = re.compile(r"([0-9]{1,6})\s*([hdwmy]?)", re.ASCII)
HOURS = {"h": 1, "d": 24, "": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}
OWN = ("variations",)  # of a request: what may differ from picture to picture
LONGEST = 100  # characters of a prompt in the list


@click.command()
@click.option("--search", "words", default="", metavar="WORDS", help="Words of the prompt.")
@click.option("--favourites", is_flag=True, help="Only jobs with a favourite picture.")
@click.option("--verb", help="Only jobs of one verb, e.g. vary.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N")
@click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="Leave N out first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--prune", is_flag=True, help="Remove old jobs with their pictures, not favourites.")
@click.option("--older-than", metavar="SPAN", help="With --prune: older than 12h, 30d, 8w, 6m, 1y.")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="With --prune: not the newest N.")
@click.option("--delete", "deleted", metavar="REF", help="Remove one job or picture, e.g. k7.2.")
@click.option("--check", is_flag=True, help="Compare every row with its file.")
def history(**flags: Any) -> None:
    """List what was made, newest first; `molnar show` tells more. $MOLNAR_HISTORY=off ends it."""
    if not flags["prune"] and (flags["older_than"] is not None or flags["keep"] is not None):
        raise click.UsageError("--older-than and --keep say what --prune removes; add --prune")
    if sum(map(bool, (flags["prune"], flags["deleted"], flags["check"]))) > 1:
        raise click.UsageError("got more than one of --prune, --delete, --check; expected one")
    span = None if flags["older_than"] is None else parsed(flags["older_than"])
    with opened() as store:
        if flags["prune"]:
            freed = store.prune(span, flags["keep"])
            click.echo(
                f"removed {freed.jobs} jobs, {freed.files} files, {freed.bytes / 1e6:.1f} MB"
            )
        elif flags["deleted"]:
            freed = store.delete(flags["deleted"])
            click.echo(f"removed {freed.files} files, {freed.bytes / 1e6:.1f} MB")
        elif flags["check"]:
            look(store)
        else:
            listed(store, flags)


@click.command()
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(ref: str, as_json: bool) -> None:
    """Tell how REF (a job, k7, or a picture, k7.2) was made and where its files are."""
    with opened() as store:
        found = store.find(ref)
        job = store.job(ref)
        lineage = store.lineage(ref)
        pictures = [store.picture(str(found))] if found.number is not None else everything(job)
    facts = about(job, pictures)
    if as_json:
        facts["pictures"] = [picture.to_json() for picture in pictures]
        facts["ancestors"] = [link.__dict__ for link in lineage.ancestors]
        facts["children"] = [link.__dict__ for link in lineage.children]
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for picture in pictures:
        star = " *" if picture.favourite else ""
        click.echo(f"{picture.reference}: {picture.path}{star}")
    facts = opened_up(facts)
    facts["from"] = [told(link) for link in lineage.ancestors]
    facts["led to"] = list(dict.fromkeys(link.job for link in lineage.children))
    for key, value in facts.items():
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            text = ", ".join(value) if key in ("from", "led to") else text
            click.echo(f"{key}: {one_line(text, 2_000)}")


@click.command()
@click.argument("ref")
@click.option("--off", is_flag=True, help="No longer a favourite.")
def fav(ref: str, off: bool) -> None:
    """Make REF, a picture (k7.2), a favourite: `--prune` leaves it alone."""
    with opened() as store:
        picture = store.fav(ref, on=not off)
    click.echo(picture.reference)
    click.echo("no longer a favourite" if off else "a favourite now", err=True)


def opened() -> Store:
    """Open the user's history, and say so if it is switched off."""
    from molnar.app.jobs import Store

    store = Store.open()
    if not store.enabled:
        click.echo("note: the history is off (MOLNAR_HISTORY); nothing is kept", err=True)
    return store


def parsed(text: str) -> timedelta:
    """Read a span of time: a number and h, d, w, m (30 days) or y (365 days); days if absent.

    Raises:
        RequestError: It is none.

    Example:
        >>> parsed("2w").days
        14
    """
    found = SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise RequestError(
            f"got {one_line(text, 40)!r} as a span; expected e.g. 12h, 30d, 8w or 1y"
        )
    hours = int(found[1]) * HOURS[found[2]]
    return timedelta(hours=min(hours, 24 * 365 * 1_000))


def listed(store: Store, flags: dict[str, Any]) -> None:
    """Print jobs, one a line: id, local time, verb, pictures, favourite, prompt."""
    wanted = {"words": flags["words"], "favourites": flags["favourites"], "verb": flags["verb"]}
    jobs = store.search(**wanted, limit=flags["limit"], offset=flags["offset"])
    if flags["as_json"]:
        click.echo(json.dumps([job.to_json() for job in jobs], indent=1, ensure_ascii=False))
        return
    for job in jobs:
        made = str(len(job.pictures)) if job.state == "done" else job.state
        star = "*" if job.favourite else ""
        prompt = one_line(job.prompt, LONGEST)
        click.echo("\t".join((job.id, local(job.created), job.verb, made, star, prompt)))
    count = store.count(**wanted)
    if not count:
        click.echo("no jobs" + (" like that" if any(wanted.values()) else " yet"), err=True)
    elif count > len(jobs):
        first = flags["offset"] + 1
        span = f"{first} to {first + len(jobs) - 1}" if jobs else "none"
        click.echo(f"{span} of {count}; --limit and --offset show others", err=True)


def look(store: Store) -> None:
    """Check the history; a problem makes the exit code 1."""
    checked = store.check()
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    if checked.freed.files:
        click.echo(f"note: removed {checked.freed.files} files of interrupted runs", err=True)
    for problem in checked.problems:
        click.echo(problem)
    if checked.problems:
        click.get_current_context().exit(1)
    click.echo(f"{store.count()} jobs, all well")


def everything(job: Job) -> list[StoredPicture]:
    """A job's pictures, the grid first."""
    return [*([job.grid] if job.grid else []), *job.pictures]


def about(job: Job, pictures: list[StoredPicture]) -> dict[str, Any]:
    """What is known of a job or of one picture of it, most wanted first."""
    facts = job.to_json()
    request = {key: value for key, value in facts.pop("request").items() if key != "prompt"}
    for name in ("pictures", "grid", "parents"):
        facts.pop(name)
    if len(pictures) == 1 and pictures[0].seed is not None:
        request["seed"] = pictures[0].seed
        request |= {key: pictures[0].record[key] for key in OWN if pictures[0].record.get(key)}
    facts["job"] = facts.pop("id")
    order = ("prompt", "job", "verb", "state", "error", "created")
    rest = {key: facts[key] for key in facts if key not in order}
    return {**{key: facts[key] for key in order}, "request": request, **rest}


def opened_up(facts: dict[str, Any]) -> dict[str, Any]:
    """Put what was asked for, one fact each, in the place of the whole request."""
    lists = [changed(v) if key == "request" else {key: v} for key, v in facts.items()]
    return {key: value for one in lists for key, value in one.items()}


def changed(request: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a request what is as it would be if nobody had asked."""
    from molnar.base.config import to_json
    from molnar.base.request import Request

    usual = to_json(Request(prompt=""))
    return {key: value for key, value in request.items() if value != usual.get(key)}


def told(link: Link) -> str:
    """Say what a job came from."""
    from molnar.app.job import Parent

    gone = "" if link.exists else ", deleted"
    return f"{Parent(link.job, link.number).reference} ({link.role}{gone})"


def local(created: str) -> str:
    """A time as the user's clock shows it, to the minute."""
    return datetime.fromisoformat(created).astimezone().strftime("%Y-%m-%d %H:%M")
