"""Random programmes, whose months are approved in turn, against an independent reading of the rules."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from commission_cases import PLAN_FILES
from reference import Account, Invoice, Movement, Plan, Tier, entitlement, pay

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.plans import BONUS_COLUMNS, EXCLUSION_COLUMNS, PLAN_COLUMNS, RATE_COLUMNS
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse.runner import build, prepare

SEED = 20260401
PROGRAMMES = 300
CURRENCIES = {"USD": 100, "EUR": 100, "JPY": 1, "KWD": 1000}
MONTHS = {
    "2026-01": datetime(2026, 2, 1, tzinfo=UTC),
    "2027-05": datetime(2027, 6, 1, tzinfo=UTC),
}
"""The months that are approved, and the instant that each of them ends; the last one is after everything."""
PLAN = {
    "version": "1",
    "effective_from": "2020-01-01",
    "name": "Random",
    "programme": "reseller",
    "model": "percentage",
    "tier_basis": "calendar_year",
    "earn_window": "lifetime",
    "timezone": "UTC",
}


class Programme:
    """One random plan with its partners, invoices and movements; every id begins with its number."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.name = f"r{number}"
        starts = [0, *sorted(chance.sample(range(50, 2000, 50), chance.randint(0, 2)))]
        rates = [Fraction(chance.randint(1, 300), 1000) for _ in starts]
        currency = chance.choice(list(CURRENCIES))
        self.plan = Plan(
            tuple(map(Tier, starts, rates)),
            chance.choice(["marginal", "whole"]),
            chance.choice(["half_up", "half_even"]),
            currency,
            CURRENCIES[currency],
            chance.choice([0, 0, 20, 100]),
        )
        self.partners = [f"{self.name}-P{n}" for n in range(1, 4)]
        self.invoices: dict[str, Invoice] = {}
        self.movements: list[Movement] = []
        for index in range(chance.randint(1, 5)):
            self._invoice(f"{self.name}-I{index}", chance)
        self.movements.sort(key=lambda movement: movement.at)

    def _invoice(self, invoice_id: str, chance: random.Random) -> None:
        net = chance.randint(1, 1_500 * self.plan.minor)
        tax = chance.choice([0, net * 19 // 100, net // 5, chance.randint(0, net)])
        self.invoices[invoice_id] = Invoice(net, tax, tuple(sorted(chance.sample(self.partners, chance.randint(1, 3)))))
        at = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(
            days=chance.randint(0, 200), seconds=chance.randint(0, 86_000)
        )
        left = net + tax
        for number in range(chance.randint(1, 3)):
            at += timedelta(days=chance.randint(1, 60), seconds=chance.randint(0, 999))
            cents = chance.choice([left, chance.randint(1, max(1, left)), left + 500])
            if cents <= 0:
                continue
            left = max(0, left - cents)
            payment = f"{invoice_id}-p{number}"
            late = chance.random() < 0.15
            self._move("payment", payment, invoice_id, payment, cents, at, at.year, late)
            given = 0
            for refund in range(chance.choice([0, 0, 1, 2])):
                part = chance.choice([cents - given, chance.randint(1, cents)])
                if part <= 0 or given + part > cents:
                    continue
                given += part
                later = at + timedelta(days=chance.randint(1, 300), seconds=chance.randint(1, 999))
                self._move(
                    "refund",
                    f"{payment}-r{refund}",
                    invoice_id,
                    payment,
                    part,
                    later,
                    at.year,
                    late or chance.random() < 0.2,
                )
        if chance.random() < 0.3:
            when = at + timedelta(days=chance.randint(-60, 60), seconds=chance.randint(1, 999))
            self._move("credit_note", f"{invoice_id}-n", invoice_id, "", chance.randint(1, net + tax), when, 0, False)

    def _move(
        self, kind: str, ident: str, invoice: str, payment: str, cents: int, at: datetime, year: int, late: bool
    ) -> None:
        self.movements.append(Movement(kind, ident, invoice, payment, cents, year, at, late))

    def known(self, period: str) -> list[Movement]:
        """The movements up to the end of a month that have arrived when it is approved."""
        first = period == min(MONTHS)
        return [move for move in self.movements if move.at < MONTHS[period] and not (first and move.late)]

    def money(self, amount: int) -> str:
        """An amount in the smallest unit, as it stands in a file."""
        return str(Decimal(amount) / self.plan.minor)


def write(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)


def lay_out(programmes: list[Programme], home: Path) -> None:
    """The programmes as files: the plan directory and the file drop."""
    columns = dict(zip(PLAN_FILES, (PLAN_COLUMNS, RATE_COLUMNS, BONUS_COLUMNS, EXCLUSION_COLUMNS), strict=True))
    plans: dict[str, list[dict[str, str]]] = {name: [] for name in PLAN_FILES}
    drop: dict[str, list[dict[str, str]]] = defaultdict(list)
    for programme in programmes:
        name = programme.name
        plans["commission_plans"].append(
            PLAN
            | {
                "plan_id": name,
                "tier_mode": programme.plan.mode,
                "rounding": programme.plan.rounding,
                "currency": programme.plan.currency,
                "min_payout": str(programme.plan.min_payout),
            }
        )
        tiers = programme.plan.tiers
        for tier, after in zip(tiers, [*tiers[1:], None], strict=True):
            plans["commission_rates"].append(
                {
                    "plan_id": name,
                    "version": "1",
                    "component": "percentage",
                    "from_value": str(tier.start),
                    "to_value": str(after.start) if after else "",
                    "rate": str(Decimal(tier.rate.numerator) / Decimal(tier.rate.denominator)),
                }
            )
        drop["customers"].append({"customer_id": f"{name}-C"})
        for partner in programme.partners:
            drop["partners"].append({"partner_id": partner, "name": partner, "status": "active"})
            drop["enrolments"].append(
                {"enrolment_id": f"{partner}-E", "partner_id": partner, "plan_id": name, "starts_on": "2020-01-01"}
            )
        _drop_invoices(programme, drop)
    for plan_file, rows in plans.items():
        write(home / "plans" / f"{plan_file}.csv", rows, columns[plan_file])
    for object_name, rows in drop.items():
        write(home / "inbox" / object_name / "all.csv", rows)


def _drop_invoices(programme: Programme, drop: dict[str, list[dict[str, str]]]) -> None:
    opened = "2025-01-01T00:00:00Z"
    for invoice_id, invoice in programme.invoices.items():
        deal = f"{invoice_id}-D"
        drop["deals"].append(
            {"deal_id": deal, "customer_id": f"{programme.name}-C", "closed_at": opened, "is_won": "true"}
        )
        for partner in invoice.partners:
            drop["deal_partners"].append(
                {
                    "deal_partner_id": deal + partner,
                    "deal_id": deal,
                    "partner_id": partner,
                    "role": "sourced",
                    "share": "",
                }
            )
        drop["invoices"].append(
            {
                "invoice_id": invoice_id,
                "customer_id": f"{programme.name}-C",
                "deal_id": deal,
                "currency": programme.plan.currency,
                "issued_at": opened,
            }
        )
        drop["invoice_lines"].append(
            {
                "line_id": invoice_id,
                "invoice_id": invoice_id,
                "net": programme.money(invoice.net),
                "tax": programme.money(invoice.tax),
            }
        )


def drop_movements(programmes: list[Programme], home: Path, *, late: bool) -> None:
    """A delivery into the file drop: what comes in time, or what comes late."""
    drop: dict[str, list[dict[str, str]]] = defaultdict(list)
    for programme in programmes:
        for movement in programme.movements:
            if movement.late != late:
                continue
            at, amount = movement.at.isoformat(), {"amount": programme.money(movement.cents)}
            if movement.kind == "payment":
                row = {"payment_id": movement.ident, "invoice_id": movement.invoice, "paid_at": at}
                drop["payments"].append(row | amount | {"currency": programme.plan.currency})
            elif movement.kind == "refund":
                row = {"refund_id": movement.ident, "payment_id": movement.payment, "refunded_at": at, "kind": "refund"}
                drop["refunds"].append(row | amount)
            else:
                row = {"credit_note_id": movement.ident, "invoice_id": movement.invoice, "issued_at": at}
                drop["credit_notes"].append(row | amount)
    for object_name, rows in drop.items():
        write(home / "inbox" / object_name / f"{'late' if late else 'in_time'}.csv", rows)


@pytest.fixture(scope="module")
def programmes() -> list[Programme]:
    chance = random.Random(SEED)  # noqa: S311
    return [Programme(number, chance) for number in range(PROGRAMMES)]


@pytest.fixture(scope="module")
def settings(programmes: list[Programme], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation in which every month was built, drafted, submitted and approved in its turn."""
    home = tmp_path_factory.mktemp("random") / "home"
    lay_out(programmes, home)
    settings = load_settings(
        home=home, inbox=home / "inbox", plans=home / "plans", sources=("files",), approvers=("ben",)
    )
    for period, end in MONTHS.items():
        drop_movements(programmes, home, late=period != min(MONTHS))
        ingest_source("files", settings)
        prepare(settings, as_of=end)
        build("marts", settings, select="+path:models/marts/finance")
        publish_lines(settings)
        service = PayoutService(load_settings(**settings.model_dump() | {"as_of": end}))
        service.draft(period, "ana")
        service.submit(period, "ana")
        service.approve(period, "ben")
    return settings


def publish_lines(settings: Settings) -> None:
    """The one table that a draft reads."""
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    settings.published_path.unlink(missing_ok=True)
    with duckdb.connect(str(settings.published_path)) as duck:
        duck.execute(f"ATTACH '{settings.warehouse_path}' AS warehouse (READ_ONLY)")
        duck.execute("CREATE SCHEMA finance")
        duck.execute("CREATE TABLE finance.commission_lines AS FROM warehouse.finance.commission_lines")


@pytest.fixture(scope="module")
def built(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        yield connection


def test_every_movement_is_worth_what_the_rules_say(
    programmes: list[Programme], built: duckdb.DuckDBPyConnection
) -> None:
    rows = built.execute(
        "select movement_id, partner_id, sum(amount) from finance.commission_lines group by all"
    ).fetchall()
    found = {(movement, partner): amount for movement, partner, amount in rows if amount}
    expected: dict[tuple[str, str], Decimal] = {}
    for programme in programmes:
        expected |= entitlement(programme.plan, programme.invoices, programme.movements)
    assert found == {key: amount for key, amount in expected.items() if amount}
    assert len(found) > 1500


def test_every_approved_month_pays_what_is_entitled_less_what_was_posted(
    programmes: list[Programme], settings: Settings
) -> None:
    """Late records, refunds and re-rated tiers come as the difference, and only in the next open month."""
    service = PayoutService(settings)
    accounts: dict[str, Account] = {}
    corrected = carried = 0
    for period in MONTHS:
        payouts = {row["partner_id"]: row for row in service.payouts(period)}
        for programme in programmes:
            entitled: dict[str, Decimal] = defaultdict(Decimal)
            for (_, partner), amount in entitlement(
                programme.plan, programme.invoices, programme.known(period)
            ).items():
                entitled[partner] += amount
            for partner in programme.partners:
                account = pay(programme.plan, entitled[partner], accounts.get(partner, Account()))
                accounts[partner] = account
                row = payouts.get(partner)
                if row is None:
                    assert (account.changed, account.payable, account.closing) == (0, 0, 0), (period, partner)
                    continue
                corrected += row["adjustments"] != 0
                carried += row["closing_balance"] != 0
                assert row["currency"] == programme.plan.currency
                assert (row["earned"] + row["adjustments"], row["payable"], row["closing_balance"]) == (
                    account.changed,
                    account.payable,
                    account.closing,
                ), (period, partner)
    assert corrected > 20
    assert carried > 100
    assert service.verify() == []


def test_what_was_given_back_in_full_earns_nothing(
    programmes: list[Programme], built: duckdb.DuckDBPyConnection
) -> None:
    """A programme whose every payment was refunded in full is at exactly zero, line by line of partners."""
    totals = dict(built.execute("select partner_id, sum(amount) from finance.commission_lines group by all").fetchall())
    emptied = 0
    for programme in programmes:
        net = sum(
            movement.cents * {"payment": 1, "refund": -1, "credit_note": 0}[movement.kind]
            for movement in programme.movements
        )
        if net == 0:
            emptied += 1
            assert all(totals.get(partner, Decimal(0)) == 0 for partner in programme.partners)
    assert emptied > 0


def test_control_totals_tie(built: duckdb.DuckDBPyConnection) -> None:
    assert built.execute("select count(*), sum(abs(difference)) from finance.reconciliation").fetchall()[0][1] == 0
