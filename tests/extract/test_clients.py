"""Each client against the turns that its API is known for, played by a small stand-in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import orjson
import pytest

from partner_warehouse.errors import PermanentError, TransientError
from partner_warehouse.extract import events as events_module
from partner_warehouse.extract.api import ingest_api, parse_instant
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.events import TRIES, Events
from partner_warehouse.extract.hubspot import SEARCH_LIMIT, HubSpot
from partner_warehouse.extract.salesforce import Salesforce
from partner_warehouse.extract.state import read_cursor, state_path, write_state
from partner_warehouse.extract.stripe import Stripe, pinned_version
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import data_files
from partner_warehouse.landing.manifest import manifests
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.settings import Settings

CONNECTION = SourceConnection("a_default", "http://source.test", "client", "marked-secret")
Handler = Callable[[httpx.Request], httpx.Response]


def options(handler: Handler) -> dict[str, Any]:
    def over_the_wire(request: httpx.Request) -> httpx.Response:
        answer = handler(request)
        # A made answer counts as read; one that arrives does not.
        content = httpx.ByteStream(b"".join(iter(answer.stream)))
        return httpx.Response(answer.status_code, headers=answer.headers, stream=content)

    return {"transport": httpx.MockTransport(over_the_wire), "sleep": lambda _: None}


def landed(settings: Settings, source: str, name: str, columns: str) -> list[Any]:
    path = str(settings.landing_dir / source / name / "*" / "data.parquet")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT {columns} FROM {data_files(path)} ORDER BY _load_id, _row").fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


class Org:
    """A Salesforce org with one kind of record, in pages of two."""

    fields = ("Id", "Name", "ProductCode", "IsActive", "IsDeleted", "CreatedDate", "SystemModstamp")

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.queries: list[str] = []
        self.tokens = 0
        self.calls_per_token = 1000
        self.lose_locators = 0
        self._left = 0

    def put(self, key: str, stamp: str, **fields: Any) -> None:
        record = {"attributes": {"type": "Product2"}, "Id": key, "SystemModstamp": stamp, "IsDeleted": False} | fields
        self.records[key] = json.dumps(record)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/services/oauth2/token":
            self.tokens += 1
            self._left = self.calls_per_token
            return httpx.Response(200, json={"access_token": f"token-{self.tokens}"})
        if request.headers["authorization"] != f"Bearer token-{self.tokens}" or self._left <= 0:
            return httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID", "message": "expired"}])
        self._left -= 1
        if request.url.path.endswith("/describe"):
            return httpx.Response(200, json={"fields": [{"name": name} for name in self.fields]})
        found = sorted(self.records.values(), key=lambda raw: json.loads(raw)["SystemModstamp"])
        if "q" in request.url.params:
            query = request.url.params["q"]
            if "COUNT()" in query:
                return httpx.Response(200, json={"totalSize": len(found), "done": True, "records": []})
            self.queries.append(query)
            low = query.partition(">= ")[2].partition(" ")[0]
            start = datetime.fromisoformat(low) if low else datetime(1, 1, 1, tzinfo=UTC)
            self._found = [r for r in found if datetime.fromisoformat(json.loads(r)["SystemModstamp"]) >= start]
            offset = 0
        else:
            if self.lose_locators:
                self.lose_locators -= 1
                return httpx.Response(400, json=[{"errorCode": "INVALID_QUERY_LOCATOR", "message": "gone"}])
            offset = int(request.url.path.rpartition("-")[2])
        page = ",".join(self._found[offset : offset + 2])
        more = offset + 2 < len(self._found)
        following = f', "nextRecordsUrl": "/services/data/v62.0/query/loc-{offset + 2}"' if more else ""
        return httpx.Response(200, text=f'{{"done": {str(not more).lower()}, "records": [{page}]{following}}}')


def pull_products(settings: Settings, org: Org) -> LoadOutcome:
    schema = load_catalog("salesforce").objects["Product2"]
    with Salesforce(CONNECTION, **options(org)) as client:
        return ingest_api(schema, settings, client)


def stamp(minute: int) -> str:
    return f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:00.000+0000"


def test_salesforce_pages_follows_and_overlaps(settings: Settings) -> None:
    org = Org()
    for number in range(5):
        org.put(f"01t{number}", stamp(number))
    outcome = pull_products(settings, org)
    assert (outcome.landed, outcome.cursor_to) == (5, "2026-01-01T00:04:00.000000Z")
    assert outcome.undeclared == {}
    assert any("Family" in warning for warning in outcome.warnings)
    assert not pull_products(settings, org).is_new
    org.put("01t9", stamp(2), Name="committed late")
    org.put("01t1", stamp(200), IsDeleted=True)
    assert pull_products(settings, org).landed == 2
    assert "SystemModstamp >= 2025-12-31T23:04:00Z" in org.queries[-1]
    assert landed(settings, "salesforce", "Product2", "Id")[5:] == ["01t9", "01t1"]
    assert landed(settings, "salesforce", "Product2", "IsDeleted")[-1] is True


def test_salesforce_refreshes_its_token_and_restarts_a_lost_query(settings: Settings) -> None:
    org = Org()
    for number in range(7):
        org.put(f"01t{number}", stamp(number))
    org.calls_per_token, org.lose_locators = 2, 2
    assert pull_products(settings, org).landed == 7
    assert org.tokens > 2
    assert sorted(landed(settings, "salesforce", "Product2", "Id")) == [f"01t{number}" for number in range(7)]


def test_a_lost_state_rereads_from_the_newest_load(settings: Settings) -> None:
    org = Org()
    org.put("01t1", stamp(5))
    pull_products(settings, org)
    state_path(settings, "salesforce", "Product2").unlink()
    assert read_cursor(settings, "salesforce", "Product2") == "2026-01-01T00:05:00.000000Z"
    org.put("01t2", stamp(6))
    pull_products(settings, org)
    assert set(landed(settings, "salesforce", "Product2", "Id")) == {"01t1", "01t2"}


def test_a_failed_extraction_lands_nothing_and_moves_nothing(settings: Settings) -> None:
    org = Org()
    for number in range(3):
        org.put(f"01t{number}", stamp(number))

    def failing(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if "/query/" in request.url.path else org(request)

    schema = load_catalog("salesforce").objects["Product2"]
    with Salesforce(CONNECTION, **options(failing)) as client, pytest.raises(TransientError):
        ingest_api(schema, settings, client)
    assert list(manifests(settings.landing_dir, "salesforce", "Product2")) == []
    assert read_cursor(settings, "salesforce", "Product2") is None


def test_a_stamp_of_the_future_does_not_move_the_cursor_beyond_the_present(settings: Settings) -> None:
    org = Org()
    org.put("01t1", "2999-01-01T00:00:00.000+0000")
    cursor = pull_products(settings, org).cursor_to
    assert cursor is not None
    assert cursor < "2900"


def test_wrong_credentials_are_permanent_and_not_repeated(settings: Settings) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": "invalid_client", "error_description": "marked-secret"})

    schema = load_catalog("salesforce").objects["Product2"]
    with Salesforce(CONNECTION, **options(refuse)) as client, pytest.raises(PermanentError) as refused:
        ingest_api(schema, settings, client)
    assert "invalid_client" in str(refused.value)
    assert "marked" not in str(refused.value)


class Portal:
    """A HubSpot portal whose search is the real one's: one sort, offsets, a cap."""

    def __init__(self, count: int, stamp_of: Callable[[int], int]) -> None:
        self.records = [
            {
                "id": str(n),
                "properties": {"hs_object_id": str(n), "hs_lastmodifieddate": _iso(stamp_of(n))},
                "archived": False,
            }
            for n in range(1, count + 1)
        ]
        self.archived: list[dict[str, Any]] = []
        self.searches = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/search"):
            archived = request.url.params.get("archived") == "true"
            records = self.archived if archived else self.records
            start = int(request.url.params.get("after", "0"))
            page = records[start : start + 100]
            body: dict[str, Any] = {"results": page}
            if start + 100 < len(records):
                body["paging"] = {"next": {"after": str(start + 100)}}
            return httpx.Response(200, json=body)
        self.searches += 1
        body = orjson.loads(request.content)
        assert len(body["sorts"]) == 1
        found = [r for r in self.records if all(_passes(r, one) for one in body["filterGroups"][0]["filters"])]
        order = body["sorts"][0]["propertyName"]
        found.sort(key=lambda r: _number(r["properties"][order]))
        start = int(body.get("after", 0))
        page = {"results": found[start : start + body["limit"]]}
        if start + body["limit"] < len(found):
            page["paging"] = {"next": {"after": str(start + body["limit"])}}
        return httpx.Response(200, json=page)


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: str) -> int:
    return int(value) if value.isdigit() else round(datetime.fromisoformat(value).timestamp() * 1000)


