"""What no system holds and people send as files: rates, costs, workshops, onboarding, training, prospects, markets.

Files are written as they would have arrived by an instant: one per month for what comes monthly, one list otherwise.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from partner_warehouse.sandbox.calendar import FIRST_DAY, HORIZON, days, iso_instant, months, next_month
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.model import Activity, World
from partner_warehouse.sandbox.profiles import Defects
from partner_warehouse.sandbox.vocabulary import (
    BASE_RATES,
    COUNTRIES,
    COURSES,
    ONBOARDING_STEPS,
    PARTNER_SUFFIXES,
    RECRUITMENT_STAGES,
)

Row = dict[str, Any]


class FileDrop:
    """All rows of all files, each with the instant from which it is known."""

    def __init__(self, world: World, seed: int, defects: Defects) -> None:
        self._world = world
        self._chance = Chance(seed, "files")
        self._defects = defects
        self._rows: dict[str, list[tuple[datetime, Row]]] = {}
        self._rates()
        self._costs()
        self._workshops()
        self._partners()
        self._prospects()
        self._markets()
        self._holds()

    def _add(self, object_name: str, known_at: datetime, row: Row) -> None:
        if known_at < HORIZON:
            self._rows.setdefault(object_name, []).append((known_at, row))

    def files(self, now: datetime) -> dict[str, bytes]:
        """The files as they lie in the inbox at `now`: relative path → content."""
        found: dict[str, bytes] = {}
        for object_name, rows in self._rows.items():
            known = [(known_at, row) for known_at, row in rows if known_at <= now]
            if object_name in ("fx_rates", "costs"):
                by_month: dict[str, list[Row]] = {}
                for known_at, row in known:
                    by_month.setdefault(f"{known_at:%Y-%m}", []).append(row)
                for month, part in by_month.items():
                    found[f"{object_name}/{object_name}-{month}.csv"] = _csv(part)
            elif object_name == "training":
                content = "".join(json.dumps(row, separators=(",", ":")) + "\n" for _, row in known)
                found[f"{object_name}/{object_name}.jsonl"] = content.encode()
            elif known:
                found[f"{object_name}/{object_name}.csv"] = _csv([row for _, row in known])
        return found

    def write(self, directory: Path, now: datetime) -> None:
        """Write the files below `directory`; what is already there with the same content is left alone."""
        for path, content in sorted(self.files(now).items()):
            target = directory / path
            if target.exists() and target.read_bytes() == content:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.part")
            temporary.write_bytes(content)
            temporary.replace(target)

    def _rates(self) -> None:
        """Rates of working days, as a central bank publishes them: a walk around the base rate."""
        level = dict.fromkeys(BASE_RATES, 1.0)
        for day in days(date(2025, 3, 17), HORIZON.date()):
            if day.weekday() >= 5:
                continue
            for currency in level:
                if currency != "USD":
                    level[currency] *= 1.0 + self._chance.between(-0.004, 0.0041)
            known_at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
            for to_currency in ("USD", "EUR"):
                for currency, base in BASE_RATES.items():
                    if currency == to_currency or (currency == "KWD" and self._gap(day)):
                        continue
                    worth = base * level[currency] / (BASE_RATES[to_currency] * level[to_currency])
                    row = {
                        "fx_rate_id": f"{day}-{currency}-{to_currency}",
                        "rate_date": day.isoformat(),
                        "from_currency": currency,
                        "to_currency": to_currency,
                        "rate": f"{worth:.8f}",
                    }
                    self._add("fx_rates", known_at, row)

    def _gap(self, day: date) -> bool:
        """Eight days without the dinar's rate: longer than a rate may be old."""
        return self._defects.fx_gap and date(2026, 2, 12) <= day <= date(2026, 2, 22)

    def _costs(self) -> None:
        """Programme cost each month, and the cost of each activity with a partner, who bears a share of it."""
        number = 0
        activities = [*self._world.campaigns, *self._world.marketing_events, *self._world.workshops]
        for month in months():
            in_month = [other for other in activities if other.partner and month <= other.starts_at < next_month(month)]
            programme: list[tuple[Activity | None, str, int]] = [(None, "programme", 4200), (None, "programme", 2600)]
            shared = [(activity, "co_marketing", self._chance.number(700, 3200)) for activity in in_month]
            for activity, category, amount in [*programme, *shared]:
                number += 1
                partner = activity.partner if activity else None
                row = {
                    "cost_id": f"COST-{number:05d}",
                    "month": month.date().isoformat(),
                    "partner_id": partner.account_id if partner else "",
                    "activity_id": activity.id if activity else "",
                    "category": category,
                    "amount": f"{amount}.00",
                    "currency": partner.currency if partner else "USD",
                    "partner_share": self._chance.one(("0.30", "0.40", "0.50")) if activity else "0",
                    "updated_at": iso_instant(month + timedelta(days=20)),
                    "booked_by": "finance",
                }
                self._add("costs", month + timedelta(days=20), row)
                if self._defects.wrong_types and number % 97 == 40:
                    wrong = row | {"cost_id": f"COST-{number:05d}-X", "amount": "n/a"}
                    self._add("costs", month + timedelta(days=20), wrong)
                if self._defects.duplicate_events and number % 60 == 7:
                    # Sent again in the next month with a corrected amount.
                    later = month + timedelta(days=45)
                    self._add("costs", later, row | {"amount": f"{amount + 150}.00", "updated_at": iso_instant(later)})

    def _workshops(self) -> None:
        for workshop in self._world.workshops:
            row = {
                "activity_id": workshop.id,
                "kind": workshop.kind,
                "name": workshop.name,
                "partner_id": workshop.partner.account_id if workshop.partner else "",
                "starts_at": iso_instant(workshop.starts_at),
                "ends_at": iso_instant(workshop.ends_at),
            }
            self._add("activities", workshop.starts_at - timedelta(days=14), row)
            for part in workshop.participations:
                response = {
                    "response_id": part.id,
                    "activity_id": workshop.id,
                    "contact_id": part.contact.salesforce_id if part.contact else "",
                    "kind": part.state.lower(),
                    "occurred_at": iso_instant(part.occurred_at),
                }
                self._add("activity_responses", part.occurred_at, response)

    def _partners(self) -> None:
        """Onboarding and training of each partner."""
        for partner in self._world.partners:
            at = partner.signed_at
            for index, step in enumerate(ONBOARDING_STEPS):
                at += timedelta(days=self._chance.number(2, 9), hours=self._chance.number(0, 5))
                if index == 4 and partner.number % 13 == 6:
                    break  # the first project has not come yet
                row = {
                    "step_id": f"ONB-{partner.number:03d}-{index + 1}",
                    "partner_id": partner.account_id,
                    "step": step,
                    "completed_at": iso_instant(at),
                }
                self._add("onboarding_steps", at, row)
            for index, course in enumerate(COURSES):
                start = max(partner.signed_at, FIRST_DAY - timedelta(days=10))
                assigned_at = start + timedelta(days=10 + 75 * index)
                if not partner.works_at(assigned_at):
                    break
                completed_at = assigned_at + timedelta(days=self._chance.number(4, 40))
                done = self._chance.happens(0.965)
                training = {
                    "training_id": f"TRN-{partner.number:03d}-{index + 1}",
                    "partner_id": partner.account_id,
                    "course": course,
                    "assigned_at": iso_instant(assigned_at),
                    "completed_at": None,
                    "updated_at": iso_instant(assigned_at),
                }
                self._add("training", assigned_at, training)
                if done and completed_at < HORIZON:
                    stamp = iso_instant(completed_at)
                    self._add("training", completed_at, training | {"completed_at": stamp, "updated_at": stamp})

    def _prospects(self) -> None:
        """Possible partners; a row for each stage that one has been in, open while `left_at` is empty."""
        for number in range(84):
            entered_at = self._chance.instant(FIRST_DAY, HORIZON - timedelta(days=20)).replace(second=0)
            scores = {
                criterion: f"{self._chance.between(3.0, 9.9):.1f}"
                for criterion in (
                    "strategic_fit",
                    "market_reach",
                    "brand_alignment",
                    "technical_compatibility",
                    "revenue_potential",
                )
            }
            name = f"Prospect {number + 1:03d} {PARTNER_SUFFIXES[number % len(PARTNER_SUFFIXES)]}"
            kind = self._chance.one(("technology", "channel", "strategic", "integration"))
            for index, stage in enumerate(RECRUITMENT_STAGES):
                left_at = entered_at + timedelta(days=self._chance.number(6, 35), hours=self._chance.number(0, 20))
                row = {
                    "prospect_id": f"PRS-{number + 1:03d}-{index + 1}",
                    "name": name,
                    "partner_type": kind,
                    "stage": stage,
                    **scores,
                    "entered_at": iso_instant(entered_at),
                    "left_at": "",
                    "updated_at": iso_instant(entered_at),
                }
                self._add("prospects", entered_at, row)
                stopped = self._chance.happens(0.22)
                stamp = iso_instant(left_at)
                self._add("prospects", left_at, row | {"left_at": stamp, "updated_at": stamp})
                if stopped:
                    break
                entered_at = left_at

    def _markets(self) -> None:
        """What a research firm says that each market spends in a month, in US dollars."""
        factor = {"self_service": 0.4, "smb": 1.0, "mid_market": 1.6, "enterprise": 2.4}
        for index, month in enumerate(months()):
            for country in COUNTRIES:
                for segment, weight in factor.items():
                    amount = round(9_000_000 * country.weight * weight * (1.0 + 0.006 * index))
                    row = {
                        "market_size_id": f"MS-{month:%Y-%m}-{country.code}-{segment}",
                        "month": month.date().isoformat(),
                        "country": country.code,
                        "segment": segment,
                        "amount": f"{amount}.00",
                        "currency": "USD",
                    }
                    self._add("market_sizes", month, row)

    def _holds(self) -> None:
        """A suspicion that was cleared, one that was not, and a single payment that is being looked at."""
        partners = [partner for partner in self._world.partners if partner.status == "active"]
        first, second = partners[3 % len(partners)], partners[8 % len(partners)]
        held = [
            invoice.payments[0]
            for invoice in self._world.invoices
            if invoice.payments and invoice.deal and invoice.deal.registrations and invoice.finalized_at.year == 2026
        ]
        cleared: Row = {
            "hold_id": "HOLD-001",
            "partner_id": first.account_id,
            "movement_id": "",
            "reason": "fraud_flag",
            "placed_at": "2026-05-04T09:00:00Z",
            "released_at": "",
            "updated_at": "2026-05-04T09:00:00Z",
        }
        self._add("holds", datetime(2026, 5, 4, 9, tzinfo=UTC), cleared)
        released = {"released_at": "2026-06-10T09:00:00Z", "updated_at": "2026-06-10T09:00:00Z"}
        self._add("holds", datetime(2026, 6, 10, 9, tzinfo=UTC), cleared | released)
        kept = cleared | {
            "hold_id": "HOLD-002",
            "partner_id": second.account_id,
            "placed_at": "2026-09-15T09:00:00Z",
            "updated_at": "2026-09-15T09:00:00Z",
        }
        self._add("holds", datetime(2026, 9, 15, 9, tzinfo=UTC), kept)
        if held:
            single = kept | {
                "hold_id": "HOLD-003",
                "partner_id": "",
                "movement_id": held[len(held) // 2].invoice_payment_id,
                "reason": "under_review",
            }
            self._add("holds", datetime(2026, 9, 15, 9, tzinfo=UTC), single)


def _csv(rows: Iterable[Row]) -> bytes:
    listed = list(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return buffer.getvalue().encode()
