"""Stripe: everything by list at first; then what changed by events, and what was created by list with a look-back.

Stripe has no "modified since": a change of an object is told by an event, which Stripe keeps for 30 days. An object
without events (a balance transaction) never changes. https://docs.stripe.com/api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import orjson
import yaml

from partner_warehouse.extract.api import OVERLAP, Fetched, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import RefusedError, SourceClient
from partner_warehouse.extract.raw_json import elements, members
from partner_warehouse.landing.catalog import CATALOG, ObjectSchema

PAGE = 100

EVENT_TYPES: dict[str, str] = {
    "customer": "customer.*",
    "product": "product.*",
    "price": "price.*",
    "subscription": "customer.subscription.*",
    "invoice": "invoice.*",
    "invoice_payment": "invoice_payment.*",
    "payment_intent": "payment_intent.*",
    "charge": "charge.*",
    "refund": "refund.*",
    "dispute": "charge.dispute.*",
    "credit_note": "credit_note.*",
}
"""The events that tell of an object's changes; objects that are not here never change."""

_DELETED_BY_EVENT = frozenset({"customer.deleted", "product.deleted", "price.deleted"})
"""Events whose object is gone, which the object itself does not say."""


@cache
def pinned_version() -> str:
    """The API version that the catalog's fields are of."""
    return str(yaml.safe_load((CATALOG / "stripe.yml").read_text(encoding="utf-8"))["version"])


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Stripe says itself whether to try again, where it knows."""
    told = response.headers.get("stripe-should-retry")
    if told is not None:
        return bool(told == "true")
    return response.status_code == httpx.codes.CONFLICT or code in {"lock_timeout", "rate_limit"}


def plural(name: str) -> str:
    """The path of an object's list."""
    return f"/v1/{name}s"


class Stripe:
    """One account.

    Args:
        connection: Host and, as password, a restricted key.
        options: For the client, in tests.
    """

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {connection.secret()}", "Stripe-Version": pinned_version()}
        self._client = SourceClient(
            "stripe", connection.host, authorise=lambda _: headers, is_transient=is_transient, **options
        )

    def __enter__(self) -> Stripe:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record that there is now."""
        return None

    def tombstone(self, schema: ObjectSchema, key: str, at: datetime) -> str:
        """The record that says a key is gone."""
        raise NotImplementedError

    def fetch(
        self,
        schema: ObjectSchema,
        cursor: str | None,
        state: Mapping[str, Any],
        spool: Spool,
        *,
        until: datetime | None = None,
    ) -> Fetched:
        """All objects, or those changed and created since the cursor less the overlap.

        The versions of an object come in the order of time, its present state last.
        """
        started = int(datetime.now(UTC).timestamp())
        reached = parse_instant(cursor)
        since = int(reached.timestamp()) if reached is not None else None
        warnings: tuple[str, ...] = ()
        # A window lands what the list shows, the present state: a version that an event tells of is older than what was
        # landed before, and would come after it.
        follows_events = schema.name in EVENT_TYPES and until is None
        if since is not None and follows_events and not self._reaches(since):
            gap = "the events since the last run are gone (Stripe keeps 30 days), so everything was loaded again"
            warnings = (f"stripe.{schema.name}: {gap}",)
            since = None
        # The newest event of all, taken first: what changes during the extraction comes after it.
        newest = [event["created"] for event in self._pages("/v1/events", {"limit": "1"}, only_first=True)]
        low = since - int(OVERLAP.total_seconds()) if since is not None else None
        changes: list[tuple[str, str, int]] = []
        if low is not None and follows_events:
            changes = list(self._changes(schema.name, low))
            changes.reverse()
        bound = {"created[gte]": str(low)} if low is not None else {}
        if until is not None:
            bound["created[lt]"] = str(int(until.timestamp()))
        listed: list[tuple[str, str, int]] = []
        for record in self._pages(plural(schema.name), {"limit": str(PAGE)} | bound):
            if low is not None:
                listed.append((record["id"], record.raw, record["created"]))
            else:
                spool.write(record.raw, _instant(record["created"]), again=True)
            newest.append(record["created"])
        _write_changed(changes + listed[::-1], spool)
        cursor_to = max((created for created in newest if created <= started), default=since)
        return Fetched(instant_text(_instant(cursor_to)) if cursor_to is not None else None, warnings=warnings)

    def _reaches(self, since: int) -> bool:
        """Whether Stripe still has events as old as the cursor."""
        parameters = {"limit": "1", "created[lte]": str(since)}
        return any(True for _ in self._pages("/v1/events", parameters, only_first=True))

    def _changes(self, name: str, low: int) -> Iterator[tuple[str, str, int]]:
        """The versions of an object's records that events carry, newest first."""
        parameters = {"limit": str(PAGE), "type": EVENT_TYPES[name], "created[gte]": str(low)}
        for event in self._pages("/v1/events", parameters):
            raw = members(members(event.raw)["data"])["object"]
            record = orjson.loads(raw)
            if record.get("object") != name:
                continue
            if event["type"] in _DELETED_BY_EVENT:
                if "deleted" not in record:
                    raw = raw[: raw.rindex("}")].rstrip() + ', "deleted": true}'
            elif event.get("api_version") != pinned_version():
                # An event shows its object in the version of its day; the list's shape counts.
                raw = self._present(name, record["id"]) or raw
            yield record["id"], raw, event["created"]

    def _present(self, name: str, key: str) -> str | None:
        """An object as it is now; None when it is gone."""
        try:
            return self._client.get(f"{plural(name)}/{key}").text
        except RefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None

    def _pages(self, path: str, parameters: Mapping[str, str], *, only_first: bool = False) -> Iterator[_Record]:
        """The records of a list, newest first."""
        after: dict[str, str] = {}
        while True:
            page = members(self._client.get(path, params=dict(parameters) | after).text)
            last: _Record | None = None
            for raw in elements(page["data"]):
                last = _Record(raw)
                yield last
            if only_first or last is None or page.get("has_more") != "true":
                return
            after = {"starting_after": last["id"]}


class _Record:
    """A record, parsed and as received."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self._fields: dict[str, Any] = orjson.loads(raw)

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def get(self, name: str) -> Any:
        """A field, or None."""
        return self._fields.get(name)


def _write_changed(versions: list[tuple[str, str, int]], spool: Spool) -> None:
    """Write all versions of those objects of which any is new.

    A known version may not be left out alone: an older one that comes late would then be the last to land.
    """
    changed = {key for key, raw, _ in versions if not spool.knows(raw)}
    for key, raw, created in versions:
        if key in changed:
            spool.write(raw, _instant(created), again=True)
        else:
            spool.keep(raw, _instant(created))


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
