"""Sheets and figures."""

from molnar.lab.data.preview import measure, sheet
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


def test_a_sheet_has_a_cell_for_every_sample() -> None:
    world = World(WorldConfig(size=32))
    picture = sheet([world.sample(k) for k in range(7)], columns=4, cell=40)
    assert picture.width == 160
    assert picture.height >= 80
    assert len(picture.getcolors(100_000) or []) > 8


def test_figures_count_what_was_drawn(stickers: Stickers) -> None:
    figures = measure(World(WorldConfig(), stickers), 40)
    assert sum(figures.kinds.values()) == 40
    assert figures.held_out == 0
    assert 20 < figures.captions <= 40
    assert figures.words > 30
    assert figures.scenes_per_s > 0
    held = measure(World(WorldConfig(split="heldout"), stickers), 20)
    assert held.held_out == 20
