"""Stripe: everything by list at first; then what changed by events, and what was created by list with a look-back.

Stripe has no "modified since": a change of an object is told by an event, which Stripe keeps for 30 days
(https://docs.stripe.com/api/events/list). An object without events (a balance transaction) never changes. An event
shows the object as it was then: where it may be older than what is known already, shortened, or of another version of
the API, the object itself is asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import yaml

from partner_warehouse.errors import PermanentError, TransientError
from partner_warehouse.extract.api import OVERLAP, Fetched, Spool, instant_text, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.http import Onward, RefusedError, SourceClient
from partner_warehouse.extract.raw_json import elements, members, parse
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

_DELETED_BY_EVENT = frozenset({"customer.deleted", "product.deleted", "price.deleted", "invoice.deleted"})
"""Events whose object is gone, which the object itself does not say."""

_LISTINGS: dict[str, tuple[Mapping[str, str], ...]] = {
    "subscription": ({"status": "all"},),
    "price": ({"active": "true"}, {"active": "false"}),
}
"""What a list is asked for besides a range, where it would leave something out: subscriptions that were canceled
(https://docs.stripe.com/api/subscriptions/list), prices that are not active (https://docs.stripe.com/api/prices/list)."""

_VANISHING = frozenset({"customer", "product"})
"""Objects that may be deleted and that a list shows all of. A price made for one invoice is in no list, though it is
there; everything else stays, or was a draft."""

_EVENTS_KEPT = timedelta(days=29)
"""Within it no event can have been lost; a day less than Stripe says, for clocks that differ."""

_SHORTENED = re.compile(r'"has_more"\s*:\s*true')
_SECRET = re.compile(r'("client_secret"\s*:\s*)"[^"\\]*"')

_REMEDIES = {
    401: "create a restricted key (Developers, API keys) and put it into the password of the connection",
    403: "give the key the right Read on this object and on Events",
}


@cache
def pinned_version() -> str:
    """The API version that the catalog's fields are of."""
    return str(yaml.safe_load((CATALOG / "stripe.yml").read_text(encoding="utf-8"))["version"])


def is_transient(response: httpx.Response, code: str | None) -> bool:
    """Stripe says itself whether to try again, where it knows.

    A "false" ends the tries of a conflict alone: a read that was limited or failed on Stripe's side does no harm.
    """
    told = response.headers.get("stripe-should-retry")
    if told is not None:
        return bool(told == "true")
    return response.status_code == httpx.codes.CONFLICT or code in {"lock_timeout", "rate_limit"}


def plural(name: str) -> str:
    """The path of an object's list."""
    return f"/v1/{name}s"


@dataclass(frozen=True, slots=True)
class _Version:
    """What an event, or a list, shows of an object.

    Attributes:
        key: The object's id.
        raw: Its JSON text.
        at: When the event, or the object, was created: Unix seconds.
        is_deletion: Whether the object is gone since.
        is_stale: Whether the object itself is to be asked for instead.
    """

    key: str
    raw: str
    at: int
    is_deletion: bool = False
    is_stale: bool = False


class Stripe:
    """One account.

    Args:
        connection: Host and, as password, a restricted key.
        options: For the client, in tests.
    """

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        headers = connection.bearer() | {"Stripe-Version": pinned_version()}
        self._client = SourceClient(
            "stripe", connection.host, authorise=lambda _: headers, is_transient=is_transient, **options
        )
        self._livemode: bool | None = None
        self._is_mixed = False

    def __enter__(self) -> Stripe:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every customer or product that there is now.

        Events tell of deletions; the comparison finds those whose event was missed in a gap. With a key of the other
        mode it would find everything.
        """
        if schema.name not in _VANISHING or self._is_mixed:
            return None
        return (record["id"] for record in self._listed(schema.name, {}))

    def records(self, schema: ObjectSchema, keys: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        """The objects of some ids that are not deleted."""
        for key in keys:
            raw = self._present(schema.name, key)
            record = parse(raw) if raw is not None else {"deleted": True}
            if raw is not None and not record.get("deleted"):
                yield raw, _instant(record["created"])

    def tombstone(self, schema: ObjectSchema, key: str, at: datetime) -> str:
        """The record that says a key is gone, as Stripe answers for a deleted object.

        https://docs.stripe.com/api/customers/delete
        """
        record: dict[str, Any] = {"id": key, "object": schema.name, "deleted": True}
        required = [field.name for field in schema.fields if field.required and field.type == "epoch"]
        return json.dumps(record | dict.fromkeys(required, int(at.timestamp())))

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

        The versions of an object come in the order of time, its present state last. Of a window (`until`) the present
        state alone comes: an older version would be the last to land.
        """
        name = schema.name
        started = datetime.now(UTC)
        reached = parse_instant(cursor)
        since = int(reached.timestamp()) if reached is not None else None
        warnings: list[str] = []
        # The newest event of all, taken first: what changes during the extraction comes after it.
        newest = next(self._pages("/v1/events", {"limit": "1"}, only_first=True), None)
        if since is not None and name in EVENT_TYPES and not self._reaches(since, newest, state, started):
            warnings.append(f"stripe.{name}: {_GAP if until is None else _OLD_WINDOW}")
            since = None
        bound = {"created[lt]": str(math.ceil(until.timestamp()))} if until is not None else {}
        remember = {key: state[key] for key in ("livemode", "listed_at") if key in state}
        stamps = [newest["created"]] if newest is not None else []
        if since is None:
            for record in self._listed(name, bound):
                spool.write(self._whole(record.raw), _instant(record["created"]), again=True)
                stamps.append(record["created"])
            # The list was read after this event: what events told until then is in it, or was gone by then.
            remember["listed_at"] = newest["created"] if newest is not None else 0
        else:
            low = since - int(OVERLAP.total_seconds())
            versions: list[_Version] = []
            if name in EVENT_TYPES:
                low_event = max(low, state.get("listed_at", 0))
                versions = self._changes(name, bound | {"created[gte]": str(low_event)}, is_window=until is not None)
            listed = [
                _Version(record["id"], self._whole(record.raw), record["created"])
                for record in self._listed(name, bound | {"created[gte]": str(low)})
            ]
            stamps += [version.at for version in listed]
            _write_changed(self._settled(name, versions, listed[::-1]), spool)
        if self._livemode is not None:
            remember.setdefault("livemode", self._livemode)
            self._is_mixed = remember["livemode"] != self._livemode
        if self._is_mixed:
            modes = ("test", "live") if remember["livemode"] else ("live", "test")
            warnings.append(f"stripe.{name}: {_MIXED.format(*modes)}")
        if newest is not None:
            remember["newest"] = newest["id"]
        remember["at"] = instant_text(started)
        # An object may be created after the events were read: only where nothing else tells the time, it does.
        if newest is not None and name in EVENT_TYPES:
            stamps = stamps[:1]
        cursor_to = min(max(stamps), int(started.timestamp())) if stamps else since
        cursor_text = instant_text(_instant(cursor_to)) if cursor_to is not None else None
        return Fetched(cursor_text, remember=remember, warnings=tuple(warnings))

    def _reaches(self, since: int, newest: _Record | None, state: Mapping[str, Any], now: datetime) -> bool:
        """Whether no event since the cursor can have been lost.

        Stripe has one that is as old still, or none that was not known last time. An account where nothing happens has
        no events at all: there it counts when the last run was.
        """
        if newest is None:
            last = parse_instant(state.get("at"))
            return last is not None and now - last < _EVENTS_KEPT
        if newest["id"] == state.get("newest"):
            return True
        parameters = {"limit": "1", "created[lte]": str(since)}
        return any(True for _ in self._pages("/v1/events", parameters, only_first=True))

    def _changes(self, name: str, bound: Mapping[str, str], *, is_window: bool) -> list[_Version]:
        """The versions of an object's records that events carry, oldest first; of one second a deletion last."""
        versions = []
        for event in self._pages("/v1/events", {"limit": str(PAGE), "type": EVENT_TYPES[name], **bound}):
            raw = members(members(event.raw)["data"])["object"]
            record = parse(raw)
            if record.get("object") != name:
                continue
            is_deletion = event["type"] in _DELETED_BY_EVENT
            if is_deletion and "deleted" not in record:
                raw = raw[: raw.rindex("}")].rstrip() + ', "deleted": true}'
            # An event shows its object in the version of its day, and the first ten lines of an invoice.
            is_stale = is_window or event.get("api_version") != pinned_version() or bool(_SHORTENED.search(raw))
            versions.append(_Version(record["id"], raw, event["created"], is_deletion, is_stale and not is_deletion))
        versions.reverse()
        versions.sort(key=lambda version: (version.at, version.is_deletion))
        return versions

    def _settled(self, name: str, versions: list[_Version], listed: list[_Version]) -> list[_Version]:
        """The versions told by events and the list, with the present state of those objects where they leave it open.

        They do for a stale version, and for several versions of one second, whose order Stripe does not tell. A list
        that was read after the events has the present state already.
        """
        last: dict[str, list[_Version]] = {}
        for version in versions:
            latest = last.setdefault(version.key, [])
            if latest and latest[0].at != version.at:
                latest.clear()
            latest.append(version)
        stale = {version.key for version in versions if version.is_stale}
        unordered = {key for key, latest in last.items() if len({version.raw for version in latest}) > 1}
        known = {version.key for version in listed} | {version.key for version in versions if version.is_deletion}
        present: dict[str, _Version] = {}
        for key in sorted((stale | unordered) - known):
            if (raw := self._present(name, key)) is not None:
                present[key] = _Version(key, raw, last[key][0].at)
        replaced = known | present.keys()
        kept = [version for version in versions if not version.is_stale or version.key not in replaced]
        return kept + list(present.values()) + listed

    def _present(self, name: str, key: str) -> str | None:
        """An object as it is now; None when it is gone."""
        try:
            return self._whole(_without_secret(self._get(f"{plural(name)}/{key}", {}, holds="id").content.decode()))
        except RefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None

    def _whole(self, raw: str) -> str:
        """A record with all elements of its lists, of which Stripe shows the first ten.

        https://docs.stripe.com/api/invoices/object, `lines`
        """
        if not _SHORTENED.search(raw):
            return raw
        fields = members(raw)
        for name, text in fields.items():
            if not text.startswith("{") or not _SHORTENED.search(text):
                continue
            inner = members(text)
            if inner.get("has_more") != "true" or "url" not in inner:
                continue
            url = urlsplit(json.loads(inner["url"]))
            # The key goes where the connection says, wherever an answer points to.
            if url.netloc or not url.path.startswith("/v1/"):
                raise PermanentError(f"stripe: the list {name} of a record is not below /v1/")
            parameters = dict(parse_qsl(url.query)) | {"limit": str(PAGE)}
            found = [record.raw for record in self._pages(url.path, parameters)]
            fields[name] = _object_text(inner | {"data": f"[{', '.join(found)}]", "has_more": "false"})
        return _object_text(fields)

    def _listed(self, name: str, bound: Mapping[str, str]) -> Iterator[_Record]:
        """The objects of a kind, newest first."""
        for parameters in _LISTINGS.get(name, ({},)):
            yield from self._pages(plural(name), {"limit": str(PAGE)} | dict(parameters) | dict(bound))

    def _pages(self, path: str, parameters: Mapping[str, str], *, only_first: bool = False) -> Iterator[_Record]:
        """The records of a list, newest first: what is added meanwhile comes before them and shifts none."""
        onward = Onward(f"stripe: GET {path}")
        after: dict[str, str] = {}
        while True:
            try:
                page = members(self._get(path, dict(parameters) | after).content.decode())
            except RefusedError as error:
                if after and error.code == "resource_missing":
                    raise TransientError(f"stripe: GET {path}: the record that the next page follows is gone") from None
                raise
            last: _Record | None = None
            for raw in elements(page["data"]):
                last = _Record(_without_secret(raw))
                mode = last.get("livemode")
                self._livemode = mode if isinstance(mode, bool) else self._livemode
                yield last
            if only_first or page.get("has_more") == "false":
                return
            if last is None or page.get("has_more") != "true":
                raise TransientError(f"stripe: GET {path}: a page does not say whether another one follows")
            after = {"starting_after": onward.to(last["id"])}

    def _get(self, path: str, parameters: Mapping[str, str], *, holds: str | None = None) -> httpx.Response:
        """Ask for a list, or what holds something else, and say what helps against a refusal."""
        try:
            lists = "data" if holds is None else None
            return self._client.get(path, holds=holds, lists=lists, params=dict(parameters))
        except RefusedError as error:
            if error.status not in _REMEDIES:
                raise
            message = f"{error}: {_REMEDIES[error.status]}"
            raise RefusedError(message, status=error.status, code=error.code) from None


_GAP = "the events since the last run are gone (Stripe keeps 30 days), so everything was loaded again"
_OLD_WINDOW = (
    "the events of the range are gone (Stripe keeps 30 days), so everything that was created before its end was loaded"
)
_MIXED = (
    "the key is of the {} mode, but {} data was landed before: put the right key into the connection; to begin anew "
    "with this one, remove the object's loads"
)


class _Record:
    """A record, parsed and as received."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self._fields: dict[str, Any] = parse(raw)

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def get(self, name: str) -> Any:
        """A field, or None."""
        return self._fields.get(name)


def _without_secret(raw: str) -> str:
    """A record without what a browser pays or confirms with: who reads the landing has no use for it.

    https://docs.stripe.com/api/payment_intents/object, `client_secret`: "should not be stored, logged, or exposed".
    """
    return _SECRET.sub(r"\1null", raw)


def _write_changed(versions: list[_Version], spool: Spool) -> None:
    """Write all versions of those objects of which any is new.

    A known version may not be left out alone: an older one that comes late would then be the last to land.
    """
    changed = {version.key for version in versions if not spool.knows(version.raw)}
    for version in versions:
        if version.key in changed:
            spool.write(version.raw, _instant(version.at), again=True)
        else:
            spool.keep(version.raw, _instant(version.at))


def _object_text(fields: Mapping[str, str]) -> str:
    """A JSON object of members that are text already."""
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in fields.items()) + "}"


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
