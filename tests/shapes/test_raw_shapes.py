"""Every raw table that a connector landed passes through the types of landing and staging: nothing lost or changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from raw_shapes import SHAPES, Landing, Row, Shape, instant, put, read_shapes, remove

from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.landing.typing import MISSING
from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse import runner

pytestmark = pytest.mark.skipif(
    not SHAPES.exists(), reason=f"no raw shapes at {SHAPES}: nothing of what connectors land was tried"
)

NAMES = [f"{shape.source}.{shape.table}" for shape in read_shapes()]

DECLARED = [
    *(f"salesforce.{name}" for name in ("account", "contact", "lead", "opportunity", "product_2")),
    *(f"salesforce.{name}" for name in ("opportunity_line_item", "task", "event", "user")),
    *(f"hubspot.{name}" for name in ("company", "contact", "deal")),
    *(f"stripe.{name}" for name in ("balance_transaction", "charge", "credit_note", "customer", "dispute", "invoice")),
    *(f"stripe.{name}" for name in ("payment_intent", "price", "product", "refund", "subscription")),
]
"""Tables of objects that the product declares."""

Landed = Callable[[str], tuple[Shape, LoadOutcome]]


@pytest.fixture(scope="module")
def landed(shapes: dict[str, Shape], landing: Landing) -> Landed:
    """Land a table, once."""
    outcomes: dict[str, LoadOutcome] = {}

    def once(name: str) -> tuple[Shape, LoadOutcome]:
        if name not in outcomes:
            outcomes[name] = landing.land(shapes[name].schema(), records_of(shapes, name))
        return shapes[name], outcomes[name]

    return once


def records_of(shapes: dict[str, Shape], name: str) -> list[dict[str, Any]]:
    """A table's records; an invoice with its lines, which the connector took out of it."""
    records = shapes[name].records()
    if name == "stripe.invoice":
        for record in records:
            lines = [line for line in shapes["stripe.invoice_line_item"].rows if line["invoice_id"] == record["id"]]
            record["lines"] = {"data": [{"id": line["id"], "amount": int(line["amount"])} for line in lines]}
    return records


def test_every_object_that_corresponds_is_tried(shapes: dict[str, Shape]) -> None:
    assert len(shapes) == 76
    assert set(DECLARED) <= {name for name, shape in shapes.items() if shape.is_declared}


@pytest.mark.parametrize("name", NAMES)
def test_no_row_is_lost_and_no_value_changed(name: str, landed: Landed, landing: Landing) -> None:
    shape, outcome = landed(name)
    records = [json.dumps(record) for record in shape.records()]
    # What the API always gives and the connector's table has not: the record cannot be used, and says so.
    required = [field.name for field in shape.schema().fields if field.required]
    expected = shape.expected()
    unusable = [n for n, row in enumerate(expected, 1) if any(row[field] is None for field in required)]
    assert not (name in DECLARED and unusable)
    assert outcome.received == len(shape.rows) == outcome.landed + outcome.quarantined + outcome.duplicates
    assert outcome.duplicates == len(records) - len(set(records))
    set_aside = landing.rows(outcome, "quarantine")
    assert {entry["row"] for entry in set_aside} <= set(unusable), set_aside
    assert {entry["reason"] for entry in set_aside} <= {MISSING}
    if not shape.is_declared:
        assert outcome.quarantined == 0
    found = {row["_row"]: row for row in landing.rows(outcome)}
    assert len(found) == outcome.landed
    for position, row in found.items():
        want = expected[position - 1]
        got = {field.name: row[field.name] for field in shape.schema().fields}
        for field in shape.schema().fields:
            if field.type == "json" and got[field.name] is not None:
                got[field.name] = json.loads(got[field.name])
                want = want | ({field.name: got[field.name]} if want[field.name] is None else {})
        assert got == want


@pytest.mark.parametrize("name", NAMES)
def test_columns_that_nobody_declared_are_reported(name: str, landed: Landed, landing: Landing) -> None:
    shape, outcome = landed(name)
    assert set(outcome.undeclared) == shape.undeclared()
    manifest = landing.settings.landing_dir / shape.source / shape.name / outcome.load_ids[0] / "manifest.json"
    reported = json.loads(manifest.read_text(encoding="utf-8"))["undeclared"]
    assert reported == dict(outcome.undeclared)
    assert set(reported.values()) <= {len(shape.rows)}
    if not shape.is_declared:
        assert not reported


