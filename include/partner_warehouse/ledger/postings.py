"""What was posted before a period, brought over from the ledger into DuckDB, which sums and compares faster.

Only earlier periods count, so that an approved period can be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from sqlalchemy import Connection, func, select

from partner_warehouse.ledger import bulk, schema
from partner_warehouse.ledger.content import LINE_COLUMNS
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.publication import published_columns

_CHUNK = 500


def read_posted(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """`posted`: what each commission line was posted with, to each partner in each currency."""
    lines = schema.payout_lines.c
    amounts = select(lines.commission_line_id, lines.partner_id, lines.currency, lines.amount)
    bulk.load(connection, amounts.where(lines.period < str(period)), duck, "posted_amounts")
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE posted AS
        SELECT commission_line_id, partner_id, currency, CAST(sum(amount) AS DECIMAL(18, 3)) AS amount
        FROM posted_amounts
        GROUP BY ALL
        """
    )
    duck.execute("DROP TABLE posted_amounts")


def read_balances(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """`balances`: per partner and currency what was posted less what was paid, and the minimum last in force."""
    paid = schema.payouts.c
    newest = (
        select(paid.partner_id, paid.currency, func.max(paid.period).label("period"))
        .where(paid.period < str(period))
        .group_by(paid.partner_id, paid.currency)
        .subquery()
    )
    balances = select(paid.partner_id, paid.currency, paid.closing_balance, paid.min_payout).join_from(
        schema.payouts,
        newest,
        (paid.partner_id == newest.c.partner_id)
        & (paid.currency == newest.c.currency)
        & (paid.period == newest.c.period),
    )
    bulk.load(connection, balances, duck, "balances")


def read_merged(duck: duckdb.DuckDBPyConnection) -> None:
    """`merged`: partners that are another one now, and the id of the lines by which their balance moves."""
    if published_columns(duck, "finance", "merged_partners"):
        found = "SELECT partner_id, merged_into FROM publication.finance.merged_partners"
    else:
        found = "SELECT NULL::VARCHAR AS partner_id, NULL::VARCHAR AS merged_into WHERE false"
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE merged AS
        SELECT *, 'MERGE-' || left(sha256(concat_ws(chr(31), partner_id, merged_into)), 32) AS line_id FROM ({found})
        """  # noqa: S608
    )


def read_reversed(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """`reversed`: the first posting of each line that is due no more, so that its reversal can name what it was."""
    gone = duck.execute("SELECT DISTINCT commission_line_id FROM changes WHERE NOT is_due ORDER BY ALL").fetchall()
    read_first_postings(duck, connection, period, [row[0] for row in gone], "reversed")


def read_first_postings(
    duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period, line_ids: Sequence[str], target: str
) -> None:
    """A table of the first posting before the period of each of these lines, to each partner in each currency.

    With `partner_now`: whom the CRM has merged that partner into, else the same.
    """
    names = [name for name in LINE_COLUMNS if name not in {"payout_id", "line_id"}]
    columns = [schema.payout_lines.c[name] for name in ("period", *names)]
    statement = select(*columns).where(schema.payout_lines.c.period < str(period))
    bulk.load(connection, statement.where(schema.payout_lines.c.line_id.is_(None)), duck, "postings")
    for start in range(0, len(line_ids), _CHUNK):
        wanted = line_ids[start : start + _CHUNK]
        chosen = statement.where(schema.payout_lines.c.commission_line_id.in_(wanted))
        bulk.load(connection, chosen, duck, "postings_chunk")
        duck.execute("INSERT INTO postings FROM postings_chunk")
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {target} AS
        SELECT postings.*, coalesce(merged.merged_into, postings.partner_id) AS partner_now
        FROM postings
        LEFT JOIN merged USING (partner_id)
        QUALIFY row_number() OVER (PARTITION BY commission_line_id, partner_id, currency ORDER BY period) = 1
        """  # noqa: S608
    )
