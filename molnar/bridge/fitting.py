"""A checkpoint and a machine in, how the one is computed on the other out: nobody need know how.

The quickest way that fits is taken. Where memory does not suffice, one thing after the other is
given up, what costs least first: `LADDER`. The same ladder is climbed down while drawing, where
memory runs out all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from molnar.base.errors import RequestError
from molnar.bridge.estimating import (
    BASE,
    BYTES,
    Parts,
    decoding,
    parameters,
    parts_of,
    seconds_of,
    speed,
    working,
)
from molnar.bridge.machine import Machine, look
from molnar.bridge.options import Options

if TYPE_CHECKING:
    from molnar.bridge.company import Company
    from molnar.bridge.recognising import Found

#: What is given up for memory, in this order, and how it is said.
LADDER: Mapping[str, str] = {
    "tiled": "the picture is decoded in tiles",
    "halves": "weights are kept in 16 bits and computed in 32",
    "parts": "one network at a time is on the device",
    "layers": "one layer at a time is on the device, which is slow",
}
LARGE = 1024 * 1024  # pixels from which a picture is decoded in tiles on the CPU in any case


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a checkpoint is computed."""

    device: str
    dtype: str  # of the computation
    storage: str  # of the weights in memory; the same, or float16 under float32
    tiled: bool = False
    offload: str = "none"  # "none", "parts" or "layers": on the device only while they compute
    channels_last: bool = True
    need: int = 0  # bytes, estimated, where it is computed
    room: int = 0  # bytes there
    given_up: tuple[str, ...] = ()  # of LADDER

    @property
    def notes(self) -> list[str]:
        """Say what was given up for memory."""
        return [f"memory: {LADDER[name]}" for name in self.given_up]


def fitted(
    found: Found,
    options: Options,
    machine: Machine | None = None,
    *,
    height: int = 0,
    width: int = 0,
    company: Company | None = None,
) -> Fit:
    """Choose how a checkpoint is computed.

    Args:
        found: The checkpoint.
        options: What a person said; it is kept to.
        machine: Where; None = this one.
        height: Pixels of the largest picture to be drawn; 0 = as the family draws best.
        width: The same.
        company: What draws beside it.

    Raises:
        RequestError: There is no such device, or its weights alone do not fit.
    """
    machine = machine or look(options.device, options.threads)
    height, width = height or found.height, width or found.width
    parts = parts_of(found)
    if company is not None:
        parts = replace(parts, beside=company.bytes_as(parts.dtype))
    dtype = _dtype(options, machine)
    halves = options.dtype == "auto" and not options.exact and dtype == "float32"
    fit = Fit(
        device=machine.device,
        dtype=dtype,
        storage="float16" if halves else dtype,
        tiled=machine.device == "cpu" and height * width > LARGE,
        channels_last=not options.exact,  # sums in another order round otherwise
        room=machine.room,
    )
    fit = _measured(fit, parts, height, width)
    while fit.need > fit.room or (options.low_memory and len(fit.given_up) < 3):
        lower = stepped_down(fit, exact=options.exact)
        if lower is None:
            break
        fit = _measured(lower, parts, height, width)
    _check(fit, parts, found, machine)
    return fit


def stepped_down(fit: Fit, *, exact: bool = False) -> Fit | None:
    """Give up the next thing for memory; None if there is nothing left.

    Args:
        fit: As it is.
        exact: Pictures may change by no more than rounding.

    Example:
        >>> fit = Fit(device="cpu", dtype="float32", storage="float32")
        >>> stepped_down(fit).given_up
        ('tiled',)
        >>> stepped_down(stepped_down(fit)).storage
        'float16'
        >>> stepped_down(stepped_down(stepped_down(fit))) is None
        True
    """
    on_device = fit.device != "cpu"
    changes: dict[str, dict[str, Any]] = {}
    if not fit.tiled:
        changes["tiled"] = {"tiled": True}
    if fit.storage == "float32" and not exact and not on_device:
        changes["halves"] = {"storage": "float16"}
    if on_device and fit.offload == "none":
        changes["parts"] = {"offload": "parts"}
    if on_device and fit.offload == "parts":
        changes["layers"] = {"offload": "layers"}
    for name, change in changes.items():
        return replace(fit, **change, given_up=(*fit.given_up, name))
    return None