# Staging, column by column: what the warehouse knows of a table's record. Amounts in cents are USD and EUR here.
def _cents(column: str) -> Callable[[Row], Any]:
    return lambda row: Decimal(row[column]) / 100


def _at(column: str) -> Callable[[Row], Any]:
    return lambda row: instant(row[column])


def _is(column: str) -> Callable[[Row], Any]:
    return lambda row: row[column].lower() == "true"


def _text(column: str) -> Callable[[Row], Any]:
    return lambda row: row[column].strip() or None


def _code(column: str) -> Callable[[Row], Any]:
    return lambda row: row[column].strip().upper() or None


STAGED: dict[str, tuple[str, dict[str, Callable[[Row], Any]]]] = {
    "salesforce.account": (
        "stg_salesforce__accounts",
        {"account_id": _text("id"), "name": _text("name"), "country": _code("billing_country_code")},
    ),
    "salesforce.contact": (
        "stg_salesforce__contacts",
        {"contact_id": _text("id"), "account_id": _text("account_id"), "created_at": _at("created_date")},
    ),
    "salesforce.lead": (
        "stg_salesforce__leads",
        {
            "lead_id": _text("id"),
            "status": _text("status"),
            "converted_account_id": _text("converted_account_id"),
            "created_at": _at("created_date"),
        },
    ),
    "salesforce.opportunity": (
        "stg_salesforce__opportunities",
        {
            "opportunity_id": _text("id"),
            "account_id": _text("account_id"),
            "name": _text("name"),
            "stage": _text("stage_name"),
            "amount": lambda row: Decimal(row["amount"]) if row["amount"] else None,
            "is_won": _is("is_won"),
            "is_closed": _is("is_closed"),
            "close_date": lambda row: date.fromisoformat(row["close_date"][:10]),
            "created_at": _at("created_date"),
        },
    ),
    "salesforce.product_2": (
        "stg_salesforce__products",
        {"product_id": _text("id"), "name": _text("name"), "product_code": _text("product_code")},
    ),
    "salesforce.opportunity_line_item": (
        "stg_salesforce__opportunity_line_items",
        {
            "opportunity_line_item_id": _text("id"),
            "opportunity_id": _text("opportunity_id"),
            "product_id": _text("product_2_id"),
            "total_price": lambda row: Decimal(row["total_price"]) if row["total_price"] else None,
        },
    ),
    "salesforce.task": (
        "stg_salesforce__tasks",
        {
            "task_id": _text("id"),
            "who_id": _text("who_id"),
            "what_id": _text("what_id"),
            "owner_id": _text("owner_id"),
            "is_closed": _is("is_closed"),
        },
    ),
    "salesforce.event": (
        "stg_salesforce__events",
        {"event_id": _text("id"), "owner_id": _text("owner_id"), "starts_at": _at("start_date_time")},
    ),
    "hubspot.company": (
        "stg_hubspot__companies",
        {"company_id": _text("id"), "name": _text("property_name"), "created_at": _at("property_createdate")},
    ),
    "hubspot.contact": ("stg_hubspot__contacts", {"contact_id": _text("id"), "created_at": _at("property_createdate")}),
    "hubspot.deal": (
        "stg_hubspot__deals",
        {"deal_id": _text("deal_id"), "name": _text("property_dealname"), "created_at": _at("property_createdate")},
    ),
    "stripe.charge": (
        "stg_stripe__charges",
        {"charge_id": _text("id"), "payment_intent_id": _text("payment_intent_id")},
    ),
    "stripe.credit_note": (
        "stg_stripe__credit_notes",
        {"credit_note_id": _text("id"), "invoice_id": _text("invoice_id"), "issued_at": _at("created")},
    ),
    "stripe.dispute": (
        "stg_stripe__disputes",
        {"dispute_id": _text("id"), "charge_id": _text("charge_id"), "opened_at": _at("created")},
    ),
    "stripe.price": ("stg_stripe__prices", {"price_id": _text("id"), "product_id": _text("product_id")}),
    "stripe.product": ("stg_stripe__products", {"product_id": _text("id"), "name": _text("name")}),
    "stripe.refund": (
        "stg_stripe__refunds",
        {
            "refund_id": _text("id"),
            "charge_id": _text("charge_id"),
            "amount": _cents("amount"),
            "currency": _code("currency"),
            "refunded_at": _at("created"),
        },
    ),
}


