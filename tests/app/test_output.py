from __future__ import annotations

from pathlib import Path

import pytest

from molnar.app.cli.output import Output, slug
from molnar.base.files import write_bytes


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


def test_a_prompt_of_wide_letters_still_names_a_file(tmp_path: Path) -> None:
    name = slug("\U0001d573" * 200)
    assert 0 < len(name.encode()) <= 120
    write_bytes(tmp_path / f"{name}-4294967295.png", b"x")
