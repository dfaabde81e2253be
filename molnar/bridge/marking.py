"""The adapters of a request in, their names and hashes out: what its pictures tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from molnar.base.adapters import Adapter
from molnar.base.request import Request
from molnar.bridge.adapting import Wardrobe
from molnar.bridge.guiding import Guiding
from molnar.bridge.hashing import adapter_hash
from molnar.bridge.lora_files import PEFT_FILE, name_of


class Marks:
    """Hashes what one checkpoint wears and is guided by, while it draws.

    Args:
        wardrobe: Its LoRAs and embeddings.
        guiding: Its ControlNets and IP-Adapters.
    """

    cache: Path | None = None  # a folder for the hashes that were taken

    def __init__(self, wardrobe: Wardrobe, guiding: Guiding) -> None:
        self.wardrobe, self.guiding = wardrobe, guiding

    def begin(self, request: Request) -> Callable[[], tuple[Adapter, ...]]:
        """Begin to hash; who calls what is returned waits for the end.

        Args:
            request: Resolved.
        """
        files = list(self._files(request))
        if not files:
            return tuple
        pool = ThreadPoolExecutor(1, thread_name_prefix="molnar-hash")
        future = pool.submit(self._hashed, files)
        pool.shutdown(wait=False)
        return future.result

    def _files(self, request: Request) -> Iterator[tuple[str, str, Path]]:
        worn = self.wardrobe.read(request)
        for lora in worn.loras:
            # What peft writes is as strong as the settings beside it say: they are hashed, too.
            whole = lora.path.parent if lora.path.name == PEFT_FILE else lora.path
            yield "lora", name_of(lora.path), whole
        yield from (("embedding", name_of(one.path), one.path) for one in worn.embeddings)
        for led in self.guiding.read(request):
            yield led.guide.kind, led.guide.name, led.path
        if (vae := self.guiding.computing.options.vae) is not None:
            path = Path(vae).expanduser()
            yield "vae", path.name.removesuffix(".safetensors"), path

    def _hashed(self, files: list[tuple[str, str, Path]]) -> tuple[Adapter, ...]:
        every = (Adapter(kind, name, adapter_hash(path, self.cache)) for kind, name, path in files)
        return tuple(dict.fromkeys(every))
