"""Errors in the shape that OpenAI's clients read, and the exception classes they raise for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from molnar.app.server.uploads import UploadError
from molnar.base.errors import MolnarError, RequestError, one_line

if TYPE_CHECKING:
    from fastapi import Request, Response

INVALID = "invalid_request_error"
#: Status -> type and code; the code may be None.
KINDS: Mapping[int, tuple[str, str | None]] = {
    401: (INVALID, "invalid_api_key"),
    403: ("permission_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
#: Our fields -> what clients call them.
THEIRS = {
    "count": "n", "width": "size", "height": "size", "guidance": "guidance_scale",
    "schedule": "scheduler", "picture": "image",
}  # fmt: skip
SAME = frozenset(
    ("prompt", "negative_prompt", "steps", "seed", "sampler", "mask", "strength", "image", "n")
)


class RefusedError(RequestError):
    """A call that cannot be done as it stands.

    Args:
        message: What was got, what was expected, what to do; one line.
        param: The field that it is about.
        code: OpenAI's word for it.
        status: Of the answer.

    Example:
        >>> RefusedError("n is 11; expected 1 to 10", "n").param
        'n'
    """

    def __init__(
        self, message: str, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


def body(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Write an error down; all four keys are always there.

    Example:
        >>> body(400, "n is 11; expected 1 to 10", "n")["error"]["type"]
        'invalid_request_error'
    """
    kind, usual = KINDS.get(status, (INVALID if status < 500 else "server_error", None))
    return {"error": {"message": message, "type": kind, "param": param, "code": code or usual}}


def about(message: str) -> str | None:
    """Tell which of the client's fields one of our messages is about, by its first word.

    Example:
        >>> about("guidance is 99; expected 1 to 30")
        'guidance_scale'
    """
    first = message.partition(" ")[0].partition("[")[0]
    return THEIRS.get(first, first if first in SAME else None)


def refusal(refused: MolnarError) -> Response:
    """Answer a call that cannot be done."""
    message, status = one_line(refused, 600), 400
    param, code = about(message), None
    if isinstance(refused, RefusedError):
        status, param, code = refused.status, refused.param, refused.code
    elif isinstance(refused, UploadError):
        status, param = refused.status, refused.field
    return JSONResponse(body(status, message, param, code), status)


def final(message: str, status: int) -> Response:
    """Answer for a job that was accepted and did not end well: asking again would not help.

    OpenAI's clients repeat a call that ends in 409 or 5xx, unless they are told not to.
    """
    return JSONResponse(body(status, message), status, {"x-should-retry": "false"})


async def error(request: Request, status: int, message: str, param: str | None = None) -> Response:
    """Answer whatever went wrong outside this dialect's own routes."""
    return JSONResponse(body(status, message, param or about(message)), status)
