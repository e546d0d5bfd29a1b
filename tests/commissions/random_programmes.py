"""Random programmes: a plan, partners, orders and cash, known in two deliveries, and how they stand in files.

The second delivery brings what is late: cash, refunds, rates of exchange, corrected orders, ended holds and disputes,
refunds that are deleted and lost disputes that are open again.
Every id begins with its programme's, so that hundreds of them share one company.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from commission_cases import PLAN_FILES
from commission_reference import (
    ZERO,
    Band,
    Bonus,
    Deal,
    Dispute,
    Facts,
    Hold,
    Invoice,
    Movement,
    Partner,
    Plan,
    Version,
)

from partner_warehouse.plans.files import BONUS_COLUMNS, EXCLUSION_COLUMNS, PLAN_COLUMNS, RATE_COLUMNS

CURRENCIES = {"USD": 100, "EUR": 100, "JPY": 1, "KWD": 1000}
WORTH = {"USD": 1.0, "EUR": 1.08, "JPY": 0.0067, "KWD": 3.25}
ZONES = ("UTC", "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
SHIPPING = "random-shipping"
INSTANTS = (datetime(2026, 5, 2, tzinfo=UTC), datetime(2027, 6, 2, tzinfo=UTC))
"""What each delivery is computed for."""
PERIODS = (("2025-12", "2026-02", "2026-04"), ("2026-05", "2026-11", "2027-05"))
"""The months that are approved after each delivery."""
Rates = dict[tuple[str, str], dict[date, Fraction]]
Files = dict[str, list[dict[str, str]]]


def exchange_rates(chance: random.Random) -> tuple[Rates, Rates]:
    """Rates with gaps, and the same with some of the gaps filled."""
    early: Rates = defaultdict(dict)
    late: Rates = defaultdict(dict)
    for source in CURRENCIES:
        for target in CURRENCIES:
            if source == target:
                continue
            for offset in range(720):
                if chance.random() < 0.45:
                    rate = Fraction(round(WORTH[source] / WORTH[target] * chance.uniform(0.9, 1.1) * 10**6), 10**6)
                    day = date(2025, 6, 1) + timedelta(days=offset)
                    late[source, target][day] = rate
                    if chance.random() < 0.8:
                        early[source, target][day] = rate
    return early, late


class Programme:
    """One plan with its partners and orders. `facts` are what is known after each delivery."""

    waiting = 0.25
    orders = 5
    moves = True
    """How often something is held, how many orders there are at most, and whether a loss of what is held may fall away,
    and a partner be held whose lines move to other payments."""

    def __init__(self, number: int, chance: random.Random, rates: tuple[Rates, Rates]) -> None:
        self.name = f"r{number}"
        self.chance = chance
        self.plan = self._plan()
        dated = any(version.terms_days or version.cap is not None for version in self.plan.versions)
        self.waits = chance.random() < self.waiting
        """Something is held. Then, and with terms, caps or another currency, a movement touches one payment alone."""
        self.is_simple = self.waits or dated
        self.partners = {name: Partner(name) for name in (f"{self.name}-P{n}" for n in range(1, 4))}
        if chance.random() < 0.2:
            ended = datetime(2025, 9, 1, tzinfo=UTC) + timedelta(days=chance.randint(0, 200))
            self.partners[f"{self.name}-P3"] = Partner(f"{self.name}-P3", ended=ended)
        self.facts = tuple(
            Facts(instant, dict(self.partners), rates=known, shipping=frozenset({SHIPPING}))
            for instant, known in zip(INSTANTS, rates, strict=True)
        )
        if self.waits and chance.random() < 0.3:
            name = f"{self.name}-P1"
            self.facts[0].partners[name] = replace(self.partners[name], suspended=True)
        for index in range(chance.randint(1, self.orders)):
            self._order(index)

    def _plan(self) -> Plan:
        chance = self.chance
        currency = chance.choice(list(CURRENCIES))
        mode, basis = chance.choice(["marginal", "whole", "status"]), chance.choice(list(_UNITS))
        model = chance.choice(["percentage"] * 6 + ["hybrid"] * 2 + ["fixed_fee"])
        starts = [date(2020, 1, 1)]
        if chance.random() < 0.35:
            starts.append(date(2025, 8, 1) + timedelta(days=chance.randint(0, 200)))
        versions = tuple(self._version(number, start, model) for number, start in enumerate(starts, 1))
        return Plan(
            versions,
            basis,
            mode,
            chance.choice(["half_up", "half_even"]),
            currency,
            CURRENCIES[currency],
            chance.choice(ZONES),
            chance.choice(["month", "quarter", "year"]) if versions[0].volumes else "",
        )

    def _version(self, number: int, start: date, model: str) -> Version:
        chance = self.chance
        rates = () if model == "fixed_fee" else self._bands(chance.randint(0, 2), 50, 300, 1000)
        fees = () if model == "percentage" else self._bands(chance.randint(0, 1), 200, 400_000, 1000)
        volumes = ()
        if fees:
            volumes = (Band(Fraction(1), Fraction(1)), Band(Fraction(chance.randint(2, 3)), Fraction(3, 2)))
        bonuses = {
            Bonus("monthly_revenue", Fraction(chance.randint(1, 20) * 50), "flat", Fraction(chance.randint(1, 50))),
            Bonus(
                "quarterly_revenue", Fraction(chance.randint(1, 30) * 50), "rate", Fraction(chance.randint(1, 9), 100)
            ),
            Bonus("new_customers", Fraction(chance.randint(1, 2)), "flat", Fraction(chance.randint(1, 50))),
        }
        has = chance.random
        return Version(
            number,
            start,
            rates,
            fees,
            volumes,
            tuple(one for one in sorted(bonuses, key=str) if rates and has() < 0.12),
            frozenset({f"{self.name}-X"}) if has() < 0.25 else frozenset(),
            chance.choice([None, None, 12, chance.randint(1, 9)]),
            chance.choice([None, None, chance.randint(1, 8)]),
            chance.choice([0, 0, 0, 30, 45]),
            Fraction(chance.randint(1, 30) * 10) if has() < 0.2 else None,
            Fraction(chance.choice([0, 0, 20, 100])),
        )

    def _bands(self, more: int, step: int, most: int, parts: int) -> tuple[Band, ...]:
        starts = [0, *sorted(self.chance.sample(range(step, step * 40, step), more))]
        return tuple(Band(Fraction(start), Fraction(self.chance.randint(1, most), parts)) for start in starts)

    def _order(self, index: int) -> None:
        chance, ident = self.chance, f"{self.name}-I{index}"
        closed = datetime(2025, 6, 2, tzinfo=UTC) + timedelta(
            days=chance.randint(0, 290), seconds=chance.randint(0, 86_000)
        )
        currency = chance.choice(list(CURRENCIES)) if chance.random() < 0.25 else self.plan.currency
        minor = CURRENCIES[currency]
        net = Fraction(chance.randint(1, 1_500 * minor), minor)
        amount = chance.choice([net, net * 2])
        deal = Deal(f"{ident}-D", f"{self.name}-C{chance.randint(1, 2)}", closed, amount, currency, self._split())
        lines = [("", net, ZERO if chance.random() < 0.5 else _cents(net * Fraction(19, 100), minor))]
        if chance.random() < 0.25:
            product = chance.choice([f"{self.name}-X", SHIPPING])
            lines.append((product, Fraction(chance.randint(1, 200 * minor), minor), ZERO))
        invoice = Invoice(ident, deal.ident, currency, tuple(lines))
        corrected = replace(deal)
        billed = invoice
        if chance.random() < 0.12:
            corrected = replace(deal, won=chance.random() < 0.5, amount=_cents(amount * Fraction(9, 10), minor))
        is_simple = self.is_simple or currency != self.plan.currency
        if not is_simple and chance.random() < 0.15:
            billed = replace(invoice, lines=(("", _cents(net * Fraction(9, 10), minor), lines[0][2]), *lines[1:]))
        for facts, known_deal, known_invoice in zip(self.facts, (deal, corrected), (invoice, billed), strict=True):
            facts.deals[deal.ident], facts.invoices[ident] = known_deal, known_invoice
        gross = sum((part + tax for _, part, tax in lines), ZERO)
        self._cash(invoice, closed, gross, minor, is_simple)

    def _split(self) -> tuple[tuple[str, Fraction], ...]:
        chance = self.chance
        names = sorted(chance.sample(sorted(self.partners), chance.randint(1, 3)))
        kind = chance.choice(["equal", "unequal", "part"])
        if kind == "equal":
            return tuple((name, Fraction(1, len(names))) for name in names)
        cuts = sorted(chance.sample(range(1, 100), len(names) - 1))
        shares = [Fraction(high - low, 100) for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
        if kind == "part":
            shares = [share / 2 for share in shares]
        return tuple(zip(names, shares, strict=True))

    def _cash(self, invoice: Invoice, closed: datetime, gross: Fraction, minor: int, is_simple: bool) -> None:
        chance, at, left, ident = self.chance, closed, gross, invoice.ident
        for number in range(chance.randint(1, 3)):
            at += timedelta(days=chance.randint(1, 60), seconds=chance.randint(0, 999))
            units = int(left * minor)
            choices = [left, Fraction(chance.randint(1, max(1, units)), minor), left if is_simple else left + 5]
            amount = chance.choice(choices)
            if amount <= 0 or (is_simple and amount > left):
                continue
            left = max(ZERO, left - amount)
            credit = _cents(amount / 4, minor) if not is_simple and chance.random() < 0.15 else ZERO
            payment = Movement("payment", f"{ident}-p{number}", ident, f"{ident}-p{number}", amount, at, credit)
            late = chance.random() < 0.15
            self._know(payment, late)
            if not (self.waits and chance.random() < 0.4 and self._keep_waiting(payment, late)):
                self._refunds(payment, minor, late)
        if not is_simple and chance.random() < 0.3:
            when = at + timedelta(days=chance.randint(-60, 60), seconds=chance.randint(1, 999))
            noted = Fraction(chance.randint(1, int(gross * minor)), minor)
            self._know(Movement("credit_note", f"{ident}-n", ident, "", noted, when), False)

    def _refunds(self, payment: Movement, minor: int, late: bool) -> None:
        chance, given = self.chance, ZERO
        for number in range(chance.choice([0, 0, 1, 2])):
            units = int(payment.amount * minor)
            part = chance.choice([payment.amount - given, Fraction(chance.randint(1, units), minor)])
            if part <= 0 or given + part > payment.amount:
                continue
            given += part
            at = payment.at + timedelta(days=chance.randint(1, 300), seconds=chance.randint(1, 999))
            kind = chance.choice(["refund", "refund", "dispute_lost"])
            back = Movement(kind, f"{payment.ident}-r{number}", payment.invoice, payment.ident, part, at)
            if self.waits and self.moves and not late and chance.random() < 0.3:
                self.facts[0].movements.append(back)
            else:
                self._know(back, late or chance.random() < 0.2)

    def _keep_waiting(self, payment: Movement, late: bool) -> bool:
        """A hold that ends, or a dispute that is won or lost; True where it stands in the way of a refund."""
        chance = self.chance
        ended = INSTANTS[0] + timedelta(days=chance.randint(5, 200))
        if chance.random() < 0.5:
            partner = "" if chance.random() < 0.5 or not self.moves else f"{self.name}-P2"
            hold = Hold(f"{payment.ident}-h", partner, "" if partner else payment.ident, payment.at)
            self.facts[0].holds.append(hold)
            self.facts[1].holds.append(replace(hold, released=ended) if chance.random() < 0.7 else hold)
            return False
        dispute = Dispute(f"{payment.ident}-d", payment.ident, payment.at + timedelta(days=1))
        lost_at = dispute.opened + timedelta(days=chance.randint(1, 60))
        if self.moves and not late and chance.random() < 0.5:
            self.facts[0].disputes.append(replace(dispute, closed=lost_at))
            self.facts[0].movements.append(_lost(dispute, payment, lost_at))
        elif not late:
            self.facts[0].disputes.append(dispute)
        outcome = chance.choice(["open", "won", "lost"])
        self.facts[1].disputes.append(dispute if outcome == "open" else replace(dispute, closed=ended))
        if outcome == "lost":
            self.facts[1].movements.append(_lost(dispute, payment, ended))
        return True

    def _know(self, movement: Movement, late: bool) -> None:
        for facts in self.facts[late:]:
            facts.movements.append(movement)


class ReachingProgramme(Programme):
    """Its payments reach tiers and bonuses that earn on others, of which some are held."""

    waiting = 1
    orders = 9
    moves = False

    def _plan(self) -> Plan:
        plan = super()._plan()
        versions = tuple(replace(one, bonuses=self._reached_bonuses() if one.rates else ()) for one in plan.versions)
        return replace(
            plan, versions=versions, mode="whole", basis=self.chance.choice(["month", "calendar_year", "lifetime"])
        )

    def _bands(self, more: int, step: int, most: int, parts: int) -> tuple[Band, ...]:
        """Rates that rise, mostly."""
        bands = super()._bands(max(more, 1), step, most, parts)
        values = sorted(band.value for band in bands)
        if self.chance.random() < 0.1:
            values.reverse()
        return tuple(Band(band.start, value) for band, value in zip(bands, values, strict=True))

    def _reached_bonuses(self) -> tuple[Bonus, ...]:
        chance = self.chance
        bonuses = []
        for metric, most in (("monthly_revenue", 10), ("quarterly_revenue", 20)):
            for kind, value in (
                ("rate", Fraction(chance.randint(1, 9), 100)),
                ("flat", Fraction(chance.randint(1, 50))),
            ):
                if chance.random() < 0.3:
                    bonuses.append(Bonus(metric, Fraction(chance.randint(1, most) * 50), kind, value))
        return tuple(bonuses)


_UNITS = ("month", "calendar_year", "trailing_12_months", "lifetime")


def _lost(dispute: Dispute, payment: Movement, at: datetime) -> Movement:
    return Movement("dispute_lost", dispute.ident, payment.invoice, payment.ident, payment.amount, at)


def _cents(amount: Fraction, minor: int) -> Fraction:
    return Fraction((amount * minor).__floor__(), minor)


def _text(amount: Fraction | None) -> str:
    return "" if amount is None else str(Decimal(amount.numerator) / Decimal(amount.denominator))


def _write(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_plans(programmes: list[Programme], directory: Path) -> None:
    """The four plan files."""
    columns = dict(zip(PLAN_FILES, (PLAN_COLUMNS, RATE_COLUMNS, BONUS_COLUMNS, EXCLUSION_COLUMNS), strict=True))
    files: Files = {name: [] for name in PLAN_FILES}
    for programme in programmes:
        plan = programme.plan
        for version, after in zip(plan.versions, [*plan.versions[1:], None], strict=True):
            _plan_rows(programme, version, after, files)
    for name, rows in files.items():
        _write(directory / f"{name}.csv", rows, columns[name])


def _plan_rows(programme: Programme, version: Version, after: Version | None, files: Files) -> None:
    plan, key = programme.plan, {"plan_id": programme.name, "version": str(version.number)}
    model = "fixed_fee" if not version.rates else "hybrid" if version.fees else "percentage"
    files["commission_plans"].append(
        key
        | {
            "effective_from": version.starts.isoformat(),
            "effective_to": after.starts.isoformat() if after else "",
            "name": "Random",
            "programme": "reseller",
            "model": model,
            "currency": plan.currency,
            "tier_basis": plan.basis,
            "tier_mode": plan.mode,
            "earn_window": f"months:{version.months}" if version.months else "lifetime",
            "payment_terms_days": str(version.terms_days),
            "min_payout": _text(version.min_payout),
            "cap_per_period": _text(version.cap),
            "clawback_months": str(version.clawback_months or ""),
            "volume_period": plan.volume_period,
            "rounding": plan.rounding,
            "timezone": plan.timezone,
        }
    )
    for component, column, bands in (
        ("percentage", "rate", version.rates),
        ("fixed_fee", "fee", version.fees),
        ("volume", "rate", version.volumes),
    ):
        for band, following in zip(bands, [*bands[1:], None], strict=False):
            values = {"from_value": _text(band.start), "to_value": _text(following.start if following else None)}
            files["commission_rates"].append(key | values | {"component": component, column: _text(band.value)})
    for bonus in version.bonuses:
        values = {"metric": bonus.metric, "threshold": _text(bonus.threshold), "kind": bonus.kind}
        files["commission_bonuses"].append(key | values | {"value": _text(bonus.value)})
    files["commission_exclusions"] += [key | {"product_id": product} for product in sorted(version.excluded)]


def deliver(programmes: list[Programme], inbox: Path, delivery: int) -> None:
    """A delivery into the file drop: all that is known after it, the second time what is new or another one."""
    before = _files(programmes, delivery - 1) if delivery else {}
    for name, rows in _files(programmes, delivery).items():
        key, former = next(iter(rows[0])), before.get(name, [])
        known, here = {tuple(row.items()) for row in former}, {row[key] for row in rows}
        fresh = [row for row in rows if tuple(row.items()) not in known]
        fresh += [row | {"is_deleted": "true"} for row in former if row[key] not in here]
        if fresh:
            _write(inbox / name / f"random_{delivery}.csv", fresh, (*rows[0], "is_deleted"))


def _files(programmes: list[Programme], delivery: int) -> Files:
    files: Files = defaultdict(list)
    files["products"].append({"product_id": SHIPPING, "name": "Shipping", "family": "shipping"})
    for (source, target), days in programmes[0].facts[delivery].rates.items():
        for day, rate in days.items():
            files["fx_rates"].append(
                {
                    "fx_rate_id": f"{source}{target}{day}",
                    "rate_date": day.isoformat(),
                    "from_currency": source,
                    "to_currency": target,
                    "rate": _text(rate),
                }
            )
    for programme in programmes:
        _programme_rows(programme, programme.facts[delivery], files)
    return files


def _programme_rows(programme: Programme, facts: Facts, files: Files) -> None:
    files["customers"] += [{"customer_id": f"{programme.name}-C{number}"} for number in (1, 2)]
    files["products"].append({"product_id": f"{programme.name}-X", "name": "X", "family": "service"})
    for partner in facts.partners.values():
        status = "suspended" if partner.suspended else "terminated" if partner.ended else "active"
        ended = partner.ended.isoformat() if partner.ended else ""
        row = {"partner_id": partner.ident, "name": partner.ident, "status": status, "terminated_at": ended}
        files["partners"].append(row)
        enrolment = {"enrolment_id": f"{partner.ident}-E", "partner_id": partner.ident, "plan_id": programme.name}
        files["enrolments"].append(enrolment | {"starts_on": "2020-01-01"})
    for deal in facts.deals.values():
        _deal_rows(deal, files)
    for invoice in facts.invoices.values():
        deal = facts.deals[invoice.deal]
        head = {"invoice_id": invoice.ident, "customer_id": deal.customer, "deal_id": deal.ident}
        files["invoices"].append(head | {"currency": invoice.currency, "issued_at": deal.closed.isoformat()})
        for number, (product, net, tax) in enumerate(invoice.lines):
            row = {"line_id": f"{invoice.ident}-{number}", "invoice_id": invoice.ident, "product_id": product}
            files["invoice_lines"].append(row | {"net": _text(net), "tax": _text(tax)})
    _cash_rows(facts, files)


def _deal_rows(deal: Deal, files: Files) -> None:
    files["deals"].append(
        {
            "deal_id": deal.ident,
            "customer_id": deal.customer,
            "amount": _text(deal.amount),
            "currency": deal.currency,
            "closed_at": deal.closed.isoformat(),
            "is_won": str(deal.won).lower(),
        }
    )
    is_equal = len({share for _, share in deal.shares}) == 1 and sum(share for _, share in deal.shares) == 1
    for partner, share in deal.shares:
        row = {"deal_partner_id": deal.ident + partner, "deal_id": deal.ident, "partner_id": partner, "role": "sourced"}
        files["deal_partners"].append(row | {"share": "" if is_equal else _text(share)})


def _cash_rows(facts: Facts, files: Files) -> None:
    disputes = {one.ident for one in facts.disputes}
    for movement in facts.movements:
        at, amount = movement.at.isoformat(), _text(movement.amount)
        if movement.kind == "payment":
            row = {"payment_id": movement.ident, "invoice_id": movement.invoice, "amount": amount}
            currency = facts.invoices[movement.invoice].currency
            files["payments"].append(row | {"from_credit": _text(movement.credit), "currency": currency, "paid_at": at})
        elif movement.kind == "credit_note":
            row = {"credit_note_id": movement.ident, "invoice_id": movement.invoice, "amount": amount}
            files["credit_notes"].append(row | {"issued_at": at})
        elif movement.ident not in disputes:
            row = {"refund_id": movement.ident, "payment_id": movement.payment, "amount": amount}
            files["refunds"].append(row | {"kind": movement.kind, "refunded_at": at})
    lost = {one.ident for one in facts.movements}
    for dispute in facts.disputes:
        status = "open" if dispute.closed is None else "lost" if dispute.ident in lost else "won"
        row = {"dispute_id": dispute.ident, "payment_id": dispute.payment, "status": status}
        closed = dispute.closed.isoformat() if dispute.closed else ""
        files["disputes"].append(row | {"opened_at": dispute.opened.isoformat(), "closed_at": closed})
    for hold in facts.holds:
        released = hold.released.isoformat() if hold.released else ""
        row = {"hold_id": hold.ident, "partner_id": hold.partner, "movement_id": hold.movement, "reason": "fraud_flag"}
        files["holds"].append(row | {"placed_at": hold.placed.isoformat(), "released_at": released})
