"""The event collector: a list of hourly files, and the files."""

from __future__ import annotations

import gzip
from bisect import bisect_right
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.common import (
    SECRET,
    Clock,
    Fault,
    FaultPlan,
    Handler,
    Json,
    identity_of,
    password_of,
    steering_routes,
)

PAGE = 1000
"""Files of a page at most."""


class EventsServer:
    """The collector. A file appears when its hour is over, and never changes."""

    def __init__(self, company: Company, clock: Clock, plan: FaultPlan, shape: str = "segment") -> None:
        self._shape = shape
        self._events = company.events
        self._clock = clock
        self._plan = plan
        self._snowplow_files: dict[str, bytes] = {}

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/v1/files", self._guarded(self._list)),
                Route("/v1/files/{name:path}", self._guarded(self._file)),
                *steering_routes(self._clock, self._plan),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if password_of(request) != SECRET:
                return Json({"error": {"code": "unauthorized", "message": "unknown token"}}, status_code=401)
            if fault := self._plan.next(await identity_of(request)):
                return _failure(fault)
            return await handler(request)

        return guarded

    async def _list(self, request: Request) -> Response:
        limit = request.query_params.get("limit", str(PAGE))
        if not limit.isdigit() or not 1 <= int(limit) <= PAGE:
            message = f"limit must be between 1 and {PAGE}"
            return Json({"error": {"code": "bad_request", "message": message}}, status_code=400)
        names = self._clock.snapshot.event_files
        first = bisect_right(names, request.query_params.get("after", ""))
        files = [self._describe(name) for name in names[first : first + int(limit)]]
        return Json({"files": files, "has_more": first + int(limit) < len(names)})

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        names = self._clock.snapshot.event_files
        place = bisect_right(names, name) - 1
        if place < 0 or names[place] != name:
            return Json({"error": {"code": "not_found", "message": "no such file"}}, status_code=404)
        headers = {"ETag": f'"{self._events.describe(name).etag}"'}
        return Response(self._content(name), media_type="application/gzip", headers=headers)

    def _describe(self, name: str) -> dict[str, Any]:
        described = self._events.describe(name)
        size = len(self._content(name)) if self._shape == "snowplow" else described.size
        return {"name": name, "bytes": size, "etag": described.etag}

    def _content(self, name: str) -> bytes:
        if self._shape != "snowplow":
            return self._events.content(name)
        if name not in self._snowplow_files:
            self._snowplow_files[name] = _snowplow_file(self._events.content(name))
        return self._snowplow_files[name]


def _snowplow_file(content: bytes) -> bytes:
    lines = [_snowplow_line(line) for line in gzip.decompress(content).splitlines()]
    return gzip.compress(b"\n".join(lines) + b"\n", compresslevel=1, mtime=0)


def _snowplow_line(line: bytes) -> bytes:
    try:
        return orjson.dumps(_snowplow(orjson.loads(line)))
    except orjson.JSONDecodeError:
        # Broken on purpose, and so in every shape.
        return line


def _snowplow(event: dict[str, Any]) -> dict[str, Any]:
    """An event as a Snowplow tracker would have sent it, enriched."""
    properties = event.get("properties") or {}
    told: dict[str, Any] = {
        "app_id": "www",
        "platform": "web",
        "event": {"page": "page_view", "track": "struct"}.get(event["type"], "unstruct"),
        "event_name": {"page": "page_view", "track": "event"}.get(event["type"], "identify"),
        "se_action": event.get("event"),
        "domain_userid": event.get("anonymousId"),
        "user_id": event.get("userId"),
        "page_url": properties.get("url"),
        "mkt_medium": properties.get("channel"),
        "derived_tstamp": event["timestamp"],
        "collector_tstamp": event["receivedAt"],
    }
    if "messageId" in event:
        told["event_id"] = event["messageId"]
    if "partner_id" in properties:
        told["unstruct_event_partner_1"] = {"partner_id": properties["partner_id"]}
    return told


def _failure(fault: Fault) -> Response:
    if fault.kind.startswith("429"):
        headers = {"Retry-After": str(fault.retry_after)} if fault.kind == "429" else None
        return Json({"error": {"code": "too_many_requests", "message": "slow down"}}, status_code=429, headers=headers)
    status = 503 if fault.kind == "503" else 500
    return Json({"error": {"code": "internal", "message": "try again"}}, status_code=status)
