"""What a period would post: the published entitlement up to its end, less everything already posted.

All of it is set-based, in DuckDB: the publication is attached read-only, what was posted is brought over from the
ledger. Amounts stay DECIMAL throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
from sqlalchemy import Connection

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger import bulk, holds, postings
from partner_warehouse.ledger.content import LINE_COLUMNS, PAYOUT_COLUMNS, typed_list
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.plan_files import PlanFiles
from partner_warehouse.ledger.publication import basis, literal, published_columns
from partner_warehouse.plans.files import AS_TEXT
from partner_warehouse.settings import Settings

_NEEDED = (
    *("line_id", "partner_id", "plan_id", "amount", "currency", "earned_on", "payable_on"),
    *("is_held", "withheld_amount", "withheld_base_amount", "withheld_period"),
)


def compute(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period, settings: Settings) -> None:
    """Make the DuckDB tables `lines` and `payouts` of a period, from the attached publication and the ledger.

    Only what was posted for earlier periods counts as posted, so that an approved period can be computed again.

    Raises:
        BadInputError: `finance.commission_lines` is not published or lacks a column; the plan file cannot be read.
    """
    _read_entitlement(duck, period)
    postings.read_posted(duck, connection, period)
    postings.read_merged(duck)
    _find_changes(duck)
    postings.read_reversed(duck, connection, period)
    holds.keep_back(duck, connection, period)
    postings.read_balances(duck, connection, period)
    plan_files = PlanFiles(settings, basis(duck).plans_hash)
    read_minimums(duck, plan_files.directory(), [period])
    _make_lines(duck, period)
    _move_balances_of_merged(duck, period)
    _make_payouts(duck, period)


def _read_entitlement(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`live`: every published commission line; `due`: those that the period may post. Views, since few have changed."""
    present = published_columns(duck, "finance", "commission_lines")
    missing = [name for name in _NEEDED if name not in present]
    if missing:
        raise BadInputError(f"the publication's finance.commission_lines lacks {', '.join(missing)}: publish again")
    typed = ", ".join(
        f"CAST({name if name in present else 'NULL'} AS {bulk.duckdb_type(kind)}) AS {name}"
        for name, kind in LINE_COLUMNS.items()
        if name not in {"commission_line_id", "payout_id"}
    )
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW live AS SELECT {typed}, "  # noqa: S608
        "CAST(withheld_amount AS DECIMAL(18, 3)) AS withheld_amount, "
        "CAST(withheld_base_amount AS DECIMAL(18, 3)) AS withheld_base_amount, "
        f"withheld_period, is_held, amount IS NULL OR (is_held AND NOT {holds.TAKES_BACK}) AS untouched "
        "FROM publication.finance.commission_lines"
    )
    end = literal(period.last_day.isoformat())
    is_due = f"NOT untouched AND earned_on <= {end} AND payable_on <= {end}"
    duck.execute(f"CREATE OR REPLACE TEMP VIEW due AS SELECT * FROM live WHERE {is_due}")  # noqa: S608


def _find_changes(duck: duckdb.DuckDBPyConnection) -> None:
    """`changes`: what differs between what is due and what was posted.

    A partner's line that is held, or whose amount is not known, stays as it was posted. So does what moved between two
    partners, while they are one.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE changes AS
        SELECT
            coalesce(due.line_id, posted.commission_line_id) AS commission_line_id,
            coalesce(due.partner_id, posted.partner_id) AS partner_id,
            coalesce(due.currency, posted.currency) AS currency,
            CAST(coalesce(due.amount, 0) - coalesce(posted.amount, 0) AS DECIMAL(18, 3)) AS amount,
            CAST(0 AS DECIMAL(18, 3)) AS waiting,
            due.line_id IS NOT NULL AS is_due,
            posted.commission_line_id IS NULL AS is_new
        FROM due
        FULL JOIN posted
            ON due.line_id = posted.commission_line_id
            AND due.partner_id = posted.partner_id
            AND due.currency = posted.currency
        """
    )
    duck.execute(
        """
        DELETE FROM changes
        WHERE (NOT is_new AND amount = 0)
            OR (
                NOT is_due
                AND (commission_line_id, partner_id) IN (SELECT (line_id, partner_id) FROM live WHERE untouched)
            )
            OR commission_line_id IN (SELECT line_id FROM merged)
        """
    )


