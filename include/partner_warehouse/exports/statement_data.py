"""What a partner's statement of a month says: read from the ledger, and from the publication what is for information.

Amounts come from the ledger alone, so they never change. Names, and the lines that are held or not due yet, come from
the publication; they are kept beside the statements when these are first made, so that they say the same for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import select

from partner_warehouse.errors import NotAllowedError
from partner_warehouse.exports.files import make_private
from partner_warehouse.ledger import bulk, schema, store
from partner_warehouse.ledger.events import CLOSED, newest_events
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.publication import literal, publication, published_columns
from partner_warehouse.settings import Settings

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One currency of a statement.

    Attributes:
        payout: The posted payout.
        lines: Its lines; `corrects_period` and `corrects_amount` say what a line corrects, where that is posted.
        waiting: Lines that are held or not payable yet, for information.
    """

    currency: str
    payout: Row
    lines: tuple[Row, ...]
    waiting: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A partner and a month.

    Attributes:
        accounts: One per currency; nothing is converted.
        approved_at: In the time zone of the reports, as the journal lines have their day.
    """

    number: str
    period: str
    first_day: date
    last_day: date
    partner_id: str
    partner_name: str
    country: str | None
    approved_at: datetime
    content_hash: str
    accounts: tuple[Account, ...]


_KEPT = {"partners": "partners.parquet", "waiting": "waiting.parquet"}


def read(settings: Settings, text: str, directory: Path, *, partner_id: str | None = None) -> Iterator[Statement]:
    """The statements of a period, by partner.

    Args:
        settings: The installation.
        text: `YYYY-MM`, approved.
        directory: Where the statements go, and what the publication said is kept.
        partner_id: Only this partner's.

    Raises:
        NotAllowedError: The period is not approved.
    """
    period, zone = Period.parse(text), ZoneInfo(settings.timezone)
    with publication(settings.published_path) as duck:
        _load_posted(duck, settings, period)
        _keep_published(duck, period, directory)
        only = [partner_id] if partner_id is not None else []
        ordered = "WHERE partner_id = ? " * bool(only) + "ORDER BY partner_id, currency"
        payouts = _rows(duck, f"SELECT * FROM told_payouts {ordered}", only)  # noqa: S608
        lines = _Accounts(duck, f"SELECT * FROM told_lines {ordered}, {_LINE_ORDER}", only)  # noqa: S608
        waiting = _Accounts(duck, f"SELECT * FROM waiting {ordered}, {_LINE_ORDER}", only)  # noqa: S608
        names = {row["partner_id"]: row for row in _rows(duck, "SELECT * FROM partners", [])}
        for partner, rows in groupby(payouts, key=lambda row: row["partner_id"]):
            known = names.get(partner, {})
            accounts = tuple(
                Account(row["currency"], row, lines(partner, row["currency"]), waiting(partner, row["currency"]))
                for row in rows
            )
            first = accounts[0].payout
            yield Statement(
                number=f"ST-{period}-{partner}",
                period=text,
                first_day=period.first_day,
                last_day=period.last_day,
                partner_id=partner,
                partner_name=known.get("name") or partner,
                country=known.get("country"),
                approved_at=first["approved_at"].astimezone(zone),
                content_hash=first["content_hash"],
                accounts=accounts,
            )


_LINE_ORDER = "corrects_line_id IS NOT NULL, earned_on, movement_id, line_id"


def _load_posted(duck: duckdb.DuckDBPyConnection, settings: Settings, period: Period) -> None:
    """`told_payouts`, and `told_lines`: the period's lines with what they correct.

    No temporary tables: several cursors read them side by side.
    """
    lines, payouts = schema.payout_lines, schema.payouts
    corrected = select(lines.c.corrects_line_id).where(lines.c.period == str(period))
    with store.Store(settings).reading() as connection:
        last = newest_events(connection).get(str(period))
        if last is None or last.to_status not in CLOSED:
            raise NotAllowedError(f"{period} is not approved: there are statements of approved months only")
        bulk.load(connection, select(payouts).where(payouts.c.period == str(period)), duck, "payouts")
        bulk.load(connection, select(lines).where(lines.c.period == str(period)), duck, "lines")
        earlier = select(lines.c.line_id, lines.c.period, lines.c.amount).where(
            lines.c.line_id.in_(corrected) & (lines.c.period <= str(period))
        )
        bulk.load(connection, earlier, duck, "corrected")
        posted = select(lines.c.commission_line_id).where(lines.c.period <= str(period)).distinct()
        bulk.load(connection, posted, duck, "posted")
    duck.execute("CREATE TABLE told_payouts AS FROM payouts")
    duck.execute(
        "CREATE TABLE told_lines AS SELECT lines.*, corrected.period AS corrects_period, "
        "corrected.amount AS corrects_amount FROM lines "
        "LEFT JOIN corrected ON lines.corrects_line_id = corrected.line_id"
    )


def _keep_published(duck: duckdb.DuckDBPyConnection, period: Period, directory: Path) -> None:
    """`partners` and `waiting`: as they were when the statements of the period were first made."""
    make_private(directory.parent)
    make_private(directory)
    for name, query in (("partners", _PARTNERS), ("waiting", _WAITING)):
        kept = directory / _KEPT[name]
        if not kept.exists():
            temporary = kept.with_name(f".{kept.name}.tmp")
            duck.execute(f"COPY ({_known(duck, query, period)}) TO {literal(str(temporary))} (FORMAT parquet)")
            temporary.chmod(0o600)
            temporary.replace(kept)
        duck.execute(f'CREATE TABLE "{name}" AS FROM read_parquet(?)', [str(kept)])


@dataclass(frozen=True, slots=True)
class _Published:
    """What of a published table the statements tell.

    Attributes:
        columns: Their names and types.
        told: Columns that are told as an expression over the others.
        condition: Which rows; `{end}` is the period's last day. Empty for all.
    """

    area: str
    name: str
    columns: Mapping[str, str]
    told: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""


_PARTNERS = _Published("partners", "dim_partner", {"partner_id": "VARCHAR", "name": "VARCHAR", "country": "VARCHAR"})

_PARTLY_HELD = "status = 'payable' AND withheld_amount <> 0 AND payable_on <= DATE '{end}'"
"""Over lines of the entitlement: whether a part waits for another payment's hold; of it that part is told, as is what a
loss takes of it."""

_WAITING = _Published(
    area="finance",
    name="commission_lines",
    columns={
        **dict.fromkeys(("line_id", "partner_id", "programme", "plan_id"), "VARCHAR"),
        "plan_version": "BIGINT",
        **dict.fromkeys(("component", "movement_kind", "movement_id", "corrects_line_id"), "VARCHAR"),
        "base_amount": "DECIMAL(28, 10)",
        "base_currency": "VARCHAR",
        "rate": "DECIMAL(18, 12)",
        "tier": "VARCHAR",
        "fee": "DECIMAL(18, 3)",
        "split_share": "DECIMAL(18, 12)",
        "fx_rate": "DECIMAL(28, 10)",
        "fx_date": "DATE",
        "amount": "DECIMAL(18, 3)",
        "currency": "VARCHAR",
        "earned_on": "DATE",
        "payable_on": "DATE",
        "status": "VARCHAR",
        "hold_reason": "VARCHAR",
    },
    told={
        "base_amount": f"CASE WHEN {_PARTLY_HELD} THEN withheld_base_amount ELSE base_amount END",
        "amount": f"CASE WHEN {_PARTLY_HELD} THEN withheld_amount ELSE amount END",
        "status": f"CASE WHEN {_PARTLY_HELD} THEN 'held' ELSE status END",
    },
    condition=f"""
    earned_on <= DATE '{{end}}'
    AND (partner_id, currency) IN (SELECT (partner_id, currency) FROM payouts)
    AND (
        ({_PARTLY_HELD})
        OR (
            (status = 'held' OR payable_on > DATE '{{end}}')
            AND line_id NOT IN (SELECT commission_line_id FROM posted)
        )
    )
    """,  # noqa: S608 - ours
)


def _known(duck: duckdb.DuckDBPyConnection, table: _Published, period: Period) -> str:
    """A query of a published table; what is not published is null, and a table that is not has no rows."""
    present = published_columns(duck, table.area, table.name)
    values = {name: table.told.get(name, name) if name in present else "NULL" for name in table.columns}
    listed = ", ".join(f"CAST({values[name]} AS {kind}) AS {name}" for name, kind in table.columns.items())
    if not present:
        return f"SELECT {listed} LIMIT 0"
    where = f" WHERE {table.condition}" if table.condition else ""
    return f"SELECT {listed} FROM publication.{table.area}.{table.name}{where}".format(end=period.last_day)  # noqa: S608


def _rows(duck: duckdb.DuckDBPyConnection, query: str, parameters: list[str]) -> Iterator[Row]:
    """Rows as they are read, a batch at a time: a month may have a million lines."""
    found = duck.cursor().execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    while batch := found.fetchmany(10_000):
        for row in batch:
            yield dict(zip(names, row, strict=True))


class _Accounts:
    """Rows in the order of partner and currency, handed out account by account in the same order."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, query: str, parameters: list[str]) -> None:
        rows = _rows(duck, query, parameters)
        self._groups = groupby(rows, key=lambda row: (row["partner_id"], row["currency"]))
        self._next: tuple[tuple[str, str], tuple[Row, ...]] | None = self._advance()

    def _advance(self) -> tuple[tuple[str, str], tuple[Row, ...]] | None:
        for key, rows in self._groups:
            return key, tuple(rows)
        return None

    def __call__(self, partner_id: str, currency: str) -> tuple[Row, ...]:
        if self._next is None or self._next[0] != (partner_id, currency):
            return ()
        rows = self._next[1]
        self._next = self._advance()
        return rows


def payable(statement: Statement) -> dict[str, Decimal]:
    """What the statement says is paid, by currency."""
    return {account.currency: account.payout["payable"] for account in statement.accounts}
