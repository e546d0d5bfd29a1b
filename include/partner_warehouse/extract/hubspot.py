"""HubSpot: CRM objects by list (all of them) or search (what changed), archived records and associations apart.

https://developers.hubspot.com/docs/api-reference/crm
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import orjson

from partner_warehouse.errors import TransientError
from partner_warehouse.extract.api import OVERLAP, Fetched, Newest, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import Onward, SourceClient
from partner_warehouse.extract.raw_json import elements, members, parse
from partner_warehouse.landing.catalog import ObjectSchema

LIST_LIMIT, SEARCH_LIMIT, BATCH = 100, 200, 1000

_ID = "hs_object_id"
_LOCKED = 423
_MIGRATING = 477
_UNREACHABLE = frozenset(range(521, 525))
_NOT_ASSOCIATED = "crm.associations.NO_ASSOCIATIONS_FOUND"
_NONE_ASSOCIATED = '{"key":"0:0:0","from_id":"0","to_id":"0","association_type":"none"}'
"""What lands where nothing is associated any more: without a row no load would say so."""


PIPELINED = ("deals", "tickets")
"""Objects that go through pipelines."""

_OF_A_PERSON = ("email", "firstName", "lastName")

Filter = dict[str, str]


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Besides the usual: a record that is locked, an account that is being moved, a server that is not reached.

    https://developers.hubspot.com/docs/api-reference/error-handling
    """
    return response.status_code in {_LOCKED, _MIGRATING} or response.status_code in _UNREACHABLE


def modified_property(object_name: str) -> str:
    """The property that says when a record changed; contacts have a name of their own for it."""
    return "lastmodifieddate" if object_name == "contacts" else "hs_lastmodifieddate"


