"""Random programmes, whose months are approved in turn, against an independent reading of the rules."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from commission_cases import build_commissions, publish, publish_postings
from commission_reference import Account, Line, entitlement
from random_programmes import INSTANTS, PERIODS, Programme, ReachingProgramme, deliver, exchange_rates, write_plans

from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.ledger.periods import Period
from partner_warehouse.settings import Settings, load_settings

SEED = 20260401
PROGRAMMES = 320
REACHING = 150


@dataclass(frozen=True)
class Company:
    """All programmes in one installation, and its publication after each delivery and after the last posting."""

    settings: Settings
    programmes: list[Programme]
    published: list[Path]
    posted: Path


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Every delivery was built, and its months drafted, submitted and approved in their turn."""
    chance = random.Random(SEED)  # noqa: S311
    rates = exchange_rates(chance)
    programmes = [Programme(number, chance, rates) for number in range(PROGRAMMES)]
    programmes += [ReachingProgramme(PROGRAMMES + number, chance, rates) for number in range(REACHING)]
    home = tmp_path_factory.mktemp("random") / "home"
    write_plans(programmes, home / "plans")
    settings = load_settings(
        home=home, inbox=home / "inbox", plans=home / "plans", sources=("files",), approvers=("ben",)
    )
    published = []
    for delivery, (instant, periods) in enumerate(zip(INSTANTS, PERIODS, strict=True)):
        deliver(programmes, settings.inbox_dir, delivery)
        build_commissions(settings, instant)
        publish(settings, settings.published_path)
        service = PayoutService(settings)
        for period in periods:
            service.draft(period, "ana")
            service.submit(period, "ana")
            service.approve(period, "ben")
        published.append(settings.published_path.rename(home / f"published_{delivery}.duckdb"))
    publish_postings(settings)
    return Company(settings, programmes, published, settings.published_path)


@pytest.fixture(params=[0, 1], ids=["in_time", "late"])
def delivery(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def built(company: Company, delivery: int) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(company.published[delivery]), read_only=True) as connection:
        yield connection


def test_every_movement_is_worth_what_the_rules_say(
    company: Company, delivery: int, built: duckdb.DuckDBPyConnection
) -> None:
    """To the smallest unit, on the day that it is payable, and held when it must wait."""
    rows = built.execute(
        """
        select
            movement_id,
            partner_id,
            coalesce(sum(amount), 0),
            list_distinct(list(payable_on)),
            list_distinct(list(status = 'held' and is_held)),
            coalesce(sum(withheld_amount), 0)
        from finance.commission_lines
        group by all
        """
    ).fetchall()
    found = {row[:2]: row[2:] for row in rows}
    expected = {
        key: (line.amount or Decimal(0), [line.payable_on], [line.held], line.withheld)
        for programme in company.programmes
        for key, line in entitlement(programme.plan, programme.facts[delivery]).items()
    }
    compared = {key for key in found.keys() | expected.keys() if found.get(key, [0])[0] or expected.get(key, [0])[0]}
    assert {key: found.get(key) for key in compared} == {key: expected.get(key) for key in compared}
    assert len(compared) > 2500


def test_every_policy_was_met(delivery: int, built: duckdb.DuckDBPyConnection) -> None:
    """The programmes are not so simple that a policy decides nothing."""
    lines = built.execute("select component, movement_kind, hold_reason from finance.commission_lines").fetchall()
    excluded = built.execute("select reason from finance.exclusions").fetchall()
    met = Counter([*(value for row in lines for value in row), *(row[0] for row in excluded)])
    wanted = {"percentage", "re_rate", "fixed_fee", "bonus", "cap", "payment", "refund", "credit_note", "dispute_lost"}
    wanted |= {"deal", "missing_fx_rate", "fraud_flag", "open_dispute", "outside_earn_window", "excluded_product"}
    wanted |= {"outside_clawback_window", "partner_terminated", "fixed_fee_plan", "no_partner", "paid_from_credit"}
    partly_held = built.execute(
        """
        select component, sign(withheld_amount) from finance.commission_lines where not is_held and withheld_amount <> 0
        """
    ).fetchall()
    signs = {("re_rate", 1), ("re_rate", -1), ("bonus", 1), ("bonus", -1), ("cap", 1), ("percentage", -1)}
    if delivery == 0:  # the second one releases all of them
        wanted.add("partner_suspended")
    assert set(partly_held) == signs
    assert {name: met[name] for name in wanted if met[name] < 5} == {}


def test_every_approved_month_pays_what_is_entitled_less_what_was_posted(company: Company) -> None:
    """What came late, was corrected, re-rated or released is the difference, in the next open month and once."""
    service = PayoutService(company.settings)
    accounts: dict[str, Account] = defaultdict(Account)
    corrected = carried = 0
    for delivery, periods in enumerate(PERIODS):
        entitled: dict[str, dict[str, Line]] = defaultdict(dict)
        for programme in company.programmes:
            for (ident, partner), line in entitlement(programme.plan, programme.facts[delivery]).items():
                entitled[partner][ident] = line
        for period in periods:
            payouts = {row["partner_id"]: row for row in service.payouts(period)}
            last_day = Period.parse(period).last_day
            for programme in company.programmes:
                for partner in programme.partners:
                    minimum = programme.plan.at_the_end_of("month", last_day).min_payout
                    expected = accounts[partner].close(entitled[partner], last_day, minimum)
                    row = payouts.get(partner)
                    if row is None:
                        assert expected == (0, 0, 0), (period, partner)
                        continue
                    corrected += row["adjustments"] != 0
                    carried += row["closing_balance"] != 0
                    assert row["currency"] == programme.plan.currency
                    found = (row["earned"] + row["adjustments"], row["payable"], row["closing_balance"])
                    assert found == expected, (period, partner)
    assert corrected > 200
    assert carried > 200
    assert service.verify() == []


def test_nothing_is_due_after_the_last_payout(company: Company) -> None:
    """The accruals go by the rules of the drafts, in what they say is held too."""
    with duckdb.connect(str(company.posted), read_only=True) as connection:
        rows = connection.execute(
            "select plan_id, held, due from finance.accruals where strftime(month, '%Y-%m') = ?", [PERIODS[-1][-1]]
        ).fetchall()
    assert [row for row in rows if row[2]] == []
    assert len([held for _, held, _ in rows if held]) > 20


def test_what_was_given_back_in_full_earns_nothing(
    company: Company, delivery: int, built: duckdb.DuckDBPyConnection
) -> None:
    """A programme whose every payment was refunded in full in time is at exactly zero, but for fees."""
    totals = dict(
        built.execute(
            "select partner_id, sum(amount) from finance.commission_lines where component <> 'fixed_fee' group by all"
        ).fetchall()
    )
    emptied = 0
    for programme in company.programmes:
        facts = programme.facts[delivery]
        cash = {"payment": 1, "refund": -1, "dispute_lost": -1, "credit_note": 0}
        left = sum(one.amount * cash[one.kind] for one in facts.movements if one.at <= facts.as_of)
        versions = programme.plan.versions
        if left == 0 and not any(one.clawback_months or one.fees for one in versions):
            emptied += 1
            assert all(totals.get(partner) in {None, Decimal(0)} for partner in programme.partners)
    assert emptied > 0


def test_control_totals_tie(built: duckdb.DuckDBPyConnection) -> None:
    found = built.execute("select count(*) > 10, sum(abs(difference)) from finance.reconciliation").fetchall()
    assert found == [(True, 0)]