def _passes(record: dict[str, Any], one: dict[str, str]) -> bool:
    held, limit = _number(record["properties"][one["propertyName"]]), int(one["value"])
    return {"GTE": held >= limit, "GT": held > limit, "EQ": held == limit}[one["operator"]]


BASE = 1_767_225_600_000


@pytest.mark.parametrize(
    "stamp_of",
    [
        lambda n: BASE + n,
        lambda n: BASE,
        lambda n: BASE + n // 150,
        lambda n: BASE + n // (SEARCH_LIMIT + 1),
        lambda n: BASE + (n if n < 100 else 100),
    ],
    ids=["one by one", "one instant", "ties over pages", "ties over a page", "a tail of ties"],
)
def test_hubspot_search_delivers_every_record_once(settings: Settings, stamp_of: Callable[[int], int]) -> None:
    schema = load_catalog("hubspot").objects["companies"]
    portal = Portal(950, stamp_of)
    write_state(settings, "hubspot", "companies", {"cursor": _iso(BASE)})
    with HubSpot(CONNECTION, **options(portal)) as client:
        outcome = ingest_api(schema, settings, client)
    assert (outcome.received, outcome.duplicates) == (950, 0)
    assert sorted(map(int, landed(settings, "hubspot", "companies", "id"))) == list(range(1, 951))


