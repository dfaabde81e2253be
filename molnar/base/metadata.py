"""A picture and its record -> a file that carries both; a file -> the record, ours or another's.

Three things are written: `molnar`, our own JSON, without loss; `parameters`, the text that A1111
and its kin read; and XMP that says the picture was made by a trained model. In PNG they are text
chunks; in JPEG and WebP the JSON travels inside the XMP and the text as EXIF UserComment.

Source: A1111 `modules/images.py` (where its text stands); IPTC digital source type vocabulary,
https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import html
import io
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.base.embedded import (
    EXIF_IFD,
    PARAMETERS_KEY,
    RECORD_KEY,
    UNICODE,
    USER_COMMENT,
    XMP_KEY,
    in_xmp,
    texts,
)
from molnar.base.errors import RequestError
from molnar.base.foreign import Foreign, json_object
from molnar.base.images import checked, read_file
from molnar.base.parameters import (
    SAMPLER_LABELS,
    SCHEDULE_LABELS,
    Parameters,
    read_parameters,
    write_parameters,
)

__all__ = [
    "PARAMETERS_KEY",
    "RECORD_KEY",
    "SAMPLER_LABELS",
    "SCHEDULE_LABELS",
    "SOURCE_TYPE",
    "SUFFIXES",
    "XMP_KEY",
    "Foreign",
    "Metadata",
    "Parameters",
    "Tool",
    "encode",
    "flat",
    "read",
    "read_parameters",
    "write_parameters",
]

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NAMESPACE = "https://molnar.invalid/ns/1.0/"  # a name, not an address

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

Tool = Literal[
    "molnar", "a1111", "forge", "comfyui", "invokeai", "fooocus", "swarmui", "novelai",
    "drawthings", "sdcpp", "easydiffusion", "none",
]  # fmt: skip


@dataclass(frozen=True)
class Metadata:
    """What a picture file says about itself.

    Example:
        >>> Metadata(tool="none").record is None
        True
    """

    tool: Tool
    record: dict[str, Any] | None = None  # our JSON
    parameters: Parameters | None = None
    text: Mapping[str, str] = field(default_factory=dict)  # all text found, as it stands
    generated: bool = False  # says that a trained model made it
    foreign: Foreign | None = None  # what another tool says, in our words


def encode(
    image: Image.Image,
    record: Mapping[str, Any],
    parameters: str,
    suffix: str = ".png",
    quality: int | None = None,
) -> bytes:
    """Return the bytes of a picture file that carries its record.

    Args:
        image: RGB or RGBA.
        record: Our JSON, everything needed to make the picture again; empty to leave it out.
        parameters: The A1111 text; empty to leave it out.
        suffix: ".png", ".jpg", ".jpeg" or ".webp".
        quality: Of a JPEG or WebP, 1 to 100; None = 95, and a WebP without loss.

    Returns:
        The file; that a trained model made the picture is written in any case.

    Raises:
        RequestError: If the suffix is none of these.
    """
    kind = SUFFIXES.get(suffix.lower())
    if kind is None:
        raise RequestError(
            f"cannot write {suffix or 'a file without suffix'}; expected {', '.join(SUFFIXES)}"
        )
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")) if record else None
    out = io.BytesIO()
    if kind == "PNG":
        info = PngInfo()
        if parameters:
            info.add_text(PARAMETERS_KEY, parameters)
        if text is not None:
            info.add_text(RECORD_KEY, text)
        info.add_itxt(XMP_KEY, _xmp(None))
        image.save(out, "PNG", pnginfo=info, optimize=False)
        return out.getvalue()
    carried: dict[str, Any] = {"xmp": _xmp(text).encode()}
    if parameters:
        carried["exif"] = _exif(UNICODE + parameters.encode("utf-16-be"))
    if kind == "JPEG":
        flat(image).save(out, "JPEG", quality=quality or 95, subsampling=0, **carried)
    elif quality is None:
        image.save(out, "WEBP", lossless=True, exact=True, **carried)
    else:
        image.save(out, "WEBP", quality=quality, **carried)
    return out.getvalue()


def flat(image: Image.Image) -> Image.Image:
    """Return the picture in RGB, on white where it is transparent."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def read(source: str | os.PathLike[str] | bytes) -> Metadata:
    """Read what a PNG, JPEG or WebP file says about itself.

    Raises:
        DataError: If it is not such a file, or larger than 20 MB or 16 megapixels.
    """
    name, data = read_file(source)
    return read_opened(name, checked(name, data))


def read_opened(name: str, image: Image.Image) -> Metadata:
    """Read what a picture just opened says about itself; it is decoded by that.

    Raises:
        DataError: If the file is broken.
    """
    from molnar.base.dialects import recognised  # only reading needs it: drawing starts sooner

    text = texts(name, image)
    xmp = text.get(XMP_KEY, "")
    record = _record(text.get(RECORD_KEY) or in_xmp(xmp, "molnar:record"))
    parameters = read_parameters(text[PARAMETERS_KEY]) if PARAMETERS_KEY in text else None
    foreign = recognised(text) if record is None else None
    tool: Any = "molnar" if record is not None else foreign.tool if foreign else "none"
    return Metadata(tool, record, parameters, text, SOURCE_TYPE in xmp, foreign)


def _exif(comment: bytes) -> bytes:
    """Return an EXIF block of one UserComment, its type UNDEFINED as the standard has it.

    Pillow would write BYTE, and piexif, with which A1111 reads, refuses that.
    """
    parts = (
        b"Exif\0\0MM\0*\0\0\0\x08",
        struct.pack(">HHHIII", 1, EXIF_IFD, 4, 1, 26, 0),  # one entry: where the next block is
        struct.pack(">HHHIII", 1, USER_COMMENT, 7, len(comment), 44, 0),
        comment,
    )
    return b"".join(parts)


def _xmp(record: str | None) -> str:
    inside = (
        f"<molnar:record>{html.escape(record, quote=False)}</molnar:record>"
        if record is not None
        else ""
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:molnar="{NAMESPACE}">'
        "<xmp:CreatorTool>molnar</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>{inside}"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _record(text: str | None) -> dict[str, Any] | None:
    return json_object(text) or None
