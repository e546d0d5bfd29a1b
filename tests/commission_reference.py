"""A second, independent reading of the commission rules: plain Python, exact fractions, one movement at a time.

It is written from the rules and shares nothing with the warehouse. `entitlement` says what every movement is worth to
every partner by what is known at an instant; `Account` closes months: what is entitled by now, less what was posted.
Amounts are in major units, days are those of the plan's time zone.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

ZERO = Fraction(0)
RANKS = {"deal": 0, "payment": 1, "credit_note": 2, "refund": 3, "dispute_lost": 4}


@dataclass(frozen=True, slots=True)
class Band:
    """From `start` on, up to the next band, `value` applies: a rate, or a fee."""

    start: Fraction
    value: Fraction


@dataclass(frozen=True, slots=True)
class Bonus:
    """Once `metric` reaches `threshold` in its period: `value` (flat), or that rate on the whole of the revenue."""

    metric: str
    threshold: Fraction
    kind: str
    value: Fraction


@dataclass(frozen=True, slots=True)
class Version:
    """What decides an amount, for orders from `starts` on up to the next version."""

    number: int
    starts: date
    rates: tuple[Band, ...] = ()
    fees: tuple[Band, ...] = ()
    volumes: tuple[Band, ...] = ()
    bonuses: tuple[Bonus, ...] = ()
    excluded: frozenset[str] = frozenset()
    months: int | None = None
    """Of the earn window; None is a lifetime."""
    clawback_months: int | None = None
    terms_days: int = 0
    cap: Fraction | None = None
    min_payout: Fraction = ZERO


@dataclass(frozen=True, slots=True)
class Plan:
    """The versions of a plan, and what they have in common."""

    versions: tuple[Version, ...]
    basis: str = "calendar_year"
    mode: str = "marginal"
    rounding: str = "half_up"
    currency: str = "USD"
    minor: int = 100
    """How many of the smallest unit are one of the currency."""
    timezone: str = "UTC"
    volume_period: str = ""

    def day(self, instant: datetime) -> date:
        """The day that an instant belongs to."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def version(self, day: date) -> Version | None:
        """The version in force for what is ordered on a day."""
        return max((one for one in self.versions if one.starts <= day), key=lambda one: one.starts, default=None)

    def at_the_end_of(self, unit: str, day: date) -> Version:
        """The version that decides what the whole month or quarter of a day is measured by."""
        months = 3 - (day.month - 1) % 3 if unit == "quarter" else 1
        last_day = _months_after(day.replace(day=1), months) - timedelta(days=1)
        return self.version(last_day) or self.versions[0]


@dataclass(frozen=True, slots=True)
class Partner:
    """Who earns."""

    ident: str
    ended: datetime | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Deal:
    """An order: when it was closed, its size, and each partner's share."""

    ident: str
    customer: str
    closed: datetime
    amount: Fraction
    currency: str
    shares: tuple[tuple[str, Fraction], ...]
    won: bool = True


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a deal bills: lines of (product, net, tax)."""

    ident: str
    deal: str
    currency: str
    lines: tuple[tuple[str, Fraction, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """A payment, refund, lost dispute or credit note. `amount` is positive; `payment` is the original of a refund."""

    kind: str
    ident: str
    invoice: str
    payment: str
    amount: Fraction
    at: datetime
    credit: Fraction = ZERO
    """Of a payment: what of it was paid from credit."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keeps a movement, or all of a partner, out of payouts."""

    ident: str
    partner: str
    movement: str
    placed: datetime
    released: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """Keeps its payment out while it is open."""

    ident: str
    payment: str
    opened: datetime
    closed: datetime | None = None


@dataclass
class Facts:
    """What is known at an instant."""

    as_of: datetime
    partners: dict[str, Partner] = field(default_factory=dict)
    deals: dict[str, Deal] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    rates: dict[tuple[str, str], dict[date, Fraction]] = field(default_factory=dict)
    shipping: frozenset[str] = frozenset()
    fx_days: int = 4

    def rate(self, source: str, target: str, day: date) -> Fraction | None:
        """The exchange rate of a day, or of the newest day before it that is not too old."""
        if source == target:
            return Fraction(1)
        quoted = self.rates.get((source, target), {})
        for age in range(self.fx_days + 1):
            if (earlier := day - timedelta(days=age)) in quoted:
                return quoted[earlier]
        return None


