"""Random companies for the file drop, and what their conversions' credits must be, one conversion at a time."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

LOOKBACK = timedelta(days=365)
HALF_LIFE = timedelta(days=7)
PARTS = 10**12
MOST_MILLS = 10**16 - 1
"""The largest amount that the file drop takes: thirteen digits before the point."""

CHANNELS = ("direct", "email", "partner_link")
MILESTONES: Mapping[str, Mapping[str, Fraction]] = {
    "first_touch": {"first": Fraction(1)},
    "last_touch": {"last": Fraction(1)},
    "last_non_direct": {"last_non_direct": Fraction(1)},
    "linear": {"rest": Fraction(1)},
    "position": {"first": Fraction(4, 10), "rest": Fraction(2, 10), "last": Fraction(4, 10)},
    "w_shaped": {
        "first": Fraction(3, 10),
        "lead": Fraction(3, 10),
        "opportunity": Fraction(3, 10),
        "rest": Fraction(1, 10),
    },
    "full_path": {
        "first": Fraction(225, 1000),
        "lead": Fraction(225, 1000),
        "opportunity": Fraction(225, 1000),
        "last": Fraction(225, 1000),
        "rest": Fraction(1, 10),
    },
}


@dataclass(frozen=True)
class Touch:
    """A touch of an account."""

    touchpoint_id: str
    account_id: str
    occurred_at: datetime
    channel: str
    partner_id: str | None


@dataclass(frozen=True)
class Conversion:
    """A won deal (with an amount, in thousandths) or a lead."""

    kind: str
    conversion_id: str
    account_id: str
    converted_at: datetime
    lead_at: datetime | None
    opportunity_at: datetime | None
    mills: int = 0
    mills_per_part: int = 10


@dataclass
class Company:
    """Records as the file drop has them, and the touches and conversions that they mean."""

    files: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    touches: list[Touch] = field(default_factory=list)
    conversions: list[Conversion] = field(default_factory=list)

    def add(self, object_name: str, **record: object) -> None:
        """Put a record into the file drop."""
        self.files.setdefault(object_name, []).append(record)

    def write(self, inbox: Path) -> None:
        """Write the file drop: one CSV file for each object."""
        for name, records in self.files.items():
            columns = list(dict.fromkeys(column for record in records for column in record))
            (inbox / name).mkdir(parents=True)
            with (inbox / name / "random.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows({column: _text(value) for column, value in record.items()} for record in records)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value)


def random_company(accounts: int, seed: int) -> Company:
    """Accounts with no, one or several contacts and devices, and no, one or several conversions.

    Instants are drawn from few, so that touches tie with each other, with conversions and with the end of the lookback.
    """
    draw = random.Random(seed)  # noqa: S311
    company = Company()
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    for number in range(accounts):
        account = f"C{number:04d}"
        close = begin + LOOKBACK + timedelta(days=draw.randint(0, 60))
        instants = [close + offset for offset in _offsets(draw)]
        company.add("contacts", contact_id=f"{account}-K", customer_id=account)
        company.add(
            "identities",
            identity_id=f"{account}-I",
            anonymous_id=f"{account}-A",
            contact_id=f"{account}-K",
            identified_at=close,
        )
        for place in range(draw.choice([0, 1, 1, 2, 3, 5, 8])):
            _add_touch(company, draw, account, f"{account}-T{draw.randint(0, 9)}{place}", draw.choice(instants))
        _add_conversions(company, draw, account, close)
    return company


def _offsets(draw: random.Random) -> Sequence[timedelta]:
    second, microsecond = timedelta(seconds=1), timedelta(microseconds=1)
    return [
        timedelta(0),
        microsecond,
        -second,
        -LOOKBACK,
        microsecond - LOOKBACK,
        *(-timedelta(minutes=draw.randint(1, 60_000)) for _ in range(5)),
    ]


def _add_touch(company: Company, draw: random.Random, account: str, touchpoint_id: str, occurred_at: datetime) -> None:
    owner = draw.choice([{"customer_id": account}, {"contact_id": f"{account}-K"}, {"anonymous_id": f"{account}-A"}])
    channel = draw.choice(CHANNELS)
    partner_id = f"P{draw.randint(1, 3)}" if channel == "partner_link" else None
    company.add(
        "touchpoints",
        touchpoint_id=touchpoint_id,
        occurred_at=occurred_at,
        customer_id=owner.get("customer_id"),
        contact_id=owner.get("contact_id"),
        anonymous_id=owner.get("anonymous_id"),
        partner_id=partner_id,
        channel=channel,
    )
    company.touches.append(Touch(touchpoint_id, account, occurred_at, channel, partner_id))


def _add_conversions(company: Company, draw: random.Random, account: str, close: datetime) -> None:
    lead_at = None
    if draw.random() < 0.4:
        lead_at = close - timedelta(days=draw.randint(10, 20))
        company.add("leads", lead_id=f"{account}-L", customer_id=account, created_at=lead_at)
        company.conversions.append(Conversion("lead", f"{account}-L", account, lead_at, lead_at, None))
    for number in range(draw.choice([0, 0, 1, 1, 2])):
        currency, mills, mills_per_part = draw.choice(
            [
                *(("USD", 100_010, 10), ("USD", 10, 10), ("JPY", 1_001_000, 1000), ("KWD", 10_001, 1), ("USD", 244, 1)),
                # Nothing, a deal that was reversed, and the largest amounts that there are.
                *(("USD", 0, 10), ("USD", -100_010, 10), ("KWD", -1, 1), ("JPY", MOST_MILLS // 1000 * 1000, 1000)),
                *(("USD", MOST_MILLS // 10 * 10, 10), ("KWD", MOST_MILLS, 1), ("USD", -MOST_MILLS, 1)),
            ]
        )
        opportunity_at = draw.choice([None, close - timedelta(days=draw.randint(1, 15))])
        closed_at = close + timedelta(days=number)
        company.add(
            "deals",
            deal_id=f"{account}-D{number}",
            customer_id=account,
            amount=Decimal(mills).scaleb(-3),
            currency=currency,
            opportunity_at=opportunity_at,
            closed_at=closed_at,
            is_won="true",
        )
        known_lead = lead_at if lead_at is not None and lead_at <= (opportunity_at or closed_at) else None
        company.conversions.append(
            Conversion(
                "deal", f"{account}-D{number}", account, closed_at, known_lead, opportunity_at, mills, mills_per_part
            )
        )


def journey_of(conversion: Conversion, touches: Iterable[Touch]) -> list[Touch]:
    """The touches that a conversion may credit, in order."""
    return sorted(
        (
            touch
            for touch in touches
            if touch.account_id == conversion.account_id
            and touch.occurred_at <= conversion.converted_at
            and conversion.converted_at - touch.occurred_at < LOOKBACK
        ),
        key=lambda touch: (touch.occurred_at, touch.touchpoint_id),
    )


def open_journeys(company: Company) -> list[list[Touch]]:
    """What accounts did since their last conversion."""
    last: dict[str, datetime] = {}
    for conversion in company.conversions:
        last[conversion.account_id] = max(
            conversion.converted_at, last.get(conversion.account_id, conversion.converted_at)
        )
    rest: dict[str, list[Touch]] = {}
    for touch in sorted(company.touches, key=lambda touch: (touch.occurred_at, touch.touchpoint_id)):
        if touch.account_id not in last or touch.occurred_at > last[touch.account_id]:
            rest.setdefault(touch.account_id, []).append(touch)
    return list(rest.values())


def rule_weights(model: str, conversion: Conversion, journey: Sequence[Touch]) -> list[Fraction]:
    """What each touch earns under a rule, before it is cut to whole parts."""
    if model == "time_decay":
        ages = [(conversion.converted_at - touch.occurred_at) / HALF_LIFE for touch in journey]
        decayed = [Fraction(2.0 ** (min(ages) - age)) for age in ages]
        return [weight / sum(decayed) for weight in decayed]
    shares = dict(MILESTONES[model])
    rest = shares.pop("rest", Fraction(0))
    held = [Fraction(0)] * len(journey)
    for milestone, share in shares.items():
        place = _holder(milestone, conversion, journey)
        if place is not None:
            held[place] += share
    others = held.count(0)
    if not any(held):
        return [Fraction(1, len(journey))] * len(journey)
    if not others or not rest:
        return [share / sum(held) for share in held]
    return [share / sum(held) * (1 - rest) if share else rest / others for share in held]


def _holder(milestone: str, conversion: Conversion, journey: Sequence[Touch]) -> int | None:
    last = len(journey) - 1
    if milestone == "first":
        return 0
    if milestone == "last":
        return last
    if milestone == "last_non_direct":
        return max((place for place, touch in enumerate(journey) if touch.channel != "direct"), default=last)
    instant = conversion.lead_at if milestone == "lead" else conversion.opportunity_at
    reached = [place for place, touch in enumerate(journey) if instant is not None and touch.occurred_at <= instant]
    return max(reached, default=None)


def in_whole_parts(weights: Sequence[Fraction], whole: int) -> list[int]:
    """Largest remainder; the earlier of two equal remainders first. A loss is shared as the same gain would be."""
    if whole < 0:
        return [-part for part in in_whole_parts(weights, -whole)]
    exact = [weight * whole for weight in weights]
    parts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_remainder[: whole - sum(parts)]:
        parts[place] += 1
    return parts
