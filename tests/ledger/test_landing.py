"""What was posted arrives in the landing once, whatever happens on the way."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from ledger_publication import line, publish

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.ledger import landing
from partner_warehouse.ledger.landing import land_ledger


def _landed(settings, name: str) -> list[tuple]:
    files = str(settings.landing_dir / "ledger" / name / "*" / "data.parquet")
    return duckdb.sql(f"SELECT * EXCLUDE (_raw) FROM read_parquet('{files}') ORDER BY 1").fetchall()


@pytest.fixture
def posted(settings, approve):
    publish(settings, [line("a", "14.705", "2026-03-05", rate="0.1", fx_rate="1.0832", fx_date="2026-03-05")])
    approve("2026-03")


def test_amounts_days_and_instants_arrive_as_posted(settings, service, posted):
    assert land_ledger(settings) == {"payout_events": 3, "payouts": 1, "payout_lines": 1}
    files = str(settings.landing_dir / "ledger" / "payout_lines" / "*" / "data.parquet")
    row = duckdb.sql(f"SELECT amount, rate, fx_rate, fx_date::varchar FROM '{files}'").fetchone()
    assert row == (Decimal("14.705"), Decimal("0.1"), Decimal("1.0832"), "2026-03-05")
    files = str(settings.landing_dir / "ledger" / "payout_events" / "*" / "data.parquet")
    landed = duckdb.sql(f"SELECT epoch_us(\"at\"), hash FROM '{files}' ORDER BY event_id").fetchall()
    assert landed == [(int(entry.at.timestamp() * 1_000_000), entry.hash) for entry in service.log()]


def test_sums_that_are_larger_than_an_amount_may_be_arrive(settings, service, approve):
    """What is posted is sums of amounts: it must come back, or nothing could be published any more."""
    large = "99999999999999.000"
    lines = [
        line("a", large, "2026-03-05"),
        line("b", "5.00", "2026-03-06", component="bonus", base_amount="300000000000000.000"),
    ]
    publish(settings, lines)
    approve("2026-03")
    assert land_ledger(settings) == {"payout_events": 3, "payouts": 1, "payout_lines": 2}
    files = str(settings.landing_dir / "ledger" / "payout_lines" / "*" / "data.parquet")
    found = duckdb.sql(f"SELECT amount, base_amount FROM read_parquet('{files}') ORDER BY line_id").fetchall()
    assert found == [(Decimal(large), None), (Decimal("5.00"), Decimal("300000000000000.000"))]


def test_what_cannot_be_landed_is_said_at_once(settings, posted, monkeypatch):
    monkeypatch.setattr(landing, "_as_received", lambda name, kind: f"'odd' AS \"{name}\"")
    with pytest.raises(PartnerWarehouseError, match=r"posted rows could not be landed; .*quarantine.parquet says why"):
        land_ledger(settings)


def test_only_what_is_new_is_landed(settings, posted, approve):
    land_ledger(settings)
    before = _landed(settings, "payout_lines")
    assert sum(land_ledger(settings).values()) == 0
    approve("2026-04")
    assert land_ledger(settings) == {"payout_events": 3, "payouts": 0, "payout_lines": 0}
    assert _landed(settings, "payout_lines") == before


@pytest.mark.parametrize("survivors", [0, 1, 2])
def test_a_landing_that_is_cut_off_is_taken_up(settings, posted, monkeypatch, survivors):
    real, calls = landing.land, iter(range(10))

    def land_until_killed(*arguments, **options):
        if next(calls) == survivors:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(landing, "land", land_until_killed)
        with pytest.raises(KeyboardInterrupt):
            land_ledger(settings)
    land_ledger(settings)
    assert [len(_landed(settings, name)) for name in ("payout_events", "payouts", "payout_lines")] == [3, 1, 1]


@pytest.mark.parametrize("meanwhile", [0, 1, 2])
def test_a_month_that_is_posted_during_a_landing_is_landed_wholly_by_the_next(
    settings, posted, approve, monkeypatch, meanwhile
):
    """Each landed line finds its payout, and each payout its period's events, at the end of every landing."""
    real, calls = landing.land, iter(range(10))

    def land_while_somebody_posts(*arguments, **options):
        if next(calls) == meanwhile:
            publish(settings, [line("a", "14.705", "2026-03-05"), line("b", "20", "2026-04-05")])
            approve("2026-04")
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(landing, "land", land_while_somebody_posts)
        assert land_ledger(settings) == {"payout_events": 3, "payouts": 1, "payout_lines": 1}
    assert land_ledger(settings) == {"payout_events": 3, "payouts": 1, "payout_lines": 1}
    assert sum(land_ledger(settings).values()) == 0