def _make_lines(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`lines`: a first posting keeps the entitlement's id; an adjustment has its own and names what it corrects.

    So does a first posting for a movement that was posted before, as the slice of a tier that it was moved to later.
    """
    frozen = [name for name in LINE_COLUMNS if name not in _DECIDED]
    described = ", ".join(
        f"CASE WHEN decided.is_due THEN {_POSTED_BASE if name == 'base_amount' else f'due.{name}'} "
        f"ELSE was.{name} END AS {name}"
        for name in frozen
    )
    listed = typed_list(LINE_COLUMNS)
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE lines AS
        WITH ever_posted AS (
            SELECT DISTINCT commission_line_id FROM posted
        ),
        decided AS (
            SELECT
                changes.*,
                -- A line that moved to another partner or currency was posted before: it has no first posting left.
                changes.is_new AND ever_posted.commission_line_id IS NULL AS is_first
            FROM changes
            LEFT JOIN ever_posted USING (commission_line_id)
        ),
        -- A movement that was posted before and is priced anew, or whose partner was merged, may have lines that it did
        -- not have: they correct it.
        first_lines AS (
            SELECT due.line_id, due.component, due.movement_kind, due.movement_id, due.partner_id, due.currency
            FROM decided
            INNER JOIN due
                ON decided.commission_line_id = due.line_id
                AND decided.partner_id = due.partner_id AND decided.currency = due.currency
            WHERE decided.is_first AND due.corrects_line_id IS NULL
        ),
        posted_movements AS (
            SELECT live.component, live.movement_kind, live.movement_id, posted.partner_id, posted.currency,
                posted.commission_line_id
            FROM live
            INNER JOIN posted ON live.line_id = posted.commission_line_id
            WHERE live.movement_id IN (SELECT movement_id FROM first_lines)
            UNION ALL
            SELECT component, movement_kind, movement_id, partner_now, currency, commission_line_id
            FROM reversed
        ),
        revised AS (
            SELECT first_lines.line_id, posted_movements.commission_line_id
            FROM first_lines
            INNER JOIN posted_movements USING (movement_kind, movement_id, partner_id, currency)
            QUALIFY row_number() OVER (
                PARTITION BY first_lines.line_id
                ORDER BY first_lines.component = posted_movements.component DESC, posted_movements.commission_line_id
            ) = 1
        ),
        described AS (
            SELECT
                decided.commission_line_id,
                decided.partner_id,
                decided.currency,
                decided.amount,
                CASE
                    WHEN decided.is_first THEN decided.commission_line_id
                    ELSE {_ADJUSTMENT_ID.format(of="decided")}
                END AS line_id,
                CASE
                    WHEN decided.is_first THEN coalesce(due.corrects_line_id, revised.commission_line_id)
                    ELSE decided.commission_line_id
                END AS corrects_line_id,
                {described}
            FROM decided
            LEFT JOIN due
                ON decided.commission_line_id = due.line_id
                AND decided.partner_id = due.partner_id AND decided.currency = due.currency
            LEFT JOIN revised ON decided.commission_line_id = revised.line_id AND decided.is_first
            LEFT JOIN reversed AS was
                ON decided.commission_line_id = was.commission_line_id
                AND decided.partner_id = was.partner_id AND decided.currency = was.currency
        )
        SELECT {listed} FROM (SELECT *, {_PAYOUT_ID} AS payout_id FROM described)
        """,  # noqa: S608
        {"period": str(period)},
    )


