"""Tiny random checkpoints of every family, built once per run; no test here leaves this machine."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# What molnar itself sets before it imports them: a test that asks a hub would not be one.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

TINY = Path(__file__).parent / "tiny"


def tiny_models() -> Any:
    """Return the builders as a module: tests are no package, so it is loaded from its folder."""
    if "tiny_models" not in sys.modules:
        where = [str(TINY)]
        spec = importlib.util.spec_from_file_location(
            "tiny_models", TINY / "__init__.py", submodule_search_locations=where
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny_models"] = module
        spec.loader.exec_module(module)
    return sys.modules["tiny_models"]


@pytest.fixture(autouse=True)
def _counts_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every machine, as on one without bfloat16, unless a test says so."""
    from molnar.bridge import machine

    monkeypatch.setattr(machine, "_bf16", lambda: False)


@pytest.fixture(autouse=True)
def _stays_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that connects to another machine, or asks for the address of one."""
    asked: list[str] = []

    def guarded(name: str, real: Callable[..., Any], host_of: Callable[..., Any]) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            host = host_of(*args)
            if host not in ("127.0.0.1", "localhost", "::1", None, ""):
                asked.append(f"{name} {host}")
                raise ConnectionRefusedError(f"a test of the bridge asked for {host}")
            return real(*args, **kwargs)

        return call

    def peer(_: socket.socket, address: Any, *rest: Any) -> Any:
        return address[0] if isinstance(address, tuple) else None  # a path is a local socket

    def host(name: Any, *rest: Any) -> Any:
        return name.decode() if isinstance(name, bytes) else name

    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)
        monkeypatch.setattr(socket.socket, name, guarded(name, real, peer))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        monkeypatch.setattr(socket, name, guarded(name, getattr(socket, name), host))
    yield
    assert not asked, f"the network was asked: {asked}"


# What the libraries say of each other and of numpy while all is well.
HARMLESS = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    "ignore:.*FluxPosEmbed:FutureWarning",
    "ignore:.*`LoraLoaderMixin` is deprecated:FutureWarning",  # PRX is made of it
    "ignore:Accessing config attribute:FutureWarning",  # VQ-Diffusion's own call
    "ignore:`Transformer2DModelOutput` is deprecated:FutureWarning",  # and of its transformer
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning",  # Kolors' text encoder
    "ignore:`past_key_values` is deprecated:FutureWarning",  # Ideogram's own call
    "ignore:.*`callback_steps`:FutureWarning",  # Kandinsky's own halves pass it to each other
)


# Everything else in this folder opens checkpoints, and is a group of its own: `make test-hub`.
LIGHT = ("family_table", "fitting", "headers", "locating", "lora_files")


def is_light(path: Path) -> bool:
    """Whether a test file opens nothing, and is quick."""
    return path.stem.removeprefix("test_") in LIGHT


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what a run leaves out: diffusers takes ten seconds."""
    out = "not hub" in (config.getoption("-m") or "")
    heavy = collection_path.name.startswith("test_") and not is_light(collection_path)
    return True if out and heavy else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what opens checkpoints; let a few warnings pass in this folder, and no others."""
    for item in items:
        if not item.path.is_relative_to(TINY.parent):
            continue
        if not is_light(item.path):
            item.add_marker(pytest.mark.hub)
        for warning in HARMLESS:
            item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return `tiny(name)`: the folder of a family's tiny model, to be read and not changed."""
    pytest.importorskip("diffusers")
    models = tiny_models()
    import torch

    torch.set_num_threads(1)  # the sums are too small to be shared: waiting would cost the most
    root = tmp_path_factory.mktemp("tiny")

    def folder(name: str) -> Path:
        found = root / name
        if not found.exists():
            models.build(name, found)
        return found

    return folder


@pytest.fixture(scope="session")
def single_file(
    tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return `single_file(name)`: the same weights in one file, under the original keys."""
    root = tmp_path_factory.mktemp("single_files")

    def path(name: str) -> Path:
        found = root / f"{name}.safetensors"
        if not found.exists():
            importlib.import_module("tiny_models.onefile").write(name, tiny(name), found)
        return found

    return path


@pytest.fixture
def own_noise() -> Iterator[None]:
    """Let a test draw from torch's generator without moving it for others."""
    import torch

    with torch.random.fork_rng():
        yield


@pytest.fixture
def old_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plain diffusers find Karlo's, Würstchen's and Stable Cascade's classes again."""
    from diffusers import pipelines

    for name, module in tiny_models().known_by_their_names().items():
        monkeypatch.setattr(pipelines, name, module, raising=False)


@pytest.fixture(scope="session")
def asked() -> Any:
    """Return the module that says what plain diffusers is asked for each family."""
    pytest.importorskip("diffusers")
    tiny_models()
    return importlib.import_module("tiny_models.asked")
