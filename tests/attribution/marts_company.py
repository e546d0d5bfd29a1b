"""A small company whose roles, reports and payouts can be worked out by hand.

Three parts share one warehouse and never meet: deals of May 2025 that partners quarrel over, conversions of July and
August 2024 for the reports, and ten equal deals of June 2025 with a plan for each attribution model.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attribution_companies import Company

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position",
    "w_shaped",
    "full_path",
    "time_decay",
    "markov",
    "shapley",
)

IN_PLAY = datetime(2025, 3, 1, tzinfo=UTC)
CLOSE = datetime(2025, 5, 1, tzinfo=UTC)
PAY_CLOSE = datetime(2025, 6, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def marts_company() -> Company:
    """All three parts."""
    company = Company()
    _quarrels(company)
    _reported(company)
    for model in MODELS:
        _paid_by(company, model)
    return company


def write_plans(directory: Path) -> None:
    """A plan of 10 % for each model, and one of the programme `technology`."""
    directory.mkdir(parents=True)
    fields = {
        "version": 1,
        "effective_from": "2020-01-01",
        "effective_to": "",
        "name": "Ten percent",
        "model": "percentage",
        "currency": "USD",
        "tier_basis": "lifetime",
        "tier_mode": "marginal",
        "earn_window": "lifetime",
        "payment_terms_days": 0,
        "min_payout": 0,
        "cap_per_period": "",
        "clawback_months": "",
        "volume_period": "",
        "rounding": "half_up",
        "timezone": "UTC",
    }
    plans: list[dict[str, object]] = [
        {"plan_id": f"by-{model}", **fields, "programme": "reseller", "crediting_model": model} for model in MODELS
    ]
    plans.append({"plan_id": "tech", **fields, "programme": "technology", "crediting_model": "deal_partners"})
    rates: list[dict[str, object]] = [
        {
            "plan_id": plan["plan_id"],
            "version": 1,
            "component": "percentage",
            "from_value": 0,
            "to_value": "",
            "rate": "0.10",
            "fee": "",
            "tier": "T1",
        }
        for plan in plans
    ]
    for name, rows in (("commission_plans", plans), ("commission_rates", rates)):
        with (directory / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _customer(deal: str) -> str:
    """The customer of a deal; one has an id as accounts of strangers have."""
    return "anonymous:D9" if deal == "late" else f"C-{deal}"


def _deal(company: Company, name: str, **more: object) -> None:
    """A customer with one deal, in play since March 2025 and won in May unless `more` says otherwise."""
    company.add("customers", customer_id=_customer(name), name=f"Customer {name}")
    deal: dict[str, object] = {
        "amount": "500.00",
        "currency": "USD",
        "created_at": IN_PLAY - 5 * DAY,
        "opportunity_at": IN_PLAY,
        "closed_at": CLOSE,
        "is_won": "true",
    }
    company.add("deals", deal_id=name, customer_id=_customer(name), **(deal | more))


def _part(
    company: Company,
    deal: str,
    partner: str,
    role: str = "sourced",
    share: str | None = None,
    registered_at: datetime | None = None,
    approved_at: datetime | None = None,
) -> None:
    company.add(
        "deal_partners",
        deal_partner_id=f"{deal}-{partner}",
        deal_id=deal,
        partner_id=partner,
        role=role,
        share=share,
        registered_at=registered_at,
        approved_at=approved_at,
    )


def _lead(company: Company, deal: str, partner: str, created_at: datetime, contact: str | None = None) -> None:
    company.add(
        "leads",
        lead_id=f"{deal}-{partner}-L",
        customer_id=_customer(deal),
        contact_id=contact,
        partner_id=partner,
        created_at=created_at,
    )


def _touch(
    company: Company,
    touch: str,
    customer: str,
    occurred_at: datetime,
    channel: str,
    partner: str | None = None,
    campaign: str | None = None,
) -> None:
    company.add(
        "touchpoints",
        touchpoint_id=touch,
        customer_id=customer,
        occurred_at=occurred_at,
        channel=channel,
        partner_id=partner,
        campaign=campaign,
    )


def _quarrels(company: Company) -> None:
    for partner in ("P1", "P2", "P3", "TECH", "SELF", "MAIL", "NAMED"):
        name = "Customer named" if partner == "NAMED" else f"Partner {partner}"
        company.add("partners", partner_id=partner, name=name, partner_type="channel")
    company.add(
        "enrolments", enrolment_id="E-TECH", partner_id="TECH", programme="Technology", plan_id="tech",
        starts_on="2024-01-01", ends_on=None,
    )  # fmt: skip

    # A registration in force goes before a referral and a role.
    _deal(company, "in_force")
    _part(company, "in_force", "P1", registered_at=IN_PLAY - 9 * DAY, approved_at=IN_PLAY + 9 * DAY)
    _lead(company, "in_force", "P2", IN_PLAY - 20 * DAY)
    _part(company, "in_force", "P3")

    # One that has lapsed, or was not approved, does not: ninety days end before the close.
    _deal(company, "lapsed")
    _part(company, "lapsed", "P1", registered_at=CLOSE - 120 * DAY, approved_at=CLOSE - 110 * DAY)
    _lead(company, "lapsed", "P2", IN_PLAY - 20 * DAY)
    _deal(company, "refused")
    _part(company, "refused", "P1", registered_at=IN_PLAY + DAY)
    _lead(company, "refused", "P2", IN_PLAY)
    _part(company, "refused", "P3")

    # The window is half-open, to the second; alone, what has lapsed is a role.
    for name, approved_at in (("ends_at_close", CLOSE - 90 * DAY), ("a_second_left", CLOSE - 90 * DAY + SECOND)):
        _deal(company, name)
        _part(company, name, "P1", registered_at=CLOSE - 100 * DAY, approved_at=approved_at)
        _part(company, name, "P2")
    _deal(company, "lapsed_alone")
    _part(company, "lapsed_alone", "P1", registered_at=CLOSE - 120 * DAY, approved_at=CLOSE - 110 * DAY)

    # The programme's own window: 180 days for technology.
    _deal(company, "programme")
    _part(company, "programme", "TECH", registered_at=CLOSE - 120 * DAY, approved_at=CLOSE - 110 * DAY)
    _lead(company, "programme", "P2", IN_PLAY - 20 * DAY)

    # Two registrations in force: who registered first, although the other was approved first.
    _deal(company, "two")
    _part(company, "two", "P1", registered_at=IN_PLAY - 9 * DAY, approved_at=IN_PLAY + 2 * DAY)
    _part(company, "two", "P2", registered_at=IN_PLAY - 8 * DAY, approved_at=IN_PLAY + DAY)

    # Shares that the records state are an agreement; one who has none of them loses.
    _deal(company, "agreed")
    _part(company, "agreed", "P1", share="0.6", registered_at=IN_PLAY - DAY, approved_at=IN_PLAY)
    _part(company, "agreed", "P2", share="0.4", registered_at=IN_PLAY - 2 * DAY, approved_at=IN_PLAY)
    _deal(company, "stated")
    _part(company, "stated", "P1", share="1")
    _part(company, "stated", "P2", share="0")

    # After the deal came into play nobody can have brought it.
    _deal(company, "late")
    _lead(company, "late", "P1", IN_PLAY + SECOND)
    _touch(company, "late-2", "anonymous:D9", IN_PLAY + 31 * DAY, "partner_link", "P2")
    _touch(company, "late-3", "anonymous:D9", IN_PLAY - 31 * DAY, "partner_link", "P3")
    _touch(company, "late-4", "anonymous:D9", CLOSE + DAY, "partner_link", "TECH")
    _touch(company, "late-5", "anonymous:D9", CLOSE - 365 * DAY, "partner_link", "NAMED")

    # Two referrals: the first one binds. A role is one, whoever touches besides.
    _deal(company, "referred_twice")
    _lead(company, "referred_twice", "P2", IN_PLAY - 3 * DAY)
    _lead(company, "referred_twice", "P1", IN_PLAY - 2 * DAY)
    _deal(company, "role")
    _part(company, "role", "P1")
    _part(company, "role", "P2", role="influenced")
    _part(company, "role", "P3", role="assisted")
    _touch(company, "role-3", "C-role", IN_PLAY + DAY, "partner_link", "P3")

    # Open: its registration protects as of the run.
    _deal(company, "open", closed_at=None, is_won="false")
    _part(
        company,
        "open",
        "P1",
        registered_at=datetime(2025, 12, 1, tzinfo=UTC),
        approved_at=datetime(2025, 12, 2, tzinfo=UTC),
    )

    _self_referrals(company)


def _self_referrals(company: Company) -> None:
    """By the domain of its people, by that of the person referred, by name; a free mail provider's says nothing."""
    company.add("contacts", contact_id="K-SELF", customer_id="SELF", email="owner@selfco.example")
    company.add("contacts", contact_id="K-MAIL", customer_id="MAIL", email="owner@gmail.com")
    _deal(company, "own_domain")
    company.add("contacts", contact_id="K1", customer_id="C-own_domain", email="Sales@SelfCo.example")
    _lead(company, "own_domain", "SELF", IN_PLAY - DAY)
    _deal(company, "own_person")
    company.add("contacts", contact_id="K2", customer_id="C-own_person", email="boss@buyer.example")
    company.add("contacts", contact_id="K3", customer_id="C-own_person", email="agent@selfco.example")
    _lead(company, "own_person", "SELF", IN_PLAY - DAY, contact="K3")
    _deal(company, "free_mail")
    company.add("contacts", contact_id="K4", customer_id="C-free_mail", email="buyer@gmail.com")
    _lead(company, "free_mail", "MAIL", IN_PLAY - DAY)
    _deal(company, "named")
    _lead(company, "named", "NAMED", IN_PLAY - DAY)


