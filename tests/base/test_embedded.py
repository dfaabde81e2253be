from __future__ import annotations

import io

import pytest
from PIL import Image

from molnar.base.embedded import XMP_KEY, in_xmp, texts
from molnar.base.errors import DataError


def opened(kind, **more):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind, **more)
    return Image.open(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize(
    ("xmp", "found"),
    [
        ("<e:U>1 &amp; 2 > 1</e:U>", "1 & 2 > 1"),
        ('<e:U>\n <rdf:Alt><rdf:li xml:lang="x">{"a": 1}\n</rdf:li></rdf:Alt></e:U>', '{"a": 1}'),
        ("<e:U x='1'>a&#xA;b</e:U>", "a\nb"),
        ("<e:U></e:U>", ""),
        ("<e:U>", None),
        ("<e:U", None),
        ("</e:U>", None),
        ("", None),
    ],
)
def test_an_element_of_xmp(xmp, found):
    assert in_xmp(xmp, "e:U") == found


def test_comments_and_xmp_of_jpeg():
    found = texts("x", opened("JPEG", comment="é".encode(), xmp=b"<a/>"))
    assert (found["Comment"], found[XMP_KEY]) == ("é", "<a/>")
    assert texts("x", opened("JPEG", comment=b"\xff"))["Comment"] == "\ufffd"


def test_utf8_in_a_tag_for_ascii():
    exif = Image.Exif()
    exif[0x0131] = "Fooocus é".encode()
    assert texts("x", opened("WEBP", exif=exif))["Software"] == "Fooocus é"
    exif[0x0131] = b"\xe9"
    assert texts("x", opened("WEBP", exif=exif))["Software"] == "é"


def test_a_broken_file_is_one_line():
    out = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(out, "PNG")
    broken = io.BytesIO(out.getvalue()[:900])
    with pytest.raises(DataError, match="x is broken"):
        texts("x", Image.open(broken))
