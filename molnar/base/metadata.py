"""A picture and its record -> a file that carries both; a file -> the record, ours or A1111's.

Three things are written: `molnar`, our own JSON, without loss; `parameters`, the text that A1111
and its kin read; and XMP that says the picture was made by a trained model. In PNG they are text
chunks; in JPEG and WebP the JSON travels inside the XMP and the text as EXIF UserComment.

Source: A1111 `modules/infotext_utils.py` and `modules/images.py` (grammar only); IPTC digital
source type vocabulary, https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import html
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.base.errors import DataError, RequestError
from molnar.base.images import checked, read_file

RECORD_KEY = "molnar"
PARAMETERS_KEY = "parameters"
XMP_KEY = "XML:com.adobe.xmp"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NAMESPACE = "https://molnar.invalid/ns/1.0/"  # a name, not an address

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

SAMPLER_LABELS = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "ddim": "DDIM",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
}
SCHEDULE_LABELS = {
    "simple": "Simple",
    "karras": "Karras",
    "exponential": "Exponential",
    "beta": "Beta",
    "sgm_uniform": "SGM Uniform",
}

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_UNICODE = b"UNICODE\0"
_NEGATIVE = "Negative prompt:"
_PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"^(\d+)x(\d+)$")
_RAW_JSON = re.compile(r"\s*(\w[\w \-/]+):\s*(?=[{\[])")
_IN_XMP = re.compile(r"<molnar:record>(.*?)</molnar:record>", re.DOTALL)


@dataclass(frozen=True)
class Parameters:
    """The A1111 text, taken apart; every value is text, sizes are split into "-1" and "-2".

    Example:
        >>> text = "a fox" + chr(10) + "Steps: 20, Seed: 7, Size: 512x768"
        >>> read_parameters(text).fields["Size-2"]
        '768'
    """

    prompt: str
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """What a picture file says about itself.

    Example:
        >>> Metadata(tool="none").record is None
        True
    """

    tool: Literal["molnar", "a1111", "none"]
    record: dict[str, Any] | None = None  # our JSON
    parameters: Parameters | None = None
    text: Mapping[str, str] = field(default_factory=dict)  # all text found, as it stands
    generated: bool = False  # says that a trained model made it


def write_parameters(prompt: str, negative_prompt: str, fields: Mapping[str, object]) -> str:
    """Return the A1111 `parameters` text; fields that are None are left out."""
    lines = [prompt]
    if negative_prompt:
        lines.append(f"{_NEGATIVE} {negative_prompt}")
    pairs = ((key, value) for key, value in fields.items() if value is not None)
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in pairs))
    return "\n".join(lines).strip()


def read_parameters(text: str) -> Parameters:
    """Take an A1111 `parameters` text apart; never fails, whatever the text is."""
    *lines, last = text.strip().split("\n")
    last, whole = _cut_raw_json(last)
    found = _PARAMETER.findall(last)
    if len(found) + len(whole) < 3:  # A1111's own rule: fewer is not a line of settings
        lines, found, whole = text.strip().split("\n"), [], {}
    prompt, negative = _split_prompt(lines)
    fields: dict[str, str] = {}
    for key, quoted in found:
        value = _unquoted(quoted.strip())
        size = _SIZE.match(value)
        if size:
            fields[f"{key}-1"], fields[f"{key}-2"] = size.groups()
        elif value:
            fields[key] = value
    return Parameters(prompt, negative, {**fields, **whole})


def encode(
    image: Image.Image, record: Mapping[str, Any], parameters: str, suffix: str = ".png"
) -> bytes:
    """Return the bytes of a picture file that carries its record.

    Args:
        image: RGB or RGBA.
        record: Our JSON, everything needed to make the picture again.
        parameters: The A1111 text.
        suffix: ".png", ".jpg", ".jpeg" or ".webp" (lossless).

    Raises:
        RequestError: If the suffix is none of these.
    """
    kind = SUFFIXES.get(suffix.lower())
    if kind is None:
        raise RequestError(
            f"cannot write {suffix or 'a file without suffix'}; expected {', '.join(SUFFIXES)}"
        )
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    out = io.BytesIO()
    if kind == "PNG":
        info = PngInfo()
        info.add_text(PARAMETERS_KEY, parameters)
        info.add_text(RECORD_KEY, text)
        info.add_itxt(XMP_KEY, _xmp(None))
        image.save(out, "PNG", pnginfo=info, optimize=False)
        return out.getvalue()
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + parameters.encode("utf-16-be")
    xmp = _xmp(text).encode()
    if kind == "JPEG":
        flat(image).save(out, "JPEG", quality=95, subsampling=0, exif=exif, xmp=xmp)
    else:
        image.save(out, "WEBP", lossless=True, exact=True, exif=exif, xmp=xmp)
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
    text = _texts(name, checked(name, data))
    xmp = text.get(XMP_KEY, "")
    record = _record(text.get(RECORD_KEY) or _in_xmp(xmp))
    parameters = read_parameters(text[PARAMETERS_KEY]) if PARAMETERS_KEY in text else None
    tool: Literal["molnar", "a1111", "none"]
    tool = "molnar" if record is not None else "a1111" if parameters is not None else "none"
    return Metadata(tool, record, parameters, text, generated=SOURCE_TYPE in xmp)


def _texts(name: str, image: Image.Image) -> dict[str, str]:
    """Return all text in a file under the names it has in a PNG."""
    try:
        # Text chunks may stand after the pixels, where only decoding finds them.
        image.load()
        found = {str(k): v for k, v in image.info.items() if isinstance(v, str)}
        xmp = image.info.get("xmp")
        if isinstance(xmp, bytes):
            found[XMP_KEY] = xmp.decode("utf-8", "replace")
        if PARAMETERS_KEY not in found:
            comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
            if isinstance(comment, bytes) and comment.startswith(_UNICODE):
                found[PARAMETERS_KEY] = _utf16(comment[len(_UNICODE) :])
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise anything on broken data
        kind = type(error).__name__
        raise DataError(f"{name} is broken ({kind}); get the file again from its source") from None
    return found


def _utf16(data: bytes) -> str:
    # The standard leaves the byte order open; text is mostly ASCII, whose high byte is 0.
    order = "utf-16-le" if data[1:2] == b"\0" and data[:1] != b"\0" else "utf-16-be"
    return data.decode(order, "replace")


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


def _in_xmp(xmp: str) -> str | None:
    # Looked up, not parsed: an XML parser on a stranger's file is a risk, and this is all we need.
    found = _IN_XMP.search(xmp)
    return html.unescape(found.group(1)) if found else None


def _record(text: str | None) -> dict[str, Any] | None:
    try:
        record = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,\n:]", text) else text


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def _split_prompt(lines: list[str]) -> tuple[str, str]:
    prompt: list[str] = []
    negative: list[str] = []
    current = prompt
    for line in (line.strip() for line in lines):
        if line.startswith(_NEGATIVE):
            current = negative
            current.append(line[len(_NEGATIVE) :].strip())
        else:
            current.append(line)
    return "\n".join(prompt), "\n".join(negative)


def _cut_raw_json(line: str) -> tuple[str, dict[str, str]]:
    """Take values that are bare JSON (Civitai's) out of a line: they would break the grammar."""
    cut: dict[str, str] = {}
    place = 0
    while found := _RAW_JSON.search(line, place):
        try:
            _, end = json.JSONDecoder().raw_decode(line, found.end())
        except (ValueError, RecursionError):
            place = found.end()
            continue
        cut[found.group(1)] = line[found.end() : end]
        line = line[: found.start()] + line[end:].lstrip(" ,")
        place = found.start()
    return line, cut
