"""txt2img and img2img: a call in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from molnar import verbs
from molnar.app.job import Job
from molnar.app.orders import Make
from molnar.app.orders.wording import native_frame
from molnar.app.server.a1111.answers import Finished, answer, finished
from molnar.app.server.a1111.desk import Desk, answered, body_of, desk_of, validating
from molnar.app.server.a1111.fields import Asked, Kind, asked
from molnar.app.server.a1111.frames import Frame, Place, framed
from molnar.app.server.a1111.guides import guides_of, units_of
from molnar.app.server.a1111.wishes import Wanted, wanted
from molnar.app.server.uploads import picture_from_base64
from molnar.app.server.waiting import drawn
from molnar.base.config import from_json
from molnar.base.errors import RequestError
from molnar.base.request import Request as Wish
from molnar.base.rng import batch_seeds
from molnar.base.types import Item, Plan

MOST_IMAGES = 8  # to start from, in one call

router = APIRouter(prefix="/sdapi/v1")


@router.post("/txt2img")
async def txt2img(request: Request) -> Response:
    """Draw pictures of a text."""
    desk = desk_of(request)
    call = await _call(request, "txt2img")
    want = await _wanted(desk, call)
    with desk.task(call["force_task_id"]):
        jobs = await drawn(desk.hub, request, [Make(requests=(want.request,))])
        firsts = [picture for job in jobs for picture in job.pictures]
        if want.second is not None and firsts:
            again = tuple(
                want.second.of(want.request, one.reference, one.number - 1) for one in firsts
            )
            larger = await drawn(desk.hub, request, [Make(requests=again)])
            jobs = larger if any(job.pictures for job in larger) else jobs
        pictures = await _files(desk, jobs, want.suffix)
    return answered(answer(call, want, pictures))


@router.post("/img2img")
async def img2img(request: Request) -> Response:
    """Draw pictures from pictures."""
    desk = desk_of(request)
    call = await _call(request, "img2img")
    want = await _wanted(desk, call)
    frames = await _frames(call, (want.request.width, want.request.height))
    if want.request.guides and any(frame.place for frame in frames):
        raise RequestError(
            "got a ControlNet and inpaint_full_res, for which its picture would have to be cut; "
            "expected inpaint_full_res false"
        )
    requests, places = await _over(desk, call, want, frames)
    with desk.task(call["force_task_id"]):
        jobs = await drawn(desk.hub, request, [Make(requests=tuple(requests))])
        pictures = await _files(desk, jobs, want.suffix, places)
    return answered(answer(call, want, pictures))


async def _wanted(desk: Desk, call: Asked) -> Wanted:
    """Say what a call asks to draw, and keep the pictures that guide it."""
    names = await desk.names()  # of a worker that is ready: it has said what it takes
    networks = bool(desk.hub.about.get("networks"))
    want = wanted(call, names, desk.suffix, networks)
    notes = dict(want.notes)
    units = units_of(call, notes)
    if not units:
        return want
    request = want.request
    guides = await guides_of(desk, units, (request.width, request.height))
    return replace(want, request=request.replaced(guides=guides).validated(), notes=notes)


async def _call(request: Request, kind: Kind) -> Asked:
    body = await body_of(request)
    with validating():
        return asked(body, kind, native_frame(desk_of(request).hub.about))


async def _frames(call: Asked, size: tuple[int, int]) -> list[Frame]:
    """Read what a call starts from, and its mask, and bring them to a width and height."""
    sent = call.get("init_images", [])
    if not sent or sent == [None]:
        raise HTTPException(404, "Init image not found; expected init_images: [base64]")
    if len(sent) > MOST_IMAGES:
        raise RequestError(f"init_images has {len(sent)} pictures; expected at most {MOST_IMAGES}")
    text = call["mask"]
    mask = (await picture_from_base64(text, "mask")).pixels if text else None
    frames = []
    for index, text in enumerate(sent):
        name = f"init_images[{index}]"
        if not isinstance(text, str):
            raise HTTPException(422, f"{name} is no text; expected a picture in base64")
        # One after the other: whole, they may take 64 MB each.
        pixels = (await picture_from_base64(text, name)).pixels
        frames.append(await run_in_threadpool(framed, call, pixels, mask, size))
    return frames


async def _over(
    desk: Desk, call: Asked, want: Wanted, frames: Sequence[Frame]
) -> tuple[list[Wish], list[Place | None]]:
    """Give the requests that draw over frames, and for each picture where it goes back to."""
    bases = [await _request(desk, want.request, frame) for frame in frames]
    if len(frames) == 1:
        return bases, [frames[0].place] * want.request.count
    requests, places = [], []
    seed = want.request.seed or 0
    for index in range(call["n_iter"] * len(frames)):  # A1111 takes as many at once
        frame = index % len(frames)
        own = batch_seeds(seed, index + 1)[index] if not want.request.variations else seed
        requests.append(bases[frame].replaced(seed=own, count=1))
        places.append(frames[frame].place)
    return requests, places


async def _request(desk: Desk, base: Wish, frame: Frame) -> Wish:
    """Give the request that draws over a frame, which is kept with the job."""
    image = await desk.kept(frame.pixels)
    request = base.replaced(image=image, strength=frame.strength)
    if frame.mask is None:
        return request
    plan = await _planned(desk, base, frame)
    mask = await desk.kept(frame.mask)
    return request.replaced(mask=mask, feather=frame.feather, plan=plan)


async def _planned(desk: Desk, base: Wish, frame: Frame) -> Plan:
    """Plan what the prompt says into the mask, as an edit does: it is to be seen there, whole."""
    mask, seed = frame.mask, base.seed or 0
    assert mask is not None
    try:
        found = await desk.hub.ask("plan", prompt=base.prompt, seed=seed)
    except RequestError:  # a model that does not plan draws over the mask as it is
        return ()
    plan = tuple(from_json(Item, one) for one in found["plan"])
    parent = verbs.Parent(pixels=frame.pixels)
    return verbs.edit(parent, mask, prompt=base.prompt, seed=seed, planned=plan).request.plan


async def _files(
    desk: Desk, jobs: Sequence[Job], suffix: str, places: Sequence[Place | None] = ()
) -> list[Finished]:
    """Fetch the pictures of jobs, as they are sent."""
    found: list[Finished] = []
    for job in jobs:
        for picture in job.pictures:
            place: Any = places[picture.number - 1] if picture.number <= len(places) else None
            png = await desk.hub.file(picture.reference)
            record = picture.record
            found.append(await run_in_threadpool(finished, png, record, suffix, place))
    return found
