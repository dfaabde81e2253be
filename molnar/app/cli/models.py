"""`molnar models`: the bundles on this machine, one a line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


def search() -> list[Path]:
    """List the folders that hold bundles: $MOLNAR_MODELS, then $MOLNAR_HOME/models."""
    places = [Path(path) for path in os.environ.get("MOLNAR_MODELS", "").split(os.pathsep) if path]
    home = os.environ.get("MOLNAR_HOME")
    return [*places, Path(home) / "models"] if home else places


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models that `-m` can name. More are looked for in $MOLNAR_MODELS."""
    from molnar.base.errors import BundleError
    from molnar.bundle import MANIFEST, installed, read_manifest

    rows = []
    for folder in installed(search()):
        try:
            manifest = read_manifest(folder / MANIFEST)
        except BundleError as error:
            click.echo(f"note: {error}", err=True)
            continue
        rows.append(
            {
                "name": folder.name,
                "version": manifest.version,
                "licence": manifest.licence,
                "bytes": sum(record.bytes for record in manifest.files.values()),
                "hash": manifest.hash,
                "folder": str(folder),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        size = int(str(row["bytes"])) / 1e6
        click.echo(
            f"{row['name']}\t{row['version']}\t{row['licence']}\t{size:.1f} MB\t{row['folder']}"
        )
    if not rows:
        click.echo("no models; `molnar export WORKSPACE -o DIR` makes one", err=True)
