"""The same company's events in Segment's and in Snowplow's shape are the same events to the warehouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse import runner

pytestmark = pytest.mark.server

VARIABLE = "AIRFLOW_CONN_EVENTS_DEFAULT"


def events_of(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    runner.prepare(settings, as_of=AS_OF)
    runner.build("marts", settings, select="+int_identities +stg_events__events")
    with duckdb.connect(str(settings.warehouse_path), read_only=True, config=settings.search_path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
            for table, columns in {
                "staging.stg_events__events": "* EXCLUDE (_load_id, _file, _row)",
                "intermediate.int_identities": "identity_id, anonymous_id, contact_id, identified_at",
            }.items()
        }


def test_both_shapes_are_the_same_events(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partner_warehouse.extract.http.pause", lambda _: None)
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    landed: dict[str, dict[str, tuple[int, int]]] = {}
    for shape in ("segment", "snowplow"):
        settings = load_settings(home=tmp_path / shape)
        company = Company.generate(seed=11, scale=0.02, profile_name="chaos")
        with serve(company, event_shape=shape) as endpoints, monkeypatch.context() as patched:
            variables = connection_variables(endpoints.urls)
            connection = json.loads(variables[VARIABLE])
            connection["extra"]["shape"] = shape
            for name, value in (variables | {VARIABLE: json.dumps(connection)}).items():
                patched.setenv(name, value)
            outcomes = ingest_source("events", settings)
            landed[shape] = {outcome.object: (outcome.landed, outcome.quarantined) for outcome in outcomes}
            ingest_source("salesforce", settings, only=["Contact", "Account"])
            ingest_source("hubspot", settings, only=["contacts", "companies"])
            assert not any(outcome.is_new for outcome in ingest_source("events", settings))
            patched.setenv("PARTNER_WAREHOUSE_HOME", str(settings.home))
            found[shape] = events_of(settings)
    assert landed["segment"]["events"] == landed["snowplow"]["snowplow_events"]
    assert landed["segment"]["snowplow_events"] == landed["snowplow"]["events"] == (0, 0)
    assert all(rows for tables in found.values() for rows in tables.values())
    assert found["snowplow"] == found["segment"]


def test_another_shape_is_bad_input(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "http", "host": "http://127.0.0.1:9", "password": "x", "extra": {"shape": "matomo"}}
    monkeypatch.setenv(VARIABLE, json.dumps(connection))
    with pytest.raises(BadInputError, match="'matomo' of the connection: use one of segment, snowplow"):
        ingest_source("events", load_settings())
