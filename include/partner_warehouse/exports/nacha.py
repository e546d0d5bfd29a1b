"""NACHA files: credits in dollars to accounts in the United States (CCD to businesses, PPD to individuals).

Source: Nacha Operating Rules, appendix three, ACH record format specifications: records of 94 characters, in blocks of
ten. Each entry carries one addenda record that names the payout, so that the partner can tell what was paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.exports.payments import Order, Payment
from partner_warehouse.exports.texts import bank_text, reference

_RECORD, _BLOCK = 94, 10
_CREDITS_ONLY = "220"
_CLASSES = {"business": "CCD", "individual": "PPD"}
_TRANSACTION = {"checking": "22", "savings": "32"}
_CENTS = 2
_LARGEST = Decimal("99999999.99")
"""Ten digits of cents for an entry."""

_LARGEST_TOTAL = Decimal("9999999999.99")
"""Twelve digits of cents for a batch, and for a file of all its batches."""

_MOST = 499_999
"""Entries of a batch: with an addenda record each, six digits count them."""

_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def fits(payment: Payment) -> bool:
    """Whether the format takes a payment."""
    return payment.amount <= _LARGEST


def holds(count: int, amount: Decimal) -> bool:
    """Whether one file takes that many payments of that sum."""
    return count <= _MOST and amount <= _LARGEST_TOTAL


def write(order: Order, payments: Sequence[Payment]) -> bytes:
    """The file of an order: a batch for each class of receivers.

    Args:
        order: What it is for. Its run tells the file from others of the same day.
        payments: At least one, all in dollars, from one account of the company; each `fits`, and a file `holds` them.

    Raises:
        PartnerWarehouseError: A total has more digits than its field.
    """
    own = payments[0].own
    batches = [(sec, list(batch)) for sec, batch in groupby(sorted(payments, key=_class), key=_class)]
    records = [
        f"101 {own.routing_number}"
        + own.company_id
        + f"{order.created_at:%y%m%d%H%M}"
        + _MODIFIERS[(order.run - 1) % len(_MODIFIERS)]
        + "094101"
        + _text(own.bank_name, 23)
        + _text(own.holder, 23)
        + _text(order.period.replace("-", ""), 8)
    ]
    hashes = cents = lines = trace = 0
    for number, (sec, batch) in enumerate(batches, start=1):
        batch_hash = sum(int(payment.to.routing_number[:8]) for payment in batch)
        batch_cents = sum(_in_cents(payment.amount) for payment in batch)
        records.append(
            "5"
            + _CREDITS_ONLY
            + _text(own.holder, 16)
            + _text("", 20)
            + own.company_id
            + sec
            + _text("COMMISSION", 10)
            + f"{order.execution_on:%y%m%d}" * 2
            + _text("", 3)
            + "1"
            + own.routing_number[:8]
            + _number(number, 7)
        )
        for payment in batch:
            trace += 1
            records += _entry(payment, own.routing_number[:8], trace)
        records.append(
            "8"
            + _CREDITS_ONLY
            + _number(2 * len(batch), 6)
            + _number(batch_hash % 10**10, 10)
            + _number(0, 12)
            + _number(batch_cents, 12)
            + own.company_id
            + _text("", 25)
            + own.routing_number[:8]
            + _number(number, 7)
        )
        hashes, cents, lines = hashes + batch_hash, cents + batch_cents, lines + 2 * len(batch)
    blocks = -(-(len(records) + 1) // _BLOCK)
    records.append(
        "9"
        + _number(len(batches), 6)
        + _number(blocks, 6)
        + _number(lines, 8)
        + _number(hashes % 10**10, 10)
        + _number(0, 12)
        + _number(cents, 12)
        + _text("", 39)
    )
    records += ["9" * _RECORD] * (blocks * _BLOCK - len(records))
    if any(len(record) != _RECORD for record in records):
        raise PartnerWarehouseError("a record of the NACHA file has not 94 characters; the file is not written")
    return ("\n".join(records) + "\n").encode("ascii")


def _class(payment: Payment) -> str:
    return _CLASSES[payment.to.holder_type]


def _entry(payment: Payment, originator: str, trace: int) -> tuple[str, str]:
    """An entry and its addenda: ASC X12's RMR segment names the payout and its amount."""
    entry = (
        "6"
        + _TRANSACTION[payment.to.account_type]
        + payment.to.routing_number
        + payment.to.account_number.ljust(17)
        + _number(_in_cents(payment.amount), 10)
        + _text(reference(payment.partner_id, 15), 15)
        + _text(payment.to.holder, 22)
        + "  1"
        + originator
        + _number(trace, 7)
    )
    segment = f"RMR*IV*{payment.end_to_end_id}**{payment.amount:.2f}\\"
    return entry, "705" + segment.ljust(80) + "0001" + _number(trace, 7)


def _in_cents(amount: Decimal) -> int:
    return int(amount.scaleb(_CENTS))


def _text(text: str, width: int) -> str:
    """A text field: capitals, from the left, filled with spaces."""
    return bank_text(text, width).upper().ljust(width)


def _number(value: int, width: int) -> str:
    """A number field: digits, filled with zeroes from the left."""
    digits = str(value).rjust(width, "0")
    if len(digits) > width:
        raise PartnerWarehouseError(f"a total of the NACHA file has more than {width} digits; the file is not written")
    return digits
