"""HubSpot's further objects and limits, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import httpx
import pytest

from partner_warehouse.errors import TransientError
from partner_warehouse.extract.http import SourceClient
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.sandbox import hubspot_records
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers import hubspot as server
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve
from partner_warehouse.settings import Settings

pytestmark = pytest.mark.server


@pytest.fixture
def portal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    with serve(Company.generate(seed=5, scale=0.02, profile_name="clean")) as endpoints:
        for name, value in connection_variables(endpoints.urls).items():
            monkeypatch.setenv(name, value)
        yield endpoints


def rows(settings: Settings, name: str, columns: str) -> list[tuple[object, ...]]:
    files = settings.landing_dir / "hubspot" / name / "*" / "data.parquet"
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [str(files)]).fetchall()


def test_owners_land_without_what_tells_of_a_person(settings: Settings, portal: Endpoints) -> None:
    assert ingest("hubspot", "owners", settings).landed == len(hubspot_records.OWNERS)
    assert not ingest("hubspot", "owners", settings).is_new
    assert [row[0] for row in rows(settings, "owners", "id, archived") if row[1]] == ["40000005"]
    for (raw,) in rows(settings, "owners", "_raw"):
        assert set(json.loads(str(raw))) == {"id", "type", "userId", "createdAt", "updatedAt", "archived"}


def test_pipelines_land_whole_when_any_of_them_changed(
    settings: Settings, portal: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = ingest("hubspot", "pipelines", settings)
    assert (outcome.landed, dict(outcome.undeclared)) == (2, {})
    assert not ingest("hubspot", "pipelines", settings).is_new
    found = rows(settings, "pipelines", "key, object_type, json_array_length(stages)")
    assert found == [("deals:self-service", "deals", 4), ("tickets:0", "tickets", 2)]
    renamed = [{**hubspot_records.PIPELINES["deals"][0], "label": "Online"}]
    monkeypatch.setitem(server.PIPELINES, "deals", renamed)
    assert ingest("hubspot", "pipelines", settings).landed == 2


def test_a_record_with_many_associations_is_paged(
    settings: Settings, portal: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ASSOCIATION_LIMIT", 1)
    ingest("hubspot", "deals_to_contacts", settings)
    paged = rows(settings, "deals_to_contacts", "key")
    snapshot = portal.clock.snapshot
    present = {record["id"] for record in snapshot.hubspot("deals") if not record["archived"]}
    known = snapshot.associations("deals", "contacts")
    assert len(paged) == sum(len(pairs) for key, pairs in known.items() if key in present)


def test_a_daily_limit_is_named() -> None:
    """Waiting seconds does not help with it, so whoever reads the reason must see which limit it was."""
    body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "limit of portal 42"}
    client = SourceClient(
        "hubspot",
        "http://127.0.0.1:9",
        authorise=lambda _: {},
        transport=httpx.MockTransport(lambda _: httpx.Response(429, json=body)),
        sleep=lambda _: None,
    )
    with pytest.raises(TransientError, match="HTTP 429 DAILY"):
        client.get("/crm/v3/objects/contacts")
