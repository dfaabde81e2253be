"""What a checkpoint cannot do, refused by name before anything is computed."""

from __future__ import annotations

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.bridge.family import UNET, Family
from molnar.text.grammar import Term, Wording, parse

OURS = {
    "transparent": "transparent backgrounds",
    "tile": "edges that meet (tile)",
    "chaos": "chaos",
    "plan": "plans of what is where",
}


def check(request: Request, family: Family) -> None:
    """Refuse what no checkpoint of a family can do.

    Raises:
        RequestError: The family and the feature are named, and what to leave out.
    """
    for name, title in OURS.items():
        if getattr(request, name):
            reason = family.cannot.get(name, f"{family.title} has no {title}")
            raise RequestError(f"{reason}; expected none, leave {name} out")
    if request.best_of > 1:
        raise RequestError(
            f"got best_of {request.best_of}, and {family.title} has nothing to choose by; "
            "expected 1, or count for several pictures"
        )
    why = family.refusal(task_of(request, family))
    if why:
        tasks = ", ".join(family.pipelines)
        raise RequestError(f"{why}; expected one of its tasks: {tasks}")
    if request.negative_prompt and not family.negative:
        reason = family.cannot.get("negative_prompt", f"{family.title} reads no negative prompt")
        raise RequestError(f"{reason}; expected none, say what to draw instead")
    for side in ("height", "width"):
        size = getattr(request, side)
        if size % family.multiple:
            near = max(1, round(size / family.multiple)) * family.multiple
            raise RequestError(
                f"{side} is {size}; expected a multiple of {family.multiple} for "
                f"{family.title}: {near} is near"
            )


def task_of(request: Request, family: Family) -> str:
    """Name what a request is among a family's tasks; what starts from a picture may enlarge it."""
    if request.mask or any(request.outpaint):
        return "inpaint"
    if not request.image:
        return "text"
    return "image" if "upscale" not in family.pipelines else "upscale"


def weighs(family: Family) -> bool:
    """Tell whether `weighing.py` can read a family's prompts: Stable Diffusion's, by CLIP alone."""
    return family.prompts == "clip" and family.design == UNET


def read(text: str, request: Request, family: Family, what: str = "prompt") -> Term:
    """Read a prompt of one text, as long as it lasts: what every checkpoint is told.

    Raises:
        RequestError: It asks for several texts at once or in turn, or for weights where the family
            has none.
    """
    wording: Wording = parse(text, steps=request.steps or 1, literal=request.literal)
    if len(wording.distinct) > 1:
        raise RequestError(
            f"{what} changes while it is drawn ([from:to:when]), and {family.title} takes one "
            "text; expected no such brackets"
        )
    if len(wording.distinct[0]) > 1:
        raise RequestError(
            f"{what} joins several texts (AND or ::), and {family.title} takes one; "
            "expected one text, join them with a comma"
        )
    (term,) = wording.distinct[0]
    weighed = not wording.simple
    if weighed and not weighs(family):
        raise RequestError(
            f"{what} has weights or BREAK, and {family.title} reads plain sentences; "
            "expected no such brackets, or literal"
        )
    return term
