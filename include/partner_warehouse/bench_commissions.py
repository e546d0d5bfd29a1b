"""What commissions cost at a million billing movements of ten thousand partners: entitlement, payout, explanation.

The file drop is written from formulas, the same rows each time. Everything after it is what an installation runs: the
landing, dbt with the tests on its data, and the commands of a payout - of an ordinary month, after those before it were
posted; and over a ledger that has nothing posted yet, so that one month posts every line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from partner_warehouse.bench import Cost, dbt, measure
from partner_warehouse.settings import Settings, load_settings

MOVEMENTS = 1_000_000
PARTNERS = 10_000
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
EXPLAINED = 50
"""Partners whose month is explained, from opening the publication on each time."""

PERIOD = "2026-03"
"""The month that every line is due in."""

BEFORE, ORDINARY = "2025-06", "2025-07"
"""A month like others, and the one before it, which posts all that is due until then."""

_START = "TIMESTAMP '2024-01-01'"
_TEXT = "'%Y-%m-%dT%H:%M:%SZ'"

_OBJECTS: dict[str, str] = {
    # Six invoices to a customer, three to a deal, three payments to an invoice; a tenth of the movements takes back.
    "partners": """
        SELECT 'P' || lpad(i::VARCHAR, 6, '0') AS partner_id, 'Partner ' || i AS name, 'channel' AS partner_type,
            'DE' AS country, 'USD' AS currency, 'active' AS status, '2023-01-01T00:00:00Z' AS signed_at
        FROM range($partners) AS rows (i)""",
    "enrolments": """
        SELECT 'E' || lpad(i::VARCHAR, 6, '0') AS enrolment_id, 'P' || lpad(i::VARCHAR, 6, '0') AS partner_id,
            [
                'reseller-standard', 'referral-standard', 'co-marketing-standard', 'technology-revenue-share',
                'integration-revenue-share', 'hybrid-strategic', 'reseller-standard', 'reseller-eur'
            ][1 + i % 8] AS plan_id,
            '2023-01-01' AS starts_on
        FROM range($partners) AS rows (i)""",
    "customers": """
        SELECT 'C' || lpad(i::VARCHAR, 8, '0') AS customer_id, 'Customer ' || i AS name,
            '2023-06-01T00:00:00Z' AS created_at
        FROM range($invoices // 6 + 1) AS rows (i)""",
    "deals": """
        SELECT 'D' || lpad(i::VARCHAR, 8, '0') AS deal_id, 'C' || lpad((i // 2)::VARCHAR, 8, '0') AS customer_id,
            'won' AS stage, 3000 + (i * 37) % 9000 AS amount, $currency AS currency,
            strftime($start + to_hours((i * 7) % 14000), $text) AS closed_at, true AS is_won
        FROM range($invoices // 3 + 1) AS rows (i)""",
    "deal_partners": """
        SELECT 'DP' || lpad(i::VARCHAR, 8, '0') || n AS deal_partner_id, 'D' || lpad(i::VARCHAR, 8, '0') AS deal_id,
            'P' || lpad(((i * 13 + n * 4001) % $partners)::VARCHAR, 6, '0') AS partner_id, 'sourced' AS role
        FROM range($invoices // 3 + 1) AS rows (i) CROSS JOIN range(2) AS seconds (n)
        WHERE n = 0 OR i % 10 = 0""",
    "invoices": """
        SELECT 'I' || lpad(i::VARCHAR, 8, '0') AS invoice_id, 'C' || lpad((i // 6)::VARCHAR, 8, '0') AS customer_id,
            'D' || lpad((i // 3)::VARCHAR, 8, '0') AS deal_id, $currency AS currency,
            strftime($start + to_hours(((i // 3) * 7) % 14000 + 24), $text) AS issued_at
        FROM range($invoices) AS rows (i)""",
    "invoice_lines": """
        SELECT 'L' || lpad(i::VARCHAR, 8, '0') AS line_id, 'I' || lpad(i::VARCHAR, 8, '0') AS invoice_id,
            'subscription' AS product_id, 1000 + i % 997 AS net,
            CASE WHEN i % 3 = 0 THEN 190 + i % 7 ELSE 0 END AS tax
        FROM range($invoices) AS rows (i)""",
    "payments": """
        SELECT 'pay_' || lpad(i::VARCHAR, 12, '0') AS payment_id, 'I' || lpad((i // 3)::VARCHAR, 8, '0') AS invoice_id,
            333.33 + (i // 3) % 300 AS amount, $currency AS currency,
            strftime($start + to_hours(((i // 9) * 7) % 14000 + 48 + (i % 3) * 700) + to_seconds(i % 3571), $text)
                AS paid_at
        FROM range($invoices * 3) AS rows (i)""",
    "refunds": """
        SELECT 're_' || lpad(i::VARCHAR, 12, '0') AS refund_id,
            'pay_' || lpad((i * 12)::VARCHAR, 12, '0') AS payment_id, 100 + i % 211 AS amount, 'refund' AS kind,
            strftime($start + to_hours(((i * 12 // 9) * 7) % 14000 + 900) + to_seconds(i % 3571), $text) AS refunded_at
        FROM range($invoices // 4) AS rows (i)""",
    "credit_notes": """
        SELECT 'CN' || lpad(i::VARCHAR, 8, '0') AS credit_note_id, 'I' || lpad((i * 12)::VARCHAR, 8, '0') AS invoice_id,
            40 + i % 89 AS amount, strftime($start + to_hours((i * 4 * 7) % 14000 + 800), $text) AS issued_at
        FROM range($invoices // 12) AS rows (i)""",
}


