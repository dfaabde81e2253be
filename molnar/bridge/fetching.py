"""The hub -> what a repository holds, and its files: the one place that asks a network.

Through huggingface_hub: its addresses, tokens and errors. Its own download is not used: since
version 1 it throws away what a broken run brought, and a file here goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from molnar.base.errors import MissingExtraError, PullError, RequestError, one_line
from molnar.base.files import sync_folder
from molnar.base.version import VERSION
from molnar.bridge.taking import File

# (path, bytes more or less of it, whether they came just now or were here)
Told = Callable[[str, int, bool], None]

ENDPOINT = "https://huggingface.co"
TRIES = 5  # broken connections in a row without a byte
SECONDS = 30.0  # without a byte, after which a connection counts as broken
WAIT = 1.0  # seconds before the second try, doubled for each one after it
MOST_TEXT = 4_000_000  # bytes of a configuration
READ = 1 << 20  # bytes at once when a file is hashed

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """What the hub says of a repository at one commit."""

    name: str
    commit: str
    licence: str | None
    licence_at: str | None  # an address
    gated: bool
    files: dict[str, File]


class Hub:
    """The hub: $HF_ENDPOINT, or huggingface.co; a token is $HF_TOKEN, or that of `hf auth login`.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        PullError: $MOLNAR_OFFLINE or $HF_HUB_OFFLINE forbids to ask a network.
    """

    def __init__(self) -> None:
        for name in ("MOLNAR_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            if os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}:
                raise PullError(f"{name} is set, and a pull needs the network; unset it to pull")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        try:
            import huggingface_hub
            from huggingface_hub.utils.logging import set_verbosity
        except ModuleNotFoundError as error:
            raise MissingExtraError("huggingface_hub", "hub") from error
        set_verbosity(logging.ERROR)  # its notes on retries would break the progress line
        self.endpoint = os.environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
        self._api = huggingface_hub.HfApi(
            self.endpoint, library_name="molnar", library_version=VERSION
        )

    def repository(self, name: str, revision: str | None = None) -> Repository:
        """Ask what a repository holds.

        Raises:
            PullError: It is not there, not ours to see, or the hub does not say what is in it.
        """
        with self._explained(name, revision):
            info = self._api.model_info(
                name, revision=revision, timeout=SECONDS, files_metadata=True
            )
            if info.gated:
                self._api.auth_check(name)
        files = {}
        for sibling in info.siblings or []:
            large = sibling.lfs
            size = sibling.size if large is None else large.size
            digest = sibling.blob_id if large is None else large.sha256
            if size is None or not _DIGEST.fullmatch(str(digest)):
                raise PullError(
                    f"{self.endpoint} does not say how large {sibling.rfilename!r} is and what its "
                    "hash is, so nothing could be checked; ask the hub itself: unset HF_ENDPOINT"
                )
            path = sibling.rfilename
            files[path] = File(path, int(size), str(digest), large is not None)
        licence, at = self._licence(name, info, files)
        return Repository(name, str(info.sha), licence, at, bool(info.gated), files)

    def _licence(
        self, name: str, info: Any, files: dict[str, File]
    ) -> tuple[str | None, str | None]:
        """Return the licence that the card states, and the address of its text."""
        card = info.card_data
        stated = card.get("license") if card else None
        licence = ", ".join(stated) if isinstance(stated, list) else stated
        at = card.get("license_link") if card else None
        if licence in (None, "other") and card and card.get("license_name"):
            licence = card.get("license_name")
        if at is None:
            legal = [p for p in files if p.lower().startswith(("license", "licence"))]
            at = min(legal, default=None)
        if at is not None and not str(at).startswith(("https://", "http://")):
            at = f"{self.endpoint}/{name}/blob/{info.sha}/{at}"
        return (
            one_line(licence, 80) if licence else None,
            one_line(at, 200) if at else None,
        )

    def text(self, repository: Repository, path: str) -> bytes:
        """Return a small file."""
        file = repository.files[path]
        if file.bytes > MOST_TEXT:
            raise PullError(f"{path} is {file.bytes} bytes, expected at most {MOST_TEXT}")
        come = bytearray()
        with self._opened(repository, path, {}) as response:
            for chunk in response.iter_bytes():
                come += chunk
                if len(come) > file.bytes:
                    break
        digest = _hashes(file)
        for one in digest:
            one.update(come)
        _check(file, len(come), digest)
        return bytes(come)

    def fetch(self, repository: Repository, file: File, part: Path, told: Told) -> str:
        """Bring a file to `part`, going on after the bytes that are there; return its sha256.

        `part` is deleted when what came is not what the hub announced.

        Raises:
            PullError: The connection broke too often, or the content is another one.
        """
        import httpx2

        tries = 0
        with _Arriving(part, file, told) as arriving:
            while arriving.count < file.bytes:
                before = arriving.count
                try:
                    self._go_on(repository, file, arriving)
                except httpx2.TransportError as error:
                    tries = 1 if arriving.count > before else tries + 1
                    if tries >= TRIES:
                        raise PullError(self._broken(error)) from None
                    time.sleep(WAIT * 2 ** (tries - 1))
            arriving.sync()
        try:
            return _check(file, arriving.count, arriving.hashes)
        except PullError:
            part.unlink()
            raise

    def _go_on(self, repository: Repository, file: File, arriving: _Arriving) -> None:
        """Ask once for what is missing, and write it as it comes."""
        import httpx2

        start = arriving.count
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._opened(repository, file.path, headers, retried=True) as response:
            says = response.headers.get("Content-Range", "")
            if start and not (response.status_code == 206 and says.startswith(f"bytes {start}-")):
                arriving.begin_anew()  # the whole file comes, whatever was asked
            for chunk in response.iter_bytes():
                arriving.take(chunk)
                if arriving.count > file.bytes:
                    return  # the check tells it
            if arriving.count < file.bytes:
                raise httpx2.RemoteProtocolError("the connection was closed early")

    @contextlib.contextmanager
    def _opened(
        self, repository: Repository, path: str, headers: dict[str, str], retried: bool = False
    ) -> Iterator[Any]:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers
        from huggingface_hub.utils._http import hf_raise_for_status, http_stream_backoff

        own = build_hf_headers(library_name="molnar", library_version=VERSION)
        url = hf_hub_url(repository.name, path, revision=repository.commit, endpoint=self.endpoint)
        # Unpacked bytes, or a range would be one of packed ones.
        asked = {**own, "Accept-Encoding": "identity", **headers}
        with (
            self._explained(repository.name, repository.commit, retried),
            http_stream_backoff(
                "GET", url, headers=asked, timeout=SECONDS, retry_on_exceptions=()
            ) as response,
        ):
            hf_raise_for_status(response)
            yield response

    @contextlib.contextmanager
    def _explained(self, name: str, revision: str | None, retried: bool = False) -> Iterator[None]:
        """Turn the errors of the hub into one line that says what to do."""
        import httpx2
        from huggingface_hub import errors

        page = f"{self.endpoint}/{name}"
        try:
            yield
        except errors.GatedRepoError:
            raise PullError(
                f"{name} is gated: its licence must be accepted at {page} by the account whose "
                f"token is in HF_TOKEN (tokens: {self.endpoint}/settings/tokens)"
            ) from None
        except errors.RevisionNotFoundError:
            raise RequestError(f"{name} has no revision {revision!r}; see {page}") from None
        except errors.RepositoryNotFoundError:
            raise PullError(
                f"no model {name} at {self.endpoint}, or it is private; check the name, or put "
                "the token of an account that may see it into HF_TOKEN"
            ) from None
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            do = (
                "check the token in HF_TOKEN, and what it may read"
                if status in (401, 403)
                else "try again later"
            )
            said = one_line(error.server_message or error.response.reason_phrase, 120)
            raise PullError(f"{page}: {status} {said}; {do}") from None
        except httpx2.TransportError as error:
            if retried:
                raise
            raise PullError(self._broken(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise PullError(f"{page}: {one_line(error)}, expected the answer of a hub") from None

    def _broken(self, error: Exception) -> str:
        return (
            f"no connection to {self.endpoint} ({one_line(str(error) or type(error).__name__)}); "
            "the same command goes on from here when there is one"
        )


class _Arriving:
    """A file on its way: the bytes on the disk, and the hash of them."""

    def __init__(self, part: Path, file: File, told: Told) -> None:
        self.file = file
        self.told = told
        self.count = 0  # bytes
        self.hashes = _hashes(file)
        # Unbuffered: whatever ends the process, what came is in the file.
        self.handle = part.open("a+b", buffering=0)
        self.handle.seek(0)
        while chunk := self.handle.read(READ):
            self._count(chunk, came=False)
        if self.count > file.bytes:
            self.begin_anew()

    def __enter__(self) -> _Arriving:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.handle.close()

    def _count(self, chunk: bytes, came: bool) -> None:
        self.count += len(chunk)
        for one in self.hashes:
            one.update(chunk)
        self.told(self.file.path, len(chunk), came)

    def take(self, chunk: bytes) -> None:
        """Add bytes."""
        rest = memoryview(chunk)
        while rest:
            rest = rest[self.handle.write(rest) :]
        self._count(chunk, came=True)

    def begin_anew(self) -> None:
        """Forget what came."""
        self.handle.truncate(0)
        self.told(self.file.path, -self.count, False)
        self.count, self.hashes = 0, _hashes(self.file)

    def sync(self) -> None:
        """Make it reach the disk."""
        os.fsync(self.handle.fileno())


def _hashes(file: File) -> list[Any]:
    """The hashes of a file: sha256, and for a small one that of git, which is all the hub gives.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    found = [hashlib.sha256()]
    if not file.large:
        git = hashlib.sha1(b"blob %d\0" % file.bytes, usedforsecurity=False)
        found.append(git)
    return found


def _check(file: File, count: int, hashes: list[Any]) -> str:
    kind = "sha256" if file.large else "git hash"
    found = hashes[-1].hexdigest()
    if count != file.bytes:
        raise PullError(
            f"{file.path}: {count} bytes or more came, expected {file.bytes}; nothing was "
            "installed: pull again, later or from another network"
        )
    if found != file.digest:
        raise PullError(
            f"{file.path}: {kind} is {found[:12]}, expected {file.digest[:12]}; what came was "
            "deleted and nothing installed: pull again, later or from another network"
        )
    return str(hashes[0].hexdigest())


def same_content(path: Path, file: File) -> str | None:
    """Return the sha256 of a file on the disk if it is the one that the hub describes."""
    hashes = _hashes(file)
    try:
        if path.stat().st_size != file.bytes:
            return None
        with path.open("rb") as handle:
            while chunk := handle.read(READ):
                for one in hashes:
                    one.update(chunk)
    except OSError:
        return None
    return str(hashes[0].hexdigest()) if hashes[-1].hexdigest() == file.digest else None


def settle(part: Path, whole: Path) -> None:
    """Give a file that was checked its name."""
    part.replace(whole)
    sync_folder(whole.parent)