@dataclass(slots=True)
class Line:
    """What one movement is worth to one partner; no amount while a rate is missing."""

    amount: Decimal | None
    earned_on: date
    payable_on: date
    held: bool = False
    payments: set[str] = field(default_factory=set)
    """What it is of: a payment itself, and the payments that a loss takes from."""
    withheld: Decimal = Decimal(0)
    """Of the amount, what is earned on payments that are held, or taken from them: all of what is held itself."""
    period: tuple[int, ...] = ()
    """Whose revenue that is of."""
    room: Decimal = Decimal(0)
    """Of the amount, the room that a loss makes below a cap."""
    held_room: Decimal = Decimal(0)
    """Of the room, what payments have that are held."""


Key = tuple[str, str]
"""A movement (or deal) and a partner."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a movement changed of what one payment has brought, for one partner, in the plan's currency."""

    movement: Movement
    payment: Movement
    partner: str
    customer: str
    version: Version
    fine: Fraction
    moved_on: date
    paid_on: date


_Worth = tuple[Fraction, Fraction]
"""What a part earns for itself, and what it moves of others."""

_Priced = tuple[str, Version]
"""A payment, and the version of the plan that prices it."""

_Order = tuple[str, Version]
"""An invoice, and the version of the plan that prices it."""

_Moved = tuple[str, Version | None]
"""A partner, and the version of the plan whose revenue is re-rated; none for what a movement moves itself."""


def entitlement(plan: Plan, facts: Facts) -> dict[Key, Line]:
    """What every movement and deal is worth to every partner."""
    return _Reading(plan, facts).lines()


