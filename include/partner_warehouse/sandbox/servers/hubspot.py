"""HubSpot's CRM API: v3 objects and search, v4 associations."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partner_warehouse.sandbox.calendar import iso_instant
from partner_warehouse.sandbox.hubspot_records import OWNERS, PIPELINES, modified_property
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
from partner_warehouse.sandbox.timeline import Record
from partner_warehouse.sandbox.vocabulary import HUBSPOT_OBJECTS

LIST_LIMIT, SEARCH_LIMIT, BATCH_LIMIT = 100, 200, 1000
ASSOCIATION_LIMIT = 500
"""Associations of one record in one answer; the rest of them is paged."""

SEARCH_CAP = 10_000
"""Search never goes past this many results."""

CORRELATION = "5a4db0c5-0000-4000-8000-000000005ab0"


class HubSpotServer:
    """The portal."""

    def __init__(self, clock: Clock, plan: FaultPlan, *, repeated_rows: bool) -> None:
        self._clock = clock
        self._plan = plan
        self._repeated_rows = repeated_rows

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/crm/v3/owners", self._guarded(self._owners)),
                Route("/crm/v3/pipelines/{name}", self._guarded(self._pipelines)),
                Route("/crm/v3/objects/{name}", self._guarded(self._list)),
                Route("/crm/v3/objects/{name}/search", self._guarded(self._search), methods=["POST"]),
                Route("/crm/v3/objects/{name}/batch/read", self._guarded(self._batch), methods=["POST"]),
                Route("/crm/v3/objects/{name}/{key}", self._guarded(self._single)),
                Route(
                    "/crm/v4/associations/{from_object}/{to_object}/batch/read",
                    self._guarded(self._associations),
                    methods=["POST"],
                ),
                *steering_routes(self._clock, self._plan),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if password_of(request) != SECRET:
                message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
                return _error(401, "INVALID_AUTHENTICATION", message)
            if fault := self._plan.next(await identity_of(request)):
                return _failure(fault)
            response = await handler(request)
            response.headers.update(
                {
                    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                    "X-HubSpot-RateLimit-Max": "190",
                    "X-HubSpot-RateLimit-Remaining": "189",
                }
            )
            return response

        return guarded

    def _records(self, name: str, *, archived: bool) -> list[Record] | None:
        """Records of an object in the order of their ids, as lists and searches deliver them."""
        if name not in HUBSPOT_OBJECTS:
            return None
        return [record for record in self._clock.snapshot.hubspot(name) if record["archived"] is archived]

    async def _list(self, request: Request) -> Response:
        name = request.path_params["name"]
        archived = request.query_params.get("archived", "false").lower() == "true"
        records = self._records(name, archived=archived)
        if records is None:
            return _unknown(name)
        limit_text = request.query_params.get("limit", "10")
        if not limit_text.isdigit() or not 1 <= int(limit_text) <= LIST_LIMIT:
            return _error(400, "VALIDATION_ERROR", f"Invalid input: limit must be between 1 and {LIST_LIMIT}")
        limit = int(limit_text)
        after = request.query_params.get("after", "0")
        if not after.isdigit():
            return _error(400, "VALIDATION_ERROR", "Invalid input: after is not a valid paging token")
        records = sorted(records, key=lambda record: int(record["id"]))
        # The paging token is the last id that was delivered.
        start = next((place for place, record in enumerate(records) if int(record["id"]) > int(after)), len(records))
        page = records[start : start + limit]
        more = start + limit < len(records)
        results = [_pick(record, name, _properties(request)) for record in page]
        if self._repeated_rows and name == "contacts" and not archived and 0 < start <= limit:
            # Records that were modified between two calls are delivered twice by a list.
            results.insert(0, _pick(records[start - 1], name, _properties(request)))
        body: dict[str, Any] = {"results": results}
        if more:
            body["paging"] = {"next": {"after": page[-1]["id"], "link": _link(request, page[-1]["id"])}}
        return Json(body)

    async def _owners(self, request: Request) -> Response:
        archived = request.query_params.get("archived", "false").lower() == "true"
        after, limit = request.query_params.get("after", "0"), request.query_params.get("limit", "100")
        if not (after.isdigit() and limit.isdigit()):
            return _error(400, "VALIDATION_ERROR", "Invalid input: limit and after are numbers")
        owners = [owner for owner in OWNERS if owner["archived"] is archived]
        start, end = int(after), int(after) + int(limit)
        more = {"paging": {"next": {"after": str(end)}}} if end < len(owners) else {}
        return Json({"results": owners[start:end], **more})

    async def _pipelines(self, request: Request) -> Response:
        name = request.path_params["name"]
        return Json({"results": PIPELINES[name]}) if name in PIPELINES else _unknown(name)

    async def _single(self, request: Request) -> Response:
        name, key = request.path_params["name"], request.path_params["key"]
        for archived in (False, True):
            for record in self._records(name, archived=archived) or []:
                merged = (record["properties"].get("hs_merged_object_ids") or "").split(";")
                # The id of a merged record leads to the record that it lives on in.
                if record["id"] == key or key in merged:
                    return Json(_pick(record, name, _properties(request)))
        return _error(404, "OBJECT_NOT_FOUND", f"Object not found. objectId={key}")

    async def _batch(self, request: Request) -> Response:
        name = request.path_params["name"]
        records = self._records(name, archived=False)
        if records is None:
            return _unknown(name)
        try:
            body = orjson.loads(await request.body())
            keys = [str(one["id"]) for one in body["inputs"]]
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, "VALIDATION_ERROR", f"Invalid input JSON: {error}")
        if not 1 <= len(keys) <= LIST_LIMIT:
            return _error(400, "VALIDATION_ERROR", f"Invalid input: 1 to {LIST_LIMIT} inputs")
        found = [_pick(record, name, body.get("properties") or []) for record in records if record["id"] in set(keys)]
        answer: dict[str, Any] = {"status": "COMPLETE", "results": found}
        if len(found) == len(set(keys)):
            return Json(answer)
        missing = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects."}
        return Json(answer | {"numErrors": 1, "errors": [missing]}, status_code=207)

    async def _search(self, request: Request) -> Response:
        name = request.path_params["name"]
        records = self._records(name, archived=False)
        if records is None:
            return _unknown(name)
        try:
            body = orjson.loads(await request.body() or b"{}")
            limit, after = int(body.get("limit", 10)), int(body.get("after") or 0)
            groups = [[_filter(one) for one in group["filters"]] for group in body.get("filterGroups", [])]
            sorts = [_sort(one) for one in body.get("sorts", [])]
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, "VALIDATION_ERROR", f"Invalid input JSON: {error}")
        if not 1 <= limit <= SEARCH_LIMIT:
            return _error(400, "VALIDATION_ERROR", f"Invalid input: limit must be between 1 and {SEARCH_LIMIT}")
        if len(groups) > 5 or any(len(group) > 6 for group in groups):
            return _error(400, "VALIDATION_ERROR", "Invalid input: at most 5 filter groups of at most 6 filters")
        if after + limit > SEARCH_CAP:
            return _error(400, "VALIDATION_ERROR", f"Search results are limited to {SEARCH_CAP} total results")
        if groups:
            records = [
                record
                for record in records
                if any(all(test(record["properties"]) for test in group) for group in groups)
            ]
        records = sorted(records, key=lambda record: int(record["id"]))
        for key, descending in reversed(sorts):
            records.sort(key=lambda record: _order(record["properties"].get(key)), reverse=descending)
        page = records[after : after + limit]
        wanted = body.get("properties") or []
        found: dict[str, Any] = {"total": len(records), "results": [_pick(record, name, wanted) for record in page]}
        if after + limit < len(records):
            found["paging"] = {"next": {"after": str(after + limit)}}
        return Json(found)

    async def _associations(self, request: Request) -> Response:
        pair = (request.path_params["from_object"], request.path_params["to_object"])
        try:
            known = self._clock.snapshot.associations(*pair)
            inputs = orjson.loads(await request.body())["inputs"]
            keys = {str(one["id"]): int(one.get("after") or 0) for one in inputs}
        except (ValueError, KeyError, TypeError):
            return _error(400, "VALIDATION_ERROR", f"Unable to infer association types from {pair[0]} to {pair[1]}")
        if len(inputs) > BATCH_LIMIT:
            return _error(400, "VALIDATION_ERROR", f"at most {BATCH_LIMIT} inputs")
        results, missing = [], []
        for key, start in keys.items():
            if key not in known:
                missing.append(key)
                continue
            end = start + ASSOCIATION_LIMIT
            paging = {"paging": {"next": {"after": str(end)}}} if end < len(known[key]) else {}
            targets = [
                {
                    "toObjectId": int(other.to_id),
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": other.type_id, "label": other.label}
                    ],
                }
                for other in known[key][start:end]
            ]
            results.append({"from": {"id": key}, "to": targets, **paging})
        stamp = iso_instant(self._clock.now)
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": stamp, "completedAt": stamp}
        if missing:
            message = f"No {pair[1]} is associated with {pair[0]} {{}}."
            body["numErrors"] = len(missing)
            body["errors"] = [
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                    "message": message.format(key),
                    "context": {"fromObjectId": [key]},
                }
                for key in missing
            ]
        return Json(body, status_code=207 if missing else 200)


def _properties(request: Request) -> list[str]:
    return [name for text in request.query_params.getlist("properties") for name in text.split(",") if name]


def _pick(record: Record, object_name: str, wanted: list[str]) -> Record:
    """A record with the properties that were asked for, and those that HubSpot always adds."""
    names = dict.fromkeys(["createdate", modified_property(object_name), "hs_object_id", *wanted])
    if not wanted and object_name == "contacts":
        names |= dict.fromkeys(["email", "firstname", "lastname"])
    held = record["properties"]
    return record | {"properties": {name: held.get(name) for name in names}}


def _link(request: Request, after: str) -> str:
    return str(request.url.include_query_params(after=after))


def _order(value: str | None) -> tuple[bool, Any]:
    """Sorting compares instants and numbers as such, and text as text; nulls come first."""
    if value is None:
        return (False, "")
    number = _number(value)
    return (True, f"{number:030.6f}") if number is not None else (True, value)


def _number(value: str) -> float | None:
    """Milliseconds of an instant, or the number that a text is, or None."""
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except ValueError:
        return None


def _sort(one: Any) -> tuple[str, bool]:
    if isinstance(one, str):
        return one.lstrip("-"), one.startswith("-")
    return one["propertyName"], one.get("direction", "ASCENDING") == "DESCENDING"


RANGES: dict[str, Callable[[Any, Any], bool]] = {
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}


def _filter(one: dict[str, Any]) -> Callable[[dict[str, str | None]], bool]:
    """A filter of a search as a test over a record's properties.

    Raises:
        ValueError: The operator is not one of HubSpot's.
        KeyError: A part of the filter is missing.
    """
    name, symbol = one["propertyName"], one["operator"]
    if symbol in RANGES:
        limit = _number(str(one["value"]))
        if limit is None:
            raise ValueError(f"{one['value']} was not a valid long")
        compare = RANGES[symbol]
        return lambda held: (number := _number(held.get(name) or "")) is not None and compare(number, limit)
    if symbol == "BETWEEN":
        low, high = _number(str(one["value"])), _number(str(one["highValue"]))
        if low is None or high is None:
            raise ValueError("BETWEEN needs a value and a highValue")
        return lambda held: (number := _number(held.get(name) or "")) is not None and low <= number <= high
    if symbol in ("EQ", "NEQ"):
        value = str(one["value"])
        return lambda held: (_same(held.get(name), value)) is (symbol == "EQ")
    if symbol in ("IN", "NOT_IN"):
        values = [str(value).lower() for value in one["values"]]
        return lambda held: ((held.get(name) or "").lower() in values) is (symbol == "IN")
    if symbol in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda held: (held.get(name) is not None) is (symbol == "HAS_PROPERTY")
    raise ValueError(f"operator {symbol} is not supported")


def _same(held: str | None, value: str) -> bool:
    if held is None:
        return False
    numbers = _number(held), _number(value)
    return held.lower() == value.lower() or (numbers[0] is not None and numbers[0] == numbers[1])


def _error(status: int, category: str, message: str, headers: dict[str, str] | None = None, **more: str) -> Response:
    body = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category, **more}
    return Json(body, status_code=status, headers=headers)


def _unknown(name: str) -> Response:
    return _error(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")


def _failure(fault: Fault) -> Response:
    if fault.kind.startswith("429"):
        headers = {"Retry-After": str(fault.retry_after)} if fault.kind == "429" else None
        body = {
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": CORRELATION,
            "policyName": "TEN_SECONDLY_ROLLING",
        }
        return Json(body, status_code=429, headers=headers)
    if fault.kind == "503":
        return _error(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable")
    return _error(500, "INTERNAL_ERROR", "internal error")
