"""A company small enough to compute by hand, and how it comes into the KPI marts: through the file drop."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner

Rows = Sequence[Mapping[str, str]]
MARTS = (
    "+path:models/marts/kpi,resource_type:model +path:models/marts/partners,resource_type:model "
    "+path:models/marts/kpi,resource_type:seed +path:models/marts/partners,resource_type:seed "
    "path:models/marts/kpi path:models/marts/partners int_kpi_*"
)
"""The KPI and partner marts and what they are made of, with the tests of the KPIs alone."""


def table(header: str, *lines: str) -> Rows:
    """Rows as one writes them by hand: fields apart by commas, an empty field is none."""
    names = [name.strip() for name in header.split(",")]
    return [dict(zip(names, (value.strip() for value in line.split(",")), strict=True)) for line in lines]


def build_company(settings: Settings, company: Mapping[str, Rows], as_of: datetime) -> None:
    """Drop the company's files, ingest them, and build the KPI and partner marts with all their tests."""
    for name, rows in company.items():
        target = settings.inbox_dir / name / "rows.csv"
        target.parent.mkdir(parents=True)
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    ingest_source("files", settings)
    runner.prepare(settings, as_of=as_of)
    runner.build("marts", settings, select=MARTS)


COMPANY: dict[str, Rows] = {
    "partners": table(
        "partner_id, name, partner_type, country, currency, status, signed_at, terminated_at, manager_id, updated_at",
        "P1, Alder Systems, channel, US, USD, active, 2025-01-10T12:00:00Z, , M1, 2025-01-10T12:00:00Z",
        "P2, Birch Labs, technology, DE, EUR, active, 2025-09-01T12:00:00Z, , M1, 2025-09-01T12:00:00Z",
        "P3, Cedar Cloud, channel, GB, USD, active, 2026-02-01T12:00:00Z, , , 2026-02-01T12:00:00Z",
        "P4, Delta Alliance, strategic, US, USD, active, 2025-02-01T12:00:00Z, , M1, 2025-02-01T12:00:00Z",
        # P1 changes hands in the middle of February, in the evening of New York.
        "P1, Alder Systems, channel, US, USD, active, 2025-01-10T12:00:00Z, , M2, 2026-02-13T03:00:00Z",
    ),
    "enrolments": table(
        "enrolment_id, partner_id, programme, plan_id, starts_on, ends_on",
        "E1, P1, reseller, reseller-standard, 2025-01-10, 2026-02-28",
        "E2, P1, referral, referral-standard, 2026-02-01,",
        "E3, P2, referral, referral-standard, 2025-09-01,",
    ),
    "customers": table(
        "customer_id, name, country, segment, created_at",
        "C1, One, US, smb, 2026-01-02T00:00:00Z",
        "C2, Two, DE, enterprise, 2026-01-02T00:00:00Z",
        "C3, Three, US, smb, 2026-01-02T00:00:00Z",
        "C4, Four, FR, smb, 2026-01-02T00:00:00Z",
    ),
    "contacts": table(
        "contact_id, customer_id, email, created_at",
        "K1, C1, one@example.com, 2026-01-02T00:00:00Z",
    ),
    "leads": table(
        "lead_id, customer_id, contact_id, partner_id, source, status, created_at, qualified_at",
        "L1, C1, K1, P1, referral, qualified, 2026-01-10T12:00:00Z, 2026-01-14T12:00:00Z",
        "L2, , , P1, referral, open, 2026-01-11T12:00:00Z,",
        "L3, C2, , P2, referral, converted, 2026-02-05T12:00:00Z, 2026-02-06T12:00:00Z",
        "L4, , , P3, referral, open, 2026-02-15T12:00:00Z,",
        "L5, , , , web, open, 2026-02-15T12:00:00Z,",
        "L6, , , P1, referral, open, 2025-03-10T12:00:00Z,",
        "L7, , , P4, referral, open, 2025-03-20T12:00:00Z,",
    ),
    "deals": table(
        "deal_id, customer_id, name, stage, amount, currency, created_at, opportunity_at, closed_at, is_won",
        "D1, C1, D1, won, 1000, USD, 2026-01-10T12:00:00Z, , 2026-01-14T12:00:00Z, true",
        "D2, C2, D2, won, 2000, EUR, 2026-02-06T12:00:00Z, , 2026-02-09T12:00:00Z, true",
        "D3, C3, D3, won, 1800, USD, 2026-02-06T12:00:00Z, , 2026-02-09T12:00:00Z, true",
        "D4, C4, D4, won, 4000, USD, 2026-03-01T12:00:00Z, , 2026-03-11T12:00:00Z, true",
        "D5, C1, D5, won, 500, USD, 2026-03-01T12:00:00Z, , 2026-03-20T12:00:00Z, true",
    ),
    # P1 and P3 both claim the whole of D4: it is counted once, for the partner that sourced it.
    "deal_partners": table(
        "deal_partner_id, deal_id, partner_id, role, share, registered_at, approved_at",
        "DP1, D1, P1, sourced, 1, ,",
        "DP2, D2, P2, sourced, 0.6, ,",
        "DP3, D2, P1, influenced, 0.4, ,",
        "DP4, D4, P1, sourced, 1, ,",
        "DP5, D4, P3, influenced, 1, ,",
        "DP6, D5, P2, sourced, 1, ,",
    ),
    "invoices": table(
        "invoice_id, customer_id, deal_id, currency, issued_at",
        "I1, C1, D1, USD, 2026-01-14T12:00:00Z",
        "I2, C2, D2, EUR, 2026-02-09T12:00:00Z",
        "I3, C3, D3, USD, 2026-02-09T12:00:00Z",
        "I4, C4, D4, USD, 2026-03-11T12:00:00Z",
        "I5, C1, D5, USD, 2026-03-20T12:00:00Z",
    ),
    "invoice_lines": table(
        "line_id, invoice_id, product_id, net, tax",
        "IL1, I1, PLATFORM, 1000.00, 200.00",
        "IL2, I2, PLATFORM, 2000.00, 0.00",
        "IL3, I3, PLATFORM, 1800.00, 0.00",
        "IL4, I4, PLATFORM, 4000.00, 0.00",
        "IL5, I5, PLATFORM, 500.00, 0.00",
    ),
    # The last one is paid in April in UTC, and in March where the company reports.
    "payments": table(
        "payment_id, invoice_id, amount, from_credit, currency, paid_at",
        "PM1, I1, 1200.00, 0, USD, 2026-01-15T12:00:00Z",
        "PM2, I2, 2000.00, 0, EUR, 2026-02-10T12:00:00Z",
        "PM3, I3, 1800.00, 0, USD, 2026-02-20T12:00:00Z",
        "PM4, I4, 4000.00, 0, USD, 2026-03-12T12:00:00Z",
        "PM5, I5, 500.00, 0, USD, 2026-04-01T03:00:00Z",
    ),
    "refunds": table(
        "refund_id, payment_id, amount, kind, refunded_at",
        "RF1, PM1, 300.00, refund, 2026-03-05T12:00:00Z",
    ),
    "fx_rates": table(
        "fx_rate_id, rate_date, from_currency, to_currency, rate",
        "F1, 2026-02-01, EUR, USD, 1.20",
        "F2, 2026-02-10, EUR, USD, 1.10",
    ),
    "touchpoints": table(
        "touchpoint_id, occurred_at, customer_id, contact_id, anonymous_id, partner_id, channel, kind",
        "T1, 2026-01-10T12:00:00Z, , , a1, P1, partner_link, click",
        "T2, 2026-01-11T12:00:00Z, , , a2, P1, partner_link, click",
        "T3, 2026-01-12T12:00:00Z, , , a3, P1, partner_link, click",
        "T4, 2026-02-12T12:00:00Z, , , a3, P1, partner_link, click",
        "T5, 2026-02-12T12:00:00Z, , , a4, P2, partner_link, click",
        "T6, 2026-02-13T12:00:00Z, , K1, , P2, partner_link, click",
        "T7, 2026-03-13T12:00:00Z, , , a9, , organic_search, visit",
        # Somebody whom it does not name came through P1: nobody is counted.
        "T8, 2026-02-12T12:00:00Z, , , , P1, partner_link, click",
    ),
    "identities": table(
        "identity_id, anonymous_id, contact_id, identified_at",
        "ID1, a1, K1, 2026-01-10T13:00:00Z",
        "ID2, a2, K1, 2026-01-11T13:00:00Z",
    ),
    "costs": table(
        "cost_id, month, partner_id, activity_id, category, amount, currency, partner_share",
        "CO1, 2026-01-01, , , programme, 100.00, USD,",
        "CO2, 2026-02-01, , A1, co_marketing, 400.50, USD, 0.5",
        "CO3, 2026-03-01, P1, , programme, 250.00, USD, 0",
    ),
    "activities": table(
        "activity_id, kind, name, partner_id, starts_at, ends_at",
        "A1, webinar, A1, P2, 2026-02-01T12:00:00Z, 2026-02-01T13:00:00Z",
    ),
    "activity_responses": table(
        "response_id, activity_id, contact_id, kind, occurred_at",
        "AR1, A1, K1, registered, 2026-02-01T10:00:00Z",
        "AR2, A1, K1, attended, 2026-02-01T12:00:00Z",
    ),
    "surveys": table(
        "survey_id, partner_id, score, answered_at",
        "S1, P1, 9, 2026-01-20T12:00:00Z",
        "S2, P2, 10, 2026-01-21T12:00:00Z",
        "S3, P1, 8, 2026-03-21T12:00:00Z",
    ),
    "tickets": table(
        "ticket_id, partner_id, opened_at, closed_at, score",
        "TK1, P1, 2026-01-05T12:00:00Z, 2026-01-06T12:00:00Z, 10",
        "TK2, P2, 2026-01-30T12:00:00Z, 2026-02-02T12:00:00Z, 7",
        "TK3, P2, 2026-03-30T12:00:00Z, ,",
    ),
    # P2 did one of its steps twice: four steps are done, not five.
    "onboarding_steps": table(
        "step_id, partner_id, step, completed_at",
        "O1, P3, Welcome call, 2026-02-02T12:00:00Z",
        "O2, P3, overview, 2026-02-03T12:00:00Z",
        "O3, P3, training, 2026-02-10T12:00:00Z",
        "O4, P3, resources, 2026-02-12T12:00:00Z",
        "O5, P3, first_project, 2026-02-21T12:00:00Z",
        "O6, P2, welcome_call, 2026-02-02T12:00:00Z",
        "O7, P2, welcome_call, 2026-02-03T12:00:00Z",
        "O8, P2, overview, 2026-02-04T12:00:00Z",
        "O9, P2, training, 2026-02-05T12:00:00Z",
        "O10, P2, resources, 2026-02-06T12:00:00Z",
    ),
    "training": table(
        "training_id, partner_id, course, assigned_at, completed_at",
        "TR1, P1, fundamentals, 2026-01-05T12:00:00Z, 2026-01-20T12:00:00Z",
        "TR2, P1, security, 2026-01-06T12:00:00Z, 2026-03-03T12:00:00Z",
        "TR3, P2, fundamentals, 2026-02-03T12:00:00Z,",
    ),
    "prospects": table(
        "prospect_id, name, partner_type, stage, strategic_fit, market_reach, brand_alignment,"
        "technical_compatibility, revenue_potential, entered_at, left_at",
        "PR1, Ember, channel, outreach, 8, 6, 4, 10, , 2026-03-01T12:00:00Z, 2026-04-10T12:00:00Z",
    ),
    "market_sizes": table(
        "market_size_id, month, country, segment, amount, currency",
        "M1, 2026-01-01, US, smb, 100000, USD",
        "M2, 2026-02-01, US, smb, 50000, USD",
        "M3, 2026-02-01, DE, enterprise, 50000, EUR",
        "M4, 2026-03-01, US, smb, 100000, USD",
    ),
}
"""Four partners, five deals, in three months of 2026; and two leads a year before, for retention."""