def test_hubspot_s_cursor_never_passes_the_beginning_and_the_overlap_is_read_again(
    settings: Settings,
) -> None:
    """Of what changes meanwhile, is stamped ahead of our clock, or comes late to the index, nothing is missed."""
    schema = load_catalog("hubspot").objects["companies"]
    now = round(datetime.now(UTC).timestamp() * 1000)
    minute = 60_000
    portal = Portal(4, lambda n: now + (-90, 10, -59, -30)[n - 1] * minute)
    lagging, portal.records = portal.records[2:], portal.records[:2]
    began = datetime.now(UTC)
    write_state(settings, "hubspot", "companies", {"cursor": _iso(now - 120 * minute)})
    with HubSpot(CONNECTION, **options(portal)) as client:
        assert ingest_api(schema, settings, client).landed == 2
        cursor = parse_instant(read_cursor(settings, "hubspot", "companies"))
        assert cursor is not None
        assert began <= cursor <= datetime.now(UTC)
        portal.records += lagging
        assert ingest_api(schema, settings, client).landed == 2
        assert not ingest_api(schema, settings, client).is_new
    assert landed(settings, "hubspot", "companies", "id") == ["1", "2", "3", "4"]


def test_hubspot_lists_all_at_first_and_archived_records_always(settings: Settings) -> None:
    schema = load_catalog("hubspot").objects["companies"]
    portal = Portal(250, lambda n: BASE + n)
    portal.archived = [portal.records.pop() | {"archived": True, "archivedAt": _iso(BASE + 500)}]
    with HubSpot(CONNECTION, **options(portal)) as client:
        assert ingest_api(schema, settings, client).landed == 250
        assert portal.searches == 0
        gone = portal.records.pop(0) | {"archived": True, "archivedAt": _iso(BASE + 900)}
        portal.archived.append(gone)
        assert ingest_api(schema, settings, client).landed == 1
    assert landed(settings, "hubspot", "companies", "id, archived")[-1] == ("1", True)


def test_hubspot_associations_land_whole_when_any_of_them_changed(settings: Settings) -> None:
    schema = load_catalog("hubspot").objects["contacts_to_companies"]
    pairs = {"1": ["10"], "2": ["10", "11"]}
    portal = Portal(2, lambda n: BASE)

    def answer(request: httpx.Request) -> httpx.Response:
        if "/associations/" not in request.url.path:
            return portal(request)
        keys = [one["id"] for one in orjson.loads(request.content)["inputs"]]
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]
        results = [
            {"from": {"id": key}, "to": [{"toObjectId": int(end), "associationTypes": kinds} for end in pairs[key]]}
            for key in keys
        ]
        return httpx.Response(207, json={"status": "COMPLETE", "results": results})

    with HubSpot(CONNECTION, **options(answer)) as client:
        assert ingest_api(schema, settings, client).landed == 3
        assert not ingest_api(schema, settings, client).is_new
        pairs["1"] = ["11"]
        assert ingest_api(schema, settings, client).landed == 3
    assert landed(settings, "hubspot", "contacts_to_companies", "from_id, to_id, association_type")[3:] == [
        ("1", "11", "279"),
        ("2", "10", "279"),
        ("2", "11", "279"),
    ]
    with HubSpot(CONNECTION, **options(answer)) as client:
        pairs.update({"1": [], "2": []})
        assert ingest_api(schema, settings, client).landed == 1
        assert not ingest_api(schema, settings, client).is_new
    assert landed(settings, "hubspot", "contacts_to_companies", "from_id, association_type")[-1] == ("0", "none")


