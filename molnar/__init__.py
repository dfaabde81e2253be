"""molnar: the sentence goes in, the picture comes out, and every part between them is ours.

The path is the tree::

    prompt -> tokens -> embeddings -> plan -> diffusion -> latent -> decoder -> upscaler -> picture
    text/prompt.py  text/tokens.py  text/embeddings.py  plan/
                                              diffusion/    latent/format.py  latent/decoder.py
                                                                         upscale/     pipeline.py

Example:
    >>> import molnar
    >>> pipeline = molnar.load()  # doctest: +SKIP
    >>> request = molnar.Request(prompt="a dog wearing a beret", seed=1)
    >>> [picture] = pipeline(request)  # doctest: +SKIP
    >>> picture.save("dog.png")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molnar.base.version import VERSION

if TYPE_CHECKING:
    from molnar.base.request import Picture, Request
    from molnar.pipeline import Pipeline, load

__version__ = VERSION
__all__ = ["Picture", "Pipeline", "Request", "__version__", "load"]

# Public names are looked up when they are used: `molnar --help` must not wait for numpy.
_HOMES = {
    "Picture": "molnar.base.request",
    "Pipeline": "molnar.pipeline",
    "Request": "molnar.base.request",
    "load": "molnar.pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'molnar' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