def _at(month: int, day: int) -> datetime:
    return datetime(2024, month, day, 12, tzinfo=UTC)


def _reported(company: Company) -> None:
    company.add("partners", partner_id="PM", name="Reported", partner_type="strategic")
    company.add(
        "activities", activity_id="A1", kind="webinar", name="Summer Talk", partner_id="PM", starts_at=_at(7, 5)
    )
    company.add("contacts", contact_id="KM", customer_id="C-M1", email="m@m1.example")
    company.add("contacts", contact_id="KN", customer_id="C-M6", email="n@m6.example")
    for number, (day, rate) in enumerate({"2024-07-01": "1.10", "2024-07-10": "1.1111"}.items()):
        company.add(
            "fx_rates", fx_rate_id=f"X{number}", rate_date=day, from_currency="EUR", to_currency="USD", rate=rate
        )
    won = {"created_at": None, "opportunity_at": None}

    # 100 EUR are 111.11 USD: three touches of a third each, two of them the activity's campaign.
    _deal(company, "M1", amount="100.00", currency="EUR", closed_at=_at(7, 10), **won)
    _touch(company, "M1-1", "C-M1", _at(7, 1), "newsletter", campaign="summer talk")
    _touch(company, "M1-2", "C-M1", _at(7, 3), "partner_link", "PM")
    company.add(
        "activity_responses",
        response_id="R1",
        activity_id="A1",
        contact_id="KM",
        kind="attended",
        occurred_at=_at(7, 5),
    )

    # A lead, a deal of the same number that nobody touched, one without a rate, and an account that did not convert.
    company.add("customers", customer_id="C-M2", name="Customer M2")
    company.add("leads", lead_id="M3", customer_id="C-M2", created_at=_at(7, 20))
    _touch(company, "M2-1", "C-M2", _at(7, 15), "podcast")
    _touch(company, "M2-2", "C-M2", _at(7, 18), "newsletter", campaign="Flash-Sale")
    _deal(company, "M3", amount="50.00", closed_at=_at(7, 25), **won)
    _deal(company, "M4", amount="10.00", currency="GBP", closed_at=_at(7, 22), **won)
    _touch(company, "M4-1", "C-M4", _at(7, 20), "newsletter")
    company.add("customers", customer_id="C-M5", name="Customer M5")
    _touch(company, "M5-1", "C-M5", _at(7, 2), "podcast")
    _touch(company, "M5-2", "C-M5", _at(7, 4), "podcast")

    # In August the campaign of July brings 30 more.
    _deal(company, "M6", amount="30.00", closed_at=_at(8, 5), **won)
    company.add(
        "activity_responses",
        response_id="R6",
        activity_id="A1",
        contact_id="KN",
        kind="attended",
        occurred_at=_at(8, 1),
    )

    cost = {"month": "2024-07-01", "partner_share": None, "activity_id": None, "partner_id": None}
    company.add(
        "costs",
        **(
            cost
            | {
                "cost_id": "K1",
                "activity_id": "A1",
                "category": "event",
                "amount": "200.00",
                "currency": "EUR",
                "partner_share": "0.5",
            }
        ),
    )
    company.add(
        "costs",
        **(
            cost
            | {"cost_id": "K2", "partner_id": "PM", "category": "co_marketing", "amount": "40.00", "currency": "USD"}
        ),
    )
    company.add(
        "costs",
        **(cost | {"cost_id": "K3", "partner_id": "PM", "category": "portal", "amount": "999.00", "currency": "USD"}),
    )


