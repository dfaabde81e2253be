"""The dialect of A1111's web UI, under /sdapi/v1: what its clients send and read, unchanged.

`fields.py` reads a call, `names.py` its samplers, `wishes.py` turns it into a request of ours and
`frames.py` its pictures into what is drawn over; `guides.py` reads what guides; `answers.py` writes
what came of it. `drawing.py`, `extras.py`, `control.py` and `guides.py` have the routes.
"""

from fastapi import APIRouter

from molnar.app.server.a1111 import control, drawing, extras, guides
from molnar.app.server.a1111.errors import error

router = APIRouter(include_in_schema=False)
for _part in (drawing, extras, control, guides):
    router.include_router(_part.router)

__all__ = ["error", "router"]
