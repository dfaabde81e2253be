from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.base.drawings import FILE, Drawings
from molnar.base.errors import DataError
from molnar.base.images import unpremultiply
from molnar.lab.data import attribution
from molnar.lab.data.attribution import ORIGINS, trained_on, write
from molnar.lab.data.stickers import STYLES, Stickers

NOTICE = Path(__file__).parents[3] / "NOTICE"


def test_every_drawing_that_is_trained_on_is_listed(
    stickers: Stickers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = ("rocket", "noto")
    monkeypatch.setattr(attribution, "drawing_held_out", lambda *key: key == hidden)
    path = write(stickers, tmp_path / "sources")
    assert path == tmp_path / "sources" / FILE
    found = Drawings.load(path)
    assert set(found.keys) == set(stickers.drawings) - {hidden}
    for key in found.keys:
        [first], _ = found.nearest(unpremultiply(stickers.sprites[key].pixels), 1)
        assert first.name == key[0]  # two styles of this pack are the same drawing
        assert first.likeness > 0.98


def test_held_out_drawings_are_not_listed(stickers: Stickers) -> None:
    held = {key for key in stickers.drawings if attribution.drawing_held_out(*key)}
    assert not held & set(trained_on(stickers).keys)


def test_nothing_to_list(stickers: Stickers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "drawing_held_out", lambda *key: True)
    with pytest.raises(DataError, match="0 drawings to train on"):
        trained_on(stickers)


def test_origins_are_those_of_the_notice() -> None:
    """Project, author and licences of every style, as the file says that goes with the package."""
    assert set(ORIGINS) == set(STYLES)
    entries = NOTICE.read_text(encoding="utf-8").replace("\n  ", " ").split("\n- ")
    for style, origin in ORIGINS.items():
        project = origin.project.partition(" (")[0]
        [entry] = [entry for entry in entries if entry.startswith(project)]
        licences = origin.licence.split(" / ")
        assert all(licence in entry for licence in licences), style
        assert len(origin.urls) == len(licences)
        assert all(url.startswith("https://") for url in origin.urls)
    assert ORIGINS["twemoji"].urls[0] in NOTICE.read_text(encoding="utf-8")


def test_the_command_writes_it(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    args = ["data", "sources", "--stickers", str(pack), "--out", str(tmp_path / "sources")]
    result = CliRunner().invoke(cli, [*args, "--concepts", "all"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "sources" / FILE)
    assert "noto/bad.svg" in result.stderr
    assert len(Drawings.load(tmp_path / "sources" / FILE)) >= 2
    missing = CliRunner().invoke(cli, args)  # the everyday concepts, most of which it lacks
    assert missing.exit_code == 1
    assert "not in index.json" in missing.stderr
