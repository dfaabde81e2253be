"""`molnar models`: the bundles and the public checkpoints on this machine, one a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click


def search() -> list[Path]:
    """List the folders that hold models: $MOLNAR_MODELS, and last, where `pull` puts them.

    That is `models` in the folder that this system keeps a program's data in, or in $MOLNAR_HOME.
    """
    from molnar.app.jobs_schema import data_folder

    places = [Path(path) for path in os.environ.get("MOLNAR_MODELS", "").split(os.pathsep) if path]
    return list(dict.fromkeys([*places, data_folder() / "models"]))


@click.command()
@click.option(
    "--hash", "hashed", is_flag=True, help="Take the sha256 of checkpoints not yet known."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(hashed: bool, as_json: bool) -> None:
    """List the models that `-m` can name. More are looked for in $MOLNAR_MODELS."""
    rows = [*_bundles(), *_checkpoints(hashed)]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        click.echo(_line(row))
    if not rows:
        click.echo("no models; `molnar export WORKSPACE -o DIR` makes one", err=True)


def _line(row: dict[str, Any]) -> str:
    what = row["version"] if row["kind"] == "bundle" else row["title"]
    fields = [row["name"], what, row["licence"], f"{row['bytes'] / 1e6:.1f} MB", row["folder"]]
    draws = f"{row['steps']} steps, guidance {row['guidance']:g}, {row['width']}x{row['height']}"
    return "\t".join([*fields, (row["hash"] or "-")[:10], draws])


def _bundles() -> list[dict[str, Any]]:
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
                "kind": "bundle",
                "name": folder.name,
                "version": manifest.version,
                "family": "molnar",
                "licence": manifest.licence,
                "bytes": sum(record.bytes for record in manifest.files.values()),
                "hash": manifest.hash,
                "folder": str(folder),
                "steps": manifest.defaults.steps,
                "guidance": manifest.defaults.guidance,
                "height": manifest.defaults.height,
                "width": manifest.defaults.width,
            }
        )
    return rows


def _checkpoints(hashed: bool) -> list[dict[str, Any]]:
    from molnar.app.jobs_schema import data_folder
    from molnar.bridge.hashing import checkpoint_hash, known_hash
    from molnar.bridge.locating import checkpoints

    places = search()
    found, refused = checkpoints(places)
    for why in refused:
        click.echo(f"note: {why}", err=True)
    take = checkpoint_hash if hashed else known_hash
    return [
        {
            "kind": "checkpoint",
            "name": _name(one.path, one.name, places),
            "family": one.family.name,
            "title": one.family.title,
            "pipeline": one.pipeline,
            "licence": one.licence,
            "bytes": one.bytes,
            "dtype": one.dtype,
            "hash": take(one, data_folder()),
            "folder": str(one.path),
            "steps": one.steps,
            "guidance": one.guidance,
            "height": one.height,
            "width": one.width,
        }
        for one in found
    ]


def _name(path: Path, name: str, places: list[Path]) -> str:
    """Return what `-m` takes: with the folder between, where it lies one deeper."""
    return f"{path.parent.name}/{name}" if path.parent not in places else name
