from __future__ import annotations

from pathlib import Path

import pytest

from molnar.app.cli.output import Output, slug


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A dog, wearing a beret!", "a-dog-wearing-a-beret"),
        ("🦊", "picture"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 200, "x" * 60),
        ("ein süßer Fuchs", "ein-süßer-fuchs"),
        ("word " * 40, "-".join(["word"] * 12)),
    ],
)
def test_slug(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_a_template_counts_in_its_folder_too() -> None:
    output = Output(target="run%d/{seed}.png", count=3)
    assert output.name(prompt="x", seed=7, number=2) == Path("run2/7.png")