def _write_drop(inbox: Path, movements: int, partners: int) -> None:
    """Two years of billing in dollars, as CSV files of the drop."""
    invoices = movements * 3 // 10
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        given = {"$invoices": str(invoices), "$partners": str(partners), "$start": _START, "$text": _TEXT}
        for name, formula in _OBJECTS.items():
            directory = inbox / name
            directory.mkdir(parents=True, exist_ok=True)
            query = formula
            for parameter, value in (given | {"$currency": "'USD'"}).items():
                query = query.replace(parameter, value)
            connection.execute(f"COPY ({query}) TO '{directory / 'all.csv'}' (HEADER)")


def _settings(home: Path, ledger: str = "ledger") -> Settings:
    return load_settings(
        home=home,
        inbox=home / "inbox",
        sources=("files",),
        approvers=("ben",),
        as_of=AS_OF,
        ledger_url=f"sqlite:///{home / ledger}.sqlite",
    )


def _ingest(home: Path) -> None:
    from partner_warehouse.extract.ingest import ingest_source

    ingest_source("files", _settings(home))


def _build_entitlement(home: Path) -> None:
    from partner_warehouse.warehouse import runner

    settings = _settings(home)
    runner.prepare(settings, as_of=AS_OF)
    runner.build_entitlement(settings)


def _compute_entitlement(home: Path) -> None:
    dbt(home, "run", "--select", "+commission_lines")


def _publish(home: Path) -> None:
    from partner_warehouse.publish import snapshot

    settings = _settings(home)
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    snapshot.copy_marts(settings, settings.published_path)


def _pay(home: Path, ledger: str, period: str) -> None:
    from partner_warehouse.ledger.payouts import PayoutService

    service = PayoutService(_settings(home, ledger))
    service.draft(period, "ana")
    service.submit(period, "ana")
    service.approve(period, "ben")
    service.export(period, "ben")


def _explain(home: Path) -> None:
    from partner_warehouse.ledger.explain import explain

    for number in range(1, EXPLAINED + 1):
        explain(_settings(home), partner=f"P{number:06}", period=PERIOD)


def commissions(work: Path, movements: int) -> Iterator[Cost]:
    """From a file drop to a payout that is exported, and why a partner gets what it gets."""
    home = work / "home"
    measure("write the billing", movements, _write_drop, home / "inbox", movements, PARTNERS)
    yield measure("ingest the billing", movements, _ingest, home)
    yield measure("entitlement with its tests, a home's first build", movements, _build_entitlement, home)
    yield measure("entitlement with its tests, any later build", movements, _build_entitlement, home)
    yield measure("entitlement alone, its models without the tests", movements, _compute_entitlement, home)
    measure("publish the entitlement", movements, _publish, home)
    measure("post the months before", movements, _pay, home, "monthly", BEFORE)
    yield measure("draft, submit, approve and export a month of them", movements, _pay, home, "monthly", ORDINARY)
    yield measure("draft, submit, approve and export every line at once", movements, _pay, home, "ledger", PERIOD)
    yield measure(f"explain a month of {EXPLAINED} partners, one by one", EXPLAINED, _explain, home)
