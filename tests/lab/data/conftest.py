"""A small sticker pack, made on the spot: seven concepts, three styles, two bad drawings."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from molnar.lab.data.stickers import Stickers

COLOURS = {
    "rocket": "#3355dd",
    "dog face": "#b5773c",
    "pizza": "#dd3322",
    "house": "#a03070",
    "grapes": "#6622aa",
    "sunflower": "#226622",
    "house with garden": "#117733",
}
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48">'
    '<rect x="8" y="6" width="44" height="36" rx="6" fill="{}"/>'
    '<circle cx="20" cy="16" r="7" fill="#ffffff"/></svg>'
)


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the real pack's."""
    root = tmp_path_factory.mktemp("pack")
    rows = []
    with (
        tarfile.open(root / "noto.tar.xz", "w:xz") as noto,
        tarfile.open(root / "twemoji.tar.xz", "w:xz") as twemoji,
        tarfile.open(root / "fluent-3d.tar", "w") as solid,
    ):
        for number, (name, colour) in enumerate(COLOURS.items()):
            paths = {
                "noto": f"noto/{number}.svg",
                "twemoji": f"twemoji/{number}.svg",
                "fluent-3d": f"fluent-3d/{number}.webp",
            }
            add(noto, paths["noto"], SVG.format(colour).encode())
            add(twemoji, paths["twemoji"], SVG.format(colour).replace("rx", "ry").encode())
            buffer = io.BytesIO()
            picture = Image.new("RGBA", (80, 80))
            picture.paste(colour, (10, 10, 70, 70))
            picture.save(buffer, "WEBP", lossless=True)
            add(solid, paths["fluent-3d"], buffer.getvalue())
            rows.append(
                {"name": name, "keywords": ["thing", name, f"tag{number}"], "styles": paths}
            )
        add(noto, "noto/bad.svg", b"<svg <<<")
        add(
            noto,
            "noto/empty.svg",
            b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        )
        for name, path in (
            ("broken one", "noto/bad.svg"),
            ("empty one", "noto/empty.svg"),
            ("absent one", "noto/absent.svg"),
            ("flag: Nowhere", "noto/0.svg"),
            ("boy: dark skin tone", "noto/1.svg"),
        ):
            rows.append({"name": name, "keywords": [], "styles": {"noto": path}})
    (root / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def stickers(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Stickers:
    """The pack, opened."""
    return Stickers.open(pack, size=96, cache_dir=tmp_path_factory.mktemp("cache"))
