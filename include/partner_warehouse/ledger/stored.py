"""What the ledger keeps of a draft and of a posting, as it is there: their payouts, totals and content."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import Connection, Table, func, select

from partner_warehouse.ledger import bulk, content, schema
from partner_warehouse.ledger.content import Content, CurrencyTotal
from partner_warehouse.ledger.events import Event


def of_version(table: Table, last: Event) -> Any:
    """The condition that a row of a table is of the version of the draft that an event is about."""
    return (table.c.period == last.period) & (table.c.version == last.version)


def payouts(connection: Connection, last: Event) -> Sequence[Any]:
    """The payouts of the present version; what is posted is the same."""
    table = schema.draft_payouts
    statement = select(table).where(of_version(table, last)).order_by(table.c.partner_id, table.c.currency)
    return connection.execute(statement).mappings().all()


def totals(connection: Connection, last: Event) -> tuple[CurrencyTotal, ...]:
    """Their control totals, by currency."""
    table = schema.draft_payouts
    rows = connection.execute(
        select(
            table.c.currency,
            func.count().filter(table.c.payable > Decimal(0)),
            func.sum(table.c.payable, type_=table.c.payable.type),
        )
        .where(of_version(table, last))
        .group_by(table.c.currency)
        .order_by(table.c.currency)
    )
    return tuple(CurrencyTotal(row[0], row[1], row[2]) for row in rows)


def drafted_content(connection: Connection, duck: duckdb.DuckDBPyConnection, last: Event) -> Content:
    """The content of the draft as stored, which is brought into DuckDB tables of the ledger's names."""
    drafted = (schema.draft_lines, schema.draft_payouts)
    for table in drafted:
        bulk.load(connection, select(table).where(of_version(table, last)), duck, table.name)
    return content.of(duck, last.period, lines=drafted[0].name, payouts=drafted[1].name)


def posted_content(connection: Connection, duck: duckdb.DuckDBPyConnection, approval: Event) -> Content:
    """The content of what is posted for a period."""
    for table, name in ((schema.payout_lines, "lines"), (schema.payouts, "payouts")):
        bulk.load(connection, select(table).where(table.c.period == approval.period), duck, name)
    return content.of(duck, approval.period)
