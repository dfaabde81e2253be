"""A sticker pack in, the list of what is trained on out: names, vectors, projects and licences.

The list goes into a bundle, so that `molnar explain --sources` can name the drawings that a picture
looks most like where the drawings themselves are not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from molnar.base.drawings import FILE, Drawings, Origin
from molnar.base.errors import DataError
from molnar.base.images import unpremultiply
from molnar.base.likeness import describe_by_rule
from molnar.lab.data.heldout import drawing_held_out
from molnar.lab.data.stickers import Stickers

_APACHE = "https://www.apache.org/licenses/LICENSE-2.0"
_OFL = "https://scripts.sil.org/OFL"
_MIT = "https://spdx.org/licenses/MIT.html"
_FLUENT = Origin("Fluent Emoji (Microsoft)", "MIT", (_MIT,))

#: Project and licence by style of the pack, as its README and our NOTICE have them.
ORIGINS: dict[str, Origin] = {
    "noto": Origin("Noto Emoji (Google)", "Apache-2.0 / OFL-1.1", (_APACHE, _OFL)),
    "blob": Origin("Blobmoji (a fork of Noto Emoji)", "Apache-2.0 / OFL-1.1", (_APACHE, _OFL)),
    "twemoji": Origin(
        "Twemoji (Twitter and contributors)",
        "CC-BY-4.0",
        ("https://creativecommons.org/licenses/by/4.0/",),
    ),
    "fluent-color": _FLUENT,
    "fluent-flat": _FLUENT,
    "fluent-high-contrast": _FLUENT,
    "fluent-3d": _FLUENT,
}


def trained_on(stickers: Stickers) -> Drawings:
    """List the drawings of a pack that are not held out.

    Raises:
        DataError: Fewer than two are left.
    """
    keys = [key for key in stickers.drawings if not drawing_held_out(*key)]
    if len(keys) < 2:
        raise DataError(
            f"{stickers.folder}: {len(keys)} drawings to train on, expected at least 2; "
            "choose more concepts"
        )
    # One at a time: at once, a thousand drawings with straight alpha would be another 100 MB.
    vectors = [describe_by_rule([unpremultiply(stickers.sprites[key].pixels)]) for key in keys]
    return Drawings.of(keys, np.concatenate(vectors), ORIGINS)


def write(stickers: Stickers, folder: str | Path) -> Path:
    """Write the list into a folder, the `sources` of a workspace; an older one is replaced.

    Returns:
        The file.

    Raises:
        DataError: Fewer than two drawings are trained on.
    """
    drawings = trained_on(stickers)
    path = Path(folder) / FILE
    drawings.save(path)
    return path
