"""All text inside a picture file, wherever it is, under the names that a PNG has for it.

PNG text chunks keep their names. What JPEG and WebP carry in EXIF, in a comment or in XMP gets the
name of the chunk that the same tool writes into a PNG.

Source: EXIF 2.32, section 4.6.5 (UserComment); the layouts of the tools are in `foreign.py`.
"""

from __future__ import annotations

import html
import json
from typing import Any

from PIL import Image

from molnar.base.errors import DataError
from molnar.base.foreign import json_object
from molnar.base.stealth import hidden_text

PARAMETERS_KEY = "parameters"
RECORD_KEY = "molnar"
XMP_KEY = "XML:com.adobe.xmp"

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE = b"UNICODE\0"
_ASCII = b"ASCII\0\0\0"
_SETTINGS = "Steps: "  # how the last line of A1111's text begins
# Where ComfyUI puts its graph in WebP and JPEG (Make, Model), and others their name.
_TAGS = {0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x927C: "MakerNote"}
_GRAPH_KEYS = ("prompt", "workflow")
_SIGNS = {
    PARAMETERS_KEY, RECORD_KEY, "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata",
    "Dream", "negative_prompt", "Negative Prompt",
}  # fmt: skip
MAX_TEXT = 8_000_000  # characters; a longer text is cut


def texts(name: str, image: Image.Image) -> dict[str, str]:
    """Return all text in a file by name; a picture that carries none is searched for hidden text.

    Args:
        name: What to call the file in a message.
        image: Just opened.

    Raises:
        DataError: If the file is broken.
    """
    try:
        # Text chunks may stand after the pixels, where only decoding finds them.
        image.load()
        found = {str(k): v for k, v in image.info.items() if isinstance(v, str)}
        for key in ("xmp", "comment"):
            value = image.info.get(key)
            if isinstance(value, bytes):
                found[XMP_KEY if key == "xmp" else "Comment"] = value.decode("utf-8", "replace")
        for key, value in _exif(image).items():
            found.setdefault(key, value)
        if not _signs_of_a_tool(found):
            found.update(_hidden(image))
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise anything on broken data
        kind = type(error).__name__
        raise DataError(f"{name} is broken ({kind}); get the file again from its source") from None
    return {key: _clean(value[:MAX_TEXT]) for key, value in found.items()}


def in_xmp(xmp: str, element: str) -> str | None:
    """Return the text inside the first such element of an XMP packet, its inner tags taken off.

    Looked up, not parsed: an XML parser on a stranger's file is a risk, and this is all we need.

    Example:
        >>> in_xmp("<x><a:b><li>1 &lt; 2</li></a:b></x>", "a:b")
        '1 < 2'
    """
    start = xmp.find(f"<{element}")
    start = xmp.find(">", start) + 1 if start >= 0 else 0
    end = xmp.find(f"</{element}>", start)
    if start <= 0 or end < 0:
        return None
    text, *pieces = xmp[start:end].split("<")
    pieces = [piece.partition(">")[2] for piece in pieces]
    return html.unescape("".join([text, *pieces]).strip())


def _exif(image: Image.Image) -> dict[str, str]:
    exif = image.getexif()
    found: dict[str, str] = {}
    for tag, key in _TAGS.items():
        value = _decoded(exif.get(tag) or exif.get_ifd(EXIF_IFD).get(tag))
        start, _, rest = value.partition(":")
        if key in ("Make", "Model") and start.lower() in _GRAPH_KEYS:
            found[start.lower()] = rest
        elif key == "Model" and "sui_image_params" in value:  # an early SwarmUI
            found[PARAMETERS_KEY] = value
        elif value and key not in ("Make", "Model"):
            found[key] = value
    comment = exif.get_ifd(EXIF_IFD).get(USER_COMMENT)
    text = _decoded(comment if comment is not None else exif.get(USER_COMMENT))
    if any(sign in text for sign in ("Steps:", "Negative prompt:", "{")):  # not a camera's
        found.setdefault(PARAMETERS_KEY, text)
    return found


def _decoded(value: Any) -> str:
    if isinstance(value, str):
        try:  # the standard allows ASCII alone, and many write UTF-8, which Pillow cannot know
            return value.encode("latin-1").decode()
        except UnicodeError:
            return value
    if not isinstance(value, bytes):
        return ""
    if value.startswith(UNICODE):
        return _of_utf16(value[len(UNICODE) :])
    return value.removeprefix(_ASCII).decode("utf-8", "replace").strip("\0")


def _of_utf16(data: bytes) -> str:
    """Decode text whose byte order the standard leaves open, and nothing in it need tell.

    Its first letter cannot: read the other way round, that of a prompt may be a letter too. So
    what A1111 writes behind every prompt decides, and else the high bytes of ASCII, which are 0.
    """
    for order in ("utf-16-be", "utf-16-le"):  # A1111 writes the first
        text = data.decode(order, "replace")
        if _SETTINGS in text:
            return text
    little = data[1::2].count(0) > data[::2].count(0)
    return data.decode("utf-16-le" if little else "utf-16-be", "replace")


def _signs_of_a_tool(found: dict[str, str]) -> bool:
    return not _SIGNS.isdisjoint(found) or any(
        sign in found.get(XMP_KEY, "") for sign in ("molnar:", "UserComment", "sdcpp:")
    )


def _hidden(image: Image.Image) -> dict[str, str]:
    text = hidden_text(image)
    if not text:
        return {}
    if chunks := json_object(text):  # NovelAI hides all its chunks in one
        return {k: v if isinstance(v, str) else json.dumps(v) for k, v in chunks.items()}
    return {PARAMETERS_KEY: text}


def _clean(text: str) -> str:
    """Half a character, as JSON can hold it, cannot be written anywhere: a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
