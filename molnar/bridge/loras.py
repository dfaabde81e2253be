"""LoRA files into the weights of a loaded pipeline, and out again without a trace.

A change is added to the weight itself (`W + strength * alpha / rank * up @ down`, in float32), so
that a step costs what it did, and the weight as it was is kept, so that it comes back to the bit.
Where weights cannot be added to (quantised, or not on this machine's memory at the moment) peft's
layers compute the change beside them, through diffusers' own loader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molnar.base.errors import WeightsError, one_line
from molnar.bridge import lora_deltas, lora_layers
from molnar.bridge.lora_families import looks_like
from molnar.bridge.lora_files import Lora, checked, name_of
from molnar.bridge.lora_keys import Named, Names, Target
from molnar.bridge.lora_reading import converted, kind_of, read, scales_of

PLAIN = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
FEWEST = 0.5  # of the drawing network's changes that must fit, or it is another family's
MISSHAPEN = 0.1  # of them that may have another shape
LISTED = 3  # keys in a note
REMEMBERED = 8  # files whose tensors stay at hand


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a LoRA file.

    Example:
        >>> Report(Path("ink.safetensors"), 192, (), "LoRA").matched
        192
    """

    path: Path
    matched: int  # weights that it changes
    unmatched: tuple[str, ...]  # keys that are for nothing here
    kind: str  # "LoRA", "LoCon", "DoRA", "LoHa", "LoKr" or "full"
    keys: int = 0  # in the file

    @property
    def note(self) -> str:
        """What is left out of the file, in one line; empty if nothing is."""
        if not self.unmatched:
            return ""
        some = ", ".join(one_line(key, 80) for key in self.unmatched[:LISTED])
        more = len(self.unmatched) - LISTED
        return (
            f"LoRA {one_line(name_of(self.path), 60)}: {len(self.unmatched)} of {self.keys} keys "
            f"did not match and are left out: {some}" + (f" and {more} more" if more > 0 else "")
        )


@dataclass(frozen=True)
class Changes:
    """A LoRA file read for one pipeline.

    Example:
        >>> Changes(Report(Path("a.safetensors"), 0, (), "LoRA"), {}, {}).scales
        {}
    """

    report: Report
    parts: Mapping[Target, lora_deltas.Parts]
    scales: Mapping[Target, float]  # of `up @ down`, where not said by an "alpha" of the change


