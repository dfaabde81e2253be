"""ComfyUI's graph of nodes -> what it drew, found by walking back from the picture to the sampler.

A node is `{"class_type": name, "inputs": {name: value}}`; a value that comes out of another node
is a link, `[its id, number of the output]`. Nodes are known by the names of their inputs rather
than by their classes: there are thousands of classes, and they agree on `text`, `seed`, `steps`.

Source: ComfyUI `nodes.py`, `comfy_extras/nodes_custom_sampler.py`, `nodes_flux.py` (names only).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from molnar.base.foreign import Foreign, json_object, loras_of, name_of, real, text_of, whole

_MOST_NODES = 5_000
_MOST_STEPS = 2_000  # nodes looked at for one question
_DEEPEST = 40  # links followed one inside the other, where texts are put together

_TEXTS = (
    "text", "prompt", "t5xxl", "text_g", "text_l", "clip_l", "clip_g", "string", "value",
    "populated_text", "wildcard_text", "positive_prompt", "Text", "STRING", "text_0", "text_1",
)  # fmt: skip
_SCALARS = ("value", "seed", "noise_seed", "int", "float", "number", "Number", "Value", "a")
_CONDITIONS = ("conditioning", "conditioning_1", "conditioning_2", "conditioning_to",
               "conditioning_from", "cond1", "cond2")  # fmt: skip
_MODELS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "gguf_name")

Node = Mapping[str, Any]


def comfyui(text: Mapping[str, str]) -> Foreign | None:
    """Read the graph in a file's `prompt` chunk, None if there is none.

    Where a picture is drawn in several passes, it is the first that counts: the one that begins
    with noise. `rest` says how many there were.

    Example:
        >>> graph = '{"1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 4}}}'
        >>> comfyui({"prompt": graph}).seed
        7
    """
    nodes = {
        key: node
        for key, node in list(json_object(text.get("prompt")).items())[:_MOST_NODES]
        if isinstance(node, dict)
        and isinstance(node.get("inputs"), dict)
        and isinstance(node.get("class_type"), str)
    }
    return _Graph(nodes).facts() if nodes else None


class _Graph:
    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes

    def facts(self) -> Foreign:
        passes = self._passes()
        if not passes:
            return Foreign(tool="comfyui", rest={"nodes": str(len(self.nodes))})
        sampler = passes[-1]
        inputs = sampler["inputs"]
        # In the newer way the settings stand in nodes around the sampler.
        guider, noise, chosen, times = (
            self._nearest([inputs.get(name)], has) or {"inputs": {}}
            for name, has in (
                ("guider", _has("positive", "conditioning", "cond1")),
                ("noise", _has("noise_seed", "seed")),
                ("sampler", _is_sampler_choice),
                ("sigmas", _has("steps", "scheduler")),
            )
        )
        around: dict[str, Any] = {
            **guider["inputs"], **times["inputs"], **chosen["inputs"], **noise["inputs"], **inputs,
        }  # fmt: skip
        positive = around.get("positive", around.get("conditioning", around.get("cond1")))
        rest = {"passes": str(len(passes)), "nodes": str(len(self.nodes))}
        distilled = self._nearest([positive], _has("guidance"))
        strength = self._number(distilled["inputs"]["guidance"], real) if distilled else None
        if strength is not None:
            rest["distilled guidance"] = str(strength)
        model, loras = self._model(around.get("model", around.get("unet_name")))
        latent = self._nearest([inputs.get("latent_image"), inputs.get("latent")], _is_empty_latent)
        size = latent["inputs"] if latent else {}
        return Foreign(
            tool="comfyui",
            prompt=self._text(positive, 0),
            negative_prompt=self._text(around.get("negative"), 1),
            seed=self._number(around.get("noise_seed", around.get("seed")), whole),
            steps=self._number(around.get("steps"), whole),
            sampler=self._name(around.get("sampler_name")) or _class_name(chosen, "Sampler"),
            schedule=self._name(around.get("scheduler")) or _class_name(times, "Scheduler"),
            guidance=self._number(around.get("cfg", around.get("cfg_conds")), real),
            width=self._number(size.get("width"), whole),
            height=self._number(size.get("height"), whole),
            model=model,
            denoise=self._number(around.get("denoise"), real),
            loras=loras,
            rest=rest,
        )

    def _passes(self) -> list[Node]:
        """Return the samplers on the way to the picture, the last first."""
        ends = [node for node in self.nodes.values() if _is_output(node)]
        starts = [value for node in ends for value in node["inputs"].values()]
        first = self._nearest(starts, _is_sampler)
        for wanted in (_is_sampler, _has("seed", "noise_seed")):
            if first is None:
                first = next(filter(wanted, self.nodes.values()), None)
        passes: list[Node] = []
        while first is not None and not any(first is one for one in passes) and len(passes) < 20:
            passes.append(first)
            links = [first["inputs"].get(name) for name in ("latent_image", "latent", "image")]
            first = self._nearest(links, _is_sampler)
        return passes

    def _node(self, value: object) -> Node | None:
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)):
            return self.nodes.get(str(value[0])[:100])
        return None

    def _walk(self, values: Sequence[object]) -> Iterator[Node]:
        """Yield the nodes that these values come from, and theirs, near ones first, each once."""
        seen: set[int] = set()
        queue = list(values)
        for value in queue:  # grows while it is walked
            node = self._node(value)
            if node is None or id(node) in seen:
                continue
            if len(seen) >= _MOST_STEPS:
                return
            seen.add(id(node))
            yield node
            queue.extend(list(node["inputs"].values())[:200])

    def _nearest(self, values: Sequence[object], wanted: Callable[[Node], bool]) -> Node | None:
        return next((node for node in self._walk(values) if wanted(node)), None)

    def _number(self, value: object, parse: Callable[[object], Any]) -> Any:
        """Return a number that is written here or in the node that it comes from."""
        for _ in range(_DEEPEST):
            node = self._node(value)
            if node is None:
                return parse(value)
            value = next((node["inputs"][k] for k in _SCALARS if k in node["inputs"]), None)
        return None

    def _name(self, value: object) -> str | None:
        node = self._node(value)
        if node is None:
            return name_of(value)
        return next((n for n in map(name_of, node["inputs"].values()) if n), None)

    def _text(self, value: object, side: int) -> str | None:
        return _Speech(self).of(value, side)

    def _model(self, link: object) -> tuple[str | None, tuple[tuple[str, float | None], ...]]:
        """Return the checkpoint at the end of the line of models, and the LoRAs on it."""
        loras: list[dict[str, Any]] = []
        for node in self._walk([link]):
            inputs = node["inputs"]
            if "lora_name" in inputs:
                strength = self._number(inputs.get("strength_model"), real)
                loras.append({"lora": self._name(inputs["lora_name"]), "strength": strength})
            stack = [v for v in inputs.values() if isinstance(v, dict) and v.get("on") is True]
            loras += [one for one in stack if "lora" in one]
            found = next((self._name(inputs[key]) for key in _MODELS if key in inputs), None)
            if found:
                return found, loras_of(loras)
        return name_of(link), loras_of(loras)


class _Speech:
    """One question for a text: it remembers where it has been, so that it comes to an end."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.left = _MOST_STEPS

    def of(self, value: object, side: int, depth: int = 0) -> str | None:
        """Return the text behind a value.

        Args:
            value: A text, or a link.
            side: 0 for the prompt, 1 for the negative one, where a node carries both.
            depth: Links followed so far.
        """
        if self.left < 0:
            return None
        node = self.graph._node(value)
        if node is None:
            return text_of(value)
        self.left -= 1
        if depth > _DEEPEST:
            return None
        inputs = node["inputs"]
        if "ZeroOut" in node["class_type"]:
            return ""
        if "string_a" in inputs or "string_b" in inputs:
            parts = [self.of(inputs.get(name), side, depth + 1) for name in _PARTS]
            glue = text_of(inputs.get("delimiter")) or ""
            return text_of(glue.join(part for part in parts if part))
        said = self._said([inputs.get(name) for name in _TEXTS], side, depth)
        if said is not None:
            return said
        if "positive" in inputs and "negative" in inputs:  # both go through, each to its output
            return self.of(inputs[("positive", "negative")[_output(value, side)]], side, depth + 1)
        said = self._said([inputs.get(name) for name in _CONDITIONS], side, depth)
        if said is not None:
            return said
        links = islice((v for v in inputs.values() if self.graph._node(v) is not None), 100)
        return next((t for t in (self.of(v, side, depth + 1) for v in links) if t), None)

    def _said(self, values: list[object], side: int, depth: int) -> str | None:
        texts = [self.of(value, side, depth + 1) for value in values if value is not None]
        # The same text is often given to two encoders.
        different = list(dict.fromkeys(text for text in texts if text))
        if different:
            return text_of("\n".join(different))
        return "" if "" in texts else None


