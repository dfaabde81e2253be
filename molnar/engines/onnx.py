"""A bundle's parts as callables on numpy arrays, computed by ONNX Runtime; no torch.

A session is made when its part is first needed: a small picture never loads the upscaler. The
graphs read their weights from the bundle's safetensors files, where torch reads them too.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from molnar.base.errors import BundleError, one_line
from molnar.base.types import TextEmbedding, Tokens
from molnar.bundle import Bundle

Floats = NDArray[np.float32]
KINDS: dict[str, Any] = {"b": np.bool_, "i": np.int64}  # all else is float32
# The large graphs get exact rewrites only: fusing them takes longer (0.2 s) than it saves in a few
# pictures. The small ones are nearly all convolutions, and gain from another memory layout.
BASIC = frozenset({"text", "planner", "velocity"})
QUIET = 4  # onnxruntime's level "fatal": what goes wrong is raised, and said in one line


class OnnxParts:
    """What a bundle can compute, on the CPU.

    Example:
        >>> parts = OnnxParts(Bundle.load("sticker"))  # doctest: +SKIP
        >>> parts.decode(np.zeros((1, 16, 16, 16), np.float32)).shape  # doctest: +SKIP
        (1, 4, 128, 128)
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        """Remember where the parts are; nothing is loaded yet.

        Args:
            bundle: A verified bundle.
            threads: CPU threads of each part; None = one per core.
        """
        self._bundle = bundle
        self._threads = threads
        self._sessions: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        # Two at a time: making a session is single-threaded work of about 0.2 s.
        self._makers = ThreadPoolExecutor(2, thread_name_prefix="molnar-load")

    def prepare(self, *names: str) -> None:
        """Start to load parts in the background, because they will be needed soon."""
        for name in names:
            self._session(name)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The parts loaded so far, those still loading included."""
        return tuple(self._sessions)

    def embed(self, tokens: Tokens) -> TextEmbedding:
        """Embed ids int64 B L with mask bool B L."""
        found, pooled = self._run("text", {"ids": tokens.ids, "mask": tokens.mask})
        return TextEmbedding(tokens=found, pooled=pooled, mask=tokens.mask)

    def plan(self, written: NDArray[np.int64], text: TextEmbedding) -> Any:
        """Rate the next number of a plan: logits of names, colours and bins, 1 K each."""
        feeds = {"written": written, "tokens": text.tokens, "mask": text.mask}
        return self._run("planner", feeds)

    def velocity(self, x: Floats, t: Floats, text: TextEmbedding) -> Any:
        """Estimate `noise - x0` at x float32 B C H W and t float32 B in [0, 1]."""
        feeds = {"x": x, "t": t, "tokens": text.tokens, "mask": text.mask, "pooled": text.pooled}
        feeds["until"] = t if text.until is None else text.until
        if width := int(self._bundle.part("velocity").config.get("plan", 0)):
            empty = np.zeros((len(x), width, *x.shape[2:]), np.float32)
            feeds["plan"] = empty if text.plan is None else text.plan
        return self._run("velocity", feeds)[0]

    def decode(self, latent: Floats) -> Any:
        """Turn a latent float32 B C H W into an image B 4 H W in [-1, 1], premultiplied."""
        return self._run("decoder", {"latent": latent})[0]

    def finish(self, image: Floats, manner: Floats) -> Any:
        """Paint over an image B 4 H W in [-1, 1]; manner float32 B K says in which looks."""
        return self._run("finisher", {"image": image, "manner": manner})[0]

    def encode(self, image: Floats) -> Any:
        """Turn an image float32 B 4 H W in [-1, 1], premultiplied, into a latent B C H W."""
        return self._run("encoder", {"image": image})[0]

    def upscale(self, image: Floats) -> Any:
        """Enlarge an image float32 B 4 H W in [-1, 1] by the upscaler's factor."""
        return self._run("upscaler", {"image": image})[0]

    def rate(self, image: Floats, text: TextEmbedding) -> Any:
        """Say how well images float32 B 4 S S in [-1, 1], premultiplied, fit texts: cosines B."""
        return self._run("clip", {"seen": image, "pooled": text.pooled})[0]

    def _run(self, name: str, feeds: dict[str, Any]) -> list[Any]:
        session = self._session(name).result()
        # A network may not read all it is offered, and its graph then has no such input.
        known = {node.name for node in session.get_inputs()}
        plain = {
            key: np.ascontiguousarray(value, KINDS.get(value.dtype.kind, np.float32))
            for key, value in feeds.items()
            if key in known
        }
        found: list[Any] = session.run(None, plain)
        return found

    def _session(self, name: str) -> Future[Any]:
        with self._lock:
            if name not in self._sessions:
                part = self._bundle.part(name)
                path = str(self._bundle.path(part.graph))
                whole = name not in BASIC
                self._sessions[name] = self._makers.submit(open_session, path, self._threads, whole)
            return self._sessions[name]


def open_session(path: str, threads: int | None = None, whole: bool = True) -> Any:
    """Load a graph.

    Args:
        path: An ONNX file; its weights lie beside it.
        threads: CPU threads; None = one per core.
        whole: Rewrite the graph as far as ONNX Runtime can, or only where the result is the same
            to the last bit.

    Raises:
        BundleError: ONNX Runtime does not accept the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if whole else levels.ORT_ENABLE_BASIC
    options.log_severity_level = QUIET
    # Each part has threads of its own, and those that wait by spinning take the cores from the
    # part whose turn it is: with two cores a picture took twice as long.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BundleError(
            f"{path}: ONNX Runtime cannot load it ({one_line(error)}); export it again"
        ) from error
