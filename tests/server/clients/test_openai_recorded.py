"""Calls as Open WebUI, LibreChat and LiteLLM send them, and what they read of the answer."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

CALLS = json.loads((Path(__file__).parents[1] / "recorded" / "openai_clients.json").read_text())
BASE = "http://127.0.0.1:8000"


def png(clear: bool) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA" if clear else "RGB", (64, 64), (9, 9, 9, 0) if clear else "blue").save(
        out, "PNG"
    )
    return out.getvalue()


@pytest.mark.parametrize("call", CALLS, ids=[call["client"] for call in CALLS])
def test_a_recorded_call_is_answered(told: Any, call: dict[str, Any]) -> None:
    async def test(app: Any, hub: Any, painter: Any) -> Any:
        files = [
            (name, (f"{name}.png", png(name == "mask"), "image/png"))
            for name in call.get("files", ())
        ]
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.post(
                call["path"],
                headers={"authorization": "Bearer sk-none"},
                **({"json": call["json"]} if "json" in call else {}),
                **({"data": call["form"], "files": files} if "form" in call else {}),
            )

    answer = told(test)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    wanted = int((call.get("json") or call["form"]).get("n", 1))
    assert len(found["data"]) == wanted
    for one in found["data"]:
        if call["reads"] == "url":
            assert one["url"].startswith(f"{BASE}/files/")
            assert found["size"] == "{}x{}".format(*call["size"])
        else:
            image = Image.open(io.BytesIO(base64.b64decode(one["b64_json"])))
            # A painted edit has the painter's size; that of a whole picture is the one asked for.
            assert list(image.size) == call["size"]
