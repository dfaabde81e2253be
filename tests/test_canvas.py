"""Wished sizes, and what is drawn for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from molnar.base.request import Request
from molnar.bundle import Bundle, Manifest
from molnar.canvas import Canvas, canvas


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((128, 128), Canvas(128, 128, 0, False)),
        ((64, 64), Canvas(128, 128, 0, False)),
        ((136, 136), Canvas(128, 128, 1, False)),
        ((512, 512), Canvas(128, 128, 1, False)),
        ((520, 520), Canvas(128, 128, 2, False)),
        ((2048, 2048), Canvas(128, 128, 2, False)),
        ((320, 512), Canvas(128, 128, 1, True)),
    ],
)
def test_the_canvas_covers_the_picture(tiny: Path, size: tuple[int, int], expected: Canvas) -> None:
    manifest = Bundle.load(tiny).manifest
    assert canvas(Request(prompt="x", height=size[0], width=size[1]), manifest) == expected


def test_a_trained_aspect_is_drawn_not_cut(tiny: Path) -> None:
    manifest: Manifest = replace(Bundle.load(tiny).manifest, aspects=("1:1", "2:1", "1:2"))
    wide = canvas(Request(prompt="x", height=256, width=512), manifest)
    assert wide == Canvas(96, 192, 1, False)
    assert canvas(Request(prompt="x", height=512, width=256), manifest) == Canvas(192, 96, 1, False)


def test_without_an_upscaler_the_model_draws_at_full_size(tiny: Path) -> None:
    manifest = Bundle.load(tiny).manifest
    parts = {name: part for name, part in manifest.parts.items() if name != "upscaler"}
    shape = canvas(Request(prompt="x"), replace(manifest, parts=parts))
    assert shape == Canvas(512, 512, 0, False)
