"""`molnar export WORKSPACE -o DIR`: trained parts in, a model out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from molnar.base.errors import ConfigError

TOLERANCE = 1e-4  # largest relative difference between the engines that is rounding


@click.command()
@click.argument("workspace")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the new model.")
@click.option("--name", help="Name of the model; that of the folder if absent.")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="E.g. defaults.steps=16."
)
@click.option(
    "--weights",
    type=click.Choice(["int8", "float16"]),
    default="int8",
    show_default=True,
    help="How large matrices are stored; small ones are float16.",
)
@click.option("--verify", is_flag=True, help="Compare every part in both engines.")
@click.option("-f", "--force", is_flag=True, help="Replace a model that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(**flags: Any) -> None:
    """Make a model from the trained parts in WORKSPACE.

    Fields that no part knows (licence, data, evaluation, defaults) come from WORKSPACE/card.json
    and --set.
    """
    from molnar.engines.export import compare
    from molnar.engines.export import export as write

    card = parse(flags["settings"])
    if flags["name"]:
        card["name"] = flags["name"]
    bundle = write(
        Path(flags["workspace"]),
        Path(flags["output"]),
        card,
        weights=flags["weights"],
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
