"""The file drop alone: defaults, versions, what is set aside, and what was not known yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from landed_warehouse import Warehouse

from partner_warehouse.extract.ingest import ingest

ISSUED = "2026-01-05T00:00:00Z"
PAID = "2026-01-10T00:00:00Z"


def _land(warehouse: Warehouse) -> None:
    warehouse.land("files", "customers", {"customer_id": " C1 ", "name": "Acme"}, {"customer_id": "C2", "name": "  "})
    warehouse.land("files", "partners", {"partner_id": "P1", "name": "One", "terminated_at": "2026-02-01T00:00:00Z"})
    warehouse.land(
        "files",
        "deals",
        {"deal_id": "D1", "customer_id": "C1", "stage": "Won", "amount": "10", "closed_at": ISSUED},
        {"deal_id": "D2", "stage": "Lost", "amount": "20", "closed_at": ISSUED},
        {"deal_id": "D3", "customer_id": "C1", "stage": "Closed Won", "closed_at": "2026-05-01T00:00:00Z"},
        {"deal_id": "D4", "customer_id": "C1", "stage": "open", "created_at": "2026-05-01T00:00:00Z"},
    )
    warehouse.land(
        "files", "deal_partners", {"deal_partner_id": "DP1", "deal_id": "D1", "partner_id": "P9", "role": "Sourced"}
    )
    warehouse.land("files", "products", {"product_id": "GTX Pro", "name": "GTX Pro"})
    invoice = {"customer_id": "C1", "currency": "usd", "issued_at": ISSUED}
    warehouse.land(
        "files", "invoices", invoice | {"invoice_id": "I1"}, invoice | {"invoice_id": "I2", "currency": "EUR"}
    )
    warehouse.land("files", "invoices", invoice | {"invoice_id": "I2", "is_deleted": "true"})
    warehouse.land(
        "files",
        "invoice_lines",
        {"line_id": "L1", "invoice_id": "I1", "product_id": "GTXPro", "net": "1000"},
        {"line_id": "L2", "invoice_id": "I2", "product_id": "GTX Pro", "net": "1000"},
    )
    payment = {"invoice_id": "I1", "amount": "400", "currency": "USD", "paid_at": PAID}
    warehouse.land(
        "files",
        "payments",
        payment | {"payment_id": "pm_1"},
        payment | {"payment_id": "pm_2", "invoice_id": "I9"},
        payment | {"payment_id": "pm_3", "currency": "EUR"},
        payment | {"payment_id": "pm_4", "paid_at": "2026-04-01T00:00:01Z"},
        payment | {"payment_id": "pm_5", "amount": "0.00"},
        file="january.csv",
    )
    warehouse.land("files", "payments", payment | {"payment_id": "pm_1"}, file="january-again.csv")
    warehouse.land("files", "payments", payment | {"payment_id": "pm_1", "amount": "450"}, file="corrected.csv")
    refund = {"payment_id": "pm_1", "amount": "50", "refunded_at": "2026-01-20T00:00:00Z"}
    warehouse.land("files", "refunds", refund | {"refund_id": "r1"}, refund | {"refund_id": "r2", "payment_id": "pm_2"})
    # Of another payment than the lost dispute with its id.
    warehouse.land("files", "refunds", refund | {"refund_id": "d1", "payment_id": "pm_2"})
    warehouse.land("files", "refunds", refund | {"refund_id": "r3", "amount": "0"})
    warehouse.land(
        "files",
        "credit_notes",
        {"credit_note_id": "n1", "invoice_id": "I1", "amount": "0.00", "issued_at": "2026-01-21T00:00:00Z"},
    )
    warehouse.land(
        "files",
        "disputes",
        {
            "dispute_id": "d1",
            "payment_id": "pm_1",
            "status": "lost",
            "opened_at": PAID,
            "closed_at": "2026-03-01T00:00:00Z",
        },
    )
    warehouse.land(
        "files",
        "fx_rates",
        {"fx_rate_id": "f1", "rate_date": "2026-01-05", "from_currency": "eur", "to_currency": "usd", "rate": "1.08"},
        {"fx_rate_id": "f2", "rate_date": "2026-01-05", "from_currency": "EUR", "to_currency": "USD", "rate": "1.09"},
        {"fx_rate_id": "f3", "rate_date": "2026-01-06", "from_currency": "EUR", "to_currency": "USD", "rate": "0"},
        {"fx_rate_id": "f4", "rate_date": "2026-01-07", "from_currency": "EUR", "to_currency": "USD", "rate": "-1.1"},
        {"fx_rate_id": "f5", "rate_date": "2026-01-07", "from_currency": "usd", "to_currency": "USD", "rate": "2"},
        {"fx_rate_id": "f6", "rate_date": "2026-01-07", "from_currency": "USD", "to_currency": "USD", "rate": "1.0"},
    )


HOLDS = {
    "a.csv": "hold_id,partner_id,reason,placed_at\n\n"
    'h1,P1,"form,\nand\nmore",{at}\n,,,\nh2,P7,form,{at}\n\nh3,P8,form,{at}\n',
    "b.csv": "hold_id,partner_id,reason,placed_at\nh4,P7,form,{at}\nh5,P7,form,\nh6,P8,form,{at}\n",
    "c.csv": "hold_id,partner_id,reason,placed_at,note\n\n\nh7,P9,form,,\nh8,P9,form,{at},\n",
    "d.jsonl": '\n{{"hold_id":"h9","partner_id":"P9","reason":"form","placed_at":"{at}"}}\n',
}
"""Holds of partners that there are not, and of no instant."""


def _drop_files(warehouse: Warehouse) -> None:
    for name, text in HOLDS.items():
        path = warehouse.settings.inbox_dir / "holds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(at=PAID), encoding="utf-8")
    ingest("files", "holds", warehouse.settings)


@pytest.fixture(scope="module")
def drop(new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    """The file drop, built as of 1 April 2026."""
    warehouse = new_warehouse("file_drop")
    _land(warehouse)
    _drop_files(warehouse)
    warehouse.build("int_record_conflicts", "quarantine", "int_credit_notes", "int_fx_rates_daily")
    return warehouse


def test_texts_are_trimmed_and_blanks_are_nothing(drop: Warehouse) -> None:
    assert drop.rows("select customer_id, name from intermediate.int_customers order by 1") == [
        ("C1", "Acme"),
        ("C2", None),
    ]


def test_a_partner_without_a_status_has_the_one_of_its_dates(drop: Warehouse) -> None:
    assert drop.rows("select partner_id, status from intermediate.int_partners") == [("P1", "terminated")]


def test_deals_are_as_they_were_known_at_the_instant(drop: Warehouse) -> None:
    deals = drop.rows(
        "select deal_id, stage, currency, closed_at is not null, is_won from intermediate.int_deals order by 1"
    )
    assert deals == [
        ("D1", "Won", "USD", True, True),
        ("D2", "Lost", "USD", True, False),
        ("D3", None, "USD", False, False),
    ]


def test_the_first_amount_of_a_payment_stays(drop: Warehouse) -> None:
    payments = "select payment_id, amount, from_credit, currency, _file from intermediate.int_payments order by 1"
    assert drop.rows(payments) == [
        ("pm_1", Decimal(400), Decimal(0), "USD", "january-again.csv"),
        ("pm_5", Decimal(0), Decimal(0), "USD", "january.csv"),
    ]


def test_a_lost_dispute_takes_what_was_not_refunded(drop: Warehouse) -> None:
    assert drop.rows("select refund_id, amount, kind from intermediate.int_refunds order by 1") == [
        ("d1", Decimal(350), "dispute_lost"),
        ("r1", Decimal(50), "refund"),
        ("r3", Decimal(0), "refund"),
    ]


def test_the_last_quote_of_a_day_counts(drop: Warehouse) -> None:
    rate = "select rate from intermediate.int_fx_rates_daily where from_currency = 'EUR' and to_currency = 'USD'"
    assert drop.rows(f"{rate} and rate_date = date '2026-01-09'") == [(Decimal("1.09"),)]
    assert drop.rows(f"{rate} and rate_date = date '2026-01-10'") == []


def test_whatever_is_odd_is_told(drop: Warehouse) -> None:
    told = drop.rows(
        "select object, record_key, field, disposition from intermediate.int_record_conflicts order by 4 desc, 1, 2, 3"
    )
    assert told == [
        ("credit_notes", "n1", "amount", "set_aside"),
        ("fx_rates", "f1", "rate", "set_aside"),
        ("fx_rates", "f3", "rate", "set_aside"),
        ("fx_rates", "f4", "rate", "set_aside"),
        ("fx_rates", "f5", "rate", "set_aside"),
        ("invoice_lines", "L2", "invoice_id", "set_aside"),
        ("payments", "pm_1", "amount", "set_aside"),
        ("payments", "pm_2", "invoice_id", "set_aside"),
        ("payments", "pm_3", "currency", "set_aside"),
        ("refunds", "d1", "payment_id", "set_aside"),
        ("refunds", "r2", "payment_id", "set_aside"),
        ("deal_partners", "DP1", "partner_id", "kept"),
        ("deals", "D2", "customer_id", "kept"),
        *(("holds", f"h{n}", "partner_id", "kept") for n in (2, 3, 4, 6, 8, 9)),
        ("invoice_lines", "L1", "product_id", "kept"),
        ("payments", "pm_5", "amount", "kept"),
        ("refunds", "r3", "amount", "kept"),
    ]
    reason = drop.column("select reason from intermediate.int_record_conflicts where record_key = 'pm_1'")[0]
    for part in ("450.000 USD", "corrected.csv", "400.000 USD", "january.csv"):
        assert part in reason
    assert drop.column("select reason from intermediate.int_record_conflicts where record_key = 'f5'") == [
        "rate 2.0000000000 of USD to itself, which is always 1"
    ]
    assert (
        drop.column("select rate from intermediate.int_fx_rates_daily where from_currency = to_currency and rate <> 1")
        == []
    )


def test_whoever_opens_a_file_at_the_line_finds_the_row(drop: Warehouse) -> None:
    told = drop.rows(
        "select stage, file, line, record_key from ops.quarantine where object = 'holds' order by record_key"
    )
    assert [(stage, record_key) for stage, _, _, record_key in told] == [
        ("warehouse", "h2"),
        ("warehouse", "h3"),
        ("warehouse", "h4"),
        ("landing", "h5"),
        ("warehouse", "h6"),
        ("landing", "h7"),
        ("warehouse", "h8"),
        ("warehouse", "h9"),
    ]
    for _, file, line, record_key in told:
        lines = (drop.settings.inbox_dir / file).read_text(encoding="utf-8").splitlines()
        assert record_key in lines[line - 1], (file, line)


def test_a_later_correction_counts_when_it_is_newer_and_only_once_it_is_known(drop: Warehouse) -> None:
    newer = {"payment_id": "pm_1", "invoice_id": "I1", "amount": "410", "currency": "USD", "paid_at": PAID}
    drop.land("files", "payments", newer | {"updated_at": "2026-03-01T00:00:00Z"})
    amount = "select amount from intermediate.int_payments where payment_id = 'pm_1'"
    drop.build("int_payments", known_at=datetime(2026, 3, 31, 0, 0, 13, tzinfo=UTC))
    assert drop.column(amount) == [Decimal(400)]
    drop.build("int_payments")
    assert drop.column(amount) == [Decimal(410)]
