"""Salesforce's REST API, version 62.0: token, query, queryAll, further pages, describe; query jobs of Bulk API 2.0."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.sandbox.calendar import epoch, salesforce_instant
from partner_warehouse.sandbox.profiles import Faults
from partner_warehouse.sandbox.servers.common import (
    CLIENT_ID,
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
from partner_warehouse.sandbox.servers.soql import Query, SoqlError, parse
from partner_warehouse.sandbox.timeline import Record
from partner_warehouse.sandbox.vocabulary import SALESFORCE_OBJECTS

API = "/services/data/v62.0"
PAGE = 2000
"""Records of a page unless Sforce-Query-Options asks for another number, from 200 to 2,000."""

OPEN_CURSORS = 50
"""How many unfinished queries the org keeps; the oldest is dropped."""


@dataclass(slots=True)
class _Job:
    """A query job: done when it was asked after a second time."""

    query: Query
    found: list[Record]
    created: str | None
    asked: int = 0


class SalesforceServer:
    """The org, with its tokens and the cursors of unfinished queries."""

    def __init__(self, clock: Clock, plan: FaultPlan, faults: Faults) -> None:
        self._clock = clock
        self._plan = plan
        self._faults = faults
        self._tokens: dict[str, int] = {}
        self._issued = 0
        self._cursors: OrderedDict[str, tuple[Query, list[Record], int]] = OrderedDict()
        self._opened = 0
        self._jobs: dict[str, _Job] = {}
        self._schema = {name: set(load_catalog("salesforce").objects[name].columns) for name in SALESFORCE_OBJECTS}
        self._schema = {name: {f for f in fields if not f.startswith("_")} for name, fields in self._schema.items()}
        self._schema["Lead"] |= {"FirstName", "LastName"}

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/services/oauth2/token", self._token, methods=["POST"]),
                Route(f"{API}/query", self._guarded(self._query)),
                Route(f"{API}/queryAll", self._guarded(self._query)),
                Route(f"{API}/query/{{cursor}}", self._guarded(self._more)),
                Route(f"{API}/sobjects/{{name}}/describe", self._guarded(self._describe)),
                Route(f"{API}/jobs/query", self._guarded(self._start_job), methods=["POST"]),
                Route(f"{API}/jobs/query/{{job}}", self._guarded(self._job), methods=["GET", "DELETE"]),
                Route(f"{API}/jobs/query/{{job}}/results", self._guarded(self._results)),
                Route(f"{API}/limits", self._guarded(self._limits)),
                *steering_routes(self._clock, self._plan),
            ]
        )

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "refresh_token"):
            error = {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
            return Json(error, status_code=400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, SECRET):
            error = {"error": "invalid_client", "error_description": "invalid client credentials"}
            return Json(error, status_code=400)
        if grant == "refresh_token" and form.get("refresh_token") != SECRET:
            error = {"error": "invalid_grant", "error_description": "expired access/refresh token"}
            return Json(error, status_code=400)
        self._issued += 1
        token = "00DgK0000000001!" + hashlib.sha256(f"{self._issued}".encode()).hexdigest()
        self._tokens[token] = self._faults.first_token_calls if self._issued == 1 else self._faults.token_calls
        return Json(
            {
                "access_token": token,
                "instance_url": str(request.base_url).rstrip("/"),
                "id": f"{request.base_url}id/00DgK0000000001EAA/005gK0000000001AAA",
                "token_type": "Bearer",
                "issued_at": str((epoch(self._clock.now) or 0) * 1000),
                "signature": "c2FuZGJveA==",
            }
        )

    def _guarded(self, handler: Handler) -> Handler:
        """Check the token, then perhaps fail on purpose, then answer."""

        async def guarded(request: Request) -> Response:
            token = password_of(request) or ""
            if self._tokens.get(token, 0) <= 0:
                return _errors(401, "INVALID_SESSION_ID", "Session expired or invalid")
            self._tokens[token] -= 1
            if fault := self._plan.next(await identity_of(request)):
                return _failure(fault)
            return await handler(request)

        return guarded

    async def _query(self, request: Request) -> Response:
        text = request.query_params.get("q")
        if not text:
            return _errors(400, "MALFORMED_QUERY", "A query string has to be specified")
        try:
            query = parse(text, self._schema)
        except SoqlError as error:
            return _errors(400, error.code, str(error))
        records = self._clock.snapshot.salesforce(query.object_name)
        if request.url.path.endswith("/query"):
            records = [record for record in records if not record.get("IsDeleted")]
        found = query.run(records)
        if not query.fields:
            return Json({"totalSize": len(found), "done": True, "records": []})
        size = _batch_size(request)
        if len(found) > size:
            self._opened += 1
            cursor = f"01gSB{self._opened:013d}"
            self._cursors[cursor] = (query, found, size)
            while len(self._cursors) > OPEN_CURSORS:
                self._cursors.popitem(last=False)
            return self._page(cursor, query, found, 0, size)
        return self._page("", query, found, 0, size)

    async def _more(self, request: Request) -> Response:
        cursor, _, offset = request.path_params["cursor"].rpartition("-")
        if cursor not in self._cursors or not offset.isdigit():
            return _errors(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        query, found, size = self._cursors[cursor]
        return self._page(cursor, query, found, int(offset), size)

    def _page(self, cursor: str, query: Query, found: list[Record], offset: int, size: int) -> Response:
        names = query.fields
        prefix = f"{API}/sobjects/{query.object_name}/"
        records = [
            {
                "attributes": {"type": query.object_name, "url": prefix + record["Id"]},
                **{n: record.get(n) for n in names},
            }
            for record in found[offset : offset + size]
        ]
        done = offset + size >= len(found)
        body: dict[str, Any] = {"totalSize": len(found), "done": done, "records": records}
        if not done:
            body["nextRecordsUrl"] = f"{API}/query/{cursor}-{offset + size}"
        return Json(body)

    async def _start_job(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        if body.get("operation") not in ("query", "queryAll") or body.get("contentType", "CSV") != "CSV":
            return _errors(400, "INVALIDJOB", "operation is query or queryAll, contentType is CSV")
        try:
            query = parse(str(body.get("query", "")), self._schema)
        except SoqlError as error:
            return _errors(400, error.code, str(error))
        records = self._clock.snapshot.salesforce(query.object_name)
        if body["operation"] == "query":
            records = [record for record in records if not record.get("IsDeleted")]
        self._opened += 1
        key = f"750SB{self._opened:013d}"
        self._jobs[key] = _Job(query, query.run(records), salesforce_instant(self._clock.now))
        return Json(self._told(key, "UploadComplete"))

    def _told(self, key: str, state: str) -> dict[str, Any]:
        job = self._jobs[key]
        told = {"id": key, "object": job.query.object_name, "createdDate": job.created, "state": state}
        return told | {"contentType": "CSV", "apiVersion": 62.0, "concurrencyMode": "Parallel", "lineEnding": "LF"}

    async def _job(self, request: Request) -> Response:
        key = request.path_params["job"]
        if key not in self._jobs:
            return _errors(404, "NOT_FOUND", "The requested resource does not exist")
        if request.method == "DELETE":
            del self._jobs[key]
            return Response(status_code=204)
        self._jobs[key].asked += 1
        return Json(self._told(key, "InProgress" if self._jobs[key].asked == 1 else "JobComplete"))

    async def _results(self, request: Request) -> Response:
        job = self._jobs.get(request.path_params["job"])
        if job is None:
            return _errors(404, "NOT_FOUND", "The requested resource does not exist")
        locator, wanted = request.query_params.get("locator", "0"), request.query_params.get("maxRecords", "50000")
        if not (locator.isdigit() and wanted.isdigit()):
            return _errors(400, "INVALIDLOCATOR", "invalid locator")
        start, end = int(locator), int(locator) + int(wanted)
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(job.query.fields)
        for record in job.found[start:end]:
            writer.writerow([_cell(record.get(name)) for name in job.query.fields])
        following = str(end) if end < len(job.found) else "null"
        headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(len(job.found[start:end]))}
        return Response(text.getvalue(), media_type="text/csv", headers=headers)

    async def _describe(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._schema:
            return _errors(404, "NOT_FOUND", "The requested resource does not exist")
        declared = {field.name: field.type for field in load_catalog("salesforce").objects[name].fields}
        types = {"text": "string", "decimal": "double", "integer": "int", "instant": "datetime"}
        fields = [
            {"name": field, "type": types.get(declared.get(field, "text"), declared.get(field, "string"))}
            for field in sorted(self._schema[name])
        ]
        return Json({"name": name, "custom": name.endswith("__c"), "queryable": True, "fields": fields})

    async def _limits(self, _: Request) -> Response:
        return Json({"DailyApiRequests": {"Max": 100_000, "Remaining": max(0, 100_000 - self._plan.requests)}})


def _cell(value: Any) -> str:
    """A value as a job's CSV has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _batch_size(request: Request) -> int:
    name, _, value = request.headers.get("sforce-query-options", "").partition("=")
    if name.strip().lower() == "batchsize" and value.strip().isdigit():
        return min(PAGE, max(200, int(value)))
    return PAGE


def _errors(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """Salesforce answers every failure with a list."""
    return Json([{"message": message, "errorCode": code}], status_code=status, headers=headers)


def _failure(fault: Fault) -> Response:
    if fault.kind == "429":
        headers = {"Retry-After": str(fault.retry_after)}
        return _errors(429, "REQUEST_LIMIT_EXCEEDED", "Too many concurrent requests.", headers)
    if fault.kind == "429-bare":
        return _errors(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    if fault.kind == "503":
        return _errors(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable.")
    return _errors(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")
