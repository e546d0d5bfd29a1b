"""Salesforce: SOQL over REST, deleted rows included, from the last `SystemModstamp` on.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from partner_warehouse.errors import PermanentError
from partner_warehouse.extract.api import OVERLAP, Fetched, Newest, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import RefusedError, SourceClient
from partner_warehouse.extract.raw_json import elements, members
from partner_warehouse.landing.catalog import ObjectSchema

VERSION = "v62.0"
STAMP = "SystemModstamp"

_TRANSIENT_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNABLE_TO_LOCK_ROW"})
_SOQL_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_LOST_LOCATOR = "INVALID_QUERY_LOCATOR"
_RESTARTS = 5
"""How often a query is started again from where it was, because the org gave up its locator."""


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Salesforce answers used-up limits as 403 and busy servers in several ways; the code tells."""
    return code in _TRANSIENT_CODES


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
                form |= {"grant_type": "refresh_token", "refresh_token": str(refresh)}
            answer = self._client.post("/services/oauth2/token", authorised=False, data=form)
            self._token = orjson.loads(answer.content)["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record that is not deleted. A listing that breaks off raises; it is never taken for whole."""
        answer = self._client.get(f"{self._api}/query", params={"q": f"SELECT Id FROM {schema.name}"})  # noqa: S608
        return (orjson.loads(raw)["Id"] for raw in self._records(answer))

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
        for _ in range(_RESTARTS):
            try:
                for raw in self._query(schema.name, names, low, until):
                    stamp = newest.see(parse_instant(orjson.loads(raw).get(STAMP)))
                    low = stamp or low
                    spool.write(raw, stamp)
                break
            except RefusedError as error:
                if error.code != _LOST_LOCATOR:
                    raise
        else:
            raise PermanentError(f"salesforce: the query on {schema.name} was cut off {_RESTARTS} times")
        warnings = tuple(f"salesforce.{schema.name}: the org has no field {name}; it stays empty" for name in missing)
        return Fetched(newest.after(cursor), warnings=warnings, missing=tuple(missing))

    def _fields(self, name: str) -> set[str]:
        """The fields of an object that the connection's user may read."""
        try:
            answer = self._client.get(f"{self._api}/sobjects/{name}/describe")
        except RefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            raise PermanentError(
                f"salesforce: no object {name} that this user may read; grant it, or take it out of the catalog"
            ) from error
        return {field["name"] for field in orjson.loads(answer.content)["fields"]}

    def _query(self, name: str, fields: list[str], low: datetime | None, until: datetime | None) -> Iterator[str]:
        # The names come from the catalog and the instants are typed: nothing in the query is given from outside.
        bounds = [f"{STAMP} >= {low:{_SOQL_INSTANT}}"] if low else []
        bounds += [f"{STAMP} < {until.astimezone(UTC):{_SOQL_INSTANT}}"] if until else []
        condition = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        query = f"SELECT {', '.join(fields)} FROM {name}{condition} ORDER BY {STAMP}, Id"  # noqa: S608
        yield from self._records(self._client.get(f"{self._api}/queryAll", params={"q": query}))

    def _records(self, answer: httpx.Response) -> Iterator[str]:
        """The records of a query's first page and of all that follow it."""
        while True:
            page = members(answer.text)
            yield from elements(page["records"])
            following = orjson.loads(page.get("nextRecordsUrl", "null"))
            if not following:
                return
            answer = self._client.get(following)
