"""`molnar info FILE`: how a picture was made, or what a model is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from molnar.base.adapters import adapters_of

SHOWN = 12  # words of a long list


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(file: str, as_json: bool) -> None:
    """Tell what FILE says of itself: a picture, ours or another's, or a model by folder or name."""
    facts = about_picture(file) if Path(file).is_file() else about_bundle(file)
    if as_json:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    if adapters := adapters_of(facts):
        facts["adapters"] = ", ".join(map(str, adapters))
    for key, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(brief(value), ensure_ascii=False)
        click.echo(f"{_shown(key)}: {_shown(text)}")


def _shown(text: str) -> str:
    """Take out what would command the terminal: the file may be a stranger's."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def brief(value: Any) -> Any:
    """Shorten long lists of words, as of the names that a planner knows; --json has them all."""
    if isinstance(value, dict):
        return {key: brief(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > SHOWN and all(isinstance(x, str) for x in value):
        return [*value[:SHOWN], f"... {len(value):,} in all"]
    return value


def about_picture(file: str) -> dict[str, Any]:
    """Read a picture's metadata: our record, or what another tool says, in our words.

    Raises:
        DataError: It is no picture.
    """
    from molnar.base import metadata
    from molnar.base.foreign import TOOLS

    found = metadata.read(file)
    facts: dict[str, Any] = {
        "file": file,
        "made by": TOOLS[found.tool],
        "tool": found.tool,
        "generated": found.generated,
    }
    if found.record:
        rest = {key: value for key, value in found.record.items() if key != "request"}
        return {**facts, **found.record.get("request", {}), **rest}
    if found.foreign is None:
        return facts | {"prompt": "not recorded"}
    said = dataclasses.asdict(found.foreign)
    rest = said.pop("rest")
    facts |= {key: value for key, value in said.items() if value not in (None, (), "")}
    return facts | {key: rest[key] for key in rest if key not in facts}


def about_bundle(name: str) -> dict[str, Any]:
    """Read a bundle's manifest, and verify its files.

    Raises:
        BundleError: There is no such model, or it is damaged.
    """
    from molnar.app.cli.models import search
    from molnar.base.config import to_json
    from molnar.bundle import Bundle

    bundle = Bundle.load(name, search=search())
    facts = to_json(bundle.manifest)
    facts["parts"] = {
        part: {"kind": facts["parts"][part]["kind"], "config": facts["parts"][part]["config"]}
        for part in facts["parts"]
    }
    files = facts.pop("files")
    facts["latent"].pop("preview")
    return {
        "folder": str(bundle.folder),
        **facts,
        "bytes": sum(record["bytes"] for record in files.values()),
        "verified": f"{len(files)} files",
    }
