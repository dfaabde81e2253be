"""Archives in, sprites out; what is bad is listed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import DataError
from molnar.lab.data import stickers as module
from molnar.lab.data.stickers import Stickers


def test_reads_every_good_drawing_and_lists_the_bad(stickers: Stickers) -> None:
    assert len(stickers) == 7 * 3
    assert stickers.styles_of("rocket") == ("noto", "twemoji", "fluent-3d")
    reasons = {problem.path: problem.reason for problem in stickers.problems}
    assert set(reasons) == {"noto/bad.svg", "noto/empty.svg", "noto/absent.svg"}
    assert reasons["noto/absent.svg"] == "not in its archive"
    assert "malformed" in reasons["noto/bad.svg"]


def test_skin_tones_and_flags_are_left_out_unless_named(pack: Path, stickers: Stickers) -> None:
    assert "flag: Nowhere" not in stickers.concepts
    assert "boy: dark skin tone" not in stickers.concepts
    named = Stickers.open(pack, concepts=["flag: Nowhere"], size=32, cache_dir=pack / "none")
    assert list(named.concepts) == ["flag: Nowhere"]


def test_sprites_are_premultiplied_boxed_and_coloured(stickers: Stickers) -> None:
    sprite = stickers.sprite("pizza", "fluent-3d")
    assert sprite.pixels.shape == (96, 96, 4)
    assert (sprite.pixels[..., :3] <= sprite.pixels[..., 3:]).all()
    assert sprite.box == pytest.approx((12, 12, 84, 84), abs=2)
    assert sprite.rgb == pytest.approx((0xDD, 0x33, 0x22), abs=3)


def test_a_drawing_that_is_not_square_keeps_its_proportions(stickers: Stickers) -> None:
    left, top, right, bottom = stickers.sprite("rocket", "noto").box
    assert (right - left) / (bottom - top) == pytest.approx(44 / 36, rel=0.05)
    assert (top + bottom) / 2 == pytest.approx(48, abs=1)


def test_a_larger_raster_shows_the_same(stickers: Stickers) -> None:
    small = stickers.sprite("house", "noto").pixels.astype(float)
    large = stickers.raster("house", "noto", 192).astype(float)
    shrunk = large.reshape(96, 2, 96, 2, 4).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 2
    assert stickers.raster("house", "noto", 192) is stickers.raster("house", "noto", 192)


def test_the_cache_is_used_and_a_damaged_one_is_made_again(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Stickers.open(pack, size=32, cache_dir=tmp_path)
    (cache,) = tmp_path.iterdir()
    drawn = []
    real = module.rasterise
    monkeypatch.setattr(module, "rasterise", lambda *a: drawn.append(a) or real(*a))
    again = Stickers.open(pack, size=32, cache_dir=tmp_path)
    assert not drawn
    assert again.drawings == first.drawings
    assert again.problems == first.problems
    cache.write_bytes(cache.read_bytes()[:1000])
    mended = Stickers.open(pack, size=32, cache_dir=tmp_path)
    assert drawn
    assert mended.drawings == first.drawings
    Stickers.open(pack, size=33, cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_missing_is_one_clear_error(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sticker pack at .*index\.json"):
        Stickers.open(tmp_path)
    with pytest.raises(DataError, match="concepts not in index"):
        Stickers.open(pack, concepts=["no such thing"], cache_dir=tmp_path)
    with pytest.raises(DataError, match="no archive blob"):
        Stickers.open(pack, styles=["blob"], cache_dir=tmp_path)
    (tmp_path / "index.json").write_text(json.dumps([{"name": 3}]))
    with pytest.raises(DataError, match="not a sticker index"):
        Stickers.open(tmp_path)
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(DataError, match="none of the archives"):
        Stickers.open(tmp_path)


def test_a_missing_drawing_is_an_error_that_names_the_styles_there_are(stickers: Stickers) -> None:
    with pytest.raises(DataError, match="its styles: noto, twemoji"):
        stickers.sprite("rocket", "blob")


def test_a_broken_archive_is_listed_and_the_others_are_used(pack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    whole = (copy / "noto.tar.xz").read_bytes()
    (copy / "noto.tar.xz").write_bytes(whole[: len(whole) // 2])
    opened = Stickers.open(copy, size=32, cache_dir=tmp_path / "cache")
    assert {style for _, style in opened.drawings} == {"twemoji", "fluent-3d"}
    assert any("broken archive" in problem.reason for problem in opened.problems)


def test_names_that_mean_another_concept_are_left_out_of_the_distinct(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHADOWED", frozenset({"house"}))
    found = Stickers.open(pack, concepts="DISTINCT", size=32, cache_dir=tmp_path)
    assert "house" not in found.concepts
    assert {"rocket", "house with garden"} <= set(found.concepts)
    assert "house" in Stickers.open(pack, concepts="ALL", size=32, cache_dir=tmp_path).concepts