def seconds(
    found: Found,
    fit: Fit,
    *,
    steps: int,
    height: int,
    width: int,
    guided: bool,
    company: Company | None = None,
) -> Mapping[str, float]:
    """Estimate the seconds of a picture on this machine, within a factor of two.

    Args:
        found: The checkpoint.
        fit: How it is computed.
        steps: Of the sampler.
        height: Pixels.
        width: Pixels.
        guided: Each step is computed with the prompt and without.
        company: What draws beside it.
    """
    rate = speed(fit.dtype, fit.device)
    took = seconds_of(found, steps, height, width, guided, rate)
    if company is None or not company.refiner + company.control:
        return took  # there may be no drawer that was counted, to take a share of
    parts = parts_of(found)
    step = company.steps(took["step"], parameters(parts.drawer, parts.dtype))
    return {**took, "step": step, "steps": step * steps}


def applied(pipe: Any, fit: Fit) -> None:
    """Put a pipeline of diffusers where it computes, as a fit says; may be done again.

    Args:
        pipe: Live, with its networks in main memory.
        fit: From `fitted`, or lower.
    """
    import torch

    decoder: Any = getattr(pipe, "vae", None) or getattr(pipe, "vqvae", None)
    if fit.tiled and hasattr(decoder, "enable_tiling"):
        decoder.enable_tiling()
    by_layers = fit.device == "cpu" and fit.dtype == "float32"  # `fast` arranges each as it needs
    if fit.channels_last and not by_layers:
        networks: list[Any] = [getattr(pipe, "unet", None), decoder]
        for network in networks:
            if hasattr(network, "to"):
                network.to(memory_format=torch.channels_last)
    if fit.offload == "parts":
        pipe.enable_model_cpu_offload(device=fit.device)
    elif fit.offload == "layers":
        pipe.enable_sequential_cpu_offload(device=fit.device)
    elif fit.device != "cpu":
        pipe.to(fit.device)


def ran_out(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice.

    Example:
        >>> ran_out(MemoryError()), ran_out(ValueError("no such size"))
        (True, False)
        >>> ran_out(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
        True
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    signs = ("out of memory", "can't allocate", "not enough memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(sign in said for sign in signs)


def _dtype(options: Options, machine: Machine) -> str:
    if options.dtype == "float16" and machine.device == "cpu":
        raise RequestError(
            "dtype is float16, which this processor does not compute in; expected float32, "
            "bfloat16 or auto (which keeps the weights in 16 bits all the same)"
        )
    if options.dtype != "auto":
        return options.dtype
    if options.exact:
        return "float32"
    if machine.device == "cpu":
        return "bfloat16" if machine.bf16 else "float32"
    return "bfloat16" if machine.bf16 else "float16"


def _measured(fit: Fit, parts: Parts, height: int, width: int) -> Fit:
    """Estimate what a fit needs on its device."""
    stored, computed = BYTES[fit.storage], BYTES[fit.dtype]
    sizes = [
        parameters(size, parts.dtype) * stored
        for size in (parts.readers, parts.drawer, parts.decoder, parts.beside)
    ]
    weights = {"none": sum(sizes), "parts": max(sizes), "layers": max(sizes) / 20}[fit.offload]
    at_work = max(
        working(parts, height, width, computed), decoding(height, width, computed, fit.tiled)
    )
    return replace(fit, need=int(weights) + at_work + (BASE if fit.device == "cpu" else BASE // 2))


def _check(fit: Fit, parts: Parts, found: Found, machine: Machine) -> None:
    """Refuse what cannot be: the weights alone, at their smallest, are more than there is."""
    held = parameters(parts.whole, parts.dtype) * BYTES[fit.storage]
    room = machine.memory + (machine.own if fit.offload != "none" else 0)
    if fit.offload == "none" and machine.own:
        room = machine.own
    if held > room:
        raise RequestError(
            f"{found.family.title} takes {held / 1e9:.1f} GB of memory for its weights alone, and "
            f"{room / 1e9:.1f} GB are free; expected as much: end other programs, or take a "
            "smaller model"
        )
