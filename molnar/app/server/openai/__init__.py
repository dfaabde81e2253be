"""The dialect of OpenAI's Images API, under /v1: what their clients send and read, unchanged.

`reading.py` takes a call's body apart, `asking.py` its fields and `inputs.py` its pictures;
`orders.py` says them in our words, `answers.py` and `streaming.py` what came of it in theirs.
"""

from molnar.app.server.openai.errors import error
from molnar.app.server.openai.routes import router

__all__ = ["error", "router"]
