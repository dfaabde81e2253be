"""Every error that molnar raises on purpose, as one tree.

::

    MolnarError             exit 1   anything below
    ├── RequestError        exit 2   what was asked cannot be done (also a ValueError)
    │   └── NotThereError   exit 2   a job or picture that is not there
    ├── ConfigError         exit 2   a configuration does not fit its dataclass (also a ValueError)
    ├── BundleError         exit 1   a model on disk is incomplete or altered
    │   └── CheckpointError exit 1   a public checkpoint that cannot be opened, and why
    ├── WeightsError        exit 1   a weights file is not one we can or will read
    ├── DataError           exit 1   a picture or a data set cannot be used
    ├── PullError           exit 1   a model cannot be taken from the hub
    ├── TrainingError       exit 1   a training run cannot go on
    └── MissingExtraError   exit 1   an optional dependency is not installed (also an ImportError)

A message is one line in three parts: what was got, what was expected, what to do.
"""

from __future__ import annotations


class MolnarError(Exception):
    """Root of the tree; `exit_code` is what the command line returns.

    Example:
        >>> RequestError("steps is 0; expected 1 to 150").exit_code
        2
    """

    exit_code: int = 1


class RequestError(MolnarError, ValueError):
    """Something was asked that cannot be done."""

    exit_code = 2


class NotThereError(RequestError):
    """A job or a picture was named that is not there, or not any more."""


class ConfigError(MolnarError, ValueError):
    """A configuration does not fit the dataclass it is for."""

    exit_code = 2


class BundleError(MolnarError):
    """A model on disk is incomplete, altered or of an unknown format."""


class CheckpointError(BundleError):
    """A public checkpoint is incomplete, of a refused kind, or of an unknown architecture."""


class WeightsError(MolnarError):
    """A weights file is corrupt, of a refused kind, or does not fit the model."""


class DataError(MolnarError):
    """A picture or a data set cannot be used."""


class PullError(MolnarError):
    """A model cannot be taken from the hub: not there, not allowed, no room, or altered."""


class TrainingError(MolnarError):
    """A training run cannot go on."""


class MissingExtraError(MolnarError, ImportError):
    """An optional dependency is not installed.

    Args:
        package: What could not be imported.
        extra: The extra of molnar that brings it, e.g. "train".

    Example:
        >>> str(MissingExtraError("torch", "train"))
        "torch is not installed; this needs molnar[train]: pip install 'molnar[train]'"
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; this needs molnar[{extra}]: pip install 'molnar[{extra}]'"
        )
        self.package = package
        self.extra = extra


def one_line(text: object, limit: int = 200) -> str:
    """Return `text` without line breaks or unprintable characters, at most `limit` characters.

    For quoting what strangers wrote (file names, headers) inside a one-line message.
    """
    clean = "".join(c if c.isprintable() else " " for c in str(text))
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."
