"""What a client asks and sets beside its pictures: progress, interrupt, options, lists."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from molnar.app.server.a1111 import catalogue, names, progress
from molnar.app.server.a1111.desk import Desk, answered, body_of, desk_of, validating
from molnar.app.server.a1111.fields import typed
from molnar.app.server.a1111.wishes import SUFFIXES, refuse_other
from molnar.bridge.guide_files import loras_in

router = APIRouter()
API = "/sdapi/v1"


@router.get(f"{API}/progress")
async def get_progress(request: Request, skip_current_image: bool = False) -> Response:
    """Say how far the work is."""
    desk = desk_of(request)
    now = desk.hub.now()
    return answered(progress.progress(now, _interrupted(desk), not skip_current_image))


@router.post(f"{API}/interrupt")
async def interrupt(request: Request) -> Response:
    """Stop what is drawn now."""
    await _stop(request)
    return answered({})


@router.post(f"{API}/skip")
async def skip(request: Request) -> Response:
    """Stop what is drawn now: what waits behind it is other calls' here, and is drawn."""
    await _stop(request)
    return answered(None)


@router.get(f"{API}/options")
async def get_options(request: Request) -> Response:
    """Say what is set."""
    desk = desk_of(request)
    return answered(catalogue.options(await desk.model(), desk.samples_format))


@router.post(f"{API}/options")
async def set_options(request: Request) -> Response:
    """Set the format of pictures; take everything else that a client sends back."""
    desk, body = desk_of(request), await body_of(request)
    if not isinstance(body, dict):
        raise HTTPException(422, "the body is no object; expected options by name")
    if body.get("sd_model_checkpoint"):
        refuse_other(str(body["sd_model_checkpoint"]), await desk.names())
    asked = body.get("samples_format")
    if asked is not None:
        if str(asked).casefold() not in SUFFIXES:
            line = f"samples_format is {str(asked)[:20]!r}; expected one of: {', '.join(SUFFIXES)}"
            raise HTTPException(422, line)
        desk.samples_format = str(asked).casefold()
    return answered(None)


@router.get(f"{API}/sd-models")
async def sd_models(request: Request) -> Response:
    """List the model."""
    desk = desk_of(request)
    path = await desk.hub.ask("path")
    return answered(catalogue.sd_models(await desk.models(), path["path"]))


@router.get(f"{API}/samplers")
async def samplers() -> Response:
    """List samplers."""
    return answered(names.samplers())


@router.get(f"{API}/schedulers")
async def schedulers() -> Response:
    """List schedules."""
    return answered(names.schedulers())


@router.get(f"{API}/upscalers")
async def upscalers() -> Response:
    """List what makes pictures larger."""
    return answered(names.upscalers())


@router.get(f"{API}/latent-upscale-modes")
async def latent_upscale_modes() -> Response:
    """List the ways to a second pass; here they are one."""
    return answered([{"name": name} for name in names.LATENT])


@router.get(f"{API}/prompt-styles")
async def prompt_styles() -> Response:
    """List styles."""
    return answered(catalogue.prompt_styles())


@router.get(f"{API}/scripts")
async def scripts() -> Response:
    """List scripts: none."""
    return answered({"txt2img": [], "img2img": []})


@router.get(f"{API}/embeddings")
async def embeddings() -> Response:
    """List words that were taught later: none."""
    return answered({"loaded": {}, "skipped": {}})


@router.get(f"{API}/cmd-flags")
async def cmd_flags(request: Request) -> Response:
    """Say how the server was started."""
    return answered(catalogue.cmd_flags(request.url.hostname or "", request.url.port))


@router.get(f"{API}/memory")
async def memory() -> Response:
    """Say how much memory there is."""
    return answered(catalogue.memory())


@router.get(f"{API}/system-info/status")
async def system_status(request: Request) -> Response:
    """Say that the server is there."""
    desk = desk_of(request)
    now = desk.hub.now()
    state = progress.state(now, _interrupted(desk))
    return answered(catalogue.status(now, state, await desk.model()))


@router.get("/queue/status")
async def queue_status(request: Request) -> Response:
    """Say that the server is there, as Gradio does."""
    return answered(catalogue.queue_status(desk_of(request).hub.now()))


@router.get("/internal/ping")
async def ping() -> Response:
    """Say that the server is there."""
    return answered({})


@router.get("/internal/pending-tasks")
async def pending_tasks(request: Request) -> Response:
    """List calls that wait, by the names their clients gave them."""
    tasks = desk_of(request).tasks.open()
    return answered({"size": len(tasks), "tasks": tasks})


@router.post("/internal/progress")
async def internal_progress(request: Request) -> Response:
    """Say how far one call is."""
    desk, body = desk_of(request), await body_of(request)
    if not isinstance(body, dict) or not isinstance(body.get("id_task"), str):
        raise HTTPException(422, "id_task is absent; expected the force_task_id of a call")
    with validating():
        seen = typed("id_live_preview", body.get("id_live_preview", -1), int)
        live = typed("live_preview", body.get("live_preview", True), bool)
    known = desk.tasks.state(body["id_task"])
    return answered(progress.task_progress(desk.hub.now(), known, seen, live))


@router.get(f"{API}/loras")
async def loras(request: Request) -> Response:
    """List the LoRAs that a prompt may name."""
    folders = await desk_of(request).adapters()
    return answered(catalogue.loras(await run_in_threadpool(loras_in, folders)))


def _nothing(path: str, value: Any, method: str) -> None:
    """Add a call that has nothing to do: a list of what there is none of, or a refresh."""

    async def same() -> Response:
        return answered(value)

    router.add_api_route(f"{API}/{path}", same, methods=[method], name=path)


for _path in catalogue.EMPTY:
    _nothing(_path, [], "GET")
for _path in (
    "refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings",
    "unload-checkpoint", "reload-checkpoint",
):  # fmt: skip
    _nothing(_path, {}, "POST")


async def _stop(request: Request) -> None:
    desk = desk_of(request)
    now = desk.hub.now()
    if now.running:
        desk.interrupted = now.job_id
    await desk.hub.interrupt()


def _interrupted(desk: Desk) -> bool:
    job = desk.hub.now().job_id
    return job is not None and job == desk.interrupted
