"""Shards: read in place, never unpickled, and what is bad is listed."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.folder import open_data


def png(colour: str = "red", form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, form)
    return buffer.getvalue()


def shard(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def listed(data) -> dict[str, str]:
    return {p.path.rpartition(":")[2]: p.reason for p in data.problems}


def test_pictures_and_captions_are_joined_by_key(tmp_path: Path) -> None:
    shard(
        tmp_path / "000.tar",
        {
            "a/1.png": png("red"),
            "a/1.txt": b"red\n",
            "a/2.jpg": png("blue", "JPEG"),
            "a/2.json": json.dumps({"caption": "blue", "n": 1}).encode(),
            "b/1.seg.png": png("green"),
        },
    )
    shard(tmp_path / "001.tar", {"x.webp": png("lime", "WEBP"), "x.json": b'{"text": "lime"}'})
    data = open_data(tmp_path, size=16)
    assert [data.sample(k).caption for k in range(3)] == ["red", "blue", "lime"]
    assert tuple(data.sample(0).image[3, 3]) == (255, 0, 0, 255)
    assert listed(data)["b/1.seg.png"].startswith("not used")


class Trap:
    """Unpickling this would raise, so the test would fail."""

    def __reduce__(self) -> tuple:
        return (pytest.fail, ("unpickled",))


def test_what_could_do_harm_is_refused_and_counted(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "bad.tar",
        {
            "ok.png": png(),
            "ok.txt": b"fine",
            "one.pkl": pickle.dumps(Trap()),
            "two.pt": b"PK",
            "two.pth": b"PK",
            "three.npy": b"x",
            "../out.png": png(),
            "/abs.png": png(),
        },
        links={"link.png": "/etc/passwd", "link.txt": "../../secret"},
    )
    data = open_data(path)
    assert len(data) == 1
    found = listed(data)
    refused = {name for name, reason in found.items() if reason.startswith("refused")}
    assert refused == {
        "one.pkl", "two.pt", "two.pth", "three.npy", "../out.png", "/abs.png", "link.png",
        "link.txt",
    }  # fmt: skip


def test_bad_captions_and_lonely_members_are_listed(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "s.tar",
        {
            "a.png": png(), "a.json": b"{", "b.png": png(), "b.json": b'{"title": "x"}',
            "c.png": png(), "d.png": png(), "d.txt": b"\xff", "e.png": b"junk", "e.txt": b"e",
            "f.png": png(), "f.txt": b" ", "g.png": png(), "g.txt": b"good",
        },
    )  # fmt: skip
    data = open_data(path)
    assert [row.caption for row in data.rows] == ["good"]
    found = listed(data)
    assert {"a.json", "b.json", "c.png", "d.txt", "e.png", "f.png"} <= set(found)
    assert "caption cannot be read" in found["a.json"]
    assert "no .txt or .json" in found["c.png"]


def test_shards_cut_short_or_spoilt_are_listed(tmp_path: Path) -> None:
    members = {f"{k}.{end}": png() if end == "png" else b"x" for k in range(4)
               for end in ("png", "txt")}  # fmt: skip
    whole = shard(tmp_path / "whole.tar", members).read_bytes()
    assert open_data(tmp_path / "whole.tar").problems == []
    (tmp_path / "cut.tar").write_bytes(whole[: 1024 * 3 + 700])
    spoilt = bytearray(whole)
    spoilt[2048:2060] = b"\xff" * 12
    (tmp_path / "spoilt.tar").write_bytes(bytes(spoilt))
    (tmp_path / "junk.tar").write_bytes(b"junk" * 999)
    (tmp_path / "packed.tar.gz").write_bytes(b"")
    data = open_data(tmp_path)
    paths = {Path(problem.path.split(":")[0]).name for problem in data.problems}
    assert paths == {"cut.tar", "spoilt.tar", "junk.tar", "packed.tar.gz"}
    assert len(data) >= 5


def test_a_shard_with_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "junk.tar").write_bytes(b"junk" * 999)
    with pytest.raises(DataError, match="broken shard"):
        open_data(tmp_path)