def test_hubspot_pages_the_associations_of_one_record_and_refuses_half_an_answer(settings: Settings) -> None:
    schema = load_catalog("hubspot").objects["contacts_to_companies"]
    portal = Portal(2, lambda n: BASE)
    ends = {"1": [10, 11, 12, 13, 14], "2": [10]}
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]
    errors: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if "/associations/" not in request.url.path:
            return portal(request)
        results = []
        for one in orjson.loads(request.content)["inputs"]:
            start = int(one.get("after", 0))
            page = [{"toObjectId": end, "associationTypes": kinds} for end in ends[one["id"]][start : start + 2]]
            result: dict[str, Any] = {"from": {"id": one["id"]}, "to": page}
            if start + 2 < len(ends[one["id"]]):
                result["paging"] = {"next": {"after": str(start + 2)}}
            results.append(result)
        return httpx.Response(207, json={"status": "COMPLETE", "results": results, "errors": errors})

    with HubSpot(CONNECTION, **options(answer)) as client:
        errors.append({"category": "INTERNAL", "subCategory": "crm.associations.TIMEOUT", "message": "a record"})
        with pytest.raises(TransientError, match="1 of 2 records were not answered") as refused:
            ingest_api(schema, settings, client)
        assert "a record" not in str(refused.value)
        assert not list(settings.landing_dir.glob("hubspot/contacts_to_companies/*/data.parquet"))
        errors[0]["subCategory"] = "crm.associations.NO_ASSOCIATIONS_FOUND"
        assert ingest_api(schema, settings, client).landed == 6


class Account:
    """A Stripe account: refunds and the events that tell of them, newest first."""

    def __init__(self) -> None:
        self.refunds: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.kept_from = 0
        self.version = pinned_version()

    def change(self, key: str, at: int, status: str, *, created: bool = False) -> None:
        start = at if created else self.refunds[key]["created"]
        record = {"id": key, "object": "refund", "amount": 5, "currency": "usd", "status": status, "created": start}
        self.refunds[key] = record
        kind = "refund.created" if created else "refund.updated"
        event = {"id": f"evt_{len(self.events)}", "object": "event", "type": kind, "created": at}
        self.events.append(event | {"api_version": self.version, "data": {"object": dict(record)}})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["stripe-version"] == pinned_version()
        name = request.url.path.removeprefix("/v1/")
        if name.startswith("refunds/"):
            return httpx.Response(200, json=self.refunds[name.partition("/")[2]])
        records = (
            [e for e in self.events if e["created"] >= self.kept_from] if name == "events" else [*self.refunds.values()]
        )
        records = sorted(records, key=lambda record: record["created"])[::-1]
        parameters = request.url.params
        low, high = int(parameters.get("created[gte]", 0)), int(parameters.get("created[lte]", 10**12))
        found = [record for record in records if low <= record["created"] <= high]
        if after := parameters.get("starting_after"):
            found = found[[record["id"] for record in found].index(after) + 1 :]
        page = found[: int(parameters["limit"])]
        # Stripe's answers are indented.
        return httpx.Response(200, text=json.dumps({"data": page, "has_more": len(found) > len(page)}, indent=2))


def pull_refunds(settings: Settings, account: Account) -> LoadOutcome:
    schema = load_catalog("stripe").objects["refund"]
    with Stripe(CONNECTION, **options(account)) as client:
        return ingest_api(schema, settings, client)


DAY = 86_400
START = 1_767_225_600


def test_stripe_lists_at_first_and_then_follows_events(settings: Settings) -> None:
    account = Account()
    for number in range(250):
        account.change(f"re_{number}", START + number, "pending", created=True)
    assert pull_refunds(settings, account).landed == 250
    account.change("re_3", START + DAY, "succeeded")
    account.change("re_new", START + DAY + 1, "pending", created=True)
    outcome = pull_refunds(settings, account)
    newest = dict(landed(settings, "stripe", "refund", "id, status"))
    assert (newest["re_3"], newest["re_new"], len(newest)) == ("succeeded", "pending", 251)
    assert outcome.cursor_to == "2026-01-02T00:00:01.000000Z"
    assert not any("every" in warning for warning in outcome.warnings)
    assert not pull_refunds(settings, account).is_new


@pytest.mark.parametrize("page", [{"data": [], "has_more": True}, {"data": []}], ids=["empty", "unmarked"])
def test_stripe_s_listing_ends_where_it_says_so(settings: Settings, page: dict[str, Any]) -> None:
    account = Account()
    for number in range(250):
        account.change(f"re_{number}", START + number, "pending", created=True)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=page) if "starting_after" in request.url.params else account(request)

    with Stripe(CONNECTION, **options(answer)) as client, pytest.raises(TransientError, match="whether another one"):
        ingest_api(load_catalog("stripe").objects["refund"], settings, client)
    assert pull_refunds(settings, account).landed == 250


