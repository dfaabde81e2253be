"""What is asked for (`Request`) and what comes back (`Picture`): shared by Python, CLI and HTTP.

Limits and help texts stand in the fields themselves (`base/limits.py`); the command line's help,
the JSON schema and the checks all read them from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base import metadata
from molnar.base.adapters import Adapter, parameters_of
from molnar.base.config import from_json, to_json
from molnar.base.errors import DataError, MolnarError, one_line
from molnar.base.files import write_bytes
from molnar.base.limits import asked, check_fields, fits, json_schema, required
from molnar.base.rng import NUM_SEEDS, batch_seeds
from molnar.base.types import Item, Plan
from molnar.base.version import VERSION

__all__ = [
    "Guide",
    "Picture",
    "Request",
    "UnknownWord",
    "Variation",
    "json_schema",
    "pixels_sha256",
    "request_from",
]

QUALITIES = ("fast", "normal", "best")
RECORD_FORMAT = 2  # version of the JSON inside a picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """A step from a picture's noise towards that of another seed, along the sphere.

    Example:
        >>> Variation(seed=7, strength=0.1).strength
        0.1
    """

    seed: int = asked(0, "Of the noise to go towards.", minimum=0, maximum=NUM_SEEDS - 1)
    strength: float = asked(0.0, "How far: 0 stays, 1 arrives.", minimum=0, maximum=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """A picture that guides a checkpoint beside the prompt, and the model that reads it.

    Example:
        >>> Guide(kind="control", model="canny", image="edges.png").weight
        1.0
    """

    kind: str = required(
        "control: a ControlNet, says where; ip: an IP-Adapter, says what.",
        choices=("control", "ip"),
    )
    model: str = required("Its name, or a path that begins with / or ~ or a dot.", length=(1, 1000))
    image: str = required("The picture: a file, or the sha256 of its pixels.", length=(1, 1000))
    weight: float = asked(1.0, "How strongly: 0 is off, 1 as trained.", minimum=0, maximum=2)

    @property
    def by_path(self) -> bool:
        """Whether the model is named by its path: never by who asks over a network."""
        return re.match(r"[/\\~.]|[A-Za-z]:", self.model) is not None

    @property
    def name(self) -> str:
        """The model's name alone.

        Example:
            >>> Guide(kind="ip", model="~/nets/face.safetensors", image="me.png").name
            'face'
        """
        return re.split(r"[/\\]", self.model)[-1].removesuffix(".safetensors")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A wish for pictures; None means what the model recommends, and for the seed, a random one.

    Picture k of a request has seed `seed + k` (modulo 2**32) and equals the single picture of it.
    With `best_of` N it is the best of N seeds from `seed + k N` on, and equals that one's picture.
    With `variations` all have the same seed, and picture k differs in where the last one leads.

    Example:
        >>> Request(prompt="a red fox", steps=8).validated().height
        512
    """

    prompt: str = required("What to draw.", length=(1, 2000))
    negative_prompt: str = asked("", "What to keep out of the picture.", length=(0, 2000))
    height: int = asked(512, "Height in pixels.", minimum=64, maximum=2048, multiple_of=8)
    width: int = asked(512, "Width in pixels.", minimum=64, maximum=2048, multiple_of=8)
    steps: int | None = asked(None, "Sampling steps; more is slower.", minimum=1, maximum=150)
    guidance: float | None = asked(
        None, "How closely to follow the prompt; 1 is off.", minimum=1, maximum=30
    )
    seed: int | None = asked(
        None, "Same seed, same picture; random if absent.", minimum=0, maximum=NUM_SEEDS - 1
    )
    count: int = asked(1, "How many pictures.", minimum=1, maximum=64)
    best_of: int = asked(
        1,
        "Draw so many for each, and keep what fits the prompt best.",
        minimum=1,
        maximum=16,
    )
    sampler: str | None = asked(
        None, "How to walk from noise to picture.", choices=tuple(metadata.SAMPLER_LABELS)
    )
    schedule: str | None = asked(
        None, "Which times the sampler visits.", choices=tuple(metadata.SCHEDULE_LABELS)
    )
    transparent: bool = asked(False, "Leave the background out.")
    quality: str = asked("normal", "Time against care.", choices=QUALITIES)
    image: str = asked("", "Picture to start from: a file, or the sha256 of its pixels.")
    strength: float | None = asked(
        None, "How much of that picture may change: 0 nothing, 1 all.", minimum=0, maximum=1
    )
    mask: str = asked("", "Where it may change: white in this picture, a file or a sha256.")
    feather: int = asked(
        8, "Pixels around the mask over which old and new mix.", minimum=0, maximum=128
    )
    outpaint: tuple[int, ...] = asked(
        (0, 0, 0, 0), "Pixels to add left, top, right, bottom; the size counts them.",
        minimum=0, maximum=2048, length=(4, 4),
    )  # fmt: skip
    variations: tuple[Variation, ...] = asked(
        (), "Steps away from the seed's noise; picture k adds k to the last one's seed.",
        length=(0, 32),
    )  # fmt: skip
    plan: tuple[Item, ...] = asked(
        (), "What is where, in fractions of the shorter side; the model decides if empty.",
        length=(0, 10),
    )  # fmt: skip
    guides: tuple[Guide, ...] = asked(
        (), "Pictures that guide beside the prompt, of a checkpoint.", length=(0, 8)
    )
    tile: bool = asked(False, "Edges that meet, so that copies side by side show no seam.")
    chaos: int = asked(
        0, "How far pictures stray in what the prompt leaves open.", minimum=0, maximum=100
    )
    stop: int = asked(100, "Stop at this percentage of the steps.", minimum=10, maximum=100)
    literal: bool = asked(False, "Read the prompt as plain words: no weights, no schedules.")
    template: str = asked("", "The text as typed, if the prompt was drawn from it.")

    def validated(self) -> Request:
        """Return the request itself if every field is in its range.

        Raises:
            RequestError: What was got, what was expected, what to do; one line.
        """
        check_fields(self)
        return self

    def single(self, number: int) -> Request:
        """Return the request of one picture alone, of those that are drawn (`count` x `best_of`).

        Args:
            number: 0 or more; the seed must be known.
        """
        assert self.seed is not None
        alone = dataclasses.replace(self, count=1, best_of=1)
        if not self.variations:
            return dataclasses.replace(alone, seed=batch_seeds(self.seed, number + 1)[number])
        *earlier, last = self.variations
        seed = batch_seeds(last.seed, number + 1)[number]
        varied = (*earlier, dataclasses.replace(last, seed=seed))
        return dataclasses.replace(alone, variations=varied)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures it names: what it starts from, its mask, those that guide."""
        named = (self.image, self.mask, *(guide.image for guide in self.guides))
        return tuple(dict.fromkeys(filter(None, named)))

    def replaced(self, **changes: Any) -> Request:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class UnknownWord:
    """A word of the prompt that the model was not taught, and taught ones near it.

    Example:
        >>> UnknownWord("foxx", ["fox"]).nearest
        ['fox']
    """

    word: str
    nearest: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A finished picture that knows how it was made.

    Example:
        >>> picture = Picture(
        ...     image=np.zeros((64, 64, 4), np.uint8),
        ...     request=Request(prompt="night", height=64, width=64, seed=7),
        ...     seed=7,
        ... )
        >>> picture.to_pil().size
        (64, 64)
    """

    image: NDArray[np.uint8]  # H W 3, or H W 4 with straight alpha
    request: Request  # resolved: nothing in it is None
    seed: int  # of this picture: with it alone, the same comes out
    index: int = 0  # which of the request's pictures
    model: str = ""
    model_hash: str = ""  # sha256 of the bundle, hexadecimal
    engine: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)  # per stage
    unknown: list[UnknownWord] = field(default_factory=list)
    variations: tuple[Variation, ...] = ()  # of this picture
    plan: Plan = ()  # what was to be drawn where, in this frame; empty without a planner
    inputs: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)  # by "sha256:..."
    adapters: tuple[Adapter, ...] = ()  # of a checkpoint: what it wore and was guided by
    fit: float | None = None  # cosine of picture and prompt, where it was chosen for it

    def to_pil(self) -> Image.Image:
        """Return the picture as a Pillow image, RGB or RGBA."""
        return Image.fromarray(np.ascontiguousarray(self.image))

    def record(self) -> dict[str, Any]:
        """Return everything needed to make the picture again, and to tell if it was altered."""
        return {
            "format": RECORD_FORMAT,
            "version": VERSION,
            "request": to_json(self.request),
            "seed": self.seed,
            "index": self.index,
            "variations": [to_json(one) for one in self.variations],
            "plan": [to_json(item) for item in self.plan],
            "model": self.model,
            "model_hash": self.model_hash,
            "engine": self.engine,
            "machine": machine(),
            "seconds": dict(self.seconds),
            "unknown": [to_json(word) for word in self.unknown],
            "fit": self.fit,
            **({"adapters": list(map(to_json, self.adapters))} if self.adapters else {}),
            "pixels_sha256": pixels_sha256(self.image),
        }

    def parameters(self) -> str:
        """Return the A1111 `parameters` text of this picture."""
        request = self.request
        fields = {
            "Steps": request.steps,
            "Sampler": metadata.SAMPLER_LABELS.get(request.sampler or "", request.sampler),
            "Schedule type": metadata.SCHEDULE_LABELS.get(request.schedule or "", request.schedule),
            "CFG scale": request.guidance,
            "Seed": self.seed,
            "Size": f"{request.width}x{request.height}",
            "Model hash": self.model_hash[:10] or None,
            "Model": self.model or None,
            "Denoising strength": request.strength if request.image else None,
            "Mask blur": request.feather if request.mask else None,
            "Variation seed": self.variations[-1].seed if self.variations else None,
            "Variation seed strength": self.variations[-1].strength if self.variations else None,
            "Tiling": "True" if request.tile else None,
            "RNG": "CPU",
            **parameters_of([(g.name, g.weight) for g in request.guides], self.adapters),
            "Template": request.template or None,
            "Version": f"molnar {VERSION}",
        }
        return metadata.write_parameters(request.prompt, request.negative_prompt, fields)

    def encoded(self, suffix: str = ".png") -> bytes:
        """Return the bytes of a .png, .jpg or .webp file that carries its record."""
        return metadata.encode(self.to_pil(), self.record(), self.parameters(), suffix)

    def save(self, path: str | os.PathLike[str], force: bool = False) -> Path:
        """Write the picture and its record to a file at once; the suffix decides the format.

        Raises:
            RequestError: If the file exists and `force` is False, or the suffix is unknown.
        """
        return write_bytes(path, self.encoded(Path(path).suffix), force)


