"""A hub on this machine: it answers what huggingface_hub asks, and fails as it is told."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

PIECE = 16_384  # bytes sent at once


@dataclass
class Repo:
    """A repository of the fake hub, at one commit."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    card: dict[str, Any] | None = None
    gated: bool = False
    token: str | None = None  # what may read it; None is anybody


@dataclass
class FakeHub:
    """What there is, what goes wrong, and what was asked."""

    repos: dict[str, Repo] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)  # path: bytes, then the line breaks
    bad: set[str] = field(default_factory=set)  # paths whose content is altered on the way
    whole: bool = False  # answers a range with all of it
    pause: float = 0.0  # seconds after every piece
    down: list[int] = field(default_factory=list)  # status codes that the next requests get
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (path, range)
    agents: set[str] = field(default_factory=set)
    address: str = ""

    def add(self, name: str, files: dict[str, bytes], **rest: Any) -> Repo:
        self.repos[name] = Repo(files, **rest)
        return self.repos[name]

    @property
    def fetched(self) -> list[tuple[str, str | None]]:
        """Requests of files: (path in the repository, range)."""
        found = [(re.search(r"/resolve/[^/]+/(.+)", path), ran) for path, ran in self.asked]
        return [(match[1], ran) for match, ran in found if match]


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".gguf", ".bin"))


def entry(path: str, content: bytes) -> dict[str, Any]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    found: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git}
    if is_large(path):
        sha256 = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 130}
    return found


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer takes 40 ms

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((path, self.headers["Range"]))
        self.hub.agents.add(self.headers["User-Agent"])
        if self.hub.down:
            return self.answer(self.hub.down.pop(0), b"", {"Retry-After": "0"})
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+)|(/auth-check))?", path)
        if match:
            return self.describe(*match.groups())
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not match:
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        name, commit, file = match.groups()
        repo = self.allowed(name)
        if repo is not None:
            assert commit == repo.commit
            self.send_file(repo, file)
        return None

    def allowed(self, name: str, listed: bool = False) -> Repo | None:
        """Return the repository, or answer why not; a gated one is listed for everybody."""
        repo = self.hub.repos.get(name)
        if repo is None:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        if repo.token is None or (repo.gated and listed):
            return repo
        if self.headers["Authorization"] == f"Bearer {repo.token}":
            return repo
        code = "GatedRepo" if repo.gated else "RepoNotFound"
        return self.answer(
            403 if self.headers["Authorization"] else 401, b"", {"X-Error-Code": code}
        )

    def describe(self, name: str, revision: str | None, check: str | None) -> None:
        repo = self.allowed(name, listed=check is None)
        if repo is None:
            return None
        if revision not in (None, "main", repo.commit):
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        found = {
            "id": name,
            "sha": repo.commit,
            "gated": "auto" if repo.gated else False,
            "cardData": repo.card,
            "siblings": [entry(path, content) for path, content in repo.files.items()],
        }
        return self.answer(200, json.dumps(found).encode())

    def send_file(self, repo: Repo, path: str) -> None:
        content = repo.files[path]
        if path in self.hub.bad:
            content = content[:-1] + bytes([content[-1] ^ 1])
        ran = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        begin = int(ran[1]) if ran and not self.hub.whole else 0
        self.send_response(206 if begin else 200)
        if begin:
            end = len(content) - 1
            self.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.send_header("X-Repo-Commit", repo.commit)
        self.end_headers()
        cut = self.hub.cuts.get(path)
        stop = cut.pop(0) if cut else len(content)
        for at in range(begin, stop, PIECE):
            try:
                self.wfile.write(content[at : min(stop, at + PIECE)])
            except OSError:  # who asked has gone away
                break
            time.sleep(self.hub.pause)
        if stop < len(content):
            self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub that holds nothing yet; $HF_ENDPOINT is its address, and nobody is logged in."""
    pytest.importorskip("httpx2")
    pytest.importorskip("huggingface_hub")
    fake = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Handler,), {"hub": fake}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    for name in [name for name in os.environ if name.startswith(("HF_", "TRANSFORMERS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MOLNAR_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    # Read when it was imported, by this test or another one.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("molnar.bridge.fetching.WAIT", 0.0)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power fails here, and it is slow
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models of an empty data folder."""
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture
def sd(hub: FakeHub) -> Repo:
    """A pipeline in the published layout, in both precisions, with all that must stay behind."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "safety_checker": [None, None],
    }
    weights = {
        "unet/diffusion_pytorch_model.safetensors": 400_000,
        "unet/diffusion_pytorch_model.fp16.safetensors": 200_000,
        "unet/diffusion_pytorch_model.non_ema.safetensors": 400_000,
        "unet/diffusion_pytorch_model.bin": 400_000,
        "text_encoder/model.safetensors": 100_000,
        "text_encoder/model.fp16.safetensors": 50_000,
        "text_encoder/flax_model.msgpack": 1_000,
        "v1-5-pruned.safetensors": 600_000,
    }
    files = {path: os.urandom(size) for path, size in weights.items()}
    files |= {
        "model_index.json": json.dumps(index).encode(),
        "unet/config.json": b'{"_class_name": "UNet2DConditionModel"}',
        "text_encoder/config.json": b"{}",
        "tokenizer/vocab.json": b'{"a": 0}',
        "tokenizer/merges.txt": b"#version: 0.2\n",
        "README.md": b"# A model\n",
        "LICENSE.md": b"Do good.\n",
        "unet/code.py": b"print('ran')\n",
        "safety_checker/config.json": b"{}",
        "picture.png": b"\x89PNG",
    }
    return hub.add("org/sd", files, card={"license": "openrail++"})
