"""What a partner's statement of a month says: read from the ledger, and from the publication what is for information.

Amounts come from the ledger alone, so they never change. Names, the lines that are held or not due yet, and what earned
nothing come from the publication; they are kept beside the statements when these are first made, so that they say the
same for ever.
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
        payout: The posted payout; without an id and with nothing in it where none was posted.
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
        accounts: One per currency in which there is a payout, or a line that waits; nothing is converted.
        excluded: What of the month's movements a reason kept the partner from earning on, for information.
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
    excluded: tuple[Row, ...]

    @property
    def has_payout(self) -> bool:
        """Whether the partner has a payout in the month, be it one of nothing."""
        return any(account.payout["payout_id"] is not None for account in self.accounts)


_KEPT = {"exclusions": "exclusions.parquet", "partners": "partners.parquet", "waiting": "waiting.parquet"}
"""As they are written, one after the other: where the last one is, the statements of the month may have been made."""

_NO_PAYOUT = dict.fromkeys(("opening_balance", "earned", "adjustments", "payable", "closing_balance"), Decimal(0))
"""Whoever carries a balance has a payout in every month: without one there is nothing to carry."""


def read(settings: Settings, text: str, directory: Path, *, partner_id: str | None = None) -> Iterator[Statement]:
    """The statements of a period, by partner: of all who have a payout, a line that waits, or what earned nothing.

    A month without any payout has none.

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
        _find_accounts(duck)
        approval = duck.execute("SELECT approved_at, content_hash FROM told_payouts LIMIT 1").fetchone()
        if approval is None:
            return
        approved_at, content_hash = approval
        only = [partner_id] if partner_id is not None else []
        ordered = "WHERE partner_id = ? " * bool(only) + "ORDER BY partner_id"
        told = _rows(duck, f"SELECT * FROM told_accounts {ordered}, currency", only)  # noqa: S608
        lines, waiting = (
            _Groups(duck, f"SELECT * FROM {table} {ordered}, currency, {_LINE_ORDER}", only, _ACCOUNT)  # noqa: S608
            for table in ("told_lines", "waiting")
        )
        excluded = _Groups(
            duck,
            f"SELECT * FROM told_exclusions {ordered}, movement_id, movement_kind, reason",  # noqa: S608
            only,
            ("partner_id",),
        )
        names = {row["partner_id"]: row for row in _rows(duck, "SELECT * FROM partners", [])}
        for partner, rows in groupby(told, key=lambda row: row["partner_id"]):
            known = names.get(partner, {})
            accounts = tuple(
                Account(
                    row["currency"],
                    row if row["payout_id"] is not None else row | _NO_PAYOUT,
                    lines(partner, row["currency"]),
                    waiting(partner, row["currency"]),
                )
                for row in rows
                if row["currency"] is not None
            )
            yield Statement(
                number=f"ST-{period}-{partner}",
                period=text,
                first_day=period.first_day,
                last_day=period.last_day,
                partner_id=partner,
                partner_name=known.get("name") or partner,
                country=known.get("country"),
                approved_at=approved_at.astimezone(zone),
                content_hash=content_hash,
                accounts=accounts,
                excluded=excluded(partner),
            )


_ACCOUNT = ("partner_id", "currency")
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
    """`exclusions`, `partners` and `waiting`: as they were when the statements of the period were first made.

    Exclusions are written before the others. Where only they are missing, the statements were made before these were
    told, and stay without them; a first writing that was killed never looks so.
    """
    make_private(directory.parent)
    make_private(directory)
    queries = {
        "exclusions": _excluded(duck, period),
        "partners": _known(duck, _PARTNERS, period),
        "waiting": _known(duck, _WAITING, period),
    }
    files = {name: directory / file for name, file in _KEPT.items()}
    if files["waiting"].exists() and not files["exclusions"].exists():
        duck.execute(f"CREATE TABLE exclusions AS FROM ({queries['exclusions']}) LIMIT 0")
        del files["exclusions"]
    for name, kept in files.items():
        if not kept.exists():
            temporary = kept.with_name(f".{kept.name}.tmp")
            duck.execute(f"COPY ({queries[name]}) TO {literal(str(temporary))} (FORMAT parquet)")
            temporary.chmod(0o600)
            temporary.replace(kept)
        duck.execute(f'CREATE TABLE "{name}" AS FROM read_parquet(?)', [str(kept)])


def _find_accounts(duck: duckdb.DuckDBPyConnection) -> None:
    """`told_accounts`: a row per partner and currency, one without a currency for who has exclusions alone.

    And `told_exclusions`, those of them. An id that is no partner's has nobody to be sent a statement.
    """
    duck.execute(
        """
        CREATE TABLE told_accounts AS
        WITH accounts AS (
            SELECT * FROM told_payouts
            FULL JOIN (SELECT DISTINCT partner_id, currency FROM waiting) USING (partner_id, currency)
        )
        SELECT * FROM accounts
        UNION ALL BY NAME
        SELECT DISTINCT partner_id FROM exclusions ANTI JOIN accounts USING (partner_id)
        WHERE reason <> 'unknown_partner'
        """
    )
    duck.execute("CREATE TABLE told_exclusions AS FROM exclusions SEMI JOIN told_accounts USING (partner_id)")


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


_EXCLUDED = {
    **dict.fromkeys(("movement_kind", "movement_id", "reason"), "VARCHAR"),
    "amount": "DECIMAL(18, 3)",
    "currency": "VARCHAR",
}


def _excluded(duck: duckdb.DuckDBPyConnection, period: Period) -> str:
    """A query of what earned nothing in the period, once for each partner whom it concerns.

    What was published before it said whom has no rows.
    """
    listed = "partner_id, " + ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in _EXCLUDED.items())
    if not {*_EXCLUDED, "month", "partner_ids"} <= published_columns(duck, "finance", "exclusions"):
        nothing = ", ".join(f"NULL AS {name}" for name in _EXCLUDED)
        return f"SELECT {listed} FROM (SELECT CAST(NULL AS VARCHAR) AS partner_id, {nothing}) LIMIT 0"  # noqa: S608
    return (
        f"SELECT {listed} FROM (SELECT *, unnest(from_json(partner_ids, '[\"VARCHAR\"]')) AS partner_id "  # noqa: S608
        f"FROM publication.finance.exclusions WHERE month = DATE '{period.first_day}') WHERE partner_id IS NOT NULL"
    )


def _rows(duck: duckdb.DuckDBPyConnection, query: str, parameters: list[str]) -> Iterator[Row]:
    """Rows as they are read, a batch at a time: a month may have a million lines."""
    found = duck.cursor().execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    while batch := found.fetchmany(10_000):
        for row in batch:
            yield dict(zip(names, row, strict=True))


class _Groups:
    """Rows in the order of some columns, handed out by their values, which are asked for in the same order."""

    def __init__(
        self, duck: duckdb.DuckDBPyConnection, query: str, parameters: list[str], columns: tuple[str, ...]
    ) -> None:
        rows = _rows(duck, query, parameters)
        self._groups = groupby(rows, key=lambda row: tuple(row[name] for name in columns))
        self._next: tuple[tuple[str, ...], tuple[Row, ...]] | None = self._advance()

    def _advance(self) -> tuple[tuple[str, ...], tuple[Row, ...]] | None:
        for key, rows in self._groups:
            return key, tuple(rows)
        return None

    def __call__(self, *values: str) -> tuple[Row, ...]:
        if self._next is None or self._next[0] != values:
            return ()
        rows = self._next[1]
        self._next = self._advance()
        return rows
