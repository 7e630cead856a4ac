"""An MCP server over Streamable HTTP (revision 2025-11-25). Run `uvicorn mcp_server:app`."""

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal

from mcp_session import Fault, Notify, Outgoing, RequestId, Sessions
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, ValidationError, field
from msgspec.json import decode, schema_components

from jero import (
    BadRequest,
    BaseApp,
    Endpoint,
    EventStreamResponse,
    Forbidden,
    JSONResponse,
    NoContent,
    NotFound,
    SSEResponse,
)

ORIGINS: Final = ("http://127.0.0.1:8000", "http://localhost:8000")  # of the pages that may use the server
INITIALIZED: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "coffee", "version": "1.0"},
}


class MCPHeaders(Struct, frozen=True):
    """The headers of every request. They are read before the body, so a page of another origin gets no further."""

    origin: str | None = None
    mcp_session_id: str | None = None
    mcp_protocol_version: Literal["2025-11-25"] = "2025-11-25"

    def __post_init__(self) -> None:
        if self.origin not in (None, *ORIGINS):
            raise Forbidden("Pages of this origin may not use the server.")


class FeedHeaders(MCPHeaders, frozen=True):
    last_event_id: str | None = None


class SessionHeaders(Struct):
    mcp_session_id: str


class Incoming(Struct):
    """A request of JSON-RPC 2.0; without an id, a notification."""

    jsonrpc: Literal["2.0"]
    method: str
    id: RequestId | UnsetType = UNSET
    params: Raw = field(default_factory=lambda: Raw(b"{}"))


class Brew(Struct):
    """Brews coffee, one cup after the other."""

    cups: Annotated[int, Meta(ge=1, le=100)]


class CallMeta(Struct, frozen=True):
    token: RequestId | None = field(name="progressToken", default=None)


class Call(Struct):
    name: Literal["brew"]
    arguments: Brew
    meta: CallMeta = field(name="_meta", default=CallMeta())


class Cancelled(Struct, rename="camel"):
    request_id: RequestId


class Received(NoContent, frozen=True, kw_only=True):
    status_code: int = 202


class Machine:
    has_beans = True

    def tools(self) -> list[dict[str, Any]]:
        schema = schema_components([Brew])[1]["Brew"]
        return [{"name": "brew", "description": Brew.__doc__, "inputSchema": schema}] if self.has_beans else []

    async def brew(self, call: Call, notify: Notify) -> dict[str, Any]:
        for cup in range(1, call.arguments.cups + 1):
            await asyncio.sleep(0.1)
            if call.meta.token is not None:
                progress = {"progressToken": call.meta.token, "progress": cup, "total": call.arguments.cups}
                await notify("notifications/progress", progress)
        return {"content": [{"type": "text", "text": f"{call.arguments.cups} cups of coffee"}]}


class MCPEndpoint(Endpoint, path="/mcp"):
    errors: ClassVar = [BadRequest, Forbidden, NotFound]

    def __init__(self, sessions: Sessions, machine: Machine) -> None:
        self._sessions = sessions
        self._machine = machine

    async def post(
        self, headers: MCPHeaders, json: Incoming
    ) -> JSONResponse[Outgoing, SessionHeaders] | EventStreamResponse[Outgoing] | Received:
        """Takes a message. Answers a request by JSON or by a stream."""
        if json.method == "initialize" and json.id is not UNSET:
            session = await self._sessions.begin()
            return JSONResponse(Outgoing(id=json.id, result=INITIALIZED), headers=SessionHeaders(session.id))
        session = self._sessions.find(headers.mcp_session_id)
        try:
            if json.id is UNSET:
                if json.method == "notifications/cancelled":
                    session.cancel(decode(json.params, type=Cancelled).request_id)
                return Received()  # notifications that it does not know, too
            if json.method == "tools/call":
                tool = partial(self._machine.brew, decode(json.params, type=Call))
                return EventStreamResponse(stream=session.call(json.id, tool))
        except ValidationError as error:
            if json.id is UNSET:
                raise BadRequest(str(error)) from None
            return JSONResponse(Outgoing(id=json.id, error=Fault(-32602, str(error))))
        return JSONResponse(self._answer(json.id, json.method))

    async def get(self, headers: FeedHeaders) -> SSEResponse[Outgoing]:
        """Sends the feed, or the rest of a broken stream."""
        session = self._sessions.find(headers.mcp_session_id)
        return SSEResponse(stream=session.resume(headers.last_event_id))

    async def delete(self, headers: MCPHeaders) -> NoContent:
        """Ends the session."""
        session = self._sessions.find(headers.mcp_session_id)
        await self._sessions.end(session.id)
        return NoContent()

    def _answer(self, request_id: RequestId, method: str) -> Outgoing:
        match method:
            case "tools/list":
                return Outgoing(id=request_id, result={"tools": self._machine.tools()})
            case "ping":
                return Outgoing(id=request_id, result={})
            case _:
                return Outgoing(id=request_id, error=Fault(-32601, "The method is unknown."))


class Beans(Struct):
    are_left: bool


class BeansEndpoint(Endpoint, path="/beans"):
    """Changes the list of tools, of which the feeds then notify their clients. MCP does not know it."""

    def __init__(self, sessions: Sessions, machine: Machine) -> None:
        self._sessions = sessions
        self._machine = machine

    async def put(self, json: Beans) -> NoContent:
        """Fills or empties the machine."""
        self._machine.has_beans = json.are_left
        await self._sessions.notify_all("notifications/tools/list_changed")
        return NoContent()


class App(BaseApp):
    async def _wire(self) -> None:
        sessions = await self._aenter(aclosing(Sessions()))
        machine = Machine()
        self._include_endpoint(MCPEndpoint(sessions, machine))
        self._include_endpoint(BeansEndpoint(sessions, machine))
        self._include_openapi(title="Coffee", version="1.0")


app = App()
