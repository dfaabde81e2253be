"""`molnar serve` and `molnar studio`: the same pictures in a browser, and for every client."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from molnar.app.cli.drawing import COMPUTED, options_of
from molnar.app.cli.models import search

Command = Callable[..., Any]
SHARED: tuple[Callable[[Command], Command], ...] = (
    click.option("--host", default="127.0.0.1", show_default=True,
                 help="Address to listen at; any but loopback needs a token."),
    click.option("--port", type=click.IntRange(0, 65535),
                 help="Port; 7860, or the next free one, if absent."),
    click.option("--token", help="Who calls must say it; $MOLNAR_TOKEN if absent."),
    click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
                 help="Another name by which this server is called; repeatable."),
    click.option("--allow-origin", "origins", multiple=True, metavar="ORIGIN",
                 help="A page elsewhere that may call it, e.g. https://example.org; repeatable."),
    click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder."),
    click.option("--engine", default="onnx", show_default=True, help="onnx or torch."),
    click.option("-t", "--threads", type=click.IntRange(min=1),
                 help="CPU threads; one per core if absent."),
    *COMPUTED,
    click.option("--preview-decoder", metavar="NAME|PATH",
                 help="A tiny decoder that shows a checkpoint's pictures on their way."),
    click.option("--parallel", "slots", type=click.IntRange(1, 64), default=8, show_default=True,
                 help="Pictures drawn at once."),
    click.option("--queue", "waiting", type=click.IntRange(1, 100_000), default=64,
                 show_default=True, help="Jobs that may wait."),
    click.option("--most-cost", "cost", type=click.IntRange(min=1), default=1_000_000_000,
                 show_default=True, help="Width x height x steps x pictures of one job, at most."),
    click.option("--no-history", is_flag=True, help="Forget all pictures at the end."),
    click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors."),
)  # fmt: skip


def serves(command: Command) -> Command:
    """Give a command the flags of a server."""
    for option in reversed(SHARED):
        command = option(command)
    return command


@click.command()
@serves
def serve(**flags: Any) -> None:
    """Serve the studio, the A1111 dialect and the OpenAI dialect, until interrupted."""
    _run(flags, open_browser=False)


@click.command()
@serves
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def studio(**flags: Any) -> None:
    """Draw in the browser: `serve`, and the studio opened."""
    _run(flags, open_browser=not flags["no_browser"])


def _run(flags: dict[str, Any], open_browser: bool) -> None:
    from molnar.app.server.limits import Limits
    from molnar.app.server.serving import Settings, run
    from molnar.app.server.tokens import bind, token_from

    token = token_from(flags["token"])
    bind(flags["host"], token)  # refuses before anything is opened
    settings = Settings(
        host=flags["host"],
        port=7860 if flags["port"] is None else flags["port"],
        any_port=flags["port"] is None,
        token=token,
        hosts=flags["hosts"],
        origins=flags["origins"],
        model=flags["model"],
        search=search(),
        engine=flags["engine"],
        threads=flags["threads"],
        options=options_of(flags),
        slots=flags["slots"],
        keep=not flags["no_history"],
        limits=Limits(waiting=flags["waiting"], cost=flags["cost"]),
    )

    def ready(address: str) -> None:
        for line in addresses(address):
            click.echo(line)
        sys.stdout.flush()
        if not flags["quiet"]:
            click.echo("ready; Ctrl-C ends it", err=True)
        if open_browser:
            import webbrowser

            webbrowser.open(f"{address}/" if token is None else f"{address}/?token={token}")

    run(settings, ready)


def addresses(address: str) -> list[str]:
    """Say where everything is, one a line.

    Example:
        >>> for line in addresses("http://127.0.0.1:7860"):
        ...     print(line)
        studio  http://127.0.0.1:7860/
        a1111   http://127.0.0.1:7860
        openai  http://127.0.0.1:7860/v1
    """
    return [f"studio  {address}/", f"a1111   {address}", f"openai  {address}/v1"]
