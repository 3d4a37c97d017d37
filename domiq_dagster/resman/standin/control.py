"""The controls under /_standin/: look at everything, edit as staff would, set faults and switches, reset.

They take no credentials: the server listens on 127.0.0.1 only.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import staff
from .core import Standin
from .faults import FaultPlan
from .records import Prospect, encode
from .store import Oddity
from .world import prospect_from


class UnknownRecord(LookupError):
    """No such prospect."""


class Control:
    """The handlers. A bad request is 400 and an unknown prospect 404, each with an `error` text."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    def application(self) -> Starlette:
        def route(path: str, handler: Callable[[Request], Awaitable[Response]], method: str) -> Route:
            return Route(f"/_standin/{path}", _guarded(handler), methods=[method])

        return Starlette(
            routes=[
                route("state", self.state, "GET"),
                route("faults", self.faults, "POST"),
                route("reset", self.reset, "POST"),
                route("clock", self.clock, "POST"),
                route("prospects", self.create, "POST"),
                route("prospects/{prospect_id}", self.read, "GET"),
                route("prospects/{prospect_id}", self.edit, "POST"),
                route("prospects/{prospect_id}", self.delete, "DELETE"),
                route("prospects/{prospect_id}/odd", self.odd, "POST"),
                route("beside", self.beside, "POST"),
                route("edits", self.edits, "POST"),
                route("merge", self.merge, "POST"),
            ]
        )

    async def state(self, request: Request) -> Response:
        """GET state?requests=false&since=N"""
        self._standin.sweep()
        wanted = request.query_params.get("requests", "true").lower() != "false"
        since = int(request.query_params.get("since", "0"))
        return StreamingResponse(
            _async(self._standin.state_chunks(wanted, since)), media_type="application/json"
        )

    async def faults(self, request: Request) -> Response:
        """POST faults {"seed", "faults", "switches"}.

        Replaces the faults if they are given, merges the switches.
        """
        data = await _body(request, "seed", "faults", "switches")
        plan = FaultPlan(data.get("seed", 1), data["faults"]) if "faults" in data else None
        self._standin.configure(plan, data.get("switches") or {})
        switches, faults = self._standin.switches.as_json(), self._standin.plan.as_json()
        return JSONResponse({"faults": faults, "switches": switches})

    async def reset(self, request: Request) -> Response:
        """POST reset {"seed", "empty", "prospects", "world"}"""
        data = await _body(request, "seed", "empty", "prospects", "world")
        size = 0 if data.get("empty") else data.get("prospects")
        self._standin.reset(data.get("seed", self._standin.store.seed), size, data.get("world"))
        return JSONResponse({"prospects": len(self._standin.store.prospects)})

    async def clock(self, request: Request) -> Response:
        """POST clock {"advance_seconds"}"""
        data = await _body(request, "advance_seconds")
        self._standin.advance(float(data["advance_seconds"]))
        return JSONResponse({"now": self._standin.clock().isoformat()})

    async def create(self, request: Request) -> Response:
        """POST prospects {"propertyId", "people", "status", ...}: staff make a guest card."""
        store = self._standin.store
        prospect = prospect_from(store, await _body(request))
        if prospect.prospect_id in store.prospects:
            raise ValueError(f"there is already a prospect {prospect.prospect_id}")
        store.add(prospect)
        return JSONResponse(encode(prospect), 201)

    async def read(self, request: Request) -> Response:
        """GET prospects/ID"""
        return JSONResponse(encode(self._prospect(request.path_params["prospect_id"])))

    async def edit(self, request: Request) -> Response:
        """POST prospects/ID: a staff edit."""
        prospect = self._prospect(request.path_params["prospect_id"])
        return JSONResponse(encode(staff.edit(self._standin.store, prospect, await _body(request))))

    async def odd(self, request: Request) -> Response:
        """POST prospects/ID/odd {"values", "instead"}: how v2 shows it from now on; nothing given: as it
        is."""
        prospect = self._prospect(request.path_params["prospect_id"])
        data = await _body(request, "values", "instead")
        instead = (data["instead"],) if "instead" in data else ()
        self._standin.store.odd[prospect.prospect_id] = Oddity(data.get("values") or {}, instead)
        return Response(status_code=204)

    async def beside(self, request: Request) -> Response:
        """POST beside {ENDPOINT: [text, ...]}: what stands in the lists of endpoints beside the records from
        now on, as it is written; endpoints that are not named show none."""
        data = await _body(request)
        if not all(isinstance(text, str) for texts in data.values() for text in texts):
            raise ValueError("each endpoint has a list of texts")
        self._standin.store.beside = {endpoint: list(texts) for endpoint, texts in data.items()}
        return Response(status_code=204)

    async def edits(self, request: Request) -> Response:
        """POST edits {"edits": [{"prospectId", ...}]}: many staff edits.

        An unknown prospect stops all of them; one that makes no sense leaves those before it done.
        """
        edits = (await _body(request, "edits"))["edits"]
        pairs = [(self._prospect(change.get("prospectId")), change) for change in edits]
        for prospect, change in pairs:
            staff.edit(self._standin.store, prospect, change)
        stamps = [{"prospectId": p.prospect_id, "lastModified": encode(p)["lastModified"]} for p, _ in pairs]
        return JSONResponse({"edited": len(pairs), "prospects": stamps})

    async def delete(self, request: Request) -> Response:
        """DELETE prospects/ID"""
        self._standin.store.remove(self._prospect(request.path_params["prospect_id"]))
        return Response(status_code=204)

    async def merge(self, request: Request) -> Response:
        """POST merge {"keep", "drop"}"""
        data = await _body(request, "keep", "drop")
        keep, drop = self._prospect(data.get("keep")), self._prospect(data.get("drop"))
        return JSONResponse(encode(staff.merge(self._standin.store, keep, drop)))

    def _prospect(self, prospect_id: str | None) -> Prospect:
        prospect = self._standin.store.prospects.get(str(prospect_id))
        if prospect is None:
            raise UnknownRecord(f"there is no prospect {prospect_id}")
        return prospect


async def _body(request: Request, *allowed: str) -> Mapping[str, Any]:
    data = json.loads(await request.body() or b"{}")
    if not isinstance(data, dict):
        raise ValueError("the body must be a JSON object")
    unknown = set(data) - set(allowed) if allowed else set()
    if unknown:
        raise ValueError(f"there is no {', '.join(sorted(unknown))} here; there are {', '.join(allowed)}")
    return data


async def _async(chunks: Any) -> Any:
    for chunk in chunks:
        yield chunk


def _guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except UnknownRecord as error:
            return JSONResponse({"error": str(error)}, 404)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    return guarded
