"""What pictures record of adapters, and what is read from records that may be anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.base import metadata
from molnar.base.adapters import Adapter, adapters_of, replaced
from molnar.base.request import Picture, Request

INK = Adapter("lora", "ink", "a" * 64)
TOY = Adapter("embedding", "toy", "b" * 64)


def picture(*adapters: Adapter) -> Picture:
    pixels = np.zeros((64, 64, 3), np.uint8)
    request = Request(prompt="a fox", seed=7, height=64, width=64)
    return Picture(image=pixels, request=request, seed=7, adapters=adapters)


def test_a_picture_carries_them_in_its_record_and_as_a1111_does(tmp_path: Path) -> None:
    path = picture(INK, TOY).save(tmp_path / "fox.png")
    found = metadata.read(path)
    assert found.record is not None
    assert adapters_of(found.record) == [INK, TOY]
    text = picture(INK, TOY).parameters()
    assert 'Lora hashes: "ink: aaaaaaaaaa"' in text
    assert 'TI hashes: "toy: bbbbbbbbbb"' in text
    shown = CliRunner().invoke(cli, ["info", str(path)]).stdout
    assert "adapters: LoRA ink aaaaaaaaaa, embedding toy bbbbbbbbbb\n" in shown


def test_a_picture_without_any_says_nothing_of_them() -> None:
    assert "adapters" not in picture().record()
    assert "hashes" not in picture().parameters()


@pytest.mark.parametrize("wrong", [None, 7, "ink", [7], [{}], [{"kind": "lora", "name": "ink"}]])
def test_records_of_others_are_read_with_care(wrong: Any) -> None:
    assert adapters_of({"adapters": wrong}) == []


def test_a_long_name_is_read_as_it_was_written_and_shown_cut() -> None:
    long = Adapter("lora", "ink\n" * 40, "a" * 64)
    [read] = adapters_of({"adapters": [{"kind": "lora", "name": long.name, "sha256": "a" * 64}]})
    assert replaced([read], [long]) == []
    assert str(read).isprintable()
    assert len(str(read)) < 100
    [line] = replaced([read], [])
    assert line.endswith(": aaaaaaaaaa then, none now")


def test_two_files_of_one_name_are_told_apart() -> None:
    other = Adapter("lora", "ink", "c" * 64)
    assert replaced([INK, other], [INK, other]) == []
    assert replaced([INK, other], [INK]) == ["LoRA ink: cccccccccc then, aaaaaaaaaa now"]
