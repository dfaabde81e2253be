"""`molnar plan`: how a model will be computed on this machine, and how long it will take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import computed, options_of
from molnar.app.cli.models import search
from molnar.app.cli.wishes import size

if TYPE_CHECKING:
    from molnar.bridge.company import Company


@click.command()
@click.option("-m", "--model", default="sticker", show_default=True, help="Name, folder or file.")
@click.option("-W", "--width", type=int, help="Pixels.")
@click.option("-H", "--height", type=int, help="Pixels.")
@click.option("--size", metavar="WxH", help="Width and height at once, e.g. 512x512.")
@click.option("--ar", "--aspect", "aspect", metavar="W:H", help="Shape, e.g. 3:2.")
@click.option("--steps", type=int, help="Sampling steps; as the model draws best if absent.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--control", multiple=True, metavar="MODEL", help="A ControlNet; repeatable.")
@computed
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(**flags: Any) -> None:
    """Tell how a model would be computed here: numbers, memory, seconds. Nothing is loaded."""
    from molnar.drawers import checkpoint

    path = checkpoint(flags["model"], search())
    facts = _ours(flags) if path is None else _checkpoint(flags, path)
    if flags["as_json"]:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for name, value in facts.items():
        click.echo(f"{name:<10} {value}")


def _ours(flags: dict[str, Any]) -> dict[str, Any]:
    from molnar.bundle import Bundle

    manifest = Bundle.load(flags["model"], search=search()).manifest
    weight = sum(record.bytes for record in manifest.files.values()) / 1e6
    return {
        "model": f"{manifest.name} {manifest.version}, of molnar's own",
        "engine": "ONNX Runtime, no torch",
        "weights": f"{weight:.1f} MB",
        "seconds": "`molnar doctor` draws one and tells",
    }


def _checkpoint(flags: dict[str, Any], path: Any) -> dict[str, Any]:
    from molnar.bridge.company import company_of
    from molnar.bridge.estimating import parts_of
    from molnar.bridge.fitting import LADDER, fitted, seconds
    from molnar.bridge.machine import look
    from molnar.bridge.recognising import recognise

    found, options = recognise(path), options_of(flags)
    native = {"height": found.height, "width": found.width}
    family, wanted = found.family, size({**flags, "frame": native})
    height, width = wanted.get("height", found.height), wanted.get("width", found.width)
    machine = look(options.device, options.threads)
    company = company_of(found, options, _controls(flags, path))
    fit = fitted(found, options, machine, height=height, width=width, company=company)
    steps, guided = flags["steps"] or found.steps, found.guidance > 1
    took = seconds(
        found, fit, steps=steps, height=height, width=width, guided=guided, company=company
    )
    parts = parts_of(found)
    numbers = fit.dtype if fit.storage == fit.dtype else f"{fit.dtype}, kept as {fit.storage}"
    return {
        "model": f"{flags['model']}, {family.title} ({family.design})",
        "device": f"{fit.device} ({machine.name or 'unnamed'}, {machine.cores} cores)",
        "numbers": numbers,
        "weights": f"{parts.whole / 1e9:.1f} GB on disk ({parts.dtype}): "
        f"{parts.readers / 1e9:.1f} text, {parts.drawer / 1e9:.1f} drawing, "
        f"{parts.decoder / 1e9:.1f} decoding{_beside(company, parts.dtype)}",
        "memory": f"about {fit.need / 1e9:.1f} GB of {fit.room / 1e9:.1f} GB that are free",
        "given up": "; ".join(LADDER[name] for name in fit.given_up) or "nothing",
        "picture": f"{width}x{height}, {steps} steps",
        "seconds": f"about {_round(sum(took.values()) - took['step'])}: "
        f"{_round(took['text'])} before the first step, {_round(took['step'])} a step, "
        f"{_round(took['decode'])} decoding",
    }


def _controls(flags: dict[str, Any], path: Path) -> list[Path]:
    """Find ControlNets by name or path; a picture behind one, as `make` takes it, says nothing."""
    if not flags["control"]:
        return []
    from molnar.app.cli.wishes import guide
    from molnar.app.jobs_schema import data_folder
    from molnar.bridge.guide_files import find_guide, folders_of

    folders = folders_of([data_folder() / "loras", path.parent / "loras"])
    named = (text if "=" in text else f"{text}=a picture" for text in flags["control"])
    return [find_guide(guide("control", text), folders) for text in named]


def _beside(company: Company, dtype: str) -> str:
    """Tell how large what draws beside a checkpoint would be in its dtype."""
    from molnar.bridge.estimating import BYTES

    told = (("refining", company.refiner), ("guiding", company.control))
    each = BYTES.get(dtype, 2)
    return "".join(f", {count * each / 1e9:.1f} {what}" for what, count in told if count)


def _round(seconds: float) -> str:
    """Say an estimate with no more digits than it has.

    Example:
        >>> _round(0.123), _round(4.56), _round(187.0)
        ('0.1', '4.6', '190')
    """
    return f"{seconds:.1f}" if seconds < 10 else f"{float(f'{seconds:.2g}'):.0f}"