_PARTS = ("string_a", "string_b")


def _output(link: object, side: int) -> int:
    number = link[1] if isinstance(link, list) else side
    return number if number in (0, 1) else side


def _has(*names: str) -> Callable[[Node], bool]:
    return lambda node: any(name in node["inputs"] for name in names)


def _is_output(node: Node) -> bool:
    kind = node["class_type"].lower().replace(" ", "").replace("_", "")
    return any(word in kind for word in ("saveimage", "imagesave", "previewimage", "imagesaver"))


def _is_sampler(node: Node) -> bool:
    inputs = node["inputs"]
    if "sigmas" in inputs and ("guider" in inputs or "sampler" in inputs):
        return True
    draws = not {"latent_image", "latent", "positive", "guider"}.isdisjoint(inputs)
    return draws and "steps" in inputs and not {"seed", "noise_seed"}.isdisjoint(inputs)


def _is_sampler_choice(node: Node) -> bool:
    return "sampler_name" in node["inputs"] or node["class_type"].startswith("Sampler")


def _is_empty_latent(node: Node) -> bool:
    return {"width", "height"} <= set(node["inputs"]) and "pixels" not in node["inputs"]


def _class_name(node: Node, word: str) -> str | None:
    """Return "LCM" for the class "SamplerLCM", "Karras" for "KarrasScheduler"."""
    kind = str(node.get("class_type", ""))
    plain = kind in ("", "KSamplerSelect", "BasicScheduler")
    return None if plain or word not in kind else name_of(kind.replace(word, ""))