class _Reading:
    """One pass over what is known, in the order of time."""

    def __init__(self, plan: Plan, facts: Facts) -> None:
        self.plan = plan
        self.facts = facts
        self.payments = {one.ident: one for one in facts.movements if one.kind == "payment" and one.at <= facts.as_of}
        known = [one for one in facts.movements if one.at <= facts.as_of]
        self.movements = sorted(known, key=lambda one: (self._effective(one), RANKS[one.kind], one.ident))
        self.first_paid: dict[str, datetime] = {}
        for payment in self.payments.values():
            customer = self._deal(payment).customer
            self.first_paid[customer] = min(payment.at, self.first_paid.get(customer, payment.at))
        self.result: dict[Key, Line] = {}
        self.held, self.held_partners = self._open_holds()
        self.withheld: dict[Key, Decimal] = defaultdict(Decimal)
        self.taken: dict[Key, Decimal] = defaultdict(Decimal)
        self.capped: list[tuple[datetime, int, str, str, date, Decimal]] = []

    def lines(self) -> dict[Key, Line]:
        """All of it."""
        parts = self._parts()
        if self.plan.mode == "whole" and self.plan.basis != "trailing_12_months":
            self._earn_whole(parts)
        else:
            self._round(parts, _price(self.plan, parts))
        self._fees()
        self._bonuses(parts)
        self._caps()
        for part in parts:
            self.result[part.movement.ident, part.partner].payments.add(part.payment.ident)
        self._hold()
        return self.result

    def _effective(self, movement: Movement) -> datetime:
        """A refund is never before its payment."""
        payment = self.payments.get(movement.payment) if RANKS[movement.kind] > RANKS["credit_note"] else None
        return max(movement.at, payment.at) if payment else movement.at

    def _deal(self, movement: Movement) -> Deal:
        return self.facts.deals[self.facts.invoices[movement.invoice].deal]

    def _parts(self) -> list[_Part]:
        """Cash that is still here, at most what is still owed in cash, covers the payments in their order."""
        noted: dict[str, Fraction] = defaultdict(Fraction)
        given: dict[str, Fraction] = defaultdict(Fraction)
        collected: dict[str, Fraction] = defaultdict(Fraction)
        arrived: dict[str, list[Movement]] = defaultdict(list)
        parts: list[_Part] = []
        for movement in self.movements:
            if movement.kind == "payment":
                arrived[movement.invoice].append(movement)
            elif movement.kind == "credit_note":
                noted[movement.invoice] += movement.amount
            else:
                given[movement.payment] += movement.amount
            invoice = self.facts.invoices[movement.invoice]
            here = arrived[movement.invoice]
            credit = sum((min(one.credit, max(one.amount - given[one.ident], ZERO)) for one in here), ZERO)
            gross = sum((net + tax for _, net, tax in invoice.lines), ZERO)
            owed = max(gross - noted[movement.invoice] - credit, ZERO)
            for payment in here:
                now = min(max(payment.amount - payment.credit - given[payment.ident], ZERO), owed)
                owed -= now
                change, collected[payment.ident] = now - collected[payment.ident], now
                if change:
                    parts += self._shares(movement, payment, invoice, change / gross)
        return parts

    def _shares(self, movement: Movement, payment: Movement, invoice: Invoice, fraction: Fraction) -> list[_Part]:
        """The partners' bases of a change; none for who does not earn on it."""
        deal = self.facts.deals[invoice.deal]
        moved_on, paid_on = self.plan.day(self._effective(movement)), self.plan.day(payment.at)
        version = self.plan.version(self.plan.day(deal.closed))
        if version is None or not version.rates:
            return []
        if version.months is not None:
            first = self.plan.day(self.first_paid[deal.customer])
            if paid_on >= _months_after(first, version.months):
                return []
        limit = version.clawback_months
        if movement.kind != "payment" and limit is not None and moved_on >= _months_after(paid_on, limit):
            return []
        never = version.excluded | self.facts.shipping
        eligible = sum((net for product, net, _ in invoice.lines if product not in never), ZERO)
        rate = self.facts.rate(invoice.currency, self.plan.currency, paid_on)
        parts: list[_Part] = []
        for partner, share in deal.shares:
            ended = self.facts.partners[partner].ended
            if ended is not None and deal.closed >= ended:
                continue
            if rate is None:
                self._add(movement.ident, partner, None, moved_on, paid_on, version)
                continue
            fine = fraction * eligible * share * rate
            if fine:
                parts.append(_Part(movement, payment, partner, deal.customer, version, fine, moved_on, paid_on))
        return parts

    def _add(self, ident: str, partner: str, amount: Decimal | None, moved: date, paid: date, version: Version) -> None:
        line = self.result.get((ident, partner))
        if line is None:
            payable = max(moved, paid + timedelta(days=version.terms_days))
            self.result[ident, partner] = Line(amount, moved, payable, period=self._pooled_period(paid))
        elif amount is not None and line.amount is not None:
            line.amount += amount

    def _pooled_period(self, paid: date) -> tuple[int, ...]:
        """Of the tiers; the quarter, where a bonus is paid for one and the tiers are monthly."""
        metrics = {bonus.metric for version in self.plan.versions for bonus in version.bonuses}
        is_quarterly = self.plan.basis == "month" and "quarterly_revenue" in metrics
        return _period("quarter" if is_quarterly else self.plan.basis, paid)

    def _round(self, parts: list[_Part], exact: list[_Worth]) -> None:
        """Invoice by invoice, the running total is rounded, and shared by largest remainder, ties by partner.

        What a change moves of other payments is the partner's: the running total of its basis period is rounded.
        """
        moved: dict[tuple, Fraction] = defaultdict(Fraction)
        running: dict[tuple[str, int], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        given: dict[tuple[str, int, str], int] = defaultdict(int)
        for group in _by_movement(parts):
            movement, version = parts[group[0]].movement, parts[group[0]].version
            order = (movement.invoice, version.number)
            touched = {parts[index].partner: parts[index] for index in group}
            shifts: dict[str, int] = defaultdict(int)
            for part, (own, others) in ((parts[index], exact[index]) for index in group):
                running[order][part.partner] += own
                period = (part.partner, _period(self.plan.basis, part.paid_on))
                before = _counted(self.plan, moved[period])
                moved[period] += others
                shifts[part.partner] += _counted(self.plan, moved[period]) - before
            for partner, count in _shared(self.plan, running[order]).items():
                change = count - given[*order, partner]
                given[*order, partner] = count
                amount = Decimal(change + shifts[partner]) / self.plan.minor
                part = touched.get(partner, parts[group[0]])
                self._add(movement.ident, partner, amount, part.moved_on, part.paid_on, version)
                if partner in touched:
                    self._count(movement, partner, part.paid_on, amount)

    def _earn_whole(self, parts: list[_Part]) -> None:
        """Each invoice's revenue at the tier that its partner's period reaches, rounded invoice by invoice.

        Those whose revenue a movement moves, or whose part of an invoice it prices anew, share the rounded sum of what
        is theirs of the invoice by largest remainder, ties by partner. Its other partners keep what they have.
        """
        revenue: dict[tuple, dict[_Order, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        worth: dict[_Order, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        given: dict[tuple[_Order, str], int] = defaultdict(int)
        first: dict[tuple[str, str], Fraction] = {}
        sold: dict[_Order, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        sold_given: dict[tuple[_Order, str], int] = defaultdict(int)
        brought: dict[tuple, dict[_Priced, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        lifted: dict[tuple, dict[_Priced, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for group in _by_movement(parts):
            movement, touched = parts[group[0]].movement, {}
            changes: dict[_Order, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
            at_first: dict[str, Fraction] = defaultdict(Fraction)
            itself: dict[str, Fraction] = defaultdict(Fraction)
            waiting: dict[_Moved, int] = defaultdict(int)
            for part in (parts[index] for index in group):
                place = (part.partner, _period(self.plan.basis, part.paid_on))
                self._withhold_re_rated(part, brought[place], lifted[place], waiting)
                period = revenue[place]
                before = {one: net * _of(one[1].rates, sum(period.values(), ZERO)) for one, net in period.items()}
                reached = max(sum(period.values(), ZERO), sum(period.values(), part.fine))
                rate = _of(part.version.rates, reached)
                itself[part.partner] += part.fine * rate
                if dict(self._deal(movement).shares)[part.partner] != 1:
                    rate = first.setdefault((part.payment.ident, part.partner), rate)
                at_first[part.partner] += part.fine * rate
                period[movement.invoice, part.version] += part.fine
                for one, net in period.items():
                    after = net * _of(one[1].rates, sum(period.values(), ZERO))
                    changes[one][part.partner] += after - before.get(one, ZERO)
                touched[part.partner] = part
            counts: dict[_Moved, int] = defaultdict(int)
            for order, of_order in changes.items():
                is_own = order[0] == movement.invoice
                sharers = [partner for partner, change in of_order.items() if change or is_own]
                for partner in sharers:
                    worth[order][partner] += of_order[partner]
                    sold[order][partner] += at_first[partner] if is_own else ZERO
                shared = _shared(self.plan, {partner: worth[order][partner] for partner in sharers})
                alone = _shared(self.plan, {partner: sold[order][partner] for partner in sharers}) if is_own else {}
                for partner in sharers:
                    had, given[order, partner] = given[order, partner], shared[partner]
                    change = shared[partner] - had
                    of_itself = 0
                    if is_own:
                        # What it moves itself: what sharing out that alone gives, and its part of what is re-rated.
                        own = alone[partner] - sold_given[order, partner]
                        sold_given[order, partner] = alone[partner]
                        if len(sharers) == 1:
                            stood = worth[order][partner] - of_order[partner]
                            own = _counted(self.plan, stood + at_first[partner]) - had
                        later = itself[partner] - at_first[partner]
                        others = of_order[partner] - itself[partner]
                        rest = change - own if later or others else 0
                        of_itself = change - rest + _first_of(self.plan, rest, later, others)
                    counts[partner, None] += of_itself
                    counts[partner, order[1]] += change - of_itself
            self._withhold_moved(movement, counts, waiting)
            for partner, part in touched.items():
                count = sum(count for (of_partner, _), count in counts.items() if of_partner == partner)
                amount = Decimal(count) / self.plan.minor
                self._add(movement.ident, partner, amount, part.moved_on, part.paid_on, part.version)
                self._count(movement, partner, part.paid_on, amount)

    def _withhold_moved(self, movement: Movement, counts: dict[_Moved, int], waiting: dict[_Moved, int]) -> None:
        """Of what is moved or re-rated no more waits than there is of it."""
        for moved, count in waiting.items():
            most = counts[moved]
            amount = Decimal(max(min(count, most), 0) if count > 0 else min(max(count, most), 0)) / self.plan.minor
            self.withheld[movement.ident, moved[0]] += amount
            self.taken[movement.ident, moved[0]] += min(amount, Decimal(0))

    def _withhold_re_rated(
        self,
        part: _Part,
        brought: dict[_Priced, Fraction],
        lifted: dict[_Priced, Fraction],
        waiting: dict[_Moved, int],
    ) -> None:
        """What a change of tier earns on held payments, or takes: as they stood, of each rounded towards zero.

        Of free ones what a loss takes of the rate that a held payment lifted them by, until the tier is lost again.
        """
        before = sum(brought.values(), ZERO)
        after = before + part.fine
        if part.fine < 0:
            brought[part.payment.ident, part.version] += part.fine
            if not self._waits(part.payment.ident, part.partner):
                lost = part.fine * lifted[part.payment.ident, part.version]
                waiting[part.partner, None] += self._truncated(lost)
        lifts = part.movement.kind == "payment" and self._waits(part.payment.ident, part.partner)
        for (payment, version), fine in brought.items():
            step = _of(version.rates, after) - _of(version.rates, before)
            if self._waits(payment, part.partner):
                waiting[part.partner, version] += self._truncated(fine * step)
            elif part.fine < 0 and step:
                lost = -fine * min(max(-step, ZERO), lifted[payment, version])
                waiting[part.partner, version] += self._truncated(lost)
                lifted[payment, version] = ZERO
            elif lifts:
                lifted[payment, version] += max(step, ZERO)
        if part.fine > 0:
            brought[part.payment.ident, part.version] += part.fine

    def _waits(self, payment: str, partner: str) -> bool:
        return payment in self.held or partner in self.held_partners

    def _truncated(self, worth: Fraction) -> int:
        return int(_stated(worth) * self.plan.minor)

    def _withhold_part(self, part: _Part, worth: Fraction) -> None:
        amount = Decimal(self._truncated(worth)) / self.plan.minor
        self.withheld[part.movement.ident, part.partner] += amount
        self.taken[part.movement.ident, part.partner] += min(amount, Decimal(0))

    def _count(self, movement: Movement, partner: str, paid_on: date, amount: Decimal) -> None:
        at = self._effective(movement)
        self.capped.append((at, RANKS[movement.kind], movement.ident, partner, paid_on, amount))

    def _fees(self) -> None:
        """A fee on the close of a won deal, by its size and its place in the volume period."""
        places: dict[tuple[str, tuple[int, ...]], int] = defaultdict(int)
        for deal in sorted(self.facts.deals.values(), key=lambda one: (one.closed, one.ident)):
            closed_on = self.plan.day(deal.closed)
            version = self.plan.version(closed_on)
            if not deal.won or deal.closed > self.facts.as_of or version is None or not version.fees:
                continue
            rate = self.facts.rate(deal.currency, self.plan.currency, closed_on)
            exact: dict[str, Fraction] = {}
            for partner, share in deal.shares:
                ended = self.facts.partners[partner].ended
                if ended is not None and deal.closed >= ended:
                    continue
                place = (partner, _period(self.plan.volume_period, closed_on))
                places[place] += 1
                if rate is None:
                    self._add(deal.ident, partner, None, closed_on, closed_on, version)
                    continue
                fee = _of(version.fees, deal.amount * rate)
                volume = _of(version.volumes, Fraction(places[place])) if version.volumes else Fraction(1)
                exact[partner] = fee * volume * share
            for partner, count in _shared(self.plan, exact).items():
                amount = Decimal(count) / self.plan.minor
                self._add(deal.ident, partner, amount, closed_on, closed_on, version)
                self.capped.append((deal.closed, 0, deal.ident, partner, closed_on, amount))

    def _bonuses_on(self, day: date) -> Iterator[tuple[str, Bonus]]:
        """What a day's revenue counts for: the bonuses of the version that ends the month, or the quarter."""
        for unit in ("month", "quarter"):
            for bonus in self.plan.at_the_end_of(unit, day).bonuses:
                if (bonus.metric == "quarterly_revenue") == (unit == "quarter"):
                    yield unit, bonus

    def _bonuses(self, parts: list[_Part]) -> None:
        """A function of the running revenue, or of the new customers, of the original payment's period."""
        revenue: dict[tuple, Fraction] = defaultdict(Fraction)
        customers: dict[tuple, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        before: dict[tuple, int] = defaultdict(int)
        brought: dict[tuple, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        lifted: dict[tuple, set[str] | None] = {}
        had: set[tuple] = set()
        for part in parts:
            for unit, bonus in self._bonuses_on(part.paid_on):
                key = (part.partner, bonus, _period(unit, part.paid_on))
                if bonus.metric == "new_customers":
                    first = self.plan.day(self.first_paid[part.customer])
                    if _period("month", first) != _period("month", part.paid_on):
                        continue
                    customers[key][part.customer] += part.fine
                    reached = sum(left > 0 for left in customers[key].values()) >= bonus.threshold
                else:
                    revenue[key] += part.fine
                    reached = revenue[key] >= bonus.threshold
                if reached != (key in had):
                    lifted[key] = self._withhold_rewarded(part, bonus, reached, brought[key], lifted.get(key))
                elif part.fine < 0 and part.payment.ident in (lifted.get(key) or ()) and bonus.kind == "rate":
                    self._withhold_part(part, part.fine * bonus.value)
                brought[key][part.payment.ident] += part.fine
                (had.add if reached else had.discard)(key)
                worth = revenue[key] * bonus.value if bonus.kind == "rate" else bonus.value
                count = _rounded(self.plan, _stated(worth) * self.plan.minor) if reached else 0
                change, before[key] = count - before[key], count
                if change:
                    amount = Decimal(change) / self.plan.minor
                    ident = part.movement.ident
                    self._add(ident, part.partner, amount, part.moved_on, part.paid_on, part.version)
                    self._count(part.movement, part.partner, part.paid_on, amount)

    def _withhold_rewarded(
        self, part: _Part, bonus: Bonus, reached: bool, brought: dict[str, Fraction], lifted: set[str] | None
    ) -> set[str] | None:
        """What a bonus that is reached or lost earns on held payments, or takes from them, as they stood.

        What is lost takes nothing either of a bonus that a held payment reached: of a rate what the free ones before it
        have, of a flat one all. Those are `lifted`, and what comes back: none where no held payment reached it.
        """
        free = {one for one in brought if not self._waits(one, part.partner)}
        if bonus.kind == "rate":
            held = sum((fine for one, fine in brought.items() if one not in free), ZERO)
            self._withhold_part(part, held * bonus.value * (1 if reached else -1))
        if not reached and lifted is not None:
            taken = sum((brought[one] for one in lifted), ZERO) * bonus.value if bonus.kind == "rate" else bonus.value
            self._withhold_part(part, -taken)
        is_lifting = part.movement.kind == "payment" and self._waits(part.payment.ident, part.partner)
        return free if reached and is_lifting else None

    def _caps(self) -> None:
        """The month's total is clamped; a loss is measured against the total that was not.

        What a month of the basis period is below zero by is first taken from what is above the caps of the others.
        """
        totals: dict[tuple, Decimal] = defaultdict(Decimal)
        above: dict[tuple, Decimal] = defaultdict(Decimal)
        below: dict[tuple, Decimal] = defaultdict(Decimal)
        changes: dict[tuple, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for _, _, ident, partner, paid_on, amount in sorted(self.capped, key=lambda one: one[:3]):
            limit = self.plan.at_the_end_of("month", paid_on).cap
            if limit is None:
                continue
            cap = Decimal(limit.numerator) / Decimal(limit.denominator)
            key = (partner, _period("month", paid_on))
            before, totals[key] = totals[key], totals[key] + amount
            line = self.result[ident, partner]
            assert line.amount is not None
            whole = (partner, _period(self.plan.basis, paid_on))
            relieved = min(above[whole], below[whole])
            above[whole] += max(totals[key] - cap, Decimal(0)) - max(before - cap, Decimal(0))
            below[whole] += max(-totals[key], Decimal(0)) - max(-before, Decimal(0))
            change = min(totals[key], cap) - min(before, cap) - amount + min(above[whole], below[whole]) - relieved
            line.amount += change
            changes[key][ident] += change
        for (partner, _), of_month in changes.items():
            self._make_room(partner, of_month)

    def _make_room(self, partner: str, changes: dict[str, Decimal]) -> None:
        """The room that losses make below a month's cap is of what is above it, in the order in which that came."""
        taking = {one.ident for one in self.movements if one.kind != "payment"}
        stack: list[tuple[Decimal, Decimal]] = []
        height = made = Decimal(0)
        for ident, change in changes.items():
            if ident not in taking and change < 0:
                if ident in self.held or partner in self.held_partners:
                    stack.append((height, height - change))
                height -= change
        for ident, change in changes.items():
            if ident not in taking:
                continue
            line = self.result[ident, partner]
            line.room = change
            if change > 0:
                before, made = made, made + change
                if partner not in self.held_partners and not self._is_of_held(ident):
                    line.held_room = sum(
                        (max(min(made, top) - max(before, start), Decimal(0)) for start, top in stack), Decimal(0)
                    )

    def _is_of_held(self, ident: str) -> bool:
        return any(one.ident == ident and one.payment in self.held for one in self.movements)

    def _open_holds(self) -> tuple[set[str], set[str]]:
        """The payments and deals that are held, and the partners of whom all is."""
        at = self.facts.as_of
        holds = [one for one in self.facts.holds if one.placed <= at and (one.released is None or one.released > at)]
        partners = {one.partner for one in holds if not one.movement}
        partners |= {one.ident for one in self.facts.partners.values() if one.suspended}
        movements = {one.movement for one in holds if one.movement}
        movements |= {
            one.payment for one in self.facts.disputes if one.opened <= at and (one.closed is None or one.closed > at)
        }
        return movements, partners

    def _hold(self) -> None:
        """What is earned waits while there is a cause; what takes back never does."""
        taking = {one.ident for one in self.movements if one.kind != "payment"}
        for (ident, partner), line in self.result.items():
            has_cause = ident in self.held or partner in self.held_partners
            line.held = line.amount is None or (ident not in taking and has_cause)
            if line.held:
                line.withheld = line.amount or Decimal(0)
            elif partner not in self.held_partners and line.payments.isdisjoint(self.held):
                line.withheld = self.withheld[ident, partner]
            else:
                line.withheld = self.taken[ident, partner]
            if not line.held:
                line.withheld += line.held_room


def _by_movement(parts: list[_Part]) -> Iterable[list[int]]:
    """The places of the parts of each movement; they stand together."""
    groups: dict[str, list[int]] = {}
    for index, part in enumerate(parts):
        groups.setdefault(part.movement.kind + part.movement.ident, []).append(index)
    return groups.values()


def _price(plan: Plan, parts: list[_Part]) -> list[_Worth]:
    """What each part earns, before rounding."""
    if plan.mode == "status":
        return [(own, ZERO) for own in _by_status(plan, parts)]
    if plan.basis == "trailing_12_months":
        return [(own, ZERO) for own in _by_trailing(plan, parts)]
    return _by_running(plan, parts)


def _by_running(plan: Plan, parts: list[_Part]) -> list[_Worth]:
    """From one state of the basis period to another: what each version of the plan has brought in it.

    A payment's own revenue is priced where it stood when it came; the rest of the difference is what it moves.
    """
    revenue: dict[tuple, dict[Version, Fraction]] = defaultdict(lambda: dict.fromkeys(plan.versions, ZERO))
    stood: dict[tuple[str, str], Fraction] = {}
    brought: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    earned: list[_Worth] = []
    for part in parts:
        state = revenue[part.partner, _period(plan.basis, part.paid_on)]
        before = _stacked(state)
        payment = (part.payment.ident, part.partner)
        below = sum((net for version, net in state.items() if version.number <= part.version.number), ZERO)
        start = stood.setdefault(payment, below)
        old, brought[payment] = brought[payment], brought[payment] + part.fine
        own = _marginal(part.version, start + brought[payment]) - _marginal(part.version, start + old)
        state[part.version] += part.fine
        earned.append((own, _stacked(state) - before - own))
    return earned


def _by_trailing(plan: Plan, parts: list[_Part]) -> list[Fraction]:
    """The position is what the payments of the twelve months before had brought when this one came; it stays."""
    positions: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}
    brought: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    earned: list[Fraction] = []
    for index, part in enumerate(parts):
        key = (part.payment.ident, part.partner)
        if key not in positions:
            since = _months_after(part.paid_on, -12)
            before = [one for one in parts[:index] if one.partner == part.partner and one.paid_on > since]
            positions[key] = (sum((one.fine for one in before), ZERO), part.fine)
        start, first = positions[key]
        brought[key] += part.fine
        if plan.mode == "whole":
            earned.append(part.fine * _of(part.version.rates, start + first))
        else:
            now = start + brought[key]
            earned.append(_marginal(part.version, now) - _marginal(part.version, now - part.fine))
    return earned


def _by_status(plan: Plan, parts: list[_Part]) -> list[Fraction]:
    """All at the tier that was held at the start of the payment's month."""
    earned: list[Fraction] = []
    for part in parts:
        start = part.paid_on.replace(day=1)
        last = start - timedelta(days=1)
        first = {
            "month": last.replace(day=1),
            "calendar_year": date(last.year, 1, 1),
            "trailing_12_months": _months_after(start, -12),
            "lifetime": date.min,
        }[plan.basis]
        held = [
            one.fine
            for one in parts
            if one.partner == part.partner and one.moved_on < start and first <= one.paid_on.replace(day=1)
        ]
        earned.append(part.fine * _of(part.version.rates, sum(held, ZERO)))
    return earned


def _of(bands: tuple[Band, ...], position: Fraction) -> Fraction:
    """The value of the band that a position is in; nothing below the first one."""
    reached = [one for one in bands if one.start <= position]
    return max(reached, key=lambda one: one.start).value if reached else ZERO


def _stacked(revenue: dict[Version, Fraction]) -> Fraction:
    """Each slice at its own tier; the versions stand on one another, the earliest lowest."""
    total = bottom = ZERO
    for version, part in revenue.items():
        if version.rates:
            total += _marginal(version, bottom + part) - _marginal(version, bottom)
        bottom += part
    return total


def _marginal(version: Version, revenue: Fraction) -> Fraction:
    ends = [band.start for band in version.rates[1:]] + [max(revenue, version.rates[-1].start)]
    slices = zip(version.rates, ends, strict=True)
    return sum((max(ZERO, min(revenue, end) - band.start) * band.value for band, end in slices), ZERO)


def _period(unit: str, day: date) -> tuple[int, ...]:
    """The month, quarter or year of a day; everything is one period where there is none."""
    return {
        "month": (day.year, day.month),
        "quarter": (day.year, (day.month - 1) // 3),
        "year": (day.year,),
        "calendar_year": (day.year,),
    }.get(unit, ())


def _months_after(day: date, months: int) -> date:
    """The same day of another month, or that month's last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _stated(amount: Fraction) -> Fraction:
    """A commission before it is rounded is stated in ten decimals, as the product declares."""
    scaled = amount * 10**10
    whole = (abs(scaled) + Fraction(1, 2)).__floor__()
    return Fraction(whole if scaled >= 0 else -whole, 10**10)


def _shared(plan: Plan, parts: dict[str, Fraction]) -> dict[str, int]:
    """The rounded whole in the smallest unit, by largest remainder, ties by name."""
    stated = {name: _stated(part) * plan.minor for name, part in parts.items()}
    whole = _rounded(plan, sum(stated.values(), ZERO))
    counts = {name: part.__floor__() for name, part in stated.items()}
    left = whole - sum(counts.values())
    for name in sorted(stated, key=lambda one: (counts[one] - stated[one], one))[:left]:
        counts[name] += 1
    return counts


def _first_of(plan: Plan, count: int, first: Fraction, second: Fraction) -> int:
    """What the first of two has of a count: each its whole ones, then what is left by largest remainder."""
    if not first or not second:
        return count if first else 0
    wholes = [int(first * plan.minor), int(second * plan.minor)]
    sign = -1 if count < sum(wholes) else 1
    left = abs(count - sum(wholes))
    remainders = [(one * plan.minor - whole) * sign for one, whole in zip((first, second), wholes, strict=True)]
    most, least = (left > 0) + max(left - 2, 0), left > 1
    return wholes[0] + sign * (most if remainders[0] >= remainders[1] else least)


def _counted(plan: Plan, amount: Fraction) -> int:
    """An amount in the plan's smallest unit, rounded."""
    return _rounded(plan, _stated(amount) * plan.minor)


def _rounded(plan: Plan, amount: Fraction) -> int:
    mode = ROUND_HALF_EVEN if plan.rounding == "half_even" else ROUND_HALF_UP
    return int((Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(Decimal(1), rounding=mode))


@dataclass
class Account:
    """Where a partner stands: what was posted of each movement, and the balance that is carried."""

    posted: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    balance: Decimal = Decimal(0)
    room: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """What was posted apart of each loss: the room that it made below a cap."""
    payments: dict[str, set[str]] = field(default_factory=dict)
    """Which payments each movement was last known to be of."""

    def close(self, lines: dict[str, Line], last_day: date, minimum: Fraction) -> tuple[Decimal, Decimal, Decimal]:
        """Close a month: post what is entitled by its end less what was posted, pay the balance from the minimum on.

        Of a payment that is held nothing positive is posted, neither for itself nor for what took from it, nor of what
        another one earns on it; and nothing is taken that waits so.

        Args:
            lines: The partner's, by movement.
            last_day: Of the month.
            minimum: The smallest payout.

        Returns:
            What was posted, what is paid, and what is carried.
        """
        changed = Decimal(0)
        changes: dict[str, Decimal] = {}
        kept: dict[str, Decimal] = {}
        waiting = {ident for ident, line in lines.items() if line.held}
        for ident in lines.keys() | self.posted.keys():
            line = lines.get(ident)
            if line is not None:
                self.payments[ident] = line.payments
            if ident in waiting:
                continue
            is_due = line is not None and max(line.earned_on, line.payable_on) <= last_day
            due = line.amount if line is not None and is_due else None
            room = line.room if line is not None and is_due else Decimal(0)
            change = (due or Decimal(0)) - self.posted[ident] - self.room[ident]
            if change > 0 and not waiting.isdisjoint(self.payments[ident]):
                continue
            made = room - self.room[ident]
            changes[ident] = change - made
            if line is not None:
                kept[ident] = min(line.held_room, max(made, Decimal(0)))
                made -= kept[ident]
            self.room[ident] += made
            changed += made
        for ident, waits in self._waiting(lines, changes, kept).items():
            changes[ident] -= waits
        for ident, change in changes.items():
            self.posted[ident] += change
            changed += change
        balance = self.balance + changed
        paid = balance if balance > 0 and balance >= minimum else Decimal(0)
        self.balance = balance - paid
        return changed, paid, self.balance

    def _waiting(
        self, lines: dict[str, Line], changes: dict[str, Decimal], kept: dict[str, Decimal]
    ) -> dict[str, Decimal]:
        """What of the changes is earned on payments that are held, or taken from what of these was never posted.

        `kept` is the room below a cap that was made for them and waits.
        """
        parts = {ident: lines[ident].withheld - lines[ident].held_room for ident in changes if ident in lines}
        earned = {ident: min(part, max(changes[ident], Decimal(0))) for ident, part in parts.items() if part > 0}
        unposted: dict[tuple[int, ...], Decimal] = defaultdict(Decimal)
        for ident, line in lines.items():
            if line.held:
                unposted[line.period] += max((line.amount or Decimal(0)) - self.posted[ident], Decimal(0))
        for ident, part in [*earned.items(), *kept.items()]:
            unposted[lines[ident].period] += part
        taken: dict[str, Decimal] = {}
        for ident in sorted(ident for ident, part in parts.items() if part < 0):
            period = lines[ident].period
            taken[ident] = -min(-parts[ident], max(-changes[ident], Decimal(0)), unposted[period])
            unposted[period] += taken[ident]
        return earned | taken