def test_stripe_s_secrets_for_browsers_do_not_land(settings: Settings) -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "amount": 5, "currency": "usd", "created": START}
    intent |= {"status": "succeeded", "client_secret": "pi_1_secret_marked"}

    def answer(request: httpx.Request) -> httpx.Response:
        events = request.url.path.endswith("/events")
        return httpx.Response(200, json={"data": [] if events else [intent], "has_more": False})

    with Stripe(CONNECTION, **options(answer)) as client:
        assert ingest_api(load_catalog("stripe").objects["payment_intent"], settings, client).landed == 1
    assert "marked" not in str(landed(settings, "stripe", "payment_intent", "*"))


def test_stripe_s_last_version_lands_last(settings: Settings) -> None:
    account = Account()
    account.change("re_1", START, "pending", created=True)
    pull_refunds(settings, account)
    account.change("re_1", START + 10, "requires_action")
    account.change("re_1", START + 20, "pending")
    pull_refunds(settings, account)
    assert landed(settings, "stripe", "refund", "status")[-1] == "pending"
    # A version that is told late must not come after the one that is valid.
    late = dict(account.events[1]) | {"id": "evt_late", "created": START + 15}
    late["data"] = {"object": late["data"]["object"] | {"status": "failed"}}
    account.events.append(late)
    pull_refunds(settings, account)
    assert landed(settings, "stripe", "refund", "status")[-1] == "pending"


def test_stripe_loads_everything_again_after_a_gap_in_its_events(settings: Settings) -> None:
    account = Account()
    account.change("re_1", START, "pending", created=True)
    pull_refunds(settings, account)
    account.change("re_1", START + 40 * DAY, "succeeded")
    account.kept_from = START + 39 * DAY
    account.events.pop()
    account.change("re_2", START + 70 * DAY, "pending", created=True)
    account.kept_from = START + 45 * DAY
    outcome = pull_refunds(settings, account)
    assert any("everything was loaded again" in warning for warning in outcome.warnings)
    assert dict(landed(settings, "stripe", "refund", "id, status")) == {"re_1": "succeeded", "re_2": "pending"}


def test_stripe_asks_for_the_object_when_an_event_is_of_another_version(settings: Settings) -> None:
    account = Account()
    account.change("re_1", START, "pending", created=True)
    pull_refunds(settings, account)
    account.version = "2019-01-01"
    account.change("re_1", START + 10, "succeeded")
    account.events[-1]["data"]["object"] = {"id": "re_1", "object": "refund", "old_shape": True}
    outcome = pull_refunds(settings, account)
    assert outcome.quarantined == 0
    assert landed(settings, "stripe", "refund", "status")[-1] == "succeeded"


