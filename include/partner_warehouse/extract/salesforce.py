"""Salesforce: SOQL over REST or, for much at once, as Bulk 2.0 jobs; deleted rows included, from the last stamp on.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from partner_warehouse.errors import BadInputError, PartnerWarehouseError, PermanentError, TransientError
from partner_warehouse.extract.api import OVERLAP, Fetched, Newest, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection, plain
from partner_warehouse.extract.http import Onward, RefusedError, SourceClient
from partner_warehouse.extract.raw_json import elements, members, parse
from partner_warehouse.landing.catalog import ObjectSchema
from partner_warehouse.landing.layout import MAX_RECORD_BYTES

VERSION = "v62.0"
STAMP = "SystemModstamp"

_TRANSIENT_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNABLE_TO_LOCK_ROW"})
_SOQL_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_LOST_LOCATOR = "INVALID_QUERY_LOCATOR"
_IDS = 200
"""Ids that a query names: an address may have 16,000 characters."""

_RESTARTS = 5
"""How often a query is started again from where it was, because the org gave up its locator."""


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Salesforce answers used-up limits as 403 and busy servers in several ways; the code tells."""
    return code in _TRANSIENT_CODES


BULK_ABOVE = 50_000
"""A first load or a range of more records than this is fetched by a Bulk job: a call for each 50,000, not each 2,000.
The connection's `extra` may say another number, as `bulk_above`."""

BULK_PAGE = 50_000
"""Records of one page of a job's results; a page is in memory at a time."""

_OF_A_PAGE = ("Sforce-Locator", "Sforce-NumberOfRecords")
"""The headers of every page of a job's results."""

_LONGEST_JOB = 4 * 3600.0
"""Seconds that a job is waited for. Salesforce itself gives one up after some hours."""

_LONGEST_POLL = 30.0
_LOST_JOB = frozenset({_LOST_LOCATOR, "INVALIDLOCATOR", "NOT_FOUND"})
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMERIC = frozenset({"double", "int", "long", "currency", "percent"})


def _whole_number(connection: SourceConnection, name: str, default: int) -> int:
    """A member of the connection's extra.

    Raises:
        BadInputError: It is no whole number.
    """
    given = connection.extra.get(name, default)
    if not str(given).isdecimal():
        raise BadInputError(f"connection {connection.conn_id}: {name} in the extra is no whole number")
    return int(given)


