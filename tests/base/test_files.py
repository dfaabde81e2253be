from __future__ import annotations

import os
import stat
import sys

import pytest

from molnar.base import files
from molnar.base.errors import RequestError


def test_a_file_is_written_with_its_folders(tmp_path):
    path = files.write_bytes(tmp_path / "a" / "b.bin", b"hello")
    assert path.read_bytes() == b"hello"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_nothing_is_replaced_unless_asked(tmp_path):
    path = tmp_path / "b.bin"
    files.write_bytes(path, b"old")
    with pytest.raises(RequestError, match=r"exists already.*--force"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    files.write_bytes(path, b"new", force=True)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("force", [False, True])
def test_an_interrupted_write_leaves_no_trace(tmp_path, force):
    path = tmp_path / "b.bin"
    if force:
        path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), files.writing(path, force=force) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([b"old"] if force else [])


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "b.bin"
    with pytest.raises(RequestError, match="exists already"), files.writing(path) as file:
        file.write(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def unsupported(*args):
        raise OSError("not here")

    monkeypatch.setattr(os, "link", unsupported)
    files.write_bytes(tmp_path / "b.bin", b"hello")
    assert (tmp_path / "b.bin").read_bytes() == b"hello"
    with pytest.raises(RequestError), files.writing(tmp_path / "c.bin"):
        (tmp_path / "c.bin").write_bytes(b"theirs")


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
def test_the_users_umask_holds(tmp_path):
    before = os.umask(0o027)
    try:
        path = files.write_bytes(tmp_path / "b.bin", b"hello")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
