"""HubSpot: CRM objects by list (all of them) or search (what changed), archived records and associations apart.

https://developers.hubspot.com/docs/api-reference/crm
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import httpx
import orjson

from partner_warehouse.extract.api import OVERLAP, Fetched, Newest, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import SourceClient
from partner_warehouse.extract.raw_json import elements, members
from partner_warehouse.landing.catalog import ObjectSchema

LIST_LIMIT, SEARCH_LIMIT, BATCH = 100, 200, 1000

_ID = "hs_object_id"
_LOCKED = 423
_MIGRATING = 477

Filter = dict[str, str]


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Besides the usual: a record that is locked, an account that is being moved."""
    return response.status_code in {_LOCKED, _MIGRATING}


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
        headers = {"Authorization": f"Bearer {connection.secret()}"}
        self._client = SourceClient(
            "hubspot", connection.host, authorise=lambda _: headers, is_transient=is_transient, **options
        )

    def __enter__(self) -> HubSpot:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record, archived ones too; associations come whole each time."""
        if "_to_" in schema.name:
            return None
        records = chain.from_iterable(self._list(schema.name, [_ID], archived=archived) for archived in (False, True))
        return (str(orjson.loads(raw)["id"]) for raw in records)

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
        if "_to_" in schema.name:
            return self._fetch_associations(schema.name, cursor, spool)
        properties = [field.path[1] for field in schema.fields if field.path[0] == "properties"]
        stamp_name = modified_property(schema.name)
        newest = Newest()
        start = parse_instant(cursor)
        if start is None:
            records = self._list(schema.name, properties, archived=False)
        else:
            records = self._changed(schema.name, properties, int((start - OVERLAP).timestamp() * 1000))
        for raw in records:
            stamp = parse_instant((orjson.loads(raw).get("properties") or {}).get(stamp_name))
            if until is None or stamp is None or stamp < until:
                spool.write(raw, newest.see(stamp))
        # Search does not find archived records, and their list has no filter.
        for raw in self._list(schema.name, properties, archived=True):
            archived_at = parse_instant(orjson.loads(raw).get("archivedAt"))
            is_new = start is None or archived_at is None or archived_at >= start - OVERLAP
            if is_new and (until is None or archived_at is None or archived_at < until):
                spool.write(raw, archived_at)
        return Fetched(newest.after(cursor))

    def _list(self, name: str, properties: Sequence[str], *, archived: bool) -> Iterator[str]:
        parameters = {"limit": str(LIST_LIMIT), "archived": str(archived).lower(), "properties": ",".join(properties)}
        after: str | None = None
        while True:
            paging = {"after": after} if after else {}
            page = members(self._client.get(f"/crm/v3/objects/{name}", params=parameters | paging).text)
            yield from elements(page["results"])
            after = _next(page)
            if after is None:
                return

    def _changed(self, name: str, properties: Sequence[str], since: int) -> Iterator[str]:
        """Records modified since an instant (milliseconds), oldest first.

        Every page is a search of its own, from the stamp that the one before reached: so a search is never near its
        cap, and a record that is modified meanwhile moves to the end without shifting another one out of sight.
        Where a whole page has one stamp, its records are taken by their ids.
        """
        stamp_name = modified_property(name)
        operator = "GTE"
        delivered: set[str] = set()
        while True:
            page, is_last = self._search(name, properties, [_filter(stamp_name, operator, str(since))], stamp_name)
            reached = since
            at_the_end: set[str] = set()
            for raw in page:
                record = orjson.loads(raw)
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
        low = "0"
        is_last = False
        while not is_last:
            page, is_last = self._search(name, properties, [instant, _filter(_ID, "GT", low)], _ID)
            for raw in page:
                low = str(orjson.loads(raw)["id"])
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
        page = members(self._client.post(f"/crm/v3/objects/{name}/search", json=body).text)
        return elements(page["results"]), _next(page) is None

    def _fetch_associations(self, name: str, cursor: str | None, spool: Spool) -> Fetched:
        """All associations of two objects, when they are not what they were: a change of them stamps no record."""
        left, _, right = name.partition("_to_")
        rows: list[str] = []
        keys: list[str] = []
        for raw in self._list(left, [_ID], archived=False):
            keys.append(str(orjson.loads(raw)["id"]))
            if len(keys) == BATCH:
                rows += self._associations(left, right, keys)
                keys = []
        if keys:
            rows += self._associations(left, right, keys)
        rows = sorted(set(rows))
        content = Spool.mark("\n".join(rows))
        if content != cursor:
            for row in rows:
                spool.write(row)
        return Fetched(content, is_snapshot=True)

    def _associations(self, left: str, right: str, keys: list[str]) -> Iterator[str]:
        body = {"inputs": [{"id": key} for key in keys]}
        answer = self._client.post(f"/crm/v4/associations/{left}/{right}/batch/read", json=body)
        for result in orjson.loads(answer.content)["results"]:
            start = str(result["from"]["id"])
            for target in result["to"]:
                end = str(target["toObjectId"])
                for kind in target["associationTypes"]:
                    named = kind.get("label") or str(kind["typeId"])
                    row = {"key": f"{start}:{end}:{kind['typeId']}", "from_id": start, "to_id": end}
                    yield orjson.dumps(row | {"association_type": named}).decode()


def _filter(name: str, operator: str, value: str) -> Filter:
    return {"propertyName": name, "operator": operator, "value": value}


def _next(page: Mapping[str, str]) -> str | None:
    paging = orjson.loads(page.get("paging", "null")) or {}
    after = (paging.get("next") or {}).get("after")
    return str(after) if after is not None else None