def _paid_by(company: Company, model: str) -> None:
    """A paid deal of 1,000 that two partners of a plan by this model touched, a week between the touches."""
    name = f"pay_{model}"
    for side in ("A", "B"):
        company.add("partners", partner_id=f"{model}-{side}", name=f"Paid {model} {side}", partner_type="channel")
        company.add(
            "enrolments", enrolment_id=f"E-{model}-{side}", partner_id=f"{model}-{side}", programme="reseller",
            plan_id=f"by-{model}", starts_on="2020-01-01", ends_on=None,
        )  # fmt: skip
    weeks = [PAY_CLOSE - count * 7 * DAY for count in (5, 4, 3, 2, 1)]
    _deal(
        company,
        name,
        amount="1000.00",
        created_at=weeks[0] + DAY,
        opportunity_at=weeks[2] + DAY,
        closed_at=PAY_CLOSE,
    )
    touches = (
        ("partner_link", f"{model}-A"),
        ("email", None),
        ("webinar", f"{model}-B"),
        ("partner_link", f"{model}-A"),
        ("direct", f"{model}-B"),
    )
    for number, ((channel, partner), occurred_at) in enumerate(zip(touches, weeks, strict=True)):
        _touch(company, f"{name}-{number}", f"C-{name}", occurred_at, channel, partner)
    company.add(
        "invoices", invoice_id=f"I-{name}", customer_id=f"C-{name}", deal_id=name, currency="USD", issued_at=PAY_CLOSE
    )
    company.add("invoice_lines", line_id=f"IL-{name}", invoice_id=f"I-{name}", product_id=None, net="1000.00", tax="0")
    company.add(
        "payments", payment_id=f"PY-{name}", invoice_id=f"I-{name}", amount="1000.00", currency="USD", paid_at=PAY_CLOSE
    )
