from __future__ import annotations

from molnar.app.cli.wishes import shaped


def test_ar_keeps_the_usual_area() -> None:
    assert shaped("1:1", None, None) == (512, 512)
    height, width = shaped("16:9", None, None)
    assert abs(height * width / 512**2 - 1) < 0.02
    assert abs(width / height - 16 / 9) < 0.05
