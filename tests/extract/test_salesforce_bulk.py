"""Much at once comes by Bulk 2.0 jobs, and is the same as by REST. Over real HTTP, with faults and expiring tokens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import orjson
import pytest

from partner_warehouse.errors import PermanentError, TransientError
from partner_warehouse.extract import salesforce
from partner_warehouse.extract.api import ingest_api
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.ingest import ingest_source, objects
from partner_warehouse.extract.salesforce import Salesforce
from partner_warehouse.extract.state import read_cursor
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import Settings, load_settings

VARIABLE = "AIRFLOW_CONN_SALESFORCE_DEFAULT"


def rows(settings: Settings, name: str, kind: str, columns: str) -> list[tuple[Any, ...]]:
    files = settings.landing_dir / "salesforce" / name / "*" / f"{kind}.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [str(files)]).fetchall()


@pytest.mark.server
def test_a_job_lands_what_rest_lands(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partner_warehouse.extract.http.pause", lambda _: None)
    monkeypatch.setattr(salesforce, "BULK_PAGE", 70)
    outcomes: dict[str, dict[str, LoadOutcome]] = {}
    installations = {"rest": load_settings(home=tmp_path / "rest"), "bulk": load_settings(home=tmp_path / "bulk")}
    calls: dict[str, int] = {}
    for way, settings in installations.items():
        company = Company.generate(seed=11, scale=0.05, profile_name="chaos")
        with serve(company) as endpoints, monkeypatch.context() as patched:
            connection = json.loads(connection_variables(endpoints.urls)[VARIABLE])
            connection["extra"]["bulk_above"] = 0 if way == "bulk" else 1_000_000
            patched.setenv(VARIABLE, json.dumps(connection))
            outcomes[way] = {found.object: found for found in ingest_source("salesforce", settings, workers=2)}
            again = ingest_source("salesforce", settings, workers=2)
            # What an overlap reads again may come in REST's words now, which no job has used: once, and no more.
            assert way == "bulk" or not any(found.is_new for found in again)
            assert not any(found.is_new for found in ingest_source("salesforce", settings, workers=2))
            calls[way] = endpoints.plans["salesforce"].requests
    assert all(calls.values())
    for name in objects("salesforce"):
        schema = load_catalog("salesforce").objects[name]
        columns = "DISTINCT " + ", ".join(f'"{field.name}"' for field in schema.fields)
        by_rest, by_job = (rows(settings, name, "data", columns) for settings in installations.values())
        assert by_rest, name
        assert by_job == by_rest, name
        aside = "DISTINCT record_key, field, reason"
        assert rows(installations["bulk"], name, "quarantine", aside) == rows(
            installations["rest"], name, "quarantine", aside
        )
        assert outcomes["bulk"][name].cursor_to == outcomes["rest"][name].cursor_to, name


CONNECTION = SourceConnection(
    "salesforce_default", "http://127.0.0.1:9", login="key", password="marked-secret", extra={"bulk_above": 0}
)


class Org:
    """An org with accounts whose names try a CSV reader, and whose jobs end as a test wants."""

    def __init__(self, *states: str, lost: int = 0) -> None:
        self.states = list(states)
        self.lost = lost
        self.calls: Counter[str] = Counter()
        self.created = "2026-03-01T00:00:00.000+0000"
        self.page: httpx.Response | None = None
        self.names = ["plain", 'a "quoted" one', "two\nlines", "comma, semicolon;", " blanks ", "Zürich 株式会社"]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "t"})
        if path.endswith("/describe"):
            named = {"Name": "string", "IsPartner": "boolean", "Id": "id", "SystemModstamp": "datetime"}
            return httpx.Response(200, json={"fields": [{"name": n, "type": t} for n, t in named.items()]})
        if path.endswith("/queryAll"):
            assert "COUNT()" in request.url.params["q"]
            return httpx.Response(200, json={"totalSize": len(self.names), "done": True, "records": []})
        what = f"{request.method} {'results' if path.endswith('/results') else 'job'}"
        self.calls[what] += 1
        if what == "POST job":
            return httpx.Response(200, json={"id": "750x", "createdDate": self.created, "state": "UploadComplete"})
        if what == "DELETE job":
            return httpx.Response(204)
        if what == "GET job":
            return httpx.Response(200, json={"state": self.states.pop(0), "errorMessage": "Jane Doe is no number"})
        if self.lost:
            self.lost -= 1
            return httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "gone"}])
        start = int(request.url.params.get("locator", "0"))
        lines = ['"Id","Name","IsPartner","SystemModstamp"']
        for number, name in enumerate(self.names[start : start + 4], start=start):
            quoted = name.replace('"', '""')
            lines.append(f'"{number}","{quoted}","{"true" if number else ""}","2026-03-0{number + 1}T00:00:00.000Z"')
        following = str(start + 4) if start + 4 < len(self.names) else "null"
        content = "\n".join(lines).encode() + b"\n"
        headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(len(lines) - 1)}
        return self.page or httpx.Response(200, content=content, headers=headers)


@pytest.fixture
def take(settings: Settings) -> Callable[[Org], LoadOutcome]:
    def ingest(org: Org) -> LoadOutcome:
        schema = load_catalog("salesforce").objects["Account"]
        with Salesforce(CONNECTION, transport=httpx.MockTransport(org), sleep=lambda _: None) as client:
            return ingest_api(schema, settings, client)

    return ingest


def test_the_text_of_a_job_comes_through_whole(settings: Settings, take: Callable[[Org], LoadOutcome]) -> None:
    org = Org("UploadComplete", "InProgress", "JobComplete")
    assert take(org).landed == 6
    found = rows(settings, "Account", "data", "CAST(Id AS INTEGER), Name, IsPartner")
    assert [name for _, name, _ in found] == org.names
    assert [is_partner for *_, is_partner in found] == [None, True, True, True, True, True]
    assert org.calls == {"POST job": 1, "GET job": 3, "GET results": 2, "DELETE job": 1}
    raw = orjson.loads(rows(settings, "Account", "data", "_raw")[0][0])
    assert raw["attributes"] == {"type": "Account"}


def test_the_cursor_never_passes_the_start_of_a_job(settings: Settings, take: Callable[[Org], LoadOutcome]) -> None:
    """A piece of the object that was read first may have changed while the last one was read."""
    org = Org("JobComplete")
    org.created = "2026-03-03T12:00:00.000+0000"
    take(org)
    cursor = read_cursor(settings, "salesforce", "Account")
    assert cursor is not None
    assert datetime.fromisoformat(cursor) == datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_fails_lands_nothing_and_quotes_nothing(
    settings: Settings, take: Callable[[Org], LoadOutcome], state: str
) -> None:
    org = Org("InProgress", state)
    with pytest.raises(TransientError, match=f"job 750x is {state.lower()}") as refused:
        take(org)
    assert "Jane" not in str(refused.value)
    assert org.calls["DELETE job"] == 1
    assert read_cursor(settings, "salesforce", "Account") is None


def test_a_lost_job_is_started_again(settings: Settings, take: Callable[[Org], LoadOutcome]) -> None:
    assert take(Org(*["JobComplete"] * 3, lost=2)).landed == 6


def test_a_job_that_is_always_lost_is_given_up(take: Callable[[Org], LoadOutcome]) -> None:
    with pytest.raises(PermanentError, match="was lost 5 times"):
        take(Org(*["JobComplete"] * 9, lost=9))


def test_a_job_without_an_end_is_left(take: Callable[[Org], LoadOutcome]) -> None:
    with pytest.raises(TransientError, match="not done after 4 hours"):
        take(Org(*["InProgress"] * 2000))


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(200, text="<html>down for maintenance</html>"),
        httpx.Response(200, text=""),
        httpx.Response(202),
        httpx.Response(204),
        httpx.Response(200, text='"Id"\n"1"\n', headers={"Sforce-Locator": "null"}),
    ],
    ids=["a proxy's page", "nothing", "accepted", "no content", "uncounted"],
)
def test_what_is_no_page_of_results_is_not_their_end(
    settings: Settings, take: Callable[[Org], LoadOutcome], page: httpx.Response
) -> None:
    org = Org("JobComplete")
    org.page = page
    with pytest.raises(TransientError, match="not whole"):
        take(org)
    assert read_cursor(settings, "salesforce", "Account") is None
