"""Stripe's API: list endpoints, single objects and events, in one pinned version."""

from __future__ import annotations

import re
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partner_warehouse.sandbox.calendar import epoch
from partner_warehouse.sandbox.company import Snapshot
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
from partner_warehouse.sandbox.stripe_records import API_VERSION, LongInvoices
from partner_warehouse.sandbox.timeline import Record
from partner_warehouse.sandbox.vocabulary import STRIPE_OBJECTS

EMBEDDED = 10
"""How many lines of an invoice are shown in it; the others are on pages of their own."""

KEPT_EVENTS = timedelta(days=30)
"""How long Stripe keeps events."""

PATHS = {f"{name}s": name for name in STRIPE_OBJECTS} | {"events": "event"}
CREATED = re.compile(r"^created(?:\[(gte|gt|lte|lt)\])?$")
EQUALITY = ("customer", "invoice", "charge", "payment_intent", "status", "product", "subscription", "source")
"""Parameters that filter a list by a field of the object."""


class _Listing:
    """The objects of one kind at one instant, newest first."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records[::-1]
        self.places = {record["id"]: place for place, record in enumerate(self.records)}


class StripeServer:
    """The account."""

    def __init__(self, clock: Clock, plan: FaultPlan) -> None:
        self._clock = clock
        self._plan = plan
        self._snapshot: Snapshot | None = None
        self._listings: dict[str, _Listing] = {}
        self._long = LongInvoices(clock.snapshot.company.world, clock.snapshot.company.seed)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/v1/{path}", self._guarded(self._list)),
                Route("/v1/{path}/{key}", self._guarded(self._single)),
                Route("/v1/invoices/{key}/lines", self._guarded(self._lines)),
                *steering_routes(self._clock, self._plan),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if password_of(request) != SECRET:
                return _error(401, "invalid_request_error", None, "Invalid API Key provided: ********")
            version = request.headers.get("stripe-version", API_VERSION)
            if version != API_VERSION:
                message = f"Invalid Stripe API version: {version}"
                return _error(400, "invalid_request_error", "invalid_api_version", message)
            fault = self._plan.next(await identity_of(request))
            response = _failure(fault) if fault else await handler(request)
            response.headers["Stripe-Version"] = API_VERSION
            response.headers["Request-Id"] = f"req_Sandbox{self._plan.requests:08d}"
            return response

        return guarded

    def _listing(self, kind: str) -> _Listing:
        snapshot = self._clock.snapshot
        if snapshot is not self._snapshot:
            self._snapshot, self._listings = snapshot, {}
        if kind not in self._listings:
            if kind == "event":
                oldest = epoch(snapshot.now - KEPT_EVENTS) or 0
                records = [event for event in snapshot.stripe_events if event["created"] >= oldest]
            else:
                records = snapshot.stripe(kind)
            self._listings[kind] = _Listing([self._shown(kind, record) for record in records])
        return self._listings[kind]

    def _shown(self, kind: str, record: Record) -> Record:
        """A record as the API shows it: of a long invoice the first lines, also where an event holds it."""
        if kind == "event":
            held = self._shown(record["data"]["object"].get("object"), record["data"]["object"])
            return record if held is record["data"]["object"] else record | {"data": {"object": held}}
        if kind != "invoice" or record["id"] not in self._long:
            return record
        lines = self._long.lines(record)
        shown = {"data": lines[:EMBEDDED], "has_more": len(lines) > EMBEDDED, "total_count": len(lines)}
        return record | {"lines": record["lines"] | shown}

    async def _list(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path not in PATHS:
            message = f"Unrecognized request URL (GET: /v1/{path})."
            return _error(404, "invalid_request_error", None, message)
        return self._page(request, f"/v1/{path}", PATHS[path], self._listing(PATHS[path]))

    def _page(self, request: Request, url: str, kind: str, listing: _Listing) -> Response:
        """One page of a list, by the parameters of the request."""
        query = request.query_params
        limit_text = query.get("limit", "10")
        if not limit_text.isdigit() or not 1 <= int(limit_text) <= 100:
            return _error(400, "invalid_request_error", "parameter_invalid_integer", f"Invalid integer: {limit_text}")
        limit = int(limit_text)
        try:
            low, high = _created(request)
        except ValueError as error:
            return _error(400, "invalid_request_error", "parameter_invalid_integer", str(error))
        equal: dict[str, object] = {name: query[name] for name in EQUALITY if name in query}
        if equal.get("status") == "all":
            del equal["status"]
        if "active" in query:
            equal["active"] = query["active"] == "true"
        types = set(query.getlist("types[]")) | set(query.getlist("types")) | set(query.getlist("type"))
        for name in ("starting_after", "ending_before"):
            if name in query and query[name] not in listing.places:
                message = f"No such {kind}: '{query[name]}'"
                return _error(400, "invalid_request_error", "resource_missing", message)
        first, last = 0, len(listing.records)
        if "starting_after" in query:
            first = listing.places[query["starting_after"]] + 1
        if "ending_before" in query:
            last = listing.places[query["ending_before"]]

        def passes(record: Record) -> bool:
            return (
                low <= record.get("created", low) < high
                and all(record.get(name) == value for name, value in equal.items())
                and (not types or any(_matches(record.get("type"), wanted) for wanted in types))
            )

        backwards = "ending_before" in query
        places = range(last - 1, first - 1, -1) if backwards else range(first, last)
        found: list[Record] = []
        more = False
        for place in places:
            if passes(listing.records[place]):
                if len(found) == limit:
                    more = True
                    break
                found.append(listing.records[place])
        if backwards:
            found.reverse()
        return Json({"object": "list", "data": found, "has_more": more, "url": url})

    async def _single(self, request: Request) -> Response:
        path, key = request.path_params["path"], request.path_params["key"]
        kind = PATHS.get(path)
        if kind is None:
            return _error(404, "invalid_request_error", None, f"Unrecognized request URL (GET: /v1/{path}/{key}).")
        listing = self._listing(kind)
        if key in listing.places:
            return Json(listing.records[listing.places[key]])
        deleted = kind == "customer" and any(
            event["type"] == "customer.deleted" and event["data"]["object"]["id"] == key
            for event in self._clock.snapshot.stripe_events
        )
        if deleted:
            return Json({"id": key, "object": "customer", "deleted": True})
        return _error(404, "invalid_request_error", "resource_missing", f"No such {kind}: '{key}'")

    async def _lines(self, request: Request) -> Response:
        listing = self._listing("invoice")
        key = request.path_params["key"]
        if key not in listing.places:
            return _error(404, "invalid_request_error", "resource_missing", f"No such invoice: '{key}'")
        shown = listing.records[listing.places[key]]["lines"]
        lines = shown["data"]
        if shown["has_more"]:
            invoices = self._clock.snapshot.stripe("invoice")
            lines = self._long.lines(next(invoice for invoice in invoices if invoice["id"] == key))
        return self._page(request, shown["url"], "line_item", _Listing(lines[::-1]))


def _created(request: Request) -> tuple[float, float]:
    """The half-open range of `created`, from its five possible parameters.

    Raises:
        ValueError: A bound is not a whole number of seconds.
    """
    low, high = float("-inf"), float("inf")
    for name, text in request.query_params.items():
        match = CREATED.match(name)
        if match is None:
            continue
        if not text.isdigit():
            raise ValueError(f"Invalid timestamp: {text}")
        value, bound = int(text), match.group(1)
        if bound in (None, "gte", "gt"):
            low = max(low, value + (bound == "gt"))
        if bound in (None, "lte", "lt"):
            high = min(high, value + (bound != "lt"))
    return low, high


def _matches(held: str | None, wanted: str) -> bool:
    """An event's type, or all types below a prefix, as in `invoice.*`."""
    if wanted.endswith("*"):
        return (held or "").startswith(wanted[:-1])
    return held == wanted


def _error(status: int, kind: str, code: str | None, message: str, headers: dict[str, str] | None = None) -> Response:
    error = {"type": kind, "message": message}
    if code:
        error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
    return Json({"error": error}, status_code=status, headers=headers)


def _failure(fault: Fault) -> Response:
    if fault.kind.startswith("429"):
        headers = {"Retry-After": str(fault.retry_after)} if fault.kind == "429" else None
        message = "Request rate limit exceeded."
        return _error(429, "invalid_request_error", "rate_limit", message, headers)
    status = 503 if fault.kind == "503" else 500
    return _error(status, "api_error", None, "An unknown error occurred.")
