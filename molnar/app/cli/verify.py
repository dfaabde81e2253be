"""`molnar verify PICTURE`: does it come out the same again?"""

from __future__ import annotations

import json
from typing import Any

import click

from molnar.app.cli.models import search


@click.command()
@click.argument("pictures", nargs=-1, required=True)
@click.option("-m", "--model", help="Name or folder; the picture's own if absent.")
@click.option("--engine", help="onnx or torch; the picture's own if absent.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(**flags: Any) -> int:
    """Draw PICTURES (files, or ones of the history such as k7.2) again, and compare.

    The exit code is 0 if all are identical, 1 if not.
    """
    from molnar.app.jobs import Store
    from molnar.app.parents import found
    from molnar.app.verifying import verify as verified
    from molnar.base import metadata
    from molnar.drawers import Drawer, open_model

    facts: list[dict[str, Any]] = []
    opened: dict[tuple[str, str], Drawer] = {}
    with Store.open() as store:
        for text in flags["pictures"]:
            path = found(text, store).path
            record = metadata.read(path).record or {}
            model = flags["model"] or str(record.get("model") or "sticker")
            engine = flags["engine"] or str(record.get("engine") or "onnx")
            if (model, engine) not in opened:
                opened[model, engine] = open_model(
                    model,
                    engine,
                    threads=flags["threads"],
                    search=search(),
                    home=store.database.folder,
                )
            verdict = verified(path, opened[model, engine], store)
            facts.append({"picture": text, **verdict.to_json()})
            if not flags["as_json"]:
                click.echo(told(facts[-1]))
    if flags["as_json"]:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
    return 0 if all(one["identical"] for one in facts) else 1


def told(fact: dict[str, Any]) -> str:
    """Say a verdict in one line."""
    other = f"; {'; '.join(fact['replaced'])}" if fact["replaced"] else ""
    if fact["identical"]:
        return f"{fact['picture']}: identical{other}"
    changed = "; the file was altered after it was drawn" if fact["altered"] else ""
    differs = f"; {'; '.join(fact['differs'])}" if fact["differs"] else ""
    return (
        f"{fact['picture']}: differs by at most {fact['largest']} of 255, "
        f"{fact['mean']:.3f} on average{changed}{other}{differs}"
    )
