"""What Stripe's ways of listing and telling would lose, over HTTP from the sample company."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from landed_records import land_records

from partner_warehouse.errors import PermanentError
from partner_warehouse.extract.api import Window, ingest_api
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.extract.state import state_path
from partner_warehouse.extract.stripe import Stripe
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import data_files
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company, Snapshot
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve
from partner_warehouse.sandbox.timeline import Record
from partner_warehouse.sandbox.vocabulary import STRIPE_OBJECTS
from partner_warehouse.settings import ROOT, Settings, load_settings

pytestmark = pytest.mark.server

FIXTURES = ROOT.parent / "shared" / "data" / "raw_shapes" / "stripe_api" / "fixtures3.json"
"""Beside the checkout, and no part of it."""

Home = Callable[[str], Settings]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.generate(seed=5, scale=0.05, profile_name="clean")


@pytest.fixture
def account(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    with serve(company, now=AS_OF) as endpoints:
        for name, value in connection_variables(endpoints.urls).items():
            monkeypatch.setenv(name, value)
        yield endpoints


@pytest.fixture
def at(tmp_path: Path) -> Home:
    """An installation of its own, by name."""
    return lambda name: load_settings(home=tmp_path / name)


def landed(settings: Settings, name: str) -> dict[str, Record]:
    """The valid version of every record of an object, as staging chooses it."""
    files = settings.landing_dir / "stripe" / name / "*" / "data.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT id, _raw FROM {data_files('?')} "
            "QUALIFY row_number() OVER (PARTITION BY id ORDER BY _load_id DESC, _row DESC) = 1",
            [str(files)],
        ).fetchall()
    return {key: json.loads(raw) for key, raw in rows}


def test_a_full_load_has_every_object_there_is(account: Endpoints, at: Home) -> None:
    settings = at("full")
    for name in STRIPE_OBJECTS:
        ingest("stripe", name, settings)
        present = {record["id"] for record in account.clock.snapshot.stripe(name)}
        assert landed(settings, name).keys() == present, name
    subscriptions = landed(settings, "subscription").values()
    assert any(subscription["status"] == "canceled" for subscription in subscriptions)


def test_a_long_invoice_lands_with_all_its_lines(account: Endpoints, at: Home) -> None:
    whole, steps = at("whole"), at("steps")
    ingest("stripe", "invoice", whole)
    account.clock.move(AS_OF - timedelta(days=20))
    ingest("stripe", "invoice", steps)
    account.clock.move(AS_OF)
    ingest("stripe", "invoice", steps)
    for invoices in (landed(whole, "invoice").values(), landed(steps, "invoice").values()):
        assert max(len(invoice["lines"]["data"]) for invoice in invoices) > 100, "more than a page"
        for invoice in invoices:
            lines = invoice["lines"]
            assert not lines["has_more"]
            assert len(lines["data"]) == len({line["id"] for line in lines["data"]}) == lines["total_count"]
            assert sum(line["amount"] for line in lines["data"]) == invoice["subtotal"]
    assert landed(whole, "invoice") == landed(steps, "invoice")


@pytest.mark.parametrize("name", ["subscription", "refund", "customer", "charge"])
def test_a_gap_of_more_than_thirty_days_loads_everything_again_and_says_so(
    account: Endpoints, at: Home, name: str
) -> None:
    steps, whole = at("steps"), at("whole")
    account.clock.move(AS_OF - timedelta(days=70))
    assert not ingest("stripe", name, steps).warnings
    account.clock.move(AS_OF)
    gap = ingest("stripe", name, steps)
    assert any("everything was loaded again" in warning for warning in gap.warnings)
    ingest("stripe", name, whole)
    present = landed(whole, name)
    assert {key: record for key, record in landed(steps, name).items() if key in present} == present
    assert not ingest("stripe", name, steps).warnings


def test_a_range_shows_what_changed_in_it_as_it_is_now(account: Endpoints, at: Home) -> None:
    settings = at("range")
    ingest("stripe", "invoice", settings)
    before = landed(settings, "invoice")
    window = Window(AS_OF - timedelta(days=20), AS_OF - timedelta(days=6))
    outcome = ingest("stripe", "invoice", settings, window=window)
    assert outcome.landed > 0
    assert landed(settings, "invoice") == before, "no older version came after the present one"


def test_a_deletion_that_no_event_tells_of_is_found(
    account: Endpoints, at: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = at("deletion")
    ingest("stripe", "customer", settings)
    gone = sorted(landed(settings, "customer"))[:2]
    shown = Snapshot.stripe
    monkeypatch.setattr(
        Snapshot, "stripe", lambda self, name: [record for record in shown(self, name) if record["id"] not in gone]
    )
    path = state_path(settings, "stripe", "customer")
    state = json.loads(path.read_text(encoding="utf-8"))
    state["reconciled_at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    path.write_text(json.dumps(state), encoding="utf-8")
    account.clock.move(AS_OF + timedelta(seconds=1))
    outcome = ingest("stripe", "customer", settings)
    assert (outcome.landed, outcome.quarantined) == (2, 0)
    assert sorted(key for key, record in landed(settings, "customer").items() if record.get("deleted")) == gone


def test_a_key_of_the_other_mode_deletes_nothing_and_is_told(
    account: Endpoints, at: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = at("mode")
    ingest("stripe", "customer", settings)
    before = landed(settings, "customer")
    shown, told = Snapshot.stripe, account.clock.snapshot.stripe_events

    def live(records: list[Record]) -> list[Record]:
        return [record | {"id": f"live_{record['id']}", "livemode": True} for record in records[-3:]]

    monkeypatch.setattr(Snapshot, "stripe", lambda self, name: live(shown(self, name)))
    monkeypatch.setattr(Snapshot, "stripe_events", property(lambda _: live(told)))
    path = state_path(settings, "stripe", "customer")
    state = json.loads(path.read_text(encoding="utf-8"))
    state["reconciled_at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    path.write_text(json.dumps(state), encoding="utf-8")
    account.clock.move(AS_OF + timedelta(seconds=1))
    outcome = ingest("stripe", "customer", settings)
    assert any("the key is of the live mode, but test data was landed before" in text for text in outcome.warnings)
    assert landed(settings, "customer").items() >= before.items()


def test_a_refused_key_says_what_to_do_and_not_what_it_is(account: Endpoints, at: Home) -> None:
    connection = SourceConnection("stripe_default", account.urls["stripe"], password="rk_test_marked")
    with Stripe(connection) as client, pytest.raises(PermanentError, match="create a restricted key") as refused:
        ingest_api(load_catalog("stripe").objects["charge"], at("refused"), client)
    assert "rk_test_marked" not in str(refused.value)


def fixtures() -> dict[str, Any]:
    """Resources as the API answers, by name."""
    found: dict[str, Any] = json.loads(FIXTURES.read_text(encoding="utf-8"))["resources"]
    return found


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"no {FIXTURES}: no answer of the API itself was landed")
@pytest.mark.parametrize("name", STRIPE_OBJECTS)
def test_what_the_api_answers_lands_typed(name: str, at: Home) -> None:
    record = fixtures()[name]
    settings = at(name)
    schema = load_catalog("stripe").objects[name]
    outcome = land_records(settings, schema, [record])
    assert (outcome.landed, outcome.quarantined) == (1, 0)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(settings.landing_dir / "stripe" / name / "*" / "data.parquet"))
        values = dict(zip(relation.columns, relation.fetchall()[0], strict=True))
    for field in schema.fields:
        value: Any = record
        for part in field.path:
            value = value.get(part) if isinstance(value, dict) else None
        assert (values[field.name] is None) == (value is None), field.name
    # A declared field that the version does not have would stay empty for ever; what a deletion adds is not in it.
    own = {field.path[0] for field in schema.fields} - {"deleted"}
    assert own <= record.keys()