def _move_balances_of_merged(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """Two lines for each partner that is another one now: its balance goes, and comes to the one that it is.

    Its lines are the other's now, and were reversed and posted there. What was paid to it before must count there too,
    else it would be paid twice: as much is left of its balance.
    """
    duck.execute(
        f"""
        INSERT INTO lines BY NAME
        WITH left_over AS (
            SELECT merged.line_id, merged.partner_id, merged.merged_into, known.currency, sum(known.amount) AS amount
            FROM (
                SELECT partner_id, currency, closing_balance AS amount FROM balances
                UNION ALL
                SELECT partner_id, currency, amount FROM lines
            ) AS known
            INNER JOIN merged USING (partner_id)
            GROUP BY ALL
            HAVING sum(known.amount) <> 0
        ),
        moved AS (
            SELECT line_id AS commission_line_id, partner_id AS movement_id, partner_id, currency, -amount AS amount
            FROM left_over
            UNION ALL
            SELECT line_id, partner_id, merged_into, currency, amount
            FROM left_over
        )
        SELECT
            {_ADJUSTMENT_ID.format(of="moved")} AS line_id,
            commission_line_id,
            {_PAYOUT_ID} AS payout_id,
            commission_line_id AS corrects_line_id,
            partner_id,
            'none' AS plan_id,
            'balance' AS component,
            'merger' AS movement_kind,
            movement_id,
            currency,
            amount,
            CAST($last_day AS DATE) AS earned_on,
            CAST($last_day AS DATE) AS payable_on
        FROM moved
        """,  # noqa: S608
        {"period": str(period), "last_day": period.last_day.isoformat()},
    )


_DECIDED = {
    "line_id",
    "commission_line_id",
    "payout_id",
    "partner_id",
    "currency",
    "amount",
    "corrects_line_id",
}
"""Columns of a line that the comparison decides; the others describe the entitlement, or what is reversed."""

_POSTED_BASE = """CASE
    WHEN decided.is_first AND decided.waiting * due.withheld_amount > 0
        THEN due.base_amount - 0.001 * CAST(
            sign(due.withheld_base_amount)
            * (
                CAST(abs(due.withheld_base_amount) * 1000 AS HUGEINT)
                * CAST(least(abs(decided.waiting), abs(due.withheld_amount)) * 1000 AS HUGEINT)
                // CAST(abs(due.withheld_amount) * 1000 AS HUGEINT)
            ) AS DECIMAL(18, 0)
        )
    ELSE due.base_amount
END"""
"""The base of a line of which a part waits is that of the rest, so that the derivation multiplies out."""

_ADJUSTMENT_ID = (
    "'ADJ-' || left(sha256(concat_ws(chr(31), $period, {of}.commission_line_id, {of}.partner_id, {of}.currency)), 32)"
)
"""Of the line by which a period changes what another line, of whichever partner, was posted with."""

_PAYOUT_ID = "'PO-' || $period || '-' || partner_id || '-' || currency"


def read_minimums(duck: duckdb.DuckDBPyConnection, plans: Path, periods: Sequence[Period]) -> None:
    """`minimums`: per month (its first day), partner and currency, the largest minimum among the plans of the lines.

    A plan's version that is in force on the month's last day decides; after its last version that one, before its
    first version that one. Of a plan that changed its currency, each currency has the versions in it: a minimum is
    never held against another money.

    Args:
        duck: Where `live`, the entitlement, is.
        plans: The directory of the plan files that say it.
        periods: The months.

    Raises:
        BadInputError: The plan file cannot be read.
    """
    path = plans / "commission_plans.csv"
    if not path.exists():
        raise BadInputError(f"{path.name}: not in {path.parent}; the smallest payout of each plan is declared there")
    try:
        duck.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE minimums AS
            WITH plans AS (
                SELECT
                    trim(plan_id) AS plan_id,
                    upper(trim(currency)) AS currency,
                    CAST(effective_from AS DATE) AS effective_from,
                    CAST(nullif(trim(min_payout), '') AS DECIMAL(18, 3)) AS min_payout
                FROM {AS_TEXT}
            ),
            months AS (
                SELECT unnest(CAST(? AS DATE[])) AS month
            ),
            in_force AS (
                SELECT months.month, plans.plan_id, plans.currency, plans.min_payout
                FROM months
                CROSS JOIN plans
                QUALIFY row_number() OVER (
                    PARTITION BY months.month, plans.plan_id, plans.currency
                    ORDER BY
                        CASE WHEN plans.effective_from <= last_day(months.month) THEN plans.effective_from END
                            DESC NULLS LAST,
                        plans.effective_from
                ) = 1
            ),
            enrolled AS (
                SELECT DISTINCT partner_id, currency, plan_id FROM live
            )
            SELECT
                in_force.month,
                enrolled.partner_id,
                enrolled.currency,
                max(coalesce(in_force.min_payout, 0)) AS min_payout
            FROM enrolled
            INNER JOIN in_force USING (plan_id, currency)
            GROUP BY ALL
            """,  # noqa: S608
            [str(path), [period.first_day for period in periods]],
        )
    except duckdb.Error as error:
        raise BadInputError(f"{path.name}: plan_id, effective_from or min_payout cannot be read ({error})") from error


def _make_payouts(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`payouts`: every partner and currency that has a line in the period, or carries a balance into it."""
    listed = typed_list(PAYOUT_COLUMNS)
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE payouts AS
        WITH changed AS (
            SELECT
                partner_id,
                currency,
                coalesce(sum(amount) FILTER (corrects_line_id IS NULL), 0) AS earned,
                coalesce(sum(amount) FILTER (corrects_line_id IS NOT NULL), 0) AS adjustments,
                count(*) AS line_count
            FROM lines
            GROUP BY ALL
        ),
        owners AS (
            SELECT partner_id, currency FROM changed
            UNION
            SELECT partner_id, currency FROM balances WHERE closing_balance <> 0
        ),
        totals AS (
            SELECT
                owners.partner_id,
                owners.currency,
                coalesce(balances.closing_balance, 0) AS opening_balance,
                coalesce(changed.earned, 0) AS earned,
                coalesce(changed.adjustments, 0) AS adjustments,
                coalesce(changed.line_count, 0) AS line_count,
                coalesce(minimums.min_payout, balances.min_payout, 0) AS min_payout
            FROM owners
            LEFT JOIN changed USING (partner_id, currency)
            LEFT JOIN balances USING (partner_id, currency)
            LEFT JOIN minimums USING (partner_id, currency)
        ),
        weighed AS (
            SELECT
                *,
                opening_balance + earned + adjustments AS balance,
                CASE WHEN balance > 0 AND balance >= min_payout THEN balance ELSE 0 END AS payable
            FROM totals
        ),
        carried AS (
            SELECT *, balance - payable AS closing_balance, {_PAYOUT_ID} AS payout_id FROM weighed
        )
        SELECT {listed} FROM carried
        """,  # noqa: S608
        {"period": str(period)},
    )
