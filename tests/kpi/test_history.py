"""What changes keeps its history, and a fact meets what its partner was on its day."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime

import duckdb

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner

Warehouse = duckdb.DuckDBPyConnection
FOREVER = date(9999, 12, 31)
HISTORY = "stg_files__partners stg_files__partner_versions int_partners int_partner_versions dim_partner_history"


def versions(warehouse: Warehouse, partner: str, columns: str) -> list[tuple[object, ...]]:
    return warehouse.execute(
        f"select valid_from, valid_to, {columns} from partners.dim_partner_history where partner_id = ? "
        "order by valid_from",
        [partner],
    ).fetchall()


def test_a_change_in_the_middle_of_a_month(company: Warehouse) -> None:
    found = versions(company, "P1", "manager_id, programmes, tier")
    # The change of 03:00 UTC on the 13th is of the 12th where the company reports. P1 is in the reseller programme up
    # to the day before 28 February.
    held = {(start, end): (manager, programmes) for start, end, manager, programmes, _ in found}
    assert held[date(2026, 2, 12), date(2026, 2, 28)] == ("M2", "referral, reseller")
    assert held[date(2026, 2, 1), date(2026, 2, 12)] == ("M1", "referral, reseller")
    assert held[date(2026, 2, 28), date(2026, 3, 1)] == ("M2", "referral")
    assert {programmes for (start, _), (_, programmes) in held.items() if start >= date(2026, 2, 28)} == {"referral"}
    assert versions(company, "P3", "status, manager_id, programmes") == [
        (date.min, date(2026, 2, 1), "prospect", None, None),
        (date(2026, 2, 1), FOREVER, "active", None, None),
    ]


def test_versions_follow_each_other_without_a_gap(company: Warehouse) -> None:
    broken = company.execute(
        "select * from (select valid_from, lag(valid_to) over (partition by partner_id order by valid_from) as before "
        "from partners.dim_partner_history) where before <> valid_from"
    ).fetchall()
    assert broken == []
    ends = company.execute(
        "select count(*), count(distinct partner_id), min(valid_to) from partners.dim_partner_history where is_current"
    ).fetchone()
    assert ends == (4, 4, FOREVER)


def test_a_fact_counts_for_what_its_partner_was_on_its_day(company: Warehouse) -> None:
    rows = company.execute(
        "select dimension_value, value from kpi.monthly where kpi_code = 'revenue_generated' and dimension = 'tier' "
        "and month = '2026-02-01'"
    ).fetchall()
    whole = company.execute(
        "select value from kpi.monthly where kpi_code = 'revenue_generated' and dimension = 'all' "
        "and month = '2026-02-01'"
    ).fetchone()
    assert whole is not None
    assert sum(value for _, value in rows) == whole[0]
    expected = company.execute(
        "select coalesce(h.tier, 'none'), sum(r.reporting_amount) from intermediate.int_kpi_revenue as r "
        "inner join partners.dim_partner_history as h on r.partner_id = h.partner_id and r.occurred_on >= h.valid_from "
        "and r.occurred_on < h.valid_to where r.occurred_on between '2026-02-01' and '2026-02-28' group by 1"
    ).fetchall()
    # A part of which only the month before knows a fact stands there with 0.
    assert {tier: value for tier, value in rows if value} == dict(expected)
    assert "none" not in dict(expected)


def test_a_change_known_late_counts_from_its_own_day(smallest: Settings) -> None:
    """P1 was terminated on 10 January, and its new manager was in charge from the 5th; both were told afterwards."""
    known_before = datetime.now(UTC)
    target = smallest.inbox_dir / "partners" / "late.csv"
    row = {
        "partner_id": "P1",
        "name": "Alder Systems",
        "status": "terminated",
        "signed_at": "2025-01-10T12:00:00Z",
        "terminated_at": "2026-01-10T12:00:00Z",
        "manager_id": "M7",
        "updated_at": "2026-01-05T12:00:00Z",
    }
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        writer.writeheader()
        writer.writerow(row)
    ingest_source("files", smallest)

    def built(known_at: datetime | None) -> list[tuple[object, ...]]:
        runner.prepare(smallest, as_of=datetime(2026, 2, 1, tzinfo=UTC), known_at=known_at)
        runner.build("marts", smallest, select=HISTORY)
        with duckdb.connect(str(smallest.warehouse_path), read_only=True) as warehouse:
            return versions(warehouse, "P1", "status, manager_id")

    assert built(None) == [
        (date.min, date(2025, 1, 10), "prospect", "M1"),
        (date(2025, 1, 10), date(2026, 1, 5), "active", "M1"),
        (date(2026, 1, 5), date(2026, 1, 10), "active", "M7"),
        (date(2026, 1, 10), FOREVER, "terminated", "M7"),
    ]
    assert built(known_before) == [
        (date.min, date(2025, 1, 10), "prospect", "M1"),
        (date(2025, 1, 10), FOREVER, "active", "M1"),
    ]