class Loras:
    """The LoRAs of one pipeline, changed from request to request.

    Args:
        pipe: A diffusers pipeline; it is changed in place.
        on_change: Called with the modules whose weights are others now: for whatever was computed
            from them ahead of time.

    Example:
        >>> from types import SimpleNamespace
        >>> Loras(SimpleNamespace(components={})).applied
        ()
    """

    def __init__(
        self, pipe: Any, on_change: Callable[[Sequence[Target]], None] | None = None
    ) -> None:
        self.pipe = pipe
        self.on_change = on_change
        self.applied: tuple[Lora, ...] = ()
        self.reports: tuple[Report, ...] = ()
        self._names = Names(pipe.components)
        self._modules: dict[Target, Any] = {}
        self._originals: dict[tuple[Target, str], Tensor] = {}
        self._read: dict[tuple[Any, ...], Changes] = {}
        self._layers: tuple[Target, ...] = ()

    def use(self, loras: Iterable[Lora | tuple[Path, float]]) -> tuple[Report, ...]:
        """Make these the LoRAs of the pipeline, and no others; an empty list removes them all.

        Raises:
            WeightsError: A file is corrupt, a pickle, or made for another family. The pipeline is
                then as it was before the call.
        """
        wanted = tuple(
            one if isinstance(one, Lora) else Lora(Path(one[0]), one[1]) for one in loras
        )
        read = [self._changes(lora.path) for lora in wanted]
        if wanted == self.applied and self.reports == tuple(one.report for one in read):
            return self.reports
        plan: dict[Target, list[tuple[Changes, float]]] = {}
        for lora, changes in zip(wanted, read, strict=True):
            for target in changes.parts:
                strength = lora.weight if target.component == self._names.drawing else lora.on_text
                plan.setdefault(target, []).append((changes, strength))
        earlier = {*self._layers, *(target for target, _ in self._originals)}
        try:
            if all(self._plain(target) for target in plan):
                self._merge(plan)
            else:
                self._beside(wanted, read)
        except BaseException:
            # An interrupt too must not leave half of a LoRA behind.
            self._restore(())
            self.applied, self.reports = (), ()
            self._tell(earlier | set(plan))
            raise
        self.applied, self.reports = wanted, tuple(one.report for one in read)
        self._tell(earlier | set(plan))
        return self.reports

    def report(self, path: Path) -> Report:
        """Tell what would become of a file; nothing is changed.

        Raises:
            WeightsError: It is corrupt, a pickle, or made for another family.
        """
        return self._changes(path).report

    def clear(self) -> None:
        """Take every LoRA out; the weights are what they were, bit by bit."""
        self.use(())

    def _tell(self, targets: set[Target]) -> None:
        if self.on_change is not None and targets:
            self.on_change(sorted(targets))

    def _module(self, target: Target) -> Any:
        if target not in self._modules:
            network = self.pipe.components[target.component]
            self._modules[target] = network.get_submodule(target.path)
        return self._modules[target]

    def _plain(self, target: Target) -> bool:
        weight = self._module(target).weight
        return weight.dtype in PLAIN and type(weight) is torch.nn.Parameter and not weight.is_meta

    def _merge(self, plan: Mapping[Target, list[tuple[Changes, float]]]) -> None:
        self._restore(plan)
        for target, changes in plan.items():
            module = self._module(target)
            original = self._original(target, "weight")
            total: dict[str, Tensor] = {}
            for change, strength in changes:
                parts, scale = change.parts[target], change.scales.get(target)
                more = lora_deltas.changed(parts, original, strength, scale)
                for name, tensor in more.items():
                    total[name] = total[name] + tensor if name in total else tensor
            for name, tensor in total.items():
                _put(module, name, tensor.add_(self._original(target, name)))

    def _original(self, target: Target, name: str) -> Tensor:
        """The tensor before any LoRA, on the device of the module; kept until it is put back."""
        key = (target, name)
        now = getattr(self._module(target), name).detach()
        if key not in self._originals:
            # On a device it is overwritten, since graphs may hold its address; so a copy is kept,
            # where memory is cheaper. On the CPU the tensor itself is kept and another put in.
            self._originals[key] = now if now.device.type == "cpu" else now.to("cpu", copy=True)
        return self._originals[key].to(now.device)

    def _restore(self, kept: Iterable[Target]) -> None:
        """Put back every weight that was changed; those of `kept` stay known as they were."""
        if self._layers:
            lora_layers.remove(self.pipe)
            self._layers = ()
            self._modules.clear()
        kept = set(kept)
        for (target, name), original in list(self._originals.items()):
            _put(self._module(target), name, original, same=True)
            if target not in kept:
                del self._originals[target, name]

    def _beside(self, wanted: Sequence[Lora], read: Sequence[Changes]) -> None:
        self._restore(())
        self._layers = tuple({target for changes in read for target in changes.parts})
        self._modules.clear()  # peft puts its layers where they were
        drawing = self._names.drawing or ""
        lora_layers.add(
            self.pipe,
            drawing,
            [(c.parts, c.scales, lo) for lo, c in zip(wanted, read, strict=True)],
        )

    def _changes(self, path: Path) -> Changes:
        checked(path)
        try:
            state = path.stat()
        except OSError as error:
            raise WeightsError(f"{one_line(path)} cannot be read: {error.strerror}") from None
        key = (path.resolve(), state.st_size, state.st_mtime_ns)
        if key not in self._read:
            while len(self._read) >= REMEMBERED:
                del self._read[next(iter(self._read))]
            self._read[key] = self._fit(path)
        return self._read[key]

    def _fit(self, path: Path) -> Changes:
        tensors, metadata = read(path)
        named = self._named(tensors)
        count = len(named.unknown) + sum(map(len, named.keys.values()))
        whole: dict[Target, lora_deltas.Parts] = {}
        misshapen, unmatched = [], list(named.unknown)
        for target, parts in named.found.items():
            module = self._module(target)
            fits = lora_deltas.fits(parts, module.weight, getattr(module, "bias", None))
            if fits:
                whole[target] = parts
                continue
            unmatched += named.keys[target]
            if fits is False:
                misshapen.append(target)
        if not _belongs(self._names.drawing, whole, misshapen, unmatched):
            raise WeightsError(
                f"{one_line(path)}: {count - len(unmatched)} of {count} keys fit "
                f"{type(self.pipe).__name__}, it looks made for {looks_like(tensors, metadata)}; "
                "use it with a checkpoint of that family"
            )
        report = Report(path, len(whole), tuple(unmatched), kind_of(whole), count)
        return Changes(report, whole, scales_of(path, metadata, whole))

    def _named(self, tensors: Mapping[str, Tensor]) -> Named:
        named = self._names.match(tensors)
        convert = getattr(type(self.pipe), "lora_state_dict", None)
        if named.unknown and convert is not None and self._names.drawing == "transformer":
            other = self._names.match(converted(convert, tensors))
            if len(other.found) > len(named.found):
                return other
        return named


def apply_loras(
    pipe: Any, loras: Iterable[Lora | tuple[Path, float]], to: Loras | None = None
) -> tuple[Report, ...]:
    """Apply LoRA files to a pipeline for good, or until `to.clear()`.

    Args:
        pipe: A diffusers pipeline, without LoRAs of its own.
        loras: Files with their weights.
        to: Remembers what is applied; a new one if absent.

    Raises:
        WeightsError: A file is corrupt, a pickle, or made for another family.
    """
    return (Loras(pipe) if to is None else to).use(loras)


def _put(module: Any, name: str, value: Tensor, same: bool = False) -> None:
    """Make a value the parameter's, in its dtype and layout; `same`: it was there before."""
    parameter = getattr(module, name)
    with torch.no_grad():
        if parameter.device.type != "cpu":
            parameter.copy_(value)
        elif same:
            parameter.data = value.to(parameter.dtype)
        else:
            parameter.data = torch.empty_like(parameter).copy_(value)


def _of(component: str | None, targets: Iterable[Target]) -> int:
    return sum(target.component == component for target in targets)


def _belongs(
    drawing: str | None,
    whole: Mapping[Target, Any],
    misshapen: Sequence[Target],
    unmatched: Sequence[str],
) -> bool:
    """Tell whether enough of a file fits for it to be of this family."""
    matched, odd = _of(drawing, whole), _of(drawing, misshapen)
    strange = [key for key in unmatched if not key.startswith(("lora_te", "text_encoder"))]
    # A change has about three keys, of which any can be missing: alpha most of all.
    missing = len({key.split(".lora")[0].rsplit(".", 1)[0] for key in strange})
    named = matched + max(missing, odd)
    fits = not named or (matched >= FEWEST * named and odd <= MISSHAPEN * named)
    return bool(whole) and fits
