"""`molnar doctor`: is everything there, is the model whole, and how fast is it here."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib import metadata
from typing import Any

import click

from molnar.base.errors import MolnarError

NEEDED = ("numpy", "pillow", "onnxruntime", "tokenizers", "click")
OPTIONAL = ("torch", "diffusers")


@click.command()
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("--engine", default="onnx", show_default=True, help="onnx or torch.")
@click.option("--draw", is_flag=True, help="Draw a picture and time it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, model: str, engine: str, draw: bool, as_json: bool) -> None:
    """Check this installation. Exit code 1 says that it cannot draw."""
    facts = machine()
    problems = [f"{name} is missing; install molnar again" for name in NEEDED if not facts[name]]
    try:
        facts |= check_model(model, engine, draw)
    except (MolnarError, ImportError) as error:
        problems.append(str(error))
    facts["problems"] = problems
    if as_json:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        for key, value in facts.items():
            if key != "problems":
                click.echo(f"{key}: {'not installed' if value is None else value}")
        for problem in problems:
            click.echo(f"problem: {problem}", err=True)
    ctx.exit(1 if problems else 0)


def machine() -> dict[str, Any]:
    """Look at Python, the cores and the libraries; none of them is imported."""
    return {
        "molnar": version("molnar") or "not installed as a package",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        **{name: version(name) for name in (*NEEDED, *OPTIONAL)},
    }


def version(package: str) -> str | None:
    """The installed version of a package, None if it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_model(model: str, engine: str, draw: bool) -> dict[str, Any]:
    """Verify a model's files and, if asked, draw with it.

    Raises:
        MolnarError: It is damaged, or cannot draw.
    """
    from molnar.app.cli.models import search
    from molnar.base.request import Request
    from molnar.pipeline import load

    start = time.perf_counter()
    pipeline = load(model, engine, search=search())
    manifest = pipeline.bundle.manifest
    facts: dict[str, Any] = {
        "engine": engine,
        "model": f"{manifest.name} {manifest.version}, hash {pipeline.bundle.hash[:10]} verified",
    }
    if draw:
        [first] = pipeline(Request(prompt="a red circle", seed=0))
        facts["first picture"] = f"{time.perf_counter() - start:.2f} s, model loading included"
        [second] = pipeline(Request(prompt="a red circle", seed=0))
        facts["next picture"] = f"{sum(second.seconds.values()):.2f} s"
        facts["same again"] = bool((first.image == second.image).all())
    return facts
