"""v1 and v2 on the network: an ASGI application that logs each request, lets faults strike, and answers.

What belongs here: connections, waiting, dropping. What does not: what an answer says; see `v1` and `v2`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from . import v1, v2
from .core import Standin
from .exchange import HTML, JSON, Answer, Call
from .faults import Fault
from .requestlog import RequestEntry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POST_LEAD: Final = "PostLeadManagement4_0"
_TICK_SECONDS: Final = 0.02
_PAGE = b"<!DOCTYPE html><html><body><h1>%s</h1><p>The web server could not be reached.</p></body></html>"


class Connection:
    """The client's connection during one exchange."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def gone(self) -> None:
        """Returns when the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def pause(self, seconds: float) -> bool:
        """Waits so long, or until the client is gone. Gives whether it is gone."""
        if seconds <= 0:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone(), seconds)
            return True
        return False

    async def drop(self) -> None:
        """Closes the connection without another byte."""
        self._transport().abort()
        await self.gone()

    async def answer(self, answer: Answer) -> None:
        """Sends an answer; a body of chunks goes out chunk by chunk, and others are served in between."""
        body = answer.body
        headers = {"content-type": answer.content_type, **answer.headers}
        if isinstance(body, bytes):
            headers["content-length"] = str(len(body))
        await self._start(answer.status, headers)
        chunks: Iterable[bytes] = [body] if isinstance(body, bytes) else body
        for chunk in chunks:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)
        await self._send({"type": "http.response.body", "body": b""})

    async def truncate(self, answer: Answer) -> None:
        """Promises the whole body, sends half of it, and closes the connection."""
        whole = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        headers = {"content-type": answer.content_type, **answer.headers, "content-length": str(len(whole))}
        await self._start(answer.status, headers)
        await self._send({"type": "http.response.body", "body": whole[: len(whole) // 2], "more_body": True})
        self._transport().close()
        await self.gone()

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    def _transport(self) -> asyncio.Transport:
        # ASGI has no message for dropping a connection; uvicorn's request cycle, whose method `send` is,
        # holds the transport.
        transport: asyncio.Transport = self._send.__self__.transport  # type: ignore[attr-defined]
        return transport


class Wire:
    """The ASGI application for everything outside /_standin/."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await _read_call(scope, receive)
        if call is None:
            return
        self._standin.sweep()
        entry = self._begin(call)
        try:
            await self._exchange(call, entry, Connection(receive, send))
        finally:
            self._standin.log.end(entry)

    def _begin(self, call: Call) -> RequestEntry:
        log = self._standin.log
        if call.is_v1:
            request = v1.V1Call.of(call)
            account, property_id = request.get("AccountID"), request.get("PropertyID")
            named = {**call.query, **call.form()}
            return log.begin("v1", call.method, call.path, request.method, account, property_id, named)
        parameters = {**call.query, **call.json_object()}
        account = call.headers.get("resman-account-id")
        property_id = parameters.get("propertyId")
        return log.begin("v2", call.method, call.path, v2.endpoint_of(call), account, property_id, parameters)

    async def _exchange(self, call: Call, entry: RequestEntry, connection: Connection) -> None:
        standin = self._standin
        store = standin.store
        seconds, fault = standin.plan.draw(entry.endpoint, entry.account_id, entry.property_id)
        entry.fault = fault.kind if fault is not None else "latency" if seconds else None
        started = asyncio.get_running_loop().time()
        seconds += standin.switches.latency_ms / 1000
        if await connection.pause(seconds):
            # A slow server goes on working for a client that has given up; only the client no longer waits.
            standin.log.end(entry)
            await asyncio.sleep(started + seconds - asyncio.get_running_loop().time())
        if standin.store is not store:
            await self._send(_of_a_former_world(), entry, connection)
        elif fault is None:
            late = standin.switches.commit_late_seconds if entry.endpoint == POST_LEAD else 0.0
            answer = await self._process_late(late, call, entry) if late else self._process(call, entry)
            await self._send(answer, entry, connection)
        else:
            await self._strike(fault, call, entry, connection)

    async def _strike(self, fault: Fault, call: Call, entry: RequestEntry, connection: Connection) -> None:
        if (late := fault.parameters.get("commit_after")) is not None:
            self._standin.later(float(late), lambda: self._take_effect(call, entry))
        elif fault.kind in ("drop_after", "truncate") or fault.parameters.get("commit"):
            answer = self._process(call, entry)
            if fault.kind == "truncate":
                entry.status = answer.status
                await connection.truncate(answer)
                return
        if fault.kind == "hang":
            if not await connection.pause(float(fault.parameters.get("seconds", 60.0))):
                await connection.drop()
        elif fault.kind in ("drop_before", "drop_after"):
            await connection.drop()
        else:
            await self._send(_fault_answer(self._standin, fault, call), entry, connection)

    async def _process_late(self, seconds: float, call: Call, entry: RequestEntry) -> Answer:
        """Carries the call out when so much time has passed on the clock, whether or not anybody waits."""
        done: list[Answer] = []
        store = self._standin.store
        self._standin.later(seconds, lambda: done.append(self._process(call, entry)))
        while not done:
            if self._standin.store is not store:
                return _of_a_former_world()
            await asyncio.sleep(_TICK_SECONDS)
            self._standin.catch_up()
        return done[0]

    def _take_effect(self, call: Call, entry: RequestEntry) -> None:
        """For a client that is long gone."""
        self._process(call, entry)

    def _process(self, call: Call, entry: RequestEntry) -> Answer:
        """Carries the call out: from here on it is committed."""
        answer = v1.handle(self._standin, call) if call.is_v1 else v2.handle(self._standin, call)
        entry.outcome = answer.outcome
        return answer

    async def _send(self, answer: Answer, entry: RequestEntry, connection: Connection) -> None:
        entry.status = answer.status
        await connection.answer(answer)