class Salesforce:
    """One org.

    Args:
        connection: Host (My Domain URL), login (consumer key), password (consumer secret).
        options: For the client, in tests.
    """

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        self._connection = connection
        self._token: str | None = None
        self._client = SourceClient(
            "salesforce", connection.host, authorise=self._authorise, is_transient=is_transient, **options
        )
        version = str(connection.extra.get("api_version", VERSION))
        self._bulk_above = _whole_number(connection, "bulk_above", BULK_ABOVE)
        self._api = f"/services/data/{version if version.startswith('v') else f'v{version}'}"

    def __enter__(self) -> Salesforce:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def _authorise(self, again: bool) -> Mapping[str, str]:
        """The token of the client-credentials flow; a refresh token is used where the connection has one."""
        if self._token is None or again:
            form = {
                "grant_type": "client_credentials",
                "client_id": self._connection.login or "",
                "client_secret": self._connection.secret(),
            }
            if refresh := self._connection.extra.get("refresh_token"):
                plain(self._connection.conn_id, "refresh_token of the extra", str(refresh))
                form |= {"grant_type": "refresh_token", "refresh_token": str(refresh)}
            answer = self._client.post("/services/oauth2/token", holds="access_token", authorised=False, data=form)
            self._token = orjson.loads(answer.content)["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record that is not deleted. A listing that breaks off raises; it is never taken for whole."""
        return self._ids(schema.name)

    def _ids(self, name: str) -> Iterator[str]:
        last = ""
        for _ in range(_RESTARTS):
            after = f" WHERE Id > '{last}'" if last else ""
            query = f"SELECT Id FROM {name}{after} ORDER BY Id"  # noqa: S608
            try:
                for raw in self._records(self._client.get(f"{self._api}/query", lists="records", params={"q": query})):
                    last = parse(raw)["Id"]
                    yield last
                return
            except RefusedError as error:
                if error.code != _LOST_LOCATOR:
                    raise
        raise PermanentError(f"salesforce: the ids of {name} were cut off {_RESTARTS} times")

    def records(self, schema: ObjectSchema, keys: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        """The records of some ids that are not deleted."""
        available = self._fields(schema.name)
        fields = ", ".join(field.path[0] for field in schema.fields if field.path[0] in available)
        for start in range(0, len(keys), _IDS):
            listed = ", ".join(f"'{key}'" for key in keys[start : start + _IDS])
            query = f"SELECT {fields} FROM {schema.name} WHERE Id IN ({listed})"  # noqa: S608
            for raw in self._records(self._client.get(f"{self._api}/query", lists="records", params={"q": query})):
                yield raw, parse_instant(parse(raw).get(STAMP))

    def tombstone(self, schema: ObjectSchema, key: str, at: datetime) -> str:
        """The record that says a key is gone, as `queryAll` would have shown it."""
        record = {"attributes": {"type": schema.name}, "Id": key, "IsDeleted": True, STAMP: instant_text(at)}
        return orjson.dumps(record).decode()

    def fetch(
        self,
        schema: ObjectSchema,
        cursor: str | None,
        state: Mapping[str, Any],
        spool: Spool,
        *,
        until: datetime | None = None,
    ) -> Fetched:
        """Everything modified since the cursor less the overlap, oldest first, deleted rows too."""
        available = self._fields(schema.name)
        declared = [field.path[0] for field in schema.fields]
        missing = [name for name in declared if name not in available]
        if schema.key in missing or STAMP in missing:
            raise PermanentError(f"salesforce: {schema.name} has no {schema.key} or {STAMP} that this user may read")
        names = [name for name in declared if name in available]
        start = parse_instant(cursor)
        low = start - OVERLAP if start is not None else None
        newest = Newest()
        warnings = tuple(f"salesforce.{schema.name}: the org has no field {name}; it stays empty" for name in missing)
        # What an ordinary run finds new is little; counting it would cost a call for nothing.
        if (start is None or until is not None) and self._count(schema.name, low, until) > self._bulk_above:
            self._fetch_bulk(schema.name, {name: available[name] for name in names}, low, until, spool, newest)
            return Fetched(newest.after(cursor), warnings=warnings, missing=tuple(missing))
        for _ in range(_RESTARTS):
            try:
                for raw in self._query(schema.name, names, low, until):
                    stamp = newest.see(parse_instant(parse(raw).get(STAMP)))
                    low = stamp or low
                    spool.write(raw, stamp)
                break
            except RefusedError as error:
                if error.code != _LOST_LOCATOR:
                    raise
        else:
            raise PermanentError(f"salesforce: the query on {schema.name} was cut off {_RESTARTS} times")
        return Fetched(newest.after(cursor), warnings=warnings, missing=tuple(missing))

    def _fields(self, name: str) -> dict[str, str]:
        """The fields of an object that the connection's user may read, and their types in Salesforce's words."""
        try:
            answer = self._client.get(f"{self._api}/sobjects/{name}/describe", lists="fields")
        except RefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            raise PermanentError(
                f"salesforce: no object {name} that this user may read; grant it, or name it in leave_out of "
                "PARTNER_WAREHOUSE_CATALOG/salesforce.yml"
            ) from error
        return {field["name"]: str(field.get("type", "")) for field in orjson.loads(answer.content)["fields"]}

    def _query(self, name: str, fields: list[str], low: datetime | None, until: datetime | None) -> Iterator[str]:
        query = f"{_select(', '.join(fields), name, low, until)} ORDER BY {STAMP}, Id"
        yield from self._records(self._client.get(f"{self._api}/queryAll", lists="records", params={"q": query}))

    def _count(self, name: str, low: datetime | None, until: datetime | None) -> int:
        query = _select("COUNT()", name, low, until)
        answer = self._client.get(f"{self._api}/queryAll", holds="totalSize", params={"q": query})
        return int(orjson.loads(answer.content)["totalSize"])

    def _fetch_bulk(
        self,
        name: str,
        fields: Mapping[str, str],
        low: datetime | None,
        until: datetime | None,
        spool: Spool,
        newest: Newest,
    ) -> None:
        """Everything that a query finds, by a job; started again whole where the org has lost it.

        Raises:
            TransientError: The job failed, was aborted, or took too long.
            PermanentError: It was lost again and again.
        """
        for _ in range(_RESTARTS):
            job = self._start_job(_select(", ".join(fields), name, low, until))
            # A job reads a large object piece by piece: a piece that was read early may have changed since. So the
            # cursor never gets past the job's start.
            began = parse_instant(job["createdDate"])
            try:
                self._wait_for(job["id"])
                for row in self._results(job["id"]):
                    raw = _as_rest(name, fields, row)
                    stamp = parse_instant(row[STAMP])
                    spool.write(raw, stamp)
                    newest.see(stamp if stamp is None or began is None else min(stamp, began))
                return
            except RefusedError as error:
                if error.code not in _LOST_JOB:
                    raise
            finally:
                # Salesforce would keep the results for a week. Not being able to remove them is no fault of the load.
                with suppress(PartnerWarehouseError):
                    self._client.call("DELETE", f"{self._jobs}/{job['id']}")
        raise PermanentError(f"salesforce: the job on {name} was lost {_RESTARTS} times")

    @property
    def _jobs(self) -> str:
        return f"{self._api}/jobs/query"

    def _start_job(self, query: str) -> dict[str, str]:
        body = {"operation": "queryAll", "query": query, "contentType": "CSV", "lineEnding": "LF"}
        job: dict[str, str] = orjson.loads(self._client.post(self._jobs, holds="id", json=body).content)
        return job

    def _wait_for(self, job: str) -> None:
        waited, pause = 0.0, 1.0
        while True:
            state = orjson.loads(self._client.get(f"{self._jobs}/{job}", holds="state").content)["state"]
            if state == "JobComplete":
                return
            if state in ("Failed", "Aborted"):
                # What it says of itself may quote a value.
                raise TransientError(f"salesforce: job {job} is {state.lower()}; see Setup, Bulk Data Load Jobs")
            if waited > _LONGEST_JOB:
                raise TransientError(f"salesforce: job {job} was not done after {waited / 3600:.0f} hours")
            self._client.wait(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST_POLL)

    def _results(self, job: str) -> Iterator[dict[str, str]]:
        onward = Onward(f"salesforce: the results of job {job}")
        parameters = {"maxRecords": str(BULK_PAGE)}
        # A long text area has 131,072 characters, which is the reader's own limit.
        csv.field_size_limit(MAX_RECORD_BYTES)
        while True:
            answer = self._client.get(f"{self._jobs}/{job}/results", params=parameters, headers={"Accept": "text/csv"})
            # A page says what follows it and how many rows it has; what does not is a proxy's page, and no end.
            if answer.status_code != httpx.codes.OK or any(name not in answer.headers for name in _OF_A_PAGE):
                raise TransientError(f"salesforce: a page of the results of job {job} was not whole")
            yield from _rows(answer, job)
            locator = answer.headers["Sforce-Locator"]
            if locator == "null":
                return
            parameters["locator"] = onward.to(locator)

    def _records(self, answer: httpx.Response) -> Iterator[str]:
        """The records of a query's first page and of all that follow it."""
        onward = Onward("salesforce: a query's pages")
        while True:
            page = members(answer.content.decode())
            yield from elements(page["records"])
            following = orjson.loads(page.get("nextRecordsUrl", "null"))
            if not following:
                if page.get("done") == "false":
                    raise TransientError("salesforce: a page that is not the last does not say where the next one is")
                return
            answer = self._client.get(onward.to(following), lists="records")


def _select(what: str, name: str, low: datetime | None, until: datetime | None) -> str:
    # The names come from the catalog and the instants are typed: nothing in the query is given from outside.
    bounds = [f"{STAMP} >= {low:{_SOQL_INSTANT}}"] if low else []
    bounds += [f"{STAMP} < {until.astimezone(UTC):{_SOQL_INSTANT}}"] if until else []
    condition = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"SELECT {what} FROM {name}{condition}"  # noqa: S608


def _rows(answer: httpx.Response, job: str) -> Iterator[dict[str, str]]:
    """The rows of a page of CSV.

    Raises:
        TransientError: It is not whole. It says itself how many rows it has: one that was cut between two reads well.
    """
    found = 0
    try:
        for row in csv.DictReader(io.StringIO(answer.content.decode(), newline=""), strict=True):
            if None in row or None in row.values():
                raise csv.Error
            found += 1
            yield row
    except (csv.Error, UnicodeDecodeError):
        found = -1
    if str(found) != answer.headers["Sforce-NumberOfRecords"]:
        raise TransientError(f"salesforce: a page of the results of job {job} was not whole")


def _as_rest(name: str, fields: Mapping[str, str], row: Mapping[str, str]) -> str:
    """A row of a job's CSV as the JSON text that REST delivers. A number keeps its digits; empty is null."""
    parts = [f'"attributes":{{"type":"{name}"}}']
    for field, kind in fields.items():
        text = row[field]
        if text == "":
            value = "null"
        elif (kind == "boolean" and text in ("true", "false")) or (kind in _NUMERIC and _NUMBER.fullmatch(text)):
            value = text
        else:
            value = orjson.dumps(text).decode()
        parts.append(f'"{field}":{value}')
    return "{" + ",".join(parts) + "}"
