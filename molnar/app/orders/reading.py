"""The fields of a request over HTTP in, orders out: their seeds fixed, their prompts written out.

A seed that is left open is drawn here, so that what is sent twice, or begun anew after a crash, is
the same picture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from molnar.app.jobs import Store
from molnar.app.orders.looking import look
from molnar.app.orders.orders import Make, Order, Upscale, kind_of
from molnar.app.orders.wording import area_of, around, counted, fixed, shaped, worded, written_out
from molnar.base.config import from_json
from molnar.base.errors import ConfigError, RequestError, one_line
from molnar.base.request import Request
from molnar.base.words import hint
from molnar.text.styles import named

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a typed prompt may come with that is no field of a `Request`."""

    ar: str | None = None  # "3:2"
    styles: tuple[str, ...] = ()  # built-in ones
    grid: bool = False  # draw four, and one picture that shows them all
    image_prompt: str = ""  # k7.2, or sha256:...
    iw: float | None = None  # its weight


def typed(
    fields: Mapping[str, Any],
    store: Store | None = None,
    frame: Mapping[str, int] | None = None,
) -> list[Make]:
    """Write out a typed prompt: one order for each job that it asks for, every seed known.

    Args:
        fields: Fields of `Request` and of `Beside` as JSON values; null is as if it were absent,
            a seed of -1 too.
        store: The history, where a picture to start from may decide the size and the prompt.
        frame: `height` and `width` that the model draws best, for what neither fields nor a
            picture say.

    Raises:
        RequestError: A field is unknown, of a wrong type or out of its range, two contradict each
            other, or something in the prompt cannot be done.
        DataError: The picture's file is gone or damaged.

    Example:
        >>> [order.requests[0].prompt for order in typed({"prompt": "a {red, blue} fox"})]
        ['a red fox', 'a blue fox']
    """
    given = {key: value for key, value in fields.items() if value is not None}
    own = {field.name for field in dataclasses.fields(Beside)}
    _all_known(given, (*(field.name for field in dataclasses.fields(Request)), *own))
    beside = _parsed(Beside, {key: value for key, value in given.items() if key in own})
    if beside.iw is not None and not beside.image_prompt:
        raise RequestError("got iw without a picture; expected an image_prompt too")
    asked = {key: value for key, value in given.items() if key not in own}
    base = _parsed(Request, {"prompt": "", **(frame or {}), **asked})
    base = base.replaced(seed=fixed(base.seed))
    base.replaced(prompt="any").validated()  # the prompt only once it is written out
    base = base.replaced(**_shape(base, beside, asked, store))
    if "prompt" not in asked:
        base = base.replaced(prompt=_prompt_of(base, store))
    count = counted(beside.grid, base.count if "count" in asked else None)
    common = Make(
        requests=(base.replaced(count=base.count if count is None else count),),
        grid=beside.grid,
        image_prompt=beside.image_prompt,
        iw=1.0 if beside.iw is None else beside.iw,
    )
    styles = [named(name) for name in beside.styles]
    return written_out(common, [base.seed], styles=styles, usual=area_of(frame))


def ordered(verb: str, fields: Mapping[str, Any]) -> Order:
    """Make the order of a verb that draws from pictures: its seed fixed, its prompt written out.

    Args:
        verb: Any but "make", for which there is `typed`.
        fields: Of its class, as JSON values; null is as if it were absent, a seed of -1 too.

    Raises:
        RequestError: There is no such verb, a field is unknown, missing or of a wrong type, or
            something in the prompt cannot be done. Ranges are left to `checked`.

    Example:
        >>> ordered("pan", {"picture": "k7.2", "way": "left", "prompt": "{a|a} fox"}).prompt
        'a fox'
    """
    kind = kind_of(verb)
    if kind is Make:
        raise RequestError("verb is 'make'; expected one that draws from a picture, such as vary")
    given = {key: value for key, value in fields.items() if value is not None}
    if kind is not Upscale or given.get("creative"):
        given["seed"] = fixed(given.get("seed"))
    elif given.get("seed") == -1:  # nothing is left to chance
        del given["seed"]
    _all_known(given, [field.name for field in dataclasses.fields(kind)])
    order: Any = _parsed(kind, given)
    if getattr(order, "prompt", None):
        order = dataclasses.replace(order, prompt=worded(order.prompt, order.seed))
    made: Order = order
    return made


def _shape(
    base: Request, beside: Beside, asked: Mapping[str, Any], store: Store | None
) -> dict[str, int]:
    """Work out height and width: from the aspect, or from the picture to start from."""
    given = {key: asked[key] for key in ("height", "width") if key in asked}
    if beside.ar is not None:
        sides = given.get("height"), given.get("width")
        height, width = shaped(beside.ar, *sides, (base.height, base.width))
        return {"height": height, "width": width}
    if given or not base.image or store is None:
        return {}
    return around(look(store, base.image, "image").size, base.outpaint)


def _prompt_of(base: Request, store: Store | None) -> str:
    """Read the prompt from the picture to start from, as it may say what it shows."""
    if base.image and store is not None and (said := look(store, base.image, "image").prompt):
        return said
    raise RequestError("no prompt; expected what to draw, e.g. 'a red fox'")


def _all_known(given: Mapping[str, Any], known: Any) -> None:
    for key in given:
        if key not in known:
            raise RequestError(
                f"{one_line(key, 60)} is not a field{hint(str(key), known)}; "
                f"expected one of: {', '.join(known)}"
            )


def _parsed(kind: type[T], given: Mapping[str, Any]) -> T:
    try:
        return from_json(kind, given)
    except ConfigError as error:
        raise RequestError(str(error)) from None
