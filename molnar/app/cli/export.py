"""`molnar export`: trained parts in, a model out; or a model in, a folder for diffusers out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from molnar.app.cli.models import search
from molnar.base.errors import ConfigError, RequestError

TOLERANCE = 1e-4  # largest relative difference between the engines that is rounding


@click.command()
@click.argument("workspace")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the new model.")
@click.option("--name", help="Name of the model; that of the folder if absent.")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="E.g. defaults.steps=16."
)
@click.option(
    "--to",
    type=click.Choice(["bundle", "diffusers"]),
    default="bundle",
    show_default=True,
    help="diffusers: write a finished MODEL as a folder that diffusers loads.",
)
@click.option(
    "--weights",
    type=click.Choice(["int8", "float16", "float32"]),
    help="How large matrices are stored: int8 (a bundle's default) or float16; for diffusers, "
    "float32 (the default) or float16.",
)
@click.option("--verify", is_flag=True, help="Compare every part in both engines.")
@click.option("-f", "--force", is_flag=True, help="Replace a model that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(**flags: Any) -> None:
    """Make a model from the trained parts in WORKSPACE.

    Fields that no part knows (licence, data, evaluation, defaults) come from WORKSPACE/card.json
    and --set. With --to diffusers, WORKSPACE is the name or the folder of a finished model.
    """
    if flags["to"] == "diffusers":
        to_diffusers(**flags)
    else:
        to_bundle(**flags)


def to_diffusers(**flags: Any) -> None:
    """Write a finished model in the layout of diffusers."""
    from molnar.bridge.exporting import export as write
    from molnar.bundle import Bundle

    for name, flag in (("name", "--name"), ("settings", "--set"), ("verify", "--verify")):
        if flags[name]:
            raise RequestError(
                f"got {flag} with --to diffusers; expected a finished model: drop it"
            )
    weights = stored(flags["weights"], ("float32", "float16"), "diffusers")
    bundle = Bundle.load(flags["workspace"], search=search())
    folder = write(bundle, Path(flags["output"]), weights=weights, force=flags["force"])
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if flags["as_json"]:
        facts = {"path": str(folder), "hash": bundle.hash, "bytes": size, "weights": weights}
        click.echo(json.dumps(facts, indent=1))
    else:
        click.echo(str(folder))
        click.echo(f"{size / 1e6:.1f} MB in {weights}; README.md says how to load it", err=True)


def to_bundle(**flags: Any) -> None:
    """Make a bundle of trained parts."""
    from molnar.engines.export import compare
    from molnar.engines.export import export as write

    card = parse(flags["settings"])
    if flags["name"]:
        card["name"] = flags["name"]
    bundle = write(
        Path(flags["workspace"]),
        Path(flags["output"]),
        card,
        weights=stored(flags["weights"], ("int8", "float16"), "a bundle"),
        force=flags["force"],
    )
    differences = compare(bundle) if flags["verify"] else {}
    size = sum(record.bytes for record in bundle.manifest.files.values())
    if flags["as_json"]:
        facts = {"path": str(bundle.folder), "hash": bundle.hash, "bytes": size}
        click.echo(json.dumps(facts | {"differences": differences}, indent=1))
    else:
        click.echo(str(bundle.folder))
        click.echo(f"{size / 1e6:.1f} MB, hash {bundle.hash[:10]}", err=True)
        for part, difference in differences.items():
            click.echo(f"{part}: engines differ by {difference:.1e} at most", err=True)
    worst = max(differences.values(), default=0.0)
    if worst > TOLERANCE:
        raise ConfigError(
            f"the engines differ by {worst:.1e}; expected {TOLERANCE:.0e}: do not ship it"
        )


def stored(asked: str | None, known: Sequence[str], what: str) -> Any:
    """Say how numbers are stored: as asked, or by default in the first way there is.

    Raises:
        RequestError: There is no such way for `what`.
    """
    if asked is not None and asked not in known:
        raise RequestError(f"got --weights {asked} for {what}; expected one of: {', '.join(known)}")
    return asked or known[0]


def parse(settings: Sequence[str]) -> dict[str, Any]:
    """Read "a.b=value" texts into nested fields; values are JSON, or else text.

    Raises:
        ConfigError: There is no "=".
    """
    card: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"got {setting!r}; expected FIELD=VALUE, e.g. defaults.steps=16")
        *folders, last = path.split(".")
        place = card
        for name in folders:
            place = place.setdefault(name, {})
        try:
            place[last] = json.loads(text)
        except ValueError:
            place[last] = text
    return card
