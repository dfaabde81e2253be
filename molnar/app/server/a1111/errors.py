"""What is wrong, as A1111 says it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse, Response

if TYPE_CHECKING:
    from fastapi import Request


async def error(request: Request, status: int, message: str, param: str | None = None) -> Response:
    """Give the answer to a call that cannot be done.

    Args:
        request: The call.
        status: Of the answer.
        message: One line.
        param: The field that is wrong, if it is one.
    """
    try:
        kind = HTTPStatus(status).phrase.replace(" ", "")
    except ValueError:
        kind = "HTTPException"
    body = {
        "error": "HTTPException" if status < HTTPStatus.INTERNAL_SERVER_ERROR else kind,
        "detail": message,
        "body": "",
        "errors": f"{status}: {message}" if param is None else f"{status}: {param}: {message}",
    }
    headers = {"WWW-Authenticate": 'Basic realm="molnar"'} if status == 401 else None
    return JSONResponse(body, status, headers)
