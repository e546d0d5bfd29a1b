"""An approved month comes out again to the cent, whatever has been changed since."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from commission_cases import SCENARIOS, build_commissions, deliver, lay_out, publish

from partner_warehouse.extract.ingest import ingest
from partner_warehouse.ledger.content import Differences
from partner_warehouse.ledger.landing import land_ledger
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.ledger.reproduction import reproduce
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse.runner import build

PERIOD = "2027-05"
MERGED = SCENARIOS / "merged_partner"
"""A partner that Salesforce merges into another one, once both are paid."""


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Tiers, an invoice in parts, a conversion by an older rate and several partners, approved in one month."""
    vectors = ("v01_tiers_marginal", "v05_invoice_in_parts", "v13_exchange_rate")
    cases = [*(SCENARIOS / name for name in vectors), MERGED]
    laid_out: Settings = lay_out(cases, tmp_path_factory.mktemp("again") / "home")
    settings = load_settings(**laid_out.model_dump() | {"approvers": ("ben",)})
    build_commissions(settings)
    publish(settings, settings.published_path)
    service = PayoutService(settings)
    service.draft(PERIOD, "ana")
    service.submit(PERIOD, "ana")
    service.approve(PERIOD, "ben")
    return settings


def test_a_rate_that_the_source_lost_is_the_posted_one_and_both_months_come_out_again(approved: Settings) -> None:
    """EUR 500 of the 1,000 were left at 1.0832: their refund takes 54.16, although the source has no rate any more."""
    fx_rates, refunds = approved.inbox_dir / "fx_rates" / "later.csv", approved.inbox_dir / "refunds" / "later.csv"
    fx_rates.write_text(
        "fx_rate_id,rate_date,from_currency,to_currency,rate,is_deleted\n"
        "v13-exchange-rate-EURUSD2026-03-10,2026-03-10,EUR,USD,1.0832,true\n",
        encoding="utf-8",
    )
    refunds.write_text(
        "refund_id,payment_id,amount,kind,refunded_at\nlater,v13-exchange-rate-p1,500,refund,2027-06-10T12:00:00Z\n",
        encoding="utf-8",
    )
    ingest("files", "fx_rates", approved)
    ingest("files", "refunds", approved)
    land_ledger(approved)
    build_commissions(approved, datetime(2027, 7, 2, tzinfo=UTC))
    publish(approved, approved.published_path)
    service = PayoutService(approved)
    service.draft("2027-06", "ana")
    service.submit("2027-06", "ana")
    service.approve("2027-06", "ben")
    changed = {row["partner_id"]: row["adjustments"] for row in service.payouts("2027-06") if row["adjustments"]}
    assert changed == {"v13-exchange-rate-P1": Decimal("-54.16")}
    for period in (PERIOD, "2027-06"):
        assert reproduce(period, approved, progress=lambda _: None).differing == Differences()


def test_a_rate_that_was_posted_after_the_newest_load_is_known_again(tmp_path: Path) -> None:
    """March is approved after its rate was withdrawn, and nothing else lands before April takes the rate over."""
    laid_out = lay_out([SCENARIOS / "v13_exchange_rate"], tmp_path / "home")
    settings = load_settings(**laid_out.model_dump() | {"approvers": ("ben",)})
    build_commissions(settings, datetime(2026, 5, 2, tzinfo=UTC))
    publish(settings, settings.published_path)
    service = PayoutService(settings)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    (settings.inbox_dir / "fx_rates" / "withdrawn.csv").write_text(
        "fx_rate_id,rate_date,from_currency,to_currency,rate,is_deleted\n"
        "v13-exchange-rate-EURUSD2026-03-10,2026-03-10,EUR,USD,1.0832,true\n",
        encoding="utf-8",
    )
    ingest("files", "fx_rates", settings)
    service.approve("2026-03", "ben")
    land_ledger(settings)
    build_commissions(settings, datetime(2026, 5, 3, tzinfo=UTC))
    build("marts", settings, select="+loads")
    publish(settings, settings.published_path)
    service.draft("2026-04", "ana")
    service.submit("2026-04", "ana")
    service.approve("2026-04", "ben")
    assert [row["adjustments"] for row in service.payouts("2026-04")] == [Decimal("-54.16")]
    for period in ("2026-03", "2026-04"):
        assert reproduce(period, settings, progress=lambda _: None).differing == Differences()


def test_edited_plans_and_settings_leave_an_approved_month_as_it_was(approved: Settings) -> None:
    assert approved.plans is not None
    rates = approved.plans / "commission_rates.csv"
    edited = rates.read_text(encoding="utf-8").replace("0.04", "0.40").replace("0.125", "0.5")
    assert edited != rates.read_text(encoding="utf-8")
    rates.write_text(edited, encoding="utf-8")
    plans = approved.plans / "commission_plans.csv"
    plans.write_text(plans.read_text(encoding="utf-8").replace(",half_up,", ",half_even,"), encoding="utf-8")
    changed = load_settings(
        **approved.model_dump() | {"timezone": "Pacific/Auckland", "reporting_currency": "EUR", "fx_lookback_days": 0}
    )
    again = reproduce(PERIOD, changed, progress=lambda _: None)
    assert again.differing == Differences()
    assert again.same
    assert again.line_count > 6


def test_a_later_merger_and_an_enrolment_in_a_newer_plan_leave_an_approved_month_as_it_was(approved: Settings) -> None:
    """The month's own plan files lack the plan: they were checked by the enrolments of then."""
    deliver([MERGED], approved, "later")
    (approved.inbox_dir / "enrolments" / "later.csv").write_text(
        "enrolment_id,partner_id,programme,plan_id,starts_on,ends_on\nlater,later,reseller,newer-plan,2027-06-01,\n",
        encoding="utf-8",
    )
    ingest("files", "enrolments", approved)
    again = reproduce(PERIOD, approved, progress=lambda _: None)
    assert again.differing == Differences()
    assert again.same


def test_a_draft_keeps_the_plan_files_that_were_in_force(approved: Settings) -> None:
    found = PayoutService(approved).pins(PERIOD)
    assert found is not None
    pins, content = found
    assert (pins.timezone, pins.reporting_currency, pins.fx_lookback_days) == ("UTC", "USD", 4)
    assert "0.125" in content
