"""The pictures that jobs started from, kept by the sha256 of their pixels.

`inputs/ab/abcdef....png`, lossless: a job can be repeated when the user's own file is gone. numpy
and Pillow are imported when a picture is put or got, not before.
"""

from __future__ import annotations

import hashlib
import io
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from molnar.app.jobs_schema import Database, explained
from molnar.base.errors import DataError, NotThereError, RequestError, one_line
from molnar.base.files import sync_folder, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
CHANNELS = (1, 3, 4)  # grey, RGB, RGBA


def put_input(database: Database, pixels: NDArray[np.uint8]) -> str:
    """Keep a picture that a job starts from, uint8 H W C; return the sha256 of its pixels.

    Raises:
        DataError: It is no such picture, or cannot be kept.
    """
    from PIL import Image

    from molnar.base.request import pixels_sha256

    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] not in CHANNELS:
        raise DataError(
            f"got pixels of {pixels.dtype} {list(pixels.shape)}; expected uint8 H W C with "
            "1, 3 or 4 channels"
        )
    sha = pixels_sha256(pixels)
    if not _kept(database, sha):
        out = io.BytesIO()
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        image.save(out, "PNG", compress_level=3)
        keep_file(database, sha, out.getvalue())
    return sha


def keep_file(database: Database, sha: str, png: bytes) -> None:
    """Keep the PNG of an input: listed as trash first, so that a crash leaves nothing unlisted."""
    file = _file(sha)
    path = database.folder / file
    with database.writing() as connection:
        if _kept(database, sha):  # put by another process just now
            return
        # What a row names is never trash, even if somebody removed its file by hand.
        connection.execute(
            "INSERT OR REPLACE INTO trash SELECT :file, :bytes "
            "WHERE NOT EXISTS (SELECT 1 FROM inputs WHERE file = :file)",
            {"file": file, "bytes": len(png)},
        )
    with explained(database.folder):
        write_bytes(path, png, force=True)
        sync_folder(path.parent.parent)
    with database.writing() as connection:
        if not path.is_file():  # another process emptied the trash meanwhile
            write_bytes(path, png, force=True)
        connection.execute("DELETE FROM trash WHERE file = ?", (file,))
        connection.execute(
            "INSERT INTO inputs (pixels_sha256, file, bytes, sha256, used) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (pixels_sha256) DO UPDATE SET bytes = excluded.bytes, "
            "sha256 = excluded.sha256, used = excluded.used",
            (sha, file, len(png), hashlib.sha256(png).hexdigest(), now()),
        )


def get_input(database: Database, sha: str) -> NDArray[np.uint8]:
    """Return the pixels, uint8 H W C, of an input or of a job's picture.

    Args:
        database: Where to look.
        sha: The sha256 of the pixels.

    Raises:
        RequestError: This is no sha256, or no picture with these pixels is kept.
        DataError: Its file is gone or damaged.
    """
    import numpy as np
    from PIL import Image

    from molnar.base.request import pixels_sha256

    path = _path_of(database, sha)
    try:
        with Image.open(path, formats=["PNG"]) as image:
            pixels = np.asarray(image)
    except FileNotFoundError:
        raise DataError(f"{path} is gone; give the picture by its file instead") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise anything on broken data
        raise DataError(f"{path} cannot be read ({one_line(error)}); give another file") from None
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels_sha256(pixels) != sha:
        raise DataError(f"{path} was altered: its pixels are not {sha[:10]}...; give another file")
    return pixels


def input_size(database: Database, sha: str) -> tuple[int, int]:
    """Return height and width of an input or of a job's picture, from its file's header.

    Raises:
        RequestError: This is no sha256, or no picture with these pixels is kept.
        DataError: Its file is gone or damaged.
    """
    from molnar.app.job import NewPicture

    path = _path_of(database, sha)
    try:
        with path.open("rb") as file:
            width, height = NewPicture(file.read(24)).size()
    except OSError:
        raise DataError(f"{path} is gone; give the picture by its file instead") from None
    return height, width


def now() -> str:
    """The time, UTC; such texts sort as the times do."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _kept(database: Database, sha: str) -> bool:
    """Whether an input is there already; if so, it counts as put again just now."""
    with database.writing() as connection:
        query = "UPDATE inputs SET used = ? WHERE pixels_sha256 = ?"
        if not connection.execute(query, (now(), sha)).rowcount:
            return False
        return (database.folder / _file(sha)).is_file()  # False: removed by hand, to be put again


def _file(sha: str) -> str:
    return f"inputs/{sha[:2]}/{sha}.png"


def _path_of(database: Database, sha: str) -> Path:
    if SHA256.fullmatch(sha) is None:
        raise RequestError(
            f"got {one_line(sha, 80)!r} as a picture's sha256; expected 64 digits 0-9 a-f"
        )
    with database.reading() as rows:
        for query in (
            "SELECT file FROM inputs WHERE pixels_sha256 = ?",
            "SELECT file FROM pictures WHERE pixels_sha256 = ? ORDER BY job LIMIT 1",
        ):
            if row := rows.execute(query, (sha,)).fetchone():
                return database.folder / str(row[0])
    raise NotThereError(
        f"no picture with pixels {sha[:10]}... is kept; give it by its file instead"
    )