async def _read_call(scope: Scope, receive: Receive) -> Call | None:
    """The request with its whole body; None if the client left before it was sent."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Call(scope["method"], scope["path"], query, headers, bytes(body))


def _of_a_former_world() -> Answer:
    """For a request that came before a reset and was not carried out by then. It takes no effect: the new
    world may know what it names, since one seed gives the same ids each time."""
    return Answer(503, b"", HTML, outcome="Failed")


def _fault_answer(standin: Standin, fault: Fault, call: Call) -> Answer:
    parameters = fault.parameters
    if fault.kind == "status":
        return _status_answer(parameters)
    if fault.kind == "html":
        body = parameters.get("body") or _PAGE.decode() % "Just a moment..."
        return Answer(200, body.encode(), HTML, outcome="Failed")
    if fault.kind == "unauthorized":
        message = parameters.get("message", "The credentials are not permitted to use this endpoint.")
        return v2.refusal_answer(standin, 401, message, parameters.get("code", v2.NOT_ENTITLED))
    description = parameters.get("description", "The request was refused.")
    if call.is_v1:
        return v1.failure(v1.V1Call.of(call), description)
    return v2.refusal_answer(standin, 400, description, None)


def _status_answer(parameters: dict[str, Any]) -> Answer:
    """429 and 502 are JSON unless a body is given, the others an HTML page as an edge would show it."""
    status, body, hint = parameters.get("status", 503), parameters.get("body"), parameters.get("retry_after")
    headers = {str(name): str(value) for name, value in (parameters.get("headers") or {}).items()}
    if hint is not None and status != 502:
        headers.setdefault("Retry-After", str(hint))
    if body is None and status in (429, 502):
        body = {"message": "Too many requests." if status == 429 else "Bad gateway."}
        if status == 502:
            body["retry_after"] = 60 if hint is None else hint
    if body is None:
        return Answer(status, _PAGE % str(status).encode(), HTML, headers, outcome="Failed")
    if not isinstance(body, str):
        return Answer(status, json.dumps(body).encode(), JSON, headers, outcome="Failed")
    kind = HTML if body.lstrip().startswith("<") else JSON if body.lstrip().startswith("{") else "text/plain"
    return Answer(status, body.encode(), kind, headers, outcome="Failed")
