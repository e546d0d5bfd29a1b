"""What is said of a line is one text for DuckDB and PostgreSQL, and multiplies out."""

from __future__ import annotations

import duckdb
import psycopg
import pytest
from ledger_publication import line, publish

from partner_warehouse.ledger import sentences
from partner_warehouse.ledger.explain import explain
from partner_warehouse.settings import Settings

_TYPES = {
    **dict.fromkeys(("line_id", "partner_id", "plan_id", "component", "movement_kind", "movement_id"), "varchar"),
    **dict.fromkeys(("base_currency", "tier", "currency"), "varchar"),
    "plan_version": "integer",
    "base_amount": "decimal(18, 3)",
    "rate": "decimal(18, 12)",
    "fee": "decimal(18, 3)",
    "split_share": "decimal(18, 12)",
    "fx_rate": "decimal(28, 10)",
    "fx_date": "date",
    "amount": "decimal(18, 3)",
    **dict.fromkeys(("earned_on", "payable_on"), "date"),
}
_FEE = {
    **dict.fromkeys(("line_id", "partner_id", "plan_id"), "x"),
    "component": "fixed_fee",
    "movement_kind": "deal",
    "movement_id": "d1",
    "base_currency": "USD",
    "tier": "Large",
    "currency": "USD",
    "plan_version": "1",
    "base_amount": "20000.00",
    "rate": "1.5",
    "fee": "1000.01",
    "split_share": "0.3333",
    "fx_rate": "1",
    "fx_date": "2026-03-20",
    "amount": "499.96",
    **dict.fromkeys(("earned_on", "payable_on"), "2026-03-20"),
}
_WHOLE = {"rate": "1", "split_share": "1"}
_LARGEST = {"fee": "9999999999999.999", "rate": "1", "split_share": "0.333333333333", "amount": "3333333333330.000"}
_SCALED = {"fee": "9999999.99", "rate": "999999.12345678", "split_share": "0.999999999999", "amount": "1"}
_YEN = {"currency": "JPY", "fx_rate": "150.25", "fee": "1000.4", "amount": "1000"}
_DEAL = "for a deal of 20000.000 USD (tier Large)"
_FACTORS = f"{_DEAL} x share 0.3333 x scale 1.5"


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, f"fee 1000.010 USD {_FACTORS} = 499.955, rounded by 0.005"),
        (_WHOLE | {"amount": "1000.01"}, f"fee 1000.010 USD {_DEAL}"),
        (_WHOLE | _YEN, f"fee 1000.400 JPY {_DEAL} at FX 150.25 of 2026-03-20 = 1000.4, rounded by -0.4"),
        (
            _LARGEST,
            f"fee 9999999999999.999 USD {_DEAL} x share 0.333333333333 = 3333333333329.9997, rounded by 0.0003",
        ),
        (_SCALED, "x scale 999999.12345678 = 9999991224557.8088, rounded by -9999991224556.8088"),
        ({"line_id": "ADJ-x", "amount": "-0.01"}, f"or before it fell away was, fee 1000.010 USD {_FACTORS}"),
        ({"fee": None}, f": the fee {_FACTORS}"),
        ({"amount": None}, f"fee 1000.010 USD {_FACTORS}"),
    ],
)
def test_a_fee_is_said_with_its_factors_and_its_rounding(
    postgres: str, others: dict[str, str | None], said: str
) -> None:
    row = _FEE | others
    values = {name: "null" if row[name] is None else f"'{row[name]}'" for name in _TYPES}
    listed = ", ".join(f"cast({values[name]} as {kind}) as {name}" for name, kind in _TYPES.items())
    query = f"select {sentences.LINE} from (select {listed}) as line"
    (here,) = duckdb.sql(query).fetchall()
    with psycopg.connect(postgres) as connection:
        there = connection.execute(query).fetchone()
    assert here == there
    assert f"{said}; earned" in here[0]


def test_a_publication_of_before_says_a_fee_by_its_factors_alone(settings: Settings) -> None:
    deal = {"component": "fixed_fee", "movement_kind": "deal", "base_amount": "20000", "rate": "1.5"}
    publish(settings, [line("a", "600.00", "2026-03-05", fee="400.00", **deal)])
    assert ": fee 400.000 USD for a deal of" in explain(settings, line="a").summary[0]
    with duckdb.connect(str(settings.published_path)) as publication:
        publication.execute("ALTER TABLE finance.commission_lines DROP COLUMN fee")
    assert ": the fee for a deal of 20000.000 USD x scale 1.5; earned" in explain(settings, line="a").summary[0]