class Collector:
    """An event collector with hourly files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.damaged = 0

    def put(self, hour: int, *message_ids: str) -> None:
        at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).isoformat()
        lines = [{"messageId": key, "type": "track", "timestamp": at, "receivedAt": at} for key in message_ids]
        name = f"2026-01-{1 + hour // 24:02d}/{hour % 24:02d}.ndjson.gz"
        self.files[name] = gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines), 0, mtime=0)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/files":
            after, limit = request.url.params["after"], 50
            names = sorted(name for name in self.files if name > after)
            files = [{"name": n, "bytes": len(self.files[n]), "etag": str(hash(self.files[n]))} for n in names[:limit]]
            return httpx.Response(200, json={"files": files, "has_more": len(names) > limit})
        name = request.url.path.removeprefix("/v1/files/")
        self.fetched.append(name)
        if self.damaged:
            self.damaged -= 1
            return httpx.Response(200, content=self.files[name][:-9])
        return httpx.Response(200, content=self.files[name])


@pytest.mark.parametrize("page", [{"files": [], "has_more": True}, {"files": []}, {"files": [], "has_more": None}])
def test_the_listing_of_event_files_ends_where_it_says_so(settings: Settings, page: dict[str, Any]) -> None:
    collector = Collector()
    for hour in range(120):
        collector.put(hour, f"m{hour}")

    def answer(request: httpx.Request) -> httpx.Response:
        is_later = request.url.path == "/v1/files" and request.url.params["after"]
        return httpx.Response(200, json=page) if is_later else collector(request)

    schema = load_catalog("events").objects["events"]
    with Events(CONNECTION, **options(answer)) as client, pytest.raises(TransientError, match="has_more"):
        client.ingest(schema, settings)
    assert pull_events(settings, collector).landed == 120


def pull_events(settings: Settings, collector: Collector, **kwargs: Any) -> LoadOutcome:
    schema = load_catalog("events").objects["events"]
    with Events(CONNECTION, **options(collector)) as client:
        return client.ingest(schema, settings, **kwargs)


def test_event_files_land_once_in_order_and_late_ones_too(settings: Settings) -> None:
    collector = Collector()
    for hour in range(120):
        collector.put(hour, f"m{hour}")
    del collector.files["2026-01-05/03.ndjson.gz"]
    assert pull_events(settings, collector).landed == 119
    assert landed(settings, "events", "events", "messageId")[:3] == ["m0", "m1", "m2"]
    assert not pull_events(settings, collector).is_new
    collector.put(99, "m99")
    collector.put(120, "m120")
    assert pull_events(settings, collector).landed == 2
    assert landed(settings, "events", "events", "messageId")[-2:] == ["m99", "m120"]
    assert len(collector.fetched) == len(set(collector.fetched)) == 121


def test_a_file_that_appears_after_months_is_found_by_the_daily_listing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    for hour in range(300):
        collector.put(hour, *([f"m{hour}"] if hour % 50 else []))
    del collector.files["2026-01-01/05.ndjson.gz"]
    assert pull_events(settings, collector).landed == 293
    collector.put(5, "m5")
    assert not pull_events(settings, collector).is_new
    monkeypatch.setattr(events_module, "WHOLE_LISTING", timedelta(0))
    assert pull_events(settings, collector).landed == 1
    assert not pull_events(settings, collector).is_new
    # Neither what was landed nor an hour without events is fetched a second time.
    assert len(collector.fetched) == len(set(collector.fetched)) == 300
    state_path(settings, "events", "events").unlink()
    collector.put(7, "m7", "late")
    assert pull_events(settings, collector).landed == 2
    assert len(set(landed(settings, "events", "events", "messageId"))) == 295


@pytest.mark.parametrize("lost", [(), ("events.fetched",), ("events.json",), ("events.fetched", "events.json")])
def test_an_old_file_that_is_replaced_is_found_by_the_daily_listing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, lost: tuple[str, ...]
) -> None:
    collector = Collector()
    for hour in range(100):
        collector.put(hour, *([f"m{hour}"] if hour != 9 else []))
    pull_events(settings, collector)
    for name in lost:
        (settings.home / "state" / "events" / name).unlink()
    collector.put(7, "m7", "late")
    collector.put(9, "no more empty")
    # Of the same size: the tag alone tells, where it is still known.
    collector.put(5, "n5")
    found = {"m7", "late", "no more empty"} | (set() if "events.fetched" in lost else {"n5"})
    monkeypatch.setattr(events_module, "WHOLE_LISTING", timedelta(0))
    assert pull_events(settings, collector).landed == len(found)
    assert set(landed(settings, "events", "events", "messageId")[99:]) == found
    collector.fetched.clear()
    assert not pull_events(settings, collector).is_new
    assert not collector.fetched


def test_a_long_backlog_lands_in_parts_and_goes_on_after_a_fault(settings: Settings) -> None:
    collector = Collector()
    for hour in range(10):
        collector.put(hour, f"m{hour}")
    collector.damaged = 0
    size = max(map(len, collector.files.values()))

    def failing(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404) if request.url.path.endswith("05.ndjson.gz") else collector(request)

    schema = load_catalog("events").objects["events"]
    with Events(CONNECTION, **options(failing)) as client, pytest.raises(PermanentError):
        client.ingest(schema, settings, load_bytes=2 * size)
    assert landed(settings, "events", "events", "messageId") == [f"m{hour}" for hour in range(4)]
    outcome = pull_events(settings, collector, load_bytes=2 * size)
    assert (outcome.landed, len(outcome.load_ids)) == (6, 3)
    assert landed(settings, "events", "events", "messageId") == [f"m{hour}" for hour in range(10)]


def test_an_hour_without_events_is_passed(settings: Settings) -> None:
    collector = Collector()
    collector.put(0)
    assert not pull_events(settings, collector).is_new
    assert not pull_events(settings, collector).is_new
    assert len(collector.fetched) == 1
    collector.put(1, "m1")
    assert pull_events(settings, collector).landed == 1


def test_a_damaged_event_file_is_not_landed(settings: Settings) -> None:
    collector = Collector()
    collector.put(0, "m0")
    collector.damaged = TRIES
    with pytest.raises(TransientError, match="damaged"):
        pull_events(settings, collector)
    collector.damaged = TRIES - 1
    assert pull_events(settings, collector).landed == 1


def test_a_lost_events_state_goes_on_from_the_manifests(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    for hour in range(5):
        collector.put(hour, f"m{hour}")
    with monkeypatch.context() as patched:
        patched.setattr(events_module, "write_state", lambda *_: None)
        pull_events(settings, collector)
    collector.put(5, "m5")
    assert pull_events(settings, collector).landed == 1
    state_path(settings, "events", "events").unlink()
    assert not pull_events(settings, collector).is_new


def test_a_file_replaced_after_a_run_was_killed_is_landed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    for hour in range(5):
        collector.put(hour, f"m{hour}")
    with monkeypatch.context() as patched:
        patched.setattr(events_module, "write_state", lambda *_: None)  # killed between the load and its state
        pull_events(settings, collector)
    collector.put(3, "m3", "m3-late")
    assert pull_events(settings, collector).landed == 2
    collector.fetched.clear()
    assert not pull_events(settings, collector).is_new
    assert not collector.fetched


def test_a_collector_without_tags_shows_its_new_files(settings: Settings) -> None:
    collector = Collector()

    def untagged(request: httpx.Request) -> httpx.Response:
        answer = collector(request)
        if request.url.path != "/v1/files":
            return answer
        document = answer.json()
        return httpx.Response(200, json=document | {"files": [{**f, "etag": ""} for f in document["files"]]})

    schema = load_catalog("events").objects["events"]
    for hour in range(2):
        collector.put(hour, f"m{hour}")
        with Events(CONNECTION, **options(untagged)) as client:
            assert client.ingest(schema, settings).landed == 1


def test_a_source_that_sends_us_in_a_circle_is_left(settings: Settings) -> None:
    """Each listing once: the next page that it names is always the same one."""
    account = {"id": "cus_1", "object": "customer", "created": START}
    answers: dict[str, Any] = {
        "/services/oauth2/token": {"access_token": "t"},
        "/describe": {"fields": [{"name": name} for name in Org.fields]},
        "/queryAll": {"totalSize": 0, "records": [], "nextRecordsUrl": "/services/data/v62.0/query/loc-1"},
        "/query/loc-1": {"records": [], "nextRecordsUrl": "/services/data/v62.0/query/loc-1"},
        "/crm/v3/objects/companies": {"results": [], "paging": {"next": {"after": "1"}}},
        "/v1/events": {"data": [], "has_more": False},
        "/v1/customers": {"data": [account], "has_more": True},
        "/v1/files": {"files": [{"name": "a.gz", "bytes": 1, "etag": "1"}], "has_more": True},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=next(v for path, v in answers.items() if request.url.path.endswith(path)))

    for client, source, name in (
        (Salesforce(CONNECTION, **options(answer)), "salesforce", "Product2"),
        (HubSpot(CONNECTION, **options(answer)), "hubspot", "companies"),
        (Stripe(CONNECTION, **options(answer)), "stripe", "customer"),
    ):
        with pytest.raises(TransientError, match=f"{source}.*in a circle"):
            ingest_api(load_catalog(source).objects[name], settings, client)
    with Events(CONNECTION, **options(answer)) as events, pytest.raises(TransientError, match=r"events.*in a circle"):
        events.ingest(load_catalog("events").objects["events"], settings)


def test_a_portal_whose_search_ignores_its_filters_is_left(settings: Settings) -> None:
    page = [{"id": "7", "properties": {"hs_object_id": "7", "hs_lastmodifieddate": _iso(BASE)}, "archived": False}]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"results": page, "paging": {"next": {"after": "1"}}})

    write_state(settings, "hubspot", "companies", {"cursor": _iso(BASE)})
    with HubSpot(CONNECTION, **options(answer)) as client, pytest.raises(TransientError, match="in a circle"):
        ingest_api(load_catalog("hubspot").objects["companies"], settings, client)


def test_half_of_an_emoji_keeps_no_record_out(settings: Settings) -> None:
    """A source that cuts a text in the middle of a pair of surrogates delivers JSON that few parsers take."""
    org = Org()
    org.put("01t1", stamp(1), Name="fine")
    org.put("01t2", stamp(2), Name="cut \ud83d")
    org.put("01t3", stamp(3), Name="fine too")
    outcome = pull_products(settings, org)
    assert outcome.received == 3 == outcome.landed + outcome.quarantined
    assert {"01t1", "01t3"} <= set(landed(settings, "salesforce", "Product2", "Id"))


def test_a_custom_object_of_a_portal_may_have_any_name(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "catalog").mkdir()
    fields = "{id: text!, size: decimal properties.size, hs_lastmodifieddate: instant properties.hs_lastmodifieddate}"
    (home / "catalog" / "hubspot.yml").write_text(f"objects:\n  p123_how_to_guides: {fields}\n  2-12345: {fields}\n")
    monkeypatch.setenv("PARTNER_WAREHOUSE_CATALOG", str(home / "catalog"))
    for name in ("p123_how_to_guides", "2-12345"):
        portal = Portal(3, lambda n: BASE + n)
        for record in portal.records:
            record["properties"]["size"] = "1.50"
        with HubSpot(CONNECTION, **options(portal)) as client:
            assert ingest_api(load_catalog("hubspot").objects[name], settings, client).landed == 3
        assert {str(size) for size in landed(settings, "hubspot", name, "size")} == {"1.500000000000000000"}


def test_an_event_file_of_several_parts_that_lacks_the_last_is_not_landed(settings: Settings) -> None:
    collector = Collector()
    collector.put(0, "m0")
    name = "2026-01-01/00.ndjson.gz"
    first = collector.files[name]
    collector.put(0, "m1")
    collector.files[name] = first + collector.files[name]

    def cut(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=first) if request.url.path.endswith(".gz") else collector(request)

    schema = load_catalog("events").objects["events"]
    with Events(CONNECTION, **options(cut)) as client, pytest.raises(TransientError, match="damaged"):
        client.ingest(schema, settings)
    assert pull_events(settings, collector).landed == 2


def test_a_server_that_unpacks_the_files_on_the_way_is_understood(settings: Settings) -> None:
    collector = Collector()
    collector.put(0, *(f"m{number}" for number in range(50)))

    def unpacked(request: httpx.Request) -> httpx.Response:
        answer = collector(request)
        if not request.url.path.endswith(".gz"):
            return answer
        return httpx.Response(200, content=answer.content, headers={"Content-Encoding": "gzip"})

    with Events(CONNECTION, **options(unpacked)) as client:
        assert client.ingest(load_catalog("events").objects["events"], settings).landed == 50


def spoiled(handler: Handler, member: str, value: Any, calls: range) -> Handler:
    """The same source, which has another value for the list of some of its pages, counted from 0."""
    pages = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal pages
        response = handler(request)
        document = orjson.loads(response.content) if response.content.startswith(b"{") else {}
        if member not in document:
            return response
        pages += 1
        return httpx.Response(200, json=document | {member: value}) if pages - 1 in calls else response

    return answer


def many_of(source: str) -> tuple[Handler, str, str]:
    """A source of 250 records or files, the object that has them, and the member that lists them."""
    if source == "salesforce":
        org = Org()
        for number in range(250):
            org.put(f"01t{number:03d}", stamp(number))
        return org, "Product2", "records"
    if source == "hubspot":
        return Portal(250, lambda n: BASE + n), "companies", "results"
    if source == "stripe":
        account = Account()
        for number in range(250):
            account.change(f"re_{number}", START + number, "pending", created=True)
        return account, "refund", "data"
    collector = Collector()
    for hour in range(250):
        collector.put(hour, f"m{hour}")
    return collector, "events", "files"


@pytest.mark.parametrize("source", ["salesforce", "hubspot", "stripe", "events"])
@pytest.mark.parametrize("value", [None, {}, "x", 0], ids=repr)
def test_a_page_whose_list_is_none_is_not_whole(settings: Settings, source: str, value: Any) -> None:
    handler, name, member = many_of(source)
    schema = load_catalog(source).objects[name]
    clients: dict[str, Any] = {"salesforce": Salesforce, "hubspot": HubSpot, "stripe": Stripe, "events": Events}

    def pull(calls: range) -> LoadOutcome:
        with clients[source](CONNECTION, **options(spoiled(handler, member, value, calls))) as client:
            if source == "events":
                return client.ingest(schema, settings)
            return ingest_api(schema, settings, client)

    for calls in (range(1000), range(1, 1000)):
        with pytest.raises(TransientError, match="without its content"):
            pull(calls)
        assert not list(settings.landing_dir.glob(f"{source}/*/*/data.parquet"))
        assert read_cursor(settings, source, name) is None
    # What passes is asked for again, the first page as any other.
    assert pull(range(0, 1000, 2)).landed == 250


def test_a_salesforce_page_that_is_not_the_last_names_the_next(settings: Settings) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        response = org(request)
        return httpx.Response(200, json={"done": False, "records": []}) if "q" in request.url.params else response

    org = Org()
    schema = load_catalog("salesforce").objects["Product2"]
    with (
        Salesforce(CONNECTION, **options(answer)) as client,
        pytest.raises(TransientError, match="does not say where the next one is"),
    ):
        list(client.ids(schema))