def machine() -> dict[str, str]:
    """Say what may change the last bits of a picture: processor kind and libraries."""
    runtime = sys.modules.get("onnxruntime")
    return {
        "processor": platform.machine(),
        "numpy": np.__version__,
        "onnxruntime": str(getattr(runtime, "__version__", "")),
    }


def pixels_sha256(image: NDArray[np.uint8]) -> str:
    """Return the sha256 of a picture's size and pixels, uint8 H W C."""
    shape = ",".join(map(str, image.shape)).encode()
    return hashlib.sha256(shape + b";" + np.ascontiguousarray(image).tobytes()).hexdigest()


def request_from(found: metadata.Metadata) -> Request:
    """Return the request that a file's metadata asks to repeat: that one picture, count 1.

    Our own record gives every field; the A1111 text gives those that have a name there, and what
    does not fit our limits is left to the model.

    Raises:
        DataError: If the file carries neither, or a record that cannot be read.
    """
    if found.record is not None:
        try:
            request = from_json(Request, found.record["request"])
            seed = found.record["seed"]
            last = [from_json(Variation, one) for one in found.record.get("variations", ())]
            alone = request.replaced(seed=seed, variations=tuple(last), count=1, best_of=1)
            return alone.validated()
        except (KeyError, TypeError, MolnarError) as error:
            raise DataError(
                f"the picture's molnar record cannot be used ({one_line(error)}); "
                "it may be from a newer version: update molnar"
            ) from None
    from molnar.base.wishes import wishes  # only reading needs it: drawing starts sooner

    wanted = wishes(found)
    if not wanted.get("prompt"):
        raise DataError("the picture says nothing about how it was made; give a prompt instead")
    fitting = {key: value for key, value in wanted.items() if fits(Request, key, value)}
    return Request(**fitting).validated()
