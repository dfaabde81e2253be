from __future__ import annotations

from pathlib import Path

import pytest

from molnar.app.cli.output import Output, slug
from molnar.base.errors import RequestError
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
        ("a (circle:1.4) on [sand]", "a-circle-on-sand"),
        ("a fox++ AND a star :0.5", "a-fox-a-star"),
        ("a fox::2 a star::1", "a-fox-a-star"),
        ("(" * 30 + "deep", "deep"),
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


@pytest.mark.parametrize(
    ("target", "seeds", "clash"),
    [
        ("x.png", [[7], [7]], "x-7.png"),
        ("{seed}.png", [[7], [8], [7]], "7.png"),
        ("x.png", [[4, 5], [5, 6]], "x-5.png"),
        ("x%d.png", [[7], [7]], None),
        ("new/", [[7], [7]], None),
        ("x.png", [[7], [8], []], None),
    ],
)
def test_two_pictures_of_one_name_are_refused_before_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, seeds: list[list[int]], clash: str
) -> None:
    monkeypatch.chdir(tmp_path)
    output = Output(target=target, count=len(seeds))
    if clash is None:
        output.check(seeds)
        return
    with pytest.raises(RequestError, match=f"two pictures would be {clash}; expected"):
        output.check(seeds)
    assert list(tmp_path.iterdir()) == []
