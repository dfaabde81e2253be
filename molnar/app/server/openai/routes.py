"""/v1/images and /v1/models: each route reads its call, orders, waits and answers."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute

from molnar.app.job import Job, StoredPicture
from molnar.app.orders import Order
from molnar.app.orders.wording import native_frame
from molnar.app.server.farewells import cancel_later
from molnar.app.server.openai import answers, orders, streaming
from molnar.app.server.openai.asking import Ask, ask_of
from molnar.app.server.openai.errors import RefusedError, final, refusal
from molnar.app.server.openai.inputs import Kept, clear_somewhere, keep, masked, one
from molnar.app.server.openai.reading import Call, form_of, json_of
from molnar.base.errors import DataError, MolnarError, RequestError, one_line
from molnar.base.rng import NUM_SEEDS

if TYPE_CHECKING:
    from molnar.app.server.hub import Hub

ALIASES = ("dall-e-2", "dall-e-3")  # and everything that begins with one of the next two
FAMILIES = ("gpt-image", "chatgpt-image")
STENCIL = "dall-e-2"  # its edits take the picture's own transparency as the mask
KEY = "idempotency-key"
EVENT_STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Route(APIRoute):
    """A route whose refusals have OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handler(request)
            except (RequestError, DataError) as error:
                return refusal(error)

        return refusing


router = APIRouter(prefix="/v1", include_in_schema=False, route_class=Route)


@router.post("/images/generations")
async def generations(request: Request) -> Response:
    """Draw a prompt."""
    call = await json_of(request)
    ask = _asked(request, call)
    hub = _hub(request)
    await _known(hub, ask.model)
    wanted = await hub.store(lambda store: orders.made(ask, store, native_frame(hub.about)))
    return await _answered(request, ask, wanted, streaming.GENERATION)


@router.post("/images/edits")
async def edits(request: Request) -> Response:
    """Draw a picture, or the part of it that a mask leaves clear, anew."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    call = await (form_of if is_form else json_of)(request)
    ask = _asked(request, call)
    hub = _hub(request)
    await _known(hub, ask.model)
    sent = one(await call.pictures())
    mask = await call.mask()
    if mask is None and ask.model == STENCIL and clear_somewhere(sent):
        mask = sent
    picture = await keep(hub, sent)
    if mask is not None:
        stencil = masked(sent, picture, mask)
        name = await hub.store(lambda store: store.put_input(stencil))
        wanted = orders.redrawn(ask, picture, f"sha256:{name}")
    else:
        wanted = await hub.store(lambda store: orders.started(ask, picture, store))
    return await _answered(request, ask, wanted, streaming.EDIT)


@router.post("/images/variations")
async def variations(request: Request) -> Response:
    """Draw pictures near another one."""
    call = await form_of(request)
    ask = _asked(request, call, prompted=False)
    hub = _hub(request)
    await _known(hub, ask.model)
    picture = await keep(hub, one(await call.pictures()))
    wanted = orders.varied(ask, picture, await _shown(hub, picture))
    return await _answered(request, ask, wanted, streaming.GENERATION)


@router.get("/models")
async def models(request: Request) -> Response:
    """List the models that draw here."""
    known = await _models(_hub(request))
    return JSONResponse({"object": "list", "data": [answers.model(name) for name in known]})


@router.get("/models/{name:path}")
async def model(name: str, request: Request) -> Response:
    """Look a model up; OpenAI's names are other names of ours."""
    await _known(_hub(request), name)
    return JSONResponse(answers.model(name))


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def _asked(request: Request, call: Call, prompted: bool = True) -> Ask:
    """Read the fields of a call; under the same key it draws the same, so its seed is known."""
    ask = ask_of(call.fields, prompted)
    key = request.headers.get(KEY)
    if key is None or ask.seed is not None:
        return ask
    seed = int(call.digest(key), 16) % NUM_SEEDS
    return dataclasses.replace(ask, more={**ask.more, "seed": seed})


async def _models(hub: Hub) -> list[str]:
    found = (await hub.ask("models"))["models"]
    return [str(one["name"]) for one in found]


async def _known(hub: Hub, name: str | None) -> None:
    """Refuse a model that does not draw here."""
    if name is None or name in ALIASES or name.startswith(FAMILIES):
        return
    known = await _models(hub)
    if name not in known:
        raise RefusedError(
            f"no model {one_line(name, 60)!r} draws here; expected one of: {', '.join(known)}, "
            "or none",
            "model",
            "model_not_found",
            404,
        )


async def _shown(hub: Hub, picture: Kept) -> str | None:
    """Say what a picture shows, where nothing is known of it: from its file, or from its looks."""
    if not picture.picture.startswith("sha256:"):
        return None  # the history knows how it was drawn
    if picture.prompt:
        return picture.prompt
    seen = await hub.ask("describe", picture=picture.picture)
    return str(seen["prompts"][0])


async def _answered(request: Request, ask: Ask, wanted: Sequence[Order], kind: str) -> Response:
    """Have orders drawn, and answer: at the end, or on the way."""
    from molnar.app.server.waiting import drawn

    hub = _hub(request)
    key = request.headers.get(KEY)
    if ask.stream:
        jobs = await hub.submit(wanted, key)
        if await request.is_disconnected():  # the stream would never be begun, nor then ended
            for job in jobs:
                cancel_later(hub, job.id)

        async def finish(job: Job) -> list[dict[str, Any]]:
            usage = await _usage(hub, ask)
            made = [await _made(request, ask, one, "b64_json") for one in job.pictures]
            return [
                {
                    "b64_json": one.b64_json,
                    **answers.shared(ask, [job], one.size),
                    **({"usage": usage} if usage else {}),
                }
                for one in made
            ]

        return StreamingResponse(
            streaming.events(hub, ask, jobs, kind, finish),
            media_type="text/event-stream",
            headers=EVENT_STREAM,
        )
    jobs = await drawn(hub, request, wanted, key)
    pictures = [picture for job in jobs for picture in job.pictures]
    if not pictures or any(job.state != "done" for job in jobs):
        return final("the job was cancelled before it was done; ask again", 409)
    made = [await _made(request, ask, picture, ask.answer) for picture in pictures]
    usage = await _usage(hub, ask)
    return JSONResponse(answers.answer(ask, jobs, made, usage, int(time.time())))


async def _made(request: Request, ask: Ask, picture: StoredPicture, how: str) -> answers.Made:
    """Turn a picture of the history into what goes out: its bytes, or where they are."""
    if how == "url":
        host = request.headers.get("host", request.url.netloc)
        url = f"{request.url.scheme}://{host}/files/{picture.reference}{ask.suffix}"
        return answers.Made(picture=picture, size=(picture.width, picture.height), url=url)
    from molnar.app.server.openai.files import encoded

    png = await _hub(request).file(picture.reference)
    opaque = ask.background == "opaque"
    data, size = await asyncio.to_thread(
        encoded, png, ask.size, ask.suffix, ask.compression, opaque
    )
    return answers.Made(picture=picture, size=size, b64_json=streaming.b64(data))


async def _usage(hub: Hub, ask: Ask) -> Mapping[str, Any] | None:
    """Count the tokens of a prompt; nothing where the model does not answer."""
    with suppress(MolnarError):
        return answers.usage_of(int((await hub.ask("read", prompt=ask.prompt))["tokens"]))
    return None