@pytest.fixture(scope="module")
def staged(landed: Landed, landing: Landing) -> Landing:
    """Staging over every table that the product declares."""
    for name in DECLARED:
        landed(name)
    runner.prepare(landing.settings, as_of=datetime(2026, 4, 1, tzinfo=UTC))
    runner.build("staging", landing.settings)
    return landing


def query(landing: Landing, sql: str) -> list[dict[str, Any]]:
    """Rows of the warehouse."""
    with duckdb.connect(
        str(landing.settings.warehouse_path), read_only=True, config=landing.settings.search_path
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("name", STAGED)
def test_staging_has_every_record_with_its_values(name: str, staged: Landing, shapes: dict[str, Shape]) -> None:
    model, columns = STAGED[name]
    key = next(iter(columns))
    # Records that the source deleted are no part of staging.
    deleted = [c for c in ("is_deleted", "_fivetran_deleted") if c in shapes[name].columns and name[:6] != "stripe"]
    rows = [row for row in shapes[name].rows if not any(row[column].lower() == "true" for column in deleted)]
    expected = {row[key]: row for row in ({k: make(row) for k, make in columns.items()} for row in rows)}
    found = {row[key]: row for row in query(staged, f"SELECT {', '.join(columns)} FROM staging.{model}")}
    assert set(found) == set(expected)
    assert found == expected


def test_lines_of_an_invoice_are_staged_in_major_units(staged: Landing, shapes: dict[str, Shape]) -> None:
    rows = shapes["stripe.invoice_line_item"].rows
    invoices = {row["id"] for row in shapes["stripe.invoice"].rows}
    expected = {row["id"]: Decimal(row["amount"]) / 100 for row in rows if row["invoice_id"] in invoices}
    found = {row["line_id"]: row["net"] for row in query(staged, "SELECT * FROM staging.stg_stripe__invoice_lines")}
    assert found == expected
    assert found


@pytest.mark.parametrize("name", DECLARED)
def test_a_table_with_a_missing_column_lands_unless_the_column_is_required(
    name: str, shapes: dict[str, Shape], landing: Landing
) -> None:
    shape = shapes[name]
    for field in shape.schema().fields:
        records = records_of(shapes, name)
        for record in records:
            remove(record, field.path)
        outcome = landing.land(shape.schema(), records)
        assert outcome.received == outcome.landed + outcome.quarantined + outcome.duplicates
        if field.required:
            assert (outcome.landed, outcome.quarantined + outcome.duplicates) == (0, len(records))
            reasons = {(entry["field"], entry["reason"]) for entry in landing.rows(outcome, "quarantine")}
            assert (field.name, MISSING) in reasons
        else:
            assert outcome.quarantined == 0
            assert {row[field.name] for row in landing.rows(outcome)} == {None}


def test_staging_builds_over_records_that_have_required_fields_alone(shapes: dict[str, Shape], tmp_path: Any) -> None:
    from partner_warehouse.landing.store import connect

    settings = load_settings(home=tmp_path, plans=None)
    with connect(settings) as connection:
        bare = Landing(settings, connection)
        for name in DECLARED:
            shape = shapes[name]
            records = []
            for record in records_of(shapes, name):
                kept: dict[str, Any] = {}
                for field in shape.schema().fields:
                    value: Any = record
                    for part in field.path:
                        value = value.get(part) if isinstance(value, dict) else None
                    if field.required:
                        put(kept, field.path, value)
                records.append(kept)
            assert bare.land(shape.schema(), records).quarantined == 0
    runner.prepare(settings, as_of=datetime(2026, 4, 1, tzinfo=UTC))
    runner.build("staging", settings)
    for model, columns in STAGED.values():
        key, *others = columns
        rows = query(bare, f"SELECT * FROM staging.{model}")
        assert rows, model
        assert all(row[key] for row in rows)
        known = {"amount", "currency", "refunded_at", "opened_at", "issued_at", "is_won", "is_closed", "invoice_id"}
        assert {row[column] for row in rows for column in others if column not in known} <= {None}, model


@pytest.mark.parametrize("name", ["salesforce.account", "hubspot.deal", "stripe.charge", "stripe.invoice"])
def test_a_table_with_new_columns_lands_and_reports_them(name: str, shapes: dict[str, Shape], landing: Landing) -> None:
    shape = shapes[name]
    records = deepcopy(shape.records())
    for record in records:
        put(record, ("brand_new",), {"deep": [1, None, "é"]})
        if shape.source == "hubspot":
            put(record, ("properties", "brand_new"), "x")
    records[0]["seen_once"] = 1
    outcome = landing.land(shape.schema(), records)
    assert (outcome.quarantined, outcome.received) == (0, len(records))
    new = {"brand_new": len(records), "seen_once": 1}
    if shape.source == "hubspot":
        new["properties.brand_new"] = len(records)
    assert {field: outcome.undeclared.get(field) for field in new} == new
    assert set(outcome.undeclared) == shape.undeclared() | set(new)
    assert json.loads(landing.rows(outcome)[-1]["_raw"])["brand_new"]["deep"] == [1, None, "é"]


@pytest.mark.parametrize("spelling", ['"true"', '"TRUE"', '"True"', "true", "1", '"1"', '"t"'])
def test_every_spelling_of_true_that_sources_use_is_true(spelling: str, landing: Landing) -> None:
    schema = load_catalog("salesforce").objects["Opportunity"]
    record = {"Id": f"006{spelling}", "SystemModstamp": "2026-01-01T00:00:00.000+0000", "IsWon": json.loads(spelling)}
    assert landing.rows(landing.land(schema, [record]))[0]["IsWon"] is True


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-01T00:30:00.123+0000", datetime(2026, 1, 1, 0, 30, 0, 123000, UTC)),
        ("2026-01-01T02:30:00+02:00", datetime(2026, 1, 1, 0, 30, tzinfo=UTC)),
        ("2026-01-01T00:30:00Z", datetime(2026, 1, 1, 0, 30, tzinfo=UTC)),
        ("1767227400123", datetime(2026, 1, 1, 0, 30, 0, 123000, UTC)),
        (1767227400123, datetime(2026, 1, 1, 0, 30, 0, 123000, UTC)),
        # What stands for "never ends".
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300799000, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_every_spelling_of_an_instant_that_sources_use_is_that_instant(
    moment: object, expected: datetime, landing: Landing
) -> None:
    schema = load_catalog("hubspot").objects["deals"]
    record = {"id": str(moment), "properties": {"createdate": moment}, "archived": False}
    assert landing.rows(landing.land(schema, [record]))[0]["createdate"] == expected


@pytest.mark.parametrize(("seconds", "year"), [(0, 1970), (253402300799, 9999), (-86400, 1969)])
def test_unix_seconds_reach_the_end_of_the_calendar(seconds: int, year: int, landing: Landing) -> None:
    schema = load_catalog("stripe").objects["subscription"]
    record = {"id": f"sub_{seconds}", "created": seconds}
    assert landing.rows(landing.land(schema, [record]))[0]["created"].year == year


def test_milliseconds_where_seconds_are_declared_are_refused(landing: Landing) -> None:
    schema = load_catalog("stripe").objects["subscription"]
    outcome = landing.land(schema, [{"id": "sub_1", "created": 1767227400123}])
    assert (outcome.landed, outcome.quarantined) == (0, 1)
    assert landing.rows(outcome, "quarantine")[0]["reason"] == "not Unix seconds"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1.0E7", "10000000"), ("1e-3", "0.001"), ("10000000.0", "10000000"), ("0.10", "0.1"), ("-5", "-5"), ("7", "7")],
)
def test_a_number_is_that_number_however_it_is_written(written: str, expected: str, landing: Landing) -> None:
    schema = load_catalog("salesforce").objects["Opportunity"]
    record = {"Id": f"006{written}", "SystemModstamp": "2026-01-01T00:00:00.000+0000", "Amount": "AMOUNT"}
    for spelling in (written, f'"{written}"'):
        line = json.dumps(record).replace('"AMOUNT"', spelling)
        outcome = landing.land(schema, [], lines=[line])
        assert landing.rows(outcome)[0]["Amount"] == Decimal(expected)
