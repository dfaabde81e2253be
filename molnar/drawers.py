"""Any model by its name: one of ours, or a public checkpoint. Both draw `Request`s alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from molnar.base.errors import RequestError
from molnar.base.request import Picture, Request
from molnar.base.types import Step
from molnar.bundle import MANIFEST, SHIPPED

if TYPE_CHECKING:
    from molnar.bridge.options import Options
    from molnar.pipeline import Pipeline
    from molnar.starting import Library


class Drawer(Protocol):
    """What draws: a `Pipeline`, or a checkpoint of `molnar.bridge`."""

    engine: str
    library: Library

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def hash(self) -> str:
        """What names its weights, hexadecimal: equal hash, equal pictures."""
        ...

    def __call__(self, request: Request) -> list[Picture]:
        """Draw every picture of a request."""
        ...

    def draw(self, request: Request, only: Sequence[int] | None = None) -> Iterator[Step | Picture]:
        """Draw picture after picture: the steps of each, then the picture itself."""
        ...

    def resolve(self, request: Request) -> Request:
        """Fill in what the request leaves to the model."""
        ...

    def notes(self, request: Request) -> list[str]:
        """Say what the pictures of a request will not show as asked."""
        ...

    def apart(self, library: Library) -> Any:
        """Give the same model for another thread."""
        ...


class Guest(Drawer, Protocol):
    """A public checkpoint, which can tell this, too."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    def preview(self, step: Step) -> Any:
        """Show where a step leads: uint8 H W 3, small."""
        ...

    def count(self, prompt: str) -> tuple[int, int]:
        """Count the tokens of a prompt, and those that its first text encoder reads at most."""
        ...

    def card(self) -> dict[str, Any]:
        """Tell name, family, size, hash, licence and recommended settings, as plain JSON."""
        ...


def open_model(
    model: str | Path = "sticker",
    engine: str = "onnx",
    *,
    threads: int | None = None,
    search: Sequence[Path] = (),
    options: Options | None = None,
    home: Path | None = None,
) -> Drawer:
    """Open a model of ours, or a public checkpoint.

    Args:
        model: Name or path.
        engine: Of ours: "onnx" or "torch".
        threads: CPU threads; None = one per core.
        search: Folders that hold models, looked through before the shipped ones.
        options: How a checkpoint is to be computed.
        home: A folder with `loras` and `embeddings`, and place for what is computed once.

    Raises:
        BundleError: It is not there, is damaged, or is nothing that we know.
        MissingExtraError: It is a checkpoint, and `molnar[hub]` is not installed.
    """
    path = checkpoint(model, search)
    if path is None:
        from molnar.pipeline import load

        return load(model, engine, threads=threads, search=search)
    from molnar.bridge.opening import open_checkpoint
    from molnar.bridge.options import Options
    from molnar.bridge.recognising import recognise

    near = [] if home is None else [home / "loras", home / "embeddings"]
    return open_checkpoint(
        recognise(path),
        options or Options(threads=threads),
        cache=home,
        search=search,
        adapters=near,
    )


def checkpoint(model: str | Path, search: Sequence[Path] = ()) -> Path | None:
    """Find a public checkpoint by name or path; None: it is one of ours, or there is none.

    Example:
        >>> checkpoint("sticker") is None
        True
    """
    places = (Path(model), *(parent / str(model) for parent in (*search, SHIPPED)))
    if any((place / MANIFEST).is_file() for place in places):
        return None
    from molnar.bridge.locating import locate

    return locate(str(model), search=search)


def native_size(model: str | Path, search: Sequence[Path] = ()) -> dict[str, int]:
    """Give height and width that a checkpoint draws best, in pixels; nothing for ours.

    Example:
        >>> native_size("sticker")
        {}
    """
    path = checkpoint(model, search)
    if path is None:
        return {}
    from molnar.bridge.beside import native_size as size_of
    from molnar.bridge.recognising import recognise

    height, width = size_of(recognise(path))
    return {"height": height, "width": width}


def ours(drawer: Drawer, what: str) -> Pipeline:
    """Give a drawer as the pipeline of a bundle, which can do more than draw.

    Args:
        drawer: Any model.
        what: Needs it, for the message.

    Raises:
        RequestError: It is a public checkpoint.
    """
    from molnar.pipeline import Pipeline

    if not isinstance(drawer, Pipeline):
        raise RequestError(
            f"{what} needs a model of molnar's own, and {drawer.name!r} is a public checkpoint; "
            "expected e.g. -m sticker"
        )
    return drawer