class HubSpot:
    """One portal.

    Args:
        connection: Host and, as password, the private app's token.
        options: For the client, in tests.
    """

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        headers = connection.bearer()
        self._client = SourceClient(
            "hubspot", connection.host, authorise=lambda _: headers, is_transient=is_transient, **options
        )

    def __enter__(self) -> HubSpot:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record that is not archived; what has no stamp comes whole each time."""
        if _is_association(schema) or schema.name in ("owners", "pipelines"):
            return None
        return (str(parse(raw)["id"]) for raw in self._list(schema.name, [_ID], archived=False))

    def records(self, schema: ObjectSchema, keys: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        """The records of some ids that are not archived."""
        wanted = _properties(schema)
        for start in range(0, len(keys), LIST_LIMIT):
            body = {"properties": wanted, "inputs": [{"id": key} for key in keys[start : start + LIST_LIMIT]]}
            answer = self._client.post(f"/crm/v3/objects/{schema.name}/batch/read", lists="results", json=body)
            for raw in elements(members(answer.content.decode())["results"]):
                yield raw, _stamp(raw, schema.name)

    def tombstone(self, schema: ObjectSchema, key: str, at: datetime) -> str:
        """The record that says a key is gone, as the list of archived ones would have shown it."""
        stamp = instant_text(at)
        record = {
            "id": key,
            "archived": True,
            "archivedAt": stamp,
            "properties": {modified_property(schema.name): stamp},
        }
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
        """Records (all, or those modified since the cursor less the overlap) and archived ones; or associations."""
        if _is_association(schema):
            return _snapshot(self._all_associations(schema.name), cursor, spool, otherwise=_NONE_ASSOCIATED)
        if schema.name == "owners":
            return _snapshot(self._owners(), cursor, spool)
        if schema.name == "pipelines":
            return _snapshot(self._pipelines(), cursor, spool)
        properties = _properties(schema)
        newest = Newest()
        start = parse_instant(cursor)
        if start is None:
            records = self._list(schema.name, properties, archived=False)
        else:
            records = self._changed(schema.name, properties, int((start - OVERLAP).timestamp() * 1000))
        for raw in records:
            stamp = _stamp(raw, schema.name)
            if until is None or stamp is None or stamp < until:
                spool.write(raw, newest.see(stamp))
        # Search does not find archived records, and their list has no filter.
        for raw in self._list(schema.name, properties, archived=True):
            archived_at = parse_instant(parse(raw).get("archivedAt"))
            is_new = start is None or archived_at is None or archived_at >= start - OVERLAP
            if is_new and (until is None or archived_at is None or archived_at < until):
                spool.write(raw, archived_at)
        return Fetched(newest.after(cursor))

    def _list(self, name: str, properties: Sequence[str], *, archived: bool) -> Iterator[str]:
        return self._pages(
            f"/crm/v3/objects/{name}",
            {"limit": str(LIST_LIMIT), "archived": str(archived).lower(), "properties": ",".join(properties)},
        )

    def _pages(self, path: str, parameters: Mapping[str, str]) -> Iterator[str]:
        onward = Onward(f"hubspot: GET {path}")
        paging: dict[str, str] = {}
        while True:
            page = members(self._client.get(path, lists="results", params={**parameters, **paging}).content.decode())
            yield from elements(page["results"])
            after = _next(page)
            if after is None:
                return
            paging = {"after": onward.to(after)}

    def _owners(self) -> Iterator[str]:
        """Every owner, those that left too, without what tells of a person."""
        for archived in (False, True):
            parameters = {"limit": str(LIST_LIMIT), "archived": str(archived).lower()}
            for raw in self._pages("/crm/v3/owners", parameters):
                owner = {name: value for name, value in members(raw).items() if name not in _OF_A_PERSON}
                yield _object(owner)

    def _pipelines(self) -> Iterator[str]:
        """The pipelines of each object that has them; a ticket's and a deal's may have the same id."""
        for name in PIPELINED:
            answer = members(self._client.get(f"/crm/v3/pipelines/{name}", lists="results").content.decode())
            for raw in elements(answer["results"]):
                pipeline = members(raw)
                key = f"{name}:{orjson.loads(pipeline['id'])}"
                made = {"key": orjson.dumps(key).decode(), "object_type": orjson.dumps(name).decode()}
                yield _object(made | pipeline)

    def _changed(self, name: str, properties: Sequence[str], since: int) -> Iterator[str]:
        """Records modified since an instant (milliseconds), oldest first.

        Every page is a search of its own, from the stamp that the one before reached: so a search is never near its
        cap, and a record that is modified meanwhile moves to the end without shifting another one out of sight.
        Where a whole page has one stamp, its records are taken by their ids.
        """
        stamp_name = modified_property(name)
        onward = Onward(f"hubspot: search of {name}")
        operator = "GTE"
        delivered: set[str] = set()
        while True:
            onward.to(f"{operator} {since}")
            page, is_last = self._search(name, properties, [_filter(stamp_name, operator, str(since))], stamp_name)
            reached = since
            at_the_end: set[str] = set()
            for raw in page:
                record = parse(raw)
                stamp = parse_instant(record["properties"][stamp_name])
                key, moment = str(record["id"]), int(stamp.timestamp() * 1000) if stamp else reached
                at_the_end = at_the_end | {key} if moment == reached else {key}
                reached = moment
                if key not in delivered:
                    yield raw
            if is_last:
                return
            if reached == since:
                yield from self._of_one_instant(
                    name, properties, _filter(stamp_name, "EQ", str(since)), delivered | at_the_end
                )
                operator, delivered = "GT", set()
            else:
                since, operator, delivered = reached, "GTE", at_the_end

    def _of_one_instant(
        self, name: str, properties: Sequence[str], instant: Filter, delivered: set[str]
    ) -> Iterator[str]:
        onward = Onward(f"hubspot: search of {name}")
        low = "0"
        is_last = False
        while not is_last:
            onward.to(low)
            page, is_last = self._search(name, properties, [instant, _filter(_ID, "GT", low)], _ID)
            for raw in page:
                low = str(parse(raw)["id"])
                if low not in delivered:
                    yield raw

    def _search(
        self, name: str, properties: Sequence[str], filters: list[Filter], order: str
    ) -> tuple[list[str], bool]:
        """The first page of a search, and whether it is the last."""
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": SEARCH_LIMIT,
        }
        page = members(self._client.post(f"/crm/v3/objects/{name}/search", lists="results", json=body).content.decode())
        return elements(page["results"]), _next(page) is None

    def _all_associations(self, name: str) -> Iterator[str]:
        left, _, right = name.partition("_to_")
        keys: list[str] = []
        for raw in self._list(left, [_ID], archived=False):
            keys.append(str(parse(raw)["id"]))
            if len(keys) == BATCH:
                yield from self._associations(left, right, keys)
                keys = []
        if keys:
            yield from self._associations(left, right, keys)

    def _associations(self, left: str, right: str, keys: list[str]) -> Iterator[str]:
        """The associations of a batch of records. One that has many is paged by itself.

        Raises:
            TransientError: The answer left records out, for another reason than that they have none.
        """
        onward = Onward(f"hubspot: associations of {left} with {right}")
        inputs = [{"id": key} for key in keys]
        while inputs:
            path = f"/crm/v4/associations/{left}/{right}/batch/read"
            answer = self._client.post(path, lists="results", json={"inputs": inputs})
            document = orjson.loads(answer.content)
            for error in document.get("errors") or ():
                if error.get("subCategory") != _NOT_ASSOCIATED:
                    unanswered = f"{len(document['errors'])} of {len(inputs)} records were not answered"
                    raise TransientError(f"hubspot: associations of {left} with {right}: {unanswered}")
            inputs = []
            for result in document["results"]:
                start = str(result["from"]["id"])
                for target in result["to"]:
                    end = str(target["toObjectId"])
                    for kind in target["associationTypes"]:
                        named = kind.get("label") or str(kind["typeId"])
                        row = {"key": f"{start}:{end}:{kind['typeId']}", "from_id": start, "to_id": end}
                        yield orjson.dumps(row | {"association_type": named}).decode()
                after = ((result.get("paging") or {}).get("next") or {}).get("after")
                if after:
                    onward.to(f"{start}:{after}")
                    inputs.append({"id": start, "after": str(after)})


def _is_association(schema: ObjectSchema) -> bool:
    """Whether it is of pairs. A custom object may have `_to_` in its name too."""
    return {"from_id", "to_id"} <= {field.name for field in schema.fields}


def _properties(schema: ObjectSchema) -> list[str]:
    return [field.path[1] for field in schema.fields if field.path[0] == "properties"]


def _stamp(raw: str, object_name: str) -> datetime | None:
    return parse_instant((parse(raw).get("properties") or {}).get(modified_property(object_name)))


def _snapshot(records: Iterator[str], cursor: str | None, spool: Spool, *, otherwise: str | None = None) -> Fetched:
    """All records, when they are not what they were: a change of these stamps nothing.

    Args:
        records: What there is.
        cursor: The mark of what there was.
        spool: Where it goes.
        otherwise: What says that there is none any more.
    """
    rows = sorted(set(records))
    if not rows and otherwise is not None and cursor is not None:
        rows = [otherwise]
    content = Spool.mark("\n".join(rows))
    if content != cursor:
        for row in rows:
            spool.write(row)
    return Fetched(content, is_snapshot=True)


def _object(raw_members: Mapping[str, str]) -> str:
    """A JSON object of members that are JSON texts, which stay as they are."""
    return "{" + ",".join(f"{orjson.dumps(name).decode()}:{raw}" for name, raw in raw_members.items()) + "}"


def _filter(name: str, operator: str, value: str) -> Filter:
    return {"propertyName": name, "operator": operator, "value": value}


def _next(page: Mapping[str, str]) -> str | None:
    paging = orjson.loads(page.get("paging", "null")) or {}
    after = (paging.get("next") or {}).get("after")
    return str(after) if after is not None else None
