"""An order in, the same order out if it can be drawn: refused before it waits, not after.

What only a model can tell (has it a planner, does a mask turn out empty) is left to the worker.
"""

from __future__ import annotations

from collections.abc import Sequence

from molnar import verbs
from molnar.app.jobs import Store
from molnar.app.orders.costs import frame_of, usual_steps
from molnar.app.orders.looking import Seen, look, repeated, requests_of, told_by
from molnar.app.orders.orders import Again, Blend, Edit, Make, Order, Vary, Zoom
from molnar.app.references import is_reference
from molnar.base.errors import RequestError, one_line
from molnar.base.limits import check_fields
from molnar.base.request import Request
from molnar.reading import understood
from molnar.resolving import check_coherent
from molnar.starting import check_same_size, inner

USUAL = (512, 512)  # height and width
WAYS = ("mask", "region", "where")  # to say which part of a picture is edited


def checked(order: Order, store: Store, files: bool = False, networks: bool = True) -> Order:
    """Return the order itself if all in it can be done.

    Args:
        order: What is asked for.
        store: The history, in which the pictures that it names are looked up.
        files: Whether it may name pictures by their paths: never if it came over HTTP.
        networks: Whether the model may take LoRAs; if that is not known, it refuses them itself.

    Raises:
        RequestError: What was got, what was expected, what to do; one line.
        DataError: The file of a picture is gone or damaged.
    """
    check_alone(order, networks)
    if isinstance(order, Make):
        _check_starts(order, store, files)
        return order
    if isinstance(order, Again):
        for request in again_of(order, store, files):
            wish = verbs.again(request, seed=order.seed, prompt=order.prompt)
            understood(wish.request.prompt, usual_steps(request), request.literal, networks)
        return order
    if isinstance(order, Blend):
        seen = [look(store, name, "a picture", files) for name in order.pictures]
        frame_of(order, seen[0].size)
        return order
    known = look(store, order.picture, files=files)
    frame_of(order, known.size)
    if prompt := getattr(order, "prompt", None):
        literal = known.request is not None and known.request.literal
        understood(prompt, 1, literal, networks)
    if isinstance(order, Vary):
        _check_said(order, known)
    if isinstance(order, Edit):
        if order.mask:
            check_same_size(look(store, order.mask, "mask", files).size, known.size)
        if order.region:
            check_region(order.region, known.size)
    return order


def check_alone(order: Order, networks: bool = True) -> None:
    """Check what can be checked of an order without the pictures that it names.

    Raises:
        RequestError: A field is out of its range, two contradict each other, or the prompt of a
            request cannot be read.
    """
    if isinstance(order, Zoom) and type(order.factor) is float:
        verbs.beyond(USUAL, order.factor)  # says it better than a range can, of which 1 is no part
    check_fields(order)
    if isinstance(order, Make):
        for request in order.requests:
            _check_request(order, request, networks)
        return
    if isinstance(order, Edit):
        _check_ways(order)
    if isinstance(order, Blend):
        _check_weights(order)


def again_of(order: Again, store: Store, files: bool = False) -> list[Request]:
    """Give the requests that are to be drawn again, as they were.

    Raises:
        RequestError: There is no such job, or it does not say how it was drawn.
        DataError: A file cannot be read.
    """
    if files and not is_reference(order.picture):
        return [told_by(order.picture)]
    return requests_of(repeated(store, order.picture))


def check_region(region: Sequence[int], size: tuple[int, int]) -> None:
    """Check that a rectangle lies within a picture.

    Args:
        region: x, y, width, height in pixels.
        size: Height and width of the picture.

    Raises:
        RequestError: It does not, or is empty.
    """
    x, y, width, height = region
    if not (width and height) or x + width > size[1] or y + height > size[0]:
        raise RequestError(
            f"region {x},{y},{width},{height} is not within the picture; expected x + width up to "
            f"{size[1]} and y + height up to {size[0]}, neither side 0"
        )


def _check_request(order: Make, request: Request, networks: bool) -> None:
    if order.image_prompt and order.iw > 0:
        if request.image:
            raise RequestError(
                "the request starts from a picture already; expected that or an image prompt"
            )
        # What is drawn starts from the colours of the image prompt, as strongly as its weight says.
        request = request.replaced(image=order.image_prompt, strength=None)
    check_coherent(request)
    understood(request.prompt, usual_steps(request), request.literal, networks)


def _check_starts(order: Make, store: Store, files: bool) -> None:
    """Look up the pictures that a job starts from, each once."""
    seen: dict[tuple[str, str], Seen] = {}

    def size_of(name: str, field: str) -> tuple[int, int]:
        key = (name, field)
        if key not in seen:
            seen[key] = look(store, name, field, files)
        return seen[key].size

    if order.image_prompt:
        size_of(order.image_prompt, "image_prompt")
    for request in order.requests:
        if request.image:
            size = size_of(request.image, "image")
            inner(request)
            if request.mask:
                check_same_size(size_of(request.mask, "mask"), size)
        for guide in request.guides:
            if guide.by_path and not files:
                raise RequestError(
                    f"the model of a guide is {one_line(repr(guide.model), 60)}; expected its "
                    "name: by a path the command line alone finds it"
                )
            size_of(guide.image, "the picture of a guide")


def _check_said(order: Vary, seen: Seen) -> None:
    if order.prompt is None and seen.prompt is None:
        raise RequestError(
            f"{order.picture[:19]} does not say what it shows; expected a prompt, e.g. 'a red fox'"
        )


def _check_ways(order: Edit) -> None:
    ways = [way for way in WAYS if getattr(order, way)]
    if len(ways) != 1:
        got = " and ".join(ways) or "none"
        raise RequestError(f"got {got}; expected one of {', '.join(WAYS)}: what may change")
    if order.region and len(order.region) != 4:
        raise RequestError(
            f"region has {len(order.region)} members; expected x, y, width, height in pixels"
        )


def _check_weights(order: Blend) -> None:
    weights, count = order.weights, len(order.pictures)
    if weights and len(weights) != count:
        raise RequestError(
            f"got {len(weights)} weights for {count} pictures; expected one each, or none"
        )
    if weights and min(weights) <= 0:
        raise RequestError(
            f"a weight is {min(weights):g}; expected all above 0: leave a picture out"
        )
