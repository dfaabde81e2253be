"""Hostile pictures through edit_image: one clear line each, nothing fetched, little memory."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import struct
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.server.clients.test_mcp_calls import served

MOST_MB = 100  # that the server may grow by


def _chunk(kind: bytes, body: bytes = b"") -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def _png(width: int, height: int, before: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(bytes(52)))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + _chunk(b"IEND")


def _gif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "GIF")
    return out.getvalue()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_ZEROS = _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9))
#: What is sent as a picture -> a part of what is said of it.
HOSTILE: dict[str, tuple[str, str]] = {
    "bomb of pixels": (_text(_png(50_000, 50_000)), "50000"),
    "one line of pixels": (_text(_png(2**31 - 1, 1)), "2147483647"),
    "bomb of text": (_text(_png(4, 4, _ZEROS)), "picture"),
    "svg": (_text(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "expected a PNG, JPEG or WebP"),
    "html": (_text(b"<script>alert(1)</script>"), "expected a PNG, JPEG or WebP"),
    "gif": (_text(_gif()), "expected a PNG, JPEG or WebP"),
    "half a picture": (_text(_png(64, 64)[:60]), "picture"),
    "more behind it": (_text(_png(4, 4) + b"PK\3\4"), "bytes behind the PNG"),
    "http": ("http://{trap}/fox.png", "fetches nothing"),
    "blanks, then http": (" \nHTTP://{trap}/fox.png", "fetches nothing"),
    "file": ("file:///etc/passwd", "fetches nothing"),
    "no scheme": ("//{trap}/fox.png", "fetches nothing"),
    "data URL of text": ("data:text/html;base64,PGI+", "expected data:image/png;base64,"),
    "path": ("/etc/passwd", "PNG, JPEG or WebP"),
    "traversal": ("../../../../etc/passwd", "no base64"),
    "Windows path": ("C:\\Windows\\win.ini", "no base64"),
    "named by a made-up hash": ("sha256:../../etc/passwd", "no base64"),
    "nul": ("a1.1\0.png", "no base64"),
    "control": ("\x1b[31mred\r\nline", "no base64"),
}
HUGE = "A" * 28_200_000  # base64 of 21 MB


@pytest.fixture
def trap() -> Any:
    """A web server that nobody may ask anything."""
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    with HTTPServer(("127.0.0.1", 0), Trap) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    assert asked == []


def _peak(pid: int | str = "self") -> float:
    """The most memory that a process ever had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000


async def _attack(client: Any, trap: str) -> None:
    """Send everything, as a picture and as a mask."""
    for what, (sent, part) in HOSTILE.items():
        value = sent.replace("{trap}", trap)
        for call in ({"picture": value, "where": "x"}, {"picture": "a9.1", "mask": value}):
            result = await client.call_tool("edit_image", {**call, "prompt": "a hat"})
            [only] = result.content
            assert result.is_error, what
            assert part in only.text or ("mask" in only.text and part == "picture"), (what, only)
            assert len(only.text) < 300, what
            assert only.text.isprintable(), what


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


@needs_proc
def test_over_http(told: Any, trap: str) -> None:
    async def run(app: Any, hub: Any, painter: Any) -> Any:
        import httpx2
        from mcp import Client

        async with served(app) as url, Client(f"{url}/mcp") as client:
            before = _peak()
            await _attack(client, trap)
            grown = _peak() - before
            # Past the limit of a body: refused before any of it is read as JSON.
            body = b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"A" * 30_100_000 + b'"}'
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            async with httpx2.AsyncClient() as http:
                huge = await http.post(f"{url}/mcp", content=body, headers=headers)
        return grown, huge.status_code, painter.orders

    grown, status, orders = told(run)
    assert orders == []
    assert grown < MOST_MB
    assert status == 413


@needs_proc
def test_over_stdio(tiny: Path, tmp_path: Path, trap: str) -> None:
    """The process that draws itself; it loads no model for what it refuses."""

    async def run() -> tuple[float, Any]:
        from mcp import Client
        from mcp.client.stdio import StdioServerParameters

        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "molnar", "mcp", "-m", str(tiny)],
            env={**os.environ, "MOLNAR_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        )
        async with Client(server) as client:
            await client.call_tool("edit_image", {"picture": _text(_gif()), "where": "x"})
            me = os.getpid()
            [child] = [
                int(pid)
                for task in Path(f"/proc/{me}/task").iterdir()
                for pid in (task / "children").read_text().split()
                if "molnar" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            ]
            before = _peak(child)
            await _attack(client, trap)
            grown = _peak(child) - before
            huge = await client.call_tool("edit_image", {"picture": HUGE, "where": "x"})
        return grown, huge

    grown, huge = asyncio.run(run())
    assert grown < MOST_MB
    assert huge.is_error
    assert "expected at most 27" in huge.content[0].text
