"""A statement in words and figures, the same for the page and for the PDF."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from partner_warehouse.exports.currencies import decimals, money
from partner_warehouse.exports.statement_data import Account, Row, Statement


@dataclass(frozen=True, slots=True)
class Item:
    """A line: its day or kind, what it is for, how its amount comes about, the amount."""

    label: str
    title: str
    details: tuple[str, ...]
    amount: str


@dataclass(frozen=True, slots=True)
class Section:
    """Lines with their sum.

    Attributes:
        heads: Over the lines' labels, titles and amounts.
        total: Empty where amounts of several currencies have none.
    """

    title: str
    note: str
    heads: tuple[str, str, str]
    items: tuple[Item, ...]
    total: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One currency: its balance, and the lines behind it."""

    currency: str
    payout_id: str
    balance: tuple[tuple[str, str], ...]
    paid: str
    note: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is printed.

    Attributes:
        note: What is said of the month as a whole; empty for nothing.
        excluded: What earned nothing; None where there is nothing of the kind.
    """

    issuer: str
    number: str
    month: str
    between: str
    partner: str
    partner_id: str
    country: str
    approved_on: str
    note: str
    sheets: tuple[Sheet, ...]
    excluded: Section | None
    fingerprint: str


_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_KINDS = {
    "payment": "Payment",
    "refund": "Refund",
    "dispute_lost": "Lost dispute",
    "credit_note": "Credit note",
    "deal": "Deal",
    "merger": "Merger of partner",
}
_COMPONENTS = {
    "percentage": "commission",
    "re_rate": "tier change of earlier revenue",
    "fixed_fee": "fee",
    "bonus": "bonus",
    "cap": "above the cap",
    "balance": "its balance",
}
_TIMES = " \N{MULTIPLICATION SIGN} "


def view(statement: Statement, issuer: str) -> View:
    """A statement as it is printed.

    Args:
        statement: What it says.
        issuer: Who sends it; empty for no letterhead.
    """
    return View(
        issuer=issuer or "Partner programme",
        number=statement.number,
        month=f"{_MONTHS[statement.first_day.month - 1]} {statement.first_day.year}",
        between=f"{_day(statement.first_day)} to {_day(statement.last_day)}",
        partner=statement.partner_name,
        partner_id=statement.partner_id,
        country=statement.country or "",
        approved_on=_day(statement.approved_at.date()),
        note="" if statement.has_payout else "Nothing is paid for this month.",
        sheets=tuple(_sheet(account) for account in statement.accounts),
        excluded=_excluded(statement.excluded),
        fingerprint=statement.content_hash[:16],
    )


def _sheet(account: Account) -> Sheet:
    payout, currency = account.payout, account.currency
    earned = [row for row in account.lines if row["corrects_line_id"] is None]
    adjusted = [row for row in account.lines if row["corrects_line_id"] is not None]
    sections = [
        _section("Earned", "", earned, currency, payout["earned"]),
        _section("Adjustments", _ADJUSTED, adjusted, currency, payout["adjustments"]),
        _section("Held or not due yet", _WAITING, account.waiting, currency, _sum(account.waiting)),
    ]
    return Sheet(
        currency=currency,
        payout_id=payout["payout_id"] or "",
        balance=(
            ("Balance brought forward", money(payout["opening_balance"], currency)),
            ("Earned", money(payout["earned"], currency)),
            ("Adjustments", money(payout["adjustments"], currency)),
            ("Paid out", money(-payout["payable"], currency)),
            ("Balance carried forward", money(payout["closing_balance"], currency)),
        ),
        paid=money(payout["payable"], currency),
        note=_note(payout, currency),
        sections=tuple(section for section in sections if section.items),
    )


_ADJUSTED = "Refunds, lost disputes, credit notes and corrections of what was stated before."
_WAITING = "For information: not part of this statement's balance. As known when the statement was made."


def _note(payout: Row, currency: str) -> str:
    closing = payout["closing_balance"]
    if closing < 0:
        return f"{money(-closing, currency)} {currency} are set off against coming commissions."
    if closing > 0:
        least = money(payout["min_payout"], currency)
        return f"Below the smallest payout of {least} {currency}: carried forward, and paid once it is reached."
    return ""


def _sum(rows: Iterable[Row]) -> Decimal:
    return sum((row["amount"] for row in rows if row["amount"] is not None), Decimal(0))


def _section(title: str, note: str, rows: Iterable[Row], currency: str, total: Decimal) -> Section:
    heads = ("Day", "Line", currency)
    return Section(title, note, heads, tuple(_item(row, currency) for row in rows), money(total, currency))


_EARNED_NOTHING = (
    "For information: what of the month's payments, refunds and credit notes earned nothing, and why. As known when "
    "the statement was made."
)


def _excluded(rows: Iterable[Row]) -> Section | None:
    """Without a sum: the amounts are of the movements, in their currencies."""
    items = tuple(
        Item(
            _KINDS.get(row["movement_kind"]) or row["movement_kind"],
            row["movement_id"],
            (row["reason"].replace("_", " "),),
            f"{money(row['amount'], row['currency'])} {row['currency']}",
        )
        for row in rows
    )
    return Section("Earned nothing", _EARNED_NOTHING, ("Kind", "Movement", "Amount"), items, "") if items else None


def _item(row: Row, currency: str) -> Item:
    kind = _KINDS.get(row["movement_kind"] or "", row["movement_kind"] or "Line")
    title = f"{kind} {row['movement_id'] or ''}".strip()
    component = _COMPONENTS.get(row["component"] or "", row["component"] or "")
    plan = f"{row['plan_id']} version {row['plan_version']}" if row["plan_version"] is not None else row["plan_id"]
    parts = (
        row["programme"],
        plan if row["component"] != "balance" else None,
        f"tier {row['tier']}" if row["tier"] else None,
        component,
        f"line {row['line_id']}",
    )
    details = [" · ".join(part for part in parts if part), derivation(row), *_corrects(row, currency), *_waits(row)]
    amount = "not known yet" if row["amount"] is None else money(row["amount"], currency)
    return Item(_day(row["earned_on"]), title, tuple(text for text in details if text), amount)


def derivation(row: Row) -> str:
    """How a line's amount comes about: base x rate x exchange rate = exact amount, and what rounding made of it.

    A line's base is the partner's share of the movement already. Parts of an invoice are rounded cumulatively, so the
    last cent of a line may come from the parts before it.
    """
    if row["component"] == "bonus" and row["rate"] is None:
        return "flat, for a threshold that was reached or lost"
    if row["component"] == "cap":
        return "what the cap of the month leaves out"
    if row["base_amount"] is None:
        return ""
    base_currency = row["base_currency"] or row["currency"]
    text = f"{money(row['base_amount'], base_currency)} {base_currency}"
    share, rate = row["split_share"], row["rate"]
    converts = row["fx_rate"] is not None and base_currency != row["currency"]
    quote = (
        f"{_plain(row['fx_rate'])} {row['currency']} per {base_currency} of {_day(row['fx_date'])}" if converts else ""
    )
    if row["component"] == "fixed_fee":
        # The deal's amount finds the fee, and is no factor of it. One that was posted while lines had none is not told.
        fee = row.get("fee")
        told = "the fee" if fee is None else f"fee {_fee(fee, row['currency'])} {row['currency']}"
        text = f"{told} for a deal of {text}" + (f" at {quote}" if converts else "")
        text += "" if share in {None, 1} else f"{_TIMES}share of {_percent(share)}"
        text += "" if rate in {None, 1} else f"{_TIMES}scale {_plain(rate)}"
        if fee is None:
            return text
        return text + _rounded(row, fee * (1 if rate is None else rate) * (1 if share is None else share))
    if share not in {None, 1}:
        text += f" (share of {_percent(share)})"
    if rate is not None:
        text += f"{_TIMES}{_percent(rate)}"
    if converts:
        text += f"{_TIMES}{quote}"
    if rate is None:
        return text
    return text + _rounded(row, row["base_amount"] * rate * (row["fx_rate"] if converts else Decimal(1)))


def _fee(fee: Decimal, currency: str) -> str:
    """With every decimal that it has: a plan may say more of them than its currency has."""
    told = money(fee, currency)
    return told if Decimal(told.replace(",", "")) == fee else f"{fee.normalize():,f}"


def _rounded(row: Row, exact: Decimal) -> str:
    """What a product comes to and by what it was rounded, where it was; of a difference there is no product."""
    if row["amount"] is None or row["amount"] == exact or str(row.get("line_id", "")).startswith("ADJ-"):
        return ""
    places = decimals(row["currency"]) + 4
    return f" = {exact:,.{places}f}, rounded by {row['amount'] - exact:+.{places}f}"


def _corrects(row: Row, currency: str) -> list[str]:
    if row["corrects_line_id"] is None or row["component"] == "balance":
        return []
    where = ""
    if row.get("corrects_period"):
        where = f" of {row['corrects_period']} ({money(row['corrects_amount'], currency)} {currency})"
    return [f"Corrects line {row['corrects_line_id']}{where}"]


def _waits(row: Row) -> list[str]:
    if row.get("status") is None:
        return []
    if row["status"] == "held":
        return [f"Held: {(row['hold_reason'] or 'no reason given').replace('_', ' ')}"]
    return [f"Payable on {_day(row['payable_on'])}"]


def _percent(part: Decimal) -> str:
    return f"{_plain(part * 100)} %"


def _plain(number: Decimal) -> str:
    """Without zeroes that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1][:3]} {day.year}"
