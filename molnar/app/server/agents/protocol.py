"""The Model Context Protocol: our tools behind the official library's server.

The library speaks every revision there is, with and without a handshake. It is imported here and
nowhere else, and this module only where an agent knocks: it takes a second.

Source: https://modelcontextprotocol.io/specification/2026-07-28 (tools, progress, cancellation).
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from molnar.app.job import Job
from molnar.app.server.agents import results, tools
from molnar.app.server.agents.desk import Desk
from molnar.app.server.agents.results import Answer
from molnar.base.errors import DataError, MolnarError, RequestError, one_line
from molnar.base.version import VERSION

Context = ServerRequestContext[Any, Any]
INSTRUCTIONS = """\
Draws pictures on the user's own machine. generate_image draws from a prompt and names each picture
(k7.2); edit_image changes a part of one. Short, plain descriptions work best: things, how many,
colours, where they are, a style. Words that the model was not taught are listed in the answer."""
_NAMED = re.compile(r"/(?:files/([a-z]\d+\.\w+)|([a-z]\d+)/(\d+))\.png", re.ASCII)


def server_of(desk_of: Callable[[Context], Desk]) -> Server[Any]:
    """Return a server whose tools draw at the desk that a request is for."""

    async def list_tools(
        context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[described(name) for name in tools.TOOLS])

    async def call_tool(
        context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name not in tools.TOOLS:
            raise MCPError(
                types.INVALID_PARAMS,
                f"no tool {one_line(params.name, 60)!r}; expected {', '.join(tools.TOOLS)}",
            )
        try:
            answer = await called(
                desk_of(context), context, params.name, dict(params.arguments or {})
            )
        except MolnarError as error:
            text = types.TextContent(text=one_line(error, 600))
            return types.CallToolResult(content=[text], is_error=True)
        return written(answer)

    async def read_resource(
        context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        desk = desk_of(context)
        try:
            data = await _file(desk, params.uri)
        except MolnarError as error:
            raise MCPError(types.INVALID_PARAMS, one_line(error)) from None
        content = types.BlobResourceContents(
            uri=params.uri, mime_type="image/png", blob=base64.b64encode(data).decode("ascii")
        )
        return types.ReadResourceResult(contents=[content])

    return Server(
        "molnar",
        version=VERSION,
        title="molnar",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_read_resource=read_resource,
    )


async def called(desk: Desk, context: Context, name: str, arguments: Mapping[str, Any]) -> Answer:
    """Do what a tool is called for.

    Raises:
        MolnarError: It cannot be done.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    tools.known(name, given)
    if name == tools.MODELS:
        return results.of_models(await desk.models())
    if name == tools.JOB:
        job = await _job(desk, given["job"])
        return await asyncio.to_thread(results.of_job, job, desk)
    orders = await (tools.generated if name == tools.GENERATE else tools.edited)(desk, given)
    furthest = 0.0

    async def tell(share: float, what: str) -> None:
        nonlocal furthest
        if share > furthest:  # the protocol wants it to grow
            furthest = share
            await context.session.report_progress(share, 1.0, what)

    jobs = await desk.draw(orders, tell)
    for job in jobs:
        if job.state != "done":
            why = job.error or "it was stopped before it was done"
            raise RequestError(f"{job.id} is {job.state}: {why}")
    return await asyncio.to_thread(results.of_jobs, jobs, desk)


async def _job(desk: Desk, text: Any) -> Job:
    if not isinstance(text, str):
        raise RequestError(f"job is {one_line(repr(text), 60)}; expected an id such as 'k7'")
    return await desk.look(lambda store: store.job(text))


async def _file(desk: Desk, uri: str) -> bytes:
    """Read a picture by the place that an answer named."""
    found = _NAMED.search(uri)
    unknown = RequestError(f"no picture {one_line(uri, 120)!r}; expected a uri of an answer")
    if found is None:
        raise unknown
    picture = await desk.look(lambda store: store.picture(found[1] or f"{found[2]}.{found[3]}"))
    if desk.place(picture) != uri:
        raise unknown
    try:
        return await asyncio.to_thread(picture.path.read_bytes)
    except OSError:
        raise DataError(f"the file of {picture.reference} is gone") from None


def described(name: str) -> types.Tool:
    """Describe a tool as the protocol has it."""
    title, about, wanted, given, reads = tools.TOOLS[name]
    return types.Tool(
        name=name,
        title=title,
        description=about,
        input_schema=wanted,
        output_schema=given,
        annotations=types.ToolAnnotations(
            read_only_hint=reads, destructive_hint=False, open_world_hint=False
        ),
    )


def written(answer: Answer) -> types.CallToolResult:
    """Write an answer as the protocol has it."""
    content: list[types.ContentBlock] = [types.TextContent(text=answer.text)]
    for one in answer.pictures:
        if one.small is not None:
            data = base64.b64encode(one.small).decode("ascii")
            content.append(types.ImageContent(data=data, mime_type="image/webp"))
        content.append(
            types.ResourceLink(
                uri=one.uri,
                name=one.name,
                description=one.about,
                mime_type="image/png",
                size=one.length,
            )
        )
    return types.CallToolResult(content=content, structured_content=dict(answer.structured))
